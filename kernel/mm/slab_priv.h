/* SPDX-License-Identifier: BSD-2-Clause */
/* What lies before every kernel object: shared by slab.c and kmalloc.c. */
#ifndef KERNEL_MM_SLAB_PRIV_H
#define KERNEL_MM_SLAB_PRIV_H

#include <stdint.h>

struct job;

struct slab_header {
    struct job *job; /* who pays; NULL: the root */
    uintptr_t tag;   /* the cache; or order << 1 | 1 of a large block; 0 when free */
};

static inline struct slab_header *slab_header_of(void *object)
{
    return (struct slab_header *)object - 1;
}

#endif
