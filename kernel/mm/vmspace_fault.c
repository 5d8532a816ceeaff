/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults.  Everything runs under the space's mutex but the making of an object's page, which may wait
 * for a pager: that is done in between, and then the fault begins again.
 *
 * An object's page is mapped while its lock is held, so truncation, which first makes the object smaller and
 * then removes the mappings, misses none.  Each entry of a page table holds a reference of its frame.
 */
#include "kernel/lib/string.h"
#include "kernel/mm/vmspace_priv.h"

#define RECLAIM_PAGES 64
#define AROUND_PAGES  16 /* resident neighbours mapped along by a read fault; a power of two */

enum fault_answer { FAULT_DONE, FAULT_NEED_PAGE, FAULT_SEGV, FAULT_BUS };

/* What NEED_PAGE asks for, when the mutex is dropped. */
struct fault_need {
    struct memobj *object; /* referenced */
    uint64_t index;
    bool write;
};

static uint64_t index_of(const struct vm_area *area, uint64_t va)
{
    return (area->offset + (va - area->start)) >> PAGE_SHIFT;
}

static enum fault_answer need_page(const struct vm_area *area, uint64_t va, bool write,
                                   struct fault_need *need)
{
    *need = (struct fault_need){memobj_get(area->object), index_of(area, va), write};
    return FAULT_NEED_PAGE;
}

/* --- entries ----------------------------------------------------------------------------------- */

/* Page-table lock held. False: no memory for the levels above. */
static bool set_entry(struct vmspace *space, uint64_t va, paddr_t pa, unsigned flags)
{
    struct pt_frame_ops ops = vmspace_pt_ops(space);
    if (arch_pt_prepare(&space->pt, va, &ops) != 0)
        return false;
    arch_pt_set(&space->pt, va, pa, flags);
    space->pages++;
    return true;
}

/* Puts NEW in the place of OLD's page, or where there was none. FAULT_DONE: NEW's reference is consumed, or the
 * entry is not OLD any more, so that the access has to be tried again; *USED tells which. */
static enum fault_answer put_page(struct vmspace *space, const struct vm_area *area, uint64_t va,
                                  struct frame *new, const struct pt_entry *old, bool *used)
{
    unsigned flags = area_pt_flags(area, true);
    enum fault_answer answer = FAULT_DONE;
    spinlock_lock(&space->pt_lock);
    struct pt_entry now = arch_pt_get(&space->pt, va);
    *used = now.present == old->present && (!now.present || now.frame == old->frame);
    if (*used && old->present) {
        arch_pt_set(&space->pt, va, frame_phys(new), flags);
    } else if (*used && !set_entry(space, va, frame_phys(new), flags)) {
        *used = false;
        answer = FAULT_BUS;
    }
    spinlock_unlock(&space->pt_lock);
    if (*used && old->present) {
        arch_tlb_flush(&space->pt, va, va + PAGE_SIZE);
        struct frame *frame = frame_of(old->frame);
        if (frame != NULL)
            frame_put(frame);
    }
    return answer;
}

/* There was no frame: what is kept of files makes way for the program's own memory. */
__attribute__((noinline)) static struct frame *reclaimed_frame(struct vmspace *space)
{
    struct frame *frame = NULL;
    if (memobj_reclaim(RECLAIM_PAGES) > 0 && (frame = frame_alloc(space->job)) != NULL)
        arch_page_zero(frame_data(frame));
    return frame;
}

/* --- private pages ------------------------------------------------------------------------------ */

static enum fault_answer fault_zero(struct vmspace *space, struct vm_area *area, uint64_t va)
{
    struct frame *frame = frame_alloc_zero(space->job);
    if (frame == NULL && (frame = reclaimed_frame(space)) == NULL)
        return FAULT_BUS;
    struct pt_frame_ops ops = vmspace_pt_ops(space);
    spinlock_lock(&space->pt_lock);
    int failed = arch_pt_fill(&space->pt, va, frame_phys(frame), area_pt_flags(area, true), &ops);
    if (failed == 0)
        space->pages++;
    spinlock_unlock(&space->pt_lock);
    if (failed != 0)
        frame_put(frame);
    return failed < 0 ? FAULT_BUS : FAULT_DONE;
}

/* A store to a private page that is mapped without being writable. */
__attribute__((noinline)) static enum fault_answer fault_own(struct vmspace *space,
                                                             struct vm_area *area, uint64_t va,
                                                             const struct pt_entry *entry)
{
    struct frame *frame = frame_of(entry->frame);
    spinlock_lock(&space->pt_lock);
    struct pt_entry now = arch_pt_get(&space->pt, va);
    bool same = now.present && now.frame == entry->frame;
    bool alone = same && atomic_load_explicit(&frame->references, memory_order_acquire) == 1;
    if (alone) /* other CPUs use the old entry until they fault, too */
        arch_pt_set(&space->pt, va, entry->frame, area_pt_flags(area, true));
    else if (same)
        frame_get(frame);
    spinlock_unlock(&space->pt_lock);
    if (alone || !same)
        return FAULT_DONE;

    bool used = false;
    enum fault_answer answer = FAULT_BUS;
    struct frame *copy = frame_alloc(space->job);
    if (copy == NULL)
        copy = reclaimed_frame(space);
    if (copy != NULL) {
        arch_page_copy(frame_data(copy), frame_data(frame));
        answer = put_page(space, area, va, copy, entry, &used);
        if (!used)
            frame_put(copy);
    }
    frame_put(frame);
    return answer;
}

/* --- pages of objects --------------------------------------------------------------------------- */

static enum fault_answer answer_of(enum map_answer answer, struct vm_area *area, uint64_t va,
                                   bool write, struct fault_need *need)
{
    if (answer == MAP_ABSENT)
        return need_page(area, va, write, need);
    return answer == MAP_READY ? FAULT_DONE : FAULT_BUS;
}

/* Puts COPY of the object's page at PA in place, if that is still the object's page. */
static enum fault_answer put_copy(struct vmspace *space, struct vm_area *area, uint64_t va,
                                  paddr_t pa, struct frame *copy, const struct pt_entry *old)
{
    struct memobj *object = area->object;
    enum fault_answer answer = FAULT_DONE;
    bool writable = false, used = false;
    paddr_t now;
    spinlock_lock(&object->lock);
    if (memobj_map_locked(object, index_of(area, va), &writable, &now) == MAP_READY && now == pa) {
        area->copied = true;
        answer = put_page(space, area, va, copy, old, &used);
    }
    spinlock_unlock(&object->lock);
    if (!used)
        frame_put(copy);
    return answer; /* also if the page has changed: then the access comes here again */
}

/* A store to a private mapping of an object. */
__attribute__((noinline)) static enum fault_answer fault_copy(struct vmspace *space,
                                                              struct vm_area *area, uint64_t va,
                                                              const struct pt_entry *old,
                                                              struct fault_need *need)
{
    struct memobj *object = area->object;
    bool writable = false;
    paddr_t pa;
    spinlock_lock(&object->lock);
    enum map_answer found = memobj_map_locked(object, index_of(area, va), &writable, &pa);
    struct frame *source = found == MAP_READY ? frame_of(pa) : NULL;
    if (source != NULL)
        frame_get(source);
    spinlock_unlock(&object->lock);
    if (found != MAP_READY)
        return answer_of(found, area, va, false, need);
    if (source == NULL) /* device registers are not copied */
        return FAULT_BUS;

    enum fault_answer answer = FAULT_BUS;
    struct frame *copy = frame_alloc(space->job);
    if (copy == NULL)
        copy = reclaimed_frame(space);
    if (copy != NULL) {
        arch_page_copy(frame_data(copy), arch_direct(pa));
        answer = put_copy(space, area, va, pa, copy, old);
    }
    frame_put(source);
    return answer;
}

/* Maps resident neighbours of VA, so that running through a file faults once in a while only. Both locks held;
 * the page-table page of VA is there and serves the whole window. */
static void map_around(struct vmspace *space, const struct vm_area *area, uint64_t va)
{
    uint64_t start = va & ~(AROUND_PAGES * PAGE_SIZE - 1), end = start + AROUND_PAGES * PAGE_SIZE;
    if (start < area->start)
        start = area->start;
    if (end > area->end)
        end = area->end;
    for (uint64_t at = start; at < end; at += PAGE_SIZE) {
        bool writable = false;
        paddr_t pa;
        if (at == va ||
            memobj_map_locked(area->object, index_of(area, at), &writable, &pa) != MAP_READY ||
            arch_pt_get(&space->pt, at).present)
            continue;
        struct frame *frame = frame_of(pa);
        if (frame != NULL)
            frame_get(frame);
        arch_pt_set(&space->pt, at, pa, area_pt_flags(area, area->shared && writable));
        space->pages++;
    }
}

/* Maps the object's own page: for shared mappings, and for private ones that only read. */
__attribute__((noinline)) static enum fault_answer fault_object(struct vmspace *space,
                                                                struct vm_area *area, uint64_t va,
                                                                bool write, struct fault_need *need)
{
    struct memobj *object = area->object;
    paddr_t pa;
    bool writable = write, done = true;
    spinlock_lock(&object->lock);
    enum map_answer answer = memobj_map_locked(object, index_of(area, va), &writable, &pa);
    if (answer == MAP_READY) {
        unsigned flags = area_pt_flags(area, area->shared && writable);
        struct frame *frame = frame_of(pa);
        spinlock_lock(&space->pt_lock);
        if (arch_pt_get(&space->pt, va).present) { /* the same page, and now it may be written */
            arch_pt_set(&space->pt, va, pa, flags);
        } else if ((done = set_entry(space, va, pa, flags))) {
            if (frame != NULL)
                frame_get(frame);
            if (!write && (area->shared || (area->prot & CLOUDABI_PROT_WRITE) == 0))
                map_around(space, area, va);
        }
        spinlock_unlock(&space->pt_lock);
    }
    spinlock_unlock(&object->lock);
    return done ? answer_of(answer, area, va, write, need) : FAULT_BUS;
}

/* --- the decision -------------------------------------------------------------------------------- */

static bool allowed(const struct vm_area *area, unsigned access)
{
    if ((access & FAULT_WRITE) != 0)
        return (area->prot & CLOUDABI_PROT_WRITE) != 0;
    if ((access & FAULT_EXEC) != 0)
        return (area->prot & CLOUDABI_PROT_EXEC) != 0;
    return area->prot != 0;
}

/* Mutex held. Only this space's threads, which all need the mutex, add entries; others may take away those of
 * objects. So what is seen here without the page-table lock can at worst become absent, and is then
 * faulted in again. */
static enum fault_answer fault_locked(struct vmspace *space, uint64_t va, unsigned access,
                                      struct fault_need *need)
{
    bool write = (access & FAULT_WRITE) != 0;
    struct vm_area *area = area_find_recent(space, va);
    if (area == NULL || area->start > va || !allowed(area, access))
        return FAULT_SEGV;
    spinlock_lock(&space->pt_lock);
    struct pt_entry entry = arch_pt_get(&space->pt, va);
    spinlock_unlock(&space->pt_lock);
    if (entry.present && (!write || (entry.flags & PT_WRITE) != 0))
        return FAULT_DONE; /* another thread was faster */
    if (entry.present && !area->shared && area_owns_page(area, entry.frame))
        return fault_own(space, area, va, &entry);
    if (area->object == NULL)
        return fault_zero(space, area, va);
    if (write && !area->shared)
        return fault_copy(space, area, va, &entry, need);
    return fault_object(space, area, va, write, need);
}

/* Makes the object's page. False: that can not be done. */
__attribute__((noinline)) static bool make_page(const struct fault_need *need)
{
    struct frame *frame;
    cloudabi_errno_t error = memobj_page(need->object, need->index, need->write, &frame);
    memobj_put(need->object);
    if (error == 0)
        frame_put(frame);
    return error == 0;
}

static enum fault_answer fault(struct vmspace *space, uint64_t va, unsigned access)
{
    va &= PAGE_MASK;
    for (;;) {
        struct fault_need need;
        mutex_lock(&space->mutex);
        enum fault_answer answer = fault_locked(space, va, access, &need);
        mutex_unlock(&space->mutex);
        if (answer != FAULT_NEED_PAGE)
            return answer;
        if (!make_page(&need))
            return FAULT_BUS;
    }
}

int mm_fault(uint64_t va, unsigned access)
{
    struct vmspace *space = vmspace_current();
    if (space == NULL || va < USER_BASE || va >= USER_END)
        return CLOUDABI_SIGSEGV;
    enum fault_answer answer = fault(space, va, access);
    if (answer == FAULT_DONE)
        return 0;
    return answer == FAULT_SEGV ? CLOUDABI_SIGSEGV : CLOUDABI_SIGBUS;
}

cloudabi_errno_t vmspace_touch(struct vmspace *space, uint64_t va, uint64_t length, bool write)
{
    if (length == 0)
        return 0;
    if (va < USER_BASE || va >= USER_END || length > USER_END - va)
        return CLOUDABI_EFAULT;
    uint64_t end = va + length;
    for (va &= PAGE_MASK; va < end; va += PAGE_SIZE) {
        spinlock_lock(&space->pt_lock);
        struct pt_entry entry = arch_pt_get(&space->pt, va);
        spinlock_unlock(&space->pt_lock);
        if (entry.present && (entry.flags & PT_USER) != 0 &&
            (!write || (entry.flags & PT_WRITE) != 0))
            continue;
        if (fault(space, va, write ? FAULT_WRITE : 0) != FAULT_DONE)
            return CLOUDABI_EFAULT;
    }
    return 0;
}
