/* SPDX-License-Identifier: BSD-2-Clause */
/* The ChaCha20 block function of RFC 8439, section 2.3. Pure. */
#ifndef KERNEL_LIB_CHACHA20_H
#define KERNEL_LIB_CHACHA20_H

#include <stdint.h>

#define CHACHA20_BLOCK 64

/* STATE: 4 constants, 8 key words, counter, 3 nonce words. OUT may be the same array. */
void chacha20_block(uint32_t out[16], const uint32_t state[16]);
void chacha20_init(uint32_t state[16], const uint32_t key[8], uint32_t counter,
                   const uint32_t nonce[3]);

#endif
