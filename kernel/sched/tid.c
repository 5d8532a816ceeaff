/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thread ids: 30 bits, unpredictable, and none twice before all were used: a counter sent through a keyed
 * permutation of 30-bit numbers (a Feistel network over two halves of 15 bits).
 */
#include "kernel/sched/tid.h"

#include <stdatomic.h>

#include "kernel/lib/random.h"

#define ROUNDS    6
#define HALF_MASK 0x7fffu

static uint32_t keys[ROUNDS];
static _Atomic uint32_t counter;

void tid_init(void)
{
    random_bytes(keys, sizeof(keys));
}

static uint32_t scramble(uint32_t half, uint32_t key)
{
    uint32_t x = (half ^ key) * 0x9e3779b1u;
    x ^= x >> 15;
    x = (x + key) * 0x85ebca6bu;
    return (x ^ x >> 13) >> 7 & HALF_MASK;
}

static uint32_t permute(uint32_t n)
{
    uint32_t left = n >> 15 & HALF_MASK, right = n & HALF_MASK;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t next = left ^ scramble(right, keys[i]);
        left = right;
        right = next;
    }
    return left << 15 | right;
}

cloudabi_tid_t tid_next(void)
{
    uint32_t tid;
    do {
        tid = permute(atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed));
    } while (tid <= 1); /* 0 is no tid; 1 stands for unknown in some libraries */
    return tid;
}
