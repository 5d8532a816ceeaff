/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking names up: `dns/NAME` is answered when the name servers have been asked for its A and AAAA records.
 *
 * Each lookup belongs to one open. It asks one server after the other from a fresh random port with fresh
 * random identifiers, takes answers from that server alone, waits longer each time, and turns to TCP for
 * what was cut short. lwIP's callbacks only take note; resolver_run acts, outside of lwIP.
 *
 * The open's errors: ENOENT (no such name, or no address), ETIMEDOUT (nobody answered), EIO (the servers
 * cannot tell), ENETUNREACH (there is no server).
 */
#ifndef SERVICES_NET_RESOLVER_H
#define SERVICES_NET_RESOLVER_H

#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "services/net/dns_message.h"
#include "services/net/endpoint.h"
#include "services/net/net.h"

enum ask_state { ASK_OPEN, ASK_STREAM, ASK_FAILED, ASK_SETTLED };

/* One question of a lookup. */
struct ask {
    struct lookup *lookup;
    struct dns_question question;
    enum ask_state state;
    enum dns_verdict verdict; /* when settled: found, no data or no name */
    struct dns_answer answer;
    unsigned aliases;
    struct tcp_pcb *stream; /* ASK_STREAM; lwIP's error callback clears it */
    uint8_t *message;       /* what has come over TCP, with its two bytes of length */
    size_t received;
};

#define LOOKUP_ASKS 2

struct lookup {
    struct net *net;
    struct lookup *next;
    uint64_t ticket;
    struct udp_pcb *pcb;
    struct endpoint server;
    struct ask asks[LOOKUP_ASKS]; /* A, AAAA */
    unsigned attempt;
    bool changed; /* resolver_run shall look at it */
    bool expired; /* the time for this attempt is over */
};

/* CALL_DEFERRED, or why not. `name` is canonical. */
cloudabi_errno_t resolver_start(struct net *net, struct call *call, const char *name,
                                size_t length);
/* Ends lookups that are settled, and asks again where there was no answer. */
void resolver_run(struct net *net);
/* The caller has gone. */
void resolver_flush(struct net *net, uint64_t ticket);

/* An answer's message came, from the right server. */
void resolver_take(struct ask *ask, const uint8_t *message, size_t length);

/* resolver_tcp.c: asks over a connection to the lookup's server, and gives that up. */
void resolver_tcp_start(struct ask *ask);
void resolver_tcp_stop(struct ask *ask);

#endif
