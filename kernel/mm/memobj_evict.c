/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving memory back.  The clock of a pool goes round its objects, and in each round its pages: a page that was used
 * since the last time is spared and, if it is mapped, unmapped, so that its next use is noticed; one that was not, is
 * CLEAN or a HOLE, and that nobody but the tree refers to, is freed.  Nobody can get at a page in between, as all of
 * that happens under the object's lock; a mapping holds a reference until its entry is flushed.
 *
 * The cache keeps out of the last sixteenth of memory and of each budget, so that others, who can not evict, find some.
 */
#include "kernel/job/job.h"
#include "kernel/lib/refcount.h"
#include "kernel/mm/memobj_paging.h"
#include "kernel/mm/vmspace.h"
#include "kernel/sched/sched.h"

#define BATCH      32u  /* pages freed at a time */
#define VISIT      256u /* pages looked at under one hold of the lock */
#define HEADROOM   16   /* this part stays free */
#define LINGER_NS  30000000000ul
#define UNUSED_MAX 1024u
#define PATIENCE   100u /* times 50 ms that an allocation waits for write-outs */

/* --- how much ------------------------------------------------------------------------------- */

static uint64_t budget_of(const struct job *job)
{
    uint64_t least = frame_total_count() << PAGE_SHIFT;
    for (; job != NULL; job = job->parent) {
        uint64_t limit = atomic_load_explicit(&job->limit[JOB_MEMORY], memory_order_relaxed);
        if (limit < least)
            least = limit;
    }
    return least;
}

uint64_t paging_dirty_max(const struct paging_pool *pool)
{
    uint64_t pages = budget_of(pool->job) >> PAGE_SHIFT;
    return pages * 2 / 5 + 1;
}

/* Is less than the headroom left for PAGES more? */
static bool is_short(const struct job *job, unsigned pages)
{
    uint64_t more = (uint64_t)pages << PAGE_SHIFT;
    if (frame_free_count() < frame_total_count() / HEADROOM + pages)
        return true;
    for (; job != NULL; job = job->parent) {
        uint64_t limit = atomic_load_explicit(&job->limit[JOB_MEMORY], memory_order_relaxed);
        uint64_t used = atomic_load_explicit(&job->used[JOB_MEMORY], memory_order_relaxed);
        if (limit != JOB_NO_LIMIT && used + more > limit - limit / HEADROOM)
            return true;
    }
    return false;
}

/* --- pages ---------------------------------------------------------------------------------- */

/* One visit of the clock to an object. */
struct visit {
    struct memobj *object;
    unsigned want, freed;
    struct frame *frame[BATCH];
    uint64_t low, high; /* pages to be unmapped lie in [low, high) */
    bool wrapped;       /* it has seen the last page */
};

static void visit_page(struct visit *visit, uint64_t index, struct frame *frame)
{
    struct memobj *object = visit->object;
    if (frame->state != PAGE_CLEAN && frame->state != PAGE_HOLE)
        return;
    bool shared = atomic_load_explicit(&frame->references, memory_order_acquire) != 1;
    if (frame->accessed || shared) {
        frame->accessed = false;
        if (shared && index < visit->low)
            visit->low = index;
        if (shared)
            visit->high = index + 1;
        return;
    }
    radix_remove(&object->pages, index, &memobj_radix_ops);
    object->resident--;
    frame->object = NULL;
    frame->state = PAGE_ABSENT;
    visit->frame[visit->freed++] = frame;
}

static void visit_pages(struct visit *visit)
{
    struct memobj *object = visit->object;
    uint64_t index = object->paging->hand;
    struct frame *frame = NULL;
    spinlock_lock(&object->lock);
    for (unsigned i = 0; i < VISIT && visit->freed < visit->want; i++, index++) {
        if ((frame = radix_next(&object->pages, &index)) == NULL)
            break;
        visit_page(visit, index, frame);
    }
    visit->wrapped = frame == NULL;
    object->paging->hand = frame == NULL ? 0 : index;
    bool mapped = !list_empty(&object->mappings);
    spinlock_unlock(&object->lock);
    for (unsigned i = 0; i < visit->freed; i++)
        frame_put(visit->frame[i]);
    if (mapped && visit->low < visit->high)
        vmspace_unmap_object(object, visit->low, visit->high, false);
}

/* The object under the hand, referenced, which moves on. NULL: there are none. */
static struct memobj *next_object(struct paging_pool *pool)
{
    struct memobj *object = NULL;
    spinlock_lock(&pool->lock);
    struct list *link = list_pop(&pool->objects);
    if (link != NULL) {
        list_append(&pool->objects, link);
        object = memobj_get(container_of(link, struct paging, link)->object);
    }
    spinlock_unlock(&pool->lock);
    return object;
}

/* Frees up to WANT pages of the pool: at most three rounds, as the first two may only take away marks. */
static unsigned evict(struct paging_pool *pool, unsigned want)
{
    uint64_t rounds = 3 * atomic_load(&pool->object_count);
    unsigned freed = 0;
    struct memobj *object;
    while (rounds > 0 && freed < want && (object = next_object(pool)) != NULL) {
        struct visit visit = {.object = object, .low = UINT64_MAX};
        visit.want = want - freed < BATCH ? want - freed : BATCH;
        if (object->resident != 0)
            visit_pages(&visit);
        else
            visit.wrapped = true;
        freed += visit.freed;
        rounds -= visit.wrapped;
        memobj_put(object);
        sched_point();
    }
    return freed;
}

/* The first pool, referenced; it goes to the end of the list. */
static struct paging_pool *next_pool(void)
{
    struct paging_pool *pool = NULL;
    spinlock_lock(&paging_pools_lock);
    struct list *link = list_pop(&paging_pools);
    if (link != NULL) {
        list_append(&paging_pools, link);
        pool = container_of(link, struct paging_pool, link);
        refcount_get(&pool->references);
    }
    spinlock_unlock(&paging_pools_lock);
    return pool;
}

static unsigned count_pools(void)
{
    unsigned count = 0;
    spinlock_lock(&paging_pools_lock);
    list_for_each(link, &paging_pools)
    {
        (void)link;
        count++;
    }
    spinlock_unlock(&paging_pools_lock);
    return count;
}

unsigned memobj_reclaim(unsigned want)
{
    unsigned freed = 0;
    for (unsigned pools = count_pools(); pools > 0 && freed < want; pools--) {
        struct paging_pool *pool = next_pool();
        if (pool == NULL)
            break;
        freed += evict(pool, want - freed);
        paging_pool_put(pool);
    }
    return freed;
}

void paging_make_room(struct paging_pool *pool, unsigned pages)
{
    if (!is_short(pool->job, pages))
        return;
    if (evict(pool, pages + BATCH) == 0)
        memobj_reclaim(pages + BATCH);
}

/* Has any pool something to write, after which there is memory? Tells their flushers. */
static bool press_flushers(void)
{
    bool dirty = false;
    for (unsigned pools = count_pools(); pools > 0; pools--) {
        struct paging_pool *pool = next_pool();
        if (pool == NULL)
            break;
        if (atomic_load(&pool->dirty_pages) != 0 && !atomic_load(&pool->failing)) {
            atomic_store(&pool->wanted, true);
            paging_wake_flusher(pool);
            dirty = true;
        }
        paging_pool_put(pool);
    }
    return dirty;
}

cloudabi_errno_t paging_frame(struct memobj *object, struct frame **out)
{
    struct paging_pool *pool = object->paging->pool;
    for (unsigned i = 0; (*out = frame_alloc(object->job)) == NULL; i++) {
        if (evict(pool, BATCH) + memobj_reclaim(BATCH) > 0 && i < PATIENCE)
            continue;
        if (i >= PATIENCE || !press_flushers())
            return CLOUDABI_ENOMEM;
        struct waiter waiter;
        waitq_add(&pool->room, &waiter);
        cloudabi_errno_t error = thread_park(arch_clock_monotonic() + 50000000ul);
        waitq_remove(&waiter);
        if (error == CLOUDABI_EINTR)
            return error;
    }
    return 0;
}

/* --- objects -------------------------------------------------------------------------------- */

/* OBJECT is referenced by the caller. */
static void drop_if_unused(struct memobj *object, uint64_t now, bool all)
{
    struct paging *paging = object->paging;
    if (atomic_load_explicit(&object->references, memory_order_relaxed) > 2) {
        __atomic_store_n(&paging->last_use, now, __ATOMIC_RELAXED);
        return;
    }
    bool crowded = atomic_load(&paging->pool->object_count) > UNUSED_MAX;
    uint64_t since = __atomic_load_n(&paging->last_use, __ATOMIC_RELAXED);
    if (__atomic_load_n(&paging->dirty, __ATOMIC_RELAXED) != 0 ||
        (!all && !crowded && object->resident != 0 && since + LINGER_NS > now))
        return;
    if (paging->ops->detach(object, true))
        paging_forget(object);
}

void paging_drop_unused(struct paging_pool *pool, bool all)
{
    uint64_t now = arch_clock_monotonic();
    struct memobj *object;
    for (uint64_t left = atomic_load(&pool->object_count);
         left > 0 && (object = next_object(pool)) != NULL; left--) {
        drop_if_unused(object, now, all);
        memobj_put(object);
        sched_point();
    }
}

/* --- advice --------------------------------------------------------------------------------- */

/* Takes up to BATCH clean pages out that lie in [*FIRST, END) and nobody refers to. False: there are no more. */
static bool drop_some(struct memobj *object, uint64_t *first, uint64_t end)
{
    struct frame *batch[BATCH], *frame = NULL;
    unsigned count = 0;
    spinlock_lock(&object->lock);
    for (unsigned i = 0; i < VISIT && count < BATCH && *first < end; i++, ++*first) {
        frame = radix_find(&object->pages, *first);
        if (frame == NULL && (frame = radix_next(&object->pages, first)) == NULL)
            break;
        if (*first >= end || (frame->state != PAGE_CLEAN && frame->state != PAGE_HOLE) ||
            atomic_load_explicit(&frame->references, memory_order_acquire) != 1)
            continue;
        radix_remove(&object->pages, *first, &memobj_radix_ops);
        object->resident--;
        frame->object = NULL;
        batch[count++] = frame;
    }
    spinlock_unlock(&object->lock);
    for (unsigned i = 0; i < count; i++)
        frame_put(batch[i]);
    return frame != NULL && *first < end;
}

void memobj_drop_clean(struct memobj *object, uint64_t offset, uint64_t end)
{
    uint64_t first = (offset + PAGE_SIZE - 1) >> PAGE_SHIFT,
             last = end >= MEMOBJ_SIZE_MAX ? UINT64_MAX : end >> PAGE_SHIFT;
    vmspace_unmap_object(object, first, last, false);
    while (drop_some(object, &first, last))
        sched_point();
}

void memobj_will_need(struct memobj *object, uint64_t offset, uint64_t end)
{
    uint64_t index = offset >> PAGE_SHIFT, last = index + PAGING_PAGES;
    struct frame *frame;
    if (end >> PAGE_SHIFT < last)
        last = end >> PAGE_SHIFT;
    if (object->size >> PAGE_SHIFT < last)
        last = object->size >> PAGE_SHIFT;
    for (; index < last && paging_page(object, index, false, false, &frame) == 0; index++)
        frame_put(frame);
}
