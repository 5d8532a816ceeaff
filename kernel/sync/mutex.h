/* SPDX-License-Identifier: BSD-2-Clause */
/* A sleeping lock: may be held across page faults and allocation, never taken under a spinlock.
 * Waits are not interrupted by kill: critical sections are short and never wait for a service. */
#ifndef KERNEL_SYNC_MUTEX_H
#define KERNEL_SYNC_MUTEX_H

#include <stdatomic.h>

#include "kernel/lib/assert.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/waitq.h"

struct mutex {
    atomic_uint state; /* 0 free, 1 held, 2 held and perhaps wanted */
    struct waitq waiters;
    struct thread *owner; /* for assertions */
};

void mutex_init(struct mutex *mutex);
void mutex_lock_slow(struct mutex *mutex);
void mutex_unlock_slow(struct mutex *mutex); /* somebody may wait */

static inline bool mutex_held(const struct mutex *mutex) /* by the calling thread */
{
    return mutex->owner == thread_self();
}

static inline void mutex_lock(struct mutex *mutex)
{
    unsigned expected = 0;
    spinlock_assert_none();
    kassert(!mutex_held(mutex));
    if (!atomic_compare_exchange_strong_explicit(&mutex->state, &expected, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        mutex_lock_slow(mutex);
    mutex->owner = thread_self();
}

/* False: somebody holds it. */
static inline bool mutex_trylock(struct mutex *mutex)
{
    unsigned expected = 0;
    if (!atomic_compare_exchange_strong_explicit(&mutex->state, &expected, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    mutex->owner = thread_self();
    return true;
}

cloudabi_errno_t mutex_lock_killable_slow(struct mutex *mutex);
/* EINTR: the thread is being killed, and has not got it. For those that are held across a service's answer. */
static inline cloudabi_errno_t mutex_lock_killable(struct mutex *mutex)
{
    unsigned expected = 0;
    spinlock_assert_none();
    kassert(!mutex_held(mutex));
    if (!atomic_compare_exchange_strong_explicit(&mutex->state, &expected, 1, memory_order_acquire,
                                                 memory_order_relaxed)) {
        cloudabi_errno_t error = mutex_lock_killable_slow(mutex);
        if (error != 0)
            return error;
    }
    mutex->owner = thread_self();
    return 0;
}

static inline bool mutex_try(struct mutex *mutex)
{
    unsigned expected = 0;
    if (!atomic_compare_exchange_strong_explicit(&mutex->state, &expected, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    mutex->owner = thread_self();
    return true;
}

static inline void mutex_unlock(struct mutex *mutex)
{
    kassert(mutex_held(mutex));
    mutex->owner = NULL;
    if (atomic_exchange_explicit(&mutex->state, 0, memory_order_acq_rel) == 2)
        mutex_unlock_slow(mutex);
}

#endif
