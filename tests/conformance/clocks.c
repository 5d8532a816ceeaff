/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks and random numbers. */
#include "tests/conformance/call.h"
#include "tests/conformance/suite.h"

static const cloudabi_clockid_t clocks[] = {
    CLOUDABI_CLOCK_MONOTONIC, CLOUDABI_CLOCK_PROCESS_CPUTIME_ID, CLOUDABI_CLOCK_REALTIME,
    CLOUDABI_CLOCK_THREAD_CPUTIME_ID};
static const cloudabi_clockid_t no_clocks[] = {0, 5, 6, 0x7fffffff, 0x80000000, 0xffffffff};

static cloudabi_timestamp_t read_clock(cloudabi_clockid_t clock)
{
    cloudabi_timestamp_t time = 0;

    OK(cloudabi_sys_clock_time_get(clock, 0, &time));
    return time;
}

/* Uses the CPU for this long. */
static void burn(uint64_t ns)
{
    uint64_t end = read_clock(CLOUDABI_CLOCK_THREAD_CPUTIME_ID) + ns;

    while (read_clock(CLOUDABI_CLOCK_THREAD_CPUTIME_ID) < end)
        continue;
}

TEST_ROWS(clock_res_get, OK, "a step from 1 ns to 1 s", ROWS(clocks))
{
    cloudabi_timestamp_t step = 0;

    DESCRIBE("clock %u", (unsigned)clocks[row]);
    OK(cloudabi_sys_clock_res_get(clocks[row], &step));
    CHECK(step >= 1 && step <= 1000 * MILLI);
}

TEST_ROWS(clock_res_get, EINVAL, "no clock", ROWS(no_clocks))
{
    cloudabi_timestamp_t step = 77;

    DESCRIBE("clock %u", (unsigned)no_clocks[row]);
    REFUSED(cloudabi_sys_clock_res_get(no_clocks[row], &step));
    CHECK(step == 77);
}

TEST_ROWS(clock_time_get, OK, "never goes back", ROWS(clocks))
{
    cloudabi_timestamp_t last = 0;

    DESCRIBE("clock %u", (unsigned)clocks[row]);
    for (int i = 0; i < 2000; i++) {
        cloudabi_timestamp_t time = read_clock(clocks[row]);
        CHECK(time >= last);
        last = time;
    }
    CHECK(last != 0);
}

TEST_ROWS(clock_time_get, OK, "goes on while the thread works", ROWS(clocks))
{
    DESCRIBE("clock %u", (unsigned)clocks[row]);
    cloudabi_timestamp_t before = read_clock(clocks[row]);
    burn(5 * MILLI);
    CHECK(read_clock(clocks[row]) >= before + 4 * MILLI);
}

TEST_ROWS(clock_time_get, OK, "real time goes on while the thread sleeps, used time does not",
          ROWS(clocks))
{
    bool used = clocks[row] == CLOUDABI_CLOCK_PROCESS_CPUTIME_ID ||
                clocks[row] == CLOUDABI_CLOCK_THREAD_CPUTIME_ID;

    DESCRIBE("clock %u", (unsigned)clocks[row]);
    for (int i = 0; i < 5; i++) {
        cloudabi_timestamp_t before = read_clock(clocks[row]);
        OK(nap(100 * MILLI));
        uint64_t passed = read_clock(clocks[row]) - before;
        if (used ? passed < 80 * MILLI : passed >= 100 * MILLI)
            return;
        CHECK(used); /* see thread_times_add_up */
    }
    CHECK(false);
}

TEST_ROWS(clock_time_get, OK, "any precision may be asked for", ROWS(clocks) * 3)
{
    static const cloudabi_timestamp_t precision[] = {0, 1, UINT64_MAX};
    cloudabi_timestamp_t time = 0;

    DESCRIBE("clock %u", (unsigned)clocks[row / 3]);
    OK(cloudabi_sys_clock_time_get(clocks[row / 3], precision[row % 3], &time));
    CHECK(time != 0);
}

TEST(clock_time_get, OK, "the wall clock counts from 1970 and has been set")
{
    const uint64_t year = UINT64_C(365) * 86400 * 1000 * MILLI;

    CHECK(read_clock(CLOUDABI_CLOCK_REALTIME) > 50 * year);
    CHECK(read_clock(CLOUDABI_CLOCK_REALTIME) < 300 * year);
}

/* Programs may read these clocks by themselves; poll is told the time by the kernel. */
TEST_ROWS(clock_time_get, OK, "tells the time by which poll waits", 2)
{
    cloudabi_clockid_t clock = row == 0 ? CLOUDABI_CLOCK_MONOTONIC : CLOUDABI_CLOCK_REALTIME;

    DESCRIBE("clock %u", (unsigned)clock);
    for (int i = 0; i < 300; i++) {
        cloudabi_timestamp_t time = read_clock(clock) + 10 * MILLI;
        cloudabi_subscription_t in = {.type = CLOUDABI_EVENTTYPE_CLOCK,
                                      .clock = {.clock_id = clock,
                                                .timeout = time,
                                                .flags = CLOUDABI_SUBSCRIPTION_CLOCK_ABSTIME}};
        cloudabi_event_t out;
        OK(cloudabi_sys_poll(&in, &out, 1, &(size_t){0}));
        CHECK(read_clock(clock) >= time);
    }
}

TEST(clock_time_get, OK, "the wall clock is not the monotonic one")
{
    CHECK(read_clock(CLOUDABI_CLOCK_REALTIME) != read_clock(CLOUDABI_CLOCK_MONOTONIC));
}

static uint32_t child_time(void *arg)
{
    (void)arg;
    return read_clock(CLOUDABI_CLOCK_PROCESS_CPUTIME_ID) < 100 * MILLI;
}

TEST(clock_time_get, OK, "a new process has used no time")
{
    burn(200 * MILLI);
    bool good = false;
    for (int i = 0; i < 5 && !good; i++)
        good = child_result(child_time, NULL) == 1;
    CHECK(good);
}

static void burn_thread(void *arg)
{
    burn(200 * MILLI);
    *(uint64_t *)arg = read_clock(CLOUDABI_CLOCK_THREAD_CPUTIME_ID);
}

/* A virtual machine that is not run for a while takes that for time used: so it may fail a few times. */
static bool thread_times_add_up(void)
{
    struct thread thread;
    uint64_t theirs = 0, own = read_clock(CLOUDABI_CLOCK_THREAD_CPUTIME_ID);

    start_thread(&thread, burn_thread, &theirs);
    join_thread(&thread);
    CHECK(theirs >= 200 * MILLI);
    CHECK(read_clock(CLOUDABI_CLOCK_PROCESS_CPUTIME_ID) >= theirs);
    return read_clock(CLOUDABI_CLOCK_THREAD_CPUTIME_ID) - own < 100 * MILLI;
}

TEST(clock_time_get, OK, "the process's time is that of all its threads")
{
    bool good = false;

    for (int i = 0; i < 5 && !good; i++)
        good = thread_times_add_up();
    CHECK(good);
}

TEST_ROWS(clock_time_get, EINVAL, "no clock", ROWS(no_clocks))
{
    cloudabi_timestamp_t time = 77;

    DESCRIBE("clock %u", (unsigned)no_clocks[row]);
    REFUSED(cloudabi_sys_clock_time_get(no_clocks[row], 0, &time));
    CHECK(time == 77);
}

/* --- random_get ------------------------------------------------------------------------------------ */

static const size_t lengths[] = {0, 1, 2, 7, 8, 63, 255, 256, 257, 4095, 4096, 4097, 100000};

TEST_ROWS(random_get, OK, "fills just the buffer", ROWS(lengths))
{
    size_t len = lengths[row];
    uint8_t *mem = (uint8_t *)new_pages(26);

    DESCRIBE("%u bytes", (unsigned)len);
    memset(mem, 0x5a, len + 16);
    OK(cloudabi_sys_random_get(mem + 8, len));
    for (size_t i = 0; i < 8; i++)
        CHECK(mem[i] == 0x5a && mem[8 + len + i] == 0x5a);
    if (len >= 255) {
        unsigned ones = 0;
        for (size_t i = 0; i < len; i++)
            ones += (unsigned)__builtin_popcount(mem[8 + i]);
        CHECK(ones > len * 3 && ones < len * 5);
    }
}

TEST(random_get, OK, "never the same twice")
{
    uint64_t seen[64];

    for (size_t i = 0; i < ROWS(seen); i++) {
        OK(cloudabi_sys_random_get(&seen[i], sizeof(seen[i])));
        for (size_t k = 0; k < i; k++)
            CHECK(seen[k] != seen[i]);
    }
}

static uint32_t child_random(void *arg)
{
    return (uint32_t)-cloudabi_sys_random_get(arg, 16);
}

TEST(random_get, OK, "not the same after a fork")
{
    char *shared, own[16];

    OK(map(PAGE, READ | WRITE, CLOUDABI_MAP_ANON | CLOUDABI_MAP_SHARED, CLOUDABI_MAP_ANON_FD, 0,
           &shared));
    CHECK(child_result(child_random, shared) == 0);
    OK(cloudabi_sys_random_get(own, sizeof(own)));
    CHECK(memcmp(own, shared, sizeof(own)) != 0);
}

static const struct {
    void *at;
    size_t len;
} no_buffers[] = {{NULL, 1},
                  {BAD, 1},
                  {BAD, 5000},
                  {BAD_HIGH, 1},
                  {BAD_SHAPE, 1},
                  {(void *)UINT64_MAX, 1},
                  {(void *)UINT64_MAX, 2},
                  {(void *)UINT64_C(0x7ffffffff000), 0x2000},
                  {(void *)4096, UINT64_MAX},
                  {(void *)4096, UINT64_MAX - 4096}};

TEST_ROWS(random_get, EFAULT, "no memory there", ROWS(no_buffers))
{
    DESCRIBE("%p, %llu bytes", no_buffers[row].at, (unsigned long long)no_buffers[row].len);
    REFUSED(cloudabi_sys_random_get(no_buffers[row].at, no_buffers[row].len));
}

TEST(random_get, EFAULT, "the buffer runs out of memory")
{
    REFUSED(cloudabi_sys_random_get(edge(100), 101));
    REFUSED(cloudabi_sys_random_get(edge(4096), 5000));
    OK(cloudabi_sys_random_get(edge(100), 100));
}

TEST(random_get, EFAULT, "the buffer is read-only")
{
    char *mem = new_pages(1);

    OK(cloudabi_sys_mem_protect(mem, PAGE, READ));
    REFUSED(cloudabi_sys_random_get(mem, 1));
    CHECK(mem[0] == 0);
}
