/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks, timeouts, random bytes. */
#include "tests/guest/call.h"
#include "tests/guest/tap.h"

#define MS UINT64_C(1000000)

static void test_clocks(void)
{
    cloudabi_timestamp_t a, b;

    for (cloudabi_clockid_t clock = 1; clock <= 4; clock++) {
        CHECK_RETURNS(cloudabi_sys_clock_time_get(clock, 0, &a), 0);
        CHECK_RETURNS(cloudabi_sys_clock_res_get(clock, &b), 0);
        CHECK(b >= 1 && b <= 100 * MS);
    }
    CHECK_RETURNS(cloudabi_sys_clock_time_get(0, 0, &a), CLOUDABI_EINVAL);
    CHECK_RETURNS(cloudabi_sys_clock_time_get(5, 0, &a), CLOUDABI_EINVAL);
    /* After 2020 and before 2100: the clock of the machine was read. */
    CHECK_RETURNS(cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_REALTIME, 0, &a), 0);
    CHECK(a / 1000000000 > 1577836800 && a / 1000000000 < UINT64_C(4102444800));
}

static void test_monotonic(void)
{
    uint64_t last = now();
    int backwards = 0;

    for (int i = 0; i < 20000; i++) {
        uint64_t next = now();
        backwards += next < last;
        last = next;
    }
    CHECK(backwards == 0);
}

static void test_sleep(void)
{
    uint64_t start = now();

    CHECK_RETURNS(nap(30 * MS), 0);
    CHECK(now() - start >= 30 * MS);
    CHECK(now() - start < 5000 * MS);
    start = now();
    CHECK_RETURNS(nap(0), 0);
    CHECK(now() - start < 2000 * MS);
}

static void test_absolute(void)
{
    cloudabi_subscription_t in = {.userdata = 5,
                                  .type = CLOUDABI_EVENTTYPE_CLOCK,
                                  .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC,
                                            .timeout = now() + 20 * MS,
                                            .flags = CLOUDABI_SUBSCRIPTION_CLOCK_ABSTIME}};
    cloudabi_event_t out = {0};
    size_t count = 0;

    CHECK_RETURNS(cloudabi_sys_poll(&in, &out, 1, &count), 0);
    CHECK(count == 1 && out.userdata == 5 && out.error == 0);
    CHECK(now() >= in.clock.timeout);
    CHECK_RETURNS(cloudabi_sys_poll(&in, &out, 1, &count), 0);
    CHECK(count == 1);
    CHECK_RETURNS(cloudabi_sys_poll(&in, &out, 0, &count), CLOUDABI_EINVAL);
}

static void test_cpu_time(void)
{
    cloudabi_timestamp_t before, after;
    unsigned sum = 0;

    cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_THREAD_CPUTIME_ID, 0, &before);
    for (unsigned i = 0; i < 3000000; i++)
        __asm__ volatile("" : "+r"(sum) : "r"(i));
    cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_THREAD_CPUTIME_ID, 0, &after);
    CHECK(after > before);
    cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_PROCESS_CPUTIME_ID, 0, &before);
    CHECK(before >= after / 2);
}

static void test_random(void)
{
    static unsigned char a[5000], b[5000];
    int counts[256] = {0}, seen = 0;

    CHECK_RETURNS(cloudabi_sys_random_get(a, sizeof(a)), 0);
    CHECK_RETURNS(cloudabi_sys_random_get(b, sizeof(b)), 0);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    CHECK(memcmp(a, a + 2500, 2500) != 0);
    for (size_t i = 0; i < sizeof(a); i++)
        seen += counts[a[i]]++ == 0;
    CHECK(seen == 256);
    CHECK_RETURNS(cloudabi_sys_random_get(NULL, 0), 0);
}

int main(void)
{
    test_clocks();
    test_monotonic();
    test_sleep();
    test_absolute();
    test_cpu_time();
    test_random();
    return tap_end();
}
