/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache from inside: cache.c (buffers), commit.c (transactions), journal_write.c (their way into the log).
 *
 * A buffer is CLEAN (the same as on the device), and/or
 *   dirty:   changed by the running transaction; in the list `dirty`
 *   logged:  its content of the last commit is in the journal and not home; in the list `logged`
 *   revoked: logged, and freed by the running transaction: the log gets a revoke record; in `revoked`, not in `dirty`
 *   stale:   forgotten while somebody still holds it; no longer in the table, freed by the last buffer_put.
 * A clean one without references is in the list `idle`, the longest unused first, and may be evicted.
 */
#ifndef SERVICES_EXT2_CACHE_PRIV_H
#define SERVICES_EXT2_CACHE_PRIV_H

#include "services/ext2/cache.h"
#include "services/ext2/link.h"
#include "services/ext2/run.h"

struct cached {
    struct buffer buffer; /* first: what others hold a pointer to */
    struct cache *cache;
    struct cached *hash_next;
    struct link link;     /* in idle, dirty or revoked */
    struct link log_link; /* in logged */
    uint8_t class;        /* of the change, if dirty */
    uint8_t *late;        /* masks for what comes last: bits to keep, then bits to set; or NULL */
    bool dirty, logged, revoked, stale;
};

struct cache {
    struct device *device;
    struct journal *journal; /* NULL: commits go home */
    struct run run;
    uint32_t block_size;
    uint64_t blocks; /* of the device */
    unsigned max_idle;
    unsigned idle_count, dirty_count, logged_count, revoked_count;
    struct link idle, dirty, logged, revoked;
    struct cached *spares; /* without a block, linked by hash_next */
    unsigned spare_count;
    struct cached **table;
    uint32_t table_len; /* a power of two */
    bool data_written;  /* since the last flush */
    bool pressing;      /* something changed since the last commit that is not patient */
    bool failed;        /* a commit went wrong: read-only from now on */
    void (*committed)(void *);
    void *context;
};

/* The buffer is as on the device from now on (or does not matter), if no list has it any more. */
void cached_settle(struct cached *cached);
void cached_drop_late(struct cached *cached);
/* What was revoked is in the journal: the buffers go. */
void cached_drop_revoked(struct cache *cache);
void cached_sort(struct link *list); /* a list of `link`, by class and place */

#endif
