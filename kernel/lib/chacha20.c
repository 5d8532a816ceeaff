/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/lib/chacha20.h"

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static void quarter(uint32_t x[16], unsigned a, unsigned b, unsigned c, unsigned d)
{
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 7);
}

void chacha20_block(uint32_t out[16], const uint32_t state[16])
{
    uint32_t x[16];
    for (unsigned i = 0; i < 16; i++)
        x[i] = state[i];
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++)
            quarter(x, i, 4 + i, 8 + i, 12 + i);
        for (unsigned i = 0; i < 4; i++)
            quarter(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
    for (unsigned i = 0; i < 16; i++)
        out[i] = x[i] + state[i];
}

void chacha20_init(uint32_t state[16], const uint32_t key[8], uint32_t counter,
                   const uint32_t nonce[3])
{
    state[0] = 0x61707865; /* "expand 32-byte k" */
    state[1] = 0x3320646e;
    state[2] = 0x79622d32;
    state[3] = 0x6b206574;
    for (unsigned i = 0; i < 8; i++)
        state[4 + i] = key[i];
    state[12] = counter;
    for (unsigned i = 0; i < 3; i++)
        state[13 + i] = nonce[i];
}
