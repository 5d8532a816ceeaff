/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads. A thread's memory is one mapping:
 *
 *   guard page | unsafe stack | guard page | stack | TLS | descriptor and reent
 *
 * The stack grows down from the TLS; the kernel uses the top of the stack area for itself. The mapping is
 * released by whoever joins the thread. A detached thread can not release what it stands on: it enters a
 * list of ended threads, which the next creation clears of those that the kernel is done with.
 *
 * Keys: e = ended_lock; otherwise a field is its thread's own until the lock `alive` is released.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libc/start/start.h"
#include "libc/thread/lock.h"
#include "libc/thread/thread.h"
#include "libc/malloc/heap.h"

#define PAGE             ((size_t)4096)
#define DEFAULT_STACK    ((size_t)256 << 10)
#define ROUND_PAGE(size) (((size) + PAGE - 1) & ~(PAGE - 1))

/* Held by nobody in particular, so that a joiner waits until the thread has put its own id there. Thread
 * ids are never 1. */
#define NOT_YET_OWNED (1 | CLOUDABI_LOCK_WRLOCKED)

extern __thread void *__safestack_unsafe_stack_ptr;

struct thread_block {
    struct __pthread thread;
    struct _reent reent;
};

/* Of a block with two stacks of this size. */
static size_t block_size_of(size_t stack)
{
    return 2 * (PAGE + stack) + ROUND_PAGE(sizeof(struct thread_block) + __libc_tls_size() + 64);
}

/* As many blocks of the default size are kept for the next threads. */
#define SPARE_MAX 8

static lock_word ended_lock;
static struct __pthread *ended; /* e */
static struct __pthread *spare; /* e: linked through next_ended */
static unsigned spare_count;    /* e */
static atomic_uint thread_count = 1;

/* Keep the block of a thread that has ended, or unmap it; the caller holds ended_lock. */
static void release_locked(struct __pthread *thread)
{
    if (thread->block_size != block_size_of(DEFAULT_STACK) || spare_count == SPARE_MAX) {
        __heap_unmap(thread->block, thread->block_size);
        return;
    }
    thread->next_ended = spare;
    spare = thread;
    spare_count++;
}

/* After this the descriptor may be another thread's, or gone. */
static void release(struct __pthread *thread)
{
    lock_take(&ended_lock);
    release_locked(thread);
    lock_drop(&ended_lock);
}

static struct __pthread *take_spare(void)
{
    lock_take(&ended_lock);
    struct __pthread *thread = spare;
    if (thread != NULL) {
        spare = thread->next_ended;
        spare_count--;
    }
    lock_drop(&ended_lock);
    return thread;
}

static bool has_ended(struct __pthread *thread)
{
    return atomic_load_explicit(&thread->alive, memory_order_acquire) == CLOUDABI_LOCK_UNLOCKED;
}

/* Release the detached threads that have ended meanwhile. */
static void release_ended(void)
{
    lock_take(&ended_lock);
    for (struct __pthread **at = &ended; *at != NULL;) {
        struct __pthread *thread = *at;
        if (has_ended(thread)) {
            *at = thread->next_ended;
            release_locked(thread);
        } else {
            at = &thread->next_ended;
        }
    }
    lock_drop(&ended_lock);
}

/* Map memory for a thread; NULL if there is none. */
static char *map_block(size_t stack)
{
    size_t total = block_size_of(stack);
    char *block = __heap_map(total, PAGE);

    if (block == NULL)
        return NULL;
    if (cloudabi_sys_mem_protect(block, PAGE, 0) != 0 ||
        cloudabi_sys_mem_protect(block + PAGE + stack, PAGE, 0) != 0) {
        __heap_unmap(block, total);
        return NULL;
    }
    return block;
}

/* A block that is laid out for a thread. Fills in the area of the kernel's stack. */
static struct __pthread *new_thread(size_t stack_size, cloudabi_threadattr_t *area)
{
    size_t stack = ROUND_PAGE(stack_size);
    struct __pthread *used = stack == DEFAULT_STACK ? take_spare() : NULL;
    char *block = used != NULL ? used->block : stack <= (size_t)1 << 40 ? map_block(stack) : NULL;

    if (block == NULL)
        return NULL;
    char *stack_start = block + PAGE + stack + PAGE;
    char *tls = stack_start + stack;
    struct thread_block *descriptor =
        (struct thread_block *)(((uintptr_t)tls + __libc_tls_size() + 63) & ~(uintptr_t)63);
    struct __pthread *thread = &descriptor->thread;
    if (used != NULL)
        memset(descriptor, 0, sizeof(*descriptor));
    thread->block = block;
    thread->block_size = block_size_of(stack);
    thread->tls = tls;
    thread->unsafe_stack_top = block + PAGE + stack;
    thread->reent = &descriptor->reent;
    _REENT_INIT_PTR_ZEROED(thread->reent);
    area->stack = stack_start;
    area->stack_len = stack;
    return thread;
}

static void __attribute__((noreturn, noinline)) run_thread(struct __pthread *self)
{
    pthread_exit(self->start(self->argument));
}

/* Replace the stand-in owner of the lock; a joiner may already have made the kernel manage it. */
static void __attribute__((no_sanitize("safe-stack"))) own_alive(struct __pthread *self)
{
    cloudabi_lock_t word = NOT_YET_OWNED;

    while (!atomic_compare_exchange_weak(&self->alive, &word,
                                         (word & CLOUDABI_LOCK_KERNEL_MANAGED) |
                                             CLOUDABI_LOCK_WRLOCKED | self->tid))
        ;
}

/* First code of a thread; until its TLS is there nothing may touch the unsafe stack. */
static void __attribute__((no_sanitize("safe-stack")))
thread_entry(cloudabi_tid_t tid, void *argument)
{
    struct __pthread *self = argument;

    self->tid = tid;
    own_alive(self);
    __libc_tls_setup(self->tls);
    __libc_self = self;
    __safestack_unsafe_stack_ptr = self->unsafe_stack_top;
    run_thread(self);
}

int pthread_create(pthread_t *result, const pthread_attr_t *attr, void *(*start)(void *),
                   void *argument)
{
    size_t stack_size = attr != NULL && attr->__stacksize != 0 ? attr->__stacksize : DEFAULT_STACK;
    cloudabi_threadattr_t area = {.entry_point = thread_entry};
    cloudabi_tid_t tid;

    release_ended();
    struct __pthread *thread = new_thread(stack_size, &area);
    if (thread == NULL)
        return EAGAIN;
    thread->start = start;
    thread->argument = argument;
    atomic_store(&thread->state,
                 attr != NULL && attr->__detached ? THREAD_DETACHED : THREAD_JOINABLE);
    atomic_store(&thread->alive, NOT_YET_OWNED);
    area.argument = thread;
    *result = thread;
    atomic_fetch_add(&thread_count, 1);
    cloudabi_errno_t error = cloudabi_sys_thread_create(&area, &tid);
    if (error != 0) {
        atomic_fetch_sub(&thread_count, 1);
        release(thread);
        return error == ENOMEM ? EAGAIN : error;
    }
    return 0;
}

static void end_detached(struct __pthread *self)
{
    lock_take(&ended_lock);
    self->next_ended = ended;
    ended = self;
    lock_drop(&ended_lock);
}

void pthread_exit(void *value)
{
    struct __pthread *self = __libc_self;

    while (self->cleanups != NULL) {
        struct cleanup *cleanup = self->cleanups;
        self->cleanups = cleanup->next;
        cleanup->routine(cleanup->argument);
    }
    __thread_run_key_destructors(self);
    self->result = value;
    if (atomic_fetch_sub(&thread_count, 1) == 1)
        exit(0);
    if (self->block != NULL)
        _reclaim_reent(self->reent);
    __malloc_thread_end(self);
    int joinable = THREAD_JOINABLE;
    if (!atomic_compare_exchange_strong(&self->state, &joinable, THREAD_ENDED) &&
        self->block != NULL)
        end_detached(self);
    cloudabi_sys_thread_exit(&self->alive, CLOUDABI_SCOPE_PRIVATE);
}

int pthread_join(pthread_t thread, void **value)
{
    if (thread == __libc_self)
        return EDEADLK;
    if (atomic_load(&thread->state) == THREAD_DETACHED)
        return EINVAL;
    if (!has_ended(thread)) {
        int error = __lock_wait(&thread->alive, CLOUDABI_SCOPE_PRIVATE,
                                CLOUDABI_EVENTTYPE_LOCK_RDLOCK, NULL);
        if (error != 0)
            return error;
    }
    if (value != NULL)
        *value = thread->result;
    if (thread->block != NULL)
        release(thread);
    return 0;
}

int pthread_detach(pthread_t thread)
{
    int joinable = THREAD_JOINABLE;

    if (atomic_compare_exchange_strong(&thread->state, &joinable, THREAD_DETACHED))
        return 0;
    if (joinable == THREAD_DETACHED)
        return EINVAL;
    return pthread_join(thread, NULL);
}

pthread_t pthread_self(void)
{
    return __libc_self;
}

int pthread_equal(pthread_t a, pthread_t b)
{
    return a == b;
}

bool __thread_is_alone(void)
{
    return atomic_load_explicit(&thread_count, memory_order_relaxed) == 1;
}

/* In the child of a fork only the caller goes on. What need not change is not written: each page that is
 * costs a copy. */
void __thread_only_one(void)
{
    if (!__thread_is_alone())
        atomic_store(&thread_count, 1);
    if (ended != NULL)
        ended = NULL;
}
