/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Setting the realtime clock by a time server (SNTP). It needs the grant `clock` and a server, from the
 * manifest or from DHCP; without either nothing is asked. The clock is set as soon as a server has answered, and
 * again every 17 minutes. Whoever answers is believed: the request's random number only proves that he saw it.
 */
#ifndef SERVICES_NET_TIMEKEEPER_H
#define SERVICES_NET_TIMEKEEPER_H

#include "lwip/udp.h"
#include "services/net/endpoint.h"

struct net;

struct timekeeper {
    struct net *net;
    int clock; /* the kernel's file; -1: none */
    struct udp_pcb *pcb;
    struct endpoint server;
    uint64_t nonce;
    uint64_t asked; /* monotonic nanoseconds */
    unsigned attempt;
    unsigned looks; /* in vain, for somebody to ask */
    bool told;
};

void timekeeper_start(struct net *net, int clock);

#endif
