/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One generator per CPU: ChaCha20 that makes 64 bytes at a time, of which the first 32 become the next key,
 * so earlier output can not be computed from the state (fast key erasure).  Seeded from RDSEED or RDRAND
 * and from the jitter of the cycle counter; fed again every RESEED_BLOCKS and by random_stir().
 * Interrupts are off in the kernel, so the state of a CPU needs no lock.
 */
#include "kernel/lib/random.h"

#include "kernel/arch/arch.h"
#include "kernel/lib/chacha20.h"
#include "kernel/lib/string.h"
#include "kernel/sched/sched.h"

#define RESEED_BLOCKS 4096
#define JITTER_ROUNDS 64

struct generator {
    uint32_t key[8];
    uint64_t blocks;
    uint8_t pool[CHACHA20_BLOCK - 32];
    uint32_t left; /* bytes of pool not given out: its end */
};

static struct generator generators[MAX_CPUS];

static void refill(struct generator *g)
{
    static const uint32_t nonce[3];
    uint32_t block[16];
    chacha20_init(block, g->key, 0, nonce);
    chacha20_block(block, block);
    memcpy(g->key, block, 32);
    memcpy(g->pool, block + 8, sizeof(g->pool));
    memset(block, 0, sizeof(block));
    g->left = sizeof(g->pool);
    g->blocks++;
}

static void mix(struct generator *g, uint64_t value)
{
    g->key[0] ^= (uint32_t)value;
    g->key[1] ^= (uint32_t)(value >> 32);
    refill(g);
}

static void seed(struct generator *g)
{
    uint64_t value;
    for (unsigned i = 0; i < 4; i++)
        if (arch_random64(&value))
            mix(g, value);
}

void random_init_cpu(void)
{
    struct generator *g = &generators[arch_cpu_self()->number];
    for (unsigned i = 0; i < JITTER_ROUNDS; i++) /* the time that refill() takes varies */
        mix(g, arch_cycles());
    seed(g);
    mix(g, arch_cpu_self()->number);
    mix(g, arch_clock_realtime());
}

void random_seed_cpu(unsigned cpu)
{
    random_bytes(generators[cpu].key, sizeof(generators[cpu].key));
}

void random_stir(uint64_t event)
{
    struct generator *g = &generators[arch_cpu_self()->number];
    g->key[2] ^= (uint32_t)arch_cycles();
    g->key[3] ^= (uint32_t)event;
}

void random_bytes(void *to, size_t len)
{
    struct generator *g = &generators[arch_cpu_self()->number];
    uint8_t *out = to;
    if (g->blocks % RESEED_BLOCKS == RESEED_BLOCKS - 1)
        seed(g);
    while (len > 0) {
        if (g->left == 0)
            refill(g);
        size_t n = len < g->left ? len : g->left;
        uint8_t *from = g->pool + sizeof(g->pool) - g->left;
        memcpy(out, from, n);
        memset(from, 0, n);
        g->left -= (uint32_t)n;
        out += n;
        len -= n;
    }
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof(value));
    return value;
}
