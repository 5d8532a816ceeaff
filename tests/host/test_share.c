/* SPDX-License-Identifier: BSD-2-Clause */
/* How connections share memory: services/net/share.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/net/share.h"

#define MANY 1000
#define MOST 131072u
#define POOL (16u << 20)

static struct share_pool pool;
static struct share shares[MANY];

static void fill_all(void)
{
    for (unsigned i = 0; i < MANY; i++)
        share_use(&pool, &shares[i], share_limit(&pool, &shares[i], MOST));
}

static int setup(void **state)
{
    (void)state;
    pool = (struct share_pool){.size = POOL};
    for (unsigned i = 0; i < MANY; i++)
        shares[i] = (struct share){0};
    return 0;
}

static void test_alone(void **state)
{
    (void)state;
    assert_int_equal(share_limit(&pool, &shares[0], MOST), MOST);
    share_use(&pool, &shares[0], MOST);
    assert_int_equal(share_limit(&pool, &shares[0], MOST),
                     MOST); /* what it has itself does not count against it */
    shares[1].prompt = true;
    assert_int_equal(share_limit(&pool, &shares[1], 65536), 65536);
    share_use(&pool, &shares[0], 0);
    assert_int_equal(pool.used, 0);
}

/* However many take what they get, of those who use it up each gets enough. */
static void test_new_ones_leave_enough(void **state)
{
    struct share prompt = {.prompt = true};
    (void)state;
    fill_all();
    assert_true(pool.used < POOL);
    assert_true(share_limit(&pool, &prompt, MOST) >= 32768);
    assert_true(share_limit(&pool, &shares[0], MOST) >= SHARE_LEAST);
}

static void test_slow_ones_leave_the_second_half(void **state)
{
    struct share prompt = {.prompt = true}, fresh = {0};
    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        shares[i].looks = SHARE_KNOWN;
    fill_all();
    assert_true(pool.used < POOL / 2 + (size_t)MANY * SHARE_LEAST);
    assert_int_equal(share_limit(&pool, &prompt, MOST), MOST);
    assert_true(share_limit(&pool, &fresh, MOST) >= SHARE_NEW);
}

static void test_prompt_ones_share(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        shares[i].prompt = true;
    fill_all();
    fill_all();
    assert_true(pool.used < POOL + (size_t)MANY * SHARE_LEAST);
}

static void test_look(void **state)
{
    struct share *share = &shares[0];
    (void)state;
    assert_false(share_look(share, 0, 1000));
    assert_false(share->prompt);
    assert_true(share_look(share, 500, 1000)); /* less than lies there still */
    assert_false(share->prompt);
    assert_int_equal(share->looks, SHARE_KNOWN);
    assert_true(share_look(share, 1500, 1000));
    assert_true(share->prompt);
    assert_false(share_look(share, 1500, 0)); /* nothing to do is nothing done */
    assert_true(share->prompt);
    assert_false(share_look(share, 1500, 0));
    assert_true(!share->prompt && share->proven);
    share->taken = 0xfffffff0;
    assert_true(share_look(share, 0x10, 0x20)); /* counters wrap */
    assert_true(share->prompt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_alone, setup),
        cmocka_unit_test_setup(test_new_ones_leave_enough, setup),
        cmocka_unit_test_setup(test_slow_ones_leave_the_second_half, setup),
        cmocka_unit_test_setup(test_prompt_ones_share, setup),
        cmocka_unit_test_setup(test_look, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
