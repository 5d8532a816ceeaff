/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flusher: a thread of each pool that writes out what has been dirty for 5 s, and, when half of what may be dirty
 * is, or somebody waits for room, whatever has been dirty longest.  It also drops objects that nobody uses.
 */
#include "kernel/mm/memobj_paging.h"
#include "kernel/sched/thread.h"

#define AGE_NS   5000000000ul
#define LOOK_NS  2500000000ul /* how often it looks at ages */
#define RETRY_NS 1000000000ul /* after a failure */

/* Those of OBJECT's pages that are dirty have become so, or have failed, just now. */
static void flushed(struct paging_pool *pool, struct memobj *object, uint64_t now)
{
    struct paging *paging = object->paging;
    spinlock_lock(&pool->lock);
    if (!list_empty(&paging->dirty_link)) {
        list_remove(&paging->dirty_link);
        paging->dirty_since = now;
        list_append(&pool->dirty, &paging->dirty_link);
    }
    spinlock_unlock(&pool->lock);
    atomic_store(&pool->wanted, false);
    waitq_wake_all(&pool->room);
}

cloudabi_errno_t paging_pool_flush(struct paging_pool *pool)
{
    cloudabi_errno_t first = 0;
    uint64_t now = arch_clock_monotonic();
    for (;;) {
        struct memobj *object = NULL;
        spinlock_lock(&pool->lock);
        if (!list_empty(&pool->dirty)) {
            struct paging *paging = container_of(pool->dirty.next, struct paging, dirty_link);
            if (paging->dirty_since < now)
                object = memobj_get(paging->object);
        }
        spinlock_unlock(&pool->lock);
        if (object == NULL)
            return first;
        cloudabi_errno_t error = paging_clean(object, 0, UINT64_MAX);
        flushed(pool, object, arch_clock_monotonic());
        memobj_put(object);
        if (first == 0)
            first = error;
        if (error == CLOUDABI_EINTR)
            return error;
    }
}

/* --- the flusher ---------------------------------------------------------------------------- */

void paging_wake_flusher(struct paging_pool *pool)
{
    waitq_wake_all(&pool->flusher);
}

static bool is_pressed(const struct paging_pool *pool)
{
    return atomic_load(&pool->wanted) ||
           atomic_load(&pool->dirty_pages) >= atomic_load(&pool->dirty_max) / 2;
}

/* The object that has been dirty longest, if it is to be written: referenced. */
static struct memobj *oldest_dirty(struct paging_pool *pool, uint64_t now)
{
    struct memobj *object = NULL;
    spinlock_lock(&pool->lock);
    if (!list_empty(&pool->dirty)) {
        struct paging *paging = container_of(pool->dirty.next, struct paging, dirty_link);
        if (paging->dirty_since + AGE_NS <= now || is_pressed(pool))
            object = memobj_get(paging->object); /* the pool has one */
    } else {
        atomic_store(&pool->wanted, false);
    }
    spinlock_unlock(&pool->lock);
    return object;
}

static void flusher_sleep(struct paging_pool *pool, uint64_t until, bool stuck)
{
    struct waiter waiter;
    waitq_add(&pool->flusher, &waiter);
    if (!atomic_load(&pool->closing) && (stuck || !is_pressed(pool) || list_empty(&pool->dirty)))
        thread_park(until);
    waitq_remove(&waiter);
}

void paging_flusher(void *argument)
{
    struct paging_pool *pool = argument;
    while (!atomic_load(&pool->closing)) {
        uint64_t now = arch_clock_monotonic();
        struct memobj *object = oldest_dirty(pool, now);
        cloudabi_errno_t error = 0;
        bool stuck = false; /* what it writes does not get less */
        if (object != NULL) {
            uint64_t before = atomic_load(&pool->dirty_pages);
            error = paging_clean(object, 0, UINT64_MAX);
            flushed(pool, object, arch_clock_monotonic());
            memobj_put(object);
            stuck = error != 0 || atomic_load(&pool->dirty_pages) >= before;
            if (!stuck)
                continue;
        }
        atomic_store(&pool->dirty_max, paging_dirty_max(pool));
        paging_drop_unused(pool, false);
        uint64_t next = atomic_load(&pool->object_count) == 0 ? UINT64_MAX : now + LOOK_NS;
        flusher_sleep(pool, stuck ? now + RETRY_NS : next, stuck);
    }
    paging_pool_put(pool);
    thread_exit_current();
}

cloudabi_errno_t paging_throttle(struct paging_pool *pool)
{
    struct waiter waiter;
    cloudabi_errno_t error = 0;
    waitq_add(&pool->room, &waiter);
    while (paging_is_over(pool)) {
        if (atomic_load(&pool->failing)) {
            error = CLOUDABI_EIO;
            break;
        }
        atomic_store(&pool->wanted, true);
        paging_wake_flusher(pool);
        if ((error = thread_park(UINT64_MAX)) != 0)
            break;
    }
    waitq_remove(&waiter);
    return error;
}
