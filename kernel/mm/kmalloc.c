/* SPDX-License-Identifier: BSD-2-Clause */
/* kmalloc: slabs of fixed sizes, and blocks of frames above the largest. */
#include "kernel/lib/assert.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/slab.h"
#include "kernel/mm/slab_priv.h"

#define SIZE_CACHE(index, bytes)                          \
    [index] = {                                           \
        .name = "kmalloc-" #bytes,                        \
        .size = (bytes),                                  \
        .class = OBJECT_OTHER,                            \
        .lock = SPINLOCK_INIT(RANK_SLAB),                 \
        .partial = LIST_INIT(size_caches[index].partial), \
    }

#define SIZES     8
#define LARGE_MAX (1ul << 20)

/* Sizes that with their headers fill slabs well. */
static struct slab_cache size_caches[SIZES] = {
    SIZE_CACHE(0, 32),  SIZE_CACHE(1, 64),   SIZE_CACHE(2, 128),  SIZE_CACHE(3, 256),
    SIZE_CACHE(4, 480), SIZE_CACHE(5, 1008), SIZE_CACHE(6, 2016), SIZE_CACHE(7, 4064),
};

__attribute__((noinline)) static void *large_alloc(struct job *job, size_t size)
{
    unsigned order = 0;
    if (size > LARGE_MAX)
        return NULL;
    while ((PAGE_SIZE << order) < size + sizeof(struct slab_header))
        order++;
    struct frame *block = frame_alloc_block(job, order);
    if (block == NULL)
        return NULL;
    struct slab_header *header = frame_data(block);
    *header = (struct slab_header){.job = job, .tag = (uintptr_t)order << 1 | 1};
    atomic_fetch_add_explicit(&object_count[OBJECT_OTHER], 1, memory_order_relaxed);
    return header + 1;
}

/* NULL: too large for a slab. */
static inline struct slab_cache *cache_for(size_t size)
{
    for (unsigned i = 0; i < SIZES; i++)
        if (size <= size_caches[i].size)
            return &size_caches[i];
    return NULL;
}

void *kmalloc(struct job *job, size_t size)
{
    struct slab_cache *cache = cache_for(size);
    return cache != NULL ? slab_alloc(cache, job) : large_alloc(job, size);
}

void *kmalloc_unset(struct job *job, size_t size)
{
    struct slab_cache *cache = cache_for(size);
    return cache != NULL ? slab_alloc_unset(cache, job) : large_alloc(job, size);
}

__attribute__((noinline)) static void large_free(void *pointer, unsigned order)
{
    atomic_fetch_sub_explicit(&object_count[OBJECT_OTHER], 1, memory_order_relaxed);
    frame_free_block(frame_of(arch_direct_to_phys(slab_header_of(pointer))), order);
}

void kfree(void *pointer)
{
    if (pointer == NULL)
        return;
    uintptr_t tag = slab_header_of(pointer)->tag;
    kverify(tag != 0);
    if ((tag & 1) == 0)
        slab_free((struct slab_cache *)tag, pointer);
    else
        large_free(pointer, (unsigned)(tag >> 1));
}
