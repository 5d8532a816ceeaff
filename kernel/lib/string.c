/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory functions by eight bytes in unrolled moves.  REP MOVS and STOS are slow under emulation, which
 * goes through them a step at a time.
 */
#include "kernel/lib/string.h"

#undef memcpy
#undef memset

#include <stdint.h>

typedef uint64_t __attribute__((aligned(1), may_alias)) word;
typedef uint32_t __attribute__((aligned(1), may_alias)) half_word;

/* Most are short, and the code around a loop that the compiler unrolls once more costs more than it saves. */
#define NOT_UNROLLED _Pragma("clang loop unroll(disable)")

__attribute__((no_builtin("memcpy"))) void *memcpy(void *restrict to, const void *restrict from,
                                                   size_t len)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    if (len >= 8) {
        NOT_UNROLLED
        for (; len >= 32; len -= 32, d += 32, s += 32) {
            uint64_t a = ((const word *)s)[0], b = ((const word *)s)[1];
            uint64_t c = ((const word *)s)[2], e = ((const word *)s)[3];
            ((word *)d)[0] = a;
            ((word *)d)[1] = b;
            ((word *)d)[2] = c;
            ((word *)d)[3] = e;
        }
        NOT_UNROLLED
        for (; len >= 8; len -= 8, d += 8, s += 8)
            *(word *)d = *(const word *)s;
        if (len > 0) /* the last 8 bytes, some of them for the second time */
            *(word *)(d + len - 8) = *(const word *)(s + len - 8);
        return to;
    }
    if (len >= 4) {
        uint32_t first = *(const half_word *)s, last = *(const half_word *)(s + len - 4);
        *(half_word *)d = first;
        *(half_word *)(d + len - 4) = last;
        return to;
    }
    NOT_UNROLLED
    for (; len > 0; len--)
        *d++ = *s++;
    return to;
}

__attribute__((no_builtin("memmove"))) void *memmove(void *to, const void *from, size_t len)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    if (d <= s || d >= s + len) {
        for (; len >= 8 && d + 8 <= s + 8; len -= 8, d += 8, s += 8)
            *(word *)d = *(const word *)s;
        for (; len > 0; len--)
            *d++ = *s++;
        return to;
    }
    for (; len >= 8; len -= 8)
        *(word *)(d + len - 8) = *(const word *)(s + len - 8);
    for (; len > 0; len--)
        d[len - 1] = s[len - 1];
    return to;
}

__attribute__((no_builtin("memset"))) void *memset(void *to, int byte, size_t len)
{
    uint8_t *d = to;
    uint64_t fill = (uint8_t)byte * 0x0101010101010101ul;
    NOT_UNROLLED
    for (; len >= 32; len -= 32, d += 32) {
        ((word *)d)[0] = fill;
        ((word *)d)[1] = fill;
        ((word *)d)[2] = fill;
        ((word *)d)[3] = fill;
    }
    NOT_UNROLLED
    for (; len >= 8; len -= 8, d += 8)
        *(word *)d = fill;
    NOT_UNROLLED
    for (; len > 0; len--)
        *d++ = (uint8_t)byte;
    return to;
}

__attribute__((no_builtin("memcmp"))) int memcmp(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;
    for (; len >= 8 && *(const word *)x == *(const word *)y; len -= 8, x += 8, y += 8)
        ;
    for (; len > 0; len--, x++, y++)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

void *memchr(const void *in, int byte, size_t len)
{
    const uint8_t *p = in;
    NOT_UNROLLED
    for (; len > 0; len--, p++)
        if (*p == (uint8_t)byte)
            return (void *)p;
    return NULL;
}

__attribute__((no_builtin("strlen"))) size_t strlen(const char *text)
{
    size_t len = 0;
    while (text[len] != '\0')
        len++;
    return len;
}

size_t strnlen(const char *text, size_t max)
{
    size_t len = 0;
    while (len < max && text[len] != '\0')
        len++;
    return len;
}

int strncmp(const char *a, const char *b, size_t max)
{
    for (; max > 0; max--, a++, b++)
        if (*a != *b || *a == '\0')
            return (uint8_t)*a - (uint8_t)*b;
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}
