/* SPDX-License-Identifier: BSD-2-Clause */
/* libc's memcpy, memmove and memset (compiled as tm_...) for all short lengths, distances and alignments. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_overlapping_blocks),
        cmocka_unit_test(copies_every_length),
        cmocka_unit_test(sets_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
