/* SPDX-License-Identifier: BSD-2-Clause */
/* Pieces of a panic, for the machine's trap code. panic() itself is in kernel/lib/assert.h. */
#ifndef KERNEL_DEBUG_PANIC_H
#define KERNEL_DEBUG_PANIC_H

#include <stdbool.h>
#include <stdint.h>

void panic_begin(void);
bool panic_going_on(void);
__attribute__((format(printf, 1, 2))) void panic_print(const char *format, ...);
/* PC 0: only the callers. */
void panic_backtrace(uint64_t pc, uint64_t frame_pointer);

#endif
