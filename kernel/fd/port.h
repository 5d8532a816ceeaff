/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports: descriptors served by a process (pseudofd/proto/port.h is the protocol, docs/pseudofd.md the states). */
#ifndef KERNEL_FD_PORT_H
#define KERNEL_FD_PORT_H

#include "kernel/fd/table.h"

/* fd_create2(0xE0): the port itself and the root directory that it serves. ENOMEM. */
cloudabi_errno_t port_create(struct job *job, struct file **port, struct rights *port_rights,
                             struct file **root, struct rights *root_rights);
/* Called once at boot. */
void port_init(void);

#endif
