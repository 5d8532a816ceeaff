/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses between the structures of the socket calls, the 24 bytes of the network directory, and its names. An
 * address of IPv4 inside IPv6 (::ffff:a.b.c.d) exists in those structures only: below them it is what it means.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "libc/net/net.h"

void __net_to_wire(const struct sockaddr *address, struct net_address *wire)
{
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

    *wire = (struct net_address){.family = address->sa_family == AF_INET ? 4 : 6};
    memcpy(wire->port, &in4->sin_port, 2);
    if (address->sa_family == AF_INET) {
        memcpy(wire->address, &in4->sin_addr, 4);
    } else {
        uint32_t scope = htonl(in6->sin6_scope_id);
        memcpy(wire->scope, &scope, 4);
        memcpy(wire->address, &in6->sin6_addr, 16);
    }
}

void __net_from_wire(const struct net_address *wire, struct sockaddr_in6 *address)
{
    struct sockaddr_in *in4 = (struct sockaddr_in *)address;
    uint32_t scope;

    memset(address, 0, sizeof(*address));
    if (wire->family == 4) {
        in4->sin_family = AF_INET;
        memcpy(&in4->sin_port, wire->port, 2);
        memcpy(&in4->sin_addr, wire->address, 4);
        return;
    }
    address->sin6_family = AF_INET6;
    memcpy(&address->sin6_port, wire->port, 2);
    memcpy(&scope, wire->scope, 4);
    address->sin6_scope_id = ntohl(scope);
    memcpy(&address->sin6_addr, wire->address, 16);
}

/* ::ffff:a.b.c.d */
static void map(const struct sockaddr_in *in4, struct sockaddr_in6 *mapped)
{
    *mapped = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = in4->sin_port};
    memset(mapped->sin6_addr.s6_addr + 10, 0xff, 2);
    memcpy(mapped->sin6_addr.s6_addr + 12, &in4->sin_addr, 4);
}

static void unmap(struct sockaddr_in6 *address)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = address->sin6_port};

    memcpy(&in4.sin_addr, address->sin6_addr.s6_addr + 12, 4);
    memset(address, 0, sizeof(*address));
    memcpy(address, &in4, sizeof(in4));
}

static socklen_t size_of(const struct sockaddr_in6 *address)
{
    switch (address->sin6_family) {
    case AF_INET:
        return sizeof(struct sockaddr_in);
    case AF_INET6:
        return sizeof(struct sockaddr_in6);
    default:
        return sizeof(sa_family_t);
    }
}

void __net_give(int family, const struct sockaddr_in6 *from, struct sockaddr *to, socklen_t *len)
{
    struct sockaddr_in6 shown = *from;

    if (to == NULL || len == NULL)
        return;
    if (family == AF_INET6 && shown.sin6_family == AF_INET)
        map((const struct sockaddr_in *)from, &shown);
    socklen_t size = size_of(&shown);
    memcpy(to, &shown, size < *len ? size : *len);
    *len = size;
}

cloudabi_errno_t __net_take(const struct net_socket *socket, const struct sockaddr *address,
                            socklen_t len, struct sockaddr_in6 *taken)
{
    memset(taken, 0, sizeof(*taken));
    if (address == NULL || len < sizeof(struct sockaddr_in))
        return EINVAL;
    if (address->sa_family != socket->family)
        return EAFNOSUPPORT;
    if (address->sa_family == AF_INET) {
        memcpy(taken, address, sizeof(struct sockaddr_in));
        return 0;
    }
    if (len < sizeof(*taken))
        return EINVAL;
    memcpy(taken, address, sizeof(*taken));
    if (IN6_IS_ADDR_V4MAPPED(&taken->sin6_addr)) {
        if ((socket->options & NET_V6ONLY) != 0)
            return ENETUNREACH;
        unmap(taken);
    }
    return 0;
}

bool __net_same(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
    struct net_address left, right;

    __net_to_wire((const struct sockaddr *)a, &left);
    __net_to_wire((const struct sockaddr *)b, &right);
    return left.family == right.family && memcmp(left.port, right.port, 2) == 0 &&
           memcmp(left.address, right.address, sizeof(left.address)) == 0;
}

static bool link_local(const struct net_address *wire)
{
    return wire->family == 6 && wire->address[0] == 0xfe && (wire->address[1] & 0xc0) == 0x80;
}

void __net_name(const char *kind, const struct sockaddr *address, bool dual,
                char name[NET_NAME_MAX])
{
    struct net_address wire;
    static const unsigned char zeros[16];
    char text[INET6_ADDRSTRLEN];

    __net_to_wire(address, &wire);
    if (memcmp(wire.address, zeros, sizeof(zeros)) != 0)
        inet_ntop(address->sa_family, wire.address, text, sizeof(text));
    else
        strcpy(text, dual ? "*" : wire.family == 4 ? "0.0.0.0~0" : "::~0");
    snprintf(name, NET_NAME_MAX, "%s/%s%s!%u", kind, text, link_local(&wire) ? "%eth0" : "",
             (unsigned)wire.port[0] << 8 | wire.port[1]);
}
