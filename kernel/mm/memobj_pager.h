/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects with a pager: their pages come from somewhere, go there, and may leave memory in between.
 *
 *   ABSENT --miss--> FILLING --page_in--> CLEAN (backed: it has a place) or HOLE (zeros without a place)
 *   HOLE, or ABSENT behind what the pager has --reserve--> DIRTY           CLEAN --store--> DIRTY
 *   DIRTY --write-out begins--> WRITING --done--> CLEAN;   WRITING --store, failure--> DIRTY
 *   CLEAN, HOLE --evicted--> ABSENT;   any --truncate, revoke--> out of the tree
 *
 * A page is mapped writable only while it is DIRTY, so a first store is seen as a fault.  Who has copied into a page
 * makes it DIRTY once more, as a write-out may have begun and ended meanwhile.
 *
 * One write-out of an object runs at a time (`cleaning`).  Requests to fill pages or for promises count in
 * `reading`; so does each transfer that fills, and each that writes in `writing`, until it is destroyed, even if who
 * asked for it is killed before the device is done.  Truncation sets `quiet`, which lets no new one begin, and waits
 * until none is left; then it asks the service, and only when that agrees it sets the size and drops pages.
 *
 * A pool is what the objects of one pager (a port) have in common: budget, flusher and reader threads, clock of
 * eviction.  It holds a reference of each of its objects, so pages outlive the last close; those of objects that
 * nobody else refers to go with time, or when memory is short.
 * Lock key: l object->lock, p pool->lock, c constant, a atomic.
 */
#ifndef KERNEL_MM_MEMOBJ_PAGER_H
#define KERNEL_MM_MEMOBJ_PAGER_H

#include "kernel/mm/memobj.h"
#include "kernel/mm/transfer.h"

#define PAGING_PAGES   TRANSFER_PIECES /* the most of one request */
#define PAGING_READERS 3u              /* threads of a pool that read ahead */

struct paging_result {
    unsigned count; /* pages done, from the first on */
    uint64_t holes; /* page_in: bit per page that is not all backed */
    bool wrote;     /* page_out: the service wants to know how it ended */
};

/* All may wait for the service, killably, and are called without locks but the write mutex (resize, reserve). */
struct pager_ops {
    /* Fills or writes the COUNT pages from INDEX on, whose frames FRAME are: a prefix of them. */
    cloudabi_errno_t (*page_in)(struct memobj *object, uint64_t index, unsigned count,
                                struct frame *const *frame, struct paging_result *result);
    /* SIZE: of the file when these pages were taken; none of them lies behind it. */
    cloudabi_errno_t (*page_out)(struct memobj *object, uint64_t index, unsigned count,
                                 uint64_t size, struct frame *const *frame,
                                 struct paging_result *result);
    /* Bytes that may become dirty: *GRANTED from OFFSET on, whole pages, at least one. ENOSPC. */
    cloudabi_errno_t (*reserve)(struct memobj *object, uint64_t offset, uint64_t length,
                                uint64_t *granted);
    cloudabi_errno_t (*sync)(struct memobj *object, bool data_only);
    cloudabi_errno_t (*resize)(struct memobj *object, uint64_t size);
    /* The object can not be found any more. UNUSED: only if the pool alone refers to it, else false. */
    bool (*detach)(struct memobj *object, bool unused);
    void (*destroy)(void *owner); /* last reference gone */
};

struct paging_pool {
    _Atomic uint32_t references; /* objects, port, threads */
    struct job *job;             /* c; referenced: pays for pages and thread */
    struct spinlock lock;        /* RANK_POOL */
    struct list
        objects; /* p: of struct paging; each holds a reference. The clock's hand is at its head */
    struct list dirty; /* p: of struct paging with dirty pages, longest first */
    struct list
        ahead; /* p: of struct paging to be read ahead; each holds a reference of its object */
    struct waitq readers; /* their threads */
    _Atomic uint64_t object_count;
    _Atomic uint64_t dirty_pages; /* also those WRITING */
    _Atomic uint64_t dirty_max;   /* a: refreshed by the flusher */
    _Atomic uint64_t writing;     /* transfers that write */
    struct waitq flusher;         /* its thread */
    struct waitq room;            /* who waits for less dirty pages, or writing to end */
    _Atomic bool wanted;          /* somebody waits for clean pages */
    _Atomic bool failing;         /* the last write-out did not succeed */
    _Atomic bool closing;         /* p to set: nothing more comes, the threads end */
    bool running;                 /* p: there is a thread */
    struct list link;             /* list of pools */
};

struct paging {
    struct memobj *object;       /* c */
    struct paging_pool *pool;    /* c; referenced */
    const struct pager_ops *ops; /* c */
    void *owner;                 /* c: the pager's */
    uint64_t backed;             /* l: pages from here on are not known to the pager at all */
    uint64_t reserved_start, reserved_end; /* l: pages that the pager has promised space for */
    uint32_t reserve_step;                 /* l: pages */
    uint32_t window;                       /* l: pages of the last read-ahead */
    uint64_t next_miss;                    /* l: where a sequential reader would miss next */
    uint64_t hand;                         /* l: next page for eviction */
    bool growing;              /* l: a writer has put bytes behind the size, which it will set */
    uint64_t dirty;            /* l: pages DIRTY or WRITING */
    uint64_t dirty_low;        /* l: none below it is DIRTY */
    uint64_t dirty_since;      /* p: monotonic ns */
    unsigned reading, writing; /* l: requests and transfers */
    bool cleaning;             /* l: a write-out runs */
    bool quiet;                /* l: nothing may begin */
    bool pooled;               /* p: in pool->objects */
    cloudabi_errno_t error;    /* l: of the last write that failed */
    uint32_t error_count;      /* l */
    uint64_t last_use;         /* a: monotonic ns, set by the flusher while it is in use */
    unsigned ahead;            /* p: windows that are still to be read ahead */
    struct list link, dirty_link, ahead_link; /* p */
};

/* --- pools (memobj_pool.c) --- */
struct paging_pool *paging_pool_create(struct job *job); /* NULL: no memory, or no thread */
void paging_pool_close(struct paging_pool *pool);        /* the port ends: consumes its reference */
void paging_pool_put(struct paging_pool *pool);
/* Gives OBJECT, which is new, a pager; it becomes the pool's, too. ENOMEM. */
cloudabi_errno_t paging_create(struct memobj *object, struct paging_pool *pool,
                               const struct pager_ops *ops, void *owner);
void paging_destroy(struct memobj *object); /* by memobj_put() */
/* The pool lets OBJECT go, if it still has it. Dirty pages are lost with it. */
void paging_forget(struct memobj *object);
/* Waits until no write of the pool's objects is at a device any more. EINTR. */
cloudabi_errno_t paging_pool_settle(struct paging_pool *pool);
/* Writes out all that is dirty now. The first error. */
cloudabi_errno_t paging_pool_flush(struct paging_pool *pool);

/* --- requests under way --- */
/* Makes TRANSFER one of OBJECT's. */
void paging_io_begin(struct memobj *object, struct transfer *transfer, bool write);
void paging_io_end(struct memobj *object, bool write); /* drops the reference */

#endif
