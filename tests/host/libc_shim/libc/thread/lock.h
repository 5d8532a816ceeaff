/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for libc/thread/lock.h on the host, where the allocator is tested under sanitizers. */
#ifndef TESTS_HOST_LIBC_SHIM_LOCK_H
#define TESTS_HOST_LIBC_SHIM_LOCK_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "abi/cloudabi_syscalls.h"

struct malloc_cache;

struct __pthread {
    struct malloc_cache *cache;
};

extern __thread struct __pthread *__libc_self;

typedef atomic_flag lock_word;

static inline void lock_take(lock_word *lock)
{
    while (atomic_flag_test_and_set_explicit(lock, memory_order_acquire))
        sched_yield();
}

static inline void lock_drop(lock_word *lock)
{
    atomic_flag_clear_explicit(lock, memory_order_release);
}

void __malloc_thread_end(struct __pthread *self);
void __malloc_before_fork(void);
void __malloc_after_fork(void);

#endif
