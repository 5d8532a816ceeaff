/* SPDX-License-Identifier: BSD-2-Clause */
/* C11's threads over pthreads: results have other names, and a thread returns an int. */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

static int result(int error)
{
    switch (error) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ENOMEM:
        return thrd_nomem;
    case ETIMEDOUT:
        return thrd_timedout;
    default:
        return thrd_error;
    }
}

/* --- threads -------------------------------------------------------------------------------- */

struct beginning {
    thrd_start_t start;
    void *argument;
};

static void *run(void *argument)
{
    struct beginning beginning = *(struct beginning *)argument;

    free(argument);
    return (void *)(intptr_t)beginning.start(beginning.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t start, void *argument)
{
    struct beginning *beginning = malloc(sizeof(*beginning));

    if (beginning == NULL)
        return thrd_nomem;
    *beginning = (struct beginning){start, argument};
    int error = pthread_create(thread, NULL, run, beginning);
    if (error != 0)
        free(beginning);
    return result(error == EAGAIN ? ENOMEM : error);
}

int thrd_join(thrd_t thread, int *code)
{
    void *value = NULL;
    int error = pthread_join(thread, &value);

    if (error == 0 && code != NULL)
        *code = (int)(intptr_t)value;
    return result(error);
}

_Noreturn void thrd_exit(int code)
{
    pthread_exit((void *)(intptr_t)code);
}

thrd_t thrd_current(void)
{
    return pthread_self();
}

int thrd_detach(thrd_t thread)
{
    return result(pthread_detach(thread));
}

int thrd_equal(thrd_t a, thrd_t b)
{
    return pthread_equal(a, b);
}

int thrd_sleep(const struct timespec *time, struct timespec *left)
{
    return nanosleep(time, left) == 0 ? 0 : errno == EINTR ? -1 : -2;
}

void thrd_yield(void)
{
    (void)sched_yield();
}

void call_once(once_flag *flag, void (*function)(void))
{
    (void)pthread_once(flag, function);
}

/* --- mutexes -------------------------------------------------------------------------------- */

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    if ((type & mtx_recursive) != 0)
        pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    int error = pthread_mutex_init(mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    return result(error);
}

void mtx_destroy(mtx_t *mutex)
{
    (void)pthread_mutex_destroy(mutex);
}

int mtx_lock(mtx_t *mutex)
{
    return result(pthread_mutex_lock(mutex));
}

int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict until)
{
    return result(pthread_mutex_timedlock(mutex, until));
}

int mtx_trylock(mtx_t *mutex)
{
    return result(pthread_mutex_trylock(mutex));
}

int mtx_unlock(mtx_t *mutex)
{
    return result(pthread_mutex_unlock(mutex));
}

/* --- conditions ----------------------------------------------------------------------------- */

int cnd_init(cnd_t *condition)
{
    return result(pthread_cond_init(condition, NULL));
}

void cnd_destroy(cnd_t *condition)
{
    (void)pthread_cond_destroy(condition);
}

int cnd_signal(cnd_t *condition)
{
    return result(pthread_cond_signal(condition));
}

int cnd_broadcast(cnd_t *condition)
{
    return result(pthread_cond_broadcast(condition));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return result(pthread_cond_wait(condition, mutex));
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                  const struct timespec *restrict until)
{
    return result(pthread_cond_timedwait(condition, mutex, until));
}

/* --- storage -------------------------------------------------------------------------------- */

int tss_create(tss_t *key, tss_dtor_t destructor)
{
    return result(pthread_key_create(key, destructor));
}

void tss_delete(tss_t key)
{
    (void)pthread_key_delete(key);
}

void *tss_get(tss_t key)
{
    return pthread_getspecific(key);
}

int tss_set(tss_t key, void *value)
{
    return result(pthread_setspecific(key, value));
}
