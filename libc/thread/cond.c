/* SPDX-License-Identifier: BSD-2-Clause */
/* Condition variables: the condition word of the ABI. Without waiters a signal makes no call. */
#include <errno.h>

#include "libc/thread/lock.h"
#include "libc/thread/posix_time.h"

static cond_word *word_of(pthread_cond_t *cond)
{
    return (cond_word *)&cond->__waiters;
}

static int wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct deadline *deadline)
{
    lock_word *lock = (lock_word *)&mutex->__lock;

    /* A recursive mutex must be held once: the kernel releases the lock whole. */
    if (mutex->__depth > 0)
        return EINVAL;
    return __cond_wait(word_of(cond), lock_scope(cond->__shared), lock, lock_scope(mutex->__shared),
                       deadline);
}

int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
    *cond = (pthread_cond_t){.__clock = attr != NULL ? attr->__clock : 0,
                             .__shared = attr != NULL && attr->__shared};
    return 0;
}

int pthread_cond_destroy(pthread_cond_t *cond)
{
    return atomic_load(word_of(cond)) != CLOUDABI_CONDVAR_HAS_NO_WAITERS ? EBUSY : 0;
}

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    return wait_until(cond, mutex, NULL);
}

int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *until)
{
    struct deadline deadline;
    int error = deadline_of(clock, until, &deadline);

    return error != 0 ? error : wait_until(cond, mutex, &deadline);
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                           const struct timespec *until)
{
    return pthread_cond_clockwait(cond, mutex, cond->__clock ? CLOCK_MONOTONIC : CLOCK_REALTIME,
                                  until);
}

int pthread_cond_signal(pthread_cond_t *cond)
{
    return cond_signal(word_of(cond), lock_scope(cond->__shared), 1);
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
    return cond_signal(word_of(cond), lock_scope(cond->__shared), (cloudabi_nthreads_t)-1);
}

int pthread_condattr_init(pthread_condattr_t *attr)
{
    *attr = (pthread_condattr_t){0};
    return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *attr)
{
    (void)attr;
    return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return EINVAL;
    attr->__clock = clock == CLOCK_MONOTONIC;
    return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t *attr, clockid_t *clock)
{
    *clock = attr->__clock ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    return 0;
}

int pthread_condattr_setpshared(pthread_condattr_t *attr, int shared)
{
    attr->__shared = shared == PTHREAD_PROCESS_SHARED;
    return 0;
}

int pthread_condattr_getpshared(const pthread_condattr_t *attr, int *shared)
{
    *shared = attr->__shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE;
    return 0;
}
