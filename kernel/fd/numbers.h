/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which descriptor numbers are taken: a bitmap with a summary, so that the lowest free number is found in
 * two steps.  Pure; the table's lock guards it.
 */
#ifndef KERNEL_FD_NUMBERS_H
#define KERNEL_FD_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#define FD_NUMBERS 4096u

struct fd_numbers {
    uint64_t taken[FD_NUMBERS / 64]; /* bit n % 64 of word n / 64 */
    uint64_t full;                   /* bit w: word w has no free bit */
};

static inline bool fd_number_lowest(const struct fd_numbers *numbers, uint32_t *number)
{
    if (numbers->full == UINT64_MAX)
        return false;
    uint32_t word = (uint32_t)__builtin_ctzll(~numbers->full);
    *number = word * 64 + (uint32_t)__builtin_ctzll(~numbers->taken[word]);
    return true;
}

static inline void fd_number_take(struct fd_numbers *numbers, uint32_t number)
{
    uint32_t word = number / 64;
    numbers->taken[word] |= UINT64_C(1) << (number % 64);
    if (numbers->taken[word] == UINT64_MAX)
        numbers->full |= UINT64_C(1) << word;
}

static inline void fd_number_free(struct fd_numbers *numbers, uint32_t number)
{
    uint32_t word = number / 64;
    numbers->taken[word] &= ~(UINT64_C(1) << (number % 64));
    numbers->full &= ~(UINT64_C(1) << word);
}

#endif
