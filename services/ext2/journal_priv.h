/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal from inside: journal.c (its super block), journal_recover.c, journal_write.c.
 *
 * The log is a ring of the blocks [first, len). Live is what lies between the tail, which the super block names, and the head.
 * Transactions have consecutive numbers that are never used again, not even after a cut: a number whose transaction may be in the
 * log in part is skipped, so that no old commit block can complete a new transaction.
 */
#ifndef SERVICES_EXT2_JOURNAL_PRIV_H
#define SERVICES_EXT2_JOURNAL_PRIV_H

#include "services/ext2/journal.h"
#include "services/ext2/run.h"

#define JOURNAL_MAGIC 0xC03B3998u

enum journal_type {
    JOURNAL_DESCRIPTOR = 1,
    JOURNAL_COMMIT = 2,
    JOURNAL_SUPER_V1 = 3,
    JOURNAL_SUPER_V2 = 4,
    JOURNAL_REVOKE = 5,
};

/* Flags of a tag in a descriptor block. */
enum {
    TAG_ESCAPED = 1,   /* the block began with the magic number, which the log has as zero */
    TAG_SAME_UUID = 2, /* no UUID follows */
    TAG_DELETED = 4,   /* never written by anybody */
    TAG_LAST = 8,
};

enum {
    JOURNAL_INCOMPAT_REVOKE = 1,
    JOURNAL_INCOMPAT_64BIT = 2,
    JOURNAL_COMPAT_CHECKSUM = 1, /* of a whole transaction; a commit block may go without */
};

struct journal {
    struct device *device;
    uint32_t block_size;
    uint64_t *blocks; /* where each lies */
    uint64_t device_blocks;
    uint8_t *super; /* the first block, as it is on the device */
    uint8_t *block; /* room for one */
    struct run run;
    uint32_t first, len; /* of the ring */
    uint32_t tail;       /* 0: the super block says that the log is empty */
    uint32_t tail_sequence;
    uint32_t head;     /* where the next transaction goes */
    uint32_t sequence; /* and its number */
    uint32_t used;     /* blocks that are live */
    bool wide;         /* tags and revokes have 64 bits */
};

/* The block at PLACE of the ring; those behind the end go on at its beginning. */
uint32_t journal_next(const struct journal *journal, uint32_t place);
/* Writes the super block with this tail, and flushes. */
cloudabi_errno_t journal_set_tail(struct journal *journal, uint32_t tail, uint32_t sequence);
uint32_t journal_tag_size(const struct journal *journal);

/* Puts all that is dirty or revoked in CACHE into the log as one transaction, which is durable on return, as is data. */
cloudabi_errno_t journal_write(struct journal *journal, struct cache *cache);
/* How many buffers a transaction can have, with REVOKED blocks to revoke. */
unsigned journal_room(const struct journal *journal, unsigned revoked);
bool journal_wants_checkpoint(const struct journal *journal);
/* All that is in the log is home. CLOSE: the log says so; else it goes on at its head. */
cloudabi_errno_t journal_clear(struct journal *journal, bool close);

#endif
