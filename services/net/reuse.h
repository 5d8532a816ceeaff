/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A peer may connect again from the port of a connection that is in TIME_WAIT here, if its new sequence number lies
 * beyond the old ones (RFC 1122, 4.2.2.13). lwIP answers that with RST; so the old connection is dropped before lwIP
 * sees the request.
 */
#ifndef SERVICES_NET_REUSE_H
#define SERVICES_NET_REUSE_H

#include <stddef.h>
#include <stdint.h>

/* To be called with each received frame. */
void reuse_check(const uint8_t *frame, size_t length);

#endif
