/* SPDX-License-Identifier: BSD-2-Clause */
/* Between futex_word.c (the words in user memory), futex_lock.c and futex_condvar.c. */
#ifndef KERNEL_PROC_FUTEX_PRIV_H
#define KERNEL_PROC_FUTEX_PRIV_H

#include <stdatomic.h>

#include "kernel/lib/list.h"
#include "kernel/proc/futex.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/spinlock.h"

#define WRLOCKED   CLOUDABI_LOCK_WRLOCKED
#define MANAGED    CLOUDABI_LOCK_KERNEL_MANAGED
#define COUNT_MASK 0x3fffffffu /* tid of the writer, or number of readers */

/* A word in user memory: what it is known by, and how it is reached. */
struct futex_word {
    const void *space;        /* vmspace of a private word, memory object of a shared one */
    uint64_t offset;          /* address there */
    _Atomic uint32_t *direct; /* shared: the word itself, in FRAME, both kept by reference */
    struct frame *frame;
    struct memobj *object;
};

enum futex_want { WANT_READ, WANT_WRITE, WANT_SIGNAL };

struct futex_bucket {
    struct spinlock lock; /* RANK_FUTEX; two are taken by rising address */
    struct list sleepers;
} __attribute__((aligned(64)));

/* A thread that waits; lies on its stack. b: lock of the bucket that it is in, both while it moves. */
struct futex_sleeper {
    struct list link;              /* b */
    const void *space;             /* b: what it waits on */
    uint64_t offset;               /* b */
    enum futex_want want;          /* b */
    bool queued;                   /* b: in a bucket */
    _Atomic bool granted;          /* b to set: the lock is its own */
    const struct futex_word *lock; /* c: the lock that it wants, or will want after a signal */
    struct thread *thread;         /* c */
    cloudabi_tid_t tid;            /* c */
};

/* For the calling thread. What the queue sets is left alone: this is on a short path. */
static inline void futex_sleeper_init(struct futex_sleeper *sleeper, const struct futex_word *lock)
{
    sleeper->queued = false;
    atomic_init(&sleeper->granted, false);
    sleeper->lock = lock;
    sleeper->thread = thread_self();
    sleeper->tid = sleeper->thread->tid;
}

/* futex_word.c. EFAULT: not writable memory of the caller; EINVAL: not aligned. */
cloudabi_errno_t futex_word_open(struct futex_word *word, const struct futex_address *address);
void futex_word_close(struct futex_word *word);
/* Never sleep. False: the page is missing; drop all locks and futex_word_touch(). */
bool futex_word_load(const struct futex_word *word, uint32_t *value);
bool futex_word_swap(const struct futex_word *word, uint32_t *expected, uint32_t desired,
                     bool *swapped);
cloudabi_errno_t futex_word_touch(const struct futex_word *word); /* EFAULT */
struct futex_bucket *futex_bucket_of(const void *space, uint64_t offset);
bool futex_same(const struct futex_sleeper *sleeper, const struct futex_word *word);

/* A program that changes its word without end may not keep the kernel in a loop under a spinlock. */
#define FUTEX_TRIES 64
/* What the `_locked` functions say besides errors that programs see. */
#define FUTEX_WAIT CLOUDABI_EAGAIN /* the lock is taken, and marked as managed */
#define FUTEX_BUSY CLOUDABI_EBUSY  /* FUTEX_TRIES used up: drop the locks and come again */
/* After EFAULT or BUSY without locks: 0 = try again. */
cloudabi_errno_t futex_recover(cloudabi_errno_t error, const struct futex_word *word);

/* futex_lock.c. The bucket of the lock is locked. */
void futex_queue_locked(struct futex_bucket *bucket, struct futex_sleeper *sleeper,
                        const struct futex_word *word, enum futex_want want);
void futex_dequeue_locked(struct futex_sleeper *sleeper);
void futex_grant_locked(struct futex_sleeper *sleeper);
bool futex_awaited_locked(struct futex_bucket *bucket, const struct futex_word *word);
cloudabi_errno_t futex_unlock_locked(struct futex_bucket *bucket, const struct futex_word *word,
                                     cloudabi_tid_t tid);
/* Without locks. */
cloudabi_errno_t futex_take(struct futex_sleeper *sleeper, enum futex_want want, uint64_t deadline);
cloudabi_errno_t futex_sleep(struct futex_sleeper *sleeper, uint64_t deadline); /* already queued */

#endif
