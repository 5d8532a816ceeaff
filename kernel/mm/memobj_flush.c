/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing out: which pages are dirty, who writes them, and what becomes of errors.
 *
 * A write-out takes runs of dirty pages: it makes them WRITING, takes away the right to store to them from all
 * mappings (and waits for the acknowledgement), has the pager write them, and makes those CLEAN that nobody has
 * stored to again.  sync does this in its caller's thread; for what has been dirty long, or is too much, there is the
 * pool's own (memobj_flusher.c).
 */
#include "kernel/lib/string.h"
#include "kernel/mm/memobj_paging.h"
#include "kernel/mm/vmspace.h"
#include "kernel/sched/sched.h"

#define SCAN 1024u /* pages looked at under one hold of the lock */

/* --- states --------------------------------------------------------------------------------- */

void paging_set_dirty(struct memobj *object, struct frame *frame)
{
    struct paging *paging = object->paging;
    struct paging_pool *pool = paging->pool;
    spinlock_assert_held(&object->lock);
    if (frame->state == PAGE_DIRTY)
        return;
    bool counted = frame->state == PAGE_WRITING;
    frame->state = PAGE_DIRTY;
    frame->accessed = true;
    if (frame->index < paging->dirty_low)
        paging->dirty_low = frame->index;
    if (counted)
        return;
    uint64_t dirty = atomic_fetch_add_explicit(&pool->dirty_pages, 1, memory_order_relaxed) + 1;
    if (paging->dirty++ == 0) {
        spinlock_lock(&pool->lock);
        paging->dirty_low = frame->index;
        paging->dirty_since = arch_clock_monotonic();
        if (paging->pooled)
            list_append(&pool->dirty, &paging->dirty_link);
        spinlock_unlock(&pool->lock);
    }
    if (dirty == atomic_load_explicit(&pool->dirty_max, memory_order_relaxed) / 2)
        paging_wake_flusher(pool);
}

/* One page less is dirty. Object's lock held. */
static void count_clean(struct paging *paging)
{
    atomic_fetch_sub_explicit(&paging->pool->dirty_pages, 1, memory_order_relaxed);
    if (--paging->dirty != 0)
        return;
    spinlock_lock(&paging->pool->lock);
    list_remove(&paging->dirty_link);
    spinlock_unlock(&paging->pool->lock);
}

void paging_dropped(struct memobj *object, struct frame *frame)
{
    if (frame->state == PAGE_DIRTY || frame->state == PAGE_WRITING)
        count_clean(object->paging);
    frame->state = PAGE_ABSENT;
}

/* --- one run -------------------------------------------------------------------------------- */

struct run {
    struct memobj *object;
    uint64_t index;
    uint64_t size; /* of the file, when the pages were taken */
    unsigned count;
    struct frame *frame[PAGING_PAGES];
};

/* Bytes behind the file's end are zeros on the device, too; but a writer may just be putting some there. Object's
 * lock held. */
static void run_take(struct run *run, struct frame *frame)
{
    size_t used = run->size & (PAGE_SIZE - 1);
    if (used != 0 && frame->index == run->size >> PAGE_SHIFT && !run->object->paging->growing)
        memset((char *)frame_data(frame) + used, 0, PAGE_SIZE - used);
    frame->state = PAGE_WRITING;
    frame_get(frame);
    run->frame[run->count++] = frame;
}

/* The next dirty pages of [*FIRST, END) that follow each other; *FIRST moves behind what was looked at. True: there
 * may be more. Object's lock held. */
static bool run_collect(struct run *run, uint64_t *first, uint64_t end)
{
    struct memobj *object = run->object;
    uint64_t index = *first;
    struct frame *frame;
    for (unsigned i = 0; i < SCAN; i++, index++) {
        if (run->count > 0 ? (frame = radix_find(&object->pages, index)) == NULL
                           : (frame = radix_next(&object->pages, &index)) == NULL)
            break;
        if (index >= end || (run->count > 0 && frame->state != PAGE_DIRTY))
            break;
        if (frame->state != PAGE_DIRTY)
            continue;
        if (run->count == 0)
            run->index = index;
        run_take(run, frame);
        if (run->count == PAGING_PAGES) {
            index++;
            break;
        }
    }
    bool more = run->count > 0 || (frame != NULL && index < end);
    *first = index;
    return more;
}

/* The first pages of the run, DONE of them, are where they belong; the others are as they were. */
static void run_end(struct run *run, unsigned done)
{
    struct memobj *object = run->object;
    struct paging *paging = object->paging;
    uint64_t size = run->size;
    spinlock_lock(&object->lock);
    for (unsigned i = 0; i < run->count; i++) {
        struct frame *frame = run->frame[i];
        if (frame->object != object)
            continue;
        if (i < done && paging->backed <= run->index + i)
            paging->backed = run->index + i + 1;
        if (frame->state != PAGE_WRITING)
            continue;
        if (i < done) {
            /* What is behind the end of the file in its last page may have got no place. */
            bool part = (size & (PAGE_SIZE - 1)) != 0 && run->index + i == size >> PAGE_SHIFT;
            frame->state = part ? PAGE_HOLE : PAGE_CLEAN;
            count_clean(paging);
        } else {
            frame->state = PAGE_DIRTY;
            if (frame->index < paging->dirty_low)
                paging->dirty_low = frame->index;
        }
    }
    spinlock_unlock(&object->lock);
    for (unsigned i = 0; i < run->count; i++)
        frame_put(run->frame[i]);
    if (!waitq_idle(&paging->pool->room))
        waitq_wake_all(&paging->pool->room);
}

static void note_result(struct memobj *object, cloudabi_errno_t error)
{
    struct paging *paging = object->paging;
    if (error == CLOUDABI_EINTR)
        return;
    atomic_store_explicit(&paging->pool->failing, error != 0, memory_order_relaxed);
    if (error == 0 || object->revoked != 0)
        return;
    spinlock_lock(&object->lock);
    paging->error = error;
    paging->error_count++;
    spinlock_unlock(&object->lock);
}

static cloudabi_errno_t run_write(struct run *run)
{
    struct memobj *object = run->object;
    struct paging_result result = {0};
    vmspace_protect_object(object, run->index, run->index + run->count);
    cloudabi_errno_t error = object->paging->ops->page_out(object, run->index, run->count,
                                                           run->size, run->frame, &result);
    run_end(run, error == 0 ? result.count : 0);
    note_result(object, error);
    return error;
}

/* --- a range -------------------------------------------------------------------------------- */

static bool clean_try(struct memobj *object, cloudabi_errno_t *error)
{
    struct paging *paging = object->paging;
    spinlock_lock(&object->lock);
    *error = object->revoked;
    bool free = !paging->cleaning && !paging->quiet && paging->writing == 0;
    if (*error == 0 && free)
        paging->cleaning = true;
    spinlock_unlock(&object->lock);
    return *error != 0 || free;
}

/* Takes the object for a write-out. */
static cloudabi_errno_t clean_begin(struct memobj *object)
{
    struct waiter waiter;
    cloudabi_errno_t error;
    if (clean_try(object, &error))
        return error;
    waitq_add(&object->page_waiters, &waiter);
    while (!clean_try(object, &error) && (error = thread_park(UINT64_MAX)) == 0)
        ;
    waitq_remove(&waiter);
    return error;
}

static void clean_end(struct memobj *object)
{
    spinlock_lock(&object->lock);
    object->paging->cleaning = false;
    spinlock_unlock(&object->lock);
    waitq_wake_all(&object->page_waiters);
}

/* One run from *FIRST on. *MORE: there may be others. */
static cloudabi_errno_t clean_run(struct memobj *object, uint64_t *first, uint64_t end, bool *more)
{
    struct paging *paging = object->paging;
    struct run run = {.object = object};
    *more = false;
    spinlock_lock(&object->lock);
    if (paging->dirty != 0 && object->revoked == 0) {
        if (*first < paging->dirty_low)
            *first = paging->dirty_low;
        uint64_t from = *first;
        run.size = object->size;
        if (end > (run.size + PAGE_SIZE - 1) >> PAGE_SHIFT)
            end = (run.size + PAGE_SIZE - 1) >> PAGE_SHIFT;
        *more = run_collect(&run, first, end);
        if (from ==
            paging->dirty_low) /* what is taken now, or becomes dirty again, sets it itself */
            paging->dirty_low = *first;
    }
    spinlock_unlock(&object->lock);
    return run.count != 0 ? run_write(&run) : 0;
}

cloudabi_errno_t paging_clean(struct memobj *object, uint64_t first, uint64_t end)
{
    if (__atomic_load_n(&object->paging->dirty, __ATOMIC_ACQUIRE) == 0)
        return object->revoked;
    cloudabi_errno_t error = clean_begin(object);
    if (error != 0)
        return error;
    for (bool more = true; more && error == 0;) {
        error = clean_run(object, &first, end, &more);
        sched_point();
    }
    clean_end(object);
    return error;
}

cloudabi_errno_t memobj_flush(struct memobj *object, uint64_t offset, uint64_t end)
{
    if (object->paging == NULL)
        return object->revoked;
    uint64_t last = end >= MEMOBJ_SIZE_MAX ? UINT64_MAX : (end + PAGE_SIZE - 1) >> PAGE_SHIFT;
    return paging_clean(object, offset >> PAGE_SHIFT, last);
}

cloudabi_errno_t memobj_sync(struct memobj *object, bool data_only)
{
    return object->paging != NULL ? object->paging->ops->sync(object, data_only) : 0;
}

cloudabi_errno_t memobj_error(struct memobj *object, uint32_t *seen)
{
    struct paging *paging = object->paging;
    if (paging == NULL || __atomic_load_n(&paging->error_count, __ATOMIC_RELAXED) == *seen)
        return 0;
    spinlock_lock(&object->lock);
    cloudabi_errno_t error = *seen != paging->error_count ? paging->error : 0;
    *seen = paging->error_count;
    spinlock_unlock(&object->lock);
    return error;
}
