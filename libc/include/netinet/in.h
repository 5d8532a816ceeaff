/* SPDX-License-Identifier: BSD-2-Clause */
/* Internet addresses. */
#ifndef _NETINET_IN_H
#define _NETINET_IN_H

#include <machine/endian.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef _IN_ADDR_T_DECLARED
typedef uint32_t in_addr_t;
#define _IN_ADDR_T_DECLARED
#endif
#ifndef _IN_PORT_T_DECLARED
typedef uint16_t in_port_t;
#define _IN_PORT_T_DECLARED
#endif

struct in_addr {
    in_addr_t s_addr;
};

struct in6_addr {
    uint8_t s6_addr[16];
};

struct sockaddr_in {
    sa_family_t sin_family;
    in_port_t sin_port;
    struct in_addr sin_addr;
    uint8_t sin_zero[8];
};

struct sockaddr_in6 {
    sa_family_t sin6_family;
    in_port_t sin6_port;
    uint32_t sin6_flowinfo;
    struct in6_addr sin6_addr;
    uint32_t sin6_scope_id;
};

struct ipv6_mreq {
    struct in6_addr ipv6mr_multiaddr;
    unsigned int ipv6mr_interface;
};

struct ip_mreq {
    struct in_addr imr_multiaddr;
    struct in_addr imr_interface;
};

#define IPPROTO_IP     0
#define IPPROTO_ICMP   1
#define IPPROTO_TCP    6
#define IPPROTO_UDP    17
#define IPPROTO_IPV6   41
#define IPPROTO_ICMPV6 58
#define IPPROTO_SCTP   132
#define IPPROTO_RAW    255

#define IPPORT_RESERVED     1024
#define IPPORT_USERRESERVED 49151

/* Those of multicast are refused (ENOPROTOOPT): there is none. */
#define IP_TOS              1
#define IP_TTL              2
#define IP_OPTIONS          3
#define IP_MULTICAST_IF     4
#define IP_MULTICAST_TTL    5
#define IP_MULTICAST_LOOP   6
#define IP_ADD_MEMBERSHIP   7
#define IP_DROP_MEMBERSHIP  8
#define IPV6_V6ONLY         1
#define IPV6_UNICAST_HOPS   2
#define IPV6_TCLASS         3
#define IPV6_MULTICAST_IF   4
#define IPV6_MULTICAST_HOPS 5
#define IPV6_MULTICAST_LOOP 6
#define IPV6_JOIN_GROUP     7
#define IPV6_LEAVE_GROUP    8

#define INADDR_ANY       ((in_addr_t)0)
#define INADDR_BROADCAST ((in_addr_t)0xffffffff)
#define INADDR_LOOPBACK  ((in_addr_t)0x7f000001)
#define INADDR_NONE      ((in_addr_t)0xffffffff)
#define IN_CLASSD(a)     (((in_addr_t)(a)&0xf0000000) == 0xe0000000)
#define IN_MULTICAST(a)  IN_CLASSD(a)
#define INET_ADDRSTRLEN  16
#define INET6_ADDRSTRLEN 46

#define IN6ADDR_ANY_INIT \
    {                    \
        {                \
            0            \
        }                \
    }
#define IN6ADDR_LOOPBACK_INIT                              \
    {                                                      \
        {                                                  \
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 \
        }                                                  \
    }
extern const struct in6_addr in6addr_any;
extern const struct in6_addr in6addr_loopback;

#define IN6_IS_ADDR_UNSPECIFIED(a) (__builtin_memcmp((a), &in6addr_any, 16) == 0)
#define IN6_IS_ADDR_LOOPBACK(a)    (__builtin_memcmp((a), &in6addr_loopback, 16) == 0)
#define IN6_IS_ADDR_MULTICAST(a)   ((a)->s6_addr[0] == 0xff)
#define IN6_IS_ADDR_LINKLOCAL(a)   ((a)->s6_addr[0] == 0xfe && ((a)->s6_addr[1] & 0xc0) == 0x80)
#define IN6_IS_ADDR_V4MAPPED(a)    (__builtin_memcmp((a), "\0\0\0\0\0\0\0\0\0\0\377\377", 12) == 0)

#ifndef htons
#define htons(x) __builtin_bswap16(x)
#define ntohs(x) __builtin_bswap16(x)
#define htonl(x) __builtin_bswap32(x)
#define ntohl(x) __builtin_bswap32(x)
#endif

#ifdef __cplusplus
}
#endif

#endif
