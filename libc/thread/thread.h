/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread as libc knows it. The descriptor of a created thread lies in the thread's own block,
 * above its stacks (see create.c); that of the main thread is static.
 */
#ifndef LIBC_THREAD_THREAD_H
#define LIBC_THREAD_THREAD_H

#include <pthread.h>
#include <reent.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "abi/cloudabi_types.h"

#define THREAD_KEYS 128

struct malloc_cache;

struct cleanup {
    struct cleanup *next;
    void (*routine)(void *);
    void *argument;
};

struct __pthread {
    cloudabi_tid_t tid;
    struct _reent *reent;
    struct malloc_cache *cache; /* libc/malloc; NULL until the first allocation */
    /* Write-held by the thread while it lives; the kernel releases it after the thread has ended. */
    _Atomic(cloudabi_lock_t) alive;
    void *(*start)(void *);
    void *argument;
    void *result;
    void *
        block; /* the mapping that holds stacks, TLS and this descriptor; NULL for the main thread */
    size_t block_size;
    void *tls;
    char *unsafe_stack_top;
    atomic_int state;             /* enum thread_state */
    struct __pthread *next_ended; /* in the list of ended detached threads */
    struct cleanup *cleanups;
    void *specific[THREAD_KEYS];
};

enum thread_state { THREAD_JOINABLE, THREAD_DETACHED, THREAD_ENDED };

extern __thread struct __pthread *__libc_self;

/* Old thread id of the thread that forked, in the child; locks it held then are its own. 0 if none. */
extern cloudabi_tid_t __libc_tid_before_fork;

/* Run the destructors of thread-specific data (attr.c) and give cached memory back (libc/malloc). */
void __thread_run_key_destructors(struct __pthread *self);
void __malloc_thread_end(struct __pthread *self);

/* Take and release the library's own locks around a fork. */
void __malloc_before_fork(void);
void __malloc_after_fork(void);
void __thread_after_fork(cloudabi_tid_t tid);
void __thread_only_one(void);
bool __thread_is_alone(void);

/* Run the handlers of pthread_atfork. */
enum fork_moment { FORK_PREPARE, FORK_PARENT, FORK_CHILD };
void __atfork_run(enum fork_moment moment);

#endif
