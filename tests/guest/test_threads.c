/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads: POSIX threads on top, locks and condition variables of the ABI below. */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

#define THREADS 8
#define ROUNDS  2000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;
static int turn;
static _Thread_local int own = 5;

static void *count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        if (i % 64 == 0)
            cloudabi_sys_thread_yield();
        pthread_mutex_unlock(&mutex);
    }
    own++;
    return (void *)(intptr_t)own;
}

static void test_mutex(void)
{
    pthread_t threads[THREADS];
    void *result;
    int good = 0;

    for (int i = 0; i < THREADS; i++)
        CHECK_RETURNS(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK_RETURNS(pthread_join(threads[i], &result), 0);
        good += (intptr_t)result == 6;
    }
    CHECK(counter == (long)THREADS * ROUNDS);
    CHECK(good == THREADS && own == 5);
}

static void *wait_turn(void *arg)
{
    int me = (int)(intptr_t)arg;

    for (int i = 0; i < 50; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 3 != me)
            pthread_cond_wait(&cond, &mutex);
        turn++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void test_cond(void)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, wait_turn, (void *)(intptr_t)i);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK(turn == 150);
}

static void test_cond_timeout(void)
{
    _Atomic(cloudabi_lock_t) lock = 0;
    _Atomic(cloudabi_condvar_t) condvar = 0;
    cloudabi_subscription_t in[2] = {
        {.type = CLOUDABI_EVENTTYPE_LOCK_WRLOCK,
         .lock = {.lock = &lock, .lock_scope = CLOUDABI_SCOPE_PRIVATE}},
        {.type = CLOUDABI_EVENTTYPE_CLOCK,
         .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = 10000000}},
    };
    cloudabi_event_t out[2];
    size_t count = 0;

    CHECK_RETURNS(cloudabi_sys_poll(in, out, 1, &count), 0);
    CHECK(count == 1 && out[0].error == 0);
    CHECK((lock & CLOUDABI_LOCK_WRLOCKED) != 0);
    CHECK_RETURNS(cloudabi_sys_poll(in, out, 1, &count), 0);
    CHECK(out[0].error == CLOUDABI_EDEADLK);
    in[0].type = CLOUDABI_EVENTTYPE_CONDVAR;
    in[0].condvar.condvar = &condvar;
    in[0].condvar.lock = &lock;
    in[0].condvar.condvar_scope = CLOUDABI_SCOPE_PRIVATE;
    in[0].condvar.lock_scope = CLOUDABI_SCOPE_PRIVATE;
    CHECK_RETURNS(cloudabi_sys_poll(in, out, 2, &count), 0);
    CHECK(count == 1 && out[0].type == CLOUDABI_EVENTTYPE_CLOCK && out[0].error == 0);
    CHECK((lock & CLOUDABI_LOCK_WRLOCKED) != 0);
    CHECK_RETURNS(cloudabi_sys_lock_unlock(&lock, CLOUDABI_SCOPE_PRIVATE), 0);
    CHECK(lock == 0);
    CHECK_RETURNS(cloudabi_sys_lock_unlock(&lock, CLOUDABI_SCOPE_PRIVATE), CLOUDABI_EPERM);
    CHECK_RETURNS(cloudabi_sys_condvar_signal(&condvar, CLOUDABI_SCOPE_PRIVATE, 1), 0);
}

struct shared {
    _Atomic(cloudabi_lock_t) lock;
    volatile int value;
};

static void take(struct shared *shared)
{
    cloudabi_subscription_t in = {
        .type = CLOUDABI_EVENTTYPE_LOCK_WRLOCK,
        .lock = {.lock = &shared->lock, .lock_scope = CLOUDABI_SCOPE_SHARED}};
    cloudabi_event_t out;
    size_t count;

    cloudabi_sys_poll(&in, &out, 1, &count);
}

static uint32_t add_up(void *arg)
{
    struct shared *shared = arg;

    for (int i = 0; i < 500; i++) {
        take(shared);
        shared->value++;
        cloudabi_sys_lock_unlock(&shared->lock, CLOUDABI_SCOPE_SHARED);
    }
    return 0;
}

/* A lock in memory that two processes share. */
static void test_between_processes(void)
{
    cloudabi_fd_t fd, process = 0;
    cloudabi_tid_t tid;
    cloudabi_errno_t forked;
    cloudabi_filestat_t size = {.st_size = 4096};
    struct shared *shared = NULL;

    CHECK_RETURNS(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &fd), 0);
    CHECK_RETURNS(cloudabi_sys_file_stat_fput(fd, &size, CLOUDABI_FILESTAT_SIZE), 0);
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                       CLOUDABI_MAP_SHARED, fd, 0, (void **)&shared),
                  0);
    forked = cloudabi_sys_proc_fork(&process, &tid);
    if (forked == 0 && process == CLOUDABI_PROCESS_CHILD) {
        take(shared);
        cloudabi_sys_lock_unlock(&shared->lock, CLOUDABI_SCOPE_SHARED);
        cloudabi_sys_proc_exit(add_up(shared));
    }
    if (!CHECK(forked == 0))
        return;
    /* The parent's own lock words carry its tid, so it goes on as before. */
    add_up(shared);
    CHECK(wait_process(process).proc_terminate.signal == 0);
    CHECK(shared->value == 1000);
    cloudabi_sys_fd_close(process);
    cloudabi_sys_fd_close(fd);
}

static void *spin(void *stop)
{
    while (!atomic_load((atomic_int *)stop))
        ;
    return NULL;
}

/* A thread that never gives its CPU up does not keep the others from theirs. */
static void test_preemption(void)
{
    atomic_int stop = 0;
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, spin, &stop);
    CHECK_RETURNS(nap(20000000), 0);
    atomic_store(&stop, 1);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK(true);
}

static uint32_t exits_with_threads(void *arg)
{
    pthread_t thread;

    for (int i = 0; i < 4; i++)
        pthread_create(&thread, NULL, spin, arg);
    return 11;
}

static void test_exit_ends_all(void)
{
    atomic_int stop = 0;

    CHECK(in_child(exits_with_threads, &stop).proc_terminate.exitcode == 11);
}

int main(void)
{
    test_mutex();
    test_cond();
    test_cond_timeout();
    test_between_processes();
    test_preemption();
    test_exit_ends_all();
    return tap_end();
}
