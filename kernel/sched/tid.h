/* SPDX-License-Identifier: BSD-2-Clause */
/* Thread ids (docs/executables.md section 6): nonzero, bits 30 and 31 clear, unique, random, not 1. */
#ifndef KERNEL_SCHED_TID_H
#define KERNEL_SCHED_TID_H

#include "abi/cloudabi_types.h"

void tid_init(void);
cloudabi_tid_t tid_next(void);

#endif
