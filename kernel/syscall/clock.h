/* SPDX-License-Identifier: BSD-2-Clause */
/* The four clocks of the ABI. */
#ifndef KERNEL_SYSCALL_CLOCK_H
#define KERNEL_SYSCALL_CLOCK_H

#include "abi/cloudabi_types.h"

/* Of the calling thread and process. EINVAL: no such clock. */
cloudabi_errno_t clock_read(cloudabi_clockid_t clock, uint64_t *ns);

#endif
