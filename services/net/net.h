/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network service: one thread, one loop over the port, the card's interrupt and the clock. Nothing in
 * it blocks but the wait of that loop.
 *
 *   main.c        grants, start-up, the loop
 *   card.c        driver <-> lwIP, receive.c: frames in, merge.c: several as one (pure)
 *   settings.c    what the manifest says (pure), config.c: addresses and servers
 *   name.c        the directory's names (pure), netset.c, netset_text.c: endpoint sets (pure)
 *   tree.c        opening: requests <-> objects, tree_info.c: attributes and contents
 *   connection.c  life of a TCP connection, stream.c: its bytes, window.c: how many of them, share.c: of what is there
 *                 for all (pure)
 *   hold.c        opens before there is an address
 *   listener.c    listening, handing connections over
 *   ports.c       local ports of connections, reuse.c: connections again from the same port
 *   unreachable.c connections that find no way, forged.c: frames that lie about where they come from
 *   datagram.c    UDP, echo.c: ICMP echo
 *   resolver.c    names of hosts: lookups, resolver_tcp.c, answer.c; dns_message.c: messages (pure)
 *   timekeeper.c  the clock, by SNTP; ntp_message.c: messages (pure)
 */
#ifndef SERVICES_NET_NET_H
#define SERVICES_NET_NET_H

#include "pseudofd/server/server.h"
#include "services/net/card.h"
#include "services/net/config.h"
#include "services/net/table.h"
#include "services/net/timekeeper.h"

/* Listeners, datagram and echo sockets together. */
#define NET_SOCKETS_MAX 120

struct connection;
struct listener;
struct datagram;
struct echo;
struct lookup;
struct held;

struct net {
    struct server server;
    struct card card;
    struct table nodes;      /* set directories and connections, node.h */
    struct connection *work; /* connections with something to do */
    struct listener *listeners;
    struct datagram *datagrams;
    struct echo *echoes;
    struct lookup *lookups;
    struct held *held; /* opens that wait for the first address (hold.h) */
    struct config config;
    struct timekeeper timekeeper;
    int closing[PORT_SLOTS]; /* descriptors given in replies, to close once these are delivered */
    unsigned closing_count;
    int log;
};

/* One line into the system's log. */
void net_log(struct net *net, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Answers an open with `fd` and closes it after delivery. */
void net_give(struct net *net, struct call *call, int fd);
/* Delivers replies and commands. */
void net_deliver(struct net *net);

/* lwIP's errors as errno values (endpoint.c). */
cloudabi_errno_t net_error(err_t error);

#endif
