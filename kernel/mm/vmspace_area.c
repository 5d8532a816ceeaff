/* SPDX-License-Identifier: BSD-2-Clause */
/* Areas: creating, cutting and joining them, and what they hold of their object. */
#include "kernel/lib/assert.h"
#include "kernel/mm/slab.h"
#include "kernel/mm/vmspace_priv.h"

static struct slab_cache area_cache = SLAB_CACHE(area_cache, struct vm_area, OBJECT_AREA);

struct vm_area *area_create(struct vmspace *space)
{
    struct vm_area *area = space->spare;
    if (area == NULL && (area = slab_alloc_unset(&area_cache, space->job)) == NULL)
        return NULL;
    space->spare = NULL;
    *area = (struct vm_area){.space = space};
    list_init(&area->object_link);
    return area;
}

static void area_give_back(struct vm_area *area)
{
    if (area->space->spare == NULL)
        area->space->spare = area;
    else
        slab_free(&area_cache, area);
}

void area_spare_free(struct vmspace *space)
{
    if (space->spare != NULL)
        slab_free(&area_cache, space->spare);
    space->spare = NULL;
}

/* Such an area counts as a writer of its object. */
static bool is_writer(const struct vm_area *area)
{
    return area->shared && (area->max_prot & CLOUDABI_PROT_WRITE) != 0;
}

cloudabi_errno_t area_attach(struct vm_area *area, struct memobj *object, uint64_t offset)
{
    if (is_writer(area)) {
        cloudabi_errno_t error = memobj_writer_get(object);
        if (error != 0)
            return error;
    }
    area->object = memobj_get(object);
    area->offset = offset;
    spinlock_lock(&object->lock);
    list_append(&object->mappings, &area->object_link);
    spinlock_unlock(&object->lock);
    return 0;
}

void area_destroy(struct vm_area *area)
{
    struct memobj *object = area->object;
    if (object != NULL) {
        spinlock_lock(&object->lock);
        list_remove(&area->object_link);
        spinlock_unlock(&object->lock);
        if (is_writer(area))
            memobj_writer_put(object);
        memobj_put(object);
    }
    area_give_back(area);
}

void area_link(struct vmspace *space, struct vm_area *area)
{
    /* Priorities need not be secret, but must not follow the addresses, which the program chooses. */
    space->priority ^= space->priority << 13;
    space->priority ^= space->priority >> 7;
    space->priority ^= space->priority << 17;
    area_insert(&space->root, area, space->priority >> 16);
    space->recent = area;
}

void area_unlink(struct vmspace *space, struct vm_area *area)
{
    area_remove(&space->root, area);
    if (space->recent == area)
        space->recent = NULL;
}

/* --- cutting ---------------------------------------------------------------------------------- */

static bool is_inside(struct vmspace *space, uint64_t va)
{
    struct vm_area *area = area_find(space->root, va);
    return area != NULL && area->start < va;
}

cloudabi_errno_t spares_get(struct vmspace *space, uint64_t start, uint64_t end,
                            struct area_spares *spares)
{
    unsigned need = is_inside(space, start) + is_inside(space, end);
    *spares = (struct area_spares){0};
    for (unsigned i = 0; i < need; i++) {
        spares->area[i] = area_create(space);
        if (spares->area[i] == NULL) {
            spares_put(spares);
            return CLOUDABI_ENOMEM;
        }
    }
    return 0;
}

void spares_put(struct area_spares *spares)
{
    for (unsigned i = 0; i < 2; i++) {
        if (spares->area[i] != NULL)
            area_destroy(spares->area[i]);
        spares->area[i] = NULL;
    }
}

/* Changes the bounds of an area; its object's mappings are read under the object's lock. */
void area_set_bounds(struct vm_area *area, uint64_t start, uint64_t end)
{
    if (area->object != NULL)
        spinlock_lock(&area->object->lock);
    area->offset += start - area->start;
    area->start = start;
    area->end = end;
    if (area->object != NULL)
        spinlock_unlock(&area->object->lock);
}

void area_cut(struct vmspace *space, uint64_t va, struct area_spares *spares)
{
    struct vm_area *low = area_find(space->root, va);
    if (low == NULL || low->start >= va)
        return;
    unsigned i = spares->area[0] != NULL ? 0 : 1;
    struct vm_area *high = spares->area[i];
    kverify(high != NULL);
    spares->area[i] = NULL;
    high->start = va;
    high->end = low->end;
    high->prot = low->prot;
    high->max_prot = low->max_prot;
    high->shared = low->shared;
    high->no_fork = low->no_fork;
    high->copied = low->copied;
    if (low->object != NULL) {
        cloudabi_errno_t error = area_attach(high, low->object, low->offset + (va - low->start));
        kverify(error == 0); /* LOW is a writer already if HIGH is */
    }
    area_set_bounds(low, low->start, va);
    area_link(space, high);
}

/* --- joining ---------------------------------------------------------------------------------- */

static bool continues(const struct vm_area *low, const struct vm_area *high)
{
    return low->end == high->start && low->prot == high->prot && low->max_prot == high->max_prot &&
           low->shared == high->shared && low->no_fork == high->no_fork &&
           low->object == high->object &&
           (low->object == NULL || low->offset + (low->end - low->start) == high->offset);
}

/* LOW swallows HIGH. The range is never without an area: an object that is revoked meanwhile must find it. */
static void swallow(struct vmspace *space, struct vm_area *low, struct vm_area *high)
{
    low->copied |= high->copied;
    area_unlink(space, high);
    area_set_bounds(low, low->start, high->end);
    area_destroy(high);
}

struct vm_area *area_join(struct vmspace *space, struct vm_area *area)
{
    struct vm_area *next = area_next(area), *prev = area_prev(area);
    if (next != NULL && continues(area, next))
        swallow(space, area, next);
    if (prev != NULL && continues(prev, area)) {
        swallow(space, prev, area);
        return prev;
    }
    return area;
}

bool range_is_mapped(struct vmspace *space, uint64_t start, uint64_t end)
{
    struct vm_area *area = area_find(space->root, start);
    while (area != NULL && area->start <= start) {
        if (area->end >= end)
            return true;
        start = area->end;
        area = area_next(area);
    }
    return false;
}

/* --- pages ------------------------------------------------------------------------------------ */

bool area_owns_page(const struct vm_area *area, paddr_t pa)
{
    struct frame *frame = frame_of(pa);
    if (frame == NULL || frame->object != NULL)
        return false;
    return area->object == NULL || !memobj_is_own(area->object, pa);
}

unsigned area_pt_flags(const struct vm_area *area, bool writable)
{
    if (area->prot == 0)
        return 0; /* the entry keeps the page, and nobody can use it */
    return PT_USER | ((area->prot & CLOUDABI_PROT_EXEC) ? PT_EXEC : 0) |
           (writable && (area->prot & CLOUDABI_PROT_WRITE) ? PT_WRITE : 0) |
           (area->object != NULL ? area->object->cache_flags : 0);
}
