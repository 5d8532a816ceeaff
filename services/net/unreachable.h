/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections that cannot be made because there is no way to the other side: a router says so (ICMP), or nobody on the
 * link answers for the address of the next hop. Both count only until the connection is there (RFC 1122, 4.2.3.9);
 * what a router says must quote the segment that was sent.
 */
#ifndef SERVICES_NET_UNREACHABLE_H
#define SERVICES_NET_UNREACHABLE_H

#include "services/net/connection.h"

/* Begins to listen to routers. */
void unreachable_start(void);
/* Looks whether the next hop has been asked for in vain for long; if so, that is the connection's error. */
void unreachable_check(struct connection *connection);

#endif
