/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of memory objects, and for mapping their pages. */
#ifndef KERNEL_MM_MEMOBJ_PRIV_H
#define KERNEL_MM_MEMOBJ_PRIV_H

#include "kernel/mm/memobj.h"

#define MEMOBJ_SIZE_MAX ((uint64_t)INT64_MAX)

/* A page held for copying. */
struct page_ref {
    char *data;
    struct frame *frame; /* referenced; NULL: memory without frames, which always stays */
};

static inline void page_release(struct page_ref *page)
{
    if (page->frame != NULL)
        frame_put(page->frame);
}

/* What a fault finds; object's lock held. */
enum map_answer { MAP_READY, MAP_ABSENT /* memobj_page() first */, MAP_BEYOND, MAP_REVOKED };

/* *WRITABLE in: a store is wanted; out: a store needs no further question. */
enum map_answer memobj_map_locked(struct memobj *object, uint64_t index, bool *writable,
                                  paddr_t *pa);

/* As memobj_page, but also beyond the size: for writes, under the write mutex. */
cloudabi_errno_t memobj_page_any(struct memobj *object, uint64_t index, bool write,
                                 struct frame **out);
/* A resident page for reading; *PAGE.data = NULL if there is none and it reads as zeros. Brings in what has a pager. */
cloudabi_errno_t memobj_page_read(struct memobj *object, uint64_t index, struct page_ref *page);
cloudabi_errno_t memobj_page_write(struct memobj *object, uint64_t index, struct page_ref *page);
/* FRAME, all of whose bytes are right, becomes page INDEX; its reference goes into the tree. With a pager it is dirty.
 * EEXIST: there is one already. */
cloudabi_errno_t memobj_insert(struct memobj *object, uint64_t index, struct frame *frame);
/* Bytes have been copied into a page had for writing: a write-out may have begun and ended since. */
void memobj_page_written(struct memobj *object, const struct page_ref *page);
/* Whether PA belongs to fixed memory that the object lies over. */
static inline bool memobj_is_own(const struct memobj *object, paddr_t pa)
{
    return object->borrowed &&
           pa - object->physical < ((object->size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
}
uint64_t memobj_now(void);                                  /* realtime ns */
void memobj_set_size(struct memobj *object, uint64_t size); /* write mutex held */
/* Pages behind the size, which a write that failed has left, go. Write mutex held. */
void memobj_trim(struct memobj *object);
/* Zeroes what lies behind FROM in its page. Write mutex held. EINTR. */
cloudabi_errno_t memobj_zero_tail(struct memobj *object, uint64_t from);
extern const struct radix_ops memobj_radix_ops;

#endif
