/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes, thread-specific data, clean-up handlers, fork handlers, and the parts of the interface that have
 * no meaning here (cancellation is never delivered).
 *
 * Keys: k = keys_lock; destructors are read without it, by threads that use the key.
 */
#include <errno.h>
#include <pthread_np.h>
#include <stdlib.h>
#include <string.h>

#include "libc/thread/lock.h"

struct key {
    bool used;                  /* k */
    void (*destructor)(void *); /* k */
};

static lock_word keys_lock;
static struct key keys[THREAD_KEYS];

int pthread_attr_init(pthread_attr_t *attr)
{
    *attr = (pthread_attr_t){0};
    return 0;
}

int pthread_attr_destroy(pthread_attr_t *attr)
{
    (void)attr;
    return 0;
}

int pthread_attr_setdetachstate(pthread_attr_t *attr, int state)
{
    if (state != PTHREAD_CREATE_JOINABLE && state != PTHREAD_CREATE_DETACHED)
        return EINVAL;
    attr->__detached = state;
    return 0;
}

int pthread_attr_getdetachstate(const pthread_attr_t *attr, int *state)
{
    *state = attr->__detached;
    return 0;
}

int pthread_attr_setstacksize(pthread_attr_t *attr, size_t size)
{
    if (size < PTHREAD_STACK_MIN)
        return EINVAL;
    attr->__stacksize = size;
    return 0;
}

int pthread_attr_getstacksize(const pthread_attr_t *attr, size_t *size)
{
    *size = attr->__stacksize;
    return 0;
}

/* There is always one guard page below each stack. */
int pthread_attr_setguardsize(pthread_attr_t *attr, size_t size)
{
    attr->__guardsize = size;
    return 0;
}

int pthread_attr_getguardsize(const pthread_attr_t *attr, size_t *size)
{
    *size = attr->__guardsize;
    return 0;
}

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    int error = EAGAIN;

    lock_take(&keys_lock);
    for (unsigned i = 0; i < THREAD_KEYS; i++) {
        if (keys[i].used)
            continue;
        keys[i] = (struct key){true, destructor};
        *key = i;
        error = 0;
        break;
    }
    lock_drop(&keys_lock);
    return error;
}

int pthread_key_delete(pthread_key_t key)
{
    if (key >= THREAD_KEYS)
        return EINVAL;
    lock_take(&keys_lock);
    keys[key] = (struct key){false, NULL};
    lock_drop(&keys_lock);
    __libc_self->specific[key] = NULL;
    return 0;
}

void *pthread_getspecific(pthread_key_t key)
{
    return key < THREAD_KEYS ? __libc_self->specific[key] : NULL;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
    if (key >= THREAD_KEYS || !keys[key].used)
        return EINVAL;
    __libc_self->specific[key] = (void *)value;
    return 0;
}

void __thread_run_key_destructors(struct __pthread *self)
{
    bool again = true;

    for (int round = 0; again && round < 4; round++) {
        again = false;
        for (unsigned i = 0; i < THREAD_KEYS; i++) {
            void *value = self->specific[i];
            void (*destructor)(void *) = keys[i].destructor;
            self->specific[i] = NULL;
            if (value != NULL && keys[i].used && destructor != NULL) {
                destructor(value);
                again = true;
            }
        }
    }
}

/* The context of <pthread.h> has room for one struct cleanup. */
void _pthread_cleanup_push(struct _pthread_cleanup_context *context, void (*routine)(void *),
                           void *argument)
{
    struct cleanup *cleanup = (struct cleanup *)context;

    _Static_assert(sizeof(*context) >= sizeof(*cleanup), "a clean-up handler fits its context");
    *cleanup = (struct cleanup){__libc_self->cleanups, routine, argument};
    __libc_self->cleanups = cleanup;
}

void _pthread_cleanup_pop(struct _pthread_cleanup_context *context, int execute)
{
    struct cleanup *cleanup = (struct cleanup *)context;

    __libc_self->cleanups = cleanup->next;
    if (execute)
        cleanup->routine(cleanup->argument);
}

int pthread_setcancelstate(int state, int *old)
{
    if (old != NULL)
        *old = PTHREAD_CANCEL_ENABLE;
    return state == PTHREAD_CANCEL_ENABLE || state == PTHREAD_CANCEL_DISABLE ? 0 : EINVAL;
}

int pthread_setcanceltype(int type, int *old)
{
    if (old != NULL)
        *old = PTHREAD_CANCEL_DEFERRED;
    return type == PTHREAD_CANCEL_DEFERRED ? 0 : ENOTSUP;
}

void pthread_testcancel(void)
{
}

int pthread_cancel(pthread_t thread)
{
    (void)thread;
    return ENOTSUP;
}

int pthread_kill(pthread_t thread, int sig)
{
    return thread != __libc_self ? ENOTSUP : raise(sig) != 0 ? errno : 0;
}

int pthread_setname_np(pthread_t thread, const char *name)
{
    (void)thread;
    (void)name;
    return 0;
}

void pthread_yield(void)
{
    (void)cloudabi_sys_thread_yield();
}

int pthread_getcpuclockid(pthread_t thread, clockid_t *clock)
{
    if (thread != __libc_self)
        return ENOTSUP;
    *clock = CLOCK_THREAD_CPUTIME_ID;
    return 0;
}

int pthread_setconcurrency(int level)
{
    (void)level;
    return 0;
}

int pthread_getconcurrency(void)
{
    return 0;
}
