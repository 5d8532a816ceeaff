/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's log: a ring in memory, and COM1.  A line is "[seconds.micros] text".
 * May be called anywhere, under any lock (RANK_LOG is the innermost).
 */
#ifndef KERNEL_DEBUG_LOG_H
#define KERNEL_DEBUG_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/assert.h"

__attribute__((format(printf, 1, 2))) void klog(const char *format, ...);
void klog_text(const char *text,
               size_t len); /* one line from outside: unprintable bytes become '?' */

/* The ring: bytes are numbered from the boot on. Copies what is there from *POSITION on (moved forward
 * over what was overwritten) and advances it. */
size_t klog_read(uint64_t *position, char *to, size_t len);

/* The function around ADDRESS, from the table that the link made; NULL: none. */
const char *ksym_find(uint64_t address, uint64_t *offset);

#endif
