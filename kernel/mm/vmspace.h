/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space: an ordered tree of areas, a page table, and the rules of mem_map.
 * Private anonymous pages live in the page table alone (frame references give copy-on-write).
 *
 * Lock key: v the mutex; t the page-table spinlock (RANK_PAGE_TABLE) for every entry.
 */
#ifndef KERNEL_MM_VMSPACE_H
#define KERNEL_MM_VMSPACE_H

#include "kernel/mm/memobj.h"

struct vm_area {
    uint64_t start, end;                   /* v */
    struct vm_area *left, *right, *parent; /* v: kernel/mm/area_tree.h */
    uint32_t priority;                     /* c while in the tree */
    uint8_t prot, max_prot;                /* v: CLOUDABI_PROT_* */
    bool shared;                           /* v */
    bool no_fork;                          /* v: not inherited by fork (port ring) */
    bool copied;             /* v: of an object, private: some pages may be private copies */
    struct memobj *object;   /* v: NULL = anonymous private */
    uint64_t offset;         /* v: of start in the object, bytes, page aligned */
    struct vmspace *space;   /* c */
    struct list object_link; /* memobj lock */
};
/* start, end and offset of an area with an object change under the mutex and the object's lock. */

struct vmspace {
    _Atomic uint32_t references;
    struct mutex mutex;
    struct vm_area *root;    /* v */
    struct spinlock pt_lock; /* RANK_PAGE_TABLE */
    struct arch_pt pt;       /* t */
    struct job *job;         /* v to change; referenced: pays for pages, tables, areas */
    uint64_t pages;          /* t: pages in the page table */
    uint64_t map_base;       /* c: random; chosen addresses lie above it if possible */
    uint64_t priority;       /* v: state of the generator of area priorities */
    uint64_t map_hint;       /* v: no page in [map_base, map_hint) is free */
    struct vm_area *spare;   /* v: the last area that went, for the next one; or NULL */
    struct vm_area *recent;  /* v: in the tree, the last that was made or found; or NULL */
};

struct vmspace *vmspace_create(struct job *job); /* NULL: no memory */
/* JOB pays for what SPACE takes from now on. Called by its only thread. */
void vmspace_enter_job(struct vmspace *space, struct job *job);
struct vmspace *vmspace_get(struct vmspace *space);
void vmspace_put(struct vmspace *space); /* last: unmaps all */
/* Copy-on-write copy for fork. The new space's pages are charged to JOB as they are copied. */
cloudabi_errno_t vmspace_fork(struct vmspace *space, struct job *job, struct vmspace **out);

/* mem_map and friends on validated arguments. *VA: wanted address (0 = choose, randomised) in, result out.
 * OBJECT NULL = anonymous. Takes a reference of its own to OBJECT. FIXED replaces what is there, atomically. */
struct vm_map_args {
    uint64_t length;
    uint8_t prot, max_prot;
    bool shared, fixed, no_fork;
    struct memobj *object;
    uint64_t offset;
};
cloudabi_errno_t vmspace_map(struct vmspace *space, const struct vm_map_args *args, uint64_t *va);
cloudabi_errno_t vmspace_unmap(struct vmspace *space, uint64_t va, uint64_t length);
cloudabi_errno_t vmspace_protect(struct vmspace *space, uint64_t va, uint64_t length, uint8_t prot);
cloudabi_errno_t vmspace_advise(struct vmspace *space, uint64_t va, uint64_t length,
                                cloudabi_advice_t advice);
cloudabi_errno_t vmspace_sync(struct vmspace *space, uint64_t va, uint64_t length,
                              cloudabi_msflags_t flags);
/* The memory object and offset behind a user address, for shared-scope locks: object referenced.
 * *OBJECT = NULL for private memory. EFAULT if unmapped. */
cloudabi_errno_t vmspace_locate(struct vmspace *space, uint64_t va, struct memobj **object,
                                uint64_t *offset);
/* Brings pages in and pins nothing: used to fault in before a nofault copy. */
cloudabi_errno_t vmspace_touch(struct vmspace *space, uint64_t va, uint64_t length, bool write);

/* Called by objects: remove every mapping of pages [first, end) (truncate, evict, revoke).
 * PRIVATE_COPIES: also pages already copied privately. */
void vmspace_unmap_object(struct memobj *object, uint64_t first, uint64_t end, bool private_copies);

/* No store to pages [first, end) of OBJECT goes unnoticed from now on. */
void vmspace_protect_object(struct memobj *object, uint64_t first, uint64_t end);

/* The word at VA (aligned), if its page is there: for looking at another process. */
bool vmspace_peek(struct vmspace *space, uint64_t va, uint64_t *word);

/* The address space of the calling thread; NULL in kernel threads. */
struct vmspace *vmspace_current(void);

/* A page fault at VA. Returns 0 (retry the instruction) or the signal to end the process with:
 * CLOUDABI_SIGSEGV, CLOUDABI_SIGBUS. May sleep; called with no spinlocks held. */
#define FAULT_WRITE 1u
#define FAULT_EXEC  2u
#define FAULT_USER  4u
int mm_fault(uint64_t va, unsigned access);

#endif
