/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metadata blocks in memory, and transactions over them.
 *
 * Every block of metadata is read and changed through a buffer. A change belongs to the running transaction:
 * buffer_dirty() before or after the bytes change, in the same operation.  cache_commit() makes all changes
 * since the last commit durable together: through the journal if there is one (journal.h), else home in the
 * order of their classes. Nothing is written to the device outside a commit, except home after the journal has
 * it (checkpoint).
 *
 * One thread.  Data blocks of files never pass here, and a block must be forgotten (buffer_forget) before it
 * holds data.
 */
#ifndef SERVICES_EXT2_CACHE_H
#define SERVICES_EXT2_CACHE_H

#include "services/ext2/device.h"

struct cache;
struct journal;

/* The order in which a commit without journal writes, with a flush between: what is pointed to comes first. */
enum write_class {
    WRITE_FRESH, /* bitmaps, group descriptors; new indirect blocks and directory blocks nobody points to yet */
    WRITE_INODE, /* inode table blocks, indirect blocks that are reachable, the super block (orphan list) */
    WRITE_ENTRY, /* directory blocks that are reachable */
    WRITE_CLASSES
};

struct buffer {
    uint64_t block; /* number on the device, in units of the block size */
    uint8_t *data;  /* block size bytes */
    uint32_t references;
    /* ... the cache's own: see cache.c */
};

/*
 * Room for MAX_BUFFERS clean blocks; dirty ones come on top. ENOMEM. The device and JOURNAL (NULL: none)
 * outlive it.
 */
cloudabi_errno_t cache_create(struct device *device, uint32_t block_size, unsigned max_buffers,
                              struct cache **out);
void cache_free(struct cache *cache); /* drops what is not committed */

/* The block, read if it is not there: referenced. EIO: unreadable or beyond the device; ENOMEM. */
cloudabi_errno_t buffer_read(struct cache *cache, uint64_t block, struct buffer **out);
/* Memory for CACHE_SPARES buffers is there, whatever happens: asked for before a change, so that it does not fail half
 * way. ENOMEM. */
#define CACHE_SPARES 8u
cloudabi_errno_t cache_ready(struct cache *cache);

/* The block with zeros instead of what the device holds: for one just allocated. */
cloudabi_errno_t buffer_fresh(struct cache *cache, uint64_t block, struct buffer **out);
void buffer_put(struct buffer *buffer); /* NULL is fine */
/*
 * Its change belongs to the running transaction. A buffer keeps the lowest class it was given since the last
 * commit.
 */
void buffer_dirty(struct buffer *buffer, enum write_class class);
/* The same for a change that nobody waits for: it goes with the next commit, but cache_sync() needs none for it. */
void buffer_dirty_patient(struct buffer *buffer, enum write_class class);
/*
 * Without a journal: the byte at OFFSET of a buffer that is changed goes to the device as (byte & KEEP) | SET
 * until all else of the transaction is there. So a new inode has no links before its entry is there, and what
 * is freed is in use until nothing leads to it: what a cut leaves in between, e2fsck repairs without asking,
 * and no block is lost.
 */
void buffer_late(struct buffer *buffer, uint32_t offset, uint8_t keep, uint8_t set);
/* The block is freed: what was not written is dropped, and the journal will not replay it (revoke). */
void buffer_forget(struct cache *cache, uint64_t block);

/*
 * Makes everything durable. 0 only if it is. After an error the cache is read-only: later commits fail with
 * EROFS.
 */
cloudabi_errno_t cache_commit(struct cache *cache);
/* Makes durable what somebody may wait for: a commit, unless all changes since the last one are patient; then
 * only the data that was written is flushed. */
cloudabi_errno_t cache_sync(struct cache *cache);
/*
 * The number of buffers that the running transaction can still take; operations ask before they begin, and
 * commit first if they may need more. Without journal: as many as there is memory for.
 */
unsigned cache_room(const struct cache *cache);
bool cache_is_dirty(const struct cache *cache); /* a commit would write something */
/* Writes home what is committed, so that the journal is empty: unmount. */
cloudabi_errno_t cache_checkpoint(struct cache *cache);
/* Called after each successful commit, e.g. to let freed blocks be used again. */
void cache_on_commit(struct cache *cache, void (*committed)(void *context), void *context);
/* Data was written to the device past the cache: the next commit flushes even if no metadata changed. */
void cache_data_written(struct cache *cache);
/* From now on commits go through JOURNAL (owned by the cache). */
void cache_set_journal(struct cache *cache, struct journal *journal);

#endif
