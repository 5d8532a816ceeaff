/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many threads and processes at once: creation and death, timed locks and condition variables, processes
 * killed while their threads wait for everything there is, exec with other threads busy. Meant for several
 * CPUs and a debug kernel; what is checked is that nothing is lost, and that it ends.
 */
#include <pthread.h>
#include <stdatomic.h>

#include <tessera/grants.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

#define MS      UINT64_C(1000000)
#define PRIVATE CLOUDABI_SCOPE_PRIVATE
#define SHARED  CLOUDABI_SCOPE_SHARED

typedef _Atomic(cloudabi_lock_t) lock_t;
typedef _Atomic(cloudabi_condvar_t) condvar_t;

static _Thread_local uint32_t seed;

static uint32_t dice(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static cloudabi_event_t poll_with_timeout(cloudabi_subscription_t what, uint64_t timeout)
{
    cloudabi_subscription_t in[2] = {what, {.type = CLOUDABI_EVENTTYPE_CLOCK}};
    cloudabi_event_t out = {.error = CLOUDABI_EIO};
    size_t count = 0;

    in[1].clock.clock_id = CLOUDABI_CLOCK_MONOTONIC;
    in[1].clock.timeout = timeout;
    if (cloudabi_sys_poll(in, &out, timeout == UINT64_MAX ? 1 : 2, &count) != 0 || count != 1)
        out.error = CLOUDABI_EIO;
    return out;
}

static bool take(lock_t *lock, bool write, cloudabi_scope_t scope, uint64_t timeout)
{
    cloudabi_subscription_t sub = {.type = write ? CLOUDABI_EVENTTYPE_LOCK_WRLOCK
                                                 : CLOUDABI_EVENTTYPE_LOCK_RDLOCK,
                                   .lock = {.lock = lock, .lock_scope = scope}};
    cloudabi_event_t event = poll_with_timeout(sub, timeout);

    return event.error == 0 && event.type == sub.type;
}

/* As a library does it: in user space where that is enough. */
static void release(lock_t *lock, bool write, cloudabi_scope_t scope, cloudabi_tid_t tid)
{
    cloudabi_lock_t old = atomic_load(lock);

    for (;;) {
        if (write || old == (1 | CLOUDABI_LOCK_KERNEL_MANAGED)) {
            cloudabi_lock_t mine = tid | CLOUDABI_LOCK_WRLOCKED;
            if (write && atomic_compare_exchange_strong(lock, &mine, 0))
                return;
            if (write ||
                atomic_compare_exchange_strong(lock, &old, mine | CLOUDABI_LOCK_KERNEL_MANAGED)) {
                if (cloudabi_sys_lock_unlock(lock, scope) != 0)
                    atomic_store(lock, 0xdead);
                return;
            }
        } else if (atomic_compare_exchange_weak(lock, &old, old - 1)) {
            return;
        }
    }
}

/* --- threads ------------------------------------------------------------------------------------ */

static void *nothing(void *arg)
{
    return arg;
}

static void *make_threads(void *arg)
{
    intptr_t good = 0;

    for (intptr_t i = 0; i < 100; i++) {
        pthread_t thread;
        void *result = NULL;
        if (pthread_create(&thread, NULL, nothing, (void *)i) == 0 &&
            pthread_join(thread, &result) == 0 && result == (void *)i)
            good++;
    }
    (void)arg;
    return (void *)good;
}

static intptr_t run_threads(void *(*run)(void *), int count, void *arg)
{
    pthread_t threads[16];
    intptr_t sum = 0;

    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, run, arg != NULL ? arg : (void *)(intptr_t)(i + 1));
    for (int i = 0; i < count; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (intptr_t)result;
    }
    return sum;
}

/* --- timed read-write locks ----------------------------------------------------------------------- */

static lock_t rwlock;
static _Atomic int readers, writers;
static _Atomic int violations;
static _Atomic long plain; /* changed by writers only, not atomically in effect */

struct me {
    cloudabi_tid_t tid;
    bool known;
};
static _Thread_local struct me me;

/* The id of the calling thread, from a lock that it takes itself. */
static cloudabi_tid_t own_tid(void)
{
    lock_t lock = 0;

    if (!me.known && take(&lock, true, PRIVATE, UINT64_MAX)) {
        me.tid = atomic_load(&lock) & 0x3fffffff;
        me.known = true;
    }
    return me.tid;
}

static void *lock_and_check(void *arg)
{
    cloudabi_tid_t tid = own_tid();
    intptr_t written = 0;

    seed = (uint32_t)(uintptr_t)arg;
    for (int i = 0; i < 1500; i++) {
        bool write = dice() % 3 == 0;
        uint64_t timeout = dice() % 4 == 0 ? UINT64_MAX : dice() % 300000;
        if (!take(&rwlock, write, PRIVATE, timeout))
            continue;
        if (write) {
            violations += atomic_fetch_add(&writers, 1) != 0 || readers != 0;
            plain = plain + 1;
            written++;
            atomic_fetch_sub(&writers, 1);
        } else {
            atomic_fetch_add(&readers, 1);
            violations += writers != 0;
            atomic_fetch_sub(&readers, 1);
        }
        release(&rwlock, write, PRIVATE, tid);
    }
    return (void *)written;
}

static void test_locks(void)
{
    intptr_t written = run_threads(lock_and_check, 6, NULL);

    CHECK(violations == 0);
    CHECK(plain == written);
    CHECK(atomic_load(&rwlock) == 0);
}

/* --- timed condition variables, also across processes ----------------------------------------------- */

struct meeting {
    lock_t lock;
    condvar_t condvar;
    _Atomic long tokens;
    long taken, timeouts;
    int inside;
    cloudabi_scope_t scope;
    _Atomic bool stop;
    _Atomic int bad;
};

static void enter(struct meeting *m, cloudabi_tid_t tid)
{
    cloudabi_lock_t old = 0;

    if (!atomic_compare_exchange_strong(&m->lock, &old, tid | CLOUDABI_LOCK_WRLOCKED) &&
        !take(&m->lock, true, m->scope, UINT64_MAX))
        m->bad++;
    m->bad += m->inside++ != 0;
}

static void leave(struct meeting *m, cloudabi_tid_t tid)
{
    m->inside--;
    release(&m->lock, true, m->scope, tid);
}

static void *consume(void *arg)
{
    struct meeting *m = arg;
    cloudabi_tid_t tid = own_tid();
    cloudabi_subscription_t sub = {.type = CLOUDABI_EVENTTYPE_CONDVAR,
                                   .condvar = {.condvar = &m->condvar,
                                               .lock = &m->lock,
                                               .condvar_scope = m->scope,
                                               .lock_scope = m->scope}};

    seed = tid;
    enter(m, tid);
    while (!m->stop || m->tokens > 0) {
        while (m->tokens == 0 && !m->stop) {
            m->inside--;
            cloudabi_event_t event =
                poll_with_timeout(sub, dice() % 3 == 0 ? dice() % 400000 : 20 * MS);
            m->bad += m->inside++ != 0 || event.error != 0;
            m->timeouts += event.type == CLOUDABI_EVENTTYPE_CLOCK;
        }
        if (m->tokens > 0) {
            m->tokens--;
            m->taken++;
        }
    }
    leave(m, tid);
    return NULL;
}

static void *produce(void *arg)
{
    struct meeting *m = arg;
    cloudabi_tid_t tid = own_tid();

    seed = tid;
    for (int i = 0; i < 1000; i++) {
        enter(m, tid);
        m->tokens++;
        bool inside = dice() % 2 == 0;
        if (inside && atomic_load(&m->condvar) != 0)
            m->bad += cloudabi_sys_condvar_signal(&m->condvar, m->scope, 1 + dice() % 3) != 0;
        leave(m, tid);
        if (!inside)
            m->bad += cloudabi_sys_condvar_signal(&m->condvar, m->scope, 1) != 0;
    }
    return NULL;
}

static void *meet(void *arg)
{
    struct meeting *m = arg;
    pthread_t consumers[3], producers[2];
    cloudabi_tid_t tid = own_tid();

    for (int i = 0; i < 3; i++)
        pthread_create(&consumers[i], NULL, consume, m);
    for (int i = 0; i < 2; i++)
        pthread_create(&producers[i], NULL, produce, m);
    for (int i = 0; i < 2; i++)
        pthread_join(producers[i], NULL);
    enter(m, tid);
    m->stop = true;
    m->bad += cloudabi_sys_condvar_signal(&m->condvar, m->scope, UINT32_MAX) != 0;
    leave(m, tid);
    for (int i = 0; i < 3; i++)
        pthread_join(consumers[i], NULL);
    return NULL;
}

static void test_condvars(void)
{
    static struct meeting m = {.scope = PRIVATE};

    meet(&m);
    CHECK(m.bad == 0);
    CHECK(m.taken == 2000 && m.tokens == 0);
    CHECK(m.lock == 0 && m.condvar == 0);
}

static uint32_t consume_in_child(void *arg)
{
    me.known = false;
    consume(arg);
    return 0;
}

static void test_shared_condvars(void)
{
    struct meeting *m;
    cloudabi_fd_t children[3];
    cloudabi_tid_t tid;

    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                       CLOUDABI_MAP_ANON | CLOUDABI_MAP_SHARED,
                                       CLOUDABI_MAP_ANON_FD, 0, (void **)&m),
                  0);
    m->scope = SHARED;
    for (int i = 0; i < 3; i++) {
        cloudabi_sys_proc_fork(&children[i], &tid);
        if (children[i] == CLOUDABI_PROCESS_CHILD)
            cloudabi_sys_proc_exit(consume_in_child(m));
    }
    run_threads(produce, 2, m);
    enter(m, own_tid());
    m->stop = true;
    leave(m, own_tid());
    cloudabi_sys_condvar_signal(&m->condvar, SHARED, UINT32_MAX);
    for (int i = 0; i < 3; i++) {
        wait_process(children[i]);
        cloudabi_sys_fd_close(children[i]);
    }
    CHECK(m->bad == 0);
    CHECK(m->taken == 2000 && m->tokens == 0);
    CHECK(m->lock == 0);
}

/* --- killing -------------------------------------------------------------------------------------- */

static lock_t held = 1 | CLOUDABI_LOCK_WRLOCKED; /* by nobody */

static void *wait_lock(void *arg)
{
    take(&held, (intptr_t)arg % 2, PRIVATE, UINT64_MAX);
    return NULL;
}

static void *wait_condvar(void *arg)
{
    static struct meeting m = {.scope = PRIVATE};

    (void)arg;
    return consume(&m);
}

static void *wait_read(void *arg)
{
    cloudabi_fd_t a, b;
    size_t done;
    char byte;

    (void)arg;
    cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b);
    get(a, &byte, 1, &done);
    return NULL;
}

static void *wait_time(void *arg)
{
    cloudabi_subscription_t in = {.type = CLOUDABI_EVENTTYPE_CLOCK};
    cloudabi_event_t out;
    size_t count;

    (void)arg;
    in.clock.clock_id = CLOUDABI_CLOCK_MONOTONIC;
    in.clock.timeout = 3600000 * MS;
    cloudabi_sys_poll(&in, &out, 1, &count);
    return NULL;
}

static void *spin(void *arg)
{
    volatile unsigned long n = 0;

    (void)arg;
    for (;;)
        n = n + 1;
    return NULL;
}

static void *churn(void *arg)
{
    for (;;)
        make_threads(arg);
    return NULL;
}

static void start_all(void)
{
    static void *(*const all[])(void *) = {wait_lock, wait_lock, wait_condvar, wait_read,
                                           wait_time, spin,      churn};
    pthread_t thread;

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        pthread_create(&thread, NULL, all[i], (void *)(intptr_t)i);
}

/* The process keeps running until its descriptor is closed; a copy of the descriptor sees how it ends. */
static void test_kill(void)
{
    int killed = 0, exited = 0;

    for (unsigned i = 0; i < 20; i++) {
        cloudabi_fd_t process, a, b;
        cloudabi_tid_t tid;
        char byte;
        size_t done = 1;
        cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b);
        cloudabi_sys_proc_fork(&process, &tid);
        if (process == CLOUDABI_PROCESS_CHILD) {
            cloudabi_sys_fd_close(a);
            start_all();
            if (i % 2 == 0)
                spin(NULL);
            nap(dice() % (3 * MS));
            cloudabi_sys_proc_exit(i);
        }
        cloudabi_sys_fd_close(b);
        if (i % 2 == 0) {
            nap(dice() % (5 * MS));
            cloudabi_sys_fd_close(process);
            /* Its end of the pair closes when all its threads are gone. */
            killed += get(a, &byte, 1, &done) == 0 && done == 0;
        } else {
            cloudabi_event_t event = wait_process(process);
            exited += event.proc_terminate.signal == 0 && event.proc_terminate.exitcode == i;
            cloudabi_sys_fd_close(process);
        }
        cloudabi_sys_fd_close(a);
    }
    CHECK(killed == 10);
    CHECK(exited == 10);
}

static void test_stop(void)
{
    cloudabi_fd_t process;
    cloudabi_tid_t tid;

    cloudabi_sys_proc_fork(&process, &tid);
    if (process == CLOUDABI_PROCESS_CHILD) {
        pthread_t thread;
        pthread_create(&thread, NULL, spin, NULL);
        cloudabi_sys_proc_raise(CLOUDABI_SIGSTOP);
        cloudabi_sys_proc_exit(1);
    }
    cloudabi_subscription_t sub = {.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE,
                                   .proc_terminate.fd = process};
    cloudabi_event_t event = poll_with_timeout(sub, 30 * MS);
    CHECK(event.type == CLOUDABI_EVENTTYPE_CLOCK);
    CHECK_RETURNS(cloudabi_sys_fd_close(process), 0);
}

/* --- exec ------------------------------------------------------------------------------------------- */

static cloudabi_fd_t self;
static const unsigned char again[] = {2, 1}; /* argument data `true`: end at once with code 77 */

static void *exec_self(void *arg)
{
    (void)arg;
    nap(MS);
    cloudabi_sys_proc_exec(self, again, sizeof(again), NULL, 0);
    return NULL;
}

static uint32_t exec_among_threads(void *arg)
{
    start_all();
    if (arg != NULL) { /* two at once */
        pthread_t thread;
        pthread_create(&thread, NULL, exec_self, NULL);
    }
    exec_self(NULL);
    return 1;
}

static void test_exec(void)
{
    int good = 0;

    for (int i = 0; i < 20; i++) {
        cloudabi_event_t event = in_child(exec_among_threads, i % 2 ? &good : NULL);
        good += event.proc_terminate.signal == 0 && event.proc_terminate.exitcode == 77;
    }
    CHECK(good == 20);
}

/* --- processes ---------------------------------------------------------------------------------------- */

static void *make_processes(void *arg)
{
    intptr_t good = 0;

    for (uint32_t i = 0; i < 30; i++) {
        cloudabi_fd_t process;
        cloudabi_tid_t tid;
        if (cloudabi_sys_proc_fork(&process, &tid) != 0)
            continue;
        if (process == CLOUDABI_PROCESS_CHILD)
            cloudabi_sys_proc_exit(i);
        good += wait_process(process).proc_terminate.exitcode == i;
        cloudabi_sys_fd_close(process);
    }
    (void)arg;
    return (void *)good;
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int fd = grant_fd("self");
    if (fd < 0)
        return 77; /* the second instance, which holds nothing */
    self = (cloudabi_fd_t)fd;
    CHECK(run_threads(make_threads, 4, NULL) == 400);
    test_locks();
    test_condvars();
    test_shared_condvars();
    CHECK(run_threads(make_processes, 4, NULL) == 120);
    test_kill();
    test_stop();
    test_exec();
    return tap_end();
}
