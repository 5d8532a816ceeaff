/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads, locks, condition variables, barriers, once: with another library's algorithms, private and across fork. */
#include "tests/foreign/foreign.h"

#define MANY 10000

static unsigned workers(void)
{
    return arg_nthreads > 0 ? (unsigned)arg_nthreads : 4;
}

/* --- creation and joining ------------------------------------------------------------------------ */

static void *give_back(void *arg)
{
    char local[200]; /* on the unsafe stack */

    memset(local, 1, sizeof(local));
    __asm__ volatile("" : : "r"(local) : "memory");
    return arg;
}

static void test_many(void)
{
    uintptr_t bad = 0;

    for (uintptr_t i = 0; i < MANY && bad == 0; i++) {
        struct thread *thread = thread_start(give_back, (void *)i);
        bad = thread == NULL || thread_join(thread) != (void *)i;
    }
    CHECK_IS(bad, 0);
}

static void test_batches(void)
{
    struct thread *threads[100];
    unsigned bad = 0;

    for (unsigned round = 0; round < 10; round++) {
        for (uintptr_t i = 0; i < 100; i++)
            threads[i] = thread_start(give_back, (void *)i);
        for (uintptr_t i = 0; i < 100; i++)
            bad += threads[i] == NULL || thread_join(threads[i]) != (void *)i;
    }
    CHECK_IS(bad, 0);
}

/* --- locks under contention ---------------------------------------------------------------------- */

#define ROUNDS 3000
static lock_t lock;
static unsigned long counter, shadow;

static void *count_up(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        lock_write(&lock, PRIVATE, 0);
        counter++;
        if (i % 64 == 0)
            (void)cloudabi_sys_thread_yield();
        shadow++;
        lock_release(&lock, PRIVATE);
    }
    return arg;
}

static void run_all(void *(*run)(void *), unsigned count)
{
    struct thread *threads[16];

    for (uintptr_t i = 0; i < count; i++)
        CHECK((threads[i] = thread_start(run, (void *)i)) != NULL);
    for (unsigned i = 0; i < count; i++)
        thread_join(threads[i]);
}

static void test_mutex(void)
{
    run_all(count_up, workers());
    CHECK_IS(counter, ROUNDS * workers());
    CHECK_IS(shadow, ROUNDS * workers());
    CHECK_IS(lock, 0);
}

static _Atomic unsigned torn;

static void *read_and_write(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        if ((i + (int)(uintptr_t)arg) % 4 == 0) {
            lock_write(&lock, PRIVATE, 0);
            counter++;
            if (i % 32 == 0)
                (void)cloudabi_sys_thread_yield();
            shadow++;
            lock_release(&lock, PRIVATE);
        } else {
            uint64_t deadline = i % 8 == 1 ? now() + 2000 : 0;
            if (!lock_read(&lock, PRIVATE, deadline))
                continue;
            torn += counter != shadow;
            if (i % 16 == 2 && lock_try_read(&lock))
                lock_release(&lock, PRIVATE);
            if (i % 32 == 0)
                (void)cloudabi_sys_thread_yield();
            lock_release(&lock, PRIVATE);
        }
    }
    return arg;
}

static void test_rwlock(void)
{
    counter = shadow = 0;
    run_all(read_and_write, workers());
    CHECK_IS(torn, 0);
    CHECK_IS(counter, ROUNDS / 4 * workers());
    CHECK_IS(lock, 0);
}

static void *hold_for_a_while(void *arg)
{
    lock_write(&lock, PRIVATE, 0);
    atomic_store((_Atomic int *)arg, 1);
    nap(40000000);
    lock_release(&lock, PRIVATE);
    return NULL;
}

static void test_lock_timeouts(void)
{
    _Atomic int held = 0;
    uint64_t start, took;
    struct thread *thread = thread_start(hold_for_a_while, &held);

    while (held == 0)
        nap(100000);
    start = now();
    CHECK(!lock_write(&lock, PRIVATE, start + 5000000));
    took = now() - start;
    CHECK(took >= 5000000);
    CHECK(!lock_read(&lock, PRIVATE, now() + 1000000));
    CHECK(!lock_write(&lock, PRIVATE, 1)); /* long ago */
    CHECK(lock_write(&lock, PRIVATE, now() + UINT64_C(3000000000)));
    lock_release(&lock, PRIVATE);
    CHECK_IS(lock, 0);
    thread_join(thread);
}

/* Relative and absolute times of each clock that can be waited for. */
static void test_sleep(void)
{
    for (unsigned clock = 1; clock <= 3; clock += 2) {
        for (unsigned flags = 0; flags < 2; flags++) {
            cloudabi_timestamp_t start, end;
            (void)cloudabi_sys_clock_time_get(clock, 0, &start);
            cloudabi_subscription_t in = {.userdata = 99,
                                          .type = CLOUDABI_EVENTTYPE_CLOCK,
                                          .clock = {.identifier = 5,
                                                    .clock_id = clock,
                                                    .timeout = flags ? start + 3000000 : 3000000,
                                                    .flags = (cloudabi_subclockflags_t)flags}};
            cloudabi_event_t out = {.error = 9};
            size_t count = 0;
            CHECK_IS(cloudabi_sys_poll(&in, &out, 1, &count), 0);
            (void)cloudabi_sys_clock_time_get(clock, 0, &end);
            CHECK(end - start >= 3000000 && end - start < 500000000);
            CHECK(count == 1 && out.error == 0 && out.userdata == 99 &&
                  out.type == CLOUDABI_EVENTTYPE_CLOCK);
        }
    }
}

/* --- wrong uses, as a library may make them ------------------------------------------------------- */

static cloudabi_errno_t poll_lock(lock_t *which, uint8_t type)
{
    cloudabi_subscription_t in = {.type = type, .lock = {.lock = which, .lock_scope = PRIVATE}};
    cloudabi_event_t out = {.error = 0};
    size_t count = 0;
    cloudabi_errno_t error = cloudabi_sys_poll(&in, &out, 1, &count);

    return error != 0 ? (cloudabi_errno_t)(error + 1000) : count != 1 ? 2000 : out.error;
}

static void test_wrong(void)
{
    lock_t word = 0;
    condvar_t condvar = 0;

    lock_write(&word, PRIVATE, 0);
    CHECK_IS(poll_lock(&word, CLOUDABI_EVENTTYPE_LOCK_WRLOCK), CLOUDABI_EDEADLK);
    CHECK_IS(word, own_tid | CLOUDABI_LOCK_WRLOCKED);
    CHECK_IS(cloudabi_sys_lock_unlock(&word, PRIVATE), 0);
    CHECK_IS(word, 0);
    word = (own_tid ^ 2) | CLOUDABI_LOCK_WRLOCKED;
    CHECK_IS(cloudabi_sys_lock_unlock(&word, PRIVATE), CLOUDABI_EPERM);
    word = own_tid | CLOUDABI_LOCK_WRLOCKED | CLOUDABI_LOCK_KERNEL_MANAGED;
    CHECK_IS(cloudabi_sys_lock_unlock(&word, PRIVATE), CLOUDABI_EINVAL);
    word = 0;
    CHECK_IS(poll_lock(&word, CLOUDABI_EVENTTYPE_LOCK_WRLOCK), 0);
    CHECK_IS(word, own_tid | CLOUDABI_LOCK_WRLOCKED);
    word = 0;
    CHECK_IS(poll_lock(&word, CLOUDABI_EVENTTYPE_LOCK_RDLOCK), 0);
    CHECK_IS(word, 1);
    CHECK_IS(poll_lock(&word, CLOUDABI_EVENTTYPE_LOCK_RDLOCK), 0);
    CHECK_IS(word, 2);
    CHECK_IS(cloudabi_sys_condvar_signal(&condvar, PRIVATE, 1), 0);
    CHECK_IS(cloudabi_sys_condvar_signal(&condvar, PRIVATE, 0), 0);
    CHECK_IS(cloudabi_sys_condvar_signal(&condvar, PRIVATE, UINT32_MAX), 0);
    CHECK_IS(condvar, 0);
}

/* --- condition variables --------------------------------------------------------------------------- */

static condvar_t ready, emptied;
static unsigned queue[8], queued, produced, consumed;
static unsigned long total;

static void *produce(void *arg)
{
    for (unsigned i = 1; i <= 1000; i++) {
        lock_write(&lock, PRIVATE, 0);
        while (queued == 8)
            cond_wait(&emptied, &lock, PRIVATE, 0);
        queue[queued++] = i;
        produced++;
        lock_release(&lock, PRIVATE);
        cond_signal(&ready, PRIVATE, 1);
    }
    return arg;
}

static void *consume(void *arg)
{
    for (unsigned i = 0; i < 1000; i++) {
        lock_write(&lock, PRIVATE, 0);
        while (queued == 0)
            cond_wait(&ready, &lock, PRIVATE, i % 3 == 0 ? now() + 100000 : 0);
        total += queue[--queued];
        consumed++;
        lock_release(&lock, PRIVATE);
        cond_signal(&emptied, PRIVATE, 1);
    }
    return arg;
}

static void *either(void *arg)
{
    return (uintptr_t)arg % 2 == 0 ? produce(arg) : consume(arg);
}

static void test_queue(void)
{
    unsigned count = workers() < 2 ? 2 : workers() & ~1u;

    run_all(either, count);
    CHECK_IS(produced, 1000 * count / 2);
    CHECK_IS(consumed, 1000 * count / 2);
    CHECK_IS(total, 500500ul * (count / 2));
    CHECK(lock == 0 && ready == 0 && emptied == 0);
}

static unsigned gate, waiting, passed;

static void *wait_at_gate(void *arg)
{
    lock_write(&lock, PRIVATE, 0);
    waiting++;
    while (gate == 0)
        cond_wait(&ready, &lock, PRIVATE, 0);
    passed++;
    lock_release(&lock, PRIVATE);
    return arg;
}

static void *open_gate(void *arg)
{
    for (;;) {
        lock_write(&lock, PRIVATE, 0);
        if (waiting == 7)
            break;
        lock_release(&lock, PRIVATE);
        nap(100000);
    }
    gate = 1;
    cond_signal(&ready, PRIVATE, UINT32_MAX);
    lock_release(&lock, PRIVATE);
    return arg;
}

static void *gate_thread(void *arg)
{
    return (uintptr_t)arg == 7 ? open_gate(arg) : wait_at_gate(arg);
}

static void test_broadcast(void)
{
    run_all(gate_thread, 8);
    CHECK_IS(passed, 7);
    CHECK(lock == 0 && ready == 0);
}

/* A crowd at one gate: each that leaves hands the lock to the next. */
#define CROWD 1000

static void test_crowd(void)
{
    static struct thread *crowd[CROWD];
    uint64_t start;

    gate = waiting = passed = 0;
    for (unsigned i = 0; i < CROWD; i++)
        crowd[i] = thread_start(wait_at_gate, NULL);
    for (bool all = false; !all; nap(100000)) {
        lock_write(&lock, PRIVATE, 0);
        all = waiting == CROWD;
        lock_release(&lock, PRIVATE);
    }
    start = now();
    lock_write(&lock, PRIVATE, 0);
    gate = 1;
    cond_signal(&ready, PRIVATE, UINT32_MAX);
    lock_release(&lock, PRIVATE);
    for (unsigned i = 0; i < CROWD; i++)
        thread_join(crowd[i]);
    say("# a crowd of 1000 left within ms: ");
    say_number((now() - start) / 1000000);
    say("\n");
    CHECK_IS(passed, CROWD);
    CHECK(lock == 0 && ready == 0);
}

static void test_cond_timeout(void)
{
    uint64_t start = now();

    lock_write(&lock, PRIVATE, 0);
    CHECK(!cond_wait(&ready, &lock, PRIVATE, start + 4000000));
    CHECK(now() - start >= 4000000);
    CHECK(!cond_wait(&ready, &lock, PRIVATE, 1));
    CHECK_IS(lock, own_tid | CLOUDABI_LOCK_WRLOCKED);
    lock_release(&lock, PRIVATE);
    CHECK(lock == 0 && ready == 0);
}

/* A condition variable that is waited for with another lock meanwhile. */
static void *wait_with_own(void *arg)
{
    lock_t *mine = arg;

    lock_write(mine, PRIVATE, 0);
    gate = 2;
    while (gate == 2)
        cond_wait(&ready, mine, PRIVATE, 0);
    lock_release(mine, PRIVATE);
    return NULL;
}

static void test_two_locks(void)
{
    static lock_t other;
    gate = 0;
    struct thread *thread = thread_start(wait_with_own, &other);

    while (*(volatile unsigned *)&gate != 2 || ready == 0)
        nap(100000);
    lock_write(&lock, PRIVATE, 0);
    cloudabi_subscription_t in = {
        .type = CLOUDABI_EVENTTYPE_CONDVAR,
        .condvar = {
            .condvar = &ready, .lock = &lock, .condvar_scope = PRIVATE, .lock_scope = PRIVATE}};
    cloudabi_event_t out = {.error = 0};
    size_t count;
    CHECK_IS(cloudabi_sys_poll(&in, &out, 1, &count), 0);
    CHECK_IS(out.error, CLOUDABI_EINVAL);
    CHECK_IS(lock, own_tid | CLOUDABI_LOCK_WRLOCKED);
    lock_release(&lock, PRIVATE);
    lock_write(&other, PRIVATE, 0);
    gate = 3;
    lock_release(&other, PRIVATE);
    cond_signal(&ready, PRIVATE, 1);
    thread_join(thread);
    CHECK(other == 0 && ready == 0);
}

/* --- shared between processes ---------------------------------------------------------------------- */

struct common {
    lock_t lock;
    condvar_t turn;
    unsigned whose, rounds, arrived, generation;
    unsigned long sum;
};

static void take_turns(struct common *common, unsigned me)
{
    for (unsigned i = 0; i < 500; i++) {
        lock_write(&common->lock, SHARED, 0);
        while (common->whose != me)
            cond_wait(&common->turn, &common->lock, SHARED, 0);
        common->whose = !me;
        common->rounds++;
        cond_signal(&common->turn, SHARED, 1);
        lock_release(&common->lock, SHARED);
    }
}

static void barrier(struct common *common, unsigned parties)
{
    lock_write(&common->lock, SHARED, 0);
    unsigned generation = common->generation;
    if (++common->arrived == parties) {
        common->arrived = 0;
        common->generation++;
        cond_signal(&common->turn, SHARED, UINT32_MAX);
    }
    while (common->generation == generation)
        cond_wait(&common->turn, &common->lock, SHARED, 0);
    lock_release(&common->lock, SHARED);
}

static void test_shared(bool file)
{
    struct common *common = NULL, *again = NULL;
    cloudabi_fd_t fd = CLOUDABI_MAP_ANON_FD, process[3];
    cloudabi_mflags_t flags = CLOUDABI_MAP_SHARED | (file ? 0 : CLOUDABI_MAP_ANON);

    if (file) {
        CHECK_IS(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &fd), 0);
        cloudabi_filestat_t size = {.st_size = PAGE};
        CHECK_IS(cloudabi_sys_file_stat_fput(fd, &size, CLOUDABI_FILESTAT_SIZE), 0);
    }
    CHECK_IS(cloudabi_sys_mem_map(NULL, PAGE, 6, flags, fd, 0, (void **)&common), 0);
    again = common;
    if (file)
        CHECK_IS(cloudabi_sys_mem_map(NULL, PAGE, 6, flags, fd, 0, (void **)&again), 0);
    if (fork_child(&process[0])) {
        take_turns(again, 1);
        cloudabi_sys_proc_exit(0);
    }
    take_turns(common, 0);
    CHECK_IS(wait_child(process[0]).proc_terminate.exitcode, 0);
    CHECK_IS(common->rounds, 1000);
    CHECK(again->lock == 0 && again->turn == 0);
    (void)cloudabi_sys_fd_close(process[0]);
    for (int i = 0; i < 3; i++)
        if (fork_child(&process[i])) {
            for (int k = 0; k < 50; k++)
                barrier(i == 1 ? common : again, 4);
            cloudabi_sys_proc_exit(0);
        }
    for (int k = 0; k < 50; k++)
        barrier(common, 4);
    for (int i = 0; i < 3; i++) {
        CHECK_IS(wait_child(process[i]).proc_terminate.exitcode, 0);
        (void)cloudabi_sys_fd_close(process[i]);
    }
    CHECK_IS(common->generation, 50);
    CHECK_IS(common->lock, 0);
    if (file) {
        CHECK_IS(cloudabi_sys_mem_unmap(again, PAGE), 0);
        CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    }
    CHECK_IS(cloudabi_sys_mem_unmap(common, PAGE), 0);
}

/* --- the end of a process with threads -------------------------------------------------------------- */

static void *spin(void *arg)
{
    for (;;)
        if ((uintptr_t)arg == 1)
            nap(1000000000);
        else if ((uintptr_t)arg == 2)
            (void)cloudabi_sys_thread_yield();
}

static void exit_with_threads(void *unused)
{
    (void)unused;
    for (uintptr_t i = 0; i < 3; i++)
        if (thread_start(spin, (void *)i) == NULL)
            cloudabi_sys_proc_exit(1);
    nap(1000000);
    cloudabi_sys_proc_exit(0x12345678);
}

static void fault_with_threads(void *unused)
{
    (void)unused;
    for (uintptr_t i = 0; i < 3; i++)
        thread_start(spin, (void *)i);
    __builtin_trap();
}

static void test_process_end(void)
{
    CHECK_IS(in_child(exit_with_threads, NULL).proc_terminate.exitcode, 0x12345678);
    CHECK_IS(in_child(fault_with_threads, NULL).proc_terminate.signal, CLOUDABI_SIGILL);
}

void program(void)
{
    test_sleep();
    test_wrong();
    test_many();
    test_batches();
    test_mutex();
    test_rwlock();
    test_lock_timeouts();
    test_queue();
    test_broadcast();
    test_crowd();
    test_cond_timeout();
    test_two_locks();
    test_shared(false);
    test_shared(true);
    test_process_end();
}
