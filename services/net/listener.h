/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A listening socket: the client holds one end of a datagram pair, and each connection is a message on
 * it: the addresses of peer and local side, and two descriptors, the stream and the connection's directory.
 * What cannot be sent yet waits here, and counts against lwIP's backlog. The client's closing its end stops
 * the listening and resets what waits.
 */
#ifndef SERVICES_NET_LISTENER_H
#define SERVICES_NET_LISTENER_H

#include "lwip/tcp.h"
#include "services/net/connection.h"
#include "services/net/net.h"

struct listener {
    struct net *net;
    struct tcp_pcb *pcb;
    cloudabi_fd_t fd; /* our end of the pair */
    unsigned number;
    cloudabi_rights_t rights; /* of its streams */
    bool blocked;             /* the pair is full: wait until it takes more */
    struct connection *first_accepted, *last_accepted;
    struct listener *next;
};

/* Listens on the set's address; `fd` is the client's end. RIGHTS: what its directory passes on: the streams have no
 * others to read and write. */
cloudabi_errno_t listener_start(struct net *net, const struct net_set *set,
                                cloudabi_rights_t rights, cloudabi_fd_t *fd);
/* The client of the listener with this number has closed it. */
bool listener_is_gone(const struct net *net, unsigned number);
/* Hands over what was accepted. */
void listener_run(struct net *net);
/* The pair polls readable; `hangup`: the client has closed its end. May free the listener. */
void listener_event(struct listener *listener, bool hangup);
/* Stops those whose client has gone though its event has not come yet: their ports are free. */
void listener_reap(struct net *net);

#endif
