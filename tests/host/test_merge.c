/* SPDX-License-Identifier: BSD-2-Clause */
/* Which TCP segments are put together, and what they are then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/net/merge.h"
#include "tests/host/segment.h"

static bool find(struct segment *segment, struct merge_part *part)
{
    return merge_find(segment->bytes, segment->length, segment->length, false, part);
}

static void test_found(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct merge_part part;
        struct segment segment = segment_of(family, 7, 100);
        assert_true(find(&segment, &part));
        assert_int_equal(part.headers, family == 4 ? HEADERS4 : HEADERS6);
        assert_int_equal(part.data, 100);
        tcp_of(&segment)[13] |= 8; /* PSH */
        finish(&segment);
        assert_true(find(&segment, &part));
    }
}

/* A byte somewhere in the headers or the data is wrong. */
static void test_checksums_are_looked_at(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct merge_part part;
        struct segment segment = segment_of(family, 7, 100);
        for (size_t i = 14; i < segment.length; i++) {
            struct segment wrong = segment;
            wrong.bytes[i] ^= 0x10;
            /* The class and the flow of IPv6 are under no checksum, nor is the hop limit. */
            if (family == 4 || (i > 17 && i != 21))
                assert_false(find(&wrong, &part));
        }
        segment.bytes[segment.length - 1] ^= 1;
        assert_true(merge_find(segment.bytes, segment.length, segment.length, true, &part));
    }
}

static void test_only_plain_ones(void **state)
{
    (void)state;
    static const struct {
        unsigned at, value;
    } changes[] = {
        {47, 0x11},          /* FIN */
        {47, 0x12},          /* SYN */
        {47, 0x14},          /* RST */
        {47, 0x30},          /* URG */
        {47, 0x50},          /* ECE */
        {47, 0x90},          /* CWR */
        {47, 0x08},          /* no ACK */
        {46, 0x60},          /* options */
        {46, 0x40},          /* no header */
        {20, 0x20},          /* fragments follow */
        {21, 1},             /* a fragment */
        {23, 17},            /* UDP */
        {17, 139},           /* less than there is */
        {17, 141},           /* more */
        {14, 0x46},          /* options */
        {14, 0x65}, {13, 6}, /* ARP */
    };
    struct merge_part part;
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct segment segment = segment_of(4, 7, 100);
        segment.bytes[changes[i].at] = (uint8_t)changes[i].value;
        finish(&segment);
        assert_false(find(&segment, &part));
    }
    struct segment empty = segment_of(4, 7, 0);
    assert_false(find(&empty, &part));
    for (size_t length = 0; length < 200; length++) {
        struct segment cut = segment_of(length % 2 ? 4 : 6, 7, 200);
        assert_false(merge_find(cut.bytes, length, length, true, &part));
    }
}

/* A first piece of a longer frame, which its device has checked. */
static void test_long_first_piece(void **state)
{
    (void)state;
    struct merge_part part;
    struct segment segment = segment_of(4, 7, 100);
    put(ip_of(&segment) + 2, 40 + 5000, 2);
    finish(&segment);
    assert_true(merge_find(segment.bytes, segment.length, HEADERS4 + 5000, true, &part));
    assert_int_equal(part.data, 5000);
    assert_false(merge_find(segment.bytes, segment.length, HEADERS4 + 5000, false, &part));
}

static void test_what_follows(void **state)
{
    (void)state;
    static const unsigned others[] = {15, 26, 29, 30, 33,
                                      34, 35, 36, 37}; /* class, addresses, ports */
    struct segment first = segment_of(4, 0xffffff00, 200), next = segment_of(4, 0xffffffc8, 100);
    struct merge_part a, b;
    assert_true(find(&first, &a) && find(&next, &b));
    assert_true(merge_follows(&a, &b));
    assert_false(merge_follows(&b, &a));
    assert_false(merge_follows(&a, &a));
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct segment other = next;
        other.bytes[others[i]] ^= 1;
        finish(&other);
        assert_true(find(&other, &b));
        assert_false(merge_follows(&a, &b));
    }
    struct segment six = segment_of(6, 0xffffffc8, 100);
    assert_true(find(&six, &b));
    assert_false(merge_follows(&a, &b));
    put(tcp_of(&next) + 8, 999, 4); /* an older acknowledgement */
    finish(&next);
    assert_true(find(&next, &b));
    assert_false(merge_follows(&a, &b));
}

static void test_no_more_than_the_limit(void **state)
{
    (void)state;
    struct segment first = segment_of(4, 0, 1460);
    struct merge_part whole, part;
    assert_true(find(&first, &whole));
    size_t parts = 1;
    for (uint32_t at = 1460;; at += 1460, parts++) {
        struct segment next = segment_of(4, at, 1460);
        assert_true(find(&next, &part));
        if (!merge_follows(&whole, &part))
            break;
        merge_join(&whole, &part);
    }
    assert_int_equal(parts, MERGE_MAX / 1460);
    assert_int_equal(whole.data, parts * 1460);
}

/* The header of the whole is that of a segment that was sent in one, but for the checksums. */
static void test_joined(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct segment first = segment_of(family, 5, 200), next = segment_of(family, 205, 300);
        struct segment whole = segment_of(family, 5, 500);
        struct merge_part a, b;
        put(tcp_of(&next) + 8, 1234, 4);
        put(tcp_of(&next) + 12, 0x5018, 2);
        put(tcp_of(&next) + 14, 700, 2);
        finish(&next);
        memcpy(tcp_of(&whole) + 8, tcp_of(&next) + 8, 8);
        assert_true(find(&first, &a) && find(&next, &b) && merge_follows(&a, &b));
        merge_join(&a, &b);
        assert_int_equal(a.data, 500);
        memcpy(first.bytes + first.length, tcp_of(&next) + 20, 300);
        first.length = whole.length;
        finish(&first);
        finish(&whole);
        assert_memory_equal(first.bytes, whole.bytes, whole.length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),           cmocka_unit_test(test_checksums_are_looked_at),
        cmocka_unit_test(test_only_plain_ones), cmocka_unit_test(test_long_first_piece),
        cmocka_unit_test(test_what_follows),    cmocka_unit_test(test_no_more_than_the_limit),
        cmocka_unit_test(test_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
