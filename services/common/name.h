/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in tables in memory: hashed and compared eight bytes a step, because every look-up pays for it. Nothing is read
 * past a name's end. */
#ifndef SERVICES_COMMON_NAME_H
#define SERVICES_COMMON_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t name_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    return word;
}

/* All of LEN bytes, fewer than eight: two halves that may overlap. */
static inline uint64_t name_rest(const char *text, size_t len)
{
    uint32_t low, high;
    if (len >= sizeof(low)) {
        memcpy(&low, text, sizeof(low));
        memcpy(&high, text + len - sizeof(high), sizeof(high));
        return (uint64_t)high << 32 | low;
    }
    if (len == 0)
        return 0;
    return (uint64_t)(uint8_t)text[0] | (uint64_t)(uint8_t)text[len / 2] << 8 |
           (uint64_t)(uint8_t)text[len - 1] << 16;
}

static inline uint32_t name_hash(const char *text, size_t len)
{
    const uint64_t odd = 0x9E3779B97F4A7C15; /* 2^64 by the golden ratio */
    uint64_t hash = len;
    for (; len >= 8; text += 8, len -= 8) {
        hash = (hash ^ name_word(text)) * odd;
        hash ^= hash >> 32;
    }
    hash = (hash ^ name_rest(text, len)) * odd;
    return (uint32_t)(hash >> 32);
}

/* Two names of the same length. */
static inline bool name_same(const char *a, const char *b, size_t len)
{
    for (; len >= 8; a += 8, b += 8, len -= 8) {
        if (name_word(a) != name_word(b))
            return false;
    }
    return name_rest(a, len) == name_rest(b, len);
}

#endif
