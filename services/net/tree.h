/* SPDX-License-Identifier: BSD-2-Clause */
/* The network directory: what the port's requests do. */
#ifndef SERVICES_NET_TREE_H
#define SERVICES_NET_TREE_H

#include "services/net/net.h"

extern const struct server_ops tree_ops;

#endif
