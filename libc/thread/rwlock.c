/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers-writer locks: the lock word counts readers. The last reader of a lock that the kernel manages first
 * becomes its writer, then lets the kernel hand it on (contract, section 7).
 */
#include <errno.h>

#include "libc/thread/lock.h"
#include "libc/thread/posix_time.h"

#define READERS 0x3fffffffu

static lock_word *word_of(pthread_rwlock_t *lock)
{
    return (lock_word *)&lock->__lock;
}

static bool try_read(lock_word *lock)
{
    cloudabi_lock_t word = atomic_load_explicit(lock, memory_order_relaxed);

    while ((word & (CLOUDABI_LOCK_WRLOCKED | CLOUDABI_LOCK_KERNEL_MANAGED)) == 0) {
        if (atomic_compare_exchange_weak_explicit(lock, &word, word + 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    }
    return false;
}

static int read_until(pthread_rwlock_t *lock, const struct deadline *deadline)
{
    if (try_read(word_of(lock)))
        return 0;
    if (lock_owned(word_of(lock)))
        return EDEADLK;
    return __lock_wait(word_of(lock), lock_scope(lock->__shared), CLOUDABI_EVENTTYPE_LOCK_RDLOCK,
                       deadline);
}

static void unread(lock_word *lock, cloudabi_scope_t scope)
{
    cloudabi_lock_t word = atomic_load_explicit(lock, memory_order_relaxed);

    for (;;) {
        bool last_managed = word == (1 | CLOUDABI_LOCK_KERNEL_MANAGED);
        cloudabi_lock_t next =
            last_managed ? __libc_self->tid | CLOUDABI_LOCK_WRLOCKED | CLOUDABI_LOCK_KERNEL_MANAGED
                         : word - 1;
        if (!atomic_compare_exchange_weak_explicit(lock, &word, next, memory_order_acq_rel,
                                                   memory_order_relaxed))
            continue;
        if (last_managed)
            __lock_release_contended(lock, scope);
        return;
    }
}

int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr)
{
    *lock = (pthread_rwlock_t){.__shared = attr != NULL && attr->__shared};
    return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    return atomic_load(word_of(lock)) != CLOUDABI_LOCK_UNLOCKED ? EBUSY : 0;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return read_until(lock, NULL);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    return try_read(word_of(lock)) ? 0 : EBUSY;
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *until)
{
    struct deadline deadline;

    if (try_read(word_of(lock)))
        return 0;
    int error = deadline_of(CLOCK_REALTIME, until, &deadline);
    return error != 0 ? error : read_until(lock, &deadline);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    if (lock_owned(word_of(lock)))
        return EDEADLK;
    return lock_write(word_of(lock), lock_scope(lock->__shared), NULL);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    return lock_try_write(word_of(lock)) ? 0 : EBUSY;
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *until)
{
    struct deadline deadline;

    if (lock_try_write(word_of(lock)))
        return 0;
    if (lock_owned(word_of(lock)))
        return EDEADLK;
    int error = deadline_of(CLOCK_REALTIME, until, &deadline);
    return error != 0 ? error : lock_write(word_of(lock), lock_scope(lock->__shared), &deadline);
}

int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    cloudabi_lock_t word = atomic_load_explicit(word_of(lock), memory_order_relaxed);

    if ((word & CLOUDABI_LOCK_WRLOCKED) != 0) {
        if (!lock_owned(word_of(lock)))
            return EPERM;
        lock_unwrite(word_of(lock), lock_scope(lock->__shared));
        return 0;
    }
    if ((word & READERS) == 0)
        return EPERM;
    unread(word_of(lock), lock_scope(lock->__shared));
    return 0;
}

int pthread_rwlockattr_init(pthread_rwlockattr_t *attr)
{
    *attr = (pthread_rwlockattr_t){0};
    return 0;
}

int pthread_rwlockattr_destroy(pthread_rwlockattr_t *attr)
{
    (void)attr;
    return 0;
}

int pthread_rwlockattr_setpshared(pthread_rwlockattr_t *attr, int shared)
{
    attr->__shared = shared == PTHREAD_PROCESS_SHARED;
    return 0;
}

int pthread_rwlockattr_getpshared(const pthread_rwlockattr_t *attr, int *shared)
{
    *shared = attr->__shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE;
    return 0;
}
