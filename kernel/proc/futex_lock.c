/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Read-write locks.
 *
 * Programs take and release a free lock by themselves.  They come here when it is taken (futex_lock) or
 * when the MANAGED bit says that somebody sleeps here (futex_unlock).  Invariant, under the bucket's lock:
 * a word whose lock has sleepers has MANAGED set, and only the kernel changes such a word, except that
 * readers may count themselves down (and, holding it already, up).  Ownership is handed over by writing
 * the new owner's word before the sleeper is woken; writers go first.
 */
#include "kernel/lib/assert.h"
#include "kernel/proc/futex_priv.h"
#include "kernel/sched/thread.h"

void futex_queue_locked(struct futex_bucket *bucket, struct futex_sleeper *sleeper,
                        const struct futex_word *word, enum futex_want want)
{
    spinlock_assert_held(&bucket->lock);
    sleeper->space = word->space;
    sleeper->offset = word->offset;
    sleeper->want = want;
    sleeper->queued = true;
    list_append(&bucket->sleepers, &sleeper->link);
}

void futex_dequeue_locked(struct futex_sleeper *sleeper)
{
    list_remove(&sleeper->link);
    sleeper->queued = false;
}

/* The word says already that it is the sleeper's. After the bucket's lock is dropped it may be gone. */
void futex_grant_locked(struct futex_sleeper *sleeper)
{
    if (sleeper->queued)
        futex_dequeue_locked(sleeper);
    atomic_store_explicit(&sleeper->granted, true, memory_order_release);
    thread_unpark(sleeper->thread);
}

/* Who sleeps on a lock. With a writer nobody asks for more than whether it is alone, so the counts are exact
 * only without one: thousands may wait, and each unlocking looks here. */
struct queue {
    struct futex_sleeper *writer; /* the first */
    uint32_t writers, readers;
};

static struct queue look(struct futex_bucket *bucket, const struct futex_word *word)
{
    struct queue queue = {0};
    list_for_each(link, &bucket->sleepers)
    {
        struct futex_sleeper *sleeper = container_of(link, struct futex_sleeper, link);
        if (!futex_same(sleeper, word) || sleeper->want == WANT_SIGNAL)
            continue;
        if (sleeper->want == WANT_READ) {
            queue.readers++;
        } else {
            if (queue.writers++ == 0)
                queue.writer = sleeper;
        }
        if (queue.writers != 0 && queue.writers + queue.readers > 1)
            break;
    }
    return queue;
}

bool futex_awaited_locked(struct futex_bucket *bucket, const struct futex_word *word)
{
    struct queue queue = look(bucket, word);
    return queue.readers + queue.writers != 0;
}

static void grant_readers(struct futex_bucket *bucket, const struct futex_word *word)
{
    list_for_each_safe(link, next, &bucket->sleepers)
    {
        struct futex_sleeper *sleeper = container_of(link, struct futex_sleeper, link);
        if (futex_same(sleeper, word) && sleeper->want == WANT_READ)
            futex_grant_locked(sleeper);
    }
}

/* What the word becomes when TID wants it, or FUTEX_WAIT, EDEADLK. *DESIRED is right in the first two. */
static cloudabi_errno_t next_word(const struct futex_sleeper *self, enum futex_want want,
                                  uint32_t word, const struct queue *queue, uint32_t *desired)
{
    bool free = (word & ~MANAGED) == 0;
    uint32_t managed = queue->readers + queue->writers != 0 ? MANAGED : 0;
    if ((word & WRLOCKED) && (word & COUNT_MASK) == self->tid)
        return CLOUDABI_EDEADLK;
    if (want == WANT_WRITE && free) {
        *desired = self->tid | WRLOCKED | managed;
        return 0;
    }
    if (want == WANT_READ && !(word & WRLOCKED) && queue->writers == 0 &&
        (word & COUNT_MASK) != COUNT_MASK) {
        *desired = ((word & COUNT_MASK) + 1) | managed;
        return 0;
    }
    *desired = word | MANAGED;
    return FUTEX_WAIT;
}

static cloudabi_errno_t take_locked(struct futex_bucket *bucket, const struct futex_sleeper *self,
                                    enum futex_want want)
{
    uint32_t word, desired;
    bool swapped = false;
    struct queue queue = look(bucket, self->lock);
    if (!futex_word_load(self->lock, &word))
        return CLOUDABI_EFAULT;
    for (unsigned i = 0; i < FUTEX_TRIES; i++) {
        cloudabi_errno_t result = next_word(self, want, word, &queue, &desired);
        if (result == CLOUDABI_EDEADLK || (result == FUTEX_WAIT && desired == word))
            return result;
        if (!futex_word_swap(self->lock, &word, desired, &swapped))
            return CLOUDABI_EFAULT;
        if (swapped)
            return result;
    }
    return FUTEX_BUSY;
}

/* After a sleeper gave up: the word must not say that somebody waits if nobody does, and readers that
 * waited behind a writer need not any more. Words that are not a lock any more are left alone. */
static cloudabi_errno_t settle_locked(struct futex_bucket *bucket, const struct futex_word *lock)
{
    uint32_t word;
    bool swapped = false;
    struct queue queue = look(bucket, lock);
    if (!futex_word_load(lock, &word))
        return CLOUDABI_EFAULT;
    for (unsigned i = 0; i < FUTEX_TRIES; i++) {
        uint32_t desired = word & ~MANAGED;
        if (!(word & MANAGED) || desired == 0 || queue.writers != 0)
            return 0;
        if (queue.readers != 0) {
            if (word & WRLOCKED)
                return 0;
            desired += queue.readers;
        }
        if (!futex_word_swap(lock, &word, desired, &swapped))
            return CLOUDABI_EFAULT;
        if (!swapped)
            continue;
        grant_readers(bucket, lock);
        return 0;
    }
    return FUTEX_BUSY;
}

cloudabi_errno_t futex_sleep(struct futex_sleeper *sleeper, uint64_t deadline)
{
    struct futex_bucket *bucket = futex_bucket_of(sleeper->lock->space, sleeper->lock->offset);
    cloudabi_errno_t error = 0;
    while (error == 0 && !atomic_load_explicit(&sleeper->granted, memory_order_acquire))
        error = thread_park(deadline);
    spinlock_lock(&bucket->lock); /* who granted is done with us */
    if (atomic_load_explicit(&sleeper->granted, memory_order_relaxed)) {
        spinlock_unlock(&bucket->lock);
        return 0;
    }
    futex_dequeue_locked(sleeper);
    cloudabi_errno_t settled = settle_locked(bucket, sleeper->lock);
    spinlock_unlock(&bucket->lock);
    while (settled != 0 && futex_recover(settled, sleeper->lock) == 0) {
        spinlock_lock(&bucket->lock);
        settled = settle_locked(bucket, sleeper->lock);
        spinlock_unlock(&bucket->lock);
    }
    return error;
}

cloudabi_errno_t futex_take(struct futex_sleeper *sleeper, enum futex_want want, uint64_t deadline)
{
    struct futex_bucket *bucket = futex_bucket_of(sleeper->lock->space, sleeper->lock->offset);
    cloudabi_errno_t error;
    do {
        spinlock_lock(&bucket->lock);
        error = take_locked(bucket, sleeper, want);
        if (error == FUTEX_WAIT)
            futex_queue_locked(bucket, sleeper, sleeper->lock, want);
        spinlock_unlock(&bucket->lock);
        if (error == 0)
            return 0;
        if (error == FUTEX_WAIT)
            return futex_sleep(sleeper, deadline);
        error = futex_recover(error, sleeper->lock);
    } while (error == 0);
    return error;
}

cloudabi_errno_t futex_lock(const struct futex_address *lock, bool write, uint64_t deadline)
{
    struct futex_word word;
    cloudabi_errno_t error = futex_word_open(&word, lock);
    if (error != 0)
        return error;
    struct futex_sleeper self;
    futex_sleeper_init(&self, &word);
    error = futex_take(&self, write ? WANT_WRITE : WANT_READ, deadline);
    futex_word_close(&word);
    return error;
}

cloudabi_errno_t futex_unlock_locked(struct futex_bucket *bucket, const struct futex_word *lock,
                                     cloudabi_tid_t tid)
{
    uint32_t word, desired;
    bool swapped = false;
    struct queue queue = look(bucket, lock);
    if (!futex_word_load(lock, &word))
        return CLOUDABI_EFAULT;
    for (unsigned i = 0; i < FUTEX_TRIES; i++) {
        if (!(word & WRLOCKED) || (word & COUNT_MASK) != tid)
            return CLOUDABI_EPERM;
        if ((word & MANAGED) && queue.writers + queue.readers == 0)
            return CLOUDABI_EINVAL;
        if (queue.writers != 0)
            desired =
                queue.writer->tid | WRLOCKED | (queue.writers + queue.readers > 1 ? MANAGED : 0);
        else
            desired = queue.readers;
        if (!futex_word_swap(lock, &word, desired, &swapped))
            return CLOUDABI_EFAULT;
        if (!swapped)
            continue;
        if (queue.writers != 0)
            futex_grant_locked(queue.writer);
        else if (queue.readers != 0)
            grant_readers(bucket, lock);
        return 0;
    }
    return FUTEX_BUSY;
}

cloudabi_errno_t futex_unlock(const struct futex_address *lock)
{
    struct futex_word word;
    cloudabi_errno_t error = futex_word_open(&word, lock);
    if (error != 0)
        return error;
    struct futex_bucket *bucket = futex_bucket_of(word.space, word.offset);
    cloudabi_tid_t tid = thread_self()->tid;
    for (;;) {
        spinlock_lock(&bucket->lock);
        error = futex_unlock_locked(bucket, &word, tid);
        spinlock_unlock(&bucket->lock);
        if (error == 0 || (error = futex_recover(error, &word)) != 0)
            break;
    }
    futex_word_close(&word);
    return error;
}
