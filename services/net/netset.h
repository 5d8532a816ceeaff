/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of network endpoints, and their names.
 *
 *   SET   = HOSTS ["!" PORTS]
 *   HOSTS = "*" | ADDR | ADDR "~" BITS
 *   PORTS = "*" | N | N "-" M          (0: any free one, for local addresses)
 *
 * Each set of hosts and ports has exactly one name: dotted quads without leading zeros, RFC 5952 for
 * IPv6, network bits only before "~", "%IF" for link-local addresses, no "~32", no "1-65535". All ports
 * may be written "!*" or left out; left out is canonical. IPv4-mapped IPv6 addresses have no name, for
 * they would be a second door to an IPv4 host.
 *
 * Pure: no I/O, no allocation.
 */
#ifndef SERVICES_NET_NETSET_H
#define SERVICES_NET_NETSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_ZONE_MAX  8
#define NET_PORT_LAST 65535
/* "ffff:...:ffff%zone" + "~127" + "!65534-65535" + NUL */
#define NET_SET_TEXT_MAX (39 + NET_ZONE_MAX + 4 + 12 + 1)

struct net_set {
    uint8_t family;          /* 4, 6, or 0: every host of both families */
    uint8_t bits;            /* length of the prefix; 32 or 128: one host */
    uint8_t address[16];     /* the prefix; the bits beyond it are zero */
    char zone[NET_ZONE_MAX]; /* interface of a link-local address, NUL-terminated; "": any */
    uint16_t port_low;       /* 1 .. 65535 */
    uint16_t port_high;
    bool port_free; /* stands for one free port of the range, to be chosen */
};

/* The set of everything. */
extern const struct net_set net_set_all;

/* Reads a canonical name. False: it is none. */
bool net_set_parse(const char *text, size_t length, struct net_set *set);

/* Writes the name, at most NET_SET_TEXT_MAX bytes with the NUL; returns its length. */
size_t net_set_format(const struct net_set *set, char *text);

/* Reads one port number without leading zeros, 0 .. 65535. */
bool net_port_parse(const char *text, size_t length, uint16_t *port);

/* False: nothing is in both. */
bool net_set_intersect(const struct net_set *a, const struct net_set *b, struct net_set *both);

bool net_set_subset(const struct net_set *inner, const struct net_set *outer);

/* All ports, none chosen. */
bool net_set_every_port(const struct net_set *set);
/* Exactly one host. */
bool net_set_one_host(const struct net_set *set);
/* One port, be it one still to be chosen. */
bool net_set_one_port(const struct net_set *set);
/* Hosts that a local socket can be bound to: one, or all of a family, or all. */
bool net_set_bindable(const struct net_set *set);

#endif
