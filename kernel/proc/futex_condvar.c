/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Condition variables.
 *
 * A waiter sleeps in the bucket of the condition variable.  A signal moves it to the queue of its lock, or
 * gives it the lock if that is free, so no thread is woken only to sleep again.  Where the signaller can
 * not reach the lock word (private to another address space, or its page is missing) it just wakes the
 * waiter, who then takes the lock itself.  All waiters of one condition variable use one lock.
 *
 * The word is nonzero exactly while somebody waits; it only tells programs whether to call.
 */
#include "kernel/lib/assert.h"
#include "kernel/proc/futex_priv.h"
#include "kernel/sched/thread.h"

#define HAS_WAITERS 0xffffffffu

struct pair { /* the buckets of a condition variable and of its lock, perhaps the same */
    struct futex_bucket *condvar, *lock;
};

static void lock_pair(const struct pair *pair)
{
    struct futex_bucket *first = pair->condvar < pair->lock ? pair->condvar : pair->lock;
    struct futex_bucket *second = pair->condvar < pair->lock ? pair->lock : pair->condvar;
    spinlock_lock(&first->lock);
    if (second != first)
        spinlock_lock(&second->lock);
}

static void unlock_pair(const struct pair *pair)
{
    spinlock_unlock(&pair->condvar->lock);
    if (pair->lock != pair->condvar)
        spinlock_unlock(&pair->lock->lock);
}

static struct futex_sleeper *first_locked(struct futex_bucket *bucket,
                                          const struct futex_word *condvar)
{
    list_for_each(link, &bucket->sleepers)
    {
        struct futex_sleeper *sleeper = container_of(link, struct futex_sleeper, link);
        if (sleeper->want == WANT_SIGNAL && futex_same(sleeper, condvar))
            return sleeper;
    }
    return NULL;
}

static bool same_lock(const struct futex_word *a, const struct futex_word *b)
{
    return a->space == b->space && a->offset == b->offset;
}

static cloudabi_errno_t store(const struct futex_word *word, uint32_t value)
{
    uint32_t old;
    bool swapped = false;
    if (!futex_word_load(word, &old))
        return CLOUDABI_EFAULT;
    for (unsigned i = 0; i < FUTEX_TRIES && old != value; i++) {
        if (!futex_word_swap(word, &old, value, &swapped))
            return CLOUDABI_EFAULT;
        if (swapped)
            return 0;
    }
    return old == value ? 0 : FUTEX_BUSY;
}

/* Marks the condition variable, releases the lock and queues SELF: all or nothing that matters. */
static cloudabi_errno_t enter_locked(const struct pair *pair, const struct futex_word *condvar,
                                     struct futex_sleeper *self)
{
    struct futex_sleeper *other = first_locked(pair->condvar, condvar);
    uint32_t word;
    if (!futex_word_load(self->lock, &word))
        return CLOUDABI_EFAULT;
    if (!(word & WRLOCKED) || (word & COUNT_MASK) != self->tid)
        return CLOUDABI_EPERM;
    if (other != NULL && !same_lock(other->lock, self->lock))
        return CLOUDABI_EINVAL;
    cloudabi_errno_t error = store(condvar, HAS_WAITERS);
    if (error == 0)
        error = futex_unlock_locked(pair->lock, self->lock, self->tid);
    if (error == 0)
        futex_queue_locked(pair->condvar, self, condvar, WANT_SIGNAL);
    return error;
}

static cloudabi_errno_t enter(const struct pair *pair, const struct futex_word *condvar,
                              struct futex_sleeper *self)
{
    for (;;) {
        lock_pair(pair);
        cloudabi_errno_t error = enter_locked(pair, condvar, self);
        unlock_pair(pair);
        if (error == 0)
            return 0;
        cloudabi_errno_t recovered = futex_recover(error, self->lock);
        if (recovered == 0 && error == CLOUDABI_EFAULT)
            recovered = futex_word_touch(condvar);
        if (recovered != 0)
            return recovered;
    }
}

/* What has become of the sleeper. */
enum fate { SIGNALLED, MOVED, GRANTED, STILL_WAITING };

/* If it still waits and is to LEAVE, a signal can not reach it any more. */
static enum fate fate_of(const struct pair *pair, struct futex_sleeper *self, bool leave)
{
    enum fate fate;
    lock_pair(pair);
    if (atomic_load_explicit(&self->granted, memory_order_relaxed))
        fate = GRANTED;
    else if (!self->queued)
        fate = SIGNALLED;
    else
        fate = self->want == WANT_SIGNAL ? STILL_WAITING : MOVED;
    if (fate == STILL_WAITING && leave)
        futex_dequeue_locked(self);
    unlock_pair(pair);
    return fate;
}

/* A waiter left without a signal: was it the last? */
static void clear_word(const struct pair *pair, const struct futex_word *condvar)
{
    cloudabi_errno_t error;
    do {
        spinlock_lock(&pair->condvar->lock);
        error = first_locked(pair->condvar, condvar) == NULL ? store(condvar, 0) : 0;
        spinlock_unlock(&pair->condvar->lock);
    } while (error != 0 && futex_recover(error, condvar) == 0);
}

static cloudabi_errno_t wait(const struct pair *pair, const struct futex_word *condvar,
                             struct futex_sleeper *self, uint64_t deadline)
{
    cloudabi_errno_t error;
    enum fate fate;
    do {
        error = thread_park(deadline);
        fate = fate_of(pair, self, error != 0);
    } while (error == 0 && fate == STILL_WAITING);
    if (fate == STILL_WAITING)
        clear_word(pair, condvar);
    else
        error = 0; /* signalled in time */
    if (error == CLOUDABI_EINTR || fate == GRANTED)
        return error;
    cloudabi_errno_t taken =
        fate == MOVED ? futex_sleep(self, UINT64_MAX) : futex_take(self, WANT_WRITE, UINT64_MAX);
    return taken != 0 ? taken : error;
}

cloudabi_errno_t futex_wait(const struct futex_address *condvar, const struct futex_address *lock,
                            uint64_t deadline)
{
    struct futex_word condvar_word, lock_word;
    cloudabi_errno_t error = futex_word_open(&condvar_word, condvar);
    if (error != 0)
        return error;
    error = futex_word_open(&lock_word, lock);
    if (error != 0)
        goto no_lock;
    struct futex_sleeper self;
    futex_sleeper_init(&self, &lock_word);
    struct pair pair = {futex_bucket_of(condvar_word.space, condvar_word.offset),
                        futex_bucket_of(lock_word.space, lock_word.offset)};
    error = enter(&pair, &condvar_word, &self);
    if (error == 0)
        error = wait(&pair, &condvar_word, &self, deadline);
    futex_word_close(&lock_word);
no_lock:
    futex_word_close(&condvar_word);
    return error;
}

/* Gives SLEEPER (off the queue) the free lock, or queues it there. False: it has to do that itself. */
static bool move_to_lock(struct futex_bucket *bucket, struct futex_sleeper *sleeper)
{
    const struct futex_word *lock = sleeper->lock;
    uint32_t word;
    bool swapped = false;
    if (lock->direct == NULL && lock->space != thread_self()->vmspace)
        return false;
    if (!futex_word_load(lock, &word))
        return false;
    for (unsigned i = 0; i < FUTEX_TRIES; i++) {
        bool free = (word & ~MANAGED) == 0;
        uint32_t desired = word | MANAGED;
        if (free)
            desired = sleeper->tid | WRLOCKED | (futex_awaited_locked(bucket, lock) ? MANAGED : 0);
        if (desired != word && !futex_word_swap(lock, &word, desired, &swapped))
            return false;
        if (!swapped && desired != word)
            continue;
        if (free)
            futex_grant_locked(sleeper);
        else
            futex_queue_locked(bucket, sleeper, lock, WANT_WRITE);
        return true;
    }
    return false;
}

/* Signals up to *COUNT waiters, whose lock is that of FIRST. */
static void signal_locked(const struct pair *pair, const struct futex_word *condvar,
                          uint32_t *count)
{
    struct futex_sleeper *sleeper;
    while (*count != 0 && (sleeper = first_locked(pair->condvar, condvar)) != NULL) {
        futex_dequeue_locked(sleeper);
        if (!move_to_lock(pair->lock, sleeper))
            thread_unpark(sleeper->thread);
        --*count;
    }
}

/* The bucket of the lock that the waiters use; NULL: nobody waits. */
static struct futex_bucket *lock_bucket(struct futex_bucket *bucket,
                                        const struct futex_word *condvar)
{
    struct futex_sleeper *first = first_locked(bucket, condvar);
    return first != NULL ? futex_bucket_of(first->lock->space, first->lock->offset) : NULL;
}

static cloudabi_errno_t signal(const struct futex_word *condvar, uint32_t *count)
{
    struct pair pair = {.condvar = futex_bucket_of(condvar->space, condvar->offset)};
    cloudabi_errno_t error = 0;
    spinlock_lock(&pair.condvar->lock);
    pair.lock = lock_bucket(pair.condvar, condvar);
    spinlock_unlock(&pair.condvar->lock);
    if (pair.lock == NULL)
        pair.lock = pair.condvar;
    lock_pair(&pair);
    struct futex_bucket *now = lock_bucket(pair.condvar, condvar);
    if (now != NULL && now != pair.lock)
        error = FUTEX_BUSY; /* other waiters with another lock meanwhile */
    else
        signal_locked(&pair, condvar, count);
    if (error == 0 && first_locked(pair.condvar, condvar) == NULL)
        error = store(condvar, 0);
    unlock_pair(&pair);
    return error;
}

cloudabi_errno_t futex_signal(const struct futex_address *condvar, uint32_t count)
{
    struct futex_word word;
    if (count == 0)
        return 0;
    cloudabi_errno_t error = futex_word_open(&word, condvar);
    if (error != 0)
        return error;
    while ((error = signal(&word, &count)) != 0) {
        error = futex_recover(error, &word);
        if (error != 0)
            break;
    }
    futex_word_close(&word);
    return error;
}
