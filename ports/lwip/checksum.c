/* SPDX-License-Identifier: BSD-2-Clause */
/* The internet checksum (RFC 1071), eight bytes at a time. Every byte that comes in passes here. */
#include <stdint.h>
#include <string.h>

#include "arch/cc.h"

static uint64_t load(const uint8_t *at, unsigned bytes)
{
    uint64_t word = 0;
    memcpy(&word, at, bytes);
    return word;
}

/* Ones' complement sum in memory order, folded to 16 bits, not inverted. */
uint16_t lwip_port_checksum(const void *data, int length)
{
    const uint8_t *at = data;
    unsigned __int128 sum = 0;
    while (length >= 32) {
        sum += (unsigned __int128)load(at, 8) + load(at + 8, 8);
        sum += (unsigned __int128)load(at + 16, 8) + load(at + 24, 8);
        at += 32;
        length -= 32;
    }
    while (length >= 8) {
        sum += load(at, 8);
        at += 8;
        length -= 8;
    }
    if (length > 0)
        sum += load(at, (unsigned)length);
    uint64_t low = (uint64_t)sum;
    uint64_t folded = (low >> 32) + (low & 0xffffffff) + (uint64_t)(sum >> 64);
    while (folded >> 16 != 0)
        folded = (folded >> 16) + (folded & 0xffff);
    return (uint16_t)folded;
}
