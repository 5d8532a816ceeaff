/* SPDX-License-Identifier: BSD-2-Clause */
/* Locks and condition variables: lock_unlock, condvar_signal, and the waiting side in poll. */
#include "tests/conformance/call.h"
#include "tests/conformance/suite.h"

#define RDLOCK CLOUDABI_EVENTTYPE_LOCK_RDLOCK
#define WRLOCK CLOUDABI_EVENTTYPE_LOCK_WRLOCK
#define PRIV   CLOUDABI_SCOPE_PRIVATE
#define SHARED CLOUDABI_SCOPE_SHARED
#define WR_BIT CLOUDABI_LOCK_WRLOCKED
#define KERNEL CLOUDABI_LOCK_KERNEL_MANAGED

typedef _Atomic(cloudabi_lock_t) lock_word;
typedef _Atomic(cloudabi_condvar_t) condvar_word;

/* What the tests work on: in memory that children share for one scope, in the process's own for the other. */
struct scene {
    lock_word lock, other;
    condvar_word condvar;
    _Atomic uint32_t count, in;
    cloudabi_scope_t scope;
};

static const cloudabi_scope_t scopes[] = {PRIV, SHARED};
static struct scene *scene;

static void set_up(unsigned row)
{
    char *mem = NULL;

    DESCRIBE("%s", row == 0 ? "private" : "shared");
    OK(map(PAGE, READ | WRITE,
           CLOUDABI_MAP_ANON | (row == 0 ? CLOUDABI_MAP_PRIVATE : CLOUDABI_MAP_SHARED),
           CLOUDABI_MAP_ANON_FD, 0, &mem));
    scene = (struct scene *)mem;
    scene->scope = scopes[row];
}

static cloudabi_errno_t take(cloudabi_eventtype_t type, uint64_t timeout)
{
    return take_lock(&scene->lock, type, scene->scope, timeout);
}

static cloudabi_errno_t unlock(void)
{
    return cloudabi_sys_lock_unlock(&scene->lock, scene->scope);
}

/* --- taking ------------------------------------------------------------------------------------------------ */

TEST_ROWS(lock_unlock, OK, "a lock that is taken for writing and let go", 2)
{
    set_up(row);
    OK(take(WRLOCK, 0));
    CHECK((scene->lock & WR_BIT) != 0 && (scene->lock & ~(WR_BIT | KERNEL)) != 0);
    OK(unlock());
    CHECK(scene->lock == 0);
}

TEST_ROWS(poll, OK, "a free lock is taken for reading, by many", 2)
{
    set_up(row);
    for (unsigned i = 1; i <= 5; i++) {
        OK(take(RDLOCK, 0));
        CHECK(scene->lock == i);
    }
}

TEST_ROWS(poll, OK, "who holds a lock for writing and wants it again gets EDEADLK", 4)
{
    set_up(row / 2);
    OK(take(WRLOCK, 0));
    RETURNS(take(row % 2 ? RDLOCK : WRLOCK, 0), CLOUDABI_EDEADLK);
    OK(unlock());
}

static const struct {
    uint32_t word;
    bool write;
} held[] = {{12345 | WR_BIT, true},          {12345 | WR_BIT, false}, {3, true}, {1, true},
            {12345 | WR_BIT | KERNEL, true}, {2 | KERNEL, true}};

TEST_ROWS(poll, OK, "a lock of somebody else: the time runs out", ROWS(held) * 2)
{
    uint32_t word = held[row / 2].word;

    set_up(row % 2);
    DESCRIBE("%#x, %s, scope %u", (unsigned)word, held[row / 2].write ? "to write" : "to read",
             scene->scope);
    scene->lock = word;
    uint64_t before = now();
    RETURNS(take(held[row / 2].write ? WRLOCK : RDLOCK, 10 * MILLI), TIMED_OUT);
    CHECK(now() - before >= 10 * MILLI);
    CHECK((scene->lock & ~KERNEL) == (word & ~KERNEL));
}

TEST_ROWS(poll, OK, "a time in the past fires at once, a free lock is taken nevertheless", 2)
{
    set_up(row);
    OK(take(WRLOCK, 1));
    OK(unlock());
}

/* Processes for the shared scope, threads for the private one. */
struct worker {
    struct thread thread;
    cloudabi_fd_t process;
};

static void run_and_ignore(void *run)
{
    (void)((uint32_t(*)(void *))run)(NULL);
}

static void start(struct worker *worker, uint32_t (*run)(void *))
{
    if (scene->scope == SHARED)
        worker->process = start_child(run, NULL);
    else
        start_thread(&worker->thread, run_and_ignore, (void *)run);
}

static void finish(struct worker *worker)
{
    if (scene->scope == SHARED)
        CHECK(finish_child(worker->process) == 0);
    else
        join_thread(&worker->thread);
}

static uint32_t count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < 300; i++) {
        if (take(WRLOCK, 0) != 0)
            return 1;
        uint32_t value = scene->count;
        if (scene->in++ != 0)
            return 2;
        if (i % 16 == 0)
            cloudabi_sys_thread_yield();
        scene->count = value + 1;
        scene->in--;
        if (unlock() != 0)
            return 3;
    }
    return 0;
}

TEST_ROWS(poll, OK, "only one holds a lock for writing", 2)
{
    struct worker workers[4];

    set_up(row);
    for (size_t i = 0; i < ROWS(workers); i++)
        start(&workers[i], count_up);
    for (size_t i = 0; i < ROWS(workers); i++)
        finish(&workers[i]);
    CHECK(scene->count == 1200 && scene->lock == 0);
}

static uint32_t takes_and_counts(void *arg)
{
    (void)arg;
    if (take(WRLOCK, 0) != 0)
        return 1;
    scene->count++;
    return unlock();
}

static uint32_t reads_and_counts(void *arg)
{
    (void)arg;
    if (take(RDLOCK, 0) != 0)
        return 1;
    scene->in++;
    return 0;
}

TEST_ROWS(lock_unlock, OK, "hands the lock to a writer who waits", 2)
{
    struct worker worker;

    set_up(row);
    OK(take(WRLOCK, 0));
    start(&worker, takes_and_counts);
    for (int i = 0; i < 1000 && (scene->lock & KERNEL) == 0; i++)
        nap(MILLI);
    CHECK((scene->lock & KERNEL) != 0 && scene->count == 0);
    OK(unlock());
    finish(&worker);
    CHECK(scene->count == 1 && scene->lock == 0);
}

TEST_ROWS(lock_unlock, OK, "lets all readers who wait in at once", 2)
{
    struct worker workers[3];

    set_up(row);
    OK(take(WRLOCK, 0));
    for (size_t i = 0; i < ROWS(workers); i++)
        start(&workers[i], reads_and_counts);
    nap(20 * MILLI);
    CHECK(scene->in == 0);
    OK(unlock());
    for (size_t i = 0; i < ROWS(workers); i++)
        finish(&workers[i]);
    CHECK(scene->in == 3 && scene->lock == 3);
}

/* --- lock_unlock: errors --------------------------------------------------------------------------------- */

static const uint32_t not_ours[] = {
    0, 1, 5, KERNEL, 12345 | WR_BIT, 12345 | WR_BIT | KERNEL, 3 | KERNEL, 0xffffffff};

TEST_ROWS(lock_unlock, EPERM, "the lock is not the caller's", ROWS(not_ours) * 2)
{
    set_up(row % 2);
    DESCRIBE("%#x, scope %u", (unsigned)not_ours[row / 2], scene->scope);
    scene->lock = not_ours[row / 2];
    REFUSED(unlock());
    CHECK(scene->lock == not_ours[row / 2]);
}

TEST_ROWS(lock_unlock, EINVAL, "said to be managed, but nobody waits", 2)
{
    set_up(row);
    scene->lock = own_tid() | WR_BIT | KERNEL;
    REFUSED(unlock());
}

static const cloudabi_scope_t no_scopes[] = {0, 1, 2, 3, 5, 6, 7, 9, 12, 255};

TEST_ROWS(lock_unlock, EINVAL, "a scope that does not exist", ROWS(no_scopes))
{
    DESCRIBE("%u", no_scopes[row]);
    set_up(0);
    scene->lock = own_tid() | WR_BIT;
    REFUSED(cloudabi_sys_lock_unlock(&scene->lock, no_scopes[row]));
}

TEST_ROWS(lock_unlock, EINVAL, "an address that is not aligned", 3)
{
    set_up(0);
    REFUSED(cloudabi_sys_lock_unlock((lock_word *)((char *)scene + 1 + row), PRIV));
}

static void *const bad_places[] = {NULL,
                                   BAD,
                                   BAD_HIGH,
                                   BAD_SHAPE,
                                   (void *)UINT64_C(0x7ffffffffffc),
                                   (void *)UINT64_C(0xfffffffffffffffc)};

TEST_ROWS(lock_unlock, EFAULT, "no memory there", ROWS(bad_places) * 2)
{
    DESCRIBE("%p, scope %u", bad_places[row / 2], scopes[row % 2]);
    REFUSED(cloudabi_sys_lock_unlock(bad_places[row / 2], scopes[row % 2]));
}

TEST_ROWS(lock_unlock, EFAULT, "memory that can not be written", 2)
{
    set_up(row);
    scene->lock = own_tid() | WR_BIT;
    OK(cloudabi_sys_mem_protect(scene, PAGE, READ));
    REFUSED(cloudabi_sys_lock_unlock(&scene->lock, scopes[row]));
}

/* --- condition variables ----------------------------------------------------------------------------------- */

static cloudabi_errno_t wait(uint64_t timeout)
{
    return wait_condvar(&scene->condvar, &scene->lock, scene->scope, timeout);
}

static cloudabi_errno_t signal(uint32_t n)
{
    return cloudabi_sys_condvar_signal(&scene->condvar, scene->scope, n);
}

TEST_ROWS(poll, OK, "a condition variable: the time runs out, the lock is held again", 2)
{
    set_up(row);
    OK(take(WRLOCK, 0));
    uint64_t before = now();
    RETURNS(wait(10 * MILLI), TIMED_OUT);
    CHECK(now() - before >= 10 * MILLI && (scene->lock & ~KERNEL) == (own_tid() | WR_BIT));
    CHECK(scene->condvar == 0);
    OK(unlock());
}

TEST_ROWS(poll, OK, "a condition variable whose lock is not held gives EPERM", 6)
{
    static const uint32_t words[] = {0, 3, 12345 | WR_BIT};

    set_up(row % 2);
    scene->lock = words[row / 2];
    RETURNS(wait(10 * MILLI), CLOUDABI_EPERM);
    CHECK(scene->lock == words[row / 2]);
}

static uint32_t waits_and_counts(void *arg)
{
    (void)arg;
    if (take(WRLOCK, 0) != 0)
        return 1;
    scene->in++;
    if (wait(0) != 0)
        return 2;
    scene->count++;
    return unlock();
}

/* Until N wait: they have counted themselves in, and the lock was free for us after. */
static void until_waiting(unsigned n)
{
    for (int i = 0; i < 2000; i++) {
        OK(take(WRLOCK, 0));
        bool there = scene->in == n;
        OK(unlock());
        if (there)
            return;
        nap(MILLI);
    }
    CHECK(false);
}

static void until_counted(unsigned n)
{
    for (int i = 0; i < 2000 && scene->count < n; i++)
        nap(MILLI);
    nap(5 * MILLI);
    CHECK(scene->count == n);
}

TEST_ROWS(condvar_signal, OK, "wakes as many as it says", 2)
{
    struct worker workers[5];

    set_up(row);
    for (size_t i = 0; i < ROWS(workers); i++)
        start(&workers[i], waits_and_counts);
    until_waiting(5);
    CHECK(scene->condvar != 0);
    OK(signal(1));
    until_counted(1);
    OK(signal(2));
    until_counted(3);
    CHECK(scene->condvar != 0);
    OK(signal(UINT32_MAX));
    until_counted(5);
    CHECK(scene->condvar == 0);
    for (size_t i = 0; i < ROWS(workers); i++)
        finish(&workers[i]);
}

TEST_ROWS(condvar_signal, OK, "while the lock is held: the waiter has it afterwards", 2)
{
    struct worker worker;

    set_up(row);
    start(&worker, waits_and_counts);
    until_waiting(1);
    OK(take(WRLOCK, 0));
    OK(signal(1));
    nap(10 * MILLI);
    CHECK(scene->count == 0);
    OK(unlock());
    finish(&worker);
    CHECK(scene->count == 1);
}

TEST_ROWS(condvar_signal, OK, "nobody waits", 2)
{
    set_up(row);
    OK(signal(1));
    OK(signal(UINT32_MAX));
    CHECK(scene->condvar == 0);
}

TEST_ROWS(condvar_signal, OK, "none are to be woken", 2)
{
    struct worker worker;

    set_up(row);
    start(&worker, waits_and_counts);
    until_waiting(1);
    OK(signal(0));
    nap(10 * MILLI);
    CHECK(scene->count == 0);
    OK(signal(1));
    finish(&worker);
}

TEST_ROWS(poll, OK, "one condition variable with two locks gives EINVAL", 2)
{
    struct worker worker;

    set_up(row);
    start(&worker, waits_and_counts);
    until_waiting(1);
    OK(take_lock(&scene->other, WRLOCK, scene->scope, 0));
    RETURNS(wait_condvar(&scene->condvar, &scene->other, scene->scope, 10 * MILLI),
            CLOUDABI_EINVAL);
    CHECK((scene->other & WR_BIT) != 0);
    OK(signal(1));
    finish(&worker);
}

TEST_ROWS(condvar_signal, EINVAL, "a scope that does not exist", ROWS(no_scopes))
{
    set_up(0);
    REFUSED(cloudabi_sys_condvar_signal(&scene->condvar, no_scopes[row], 1));
}

TEST_ROWS(condvar_signal, EINVAL, "an address that is not aligned", 3)
{
    set_up(0);
    REFUSED(cloudabi_sys_condvar_signal((condvar_word *)((char *)scene + 1 + row), PRIV, 1));
}

TEST_ROWS(condvar_signal, EFAULT, "no memory there", ROWS(bad_places) * 2)
{
    DESCRIBE("%p, scope %u", bad_places[row / 2], scopes[row % 2]);
    REFUSED(cloudabi_sys_condvar_signal(bad_places[row / 2], scopes[row % 2], 1));
}

/* --- poll: what is wrong with a lock is in the event -------------------------------------------------------- */

TEST_ROWS(poll, OK, "a lock that is no memory gives EFAULT", ROWS(bad_places) * 2)
{
    DESCRIBE("%p, scope %u", bad_places[row / 2], scopes[row % 2]);
    RETURNS(take_lock(bad_places[row / 2], WRLOCK, scopes[row % 2], 0), CLOUDABI_EFAULT);
}

TEST_ROWS(poll, OK, "a lock that is not aligned, or of no scope, gives EINVAL", ROWS(no_scopes) + 1)
{
    set_up(0);
    if (row == 0)
        RETURNS(take_lock((lock_word *)((char *)scene + 2), WRLOCK, PRIV, 0), CLOUDABI_EINVAL);
    else
        RETURNS(take_lock(&scene->lock, WRLOCK, no_scopes[row - 1], 0), CLOUDABI_EINVAL);
}

TEST(poll, OK, "a shared lock is the same through two mappings")
{
    cloudabi_fd_t fd = new_memory(1);
    char *a = NULL, *b = NULL;

    OK(map(PAGE, READ | WRITE, CLOUDABI_MAP_SHARED, fd, 0, &a));
    OK(map(PAGE, READ | WRITE, CLOUDABI_MAP_SHARED, fd, 0, &b));
    OK(take_lock((lock_word *)a, WRLOCK, SHARED, 0));
    RETURNS(take_lock((lock_word *)b, WRLOCK, SHARED, 0), CLOUDABI_EDEADLK);
    OK(cloudabi_sys_lock_unlock((lock_word *)b, SHARED));
    CHECK(*(lock_word *)a == 0);
}
