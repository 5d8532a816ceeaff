/* SPDX-License-Identifier: BSD-2-Clause */
/* Socket pairs: fd_create2(SOCKET_STREAM) and fd_create2(SOCKET_DGRAM). */
#ifndef KERNEL_FD_STREAM_H
#define KERNEL_FD_STREAM_H

#include "kernel/fd/file.h"

/* Two connected ends, each referenced once. JOB pays for what lies in the buffers. ENOMEM. */
cloudabi_errno_t stream_create(struct job *job, struct file **a, struct file **b);
cloudabi_errno_t dgram_create(struct job *job, struct file **a, struct file **b);

#endif
