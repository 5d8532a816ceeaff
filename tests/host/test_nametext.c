/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a look-up: what is dropped from a path, and what a symbolic link makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "kernel/fd/nametext.h"

static void expect_text(const struct name_text *text, const char *wanted, bool must_dir)
{
    assert_int_equal(text->len, strlen(wanted));
    assert_memory_equal(text->bytes, wanted, text->len);
    assert_int_equal(text->must_dir, must_dir);
}

static void test_set(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text;
        bool must_dir;
    } cases[] = {
        {"a", "a", false},       {"a/", "a", true},         {"a//b", "a/b", false},
        {"./a", "a", false},     {"a/.", "a", true},        {".", "", true},
        {"././", "", true},      {"a/./b/", "a/b", true},   {"..", "..", false},
        {"../a", "../a", false}, {"a/../", "a/..", true},   {"...", "...", false},
        {"a//", "a", true},      {".a/b.", ".a/b.", false}, {"", "", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct name_text text;
        assert_int_equal(name_text_set(&text, cases[i].path, strlen(cases[i].path)), 0);
        expect_text(&text, cases[i].text, cases[i].must_dir);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct name_text text;
    char path[2 * NAME_TEXT_MAX];
    memset(path, 'x', sizeof(path));
    assert_int_equal(name_text_set(&text, path, NAME_TEXT_MAX), 0);
    assert_int_equal(text.len, NAME_TEXT_MAX);
    assert_int_equal(name_text_set(&text, path, NAME_TEXT_MAX + 1), CLOUDABI_ENAMETOOLONG);
    path[500] = '/';
    assert_int_equal(name_text_set(&text, path, NAME_TEXT_MAX), 0);
    assert_int_equal(name_text_set(&text, path, NAME_TEXT_MAX + 1), CLOUDABI_ENAMETOOLONG);
    path[NAME_TEXT_MAX] = '/'; /* does not count */
    assert_int_equal(name_text_set(&text, path, NAME_TEXT_MAX + 1), 0);
    assert_true(text.must_dir);
}

static void test_walk(void **state)
{
    (void)state;
    struct name_text text;
    name_text_set(&text, "a/../bc", 7);
    assert_true(text.has_dotdot);
    assert_int_equal(name_text_first(&text), 1);
    name_text_drop(&text, 1);
    assert_true(name_text_first_is_dotdot(&text));
    name_text_drop(&text, 2);
    assert_false(text.has_dotdot);
    expect_text(&text, "bc", false);
    name_text_drop(&text, 2);
    expect_text(&text, "", false);
    assert_int_equal(name_text_first(&text), 0);
}

static void test_component_ends(void **state)
{
    (void)state;
    assert_true(name_ends_component("ab/c", 4, 2));
    assert_true(name_ends_component("ab/c", 4, 4));
    assert_false(name_ends_component("ab/c", 4, 0));
    assert_false(name_ends_component("ab/c", 4, 1));
    assert_false(name_ends_component("ab/c", 4, 3));
    assert_false(name_ends_component("ab/c", 4, 5));
    assert_false(name_ends_component("", 0, 0));
}

static void test_replace(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t consumed;
        const char *target, *text;
        bool must_dir;
    } cases[] = {
        {"a/l/b", 3, "t", "a/t/b", false}, {"l", 1, "t/u/", "t/u", true},
        {"l/b", 1, "t/", "t/b", false},    {"a/l", 3, "../t", "a/../t", false},
        {"a/l/b", 3, ".", "a/b", false},   {"l", 1, ".", "", true},
        {"l/", 1, "t", "t", true},         {"a/l", 3, "./x//y", "a/x/y", false},
        {"l/b/", 1, "t", "t/b", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct name_text text;
        name_text_set(&text, cases[i].path, strlen(cases[i].path));
        assert_int_equal(
            name_text_replace(&text, cases[i].consumed, cases[i].target, strlen(cases[i].target)),
            0);
        expect_text(&text, cases[i].text, cases[i].must_dir);
    }
}

static void test_replace_refused(void **state)
{
    (void)state;
    struct name_text text;
    char target[NAME_TEXT_MAX + 1];
    memset(target, 'y', sizeof(target));
    name_text_set(&text, "a/l/b", 5);
    assert_int_equal(name_text_replace(&text, 3, "", 0), CLOUDABI_ENOENT);
    assert_int_equal(name_text_replace(&text, 3, "/t", 2), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(name_text_replace(&text, 3, "t\0u", 3), CLOUDABI_EINVAL);
    assert_int_equal(name_text_replace(&text, 3, target, sizeof(target)), CLOUDABI_ENAMETOOLONG);
    assert_int_equal(name_text_replace(&text, 3, target, NAME_TEXT_MAX - 3), CLOUDABI_ENAMETOOLONG);
    expect_text(&text, "a/l/b", false);
    assert_int_equal(name_text_replace(&text, 3, target, NAME_TEXT_MAX - 4), 0);
    assert_int_equal(text.len, NAME_TEXT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_replace_refused),
        cmocka_unit_test(test_component_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
