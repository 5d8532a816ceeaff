/* SPDX-License-Identifier: BSD-2-Clause */
/* Reader and writer of argument data (abi/argdata). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/argdata/argdata.h"

#define VIEW(...) \
    argdata_from((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* The example of the ABI's documents: {tmpdir: fd 0, logfile: fd 1, nthreads: 1}. */
static const uint8_t example[] = {
    0x06, 0x88, 0x08, 't', 'm', 'p', 'd', 'i', 'r', 0,   0x85, 0x03, 0,    0,    0, 0,
    0x89, 0x08, 'l',  'o', 'g', 'f', 'i', 'l', 'e', 0,   0x85, 0x03, 0,    0,    0, 1,
    0x8a, 0x08, 'n',  't', 'h', 'r', 'e', 'a', 'd', 's', 0,    0x82, 0x05, 0x01,
};

static void assert_written(struct argdata_writer *writer, struct argdata expected)
{
    struct argdata value;

    assert_int_equal(argdata_write_end(writer, &value), 0);
    assert_int_equal(value.len, expected.len);
    if (value.len > 0)
        assert_memory_equal(value.data, expected.data, value.len);
    argdata_write_free(writer);
}

static void test_example_read(void **state)
{
    struct argdata map = argdata_from(example, sizeof(example)), value;
    cloudabi_fd_t fd = 99;
    int64_t threads = 0;

    (void)state;
    assert_int_equal(argdata_check(map), 0);
    assert_int_equal(argdata_map_get_fd(map, "tmpdir", &fd), 0);
    assert_int_equal(fd, 0);
    assert_int_equal(argdata_map_get_fd(map, "logfile", &fd), 0);
    assert_int_equal(fd, 1);
    assert_int_equal(argdata_map_get_int(map, "nthreads", &threads), 0);
    assert_int_equal(threads, 1);
    assert_int_equal(argdata_map_get(map, "absent", &value), CLOUDABI_ENOENT);
    assert_int_equal(argdata_map_get_int(map, "logfile", &threads), CLOUDABI_EINVAL);
}

static void test_example_written(void **state)
{
    struct argdata_writer writer;

    (void)state;
    argdata_write_begin(&writer, NULL, 0);
    argdata_write_map_begin(&writer);
    argdata_write_str(&writer, "tmpdir");
    argdata_write_fd(&writer, 0);
    argdata_write_str(&writer, "logfile");
    argdata_write_fd(&writer, 1);
    argdata_write_str(&writer, "nthreads");
    argdata_write_int(&writer, 1);
    argdata_write_map_end(&writer);
    assert_written(&writer, argdata_from(example, sizeof(example)));
}

static void test_integers(void **state)
{
    static const struct {
        int64_t value;
        size_t len;
        uint8_t bytes[9];
    } cases[] = {
        {0, 1, {5}},
        {1, 2, {5, 1}},
        {-1, 2, {5, 0xff}},
        {127, 2, {5, 0x7f}},
        {128, 3, {5, 0, 0x80}},
        {-128, 2, {5, 0x80}},
        {-129, 3, {5, 0xff, 0x7f}},
        {INT64_MAX, 9, {5, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {INT64_MIN, 9, {5, 0x80, 0, 0, 0, 0, 0, 0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct argdata expected = argdata_from(cases[i].bytes, cases[i].len);
        struct argdata_writer writer;
        int64_t value;

        argdata_write_begin(&writer, NULL, 0);
        argdata_write_int(&writer, cases[i].value);
        assert_written(&writer, expected);
        assert_int_equal(argdata_get_int(expected, &value), 0);
        assert_true(value == cases[i].value);
    }
}

static void test_integers_refused(void **state)
{
    int64_t value;
    uint64_t natural;

    (void)state;
    assert_int_equal(argdata_get_int(VIEW(5, 0), &value), CLOUDABI_EBADMSG);
    assert_int_equal(argdata_get_int(VIEW(5, 0, 1), &value), CLOUDABI_EBADMSG);
    assert_int_equal(argdata_get_int(VIEW(5, 0xff, 0x80), &value), CLOUDABI_EBADMSG);
    assert_int_equal(argdata_get_int(VIEW(5, 1, 0, 0, 0, 0, 0, 0, 0, 0), &value), CLOUDABI_ERANGE);
    assert_int_equal(argdata_check(VIEW(5, 1, 0, 0, 0, 0, 0, 0, 0, 0)), 0);
    assert_int_equal(argdata_get_uint(VIEW(5, 0xff), &natural), CLOUDABI_ERANGE);
    assert_int_equal(argdata_get_uint(VIEW(5, 0, 0xff, 0, 0, 0, 0, 0, 0, 1), &natural), 0);
    assert_true(natural == 0xff00000000000001);
    assert_int_equal(argdata_get_int(VIEW(5, 0, 0xff, 0, 0, 0, 0, 0, 0, 1), &value),
                     CLOUDABI_ERANGE);
}

static void test_scalars(void **state)
{
    struct argdata_writer writer;
    const char *text;
    const void *bytes;
    size_t len;
    double number;
    bool boolean;
    int64_t ns;

    (void)state;
    assert_int_equal(argdata_get_bool(VIEW(2, 1), &boolean), 0);
    assert_true(boolean);
    assert_int_equal(argdata_get_bool(VIEW(2), &boolean), 0);
    assert_false(boolean);
    assert_int_equal(argdata_get_bool(VIEW(2, 0), &boolean), CLOUDABI_EBADMSG);
    assert_int_equal(argdata_get_float(VIEW(4, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0), &number), 0);
    assert_true(number == 1.5);
    assert_int_equal(argdata_get_binary(VIEW(1, 7, 8), &bytes, &len), 0);
    assert_int_equal(len, 2);
    assert_int_equal(argdata_get_null(argdata_from(NULL, 0)), 0);
    assert_int_equal(argdata_get_null(VIEW(2)), CLOUDABI_EINVAL);
    assert_int_equal(argdata_get_timestamp(VIEW(9, 0xfe), &ns), 0);
    assert_int_equal(ns, -2);
    assert_int_equal(argdata_get_str(VIEW(8, 'h', 'i', 0), &text, NULL), 0);
    assert_string_equal(text, "hi");

    argdata_write_begin(&writer, NULL, 0);
    argdata_write_float(&writer, 1.5);
    assert_written(&writer, VIEW(4, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0));
    argdata_write_begin(&writer, NULL, 0);
    argdata_write_null(&writer);
    assert_written(&writer, argdata_from(NULL, 0));
    argdata_write_begin(&writer, NULL, 0);
    argdata_write_uint(&writer, UINT64_MAX);
    assert_written(&writer, VIEW(5, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
    argdata_write_begin(&writer, NULL, 0);
    argdata_write_bool(&writer, true);
    assert_written(&writer, VIEW(2, 1));
}

static void test_strings_refused(void **state)
{
    const char *text;
    size_t len;

    (void)state;
    assert_int_equal(argdata_get_str(VIEW(8), &text, &len), CLOUDABI_EBADMSG);
    assert_int_equal(argdata_get_str(VIEW(8, 'a'), &text, &len), CLOUDABI_EBADMSG);
    assert_int_equal(argdata_get_str(VIEW(8, 'a', 0, 'b', 0), &text, NULL), CLOUDABI_ERANGE);
    assert_int_equal(argdata_get_str(VIEW(8, 'a', 0, 'b', 0), &text, &len), 0);
    assert_int_equal(len, 3);
    assert_int_equal(argdata_check(VIEW(8, 0xc0, 0x80, 0)), CLOUDABI_EBADMSG);       /* overlong */
    assert_int_equal(argdata_check(VIEW(8, 0xed, 0xa0, 0x80, 0)), CLOUDABI_EBADMSG); /* surrogate */
    assert_int_equal(argdata_check(VIEW(8, 0xf4, 0x90, 0x80, 0x80, 0)), CLOUDABI_EBADMSG);
    assert_int_equal(argdata_check(VIEW(8, 0xe2, 0x82, 0)), CLOUDABI_EBADMSG); /* cut off */
    assert_int_equal(argdata_check(VIEW(8, 0xf4, 0x8f, 0xbf, 0xbf, 0xe2, 0x82, 0xac, 0)), 0);
}

static void test_trees_refused(void **state)
{
    uint8_t deep[3 * ARGDATA_DEPTH_MAX];
    struct argdata_iter iter;
    struct argdata key, value;

    (void)state;
    assert_int_equal(argdata_check(VIEW(10)), CLOUDABI_EBADMSG);
    assert_int_equal(argdata_check(VIEW(0)), CLOUDABI_EBADMSG);
    assert_int_equal(argdata_check(VIEW(3, 0, 0, 0)), CLOUDABI_EBADMSG);
    assert_int_equal(argdata_check(VIEW(7, 0x82, 2)), CLOUDABI_EBADMSG); /* beyond its container */
    assert_int_equal(argdata_check(VIEW(7, 0x01)), CLOUDABI_EBADMSG);    /* length cut off */
    assert_int_equal(argdata_check(VIEW(6, 0x80)), CLOUDABI_EBADMSG);    /* a key without a value */
    assert_int_equal(argdata_check(VIEW(6, 0x80, 0x80)), 0);             /* {null: null} */
    assert_int_equal(
        argdata_check(VIEW(7, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0xff)),
        CLOUDABI_EBADMSG);
    iter = argdata_map_iter(VIEW(6, 0x81, 2));
    assert_false(argdata_map_next(&iter, &key, &value));
    assert_int_equal(iter.error, CLOUDABI_EBADMSG);
    iter = argdata_map_iter(VIEW(7));
    assert_false(argdata_map_next(&iter, &key, &value));
    assert_int_equal(iter.error, CLOUDABI_EINVAL);

    /* A sequence in a sequence in ...: the innermost is empty. */
    size_t at = sizeof(deep), len = 1;
    deep[--at] = ARGDATA_SEQ;
    for (unsigned depth = 1; depth <= ARGDATA_DEPTH_MAX; depth++) {
        assert_int_equal(argdata_check(argdata_from(deep + at, len)), 0);
        deep[--at] = (uint8_t)(0x80 | len);
        deep[--at] = ARGDATA_SEQ;
        len += 2;
    }
    assert_int_equal(argdata_check(argdata_from(deep + at, len)), CLOUDABI_EBADMSG);
}

/* Elements of more than 127 and 16383 bytes have lengths of two and three bytes. */
static void test_long_elements(void **state)
{
    static const size_t sizes[] = {126, 127, 16382, 16383, 100000};
    static char text[100000];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct argdata_writer writer;
        struct argdata value, inner;
        const char *read;
        size_t len;

        argdata_write_begin(&writer, NULL, 0);
        argdata_write_map_begin(&writer);
        argdata_write_str(&writer, "inner");
        argdata_write_map_begin(&writer);
        argdata_write_str(&writer, "text");
        argdata_write_str_len(&writer, text, sizes[i]);
        argdata_write_map_end(&writer);
        argdata_write_str(&writer, "after");
        argdata_write_bool(&writer, true);
        argdata_write_map_end(&writer);
        assert_int_equal(argdata_write_end(&writer, &value), 0);
        assert_int_equal(argdata_check(value), 0);
        assert_int_equal(argdata_map_get_map(value, "inner", &inner), 0);
        assert_int_equal(argdata_map_get_str(inner, "text", &read, &len), 0);
        assert_int_equal(len, sizes[i]);
        argdata_write_free(&writer);
    }
}

static void test_writer_misused(void **state)
{
    struct argdata_writer writer;
    struct argdata value;
    uint8_t small[8];

    (void)state;
    argdata_write_begin(&writer, small, sizeof(small));
    assert_int_equal(argdata_write_end(&writer, &value), CLOUDABI_EINVAL);
    argdata_write_begin(&writer, small, sizeof(small));
    argdata_write_str(&writer, "123456");
    assert_int_equal(argdata_write_end(&writer, &value), 0);
    argdata_write_begin(&writer, small, sizeof(small));
    argdata_write_str(&writer, "1234567");
    assert_int_equal(argdata_write_end(&writer, &value), CLOUDABI_ERANGE);
    argdata_write_begin(&writer, small, sizeof(small));
    argdata_write_null(&writer);
    argdata_write_null(&writer);
    assert_int_equal(argdata_write_end(&writer, &value), CLOUDABI_EINVAL);
    argdata_write_begin(&writer, small, sizeof(small));
    argdata_write_map_begin(&writer);
    argdata_write_null(&writer);
    argdata_write_map_end(&writer);
    assert_int_equal(argdata_write_end(&writer, &value), CLOUDABI_EINVAL);
    argdata_write_begin(&writer, small, sizeof(small));
    argdata_write_map_begin(&writer);
    argdata_write_seq_end(&writer);
    assert_int_equal(argdata_write_end(&writer, &value), CLOUDABI_EINVAL);
    argdata_write_begin(&writer, small, sizeof(small));
    argdata_write_str(&writer, "\xff");
    assert_int_equal(argdata_write_end(&writer, &value), CLOUDABI_EINVAL);
    argdata_write_begin(&writer, NULL, 0);
    for (unsigned i = 0; i <= ARGDATA_DEPTH_MAX; i++)
        argdata_write_seq_begin(&writer);
    assert_int_equal(argdata_write_end(&writer, &value), CLOUDABI_EINVAL);
    argdata_write_free(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example_read),   cmocka_unit_test(test_example_written),
        cmocka_unit_test(test_integers),       cmocka_unit_test(test_integers_refused),
        cmocka_unit_test(test_scalars),        cmocka_unit_test(test_strings_refused),
        cmocka_unit_test(test_trees_refused),  cmocka_unit_test(test_long_elements),
        cmocka_unit_test(test_writer_misused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
