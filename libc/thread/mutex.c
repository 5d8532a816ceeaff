/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutexes: the lock word of the ABI, write-locked; the owner's id in it tells recursion. */
#include <errno.h>

#include "libc/thread/lock.h"
#include "libc/thread/posix_time.h"

static lock_word *word_of(pthread_mutex_t *mutex)
{
    return (lock_word *)&mutex->__lock;
}

/* What to do if the caller holds the mutex already; 0 if a recursive mutex was counted up. */
static int lock_again(pthread_mutex_t *mutex)
{
    if (mutex->__type != PTHREAD_MUTEX_RECURSIVE)
        return EDEADLK;
    if (mutex->__depth == 0xffffffff)
        return EAGAIN;
    mutex->__depth++;
    return 0;
}

static int lock_until(pthread_mutex_t *mutex, const struct deadline *deadline)
{
    if (mutex->__type != PTHREAD_MUTEX_NORMAL && lock_owned(word_of(mutex)))
        return lock_again(mutex);
    return lock_write(word_of(mutex), lock_scope(mutex->__shared), deadline);
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
    *mutex = (pthread_mutex_t){.__type = attr != NULL ? attr->__type : PTHREAD_MUTEX_NORMAL,
                               .__shared = attr != NULL && attr->__shared};
    return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    return atomic_load(word_of(mutex)) != CLOUDABI_LOCK_UNLOCKED ? EBUSY : 0;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return lock_until(mutex, NULL);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    if (lock_try_write(word_of(mutex)))
        return 0;
    if (mutex->__type == PTHREAD_MUTEX_RECURSIVE && lock_owned(word_of(mutex)))
        return lock_again(mutex);
    return EBUSY;
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until)
{
    return pthread_mutex_clocklock(mutex, CLOCK_REALTIME, until);
}

int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
    struct deadline deadline;

    if (pthread_mutex_trylock(mutex) == 0)
        return 0;
    int error = deadline_of(clock, until, &deadline);
    return error != 0 ? error : lock_until(mutex, &deadline);
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (mutex->__type != PTHREAD_MUTEX_NORMAL) {
        if (!lock_owned(word_of(mutex)))
            return EPERM;
        if (mutex->__depth > 0) {
            mutex->__depth--;
            return 0;
        }
    }
    lock_unwrite(word_of(mutex), lock_scope(mutex->__shared));
    return 0;
}

int pthread_mutexattr_init(pthread_mutexattr_t *attr)
{
    *attr = (pthread_mutexattr_t){0};
    return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *attr)
{
    (void)attr;
    return 0;
}

int pthread_mutexattr_settype(pthread_mutexattr_t *attr, int type)
{
    if (type < PTHREAD_MUTEX_NORMAL || type > PTHREAD_MUTEX_ERRORCHECK)
        return EINVAL;
    attr->__type = (unsigned char)type;
    return 0;
}

int pthread_mutexattr_gettype(const pthread_mutexattr_t *attr, int *type)
{
    *type = attr->__type;
    return 0;
}

int pthread_mutexattr_setpshared(pthread_mutexattr_t *attr, int shared)
{
    attr->__shared = shared == PTHREAD_PROCESS_SHARED;
    return 0;
}

int pthread_mutexattr_getpshared(const pthread_mutexattr_t *attr, int *shared)
{
    *shared = attr->__shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE;
    return 0;
}
