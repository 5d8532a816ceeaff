/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem_map, mem_unmap, mem_protect, mem_advise, mem_sync on an address space.
 * What can fail is done before the first change: areas for cuts are allocated first.
 */
#include "kernel/lib/assert.h"
#include "kernel/mm/vmspace_priv.h"
#include "kernel/sched/sched.h"

#define BIG_PAGE (2ul << 20)

static bool valid_range(uint64_t va, uint64_t length)
{
    return (va & (PAGE_SIZE - 1)) == 0 && va >= USER_BASE && va < USER_END &&
           length <= USER_END - va;
}

static uint64_t round_up(uint64_t length)
{
    return (length + PAGE_SIZE - 1) & PAGE_MASK;
}

static bool writes_and_runs(uint8_t prot)
{
    return (prot & CLOUDABI_PROT_WRITE) != 0 && (prot & CLOUDABI_PROT_EXEC) != 0;
}

/* --- map -------------------------------------------------------------------------------------- */

static bool is_free(struct vmspace *space, uint64_t va, uint64_t length)
{
    struct vm_area *area = area_find(space->root, va);
    return area == NULL || area->start >= va + length;
}

/* First fit above the space's random base, so that page tables stay few; 0: no room. Large ranges begin at
 * a multiple of 2 MiB, as allocators want them. */
static uint64_t choose(struct vmspace *space, uint64_t length)
{
    uint64_t align = length >= BIG_PAGE ? BIG_PAGE : PAGE_SIZE, free;
    uint64_t va = area_gap(space->root, space->map_hint, USER_END, length, align, &free);
    space->map_hint = va == free ? va + length : free;
    if (va == 0)
        va = area_gap(space->root, USER_BASE, USER_END, length, align, &free);
    return va;
}

/* Removes all that is mapped in [start, end); AREA is the first that ends behind START. SPARES: for a hole,
 * else not used. */
static void remove_range(struct vmspace *space, struct vm_area *area, uint64_t start, uint64_t end,
                         struct area_spares *spares)
{
    struct vm_area *next;
    /* The areas stay until their pages are gone: an object that is truncated meanwhile must find them. */
    pages_remove(space, start, end);
    if (area->start < start && area->end > end)
        area_cut(space, end, spares);
    for (; area != NULL && area->start < end; area = next) {
        next = area->end < end ? area_next(area) : NULL;
        if (area->start < start) {
            area_set_bounds(area, area->start, start);
        } else if (area->end > end) {
            area_set_bounds(area, end, area->end);
        } else {
            area_unlink(space, area);
            area_destroy(area);
        }
    }
    if (start >= space->map_base && start < space->map_hint)
        space->map_hint = start;
}

static cloudabi_errno_t unmap_locked(struct vmspace *space, uint64_t start, uint64_t end)
{
    struct area_spares spares = {0};
    struct vm_area *area = area_find_recent(space, start);
    if (area == NULL || area->start >= end)
        return 0;
    /* The one case that takes a new area: a hole is left in an old one. */
    if (area->start < start && area->end > end && (spares.area[0] = area_create(space)) == NULL)
        return CLOUDABI_ENOMEM;
    remove_range(space, area, start, end, &spares);
    return 0;
}

/* Mutex held: makes room for AREA at *VA, or finds it. */
static cloudabi_errno_t place(struct vmspace *space, bool fixed, uint64_t length, uint64_t *va)
{
    if (fixed)
        return unmap_locked(space, *va, *va + length);
    if (!valid_range(*va, length) || !is_free(space, *va, length))
        *va = choose(space, length);
    return *va != 0 ? 0 : CLOUDABI_ENOMEM;
}

/* The usual way of anonymous memory: the area before the chosen place becomes longer, and nothing is allocated. */
static bool grow_area(struct vmspace *space, const struct vm_map_args *args, uint64_t at,
                      uint64_t length)
{
    struct vm_area *area = args->shared ? NULL : area_find(space->root, at - 1);
    if (area == NULL || area->end != at || area->object != NULL || area->prot != args->prot ||
        area->max_prot != args->max_prot || area->no_fork != args->no_fork)
        return false;
    area_set_bounds(area, area->start, at + length);
    area_join(space, area);
    return true;
}

/* An area for ARGS, in no tree yet. */
static cloudabi_errno_t make_area(struct vmspace *space, const struct vm_map_args *args,
                                  struct memobj *object, struct vm_area **out)
{
    struct vm_area *area = area_create(space);
    if (area == NULL)
        return CLOUDABI_ENOMEM;
    area->prot = args->prot;
    area->max_prot = args->max_prot;
    area->shared = args->shared;
    area->no_fork = args->no_fork;
    cloudabi_errno_t error = object != NULL ? area_attach(area, object, args->offset) : 0;
    if (error != 0)
        area_destroy(area);
    else
        *out = area;
    return error;
}

static void link_area(struct vmspace *space, struct vm_area *area, uint64_t at, uint64_t length)
{
    if (area->object != NULL)
        spinlock_lock(&area->object->lock);
    area->start = at;
    area->end = at + length;
    if (area->object != NULL)
        spinlock_unlock(&area->object->lock);
    area_link(space, area);
    area_join(space, area);
}

/* Mutex held. OBJECT: what is mapped, or NULL. A chosen place costs nothing; room at a fixed one is made when
 * nothing but that can fail any more. */
static cloudabi_errno_t map_locked(struct vmspace *space, const struct vm_map_args *args,
                                   struct memobj *object, uint64_t length, uint64_t *va)
{
    struct vm_area *area;
    uint64_t hint = space->map_hint;
    if (!args->fixed && place(space, false, length, va) != 0)
        return CLOUDABI_ENOMEM;
    if (!args->fixed && object == NULL && grow_area(space, args, *va, length))
        return 0;
    cloudabi_errno_t error = make_area(space, args, object, &area);
    if (error != 0) {
        space->map_hint = hint; /* the place is still free */
        return error;
    }
    if (args->fixed && (error = place(space, true, length, va)) != 0) {
        area_destroy(area);
        return error;
    }
    link_area(space, area, *va, length);
    return 0;
}

cloudabi_errno_t vmspace_map(struct vmspace *space, const struct vm_map_args *args, uint64_t *va)
{
    uint64_t length = round_up(args->length);
    if (writes_and_runs(args->prot))
        return CLOUDABI_ENOTSUP;
    if ((args->prot & ~args->max_prot) != 0)
        return CLOUDABI_EACCES;
    if (args->length == 0 || (args->offset & (PAGE_SIZE - 1)) != 0 ||
        (args->fixed && (length == 0 || !valid_range(*va, length))))
        return CLOUDABI_EINVAL;
    if (length == 0 || length > USER_END - USER_BASE)
        return CLOUDABI_ENOMEM;
    struct memobj *object = args->object, *made = NULL;
    if (object == NULL && args->shared &&
        (object = made = memobj_create(space->job, length)) == NULL)
        return CLOUDABI_ENOMEM;
    uint64_t at = *va;
    mutex_lock(&space->mutex);
    cloudabi_errno_t error = map_locked(space, args, object, length, &at);
    mutex_unlock(&space->mutex);
    if (made != NULL)
        memobj_put(made);
    if (error == 0)
        *va = at;
    return error;
}

cloudabi_errno_t vmspace_unmap(struct vmspace *space, uint64_t va, uint64_t length)
{
    if (length == 0 || !valid_range(va, length))
        return CLOUDABI_EINVAL;
    mutex_lock(&space->mutex);
    cloudabi_errno_t error = unmap_locked(space, va, va + round_up(length));
    mutex_unlock(&space->mutex);
    return error;
}

/* --- protect ----------------------------------------------------------------------------------- */

/* Rewrites the entries of [start, end), all of AREA. Being allowed to write comes back by a fault, where
 * it is decided whether the page is to be copied. False: there was no page. */
static bool protect_pages(struct vmspace *space, const struct vm_area *area, uint64_t start,
                          uint64_t end)
{
    struct pt_page pages[PAGE_BATCH];
    unsigned count = PAGE_BATCH;
    bool any = false;
    while (count == PAGE_BATCH) {
        spinlock_lock(&space->pt_lock);
        count = arch_pt_scan(&space->pt, &start, end, PT_SCAN_LOOK, pages, PAGE_BATCH);
        for (unsigned i = 0; i < count; i++)
            arch_pt_set(&space->pt, pages[i].va, pages[i].frame,
                        area_pt_flags(area, (pages[i].flags & PT_WRITE) != 0));
        spinlock_unlock(&space->pt_lock);
        any |= count > 0;
        if (count == PAGE_BATCH)
            sched_point();
    }
    return any;
}

static cloudabi_errno_t may_protect(struct vmspace *space, uint64_t start, uint64_t end,
                                    uint8_t prot)
{
    if (!range_is_mapped(space, start, end))
        return CLOUDABI_ENOMEM;
    for (struct vm_area *area = area_find(space->root, start); area != NULL && area->start < end;
         area = area_next(area))
        if ((prot & ~area->max_prot) != 0)
            return CLOUDABI_EACCES;
    return 0;
}

static void protect_areas(struct vmspace *space, uint64_t start, uint64_t end, uint8_t prot)
{
    bool any = false;
    for (uint64_t at = start; at < end;) {
        struct vm_area *area = area_find(space->root, at);
        at = area->end;
        if (area->prot != prot) {
            area->prot = prot;
            any |= protect_pages(space, area, area->start, area->end);
        }
        area_join(space, area);
    }
    if (any)
        arch_tlb_flush(&space->pt, start, end);
}

cloudabi_errno_t vmspace_protect(struct vmspace *space, uint64_t va, uint64_t length, uint8_t prot)
{
    if (writes_and_runs(prot))
        return CLOUDABI_ENOTSUP;
    if (!valid_range(va, length))
        return CLOUDABI_EINVAL;
    if (length == 0)
        return 0;
    uint64_t end = va + round_up(length);
    struct area_spares spares;
    mutex_lock(&space->mutex);
    cloudabi_errno_t error = may_protect(space, va, end, prot);
    if (error == 0)
        error = spares_get(space, va, end, &spares);
    if (error == 0) {
        area_cut(space, va, &spares);
        area_cut(space, end, &spares);
        spares_put(&spares);
        protect_areas(space, va, end, prot);
    }
    mutex_unlock(&space->mutex);
    return error;
}

/* --- advise, sync, locate ---------------------------------------------------------------------- */

cloudabi_errno_t vmspace_advise(struct vmspace *space, uint64_t va, uint64_t length,
                                cloudabi_advice_t advice)
{
    if (!valid_range(va, length))
        return CLOUDABI_EINVAL;
    if (length == 0)
        return 0;
    uint64_t end = va + round_up(length);
    mutex_lock(&space->mutex);
    bool mapped = range_is_mapped(space, va, end);
    struct vm_area *area =
        mapped && advice == CLOUDABI_ADVICE_DONTNEED ? area_find(space->root, va) : NULL;
    for (; area != NULL && area->start < end; area = area_next(area))
        pages_remove(space, area->start > va ? area->start : va, area->end < end ? area->end : end);
    mutex_unlock(&space->mutex);
    return mapped ? 0 : CLOUDABI_ENOMEM;
}

/* The first object mapped shared in [*AT, end), referenced, and the part of it; *AT moves behind it. NULL: there is no
 * other. */
static struct memobj *next_shared(struct vmspace *space, uint64_t *at, uint64_t end,
                                  uint64_t *offset, uint64_t *length)
{
    struct memobj *object = NULL;
    if (*at >= end) /* the last area may reach further */
        return NULL;
    mutex_lock(&space->mutex);
    for (struct vm_area *area = area_find(space->root, *at); area != NULL && area->start < end;
         area = area_next(area)) {
        uint64_t from = area->start > *at ? area->start : *at,
                 to = area->end < end ? area->end : end;
        if (!area->shared || area->object == NULL ||
            (area->object->paging == NULL && area->object->revoked == 0))
            continue;
        object = memobj_get(area->object);
        *offset = area->offset + (from - area->start);
        *length = to - from;
        *at = to;
        break;
    }
    mutex_unlock(&space->mutex);
    return object;
}

cloudabi_errno_t vmspace_sync(struct vmspace *space, uint64_t va, uint64_t length,
                              cloudabi_msflags_t flags)
{
    if (!valid_range(va, length))
        return CLOUDABI_EINVAL;
    uint64_t end = va + round_up(length), offset, part;
    mutex_lock(&space->mutex);
    bool mapped = length == 0 || range_is_mapped(space, va, end);
    mutex_unlock(&space->mutex);
    if (!mapped)
        return CLOUDABI_ENOMEM;
    struct memobj *object;
    cloudabi_errno_t error = 0;
    while (error == 0 && (object = next_shared(space, &va, end, &offset, &part)) != NULL) {
        error = object->revoked;
        if (error == 0 && (flags & CLOUDABI_MS_SYNC) != 0)
            error = memobj_flush(object, offset, offset + part);
        if (error == 0 && (flags & CLOUDABI_MS_SYNC) != 0)
            error = memobj_sync(object, true);
        memobj_put(object);
    }
    return error;
}

cloudabi_errno_t vmspace_locate(struct vmspace *space, uint64_t va, struct memobj **object,
                                uint64_t *offset)
{
    cloudabi_errno_t error = CLOUDABI_EFAULT;
    mutex_lock(&space->mutex);
    struct vm_area *area = area_find(space->root, va);
    if (area != NULL && area->start <= va) {
        error = 0;
        *object = area->shared ? memobj_get(area->object) : NULL;
        *offset = area->shared ? area->offset + (va - area->start) : va;
    }
    mutex_unlock(&space->mutex);
    return error;
}
