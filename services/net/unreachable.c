/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/unreachable.h"

#include <string.h>

#include "lwip/etharp.h"
#include "lwip/icmp.h"
#include "lwip/ip.h"
#include "lwip/nd6.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/ip6.h"
#include "lwip/raw.h"
#include "lwip/sys.h"

/* How long a neighbour may take to answer: three questions, a second apart. */
#define PATIENCE    3000
#define ICMP_HEADER 8
#define TCP_QUOTED  8 /* ports and sequence number */

static unsigned get(const uint8_t *at, unsigned bytes)
{
    unsigned value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* A connection being made that has sent this segment. */
static struct connection *find(const ip_addr_t *peer, const uint8_t *tcp)
{
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->state == SYN_SENT && pcb->local_port == get(tcp, 2) &&
            pcb->remote_port == get(tcp + 2, 2) && ip_addr_cmp_zoneless(&pcb->remote_ip, peer) &&
            TCP_SEQ_BETWEEN(get(tcp + 4, 4), pcb->lastack, pcb->snd_nxt))
            return pcb->callback_arg;
    }
    return NULL;
}

static void fail(struct connection *connection, cloudabi_errno_t error)
{
    if (connection == NULL || connection->connected || connection->error != 0)
        return;
    connection->error = error;
    connection->reset = true;
    connection_queue(connection);
}

/* 0: it says nothing about whether a connection can be made. */
static cloudabi_errno_t meaning4(unsigned code)
{
    switch (code) {
    case ICMP_DUR_NET:
        return CLOUDABI_ENETUNREACH;
    case ICMP_DUR_PROTO:
    case ICMP_DUR_PORT:
        return CLOUDABI_ECONNREFUSED;
    case ICMP_DUR_FRAG:
        return 0;
    default:
        return CLOUDABI_EHOSTUNREACH;
    }
}

static cloudabi_errno_t meaning6(unsigned code)
{
    switch (code) {
    case ICMP6_DUR_NO_ROUTE:
        return CLOUDABI_ENETUNREACH;
    case ICMP6_DUR_PORT:
        return CLOUDABI_ECONNREFUSED;
    default:
        return CLOUDABI_EHOSTUNREACH;
    }
}

/* Never takes the message: echo sockets and lwIP want to see it, too. */
static u8_t on_message4(void *unused, struct raw_pcb *pcb, struct pbuf *pbuf,
                        const ip_addr_t *address)
{
    uint8_t bytes[IP_HLEN_MAX + ICMP_HEADER + IP_HLEN_MAX + TCP_QUOTED];
    ip_addr_t peer;
    ip4_addr_t peer4;
    (void)unused, (void)pcb, (void)address;
    size_t length = pbuf_copy_partial(pbuf, bytes, sizeof(bytes), 0);
    size_t at = length > 0 ? 4 * (bytes[0] & 15u) : 0;
    size_t inner = at + ICMP_HEADER;
    if (length < inner + IP_HLEN || bytes[at] != ICMP_DUR || bytes[inner] >> 4 != 4 ||
        bytes[inner + 9] != IP_PROTO_TCP)
        return 0;
    size_t tcp = inner + 4 * (bytes[inner] & 15u);
    if (length < tcp + TCP_QUOTED || meaning4(bytes[at + 1]) == 0)
        return 0;
    memcpy(&peer4.addr, bytes + inner + 16, 4);
    ip_addr_copy_from_ip4(peer, peer4);
    fail(find(&peer, bytes + tcp), meaning4(bytes[at + 1]));
    return 0;
}

static u8_t on_message6(void *unused, struct raw_pcb *pcb, struct pbuf *pbuf,
                        const ip_addr_t *address)
{
    uint8_t bytes[IP6_HLEN + ICMP_HEADER + IP6_HLEN + TCP_QUOTED];
    const uint8_t *icmp = bytes + IP6_HLEN, *inner = icmp + ICMP_HEADER;
    ip_addr_t peer;
    ip6_addr_t peer6;
    (void)unused, (void)pcb, (void)address;
    if (pbuf_copy_partial(pbuf, bytes, sizeof(bytes), 0) != sizeof(bytes) ||
        icmp[0] != ICMP6_TYPE_DUR || inner[0] >> 4 != 6 || inner[6] != IP6_NEXTH_TCP)
        return 0;
    memcpy(peer6.addr, inner + 24, 16);
    ip6_addr_clear_zone(&peer6);
    ip_addr_copy_from_ip6(peer, peer6);
    fail(find(&peer, inner + IP6_HLEN), meaning6(icmp[1]));
    return 0;
}

void unreachable_start(void)
{
    struct raw_pcb *four = raw_new_ip_type(IPADDR_TYPE_V4, IP_PROTO_ICMP);
    struct raw_pcb *six = raw_new_ip_type(IPADDR_TYPE_V6, IP6_NEXTH_ICMP6);
    if (four != NULL)
        raw_recv(four, on_message4, NULL);
    if (six != NULL)
        raw_recv(six, on_message6, NULL);
}

static bool neighbour_known4(struct netif *netif, const ip4_addr_t *peer)
{
    struct eth_addr *mac;
    const ip4_addr_t *found;
    bool near = ip4_addr_netcmp(peer, netif_ip4_addr(netif), netif_ip4_netmask(netif));
    return etharp_find_addr(netif, near ? peer : netif_ip4_gw(netif), &mac, &found) >= 0;
}

static bool neighbour_known6(const ip6_addr_t *peer)
{
    const ip6_addr_t *hop = peer;
    for (int i = 0; i < LWIP_ND6_NUM_DESTINATIONS; i++) {
        if (ip6_addr_cmp(&destination_cache[i].destination_addr, peer))
            hop = &destination_cache[i].next_hop_addr;
    }
    for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++) {
        if (ip6_addr_cmp(&neighbor_cache[i].next_hop_address, hop))
            return neighbor_cache[i].state > ND6_INCOMPLETE;
    }
    return false;
}

void unreachable_check(struct connection *connection)
{
    struct tcp_pcb *pcb = connection->pcb;
    if (pcb == NULL || connection->connected || pcb->state != SYN_SENT ||
        sys_now() - connection->started < PATIENCE)
        return;
    struct netif *netif = ip_route(&pcb->local_ip, &pcb->remote_ip);
    if (netif == NULL || (netif->flags & NETIF_FLAG_ETHERNET) == 0)
        return;
    bool known = IP_IS_V6(&pcb->remote_ip) ? neighbour_known6(ip_2_ip6(&pcb->remote_ip))
                                           : neighbour_known4(netif, ip_2_ip4(&pcb->remote_ip));
    bool own = ip_addr_cmp(&pcb->remote_ip, &pcb->local_ip);
    if (!known && !own)
        fail(connection, CLOUDABI_EHOSTUNREACH);
}
