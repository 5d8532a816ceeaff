/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wait queues.
 *
 * Why no wake-up is lost.  The sleeper adds itself (1) and then looks at the condition (2); the waker
 * changes the condition (3) and then looks at the queue (4).  Both (2) and (3) happen under the lock that
 * guards the condition.  If (3) comes first, (2) sees it.  If (2) comes first, then (1) is before the
 * sleeper's release of that lock and (4) after the waker's acquire of it, so (4) sees the waiter, even
 * without the queue's lock: waitq_idle() is enough as long as it is called after that lock was taken.
 *
 * Why a waiter does not vanish under the waker.  It is removed by its own thread under the queue's
 * lock, and wakers unpark under that lock.
 */
#include "kernel/sync/waitq.h"

#include "kernel/sched/thread.h"

void waitq_init(struct waitq *queue)
{
    spinlock_init(&queue->lock, RANK_WAITQ);
    list_init(&queue->waiters);
}

bool waitq_idle(const struct waitq *queue)
{
    return *(struct list *const volatile *)&queue->waiters.next == &queue->waiters;
}

void waitq_add(struct waitq *queue, struct waiter *waiter)
{
    waiter->queue = queue;
    waiter->thread = thread_self();
    waiter->fired = false;
    spinlock_lock(&queue->lock);
    list_append(&queue->waiters, &waiter->link);
    spinlock_unlock(&queue->lock);
}

void waitq_remove(struct waiter *waiter)
{
    struct waitq *queue = __atomic_load_n(&waiter->queue, __ATOMIC_ACQUIRE);
    if (queue == NULL)
        return;
    spinlock_lock(&queue->lock);
    list_remove(&waiter->link); /* harmless if it was taken meanwhile */
    spinlock_unlock(&queue->lock);
}

void waitq_rearm(struct waiter *waiter)
{
    spinlock_lock(&waiter->queue->lock);
    waiter->fired = false;
    spinlock_unlock(&waiter->queue->lock);
}

void waitq_wake_all(struct waitq *queue)
{
    if (waitq_idle(queue))
        return;
    spinlock_lock(&queue->lock);
    list_for_each(link, &queue->waiters)
    {
        struct waiter *waiter = container_of(link, struct waiter, link);
        waiter->fired = true;
        thread_unpark(waiter->thread);
    }
    spinlock_unlock(&queue->lock);
}

static struct waiter *first_unfired(struct waitq *queue)
{
    list_for_each(link, &queue->waiters)
    {
        struct waiter *waiter = container_of(link, struct waiter, link);
        if (!waiter->fired)
            return waiter;
    }
    return NULL;
}

bool waitq_wake_one(struct waitq *queue)
{
    if (waitq_idle(queue))
        return false;
    spinlock_lock(&queue->lock);
    struct waiter *waiter = first_unfired(queue);
    if (waiter != NULL) {
        waiter->fired = true;
        thread_unpark(waiter->thread);
    }
    spinlock_unlock(&queue->lock);
    return waiter != NULL;
}

void waitq_wake_where(struct waitq *queue, bool (*may)(const struct waiter *, void *),
                      void *argument)
{
    spinlock_lock(&queue->lock);
    list_for_each(link, &queue->waiters)
    {
        struct waiter *waiter = container_of(link, struct waiter, link);
        if (waiter->fired || !may(waiter, argument))
            continue;
        waiter->fired = true;
        thread_unpark(waiter->thread);
        break;
    }
    spinlock_unlock(&queue->lock);
}

struct thread *waitq_take_one(struct waitq *queue)
{
    struct thread *thread = NULL;
    if (waitq_idle(queue))
        return NULL;
    spinlock_lock(&queue->lock);
    struct waiter *waiter = first_unfired(queue);
    if (waiter != NULL) {
        waiter->fired = true;
        list_remove(&waiter->link);
        thread = waiter->thread;
        __atomic_store_n(&waiter->queue, NULL, __ATOMIC_RELEASE); /* from here on it may vanish */
    }
    spinlock_unlock(&queue->lock);
    return thread;
}
