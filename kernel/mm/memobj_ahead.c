/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading ahead of need.  A miss brings in what follows it, and its thread waits; but once a file is read from end to
 * end, the threads of the pool keep several requests for what comes next at the device while the reader still copies
 * what has come.  The reader says where it is every 64 KiB.
 */
#include "kernel/mm/memobj_paging.h"
#include "kernel/sched/thread.h"

#define AHEAD_PAGES (PAGING_READERS * PAGING_PAGES) /* beyond where the reader is */

/* How many windows should be on their way to a reader that has come to INDEX. Object's lock held. */
static unsigned windows_wanted(const struct memobj *object, uint64_t index)
{
    const struct paging *paging = object->paging;
    uint64_t next = paging->next_miss, want = index + AHEAD_PAGES;
    if (paging->window != PAGING_PAGES || next <= index || next >= want || next >= paging->backed)
        return 0;
    return (unsigned)((want - next + PAGING_PAGES - 1) / PAGING_PAGES);
}

void paging_ahead(struct memobj *object, uint64_t index)
{
    struct paging *paging = object->paging;
    struct paging_pool *pool = paging->pool;
    spinlock_lock(&object->lock);
    unsigned wanted = windows_wanted(object, index);
    spinlock_unlock(&object->lock);
    if (wanted == 0)
        return;
    spinlock_lock(&pool->lock);
    if (!atomic_load(&pool->closing)) {
        if (list_empty(&paging->ahead_link)) {
            memobj_get(object);
            list_append(&pool->ahead, &paging->ahead_link);
        }
        paging->ahead = wanted;
    }
    spinlock_unlock(&pool->lock);
    waitq_wake_all(&pool->readers);
}

/* An object of which a window is to be read: referenced. NULL: none. */
static struct memobj *next_object(struct paging_pool *pool)
{
    struct memobj *object = NULL;
    spinlock_lock(&pool->lock);
    if (!list_empty(&pool->ahead)) {
        struct paging *paging = container_of(pool->ahead.next, struct paging, ahead_link);
        object = paging->object; /* the list's reference, or one more */
        if (--paging->ahead == 0)
            list_remove(&paging->ahead_link);
        else
            memobj_get(object);
    }
    spinlock_unlock(&pool->lock);
    return object;
}

static void sleep_empty(struct paging_pool *pool)
{
    struct waiter waiter;
    waitq_add(&pool->readers, &waiter);
    if (!atomic_load(&pool->closing) && list_empty(&pool->ahead))
        thread_park(UINT64_MAX);
    waitq_remove(&waiter);
}

void paging_reader(void *argument)
{
    struct paging_pool *pool = argument;
    struct memobj *object;
    while (!atomic_load(&pool->closing)) {
        if ((object = next_object(pool)) == NULL) {
            sleep_empty(pool);
            continue;
        }
        paging_fill_next(object);
        memobj_put(object);
    }
    while ((object = next_object(pool)) != NULL)
        memobj_put(object);
    paging_pool_put(pool);
    thread_exit_current();
}
