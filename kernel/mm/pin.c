/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory for a device: the frames behind a program's buffer, one after the other.
 *
 * Taken are the program's own pages and those of objects that never leave memory.  Pages that come from a pager
 * are not: it has to be told what is written to them, and may take them away; nor is device memory.  A page that
 * another thread unmaps while the device is at it lives on until then.
 */
#include "kernel/mm/transfer.h"
#include "kernel/mm/user.h"
#include "kernel/mm/vmspace.h"

#define SECTOR 512u
#define TRIES  8 /* another thread may take the page away again */

static bool may_pin(const struct pt_entry *entry, bool write)
{
    return entry->present && (entry->flags & PT_USER) != 0 &&
           (!write || (entry->flags & PT_WRITE) != 0) &&
           (entry->flags & (PT_UNCACHED | PT_WRITE_COMBINE)) == 0;
}

/* Referenced, if there is a frame at VA that a device may have. While the entry is there so is the page's object. */
static struct frame *frame_at(struct vmspace *space, uint64_t va, bool write)
{
    spinlock_lock(&space->pt_lock);
    struct pt_entry entry = arch_pt_get(&space->pt, va);
    struct frame *frame = may_pin(&entry, write) ? frame_of(entry.frame) : NULL;
    const struct memobj *object = frame != NULL ? frame->object : NULL;
    if (object != NULL && object->paging != NULL)
        frame = NULL;
    if (frame != NULL)
        frame_get(frame);
    spinlock_unlock(&space->pt_lock);
    return frame;
}

static struct frame *pin(struct vmspace *space, uint64_t va, bool write, bool fault)
{
    struct frame *frame = frame_at(space, va, write);
    for (int i = 0; fault && frame == NULL && i < TRIES; i++) {
        if (vmspace_touch(space, va, 1, write) != 0)
            return NULL;
        frame = frame_at(space, va, write);
    }
    return frame;
}

/* Adds [VA, VA + LEN), which are whole sectors. How many bytes of it. */
static size_t pin_range(struct transfer *transfer, uint64_t va, size_t len, bool write, bool fault)
{
    struct vmspace *space = vmspace_current();
    size_t done = 0;
    while (done < len) {
        size_t skip = (va + done) & (PAGE_SIZE - 1), here = PAGE_SIZE - skip;
        struct frame *frame = pin(space, (va + done) & ~(PAGE_SIZE - 1), write, fault);
        if (frame == NULL)
            break;
        if (here > len - done)
            here = len - done;
        bool added = transfer_add(transfer, frame, (uint32_t)skip, (uint32_t)here);
        frame_put(frame);
        if (!added)
            break;
        done += here;
    }
    return done;
}

size_t user_vec_pin(const struct user_vec *vec, size_t skip, size_t len, bool write, bool fault,
                    struct transfer *transfer)
{
    size_t done = 0;
    for (size_t i = 0; i < vec->count && done < len; i++) {
        const struct user_buf *buf = &vec->buf[i];
        if (skip >= buf->len) {
            skip -= buf->len;
            continue;
        }
        size_t piece = buf->len - skip < len - done ? buf->len - skip : len - done;
        uint64_t va = buf->base.va + skip;
        if (va % SECTOR != 0)
            break;
        size_t pinned = pin_range(transfer, va, piece & ~(size_t)(SECTOR - 1), write, fault);
        done += pinned;
        if (pinned < piece)
            break;
        skip = 0;
    }
    return done;
}
