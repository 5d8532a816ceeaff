/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory in the manner of jemalloc: chunks of 2 MiB that lie at multiples of 2 MiB, reserved without access and
 * committed
 * piece by piece. Blocks of one power of two each are kept in lists.
 */
#include "tests/foreign/foreign.h"

#define CHUNK (UINT64_C(2) << 20)

void *pages_map(size_t len, cloudabi_mprot_t prot)
{
    void *at = NULL;

    if (cloudabi_sys_mem_map(NULL, len, prot, CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE,
                             CLOUDABI_MAP_ANON_FD, 0, &at) != 0)
        return NULL;
    return at;
}

/* Over-maps, and gives back what is before and behind. */
static char *reserve(void)
{
    char *raw = pages_map(2 * CHUNK, 0);
    uint64_t start = ((uint64_t)raw + CHUNK - 1) & -CHUNK;
    size_t head = start - (uint64_t)raw, tail = CHUNK - head;

    if (raw == NULL || (head != 0 && cloudabi_sys_mem_unmap(raw, head) != 0) ||
        (tail != 0 && cloudabi_sys_mem_unmap((void *)(start + CHUNK), tail) != 0))
        return NULL;
    return (char *)start;
}

static bool commit(char *at, size_t len)
{
    void *got = NULL;

    return cloudabi_sys_mem_map(at, len, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                CLOUDABI_MAP_ANON | CLOUDABI_MAP_FIXED | CLOUDABI_MAP_PRIVATE,
                                CLOUDABI_MAP_ANON_FD, 0, &got) == 0 &&
           got == at;
}

static lock_t heap_lock;
static char *chunk;
static size_t chunk_used = CHUNK;
static struct block {
    struct block *next;
} * lists[22];

static char *carve(size_t size)
{
    size = size < PAGE ? PAGE : size;
    if (chunk_used + size > CHUNK) {
        chunk = reserve();
        chunk_used = 0;
    }
    char *at = chunk + chunk_used;
    chunk_used += size;
    return chunk != NULL && commit(at, size) ? at : NULL;
}

/* Each block has its list's number before it. */
void *heap_get(size_t size)
{
    unsigned list = 6;

    while (((size_t)1 << list) < size + 16)
        list++;
    lock_write(&heap_lock, PRIVATE, 0);
    struct block *block = lists[list];
    if (block != NULL)
        lists[list] = block->next;
    else
        block = (struct block *)carve((size_t)1 << list);
    lock_release(&heap_lock, PRIVATE);
    if (block == NULL)
        __builtin_trap();
    *(uint64_t *)block = list;
    return (char *)block + 16;
}

void heap_put(void *pointer)
{
    struct block *block = (struct block *)((char *)pointer - 16);
    unsigned list = (unsigned)*(uint64_t *)block;

    lock_write(&heap_lock, PRIVATE, 0);
    block->next = lists[list];
    lists[list] = block;
    lock_release(&heap_lock, PRIVATE);
}
