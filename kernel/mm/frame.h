/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory: a buddy allocator of 4 KiB frames with a small per-CPU cache, and one descriptor per
 * frame.  Allocation never sleeps; no memory is a return value.
 */
#ifndef KERNEL_MM_FRAME_H
#define KERNEL_MM_FRAME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/arch/arch.h"

struct job;
struct memobj;

/* One per frame of RAM, in one array.  An anonymous private page is only this and page-table entries:
 * `references` counts the entries (and pins) that share it copy-on-write. */
struct frame {
    _Atomic uint32_t references; /* 0 = free; frames that are not ours to give keep one for ever */
    uint8_t order;               /* buddy: while free at the head of a block */
    uint8_t state; /* memobj page state (kernel/mm/memobj.h); memobj lock. FRAME_FREE in buddy */
    bool accessed; /* of an object with a pager: used since eviction came by; memobj lock */
    struct memobj *object; /* owner of an object page; NULL = anonymous or kernel */
    union {
        uint64_t index; /* page index in the object; memobj lock */
        struct
        { /* of a page table's frame: entries in use, and between which they lie; page-table lock */
            uint16_t used, first, last;
        } table;
    };
    struct job *job; /* who pays */
    struct {
        struct frame *next, *prev;
    } link; /* free lists */
};

#define FRAME_ORDERS 11 /* blocks of 2^0 .. 2^10 frames */
#define FRAME_FREE   0xffu

/* Memory as the boot loader told it: boot_info.usable, which the machine's start-up code has already cut
 * free of what it uses itself, without the boot archive. Called once, with this CPU's data in place. */
void frame_init(void);
void frame_add_range(paddr_t start, paddr_t end); /* whole pages, below the end of usable memory */

/* One frame charged to JOB (NULL = the kernel's own: root job). frame_alloc_zero clears it.
 * references = 1. Returns NULL: budget or memory exhausted. */
struct frame *frame_alloc(struct job *job);
struct frame *frame_alloc_zero(struct job *job);
/* 2^ORDER physically contiguous frames (zeroed): DMA, kernel stacks, slabs. */
struct frame *frame_alloc_block(struct job *job, unsigned order);
void frame_free_block(struct frame *first, unsigned order);
/* The same, not zeroed and charged to nobody: for slabs, whose objects are charged one by one. */
struct frame *frame_take_block(unsigned order);
void frame_get(struct frame *frame);
void frame_put(struct frame *frame); /* frees and uncharges at 0 */
/* Puts the only reference of a frame whose bytes are all 0: it can be had again without zeroing. */
void frame_put_zeroed(struct frame *frame);

paddr_t frame_phys(const struct frame *frame);
struct frame *frame_of(paddr_t pa); /* NULL: no RAM, as far as we know */
static inline void *frame_data(const struct frame *frame)
{
    return arch_direct(frame_phys(frame));
}
uint64_t frame_free_count(void); /* includes per-CPU caches */
uint64_t frame_total_count(void);

#endif
