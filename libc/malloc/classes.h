/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Size classes: multiples of 16 up to 128, then four to each doubling up to 16 KiB, so that at most a
 * fifth of an object is lost to rounding. Pure functions.
 */
#ifndef LIBC_MALLOC_CLASSES_H
#define LIBC_MALLOC_CLASSES_H

#include <stddef.h>

#define CLASS_COUNT    36
#define CLASS_MAX_SIZE ((size_t)16384)

/* The smallest class that holds SIZE bytes, 1 <= SIZE <= CLASS_MAX_SIZE. */
static inline unsigned class_of(size_t size)
{
    if (size <= 128)
        return (unsigned)((size + 15) / 16 - 1);
    unsigned shift = 63 - (unsigned)__builtin_clzll(size - 1);
    return 8 + (shift - 7) * 4 + (unsigned)((size - 1) >> (shift - 2) & 3);
}

static inline size_t class_size(unsigned class)
{
    if (class < 8)
        return (class + 1) * (size_t)16;
    return ((size_t)32 << (class - 8) / 4) * (5 + (class - 8) % 4);
}

#endif
