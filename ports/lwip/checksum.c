/* SPDX-License-Identifier: BSD-2-Clause */
/* The internet checksum (RFC 1071), eight bytes an instruction. Every byte that comes in passes here. */
#include <stdint.h>
#include <string.h>

#include "arch/cc.h"

/* Bytes of a round of the loop: the carry is kept from one addition to the next, but not around the loop. */
#define BLOCK 64

static inline uint64_t load(const uint8_t *at, unsigned bytes)
{
    uint64_t word = 0;
    memcpy(&word, at, bytes);
    return word;
}

static uint64_t add(uint64_t sum, uint64_t word)
{
    return sum + word + (sum > UINT64_MAX - word);
}

static uint64_t add_block(uint64_t sum, const uint8_t *at)
{
    unsigned long long carry = 0;
    for (unsigned i = 0; i < BLOCK; i += 8)
        sum = __builtin_addcll(sum, load(at + i, 8), carry, &carry);
    return sum + carry; /* at its most, the sum is 1 below the top when there is a carry */
}

/* Of less than eight bytes; where an even number of them lies in the sum does not matter. */
static uint64_t rest(const uint8_t *at, unsigned length)
{
    uint64_t sum = 0;
    if ((length & 4) != 0) {
        sum = load(at, 4);
        at += 4;
    }
    if ((length & 2) != 0) {
        sum += load(at, 2);
        at += 2;
    }
    return (length & 1) != 0 ? sum + *at : sum;
}

/* Ones' complement sum in memory order, folded to 16 bits, not inverted. */
uint16_t lwip_port_checksum(const void *data, int length)
{
    const uint8_t *at = data;
    uint64_t sum = 0;
    for (; length >= BLOCK; length -= BLOCK, at += BLOCK)
        sum = add_block(sum, at);
    for (; length >= 8; length -= 8, at += 8)
        sum = add(sum, load(at, 8));
    sum = add(sum, rest(at, (unsigned)length));
    uint64_t folded = (sum >> 32) + (sum & 0xffffffff);
    while (folded >> 16 != 0)
        folded = (folded >> 16) + (folded & 0xffff);
    return (uint16_t)folded;
}
