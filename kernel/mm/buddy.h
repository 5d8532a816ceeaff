/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buddy allocator over an array of frame descriptors.  Pure: no locks, does not touch the memory
 * itself.  A block of 2^k frames begins at a multiple of 2^k.
 */
#ifndef KERNEL_MM_BUDDY_H
#define KERNEL_MM_BUDDY_H

#include "kernel/mm/frame.h"

struct buddy {
    struct frame *frames; /* descriptor of frame number 0 */
    uint64_t count;
    struct frame *lists[FRAME_ORDERS]; /* free blocks, by their first frame */
    uint64_t free;                     /* frames */
};

/* All frames begin reserved: nobody's to give, with one reference for ever. */
void buddy_init(struct buddy *buddy, struct frame *frames, uint64_t count);
void buddy_add(struct buddy *buddy, uint64_t first, uint64_t end); /* reserved frames become free */
struct frame *buddy_alloc(struct buddy *buddy, unsigned order);    /* references 0; NULL: none */
void buddy_free(struct buddy *buddy, struct frame *frame,
                unsigned order); /* references must be 0 */

#endif
