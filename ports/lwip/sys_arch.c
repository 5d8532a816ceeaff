/* SPDX-License-Identifier: BSD-2-Clause */
/* lwIP's platform: clock, randomness, memory with a limit, sequence numbers. One thread uses all of it. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lwip/sys.h"
#include "lwip_hooks.h"
#include "ports/lwip/cookie.h"

#define DEFAULT_LIMIT (4u * 1024 * 1024)

static uint64_t now_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

u32_t sys_now(void)
{
    return (u32_t)(now_nanoseconds() / 1000000);
}

void sys_init(void)
{
}

uint32_t lwip_port_random(void)
{
    static uint32_t pool[64];
    static unsigned left;
    if (left == 0) {
        /* getentropy fails for no other reason than a bad buffer. */
        if (getentropy(pool, sizeof(pool)) != 0)
            lwip_port_assert("no randomness", __FILE__, __LINE__);
        left = sizeof(pool) / sizeof(pool[0]);
    }
    return pool[--left];
}

static void (*complain)(const char *text);

void lwip_port_complaints(void (*function)(const char *text))
{
    complain = function;
}

void lwip_port_assert(const char *message, const char *file, int line)
{
    char text[200];
    snprintf(text, sizeof(text), "lwip: %s (%s:%d)", message, file, line);
    if (complain != NULL)
        complain(text);
    abort();
}

/* Each block is preceded by its size. */
struct block {
    size_t size;
    size_t unused; /* keeps the alignment of 16 */
};

static size_t memory_limit = DEFAULT_LIMIT;
static size_t memory_used, memory_peak;
static uint64_t memory_refusals;

void lwip_port_memory_limit(size_t limit)
{
    memory_limit = limit;
}

struct lwip_port_memory lwip_port_memory_state(void)
{
    return (struct lwip_port_memory){memory_used, memory_peak, memory_refusals};
}

bool lwip_port_memory_scarce(void)
{
    return memory_used > memory_limit / 2;
}

static void *refuse(void)
{
    memory_refusals++;
    return NULL;
}

void *lwip_port_malloc(unsigned long size)
{
    if (size > memory_limit || memory_used > memory_limit - size)
        return refuse();
    struct block *block = malloc(sizeof(*block) + size);
    if (block == NULL)
        return refuse();
    block->size = size;
    memory_used += size;
    if (memory_used > memory_peak)
        memory_peak = memory_used;
    return block + 1;
}

void *lwip_port_calloc(unsigned long count, unsigned long size)
{
    if (size != 0 && count > memory_limit / size)
        return NULL;
    void *memory = lwip_port_malloc(count * size);
    if (memory != NULL)
        memset(memory, 0, count * size);
    return memory;
}

void lwip_port_free(void *memory)
{
    if (memory == NULL)
        return;
    struct block *block = (struct block *)memory - 1;
    memory_used -= block->size;
    free(block);
}

static uint64_t rotate(uint64_t value, unsigned by)
{
    return value << by | value >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 of whole words, with a key made at the first use. */
static uint64_t keyed_hash(const uint64_t *words, size_t count)
{
    static uint64_t key[2];
    if (key[0] == 0 && getentropy(key, sizeof(key)) != 0)
        lwip_port_assert("no randomness", __FILE__, __LINE__);
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
    for (size_t i = 0; i <= count; i++) {
        uint64_t word = i < count ? words[i] : (uint64_t)(8 * count) << 56;
        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void put_address(uint64_t words[2], const ip_addr_t *address)
{
    if (IP_IS_V4(address))
        words[0] = ip4_addr_get_u32(ip_2_ip4(address));
    else
        memcpy(words, ip_2_ip6(address)->addr, 16);
}

uint64_t lwip_port_hash(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
                        uint16_t remote_port, uint64_t more)
{
    uint64_t words[6] = {0};
    put_address(&words[0], local);
    put_address(&words[2], remote);
    words[4] = (uint64_t)local_port << 16 | remote_port;
    words[5] = more;
    return keyed_hash(words, 6);
}

uint32_t lwip_port_sequence(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
                            uint16_t remote_port)
{
    uint32_t replayed;
    if (cookie_replayed(&replayed))
        return replayed;
    /* The clock of RFC 6528 counts every 4 microseconds. */
    return (uint32_t)(now_nanoseconds() / 4000 +
                      lwip_port_hash(local, local_port, remote, remote_port, UINT64_MAX));
}
