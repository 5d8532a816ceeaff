/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes.  State 2 is left behind by every thread that had to wait, so an unlock after it looks at the
 * queue even if nobody waits any more: one wasted look, never a lost wake-up.  A newcomer may overtake
 * the thread that was woken; that one then sets state 2 again before it parks.
 */
#include "kernel/sync/mutex.h"

#include "kernel/sched/thread.h"

void mutex_init(struct mutex *mutex)
{
    atomic_init(&mutex->state, 0);
    waitq_init(&mutex->waiters);
    mutex->owner = NULL;
}

__attribute__((noinline)) void mutex_lock_slow(struct mutex *mutex)
{
    struct waiter waiter;
    waitq_add(&mutex->waiters, &waiter);
    while (atomic_exchange_explicit(&mutex->state, 2, memory_order_acquire) != 0) {
        thread_park_uninterruptible();
        /* An unlock from here on must see this waiter as not yet woken. */
        waitq_rearm(&waiter);
    }
    waitq_remove(&waiter);
    /* A wait around this one may have lost its token here: it gets one back, at worst to no purpose. */
    atomic_store(&waiter.thread->unparked, true);
}

__attribute__((noinline)) cloudabi_errno_t mutex_lock_killable_slow(struct mutex *mutex)
{
    struct waiter waiter;
    cloudabi_errno_t error = 0;
    waitq_add(&mutex->waiters, &waiter);
    while (atomic_exchange_explicit(&mutex->state, 2, memory_order_acquire) != 0) {
        error = thread_park(UINT64_MAX);
        if (error != 0)
            break;
        waitq_rearm(&waiter);
    }
    waitq_remove(&waiter);
    atomic_store(&waiter.thread->unparked, true);
    if (error != 0) /* an unlock may have woken this one, and no other */
        waitq_wake_one(&mutex->waiters);
    return error;
}

__attribute__((noinline)) void mutex_unlock_slow(struct mutex *mutex)
{
    waitq_wake_one(&mutex->waiters);
}
