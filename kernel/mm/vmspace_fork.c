/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fork: areas are copied, private pages are shared until somebody writes.  Entries of objects' pages are not
 * copied: the child finds those pages by faults, if it ever needs them before it execs.
 */
#include "kernel/mm/vmspace_priv.h"
#include "kernel/sched/sched.h"

struct fork_batch {
    unsigned count;
    uint64_t va[PAGE_BATCH];
    paddr_t pa[PAGE_BATCH]; /* of referenced frames */
};

/* Collects private pages of AREA from *VA on, and makes them read-only in the parent. *PROTECTED is set if that
 * changed anything, so that a flush is due. */
static void collect(struct vmspace *parent, const struct vm_area *area, uint64_t *va, struct fork_batch *batch,
                    bool *protected)
{
    batch->count = 0;
    spinlock_lock(&parent->pt_lock);
    while (batch->count < PAGE_BATCH && (*va = arch_pt_next(&parent->pt, *va, area->end)) < area->end) {
        struct pt_entry entry = arch_pt_get(&parent->pt, *va);
        if (area_owns_page(area, entry.frame)) {
            if ((entry.flags & PT_WRITE) != 0) {
                arch_pt_write_protect(&parent->pt, *va);
                *protected = true;
            }
            frame_get(frame_of(entry.frame));
            batch->va[batch->count] = *va;
            batch->pa[batch->count++] = entry.frame;
        }
        *va += PAGE_SIZE;
    }
    spinlock_unlock(&parent->pt_lock);
}

/* Gives the collected pages to the child. */
static cloudabi_errno_t hand_over(struct vmspace *child, const struct vm_area *area, const struct fork_batch *batch)
{
    struct pt_frame_ops ops = vmspace_pt_ops(child);
    unsigned flags = area_pt_flags(area, false), i;
    spinlock_lock(&child->pt_lock);
    for (i = 0; i < batch->count; i++) {
        if (arch_pt_prepare(&child->pt, batch->va[i], &ops) != 0)
            break;
        arch_pt_set(&child->pt, batch->va[i], batch->pa[i], flags);
    }
    child->pages += i;
    spinlock_unlock(&child->pt_lock);
    if (i == batch->count)
        return 0;
    for (; i < batch->count; i++)
        frame_put(frame_of(batch->pa[i]));
    return CLOUDABI_ENOMEM;
}

static cloudabi_errno_t copy_pages(struct vmspace *parent, struct vmspace *child, const struct vm_area *area,
                                   bool *protected)
{
    struct fork_batch batch;
    cloudabi_errno_t error = 0;
    for (uint64_t va = area->start; error == 0 && va < area->end;) {
        collect(parent, area, &va, &batch, protected);
        error = hand_over(child, area, &batch);
        if (batch.count == PAGE_BATCH)
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
    for (; error == 0 && area != NULL; area = area_next(area)) {
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
    struct vmspace *child = vmspace_create(job);
    if (child == NULL)
        return CLOUDABI_ENOMEM;
    child->map_base = space->map_base;
    bool protected = false;
    mutex_lock(&space->mutex);
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
