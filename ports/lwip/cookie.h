/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYN cookies: a listener that is flooded with connections that never come answers them without keeping anything.
 *
 * lwIP makes a connection of each SYN, and drops all SYNs when the listener's backlog is full of them.  From half of the
 * backlog on a SYN is answered here, and all that there is to know about it is put into the sequence number of the answer
 * (its time, the peer's segment size, a keyed hash of both ends).  When such an answer is acknowledged, lwIP is
 * shown the SYN after all, its own answer to that is not sent, and then the acknowledgement.
 *
 * What a cookie can not carry is the scale of windows: these connections have a window of 64 KiB at most.
 */
#ifndef LWIP_PORT_COOKIE_H
#define LWIP_PORT_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/err.h"

struct options;
struct pbuf;
struct tcp_hdr;
struct tcp_pcb_listen;

/* A segment for a listener, its header in the host's byte order and PBUF's payload behind it.  ERR_OK: lwIP goes on with it. */
err_t cookie_segment(const struct tcp_pcb_listen *listener, struct tcp_hdr *header,
                     const struct options *options, struct pbuf *pbuf);

/* Whether lwIP is being shown a SYN again, and then the sequence number that it was answered with. */
bool cookie_replayed(uint32_t *sequence);

#endif
