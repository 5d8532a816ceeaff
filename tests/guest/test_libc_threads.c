/* SPDX-License-Identifier: BSD-2-Clause */
/* POSIX threads: what libc builds on the ABI's locks beyond the plain mutex. */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/guest/tap.h"

#define THREADS 4

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static sem_t sem;
static int once_count;
static int destroyed;
static int shared_value;

static void run_once(void)
{
    once_count++;
}

static void destroy(void *value)
{
    destroyed += (int)(intptr_t)value;
}

static void *meet(void *arg)
{
    long serial = 0;

    pthread_once(&once, run_once);
    for (int i = 0; i < 200; i++)
        serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
    pthread_setspecific(key, arg);
    return (void *)serial;
}

static void barriers(void)
{
    pthread_t threads[THREADS];
    long total = 0;

    pthread_barrier_init(&barrier, NULL, THREADS);
    pthread_key_create(&key, destroy);
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, meet, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++) {
        void *serial;
        pthread_join(threads[i], &serial);
        total += (long)serial;
    }
    CHECK(total == 200);
    CHECK(once_count == 1);
    CHECK(destroyed == 1 + 2 + 3 + 4);
    CHECK(pthread_barrier_destroy(&barrier) == 0 && pthread_key_delete(key) == 0);
}

static void *read_and_write(void *arg)
{
    long bad = 0;

    for (int i = 0; i < 500; i++) {
        if (i % 8 == (int)(intptr_t)arg) {
            pthread_rwlock_wrlock(&rwlock);
            shared_value++;
            sched_yield();
            shared_value++;
        } else {
            pthread_rwlock_rdlock(&rwlock);
            bad += shared_value % 2;
        }
        pthread_rwlock_unlock(&rwlock);
    }
    return (void *)bad;
}

static void rwlocks(void)
{
    pthread_t threads[THREADS];
    long bad = 0;

    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, read_and_write, (void *)i);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        bad += (long)result;
    }
    CHECK(bad == 0 && shared_value > 0);
    CHECK(pthread_rwlock_rdlock(&rwlock) == 0 && pthread_rwlock_tryrdlock(&rwlock) == 0);
    CHECK(pthread_rwlock_trywrlock(&rwlock) == EBUSY);
    CHECK(pthread_rwlock_unlock(&rwlock) == 0 && pthread_rwlock_unlock(&rwlock) == 0);
    CHECK(pthread_rwlock_wrlock(&rwlock) == 0 && pthread_rwlock_rdlock(&rwlock) == EDEADLK);
    CHECK(pthread_rwlock_unlock(&rwlock) == 0 && pthread_rwlock_unlock(&rwlock) == EPERM);
}

static void mutex_types(void)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t m;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&m, &attr);
    CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == 0);
    CHECK(pthread_mutex_unlock(&m) == 0 && pthread_mutex_unlock(&m) == 0);
    CHECK(pthread_mutex_unlock(&m) == EPERM);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&m, &attr);
    CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK);
    CHECK(pthread_mutex_trylock(&m) == EBUSY);
    CHECK(pthread_mutex_destroy(&m) == EBUSY);
    CHECK(pthread_mutex_unlock(&m) == 0 && pthread_mutex_destroy(&m) == 0);
}

static struct timespec in_milliseconds(clockid_t clock, long ms)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    ts.tv_nsec += ms * 1000000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    return ts;
}

static void *hold(void *arg)
{
    pthread_mutex_lock(arg);
    sem_post(&sem);
    struct timespec ts = {0, 30000000};
    nanosleep(&ts, NULL);
    pthread_mutex_unlock(arg);
    return NULL;
}

static void timeouts(void)
{
    pthread_condattr_t attr;
    pthread_cond_t monotonic;
    pthread_t thread;

    struct timespec until = in_milliseconds(CLOCK_REALTIME, 10);
    pthread_mutex_lock(&mutex);
    CHECK(pthread_cond_timedwait(&cond, &mutex, &until) == ETIMEDOUT);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&monotonic, &attr);
    until = in_milliseconds(CLOCK_MONOTONIC, 10);
    CHECK(pthread_cond_timedwait(&monotonic, &mutex, &until) == ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    CHECK(sem_init(&sem, 0, 0) == 0);
    until = in_milliseconds(CLOCK_REALTIME, 5);
    CHECK_ERRNO(sem_timedwait(&sem, &until), ETIMEDOUT);
    CHECK_ERRNO(sem_trywait(&sem), EAGAIN);
    CHECK(pthread_create(&thread, NULL, hold, &mutex) == 0);
    CHECK(sem_wait(&sem) == 0);
    until = in_milliseconds(CLOCK_REALTIME, 5);
    CHECK(pthread_mutex_timedlock(&mutex, &until) == ETIMEDOUT);
    CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void *churn(void *arg)
{
    unsigned seed = (unsigned)(intptr_t)arg + 1;
    void *blocks[64] = {NULL};
    long bad = 0;

    for (int i = 0; i < 5000; i++) {
        seed = seed * 1664525 + 1013904223;
        unsigned slot = seed >> 8 & 63;
        size_t size = seed >> 16 & 1023;
        if (blocks[slot] != NULL)
            bad += *(unsigned char *)blocks[slot] != (unsigned char)slot;
        free(blocks[slot]);
        blocks[slot] = malloc(size + 1);
        memset(blocks[slot], (int)slot, size + 1);
    }
    for (int i = 0; i < 64; i++)
        free(blocks[i]);
    return (void *)bad;
}

static void many_threads(void)
{
    pthread_t threads[THREADS];
    long bad = 0;

    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, churn, (void *)i);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        bad += (long)result;
    }
    CHECK(bad == 0);
    int created = 0;
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        created += pthread_create(&thread, NULL, churn, NULL) == 0 && pthread_detach(thread) == 0;
        if (i % 8 == 7)
            usleep(1000);
        if (i == 15)
            break;
    }
    CHECK(created == 16);
}

/* Locks in shared memory hold across a fork. */
static void across_fork(void)
{
    struct {
        sem_t ready;
        sem_t go;
        int value;
    } *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_ANON | MAP_SHARED, -1, 0);

    if (!CHECK(shared != MAP_FAILED))
        return;
    sem_init(&shared->ready, 1, 0);
    sem_init(&shared->go, 1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        sem_wait(&shared->go);
        shared->value = 42;
        sem_post(&shared->ready);
        _exit(3);
    }
    CHECK(pid > 0 && sem_post(&shared->go) == 0 && sem_wait(&shared->ready) == 0);
    CHECK(shared->value == 42);
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 3);
    munmap(shared, 4096);
}

int main(void)
{
    barriers();
    rwlocks();
    mutex_types();
    timeouts();
    many_threads();
    across_fork();
    return tap_end();
}
