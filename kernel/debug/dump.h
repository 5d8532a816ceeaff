/* SPDX-License-Identifier: BSD-2-Clause */
/* What all threads are doing, for a machine that hangs: printed to COM1 on an NMI (QEMU's monitor: `nmi`). */
#ifndef KERNEL_DEBUG_DUMP_H
#define KERNEL_DEBUG_DUMP_H

#include <stdint.h>

/* Where a CPU was when it was asked. PC in user mode: FRAME_POINTER is 0. */
void dump_cpu(unsigned number, uint64_t pc, uint64_t frame_pointer);
void dump_threads(void);

#endif
