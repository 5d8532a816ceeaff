/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames: the buddy allocator under one lock, and in front of it a stack of free frames per CPU that needs
 * none.  Frames on such a stack have no references and do not have state FRAME_FREE.
 */
#include "kernel/mm/frame.h"

#include "kernel/job/job.h"
#include "kernel/lib/assert.h"
#include "kernel/lib/bootinfo.h"
#include "kernel/lib/string.h"
#include "kernel/mm/buddy.h"
#include "kernel/sync/spinlock.h"

#define CACHE_FRAMES 64
#define CACHE_BATCH  32

#define ZEROED_MAX 32

struct frame_cache {
    uint32_t count, zeroed_count;
    struct frame *slot[CACHE_FRAMES];
    struct frame *zeroed[ZEROED_MAX]; /* all bytes 0 */
} __attribute__((aligned(64)));

static struct buddy buddy;
static struct spinlock buddy_lock = SPINLOCK_INIT(RANK_FRAME);
static struct frame_cache caches[MAX_CPUS]; /* by CPU, no lock */
static uint64_t total;

static struct frame_cache *this_cache(void)
{
    return &caches[((struct arch_cpu *)arch_cpu_self())->number];
}

paddr_t frame_phys(const struct frame *frame)
{
    return (uint64_t)(frame - buddy.frames) << PAGE_SHIFT;
}

struct frame *frame_of(paddr_t pa)
{
    uint64_t number = pa >> PAGE_SHIFT;
    return number < buddy.count ? &buddy.frames[number] : NULL;
}

uint64_t frame_total_count(void)
{
    return total;
}

uint64_t frame_free_count(void)
{
    uint64_t count = buddy.free;
    for (unsigned i = 0; i < MAX_CPUS; i++)
        count += caches[i].count + caches[i].zeroed_count;
    return count;
}

/* --- the beginning -------------------------------------------------------------------------- */

/* Calls DO_RANGE for the parts of usable memory outside the boot archive and [HOLE, HOLE_END). */
static void for_each_usable(uint64_t hole, uint64_t hole_end, void (*do_range)(paddr_t, paddr_t))
{
    struct boot_range cut[2] = {{hole, hole_end}, boot_info.module};
    if (cut[0].start > cut[1].start) {
        cut[0] = boot_info.module;
        cut[1] = (struct boot_range){hole, hole_end};
    }
    for (size_t i = 0; i < boot_info.usable_count; i++) {
        uint64_t start = boot_info.usable[i].start, end = boot_info.usable[i].end;
        for (unsigned c = 0; c < 2; c++) {
            uint64_t from = cut[c].start & ~(PAGE_SIZE - 1);
            uint64_t to = (cut[c].end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
            if (from >= to || to <= start || from >= end)
                continue;
            if (start < from)
                do_range(start, from);
            start = to;
        }
        if (start < end)
            do_range(start, end);
    }
}

static struct boot_range largest;

static void find_largest(paddr_t start, paddr_t end)
{
    if (end - start > largest.end - largest.start)
        largest = (struct boot_range){start, end};
}

void frame_add_range(paddr_t start, paddr_t end)
{
    start = (start + PAGE_SIZE - 1) >> PAGE_SHIFT;
    end >>= PAGE_SHIFT;
    if (start == 0) /* 0 means "no frame" */
        start = 1;
    if (start >= end)
        return;
    spinlock_lock(&buddy_lock);
    buddy_add(&buddy, start, end);
    spinlock_unlock(&buddy_lock);
    total += end - start;
    uint64_t reserve = total * PAGE_SIZE / 32; /* for init and the kernel itself */
    atomic_store(&job_root.limit[JOB_MEMORY], total * PAGE_SIZE - reserve);
    atomic_store(&job_root.reserve, reserve);
}

void frame_init(void)
{
    kverify(boot_info.usable_count > 0);
    uint64_t count = boot_info.usable[boot_info.usable_count - 1].end >> PAGE_SHIFT;
    uint64_t bytes = (count * sizeof(struct frame) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    for_each_usable(0, 0, find_largest);
    kverify(largest.end - largest.start > bytes + PAGE_SIZE);
    /* Low in the range: at the top lies the code of the boot loader, and writing over code that has run is slow
     * in an emulator (0.2 s for 128 MiB). */
    paddr_t array = (largest.start + PAGE_SIZE - 1) & ~(paddr_t)(PAGE_SIZE - 1);
    buddy_init(&buddy, arch_direct(array), count);
    for_each_usable(array, array + bytes, frame_add_range);
}

/* --- single frames -------------------------------------------------------------------------- */

static void cache_fill(struct frame_cache *cache)
{
    spinlock_lock(&buddy_lock);
    while (cache->count < CACHE_BATCH) {
        struct frame *frame = buddy_alloc(&buddy, 0);
        if (frame == NULL)
            break;
        cache->slot[cache->count++] = frame;
    }
    spinlock_unlock(&buddy_lock);
}

static void cache_spill(struct frame_cache *cache)
{
    spinlock_lock(&buddy_lock);
    while (cache->count > CACHE_FRAMES - CACHE_BATCH)
        buddy_free(&buddy, cache->slot[--cache->count], 0);
    spinlock_unlock(&buddy_lock);
}

static void give(struct frame *frame)
{
    struct frame_cache *cache = this_cache();
    if (cache->count == CACHE_FRAMES)
        cache_spill(cache);
    cache->slot[cache->count++] = frame;
}

static void own(struct frame *frame, struct job *job)
{
    atomic_store_explicit(&frame->references, 1, memory_order_relaxed);
    frame->state = 0;
    frame->accessed = false;
    frame->index = 0;
    frame->object = NULL;
    frame->job = job;
}

/* The last resort before there is no memory: what is kept because it is zeroed. */
static struct frame *take_any(struct frame_cache *cache)
{
    if (cache->count == 0)
        cache_fill(cache);
    if (cache->count > 0)
        return cache->slot[--cache->count];
    return cache->zeroed_count > 0 ? cache->zeroed[--cache->zeroed_count] : NULL;
}

struct frame *frame_alloc(struct job *job)
{
    if (!job_charge(job, JOB_MEMORY, PAGE_SIZE))
        return NULL;
    struct frame *frame = take_any(this_cache());
    if (frame == NULL) {
        job_uncharge(job, JOB_MEMORY, PAGE_SIZE);
        return NULL;
    }
    own(frame, job != NULL ? job : &job_root);
    return frame;
}

struct frame *frame_alloc_zero(struct job *job)
{
    struct frame_cache *cache = this_cache();
    if (cache->zeroed_count > 0) {
        if (!job_charge(job, JOB_MEMORY, PAGE_SIZE))
            return NULL;
        struct frame *zeroed = cache->zeroed[--cache->zeroed_count];
        own(zeroed, job != NULL ? job : &job_root);
        return zeroed;
    }
    struct frame *frame = frame_alloc(job);
    if (frame != NULL)
        arch_page_zero(frame_data(frame));
    return frame;
}

void frame_get(struct frame *frame)
{
    atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);
}

void frame_put(struct frame *frame)
{
    uint32_t old = atomic_fetch_sub_explicit(&frame->references, 1, memory_order_acq_rel);
    kassert(old != 0);
    if (old != 1)
        return;
    if (frame->job != NULL)
        job_uncharge(frame->job, JOB_MEMORY, PAGE_SIZE);
    give(frame);
}

/* For assertions. */
__attribute__((unused)) static bool is_zero(const struct frame *frame)
{
    const uint64_t *word = frame_data(frame);
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++)
        if (word[i] != 0)
            return false;
    return true;
}

void frame_put_zeroed(struct frame *frame)
{
    struct frame_cache *cache = this_cache();
    if (cache->zeroed_count == ZEROED_MAX) {
        frame_put(frame);
        return;
    }
    kassert(atomic_load(&frame->references) == 1 && is_zero(frame));
    atomic_store_explicit(&frame->references, 0, memory_order_relaxed);
    job_uncharge(frame->job, JOB_MEMORY, PAGE_SIZE);
    cache->zeroed[cache->zeroed_count++] = frame;
}

/* --- blocks --------------------------------------------------------------------------------- */

/* Frames that this CPU keeps may be what is missing to form a block. */
static struct frame *block_from_buddy(unsigned order)
{
    struct frame_cache *cache = this_cache();
    spinlock_lock(&buddy_lock);
    struct frame *first = buddy_alloc(&buddy, order);
    if (first == NULL) {
        while (cache->count > 0)
            buddy_free(&buddy, cache->slot[--cache->count], 0);
        while (cache->zeroed_count > 0)
            buddy_free(&buddy, cache->zeroed[--cache->zeroed_count], 0);
        first = buddy_alloc(&buddy, order);
    }
    spinlock_unlock(&buddy_lock);
    return first;
}

struct frame *frame_take_block(unsigned order)
{
    struct frame *first = order < FRAME_ORDERS ? block_from_buddy(order) : NULL;
    if (first != NULL)
        for (uint64_t i = 0; i < 1ul << order; i++)
            own(first + i, NULL);
    return first;
}

struct frame *frame_alloc_block(struct job *job, unsigned order)
{
    uint64_t bytes = PAGE_SIZE << order;
    if (order >= FRAME_ORDERS || !job_charge(job, JOB_MEMORY, bytes))
        return NULL;
    struct frame *first = frame_take_block(order);
    if (first == NULL) {
        job_uncharge(job, JOB_MEMORY, bytes);
        return NULL;
    }
    for (uint64_t i = 0; i < 1ul << order; i++)
        first[i].job = job != NULL ? job : &job_root;
    memset(frame_data(first), 0, bytes);
    return first;
}

void frame_free_block(struct frame *first, unsigned order)
{
    struct job *job = first->job;
    for (uint64_t i = 0; i < 1ul << order; i++)
        atomic_store_explicit(&first[i].references, 0, memory_order_relaxed);
    spinlock_lock(&buddy_lock);
    buddy_free(&buddy, first, order);
    spinlock_unlock(&buddy_lock);
    if (job != NULL)
        job_uncharge(job, JOB_MEMORY, PAGE_SIZE << order);
}
