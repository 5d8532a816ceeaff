/* SPDX-License-Identifier: BSD-2-Clause */
/* libc's memcpy, memmove, memset, memchr, memcmp and strlen (compiled as tm_...) for all short lengths, distances and
 * alignments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void *tm_memcpy(void *to, const void *from, size_t n);
void *tm_memmove(void *to, const void *from, size_t n);
void *tm_memset(void *to, int byte, size_t n);
void *tm_memchr(const void *in, int byte, size_t n);
int tm_memcmp(const void *a, const void *b, size_t n);
size_t tm_strlen(const char *text);

#define SIZE 1024

static unsigned char ours[SIZE];
static unsigned char theirs[SIZE];

static void fill(void)
{
    for (int i = 0; i < SIZE; i++)
        ours[i] = theirs[i] = (unsigned char)(i * 7 + i / 256);
}

static void moves_overlapping_blocks(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 300; n += n < 140 ? 1 : 13) {
        for (int distance = -150; distance <= 150; distance += 3) {
            size_t from = 300 + n % 16;
            fill();
            assert_ptr_equal(tm_memmove(ours + (int)from + distance, ours + from, n),
                             ours + (int)from + distance);
            memmove(theirs + (int)from + distance, theirs + from, n);
            assert_memory_equal(ours, theirs, SIZE);
        }
    }
}

static void copies_every_length(void **state)
{
    unsigned char *block = malloc(400);

    (void)state;
    for (size_t n = 0; n <= 400; n++) {
        /* The source ends where its memory ends, so that the sanitizer sees a read beyond. */
        fill();
        memcpy(block + 400 - n, ours, n);
        assert_ptr_equal(tm_memcpy(ours + 500, block + 400 - n, n), ours + 500);
        memcpy(theirs + 500, block + 400 - n, n);
        assert_memory_equal(ours, theirs, SIZE);
        tm_memcpy(block, ours, n);
        assert_memory_equal(block, ours, n);
    }
    free(block);
}

static void sets_every_length(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 400; n++) {
        for (size_t start = 100; start < 116; start++) {
            fill();
            assert_ptr_equal(tm_memset(ours + start, (int)(0x100 + n), n), ours + start);
            memset(theirs + start, (int)(0x100 + n), n);
            assert_memory_equal(ours, theirs, SIZE);
        }
    }
}

/* What looks for something may read up to the next multiple of 16, which lies in the array here. */
static void finds_bytes_at_every_place(void **state)
{
    (void)state;
    for (size_t start = 96; start < 112; start++) {
        for (size_t n = 0; n <= 70; n++) {
            memset(ours, 'x', SIZE);
            ours[start + n] = '\0'; /* behind, and before: neither is in the block */
            ours[start - 1] = '\0';
            assert_int_equal(tm_strlen((char *)ours + start), n);
            assert_null(tm_memchr(ours + start, 0, n));
            assert_ptr_equal(tm_memchr(ours + start, 0x100, n + 1), ours + start + n);
            assert_ptr_equal(tm_memchr(ours + start, 'x', n + 1), n == 0 ? NULL : ours + start);
        }
    }
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void compares_every_length(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 70; n++) {
        for (size_t at = 0; at <= n; at++) { /* n: no difference in the block */
            fill();
            theirs[103 + at] ^= 0x80;
            int expected = sign(memcmp(ours + 103, theirs + 103, n));
            assert_int_equal(sign(tm_memcmp(ours + 103, theirs + 103, n)), expected);
            assert_int_equal(sign(tm_memcmp(theirs + 103, ours + 103, n)), -expected);
            theirs[103 + n] ^= 0x40; /* a later one does not count */
            theirs[102] ^= 1;
            assert_int_equal(sign(tm_memcmp(ours + 103, theirs + 103, n)), expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_overlapping_blocks), cmocka_unit_test(copies_every_length),
        cmocka_unit_test(sets_every_length),        cmocka_unit_test(finds_bytes_at_every_place),
        cmocka_unit_test(compares_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
