/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far an object with a pager reaches: waiting for its requests, promises of space, truncation, allocation.
 * States and locks: memobj_pager.h.
 */
#include "kernel/mm/memobj_paging.h"
#include "kernel/sched/thread.h"

#define STEP_FIRST 4u /* pages */
#define STEP_MOST  64u

/* --- waiting -------------------------------------------------------------------------------- */

/* Sleeps while BUSY(object, argument), which is asked under the object's lock. Killable. */
static cloudabi_errno_t wait_while(struct memobj *object, bool (*busy)(struct memobj *, uint64_t),
                                   uint64_t argument)
{
    struct waiter waiter;
    cloudabi_errno_t error = 0;
    waitq_add(&object->page_waiters, &waiter);
    for (;;) {
        spinlock_lock(&object->lock);
        bool wait = busy(object, argument);
        spinlock_unlock(&object->lock);
        if (!wait || (error = thread_park(UINT64_MAX)) != 0)
            break;
    }
    waitq_remove(&waiter);
    return error;
}

static bool is_filling(struct memobj *object, uint64_t index)
{
    const struct frame *frame = radix_find(&object->pages, index);
    return frame != NULL && frame->state == PAGE_FILLING;
}

static bool is_quiet(struct memobj *object, uint64_t unused)
{
    (void)unused;
    return object->paging->quiet && object->revoked == 0;
}

static bool is_busy(struct memobj *object, uint64_t unused)
{
    const struct paging *paging = object->paging;
    (void)unused;
    return paging->reading != 0 || paging->writing != 0 || paging->cleaning;
}

cloudabi_errno_t paging_wait_filled(struct memobj *object, uint64_t index)
{
    return wait_while(object, is_filling, index);
}

cloudabi_errno_t paging_wait_noisy(struct memobj *object)
{
    return wait_while(object, is_quiet, 0);
}

void paging_resume(struct memobj *object)
{
    spinlock_lock(&object->lock);
    object->paging->quiet = false;
    spinlock_unlock(&object->lock);
    waitq_wake_all(&object->page_waiters);
}

/* Lets no request begin, and waits for those that have. EINTR: killed, nothing is changed. */
static cloudabi_errno_t quiesce(struct memobj *object)
{
    spinlock_lock(&object->lock);
    object->paging->quiet = true;
    spinlock_unlock(&object->lock);
    cloudabi_errno_t error = wait_while(object, is_busy, 0);
    if (error != 0)
        paging_resume(object);
    return error;
}

/* --- promises of space ---------------------------------------------------------------------- */

/* Object's lock held: how many pages to ask for; the request is then under way. 0: it may not begin now. */
static uint32_t reserve_begin(struct memobj *object, uint64_t index)
{
    struct paging *paging = object->paging;
    if (paging->quiet || object->revoked != 0)
        return 0;
    uint32_t step = index >= paging->backed ? STEP_FIRST : 1;
    if (index == paging->reserved_end && paging->reserve_step != 0)
        step = paging->reserve_step * 2 < STEP_MOST ? paging->reserve_step * 2 : STEP_MOST;
    paging->reserve_step = step;
    paging->reading++;
    return step;
}

static void reserve_end(struct memobj *object, uint64_t index, uint64_t pages)
{
    struct paging *paging = object->paging;
    spinlock_lock(&object->lock);
    paging->reading--;
    if (pages > 0 && index != paging->reserved_end)
        paging->reserved_start = index;
    if (pages > 0)
        paging->reserved_end = index + pages;
    spinlock_unlock(&object->lock);
    waitq_wake_all(&object->page_waiters);
}

cloudabi_errno_t paging_reserve(struct memobj *object, uint64_t index)
{
    const struct pager_ops *ops = object->paging->ops;
    uint64_t at = index << PAGE_SHIFT, granted = 0;
    spinlock_lock(&object->lock);
    uint32_t step = reserve_begin(object, index);
    spinlock_unlock(&object->lock);
    if (step == 0)
        return paging_wait_noisy(object);
    cloudabi_errno_t error = ops->reserve(object, at, (uint64_t)step << PAGE_SHIFT, &granted);
    if (error == CLOUDABI_ENOSPC && step > 1)
        error = ops->reserve(object, at, PAGE_SIZE, &granted);
    if (error == CLOUDABI_ENOSPC) { /* files that were removed may be kept by us alone */
        paging_drop_unused(object->paging->pool, true);
        error = ops->reserve(object, at, PAGE_SIZE, &granted);
    }
    reserve_end(object, index, error == 0 ? granted >> PAGE_SHIFT : 0);
    return error;
}

/* --- sizes ---------------------------------------------------------------------------------- */

void paging_set_growing(struct memobj *object, bool growing)
{
    spinlock_lock(&object->lock);
    object->paging->growing = growing;
    spinlock_unlock(&object->lock);
}

void paging_resized(struct memobj *object, uint64_t size)
{
    struct paging *paging = object->paging;
    uint64_t pages = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    spinlock_lock(&object->lock);
    if (paging->backed > pages)
        paging->backed = pages;
    if (paging->reserved_end > pages)
        paging->reserved_end = pages;
    if (paging->reserved_start > paging->reserved_end)
        paging->reserved_start = paging->reserved_end;
    spinlock_unlock(&object->lock);
}

cloudabi_errno_t paging_resize(struct memobj *object, uint64_t size)
{
    cloudabi_errno_t error = quiesce(object);
    if (error != 0)
        return error;
    error = object->paging->ops->resize(object, size);
    if (error ==
        CLOUDABI_EINTR) { /* killed: the service may do it all the same, and has taken back its promises */
        spinlock_lock(&object->lock);
        object->paging->reserved_start = object->paging->reserved_end = 0;
        spinlock_unlock(&object->lock);
    }
    if (error != 0)
        paging_resume(object);
    return error;
}

/* Page INDEX will not fail for want of space: one that the pager has a place for stays as it is. */
static cloudabi_errno_t allocate_page(struct memobj *object, uint64_t index)
{
    struct frame *frame;
    bool fresh = index >= object->paging->backed;
    cloudabi_errno_t error = paging_page(object, index, fresh, true, &frame);
    if (error != 0)
        return error;
    bool hole = !fresh && frame->state == PAGE_HOLE;
    frame_put(frame);
    if (!hole)
        return 0;
    error = paging_page(object, index, true, true, &frame);
    if (error == 0)
        frame_put(frame);
    return error;
}

/* A promise for all of it at once: what there can not be is refused before anything is changed. */
static cloudabi_errno_t reserve_all(struct memobj *object, uint64_t first, uint64_t end)
{
    struct paging *paging = object->paging;
    uint64_t granted = 0, length = (end - first) << PAGE_SHIFT;
    spinlock_lock(&object->lock);
    bool known = first >= paging->reserved_start && end <= paging->reserved_end;
    spinlock_unlock(&object->lock);
    if (known)
        return 0;
    cloudabi_errno_t error = paging->ops->reserve(object, first << PAGE_SHIFT, length, &granted);
    if (error == 0 && granted < length)
        error = CLOUDABI_ENOSPC;
    spinlock_lock(&object->lock);
    if (error == 0) {
        paging->reserved_start = first;
        paging->reserved_end = end;
    }
    spinlock_unlock(&object->lock);
    return error == CLOUDABI_EFBIG ? CLOUDABI_ENOSPC : error;
}

cloudabi_errno_t paging_allocate(struct memobj *object, uint64_t offset, uint64_t end)
{
    uint64_t old = object->size, index = offset >> PAGE_SHIFT;
    cloudabi_errno_t error = end > old ? memobj_zero_tail(object, old) : 0;
    if (error == 0)
        error = reserve_all(object, index, (end + PAGE_SIZE - 1) >> PAGE_SHIFT);
    for (; error == 0 && index << PAGE_SHIFT < end; index++) {
        uint64_t reached = (index + 1) << PAGE_SHIFT;
        paging_set_growing(object, true);
        error = allocate_page(object, index);
        if (error == 0 && reached > object->size && end > object->size)
            memobj_set_size(object, reached < end ? reached : end);
        paging_set_growing(object, false);
        if (error == 0 && thread_killed(thread_self()))
            error = CLOUDABI_EINTR;
    }
    return error;
}
