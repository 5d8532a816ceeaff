/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools of objects with pagers, and what belongs to one object: its beginning, its requests under way, its end. */
#include "kernel/lib/refcount.h"
#include "kernel/mm/memobj_paging.h"
#include "kernel/mm/slab.h"
#include "kernel/sched/thread.h"

static struct slab_cache paging_cache = SLAB_CACHE(paging_cache, struct paging, OBJECT_OTHER);

struct spinlock paging_pools_lock = SPINLOCK_INIT(RANK_POOL);
struct list paging_pools = LIST_INIT(paging_pools);

/* --- pools ---------------------------------------------------------------------------------- */

static struct paging_pool *pool_alloc(struct job *job)
{
    struct paging_pool *pool = kmalloc(job, sizeof(*pool));
    if (pool == NULL)
        return NULL;
    pool->references = 1;
    pool->job = job_get(job);
    spinlock_init(&pool->lock, RANK_POOL);
    list_init(&pool->objects);
    list_init(&pool->dirty);
    list_init(&pool->ahead);
    waitq_init(&pool->readers);
    waitq_init(&pool->flusher);
    waitq_init(&pool->room);
    atomic_store(&pool->dirty_max, paging_dirty_max(pool));
    spinlock_lock(&paging_pools_lock);
    list_append(&paging_pools, &pool->link);
    spinlock_unlock(&paging_pools_lock);
    return pool;
}

static bool pool_thread(struct paging_pool *pool, void (*run)(void *))
{
    struct thread *thread;
    if (thread_create(NULL, pool->job, run, pool, &thread) != 0)
        return false;
    refcount_get(&pool->references);
    thread_start(thread);
    return true;
}

struct paging_pool *paging_pool_create(struct job *job)
{
    struct paging_pool *pool = pool_alloc(job);
    if (pool == NULL)
        return NULL;
    bool fine = pool_thread(pool, paging_flusher);
    for (unsigned i = 0; fine && i < PAGING_READERS; i++)
        fine = pool_thread(pool, paging_reader);
    if (fine)
        return pool;
    paging_pool_close(pool);
    return NULL;
}

void paging_pool_put(struct paging_pool *pool)
{
    /* Under the list's lock, as who finds a pool there takes a reference. */
    spinlock_lock(&paging_pools_lock);
    bool last = refcount_put(&pool->references);
    if (last)
        list_remove(&pool->link);
    spinlock_unlock(&paging_pools_lock);
    if (!last)
        return;
    struct job *job = pool->job;
    kfree(pool);
    job_put(job);
}

void paging_pool_close(struct paging_pool *pool)
{
    spinlock_lock(&pool->lock);
    atomic_store(&pool->closing, true);
    spinlock_unlock(&pool->lock);
    paging_wake_flusher(pool);
    waitq_wake_all(&pool->readers);
    paging_pool_put(pool);
}

cloudabi_errno_t paging_pool_settle(struct paging_pool *pool)
{
    struct waiter waiter;
    cloudabi_errno_t error = 0;
    waitq_add(&pool->room, &waiter);
    while (error == 0 && atomic_load(&pool->writing) != 0)
        error = thread_park(UINT64_MAX);
    waitq_remove(&waiter);
    return error;
}

/* --- objects -------------------------------------------------------------------------------- */

cloudabi_errno_t paging_create(struct memobj *object, struct paging_pool *pool,
                               const struct pager_ops *ops, void *owner)
{
    struct paging *paging = slab_alloc(&paging_cache, object->job);
    if (paging == NULL)
        return CLOUDABI_ENOMEM;
    refcount_get(&pool->references);
    paging->object = object;
    paging->pool = pool;
    paging->ops = ops;
    paging->owner = owner;
    paging->backed = (object->size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    paging->last_use = arch_clock_monotonic();
    list_init(&paging->link);
    list_init(&paging->dirty_link);
    list_init(&paging->ahead_link);
    object->paging = paging;
    memobj_get(object);
    spinlock_lock(&pool->lock);
    paging->pooled = true;
    bool first = list_empty(&pool->objects);
    list_append(&pool->objects, &paging->link);
    spinlock_unlock(&pool->lock);
    atomic_fetch_add(&pool->object_count, 1);
    if (first)
        paging_wake_flusher(pool);
    return 0;
}

void paging_destroy(struct memobj *object)
{
    struct paging *paging = object->paging;
    kassert(!paging->pooled && paging->dirty == 0);
    paging->ops->destroy(paging->owner);
    paging_pool_put(paging->pool);
    slab_free(&paging_cache, paging);
}

void paging_forget(struct memobj *object)
{
    struct paging *paging = object->paging;
    struct paging_pool *pool = paging->pool;
    paging->ops->detach(object, false); /* before the reference goes that keeps it findable */
    spinlock_lock(&pool->lock);
    bool pooled = paging->pooled;
    paging->pooled = false;
    list_remove(&paging->link);
    list_remove(&paging->dirty_link);
    spinlock_unlock(&pool->lock);
    if (!pooled)
        return;
    atomic_fetch_sub(&pool->object_count, 1);
    memobj_put(object);
}

/* --- requests under way --------------------------------------------------------------------- */

void paging_io_begin(struct memobj *object, struct transfer *transfer, bool write)
{
    struct paging *paging = object->paging;
    transfer->object = memobj_get(object);
    transfer->write = write;
    spinlock_lock(&object->lock);
    if (write)
        paging->writing++;
    else
        paging->reading++;
    spinlock_unlock(&object->lock);
    if (write)
        atomic_fetch_add(&paging->pool->writing, 1);
}

void paging_io_end(struct memobj *object, bool write)
{
    struct paging *paging = object->paging;
    spinlock_lock(&object->lock);
    if (write)
        paging->writing--;
    else
        paging->reading--;
    spinlock_unlock(&object->lock);
    waitq_wake_all(&object->page_waiters);
    if (write && atomic_fetch_sub(&paging->pool->writing, 1) == 1)
        waitq_wake_all(&paging->pool->room);
    memobj_put(object);
}
