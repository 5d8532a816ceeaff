/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy, memmove and memset by 16-byte moves. newlib's use the string instructions of the CPU, which cost an
 * iteration per byte or word under emulation. Short blocks are moved by overlapping pieces from both ends.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef long long vec __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t u64 __attribute__((aligned(1), may_alias));
typedef uint32_t u32 __attribute__((aligned(1), may_alias));
typedef uint16_t u16 __attribute__((aligned(1), may_alias));

/* At most 32 bytes; all loads come before the first store, so the blocks may overlap. */
static inline void move_short(char *to, const char *from, size_t n)
{
    if (n >= 16) {
        vec head = *(const vec *)from;
        vec tail = *(const vec *)(from + n - 16);
        *(vec *)to = head;
        *(vec *)(to + n - 16) = tail;
    } else if (n >= 8) {
        u64 head = *(const u64 *)from;
        u64 tail = *(const u64 *)(from + n - 8);
        *(u64 *)to = head;
        *(u64 *)(to + n - 8) = tail;
    } else if (n >= 4) {
        u32 head = *(const u32 *)from;
        u32 tail = *(const u32 *)(from + n - 4);
        *(u32 *)to = head;
        *(u32 *)(to + n - 4) = tail;
    } else if (n >= 2) {
        u16 head = *(const u16 *)from;
        u16 tail = *(const u16 *)(from + n - 2);
        *(u16 *)to = head;
        *(u16 *)(to + n - 2) = tail;
    } else if (n == 1) {
        *to = *from;
    }
}

static inline void move_64(char *to, const char *from)
{
    vec a = *(const vec *)from;
    vec b = *(const vec *)(from + 16);
    vec c = *(const vec *)(from + 32);
    vec d = *(const vec *)(from + 48);

    *(vec *)to = a;
    *(vec *)(to + 16) = b;
    *(vec *)(to + 32) = c;
    *(vec *)(to + 48) = d;
}

/* More than 32 bytes, from the start on; the last 32 are read first in case the blocks overlap. */
static void *move_up(char *to, const char *from, size_t n)
{
    vec tail0 = *(const vec *)(from + n - 32);
    vec tail1 = *(const vec *)(from + n - 16);
    char *end = to + n;
    char *at = to;

    for (; n > 64; n -= 64, at += 64, from += 64)
        move_64(at, from);
    if (n > 32) {
        vec a = *(const vec *)from;
        vec b = *(const vec *)(from + 16);
        *(vec *)at = a;
        *(vec *)(at + 16) = b;
    }
    *(vec *)(end - 32) = tail0;
    *(vec *)(end - 16) = tail1;
    return to;
}

/* More than 32 bytes, from the end on. */
static void *move_down(char *to, const char *from, size_t n)
{
    vec head0 = *(const vec *)from;
    vec head1 = *(const vec *)(from + 16);

    for (; n > 64; n -= 64)
        move_64(to + n - 64, from + n - 64);
    if (n > 32) {
        vec a = *(const vec *)(from + n - 32);
        vec b = *(const vec *)(from + n - 16);
        *(vec *)(to + n - 32) = a;
        *(vec *)(to + n - 16) = b;
    }
    *(vec *)to = head0;
    *(vec *)(to + 16) = head1;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    if (n > 32)
        return move_up(to, from, n);
    move_short(to, from, n);
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    if (n <= 32) {
        move_short(to, from, n);
        return to;
    }
    if ((uintptr_t)to - (uintptr_t)from >= n)
        return move_up(to, from, n);
    return move_down(to, from, n);
}

void *mempcpy(void *restrict to, const void *restrict from, size_t n)
{
    return (char *)memcpy(to, from, n) + n;
}

void *memset(void *to, int byte, size_t n)
{
    uint64_t word = (uint64_t)(unsigned char)byte * 0x0101010101010101;
    vec wide = {(long long)word, (long long)word};
    char *at = to;
    char *end = at + n;

    if (n < 16) {
        if (n >= 8) {
            *(u64 *)at = word;
            *(u64 *)(end - 8) = word;
        } else if (n >= 4) {
            *(u32 *)at = (uint32_t)word;
            *(u32 *)(end - 4) = (uint32_t)word;
        } else if (n >= 2) {
            *(u16 *)at = (uint16_t)word;
            *(u16 *)(end - 2) = (uint16_t)word;
        } else if (n == 1) {
            *at = (char)byte;
        }
        return to;
    }
    for (; end - at > 64; at += 64) {
        *(vec *)at = wide;
        *(vec *)(at + 16) = wide;
        *(vec *)(at + 32) = wide;
        *(vec *)(at + 48) = wide;
    }
    for (; end - at > 16; at += 16)
        *(vec *)at = wide;
    *(vec *)(end - 16) = wide;
    return to;
}
