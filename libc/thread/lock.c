/* SPDX-License-Identifier: BSD-2-Clause */
/* The contended halves of thread/lock.h: waiting and waking in the kernel. */
#include "libc/thread/lock.h"

#include <errno.h>
#include <stdlib.h>

cloudabi_tid_t __libc_tid_before_fork;

/* Poll for one lock or condition, with a deadline or without. */
static int wait_for(cloudabi_subscription_t *what, const struct deadline *deadline)
{
    cloudabi_subscription_t in[2] = {*what};
    cloudabi_event_t out[2];
    size_t events = 0;
    size_t count = 1;

    if (deadline != NULL) {
        in[count++] = (cloudabi_subscription_t){
            .type = CLOUDABI_EVENTTYPE_CLOCK,
            .clock = {.clock_id = deadline->clock,
                      .timeout = deadline->time,
                      .flags = CLOUDABI_SUBSCRIPTION_CLOCK_ABSTIME},
        };
    }
    cloudabi_errno_t error = cloudabi_sys_poll(in, out, count, &events);
    if (error != 0)
        return error;
    for (size_t i = 0; i < events; i++) {
        if (out[i].type == what->type)
            return out[i].error;
    }
    return events > 0 && out[0].error != 0 ? out[0].error : ETIMEDOUT;
}

/* In the child of a fork the forking thread's private locks still carry its old id: make them its own. */
static bool adopt_lock(lock_word *lock, cloudabi_scope_t scope)
{
    cloudabi_lock_t word = atomic_load_explicit(lock, memory_order_relaxed);

    if (scope != CLOUDABI_SCOPE_PRIVATE || __libc_tid_before_fork == 0 ||
        (word & CLOUDABI_LOCK_WRLOCKED) == 0 || LOCK_OWNER(word) != __libc_tid_before_fork)
        return false;
    atomic_store_explicit(lock, __libc_self->tid | CLOUDABI_LOCK_WRLOCKED, memory_order_relaxed);
    return true;
}

int __lock_wait(lock_word *lock, cloudabi_scope_t scope, cloudabi_eventtype_t type,
                const struct deadline *deadline)
{
    cloudabi_subscription_t what = {.type = type, .lock = {.lock = lock, .lock_scope = scope}};

    return wait_for(&what, deadline);
}

void __lock_release_contended(lock_word *lock, cloudabi_scope_t scope)
{
    if (adopt_lock(lock, scope)) {
        lock_unwrite(lock, scope);
        return;
    }
    /* Either the kernel manages the lock, or the caller does not hold it. */
    if ((atomic_load_explicit(lock, memory_order_relaxed) & CLOUDABI_LOCK_KERNEL_MANAGED) != 0 &&
        cloudabi_sys_lock_unlock(lock, scope) == 0)
        return;
    abort();
}

int __cond_wait(cond_word *cond, cloudabi_scope_t cond_scope, lock_word *lock,
                cloudabi_scope_t scope, const struct deadline *deadline)
{
    cloudabi_subscription_t what = {
        .type = CLOUDABI_EVENTTYPE_CONDVAR,
        .condvar = {.condvar = cond,
                    .lock = lock,
                    .condvar_scope = cond_scope,
                    .lock_scope = scope},
    };

    return wait_for(&what, deadline);
}
