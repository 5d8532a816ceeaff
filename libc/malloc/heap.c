/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of units. A chunk's free units are the set bits of one word; runs longer than a quarter of a chunk
 * are mapped on their own. One lock guards the table of chunks; it is held for a few dozen instructions, or for a
 * mem_map when a chunk is added.
 */
#include "libc/malloc/heap.h"

#include "abi/cloudabi_syscalls.h"
#include "libc/thread/lock.h"

#define CHUNK_SIZE    (UNIT_SIZE * CHUNK_UNITS)
#define MAX_CHUNKS    4096
#define MAX_RUN_UNITS (CHUNK_UNITS / 4)
#define PAGE_SIZE     ((size_t)4096)
/* Freed runs of at least this size give their pages back. */
#define GIVE_BACK_SIZE (4 * UNIT_SIZE)

struct chunk {
    char *base;
    uint64_t free;  /* bit n: unit n is free */
    uint64_t fresh; /* bit n: unit n was never used, so it is zero */
};

static lock_word heap_lock; /* guards all below */
static struct chunk chunks[MAX_CHUNKS];
static size_t chunk_count;

void __heap_lock(void)
{
    lock_take(&heap_lock);
}

void __heap_unlock(void)
{
    lock_drop(&heap_lock);
}

void __heap_unmap(void *start, size_t size)
{
    if (size > 0)
        (void)cloudabi_sys_mem_unmap(start, size);
}

void *__heap_map(size_t size, size_t align)
{
    size_t total = size + align - PAGE_SIZE;
    void *mapped;

    if (total < size || cloudabi_sys_mem_map(NULL, total, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                             CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE,
                                             CLOUDABI_MAP_ANON_FD, 0, &mapped) != 0)
        return NULL;
    char *start = mapped;
    char *aligned = (char *)(((uintptr_t)start + align - 1) & ~(align - 1));
    __heap_unmap(start, (size_t)(aligned - start));
    __heap_unmap(aligned + size, (size_t)(start + total - (aligned + size)));
    return aligned;
}

static uint64_t unit_mask(size_t first, size_t count)
{
    return ((UINT64_C(1) << count) - 1) << first;
}

/* Index of the first of COUNT neighbouring set bits; CHUNK_UNITS if there is none. */
static size_t find_units(uint64_t bits, size_t count)
{
    for (size_t have = 1; bits != 0 && have < count;) {
        size_t step = have < count - have ? have : count - have;
        bits &= bits >> step;
        have += step;
    }
    return bits != 0 ? (size_t)__builtin_ctzll(bits) : CHUNK_UNITS;
}

/* What the alignment cuts off stays mapped and untouched: cheaper than two calls to unmap it. */
static bool add_chunk(void)
{
    char *start =
        chunk_count < MAX_CHUNKS ? __heap_map(CHUNK_SIZE + UNIT_SIZE - PAGE_SIZE, PAGE_SIZE) : NULL;

    if (start == NULL)
        return false;
    char *base = (char *)(((uintptr_t)start + UNIT_SIZE - 1) & ~(UNIT_SIZE - 1));
    chunks[chunk_count++] = (struct chunk){base, UINT64_MAX, UINT64_MAX};
    return true;
}

static struct run *take_units(struct chunk *chunk, size_t count, bool *fresh)
{
    size_t first = find_units(chunk->free, count);

    if (first == CHUNK_UNITS)
        return NULL;
    uint64_t mask = unit_mask(first, count);
    *fresh = (chunk->fresh & mask) == mask;
    chunk->free &= ~mask;
    chunk->fresh &= ~mask;
    return (struct run *)(chunk->base + first * UNIT_SIZE);
}

static struct run *get_units(size_t count, bool *fresh)
{
    struct run *run = NULL;

    __heap_lock();
    for (size_t i = 0; i < chunk_count && run == NULL; i++)
        run = take_units(&chunks[i], count, fresh);
    if (run == NULL && add_chunk())
        run = take_units(&chunks[chunk_count - 1], count, fresh);
    __heap_unlock();
    return run;
}

struct run *__heap_get(size_t size, enum run_kind kind, bool *fresh)
{
    size_t rounded = (size + UNIT_SIZE - 1) & ~(UNIT_SIZE - 1);
    struct run *run;

    if (rounded < size)
        return NULL;
    if (rounded > MAX_RUN_UNITS * UNIT_SIZE) {
        rounded = (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
        kind = RUN_MAPPED;
        run = __heap_map(rounded, UNIT_SIZE);
        *fresh = true;
    } else {
        run = get_units(rounded / UNIT_SIZE, fresh);
    }
    if (run == NULL)
        return NULL;
    *run = (struct run){.check = RUN_CHECK(run), .kind = (uint8_t)kind, .size = rounded};
    return run;
}

static struct chunk *chunk_of(const struct run *run)
{
    for (size_t i = 0; i < chunk_count; i++) {
        if ((uintptr_t)run - (uintptr_t)chunks[i].base < CHUNK_SIZE)
            return &chunks[i];
    }
    return NULL;
}

void __heap_put(struct run *run)
{
    size_t size = run->size;

    run->check = 0;
    if (run->kind == RUN_MAPPED) {
        __heap_unmap(run, size);
        return;
    }
    bool given_back =
        size >= GIVE_BACK_SIZE && cloudabi_sys_mem_advise(run, size, CLOUDABI_ADVICE_DONTNEED) == 0;
    __heap_lock();
    struct chunk *chunk = chunk_of(run);
    uint64_t mask =
        unit_mask(((uintptr_t)run - (uintptr_t)chunk->base) / UNIT_SIZE, size / UNIT_SIZE);
    chunk->free |= mask;
    if (given_back)
        chunk->fresh |= mask;
    __heap_unlock();
}
