/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal from inside: journal.c (its super block), journal_recover.c, revoked.c, journal_write.c.
 *
 * The log is a ring of the blocks [first, len). Live is what lies between the tail, which the super block names, and
 * the head.  Transactions have consecutive numbers that are never used again, not even after a cut: a number whose
 * transaction may be in the log in part is skipped, so that no old commit block can complete a new transaction.
 *
 * On the device, all in big-endian numbers: each block of the log that is not a copy begins with magic, type and number
 * of its transaction (12 bytes). A descriptor block goes on with a tag for each of the copies that follow it: the low
 * 32 bits of its place, 16 bits unused, 16 bits of flags, in a wide log the high 32 bits, and 16 bytes of UUID unless
 * TAG_SAME_UUID. A revoke block goes on with the bytes that are in use (with the header), and the places.
 */
#ifndef SERVICES_EXT2_JOURNAL_PRIV_H
#define SERVICES_EXT2_JOURNAL_PRIV_H

#include "services/ext2/journal.h"
#include "services/ext2/run.h"

#define JOURNAL_MAGIC  0xC03B3998u
#define JOURNAL_HEADER 12
#define REVOKE_HEADER  16
#define UUID_BYTES     16

enum journal_type {
    JOURNAL_DESCRIPTOR = 1,
    JOURNAL_COMMIT = 2,
    JOURNAL_SUPER_V1 = 3,
    JOURNAL_SUPER_V2 = 4,
    JOURNAL_REVOKE = 5,
};

/* Flags of a tag. */
enum {
    TAG_ESCAPED = 1,   /* the block began with the magic number, which the log has as zero */
    TAG_SAME_UUID = 2, /* no UUID follows */
    TAG_DELETED = 4,   /* never written by anybody */
    TAG_LAST = 8,
};

/* Bytes of the super block. */
enum {
    SUPER_BLOCK_SIZE = 0x0C,
    SUPER_LEN = 0x10,
    SUPER_FIRST = 0x14,
    SUPER_SEQUENCE = 0x18,
    SUPER_START = 0x1C,
    SUPER_COMPAT = 0x24,
    SUPER_INCOMPAT = 0x28,
    SUPER_RO_COMPAT = 0x2C,
    SUPER_UUID = 0x30,
};

enum {
    JOURNAL_INCOMPAT_REVOKE = 1,
    JOURNAL_INCOMPAT_64BIT = 2,
};

struct journal {
    struct device *device;
    uint32_t block_size;
    uint64_t *blocks; /* where each lies */
    uint64_t device_blocks;
    uint8_t *super; /* the first block, as it is on the device */
    struct run run;
    uint32_t first, len; /* of the ring */
    uint32_t tail;       /* 0: the super block says that the log is empty */
    uint32_t head;       /* where the next transaction goes */
    uint32_t sequence;   /* and its number */
    uint32_t used;       /* blocks that are live */
    bool wide;           /* tags and revokes have 64 bits */
    bool running;        /* the tail is this mount's own, nothing is to be recovered */
};

static inline uint32_t be32_get(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void be32_put(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

/* The place COUNT blocks behind PLACE in the ring; COUNT is at most its length. */
static inline uint32_t journal_ahead(const struct journal *journal, uint32_t place, uint32_t count)
{
    uint32_t left = journal->len - place;
    return count < left ? place + count : journal->first + (count - left);
}

static inline uint32_t journal_tag_size(const struct journal *journal)
{
    return journal->wide ? 12 : 8;
}

/* Writes the super block with this tail, and flushes. */
cloudabi_errno_t journal_set_tail(struct journal *journal, uint32_t tail, uint32_t sequence);

/* Puts all that is dirty or revoked in CACHE into the log as one transaction; it and data are durable on return. */
cloudabi_errno_t journal_write(struct journal *journal, struct cache *cache);
/* How many buffers a transaction can have, with REVOKED blocks to revoke. */
unsigned journal_room(const struct journal *journal, unsigned revoked);
bool journal_wants_checkpoint(const struct journal *journal);
/* All that is in the log is home. CLOSE: the log says so; else it goes on at its head. */
cloudabi_errno_t journal_clear(struct journal *journal, bool close);

/* The revoke records of a log: the last transaction that revoked each block. */
struct revoked_entry {
    uint64_t block;
    uint32_t sequence;
    bool present;
};

struct revoked {
    struct revoked_entry *entries;
    uint32_t len, count; /* the length is a power of two, or 0 */
};

/* ENOMEM. Of two records for a block the later transaction counts; numbers may wrap around. */
cloudabi_errno_t revoked_add(struct revoked *revoked, uint64_t block, uint32_t sequence);
/* Whether the copy of BLOCK in transaction SEQUENCE must not be replayed. */
bool revoked_has(const struct revoked *revoked, uint64_t block, uint32_t sequence);
void revoked_free(struct revoked *revoked);

#endif
