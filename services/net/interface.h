/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of if/eth0: text, one fact a line. */
#ifndef SERVICES_NET_INTERFACE_H
#define SERVICES_NET_INTERFACE_H

#include "services/net/name.h"
#include "services/net/net.h"

#define INTERFACE_TEXT_MAX 1024

/* Writes the content of a file; returns its length. */
size_t interface_text(const struct net *net, enum name_kind file, char text[INTERFACE_TEXT_MAX]);
/* A line for `ctl`: "renew" asks the DHCP server anew. EINVAL: another line. */
cloudabi_errno_t interface_control(struct net *net, const char *text, size_t length);

#endif
