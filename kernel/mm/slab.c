/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slabs.  A slab is a block of frames, aligned to its size, that begins with struct slab; the rest are slots
 * of {struct slab_header, object}.  A slot is with a user (header.tag tells of what cache), in a CPU's magazine, or in
 * its slab's free list; the last two are linked through the object's first word.
 */
#include "kernel/mm/slab.h"

#include "kernel/lib/assert.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/slab_priv.h"

#define MAGAZINE_MAX   32
#define MAGAZINE_BATCH 16
#define EMPTY_MAX      1 /* slabs that a cache keeps without a used object */

struct slab {
    struct list link; /* on cache->partial while it has free objects */
    void *free;
    uint32_t used; /* objects not in `free` */
    uint32_t slots;
} __attribute__((aligned(16)));

static struct slab_cache *_Atomic all_caches;

static size_t slot_size(const struct slab_cache *cache)
{
    return sizeof(struct slab_header) + ((cache->size + 15) & ~15ul);
}

/* Blocks that hold at least eight objects, up to 32 KiB. */
static unsigned slab_order(const struct slab_cache *cache)
{
    unsigned order = 0;
    while (order < 3 && (PAGE_SIZE << order) - sizeof(struct slab) < 8 * slot_size(cache))
        order++;
    return order;
}

static struct slab *slab_of(const struct slab_cache *cache, void *object)
{
    return (struct slab *)((uintptr_t)object & ~((PAGE_SIZE << slab_order(cache)) - 1));
}

static void list_cache(struct slab_cache *cache)
{
    if (atomic_exchange(&cache->listed, true))
        return;
    cache->next = atomic_load(&all_caches);
    while (!atomic_compare_exchange_weak(&all_caches, &cache->next, cache))
        ;
}

/* Cache lock held. */
static struct slab *slab_grow(struct slab_cache *cache)
{
    unsigned order = slab_order(cache);
    struct frame *block = frame_take_block(order);
    if (block == NULL)
        return NULL;
    struct slab *slab = frame_data(block);
    size_t slot = slot_size(cache);
    char *at = (char *)(slab + 1), *end = (char *)slab + (PAGE_SIZE << order);
    *slab = (struct slab){.free = NULL};
    for (; at + slot <= end; at += slot) {
        struct slab_header *header = (struct slab_header *)at;
        header->tag = 0;
        *(void **)(header + 1) = slab->free;
        slab->free = header + 1;
        slab->slots++;
    }
    list_append(&cache->partial, &slab->link);
    cache->empty++;
    return slab;
}

/* Moves a batch of free objects into the empty magazine. */
__attribute__((noinline)) static bool refill(struct slab_cache *cache,
                                             struct slab_magazine *magazine)
{
    list_cache(cache);
    spinlock_lock(&cache->lock);
    while (magazine->count < MAGAZINE_BATCH) {
        struct slab *slab;
        if (!list_empty(&cache->partial))
            slab = container_of(cache->partial.next, struct slab, link);
        else if (magazine->count > 0 || (slab = slab_grow(cache)) == NULL)
            break;
        void *object = slab->free;
        slab->free = *(void **)object;
        if (slab->used++ == 0)
            cache->empty--;
        if (slab->free == NULL)
            list_remove(&slab->link);
        *(void **)object = magazine->head;
        magazine->head = object;
        magazine->count++;
    }
    spinlock_unlock(&cache->lock);
    return magazine->count > 0;
}

/* Gives COUNT objects of the magazine back to their slabs, and slabs beyond KEEP empty ones to the frames. */
__attribute__((noinline, preserve_most)) static void drain(struct slab_cache *cache,
                                                           struct slab_magazine *magazine,
                                                           uint32_t count, unsigned keep)
{
    spinlock_lock(&cache->lock);
    while (count-- > 0) {
        void *object = magazine->head;
        magazine->head = *(void **)object;
        magazine->count--;
        struct slab *slab = slab_of(cache, object);
        if (slab->free == NULL)
            list_push(&cache->partial, &slab->link);
        *(void **)object = slab->free;
        slab->free = object;
        if (--slab->used == 0) { /* to the front, where empty ones are looked for */
            cache->empty++;
            list_remove(&slab->link);
            list_push(&cache->partial, &slab->link);
        }
    }
    list_for_each_safe(link, next, &cache->partial)
    {
        if (cache->empty <= keep)
            break;
        struct slab *slab = container_of(link, struct slab, link);
        if (slab->used != 0)
            continue;
        list_remove(link);
        cache->empty--;
        frame_free_block(frame_of(arch_direct_to_phys(slab)), slab_order(cache));
    }
    spinlock_unlock(&cache->lock);
}

static struct slab_magazine *this_magazine(struct slab_cache *cache)
{
    return &cache->per_cpu[((struct arch_cpu *)arch_cpu_self())->number];
}

void *slab_alloc_unset(struct slab_cache *cache, struct job *job)
{
    size_t slot = slot_size(cache);
    if (!job_charge(job, JOB_MEMORY, slot))
        return NULL;
    struct slab_magazine *magazine = this_magazine(cache);
    if (magazine->head == NULL && !refill(cache, magazine)) {
        job_uncharge(job, JOB_MEMORY, slot);
        return NULL;
    }
    void *object = magazine->head;
    magazine->head = *(void **)object;
    magazine->count--;
    *slab_header_of(object) = (struct slab_header){.job = job, .tag = (uintptr_t)cache};
    atomic_fetch_add_explicit(&object_count[cache->class], 1, memory_order_relaxed);
    return object;
}

void *slab_alloc(struct slab_cache *cache, struct job *job)
{
    void *object = slab_alloc_unset(cache, job);
    return object != NULL ? memset(object, 0, cache->size) : NULL;
}

void slab_free(struct slab_cache *cache, void *object)
{
    struct slab_header *header = slab_header_of(object);
    kverify(header->tag == (uintptr_t)cache);
    struct job *job = header->job;
    header->tag = 0;
    atomic_fetch_sub_explicit(&object_count[cache->class], 1, memory_order_relaxed);
    struct slab_magazine *magazine = this_magazine(cache);
    if (magazine->count >= MAGAZINE_MAX)
        drain(cache, magazine, MAGAZINE_BATCH, EMPTY_MAX);
    *(void **)object = magazine->head;
    magazine->head = object;
    magazine->count++;
    job_uncharge(job, JOB_MEMORY, slot_size(cache));
}

void slab_shrink_all(void)
{
    for (struct slab_cache *cache = atomic_load(&all_caches); cache != NULL; cache = cache->next) {
        struct slab_magazine *magazine = this_magazine(cache);
        drain(cache, magazine, magazine->count, 0);
    }
}
