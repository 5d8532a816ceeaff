/* SPDX-License-Identifier: BSD-2-Clause */
/* Reference counts: get keeps, put gives back and tells whether it was the last. */
#ifndef KERNEL_LIB_REFCOUNT_H
#define KERNEL_LIB_REFCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/assert.h"

static inline void refcount_get(_Atomic uint32_t *count)
{
    uint32_t old = atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
    kassert(old != 0 && old < 0x80000000u);
    (void)old;
}

/* True: that was the last reference, and all earlier use of the object has happened. */
static inline bool refcount_put(_Atomic uint32_t *count)
{
    uint32_t old = atomic_fetch_sub_explicit(count, 1, memory_order_acq_rel);
    kassert(old != 0);
    return old == 1;
}

#endif
