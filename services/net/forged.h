/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames from the wire that say to come from this machine itself: from a loopback address or from one of its own.
 * Nobody else may send such; a server that trusts its own machine must not be told so by others.
 */
#ifndef SERVICES_NET_FORGED_H
#define SERVICES_NET_FORGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/netif.h"

bool forged(const struct netif *netif, const uint8_t *frame, size_t length);

#endif
