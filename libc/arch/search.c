/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strlen, memchr and memcmp by 16 bytes. An aligned block never reaches into another page than its first byte, so
 * those that look for something may read beyond the end of what they are given.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef char block __attribute__((vector_size(16), may_alias));
typedef char loose_block __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t u64 __attribute__((aligned(1), may_alias));
typedef uint32_t u32 __attribute__((aligned(1), may_alias));

/* A bit for each byte of AT that is BYTE. */
static inline unsigned found(const block *at, char byte)
{
    block equal = *at == (block){byte, byte, byte, byte, byte, byte, byte, byte,
                                 byte, byte, byte, byte, byte, byte, byte, byte};
    return (unsigned)__builtin_ia32_pmovmskb128(equal);
}

static inline const block *block_of(const void *at)
{
    return (const block *)((uintptr_t)at & ~(uintptr_t)15);
}

size_t strlen(const char *text)
{
    const block *at = block_of(text);
    unsigned hits = found(at, 0) >> ((uintptr_t)text & 15);

    if (hits != 0)
        return (size_t)__builtin_ctz(hits);
    do
        hits = found(++at, 0);
    while (hits == 0);
    return (size_t)((const char *)at + __builtin_ctz(hits) - text);
}

void *memchr(const void *in, int byte, size_t len)
{
    const char *from = in;
    const block *at = block_of(in);
    size_t seen = 16 - ((uintptr_t)in & 15);

    if (len == 0)
        return NULL;
    unsigned hits = found(at, (char)byte) >> (16 - seen);
    size_t index = (size_t)__builtin_ctz(hits | 1u << 16);
    while (hits == 0 && seen < len) {
        hits = found(++at, (char)byte);
        index = seen + (size_t)__builtin_ctz(hits | 1u << 16);
        seen += 16;
    }
    return hits != 0 && index < len ? (void *)(from + index) : NULL;
}

/* Of two words as they lie in memory: which has the smaller first byte that differs. */
static inline int order(uint64_t a, uint64_t b)
{
    uint64_t first = __builtin_bswap64(a), second = __builtin_bswap64(b);

    return (first > second) - (first < second);
}

int memcmp(const void *left, const void *right, size_t len)
{
    const unsigned char *a = left, *b = right;

    for (; len >= 16; len -= 16, a += 16, b += 16) {
        loose_block equal = *(const loose_block *)a == *(const loose_block *)b;
        unsigned differ = (unsigned)__builtin_ia32_pmovmskb128((block)equal) ^ 0xffffu;
        if (differ != 0)
            return a[__builtin_ctz(differ)] - b[__builtin_ctz(differ)];
    }
    if (len >= 8) {
        if (*(const u64 *)a != *(const u64 *)b)
            return order(*(const u64 *)a, *(const u64 *)b);
        return order(*(const u64 *)(a + len - 8), *(const u64 *)(b + len - 8));
    }
    if (len >= 4) {
        if (*(const u32 *)a != *(const u32 *)b)
            return order(*(const u32 *)a, *(const u32 *)b);
        return order(*(const u32 *)(a + len - 4), *(const u32 *)(b + len - 4));
    }
    for (; len > 0; len--, a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}
