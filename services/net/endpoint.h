/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses in lwIP's form, in messages, and as text. */
#ifndef SERVICES_NET_ENDPOINT_H
#define SERVICES_NET_ENDPOINT_H

#include "abi/cloudabi_types.h"
#include "lwip/ip_addr.h"
#include "services/net/netset.h"

#define ENDPOINT_TEXT_MAX NET_SET_TEXT_MAX

struct endpoint {
    ip_addr_t address;
    uint16_t port;
};

/* An address as messages carry it: 24 bytes. */
struct endpoint_wire {
    uint8_t family; /* 4 or 6 */
    uint8_t zero;
    uint8_t port[2];  /* big endian */
    uint8_t scope[4]; /* big endian; interface of a link-local address */
    uint8_t address[16];
};

/* The address of a set that has one host. False: its interface does not exist. */
bool endpoint_from_set(const struct net_set *set, struct endpoint *endpoint);
/* The set of this one endpoint (port 0: all ports). */
void endpoint_to_set(const struct endpoint *endpoint, struct net_set *set);
void endpoint_to_wire(const struct endpoint *endpoint, struct endpoint_wire *wire);
bool endpoint_from_wire(const struct endpoint_wire *wire, struct endpoint *endpoint);
/* ENETUNREACH while there is no interface with an address that leads there; else 0. */
cloudabi_errno_t endpoint_route(const ip_addr_t *address);
/* "10.0.2.2!80"; returns the length. */
size_t endpoint_format(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_MAX]);

#endif
