/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bringing in pages of objects with pagers: misses with what is read ahead, and holes.
 * States and locks: memobj_pager.h.  Nothing here is done under a spinlock that can wait.
 */
#include "kernel/lib/string.h"
#include "kernel/mm/memobj_paging.h"
#include "kernel/sched/thread.h"

#define WINDOW_FIRST 4u /* pages */

static uint64_t size_pages(const struct memobj *object)
{
    return (object->size + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

/* --- page in -------------------------------------------------------------------------------- */

/* Pages being filled together; a reference of each. */
struct fill {
    struct memobj *object;
    uint64_t index;
    unsigned count;
    struct frame *frame[PAGING_PAGES];
};

/* How many pages a miss at INDEX asks for: more each time where the last one ended. */
static unsigned read_ahead(const struct paging *paging, uint64_t index)
{
    if (index != paging->next_miss || paging->window == 0)
        return WINDOW_FIRST;
    return paging->window * 2 < PAGING_PAGES ? paging->window * 2 : PAGING_PAGES;
}

/* Frames for the fill, one at least. */
static cloudabi_errno_t fill_frames(struct fill *fill)
{
    struct memobj *object = fill->object;
    unsigned wanted = read_ahead(object->paging, fill->index);
    uint64_t size = size_pages(object),
             end = object->paging->backed < size ? object->paging->backed : size;
    if (fill->index >= end) /* it has just become shorter */
        return 0;
    if (wanted > end - fill->index)
        wanted = (unsigned)(end - fill->index);
    paging_make_room(object->paging->pool, wanted);
    cloudabi_errno_t error = paging_frame(object, &fill->frame[0]);
    if (error != 0)
        return error;
    fill->count = 1;
    while (fill->count < wanted && (fill->frame[fill->count] = frame_alloc(object->job)) != NULL)
        fill->count++;
    return 0;
}

/* Puts FRAME into the tree, FILLING. Object's lock held. False: there is a page, or no memory. */
static bool fill_insert(struct memobj *object, uint64_t index, struct frame *frame)
{
    if (radix_find(&object->pages, index) != NULL ||
        !radix_insert(&object->pages, index, frame, &memobj_radix_ops, object->job))
        return false;
    frame->object = object;
    frame->index = index;
    frame->state = PAGE_FILLING;
    object->resident++;
    frame_get(frame);
    return true;
}

/* *BEGUN frames have found their place; the request is then under way. ENOMEM. */
static cloudabi_errno_t fill_begin(struct fill *fill, unsigned *begun)
{
    struct memobj *object = fill->object;
    struct paging *paging = object->paging;
    unsigned i = 0;
    bool failed = false;
    spinlock_lock(&object->lock);
    uint64_t size = size_pages(object), end = paging->backed < size ? paging->backed : size;
    if (!paging->quiet && object->revoked == 0) {
        while (i < fill->count && fill->index + i < end &&
               fill_insert(object, fill->index + i, fill->frame[i]))
            i++;
        if (i > 0) {
            paging->window = fill->count;
            paging->next_miss = fill->index + i;
            paging->reading++;
        }
        failed = i == 0 && fill->index < end && fill->count > 0 &&
                 radix_find(&object->pages, fill->index) == NULL;
    }
    spinlock_unlock(&object->lock);
    *begun = i;
    return failed ? CLOUDABI_ENOMEM : 0;
}

static void zero_behind(const struct memobj *object, uint64_t index, struct frame *frame)
{
    size_t used = object->size & (PAGE_SIZE - 1);
    if (used != 0 && index == object->size >> PAGE_SHIFT)
        memset((char *)frame_data(frame) + used, 0, PAGE_SIZE - used);
}

/* The pages that were filled can be used; the others leave the tree. */
static void fill_end(struct fill *fill, const struct paging_result *result)
{
    struct memobj *object = fill->object;
    spinlock_lock(&object->lock);
    object->paging->reading--;
    for (unsigned i = 0; i < fill->count; i++) {
        struct frame *frame = fill->frame[i];
        if (frame->object != object) /* truncated or revoked meanwhile */
            continue;
        if (i < result->count) {
            frame->state = (result->holes >> i & 1) != 0 ? PAGE_HOLE : PAGE_CLEAN;
            zero_behind(object, fill->index + i, frame);
        } else {
            radix_remove(&object->pages, fill->index + i, &memobj_radix_ops);
            object->resident--;
            frame->object = NULL;
            frame_put(frame);
        }
    }
    spinlock_unlock(&object->lock);
    waitq_wake_all(&object->page_waiters);
}

/* A miss at INDEX, which the pager may have. The page may be there afterwards, or not: look again. */
__attribute__((noinline)) static cloudabi_errno_t fill_pages(struct memobj *object, uint64_t index)
{
    struct fill fill = {.object = object, .index = index};
    cloudabi_errno_t error = fill_frames(&fill);
    if (error != 0)
        return error;
    unsigned count;
    error = fill_begin(&fill, &count);
    for (unsigned i = count; i < fill.count; i++)
        frame_put(fill.frame[i]);
    fill.count = count;
    if (error != 0)
        return memobj_reclaim(PAGING_PAGES) > 0 ? 0 : error; /* memory for the tree */
    if (count == 0)
        return paging_wait_noisy(object);
    struct paging_result result = {0};
    error = object->paging->ops->page_in(object, index, count, fill.frame, &result);
    if (error != 0)
        result.count = 0;
    fill_end(&fill, &result);
    for (unsigned i = 0; i < count; i++)
        frame_put(fill.frame[i]);
    return error;
}

void paging_fill_next(struct memobj *object)
{
    spinlock_lock(&object->lock);
    uint64_t index = object->paging->next_miss;
    bool there = object->revoked != 0 || radix_find(&object->pages, index) != NULL;
    spinlock_unlock(&object->lock);
    if (!there)
        (void)fill_pages(object, index); /* who comes there meets the error again */
}

/* A page of zeros where the pager has none. */
static cloudabi_errno_t add_hole(struct memobj *object, uint64_t index)
{
    paging_make_room(object->paging->pool, 1);
    struct frame *frame = frame_alloc_zero(object->job);
    if (frame == NULL) {
        cloudabi_errno_t error = paging_frame(object, &frame);
        if (error != 0)
            return error;
        arch_page_zero(frame_data(frame));
    }
    spinlock_lock(&object->lock);
    bool added = object->revoked == 0 && fill_insert(object, index, frame);
    if (added)
        frame->state = PAGE_HOLE;
    bool failed = !added && object->revoked == 0 && radix_find(&object->pages, index) == NULL;
    spinlock_unlock(&object->lock);
    frame_put(frame);
    return failed ? CLOUDABI_ENOMEM : 0;
}

/* --- pages ---------------------------------------------------------------------------------- */

enum page_step {
    STEP_DONE,
    STEP_GONE,
    STEP_BEYOND,
    STEP_WAIT,
    STEP_FILL,
    STEP_HOLE,
    STEP_RESERVE,
    STEP_ROOM
};

static enum page_step look_absent(const struct memobj *object, uint64_t index, bool write)
{
    const struct paging *paging = object->paging;
    if (index < paging->backed)
        return STEP_FILL;
    if (write && !paging_is_reserved(paging, index))
        return STEP_RESERVE;
    return write && paging_is_over(paging->pool) ? STEP_ROOM : STEP_HOLE;
}

bool paging_may_dirty(const struct memobj *object, uint64_t index, const struct frame *frame)
{
    if (frame->state == PAGE_DIRTY || frame->state == PAGE_WRITING)
        return true;
    return (frame->state == PAGE_CLEAN || paging_is_reserved(object->paging, index)) &&
           !paging_is_over(object->paging->pool);
}

/* Object's lock held. */
static enum page_step look(struct memobj *object, uint64_t index, bool write, bool growing,
                           struct frame **out)
{
    if (object->revoked != 0)
        return STEP_GONE;
    if (!growing && index >= size_pages(object))
        return STEP_BEYOND;
    struct frame *frame = radix_find(&object->pages, index);
    if (frame == NULL)
        return look_absent(object, index, write);
    if (frame->state == PAGE_FILLING)
        return STEP_WAIT;
    if (write && frame->state != PAGE_DIRTY) {
        if (!paging_may_dirty(object, index, frame))
            return frame->state == PAGE_HOLE && !paging_is_reserved(object->paging, index)
                       ? STEP_RESERVE
                       : STEP_ROOM;
        paging_set_dirty(object, frame);
    }
    frame->accessed = true;
    frame_get(frame);
    *out = frame;
    return STEP_DONE;
}

static cloudabi_errno_t take_step(struct memobj *object, uint64_t index, enum page_step step)
{
    switch (step) {
    case STEP_WAIT:
        return paging_wait_filled(object, index);
    case STEP_FILL:
        return fill_pages(object, index);
    case STEP_HOLE:
        return add_hole(object, index);
    case STEP_RESERVE:
        return paging_reserve(object, index);
    case STEP_ROOM:
        return paging_throttle(object->paging->pool);
    case STEP_BEYOND:
        return CLOUDABI_EFAULT;
    default:
        return object->revoked;
    }
}

cloudabi_errno_t paging_page(struct memobj *object, uint64_t index, bool write, bool growing,
                             struct frame **out)
{
    for (;;) {
        spinlock_lock(&object->lock);
        enum page_step step = look(object, index, write, growing, out);
        spinlock_unlock(&object->lock);
        if (step == STEP_DONE)
            return 0;
        cloudabi_errno_t error = take_step(object, index, step);
        if (error == 0 && thread_killed(thread_self()))
            error = CLOUDABI_EINTR;
        if (error != 0)
            return error;
    }
}

cloudabi_errno_t paging_make_writable(struct memobj *object, uint64_t index)
{
    for (;;) {
        cloudabi_errno_t error = 0;
        spinlock_lock(&object->lock);
        bool reserved = paging_is_reserved(object->paging, index);
        bool there = object->revoked != 0 || radix_find(&object->pages, index) != NULL;
        spinlock_unlock(&object->lock);
        if (there || (reserved && !paging_is_over(object->paging->pool)))
            return 0;
        error = reserved ? paging_throttle(object->paging->pool) : paging_reserve(object, index);
        if (error != 0)
            return error;
    }
}
