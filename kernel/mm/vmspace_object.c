/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An object takes its pages out of all address spaces: truncation, eviction, revocation.  Under the object's
 * lock, which keeps the list of mappings and their bounds, but without the spaces' mutexes.
 */
#include "kernel/mm/vmspace_priv.h"

/* Clears entries of AREA from *VA on until the batch is full; what is not the object's stays unless
 * PRIVATE_COPIES. */
static unsigned clear_some(struct vm_area *area, uint64_t *va, uint64_t end, bool private_copies,
                           paddr_t *frames)
{
    struct vmspace *space = area->space;
    unsigned count = 0;
    spinlock_lock(&space->pt_lock);
    while (count < PAGE_BATCH && (*va = arch_pt_next(&space->pt, *va, end)) < end) {
        struct pt_entry entry = arch_pt_get(&space->pt, *va);
        if (private_copies || area->shared || !area_owns_page(area, entry.frame)) {
            arch_pt_clear(&space->pt, *va);
            frames[count++] = entry.frame;
        }
        *va += PAGE_SIZE;
    }
    space->pages -= count;
    spinlock_unlock(&space->pt_lock);
    return count;
}

static void unmap_area(struct vm_area *area, uint64_t start, uint64_t end, bool private_copies)
{
    paddr_t frames[PAGE_BATCH];
    while (start < end) {
        uint64_t first = start;
        unsigned count = clear_some(area, &start, end, private_copies, frames);
        if (count > 0)
            arch_tlb_flush(&area->space->pt, first, start);
        for (unsigned i = 0; i < count; i++) {
            struct frame *frame = frame_of(frames[i]);
            if (frame != NULL)
                frame_put(frame);
        }
    }
}

/* Calls DO_AREA for the parts of mappings that show the pages [FIRST, END). */
static void for_each_mapping(struct memobj *object, uint64_t first, uint64_t end, bool flag,
                             void (*do_area)(struct vm_area *, uint64_t, uint64_t, bool))
{
    /* Pages to bytes, without overflow: no mapping reaches that far. */
    uint64_t from = first << PAGE_SHIFT,
             to = end > UINT64_MAX >> PAGE_SHIFT ? UINT64_MAX : end << PAGE_SHIFT;
    spinlock_lock(&object->lock);
    list_for_each(link, &object->mappings)
    {
        struct vm_area *area = container_of(link, struct vm_area, object_link);
        uint64_t area_end = area->offset + (area->end - area->start);
        uint64_t low = from > area->offset ? from : area->offset,
                 high = to < area_end ? to : area_end;
        if (low < high)
            do_area(area, area->start + (low - area->offset), area->start + (high - area->offset),
                    flag);
    }
    spinlock_unlock(&object->lock);
}

void vmspace_unmap_object(struct memobj *object, uint64_t first, uint64_t end, bool private_copies)
{
    for_each_mapping(object, first, end, private_copies, unmap_area);
}

/* Private mappings never have the object's pages writable. */
static void protect_area(struct vm_area *area, uint64_t start, uint64_t end, bool unused)
{
    struct pt_page pages[PAGE_BATCH];
    struct vmspace *space = area->space;
    unsigned count = PAGE_BATCH;
    (void)unused;
    while (area->shared && count == PAGE_BATCH) {
        uint64_t first = start;
        spinlock_lock(&space->pt_lock);
        count = arch_pt_scan(&space->pt, &start, end, PT_SCAN_PROTECT, pages, PAGE_BATCH);
        spinlock_unlock(&space->pt_lock);
        if (count > 0)
            arch_tlb_flush(&space->pt, first, pages[count - 1].va + PAGE_SIZE);
    }
}

void vmspace_protect_object(struct memobj *object, uint64_t first, uint64_t end)
{
    for_each_mapping(object, first, end, false, protect_area);
}
