/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting.  A thread sleeps by parking; whoever makes its condition true unparks it.  The token in
 * thread_park()/thread_unpark() makes an unpark that comes first count: no wake-up is lost.
 *
 * A wait queue is a list of waiters under its own lock.  The usual loop, with L guarding the condition:
 *
 *     struct waiter w;
 *     waitq_add(&q, &w);
 *     for (;;) {
 *         spinlock_lock(&L); done = condition; spinlock_unlock(&L);
 *         if (done || (error = thread_park(deadline)) != 0) break;
 *     }
 *     waitq_remove(&w);
 *
 * A waker that calls waitq_wake_* after changing the condition either sees the waiter on the queue
 * or the waiter sees the condition. One thread may be on many queues at once (poll).
 * thread_park() may return 0 for no reason (a token that was left over): always look again.  A
 * wait inside a wait (a page fault in the loop above) must leave the token set when it ends, as mutexes do.
 */
#ifndef KERNEL_SYNC_WAITQ_H
#define KERNEL_SYNC_WAITQ_H

#include "kernel/lib/list.h"
#include "kernel/sync/spinlock.h"

struct thread;
struct waitq;

struct waitq {
    struct spinlock lock; /* RANK_WAITQ */
    struct list waiters;  /* of struct waiter; q */
};

struct waiter {
    struct list link;      /* q */
    struct waitq *queue;   /* q; NULL once it was taken off with waitq_take_one() */
    struct thread *thread; /* who is woken */
    bool fired;            /* q: a waker has seen it (it stays on the queue) */
};

void waitq_init(struct waitq *queue);
bool waitq_idle(const struct waitq *queue); /* no lock: a hint for wakers on hot paths */
void waitq_add(struct waitq *queue, struct waiter *waiter); /* for the calling thread, at the end */
void waitq_remove(struct waiter *waiter);
void waitq_rearm(struct waiter *waiter); /* may be woken again by waitq_wake_one() */
void waitq_wake_all(struct waitq *queue);
bool waitq_wake_one(struct waitq *queue); /* the first not yet fired; false: nobody */
/* Wakes the first not yet fired that MAY go on. MAY runs under the queue's lock. */
void waitq_wake_where(struct waitq *queue, bool (*may)(const struct waiter *, void *),
                      void *argument);
/* As wake_one, but removes the waiter from the queue and returns its thread without waking it, for a
 * direct switch with sched_handoff() (struct thread is never unmapped, so a thread that ended meanwhile
 * is noticed there). NULL: nobody. */
struct thread *waitq_take_one(struct waitq *queue);

#endif
