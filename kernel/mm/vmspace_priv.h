/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of address spaces. */
#ifndef KERNEL_MM_VMSPACE_PRIV_H
#define KERNEL_MM_VMSPACE_PRIV_H

#include "kernel/mm/area_tree.h"
#include "kernel/mm/memobj_priv.h"
#include "kernel/mm/vmspace.h"

#define PAGE_MASK  (~(PAGE_SIZE - 1))
#define PAGE_BATCH 64 /* pages handled under one hold of the page-table lock */
#define AREA_BATCH 64 /* areas handled before others get their turn */

struct vmspace *vmspace_alloc(struct job *job); /* without what is random in it */

/* Areas allocated before anything is changed, so that splitting can not fail. */
struct area_spares {
    struct vm_area *area[2];
};

/* space->mutex held for all of these. */
struct vm_area *area_create(struct vmspace *space); /* not in the tree; NULL: no memory */
/* Gives up what the area holds and frees it. Not in the tree any more. */
void area_destroy(struct vm_area *area);
void area_spare_free(struct vmspace *space); /* the space goes */
/* Makes AREA a mapping of OBJECT (takes a reference). ETXTBSY: shared and writable over a running image. */
cloudabi_errno_t area_attach(struct vm_area *area, struct memobj *object, uint64_t offset);
/* As area_find(), which one page of an area after the other need not ask. */
static inline struct vm_area *area_find_recent(struct vmspace *space, uint64_t va)
{
    struct vm_area *recent = space->recent;
    if (recent == NULL || va < recent->start || va >= recent->end)
        space->recent = recent = area_find(space->root, va);
    return recent;
}
void area_link(struct vmspace *space, struct vm_area *area);
void area_unlink(struct vmspace *space, struct vm_area *area);
/* As many spares as making cuts at START and END takes. ENOMEM. */
cloudabi_errno_t spares_get(struct vmspace *space, uint64_t start, uint64_t end,
                            struct area_spares *spares);
void spares_put(struct area_spares *spares);
/* Cuts the area that spans VA, if one does, using up a spare. */
void area_cut(struct vmspace *space, uint64_t va, struct area_spares *spares);
/* Changes the bounds of an area: its end, or its start with the offset. */
void area_set_bounds(struct vm_area *area, uint64_t start, uint64_t end);
/* Joins AREA with its neighbours where they continue each other. Returns the area that it is now in. */
struct vm_area *area_join(struct vmspace *space, struct vm_area *area);
/* Whether [start, end) is mapped without a gap. */
bool range_is_mapped(struct vmspace *space, uint64_t start, uint64_t end);

/* Empties the page table in the range; frames are given back after one flush a batch. */
void pages_remove(struct vmspace *space, uint64_t start, uint64_t end);
/* Frames of the space's page table. */
struct pt_frame_ops vmspace_pt_ops(struct vmspace *space);
/* Whether PA is a private copy (or anonymous page) of AREA, rather than a page of its object. */
bool area_owns_page(const struct vm_area *area, paddr_t pa);
/* Flags of a page-table entry of AREA. */
unsigned area_pt_flags(const struct vm_area *area, bool writable);

#endif
