/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fork: areas are copied, private pages are shared until somebody writes.  Entries of objects' pages are not
 * copied: the child finds those pages by faults, if it ever needs them before it execs.
 */
#include "kernel/mm/vmspace_priv.h"
#include "kernel/sched/sched.h"

struct fork_batch {
    unsigned count;
    struct pt_page page[PAGE_BATCH]; /* of referenced frames */
};

/* Collects private pages of AREA from *VA on, and makes them read-only in the parent. *PROTECTED is set if that
 * changed anything, so that a flush is due. False: that was the last. */
static bool collect(struct vmspace *parent, const struct vm_area *area, uint64_t *va,
                    struct fork_batch *batch, bool *protected)
{
    struct pt_page page[PAGE_BATCH];
    batch->count = 0;
    spinlock_lock(&parent->pt_lock);
    unsigned found = arch_pt_scan(&parent->pt, va, area->end, PT_SCAN_PROTECT, page, PAGE_BATCH);
    for (unsigned i = 0; i < found; i++) {
        *protected |= (page[i].flags & PT_WRITE) != 0;
        if (!area_owns_page(area, page[i].frame))
            continue;
        frame_get(frame_of(page[i].frame));
        batch->page[batch->count++] = page[i];
    }
    spinlock_unlock(&parent->pt_lock);
    return found == PAGE_BATCH;
}

/* Gives the collected pages to the child. */
static cloudabi_errno_t hand_over(struct vmspace *child, const struct vm_area *area,
                                  const struct fork_batch *batch)
{
    struct pt_frame_ops ops = vmspace_pt_ops(child);
    unsigned flags = area_pt_flags(area, false), i;
    spinlock_lock(&child->pt_lock);
    for (i = 0; i < batch->count; i++) {
        if (arch_pt_prepare(&child->pt, batch->page[i].va, &ops) != 0)
            break;
        arch_pt_set(&child->pt, batch->page[i].va, batch->page[i].frame, flags);
    }
    child->pages += i;
    spinlock_unlock(&child->pt_lock);
    if (i == batch->count)
        return 0;
    for (; i < batch->count; i++)
        frame_put(frame_of(batch->page[i].frame));
    return CLOUDABI_ENOMEM;
}

static cloudabi_errno_t copy_pages(struct vmspace *parent, struct vmspace *child,
                                   const struct vm_area *area, bool *protected)
{
    struct fork_batch batch;
    cloudabi_errno_t error = 0;
    uint64_t va = area->start;
    bool more = true;
    while (more && error == 0) {
        more = collect(parent, area, &va, &batch, protected);
        error = hand_over(child, area, &batch);
        if (more)
            sched_point();
    }
    return error;
}

/* A copy of AREA in CHILD, without pages. */
static cloudabi_errno_t copy_area(struct vmspace *child, const struct vm_area *area)
{
    struct vm_area *copy = area_create(child);
    if (copy == NULL)
        return CLOUDABI_ENOMEM;
    copy->start = area->start;
    copy->end = area->end;
    copy->prot = area->prot;
    copy->max_prot = area->max_prot;
    copy->shared = area->shared;
    copy->copied = area->copied;
    if (area->object != NULL) {
        cloudabi_errno_t error = area_attach(copy, area->object, area->offset);
        if (error != 0) {
            area_destroy(copy);
            return error;
        }
    }
    area_link(child, copy);
    return 0;
}

static cloudabi_errno_t copy_all(struct vmspace *parent, struct vmspace *child, bool *protected)
{
    cloudabi_errno_t error = 0;
    struct vm_area *area = area_find(parent->root, 0);
    for (unsigned count = 1; error == 0 && area != NULL; area = area_next(area), count++) {
        if (count % AREA_BATCH == 0)
            sched_point();
        if (area->no_fork)
            continue;
        error = copy_area(child, area);
        if (error == 0 && !area->shared && (area->object == NULL || area->copied))
            error = copy_pages(parent, child, area, protected);
    }
    return error;
}

cloudabi_errno_t vmspace_fork(struct vmspace *space, struct job *job, struct vmspace **out)
{
    struct vmspace *child = vmspace_alloc(job);
    if (child == NULL)
        return CLOUDABI_ENOMEM;
    bool protected = false;
    mutex_lock(&space->mutex);
    child->map_base = space->map_base;
    child->priority = space->priority;
    child->map_hint = space->map_hint;
    cloudabi_errno_t error = copy_all(space, child, &protected);
    if (protected)
        arch_tlb_flush(&space->pt, USER_BASE, USER_END);
    mutex_unlock(&space->mutex);
    if (error != 0)
        vmspace_put(child);
    else
        *out = child;
    return error;
}
