/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local ports of connections that this machine makes (settings.h: `ports`).  A port is taken as far as one
 * destination is concerned: two connections to different ones may have the same.  One whose last connection is in
 * TIME_WAIT is taken too, but when there is no other the oldest of those is used again: the sequence numbers of
 * connections grow with time (RFC 6528), so what is left of the old one is not taken for the new one's.
 */
#ifndef SERVICES_NET_PORTS_H
#define SERVICES_NET_PORTS_H

#include <stdint.h>

#include "lwip/tcp.h"
#include "services/net/endpoint.h"

/* A port of LOW to HIGH for a connection to PEER, from a random one on. 0: all are taken. */
uint16_t ports_choose(const struct endpoint *peer, uint16_t low, uint16_t high);

/* Closed connections that keep their ports for a minute: all beyond this number go before their time. */
#define PORTS_WAITING_MAX 2048
void ports_trim(void);

#endif
