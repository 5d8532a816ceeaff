/* SPDX-License-Identifier: BSD-2-Clause */
/* Address spaces: their life, and their page tables' frames. */
#include "kernel/lib/random.h"
#include "kernel/lib/refcount.h"
#include "kernel/mm/slab.h"
#include "kernel/mm/vmspace_priv.h"
#include "kernel/sched/sched.h"

/* Chosen addresses begin at a random page of the 32 TiB above 1 TiB. */
#define MAP_BASE_LOW  (1ul << 40)
#define MAP_BASE_BITS 45

static struct slab_cache space_cache = SLAB_CACHE(space_cache, struct vmspace, OBJECT_VMSPACE);

static paddr_t pt_frame_alloc(void *job)
{
    struct frame *frame = frame_alloc_zero(job);
    return frame != NULL ? frame_phys(frame) : 0;
}

static void pt_frame_free(void *job, paddr_t pa)
{
    (void)job;
    frame_put_zeroed(frame_of(pa)); /* arch_pt_destroy() has emptied it */
}

struct pt_frame_ops vmspace_pt_ops(struct vmspace *space)
{
    return (struct pt_frame_ops){.alloc = pt_frame_alloc, .free = pt_frame_free, .ctx = space->job};
}

struct vmspace *vmspace_current(void)
{
    return thread_self()->vmspace;
}

struct vmspace *vmspace_alloc(struct job *job)
{
    struct vmspace *space = slab_alloc(&space_cache, job);
    if (space == NULL)
        return NULL;
    space->references = 1;
    space->job = job != NULL ? job : &job_root;
    mutex_init(&space->mutex);
    spinlock_init(&space->pt_lock, RANK_PAGE_TABLE);
    struct pt_frame_ops ops = vmspace_pt_ops(space);
    if (arch_pt_create(&space->pt, &ops) != 0) {
        slab_free(&space_cache, space);
        return NULL;
    }
    job_get(space->job);
    return space;
}

struct vmspace *vmspace_create(struct job *job)
{
    struct vmspace *space = vmspace_alloc(job);
    if (space == NULL)
        return NULL;
    space->map_base = MAP_BASE_LOW + (random_u64() & ((1ul << MAP_BASE_BITS) - 1) & PAGE_MASK);
    space->map_hint = space->map_base;
    space->priority = random_u64() | 1;
    return space;
}

void vmspace_enter_job(struct vmspace *space, struct job *job)
{
    struct job *old = space->job;
    mutex_lock(&space->mutex);
    space->job = job_get(job);
    mutex_unlock(&space->mutex);
    job_put(old);
}

struct vmspace *vmspace_get(struct vmspace *space)
{
    refcount_get(&space->references);
    return space;
}

bool vmspace_peek(struct vmspace *space, uint64_t va, uint64_t *word)
{
    if (va % sizeof(*word) != 0 || va < USER_BASE || va >= USER_END)
        return false;
    spinlock_lock(&space->pt_lock);
    struct pt_entry entry = arch_pt_get(&space->pt, va & PAGE_MASK);
    bool there = entry.present && (entry.flags & PT_USER) != 0 &&
                 (entry.flags & (PT_UNCACHED | PT_WRITE_COMBINE)) == 0;
    if (there)
        *word = *(const volatile uint64_t *)((const uint8_t *)arch_direct(entry.frame) +
                                             va % PAGE_SIZE);
    spinlock_unlock(&space->pt_lock);
    return there;
}

/* Takes entries out of the page table from *VA on, until the batch is full or END is reached. */
static unsigned clear_batch(struct vmspace *space, uint64_t *va, uint64_t end,
                            struct pt_page *pages)
{
    unsigned count;
    spinlock_lock(&space->pt_lock);
    if (end - *va == PAGE_SIZE) { /* one page is what is unmapped most, and needs no walk */
        struct pt_entry old = arch_pt_clear(&space->pt, *va);
        pages[0] = (struct pt_page){*va, old.frame, old.flags};
        count = old.present;
        *va = end;
    } else {
        count = arch_pt_scan(&space->pt, va, end, PT_SCAN_CLEAR, pages, PAGE_BATCH);
    }
    space->pages -= count;
    spinlock_unlock(&space->pt_lock);
    return count;
}

static void put_pages(const struct pt_page *pages, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct frame *frame = frame_of(pages[i].frame);
        if (frame != NULL)
            frame_put(frame);
    }
}

void pages_remove(struct vmspace *space, uint64_t start, uint64_t end)
{
    struct pt_page pages[PAGE_BATCH];
    unsigned count = PAGE_BATCH;
    while (count == PAGE_BATCH && (count = clear_batch(space, &start, end, pages)) > 0) {
        arch_tlb_flush(&space->pt, pages[0].va, pages[count - 1].va + PAGE_SIZE);
        put_pages(pages, count);
        if (count == PAGE_BATCH)
            sched_point();
    }
}

void vmspace_put(struct vmspace *space)
{
    if (!refcount_put(&space->references))
        return;
    /* No thread has it any more, so no flush: the table goes as a whole. */
    struct pt_page pages[PAGE_BATCH];
    uint64_t va = USER_BASE;
    unsigned count = PAGE_BATCH;
    while (count == PAGE_BATCH) {
        count = clear_batch(space, &va, USER_END, pages);
        put_pages(pages, count);
        if (count == PAGE_BATCH)
            sched_point();
    }
    struct vm_area *area;
    for (unsigned i = 1; (area = space->root) != NULL; i++) {
        area_unlink(space, area);
        area_destroy(area);
        if (i % AREA_BATCH == 0)
            sched_point();
    }
    area_spare_free(space);
    struct pt_frame_ops ops = vmspace_pt_ops(space);
    arch_pt_destroy(&space->pt, &ops);
    struct job *job = space->job;
    slab_free(&space_cache, space);
    job_put(job);
}
