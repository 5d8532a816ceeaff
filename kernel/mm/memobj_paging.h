/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of objects with pagers. */
#ifndef KERNEL_MM_MEMOBJ_PAGING_H
#define KERNEL_MM_MEMOBJ_PAGING_H

#include "kernel/mm/memobj_pager.h"
#include "kernel/mm/memobj_priv.h"

/* --- memobj_fill.c --- */
/* memobj_page_any() of an object with a pager. Behind the size only if GROWING: else EFAULT. */
cloudabi_errno_t paging_page(struct memobj *object, uint64_t index, bool write, bool growing,
                             struct frame **out);
/* Room for a page at INDEX that is about to be written as a whole: promised and below the cap. */
cloudabi_errno_t paging_make_writable(struct memobj *object, uint64_t index);

/* Brings in the pages where a sequential reader would miss next, if there are any. */
void paging_fill_next(struct memobj *object);

/* --- memobj_ahead.c --- */
/* A reader has come to page INDEX. */
void paging_ahead(struct memobj *object, uint64_t index);
void paging_reader(void *pool);

/* --- memobj_extent.c --- */
/* Sleeps until page INDEX is not FILLING. Killable. */
cloudabi_errno_t paging_wait_filled(struct memobj *object, uint64_t index);
/* Waits until requests may begin again. Killable. */
cloudabi_errno_t paging_wait_noisy(struct memobj *object);
static inline bool paging_is_reserved(const struct paging *paging, uint64_t index)
{
    return index >= paging->reserved_start && index < paging->reserved_end;
}
/* Gets a promise for page INDEX at least. */
cloudabi_errno_t paging_reserve(struct memobj *object, uint64_t index);
/* Bytes behind the size are about to be written, or (false) the size covers them. Write mutex held. */
void paging_set_growing(struct memobj *object, bool growing);
/* The service's part of a truncation to SIZE: after it no I/O is under way, and none begins before paging_resume(). An
 * error: nothing has changed, and it need not be called. Write mutex held. */
cloudabi_errno_t paging_resize(struct memobj *object, uint64_t size);
void paging_resume(struct memobj *object);
void paging_resized(struct memobj *object, uint64_t size);
/* Write mutex held. Grows the object as it goes; an error leaves it grown in part. */
cloudabi_errno_t paging_allocate(struct memobj *object, uint64_t offset, uint64_t end);

/* --- memobj_flush.c; object's lock held --- */
void paging_set_dirty(struct memobj *object, struct frame *frame);
/* FRAME leaves the tree, in whatever state. */
void paging_dropped(struct memobj *object, struct frame *frame);
/* memobj_fill.c */
bool paging_may_dirty(const struct memobj *object, uint64_t index, const struct frame *frame);
static inline bool paging_is_over(const struct paging_pool *pool)
{
    return atomic_load_explicit(&pool->dirty_pages, memory_order_relaxed) >=
           atomic_load_explicit(&pool->dirty_max, memory_order_relaxed);
}
/* no lock held */
/* Writes out what is dirty in pages [FIRST, END). The first error. */
cloudabi_errno_t paging_clean(struct memobj *object, uint64_t first, uint64_t end);
/* memobj_flusher.c */
/* Waits until writers may make pages dirty. EINTR; EIO: write-out fails. */
cloudabi_errno_t paging_throttle(struct paging_pool *pool);
void paging_flusher(void *pool);
void paging_wake_flusher(struct paging_pool *pool);

/* --- memobj_evict.c --- */
/* Before pages are added: evicts while memory or the pool's budget is short. */
void paging_make_room(struct paging_pool *pool, unsigned pages);
/* A frame for OBJECT, not zeroed, evicting and waiting for write-outs if there is none. ENOMEM, EINTR. */
cloudabi_errno_t paging_frame(struct memobj *object, struct frame **out);
/* Drops objects that nobody has used for a while, or (ALL) any that nobody uses. */
void paging_drop_unused(struct paging_pool *pool, bool all);
uint64_t paging_dirty_max(const struct paging_pool *pool);
extern struct spinlock paging_pools_lock; /* RANK_POOL - 1 */
extern struct list paging_pools;

#endif
