/* SPDX-License-Identifier: BSD-2-Clause */
/* Address spaces: their life, and their page tables' frames. */
#include "kernel/lib/random.h"
#include "kernel/lib/refcount.h"
#include "kernel/mm/slab.h"
#include "kernel/mm/vmspace_priv.h"
#include "kernel/sched/sched.h"

/* Chosen addresses begin at a random page of the 32 TiB above 1 TiB. */
#define MAP_BASE_LOW (1ul << 40)
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
    frame_put(frame_of(pa));
}

struct pt_frame_ops vmspace_pt_ops(struct vmspace *space)
{
    return (struct pt_frame_ops){.alloc = pt_frame_alloc, .free = pt_frame_free, .ctx = space->job};
}

struct vmspace *vmspace_current(void)
{
    return thread_self()->vmspace;
}

struct vmspace *vmspace_create(struct job *job)
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
    space->map_base = MAP_BASE_LOW + (random_u64() & ((1ul << MAP_BASE_BITS) - 1) & PAGE_MASK);
    space->map_hint = space->map_base;
    space->priority = random_u64() | 1;
    return space;
}

struct vmspace *vmspace_get(struct vmspace *space)
{
    refcount_get(&space->references);
    return space;
}

/* Takes entries out of the page table from *VA on, until the batch is full or END is reached. */
static unsigned clear_batch(struct vmspace *space, uint64_t *va, uint64_t end, paddr_t *frames)
{
    unsigned count = 0;
    spinlock_lock(&space->pt_lock);
    while (count < PAGE_BATCH && (*va = arch_pt_next(&space->pt, *va, end)) < end) {
        frames[count++] = arch_pt_clear(&space->pt, *va).frame;
        *va += PAGE_SIZE;
    }
    space->pages -= count;
    spinlock_unlock(&space->pt_lock);
    return count;
}

static void put_frames(const paddr_t *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct frame *frame = frame_of(frames[i]);
        if (frame != NULL)
            frame_put(frame);
    }
}

void pages_remove(struct vmspace *space, uint64_t start, uint64_t end)
{
    paddr_t frames[PAGE_BATCH];
    while (start < end) {
        uint64_t first = start;
        unsigned count = clear_batch(space, &start, end, frames);
        if (count == 0)
            return;
        arch_tlb_flush(&space->pt, first, start);
        put_frames(frames, count);
        if (count == PAGE_BATCH)
            sched_point();
    }
}

void vmspace_put(struct vmspace *space)
{
    if (!refcount_put(&space->references))
        return;
    /* No thread has it any more, so no flush: the table goes as a whole. */
    paddr_t frames[PAGE_BATCH];
    uint64_t va = USER_BASE;
    unsigned count;
    while ((count = clear_batch(space, &va, USER_END, frames)) > 0) {
        put_frames(frames, count);
        if (count == PAGE_BATCH)
            sched_point();
    }
    struct vm_area *area;
    while ((area = space->root) != NULL) {
        area_unlink(space, area);
        area_destroy(area);
    }
    struct pt_frame_ops ops = vmspace_pt_ops(space);
    arch_pt_destroy(&space->pt, &ops);
    struct job *job = space->job;
    slab_free(&space_cache, space);
    job_put(job);
}
