/* SPDX-License-Identifier: BSD-2-Clause */
/* A sleeping lock: may be held across page faults and allocation, never taken under a spinlock.
 * Waits are not interrupted by kill: critical sections are short and never wait for a service. */
#ifndef KERNEL_SYNC_MUTEX_H
#define KERNEL_SYNC_MUTEX_H

#include <stdatomic.h>

#include "kernel/sync/waitq.h"

struct mutex {
    atomic_uint state; /* 0 free, 1 held, 2 held and perhaps wanted */
    struct waitq waiters;
    struct thread *owner; /* for assertions */
};

void mutex_init(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
bool mutex_held(const struct mutex *mutex); /* by the calling thread */

#endif
