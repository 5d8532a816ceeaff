/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks over the lock word of the ABI (contract, section 7): user-space compare-and-swap when nobody
 * competes, else poll() with one lock subscription, which the kernel turns into ownership.
 *
 * The waiting functions take an optional deadline; they return 0, ETIMEDOUT, EDEADLK or EINVAL.
 */
#ifndef LIBC_THREAD_LOCK_H
#define LIBC_THREAD_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "abi/cloudabi_syscalls.h"
#include "libc/thread/thread.h"

typedef _Atomic(cloudabi_lock_t) lock_word;
typedef _Atomic(cloudabi_condvar_t) cond_word;

#define LOCK_OWNER(word) ((word)&0x3fffffffu)

struct deadline {
    cloudabi_clockid_t clock;
    cloudabi_timestamp_t time; /* absolute, in nanoseconds */
};

/* Wait for the lock in the kernel. TYPE is CLOUDABI_EVENTTYPE_LOCK_RDLOCK or _WRLOCK. */
int __lock_wait(lock_word *lock, cloudabi_scope_t scope, cloudabi_eventtype_t type,
                const struct deadline *deadline);
void __lock_release_contended(lock_word *lock, cloudabi_scope_t scope);
int __cond_wait(cond_word *cond, cloudabi_scope_t cond_scope, lock_word *lock,
                cloudabi_scope_t lock_scope, const struct deadline *deadline);

static inline cloudabi_scope_t lock_scope(bool shared)
{
    return shared ? CLOUDABI_SCOPE_SHARED : CLOUDABI_SCOPE_PRIVATE;
}

static inline bool lock_try_write(lock_word *lock)
{
    cloudabi_lock_t expected = CLOUDABI_LOCK_UNLOCKED;

    return atomic_compare_exchange_strong_explicit(lock, &expected,
                                                   __libc_self->tid | CLOUDABI_LOCK_WRLOCKED,
                                                   memory_order_acquire, memory_order_relaxed);
}

static inline int lock_write(lock_word *lock, cloudabi_scope_t scope,
                             const struct deadline *deadline)
{
    if (__builtin_expect(lock_try_write(lock), true))
        return 0;
    return __lock_wait(lock, scope, CLOUDABI_EVENTTYPE_LOCK_WRLOCK, deadline);
}

static inline bool lock_owned(lock_word *lock)
{
    cloudabi_lock_t word = atomic_load_explicit(lock, memory_order_relaxed);

    return (word & CLOUDABI_LOCK_WRLOCKED) != 0 && LOCK_OWNER(word) == __libc_self->tid;
}

static inline void lock_unwrite(lock_word *lock, cloudabi_scope_t scope)
{
    cloudabi_lock_t expected = __libc_self->tid | CLOUDABI_LOCK_WRLOCKED;

    if (__builtin_expect(
            !atomic_compare_exchange_strong_explicit(lock, &expected, CLOUDABI_LOCK_UNLOCKED,
                                                     memory_order_release, memory_order_relaxed),
            false))
        __lock_release_contended(lock, scope);
}

/* The library's own locks: private, held for a short time, never with a deadline. */
static inline void lock_take(lock_word *lock)
{
    (void)lock_write(lock, CLOUDABI_SCOPE_PRIVATE, NULL);
}

static inline void lock_drop(lock_word *lock)
{
    lock_unwrite(lock, CLOUDABI_SCOPE_PRIVATE);
}

static inline int cond_signal(cond_word *cond, cloudabi_scope_t scope, cloudabi_nthreads_t count)
{
    if (atomic_load_explicit(cond, memory_order_relaxed) == CLOUDABI_CONDVAR_HAS_NO_WAITERS)
        return 0;
    return cloudabi_sys_condvar_signal(cond, scope, count);
}

#endif
