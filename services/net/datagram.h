/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP: the client holds one end of a datagram pair. Connected to one peer, messages are bare payload;
 * bound to a local address, each begins with the 24 bytes of the peer's address. What does not fit into
 * the pair, or has no route, is dropped, as on the wire.
 */
#ifndef SERVICES_NET_DATAGRAM_H
#define SERVICES_NET_DATAGRAM_H

#include "lwip/udp.h"
#include "services/net/endpoint.h"
#include "services/net/net.h"

struct datagram {
    struct net *net;
    struct udp_pcb *pcb;
    cloudabi_fd_t fd; /* our end */
    bool connected;   /* to one peer */
    struct datagram *next;
};

cloudabi_errno_t datagram_connect(struct net *net, const struct net_set *set, cloudabi_fd_t *fd);
cloudabi_errno_t datagram_bind(struct net *net, const struct net_set *set, cloudabi_fd_t *fd);
/* The pair polls readable; `hangup`: the client has closed its end. May free the datagram socket. */
void datagram_event(struct datagram *datagram, bool hangup);
/* Ends those whose client has gone though its event has not come yet: their ports are free. */
void datagram_reap(struct net *net);

#endif
