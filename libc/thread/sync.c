/* SPDX-License-Identifier: BSD-2-Clause */
/* Once, barriers, semaphores and spin locks, made of lock and condition words. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>

#include "libc/thread/lock.h"
#include "libc/thread/posix_time.h"

int pthread_once(pthread_once_t *once, void (*routine)(void))
{
    _Atomic(unsigned) *done = (_Atomic(unsigned) *)&once->__done;

    if (atomic_load_explicit(done, memory_order_acquire) != 0)
        return 0;
    lock_take((lock_word *)&once->__lock);
    if (atomic_load_explicit(done, memory_order_relaxed) == 0) {
        routine();
        atomic_store_explicit(done, 1, memory_order_release);
    }
    lock_drop((lock_word *)&once->__lock);
    return 0;
}

int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr,
                         unsigned count)
{
    if (count == 0)
        return EINVAL;
    *barrier = (pthread_barrier_t){.__needed = count, .__shared = attr != NULL && attr->__shared};
    return 0;
}

/* The last to leave may be followed at once by this; it holds the lock until it has left. */
int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
    cloudabi_scope_t scope = lock_scope(barrier->__shared);

    (void)lock_write((lock_word *)&barrier->__lock, scope, NULL);
    bool busy = barrier->__waiting != 0;
    lock_unwrite((lock_word *)&barrier->__lock, scope);
    return busy ? EBUSY : 0;
}

int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    lock_word *lock = (lock_word *)&barrier->__lock;
    cond_word *cond = (cond_word *)&barrier->__cond;
    cloudabi_scope_t scope = lock_scope(barrier->__shared);
    int serial = 0;

    (void)lock_write(lock, scope, NULL);
    unsigned cycle = barrier->__cycle;
    if (++barrier->__waiting == barrier->__needed) {
        barrier->__waiting = 0;
        barrier->__cycle++;
        serial = PTHREAD_BARRIER_SERIAL_THREAD;
        (void)cond_signal(cond, scope, (cloudabi_nthreads_t)-1);
    }
    while (barrier->__cycle == cycle)
        (void)__cond_wait(cond, scope, lock, scope, NULL);
    lock_unwrite(lock, scope);
    return serial;
}

int pthread_barrierattr_init(pthread_barrierattr_t *attr)
{
    *attr = (pthread_barrierattr_t){0};
    return 0;
}

int pthread_barrierattr_destroy(pthread_barrierattr_t *attr)
{
    (void)attr;
    return 0;
}

int pthread_barrierattr_setpshared(pthread_barrierattr_t *attr, int shared)
{
    attr->__shared = shared == PTHREAD_PROCESS_SHARED;
    return 0;
}

int pthread_barrierattr_getpshared(const pthread_barrierattr_t *attr, int *shared)
{
    *shared = attr->__shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE;
    return 0;
}

int sem_init(sem_t *sem, int shared, unsigned value)
{
    if (value > SEM_VALUE_MAX) {
        errno = EINVAL;
        return -1;
    }
    *sem = (sem_t){.__value = value, .__shared = shared != 0};
    return 0;
}

int sem_destroy(sem_t *sem)
{
    (void)sem;
    return 0;
}

/* The value is taken and given under the lock; TRY returns instead of waiting. */
static int take(sem_t *sem, bool try, const struct deadline *deadline)
{
    lock_word *lock = (lock_word *)&sem->__lock;
    cloudabi_scope_t scope = lock_scope(sem->__shared);
    int error = 0;

    (void)lock_write(lock, scope, NULL);
    while (sem->__value == 0 && error == 0)
        error = try ? EAGAIN : __cond_wait((cond_word *)&sem->__cond, scope, lock, scope, deadline);
    if (sem->__value > 0) {
        sem->__value--;
        error = 0;
    }
    lock_unwrite(lock, scope);
    return result((cloudabi_errno_t)error);
}

int sem_wait(sem_t *sem)
{
    return take(sem, false, NULL);
}

int sem_trywait(sem_t *sem)
{
    return take(sem, true, NULL);
}

int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
    struct deadline deadline;

    if (deadline_of(clock, until, &deadline) != 0)
        return result(EINVAL);
    return take(sem, false, &deadline);
}

int sem_timedwait(sem_t *sem, const struct timespec *until)
{
    return sem_clockwait(sem, CLOCK_REALTIME, until);
}

int sem_post(sem_t *sem)
{
    lock_word *lock = (lock_word *)&sem->__lock;
    cloudabi_scope_t scope = lock_scope(sem->__shared);
    int error = 0;

    (void)lock_write(lock, scope, NULL);
    if (sem->__value == SEM_VALUE_MAX) {
        error = EOVERFLOW;
    } else {
        sem->__value++;
        (void)cond_signal((cond_word *)&sem->__cond, scope, 1);
    }
    lock_unwrite(lock, scope);
    return result((cloudabi_errno_t)error);
}

int sem_getvalue(sem_t *sem, int *value)
{
    *value = (int)__atomic_load_n(&sem->__value, __ATOMIC_RELAXED);
    return 0;
}

/* A spin lock is a lock: waiting in the kernel is cheaper than burning a time slice. */
int pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
    (void)shared;
    *lock = CLOUDABI_LOCK_UNLOCKED;
    return 0;
}

int pthread_spin_destroy(pthread_spinlock_t *lock)
{
    (void)lock;
    return 0;
}

int pthread_spin_lock(pthread_spinlock_t *lock)
{
    return lock_write((lock_word *)lock, CLOUDABI_SCOPE_SHARED, NULL);
}

int pthread_spin_trylock(pthread_spinlock_t *lock)
{
    return lock_try_write((lock_word *)lock) ? 0 : EBUSY;
}

int pthread_spin_unlock(pthread_spinlock_t *lock)
{
    lock_unwrite((lock_word *)lock, CLOUDABI_SCOPE_SHARED);
    return 0;
}
