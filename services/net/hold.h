/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens that come before the machine has its first address. Whoever starts beside this service would otherwise be told
 * that there is no network; so what finds no way is kept until DHCP has answered, and refused only after a while.
 */
#ifndef SERVICES_NET_HOLD_H
#define SERVICES_NET_HOLD_H

#include "services/net/name.h"
#include "services/net/net.h"

/* Opens NAME for the call: what tree.c does with a name that it has found. */
typedef cloudabi_errno_t hold_function(struct net *net, struct call *call, const struct name *name);

/* The call found no way (ENETUNREACH): CALL_DEFERRED if it is kept, to be made again by OPEN, else that error. */
cloudabi_errno_t hold_call(struct net *net, const struct call *call, const struct name *name,
                           hold_function *open);
/* Makes the calls that were kept again once there is an address, or the time is up. */
void hold_run(struct net *net);
/* The caller has gone. */
void hold_flush(struct net *net, uint64_t ticket);

#endif
