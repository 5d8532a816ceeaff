/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much each connection may have in memory: what came for a client that does not read (TCP's receive window follows
 * from it) and what a client wrote for a peer that does not read (the limit of its ring).  Both are shared as share.h
 * says; the pages of rings that hold nothing go back.
 */
#ifndef SERVICES_NET_WINDOW_H
#define SERVICES_NET_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/err.h"

struct connection;
struct tcp_pcb;

/* At the connection's beginning and end. */
void window_start(struct connection *connection);
void window_end(struct connection *connection);

/* Bytes have come or gone: sets the receive window, and tells the peer if it is time to. True: the client's next read
 * should be heard of. */
bool window_update(struct connection *connection);

/* Before lwIP takes a segment with data: nothing beyond the share. ERR_MEM: it is not to be taken. */
err_t window_admit(struct connection *connection, uint32_t sequence);

/* Everything that the client wrote has arrived. */
void window_drained(struct connection *connection);

/* How many bytes may be with lwIP: what the peer, or under need the network, takes now, and one segment more. */
size_t window_of_peer(const struct tcp_pcb *pcb);

#endif
