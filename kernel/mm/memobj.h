/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects: pages that files, shared memory and mappings have in common.
 * read, write, append, truncate and mmap of a file run here, on the object's pages, without a message.
 * Objects without a pager never lose a page; what a pager adds is in memobj_pager.h.
 *
 * Locks: `write` (mutex, sleeping, killably): size, times. `lock` (spin): tree, frame states, mappings.
 * Order: write mutex, page busy (FILLING, or a write-out), vmspace mutex, lock, pool lock, page-table lock.  A
 * fault never takes `write`.  A service never takes `write` of its own objects but by trying.
 */
#ifndef KERNEL_MM_MEMOBJ_H
#define KERNEL_MM_MEMOBJ_H

#include "abi/cloudabi_types.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/radix.h"
#include "kernel/sync/mutex.h"

struct memobj;
struct paging;
struct transfer;
struct user_vec;

/* Without a pager pages are ABSENT or CLEAN only, and may be stored to. */
enum page_state { PAGE_ABSENT, PAGE_FILLING, PAGE_HOLE, PAGE_CLEAN, PAGE_DIRTY, PAGE_WRITING };

struct memobj {
    _Atomic uint32_t references;
    struct paging
        *paging;     /* constant; NULL: no pager, absent pages are zero and none is ever lost */
    struct job *job; /* constant: who pays for the pages; referenced */
    struct mutex write;
    uint64_t size;                /* w to change, atomic to read */
    uint64_t atime, mtime, ctime; /* w; realtime ns */
    struct spinlock lock;
    struct radix pages;       /* l: index -> struct frame */
    uint64_t resident;        /* l: frames held */
    struct list mappings;     /* l: of struct vm_area */
    cloudabi_errno_t revoked; /* l: 0, or what every later access gets */
    uint32_t writers;         /* l: descriptors open for writing and shared writable mappings */
    uint32_t executors;       /* l: running images: ETXTBSY */
    unsigned cache_flags;     /* c: PT_UNCACHED or PT_WRITE_COMBINE for device memory, else 0 */
    bool fixed;               /* c: its size never changes (borrowed ones: neither) */
    bool borrowed;    /* c: frames belong to somebody else (boot archive, device): not freed */
    paddr_t physical; /* c: of a borrowed object: where it lies */
    struct waitq page_waiters; /* for pages FILLING or WRITING to become something else */
};

struct memobj *memobj_create(struct job *job, uint64_t size); /* NULL: no memory */
/* An object over fixed physical memory: boot archive, BAR, DMA block. Never grows. */
struct memobj *memobj_create_physical(struct job *job, paddr_t start, uint64_t size,
                                      unsigned cache_flags);
struct memobj *memobj_get(struct memobj *object);
void memobj_put(struct memobj *object);

/* File data. *DONE bytes moved even on error. Offsets past the end read 0 bytes; writes grow the object.
 * APPEND: offset = size, decided under the write mutex. *OFFSET afterwards is where the first byte went.
 * memobj_write: ENOSPC without memory, EFBIG beyond what a file can be, or the end of fixed memory. */
cloudabi_errno_t memobj_read(struct memobj *object, const struct user_vec *to, uint64_t offset,
                             size_t *done);
cloudabi_errno_t memobj_write(struct memobj *object, const struct user_vec *from, uint64_t *offset,
                              bool append, size_t *done);
cloudabi_errno_t memobj_read_kernel(struct memobj *object, void *to, size_t len, uint64_t offset,
                                    size_t *done);
cloudabi_errno_t memobj_resize(struct memobj *object, uint64_t size);
/* The service says so itself, in a thread that must not wait. EBUSY: somebody is writing. */
cloudabi_errno_t memobj_resized(struct memobj *object, uint64_t size);
cloudabi_errno_t memobj_allocate(struct memobj *object, uint64_t offset, uint64_t length);
/* Finds the page (creating a zero page where absent; may wait for a pager), for a fault or a pin.
 * Returns a referenced frame. EFAULT past the end. WRITE: the page becomes dirty. */
cloudabi_errno_t memobj_page(struct memobj *object, uint64_t index, bool write, struct frame **out);
/* All that is dirty in the bytes [OFFSET, END) goes to the pager; the first error since an open file last looked
 * is *SEEN's business (memobj_error). Without a pager nothing is to be done. */
cloudabi_errno_t memobj_flush(struct memobj *object, uint64_t offset, uint64_t end);
/* Makes what was flushed durable: the pager's SYNC. */
cloudabi_errno_t memobj_sync(struct memobj *object, bool data_only);
/* The write error that happened since *SEEN was last up to date, once. */
cloudabi_errno_t memobj_error(struct memobj *object, uint32_t *seen);
/* Advice on the bytes [OFFSET, END). */
void memobj_drop_clean(struct memobj *object, uint64_t offset, uint64_t end);
void memobj_will_need(struct memobj *object, uint64_t offset, uint64_t end);
/* The object as a device: moves the bytes at OFFSET to or from the pieces of TRANSFER. EIO past its end. */
cloudabi_errno_t memobj_transfer(struct memobj *object, bool write, uint64_t offset,
                                 const struct transfer *transfer);
/* Frees up to WANT clean pages of any objects with pagers: how many. No spinlocks held. */
unsigned memobj_reclaim(unsigned want);
/* Drops the pages [FIRST, END) of an object without pager: they read as zeros again. */
void memobj_discard(struct memobj *object, uint64_t first, uint64_t end);
/* Ends everything: mappings removed, later access gets ERROR. */
void memobj_revoke(struct memobj *object, cloudabi_errno_t error);
/* Marks use as executable image or by a writer: ETXTBSY when the other exists. */
cloudabi_errno_t memobj_deny_write(struct memobj *object); /* exec begins */
void memobj_allow_write(struct memobj *object);
cloudabi_errno_t memobj_writer_get(struct memobj *object);
void memobj_writer_put(struct memobj *object);

#endif
