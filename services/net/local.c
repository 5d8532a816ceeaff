/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/local.h"

#include "abi/cloudabi_syscalls.h"
#include "arch/cc.h"
#include "services/net/endpoint.h"
#include "services/net/net.h"

typedef err_t bind_function(void *pcb, const ip_addr_t *address, u16_t port);

static err_t bind_tcp(void *pcb, const ip_addr_t *address, u16_t port)
{
    return tcp_bind(pcb, address, port);
}

static err_t bind_udp(void *pcb, const ip_addr_t *address, u16_t port)
{
    return udp_bind(pcb, address, port);
}

u8_t local_type(const struct net_set *set)
{
    if (set->family == 0)
        return IPADDR_TYPE_ANY;
    return set->family == 4 ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6;
}

static bool local_address(const struct net_set *set, ip_addr_t *address)
{
    struct endpoint endpoint;
    if (set->bits == 0) {
        *address = set->family == 0   ? *IP_ANY_TYPE
                   : set->family == 4 ? *IP4_ADDR_ANY
                                      : *IP6_ADDR_ANY;
        return true;
    }
    if (!endpoint_from_set(set, &endpoint) || ip_addr_isany(&endpoint.address))
        return false;
    *address = endpoint.address;
    struct netif *netif;
    NETIF_FOREACH(netif)
    {
        if (IP_IS_V4(address) ? ip4_addr_cmp(netif_ip4_addr(netif), ip_2_ip4(address))
                              : netif_get_ip6_addr_match(netif, ip_2_ip6(address)) >= 0)
            return true;
    }
    return false;
}

bool local_overlap(const struct net_set *set, const ip_addr_t *other)
{
    ip_addr_t address;
    if (!local_address(set, &address))
        return false;
    bool either = IP_IS_ANY_TYPE_VAL(address) || IP_IS_ANY_TYPE_VAL(*other);
    if (!either && IP_IS_V6(&address) != IP_IS_V6(other))
        return false;
    return either || ip_addr_isany(&address) || ip_addr_isany(other) ||
           ip_addr_cmp(&address, other);
}

/* Tries all ports of the range, from a random one on. */
static err_t bind_any(bind_function *bind, void *pcb, const ip_addr_t *address,
                      const struct net_set *set)
{
    unsigned count = (unsigned)set->port_high - set->port_low + 1;
    unsigned first = lwip_port_random() % count;
    err_t error = ERR_USE;
    for (unsigned i = 0; i < count && error == ERR_USE; i++)
        error = bind(pcb, address, (u16_t)(set->port_low + (first + i) % count));
    return error;
}

static cloudabi_errno_t local_bind(bind_function *bind, void *pcb, const struct net_set *set)
{
    ip_addr_t address;
    if (!local_address(set, &address))
        return CLOUDABI_EADDRNOTAVAIL;
    if (!set->port_free)
        return net_error(bind(pcb, &address, set->port_low));
    if (set->port_low == 1 && set->port_high == 65535)
        return net_error(bind(pcb, &address, 0)); /* lwIP takes one of the dynamic range */
    return net_error(bind_any(bind, pcb, &address, set));
}

cloudabi_errno_t local_bind_tcp(struct tcp_pcb *pcb, const struct net_set *set)
{
    return local_bind(bind_tcp, pcb, set);
}

cloudabi_errno_t local_bind_udp(struct udp_pcb *pcb, const struct net_set *set)
{
    return local_bind(bind_udp, pcb, set);
}

cloudabi_errno_t local_nonblocking(cloudabi_fd_t fd)
{
    cloudabi_fdstat_t flags = {.fs_flags = CLOUDABI_FDFLAG_NONBLOCK};
    return cloudabi_sys_fd_stat_put(fd, &flags, CLOUDABI_FDSTAT_FLAGS);
}

cloudabi_errno_t local_pair(cloudabi_fd_t *ours, cloudabi_fd_t *client)
{
    cloudabi_fd_t first, second;
    cloudabi_errno_t error =
        cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_DGRAM, &first, &second);
    if (error != 0)
        return error;
    error = local_nonblocking(first);
    if (error != 0) {
        cloudabi_sys_fd_close(first);
        cloudabi_sys_fd_close(second);
        return error;
    }
    *ours = first;
    *client = second;
    return 0;
}

cloudabi_errno_t local_state(cloudabi_fd_t ours, cloudabi_eventtype_t type)
{
    cloudabi_subscription_t in[2] = {
        {.type = type,
         .fd_readwrite = {.fd = ours, .flags = CLOUDABI_SUBSCRIPTION_FD_READWRITE_POLL}},
        {.type = CLOUDABI_EVENTTYPE_CLOCK, .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC}},
    };
    cloudabi_event_t out[2];
    size_t count = 0;
    cloudabi_errno_t error = cloudabi_sys_poll(in, out, 2, &count);
    if (error != 0)
        return error;
    for (size_t i = 0; i < count; i++) {
        if (out[i].type != type)
            continue;
        if (out[i].error != 0)
            return out[i].error;
        bool gone = (out[i].fd_readwrite.flags & CLOUDABI_EVENT_FD_READWRITE_HANGUP) != 0;
        return gone ? CLOUDABI_EPIPE : 0;
    }
    return CLOUDABI_EAGAIN;
}

void local_drain(cloudabi_fd_t ours)
{
    char scrap[64];
    cloudabi_iovec_t data = {.buf = scrap, .buf_len = sizeof(scrap)};
    cloudabi_recv_in_t in = {.ri_data = &data, .ri_data_len = 1};
    cloudabi_recv_out_t out;
    for (int i = 0; i < 64 && cloudabi_sys_sock_recv(ours, &in, &out) == 0; i++)
        continue;
}
