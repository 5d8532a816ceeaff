/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * icmp/echo/ADDR: the client holds one end of a datagram pair. A message sent is the payload of an echo
 * request; each reply comes as {u64 nanoseconds of the round trip, little endian; payload}. Replies that are
 * not from that address, or not to one of the last requests, are not seen.
 */
#ifndef SERVICES_NET_ECHO_H
#define SERVICES_NET_ECHO_H

#include "lwip/raw.h"
#include "services/net/endpoint.h"
#include "services/net/net.h"

#define ECHO_OUTSTANDING 64

struct echo {
    struct net *net;
    struct raw_pcb *pcb;
    ip_addr_t peer;
    cloudabi_fd_t fd; /* our end */
    uint16_t id;
    uint16_t sequence;               /* of the next request */
    uint64_t sent[ECHO_OUTSTANDING]; /* by sequence: when, in nanoseconds; 0: answered */
    struct echo *next;
};

cloudabi_errno_t echo_start(struct net *net, const struct net_set *set, cloudabi_fd_t *fd);
/* The pair polls readable; `hangup`: the client has closed its end. May free the echo socket. */
void echo_event(struct echo *echo, bool hangup);

#endif
