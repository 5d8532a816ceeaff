/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recovery: the log is walked three times, from its tail to the last transaction that has its commit block.
 *   SCAN    finds that end, and checks all that the other walks rely on
 *   REVOKE  collects the revoke records
 *   REPLAY  writes the copies home, except what a transaction not older than theirs revoked
 * Then the log is emptied. A cut at any moment before that leaves a log that gives the same result once more.
 * What the device holds may be anything: what does not look like a log ends it, and a transaction that is committed but
 * makes no sense fails the recovery before anything was written.
 */
#include <stdlib.h>
#include <string.h>

#include "services/ext2/journal_priv.h"

#define WINDOW_BYTES (64 * 1024)

enum pass { SCAN, REVOKE, REPLAY };

struct walk {
    struct journal *journal;
    enum pass pass;
    uint32_t place;    /* in the ring */
    uint32_t sequence; /* of the transaction there */
    uint32_t left;     /* blocks of the ring that were not passed */
    uint32_t end;   /* SCAN found it: the number of the first transaction that is not committed */
    bool senseless; /* something in this transaction cannot be */
    struct revoked revoked;
    uint8_t *window; /* consecutive blocks of the log */
    uint32_t window_at, window_count;
};

/* --- reading the log --------------------------------------------------------------------- */

/* How many blocks from PLACE lie side by side on the device, at most what a window holds. */
static uint32_t neighbours(const struct journal *journal, uint32_t place)
{
    uint32_t count = 1;
    while (count < WINDOW_BYTES / journal->block_size && place + count < journal->len &&
           journal->blocks[place + count] == journal->blocks[place] + count)
        count++;
    return count;
}

static cloudabi_errno_t read_log(struct walk *walk, uint32_t place, const uint8_t **block)
{
    struct journal *journal = walk->journal;
    uint32_t size = journal->block_size;
    if (place < walk->window_at || place - walk->window_at >= walk->window_count) {
        uint32_t count = neighbours(journal, place);
        walk->window_count = 0;
        cloudabi_errno_t error = journal->device->read(
            journal->device, journal->blocks[place] * size, walk->window, (size_t)count * size);
        if (error != 0)
            return error;
        walk->window_at = place;
        walk->window_count = count;
    }
    *block = walk->window + (size_t)(place - walk->window_at) * size;
    return 0;
}

/* Passes COUNT blocks; false: there are not so many in the ring. */
static bool advance(struct walk *walk, uint32_t count)
{
    if (count > walk->left)
        return false;
    walk->place = journal_ahead(walk->journal, walk->place, count);
    walk->left -= count;
    return true;
}

/* --- descriptor blocks ------------------------------------------------------------------- */

struct tag {
    uint64_t block;
    uint32_t flags;
};

/* The tag at *AT, which moves behind it. False: there is none. */
static bool next_tag(const struct journal *journal, const uint8_t *block, uint32_t *at,
                     struct tag *tag)
{
    uint32_t size = journal_tag_size(journal);
    if (*at + size > journal->block_size)
        return false;
    const uint8_t *from = block + *at;
    tag->block = be32_get(from);
    tag->flags = be32_get(from + 4) & 0xFFFF;
    if (journal->wide)
        tag->block |= (uint64_t)be32_get(from + 8) << 32;
    *at += size;
    if ((tag->flags & TAG_SAME_UUID) == 0)
        *at += UUID_BYTES;
    if ((tag->flags & TAG_LAST) != 0)
        *at = journal->block_size;
    return true;
}

static cloudabi_errno_t replay_copy(struct walk *walk, const struct tag *tag)
{
    struct journal *journal = walk->journal;
    const uint8_t *copy;
    cloudabi_errno_t error = read_log(walk, walk->place, &copy);
    if (error != 0)
        return error;
    uint8_t *home;
    error = run_place(&journal->run, tag->block, &home);
    if (error != 0)
        return error;
    memcpy(home, copy, journal->block_size);
    if ((tag->flags & TAG_ESCAPED) != 0)
        be32_put(home, JOURNAL_MAGIC);
    return 0;
}

/* The descriptor is a copy: the window moves on while its blocks are replayed. *GOES_ON: the log does. */
static cloudabi_errno_t walk_descriptor(struct walk *walk, const uint8_t *block, bool *goes_on)
{
    uint32_t at = JOURNAL_HEADER;
    struct tag tag;
    while (*goes_on && next_tag(walk->journal, block, &at, &tag)) {
        walk->senseless = walk->senseless || tag.block >= walk->journal->device_blocks;
        if (walk->pass == REPLAY && !revoked_has(&walk->revoked, tag.block, walk->sequence)) {
            cloudabi_errno_t error = replay_copy(walk, &tag);
            if (error != 0)
                return error;
        }
        *goes_on = advance(walk, 1);
    }
    return 0;
}

/* --- revoke blocks ----------------------------------------------------------------------- */

static cloudabi_errno_t walk_revoke(struct walk *walk, const uint8_t *block)
{
    const uint32_t size = walk->journal->wide ? 8 : 4;
    uint32_t used = be32_get(block + JOURNAL_HEADER);
    if (used < REVOKE_HEADER || used > walk->journal->block_size) {
        walk->senseless = true;
        return 0;
    }
    if (walk->pass != REVOKE)
        return 0;
    for (uint32_t at = REVOKE_HEADER; at + size <= used; at += size) {
        uint64_t revoked = be32_get(block + at + size - 4);
        if (walk->journal->wide)
            revoked |= (uint64_t)be32_get(block + at) << 32;
        cloudabi_errno_t error = revoked_add(&walk->revoked, revoked, walk->sequence);
        if (error != 0)
            return error;
    }
    return 0;
}

/* --- the walk ---------------------------------------------------------------------------- */

/* One block of the log that begins as one of transaction SEQUENCE, and the copies behind it. */
static cloudabi_errno_t walk_block(struct walk *walk, uint8_t *block, bool *goes_on)
{
    *goes_on = advance(walk, 1);
    switch (be32_get(block + 4)) {
    case JOURNAL_DESCRIPTOR:
        return walk_descriptor(walk, block, goes_on);
    case JOURNAL_REVOKE:
        return walk_revoke(walk, block);
    case JOURNAL_COMMIT:
        if (walk->senseless)
            return CLOUDABI_EIO;
        walk->sequence++;
        return 0;
    default:
        *goes_on = false;
        return 0;
    }
}

static cloudabi_errno_t walk_log(struct walk *walk, enum pass pass, uint8_t *block)
{
    struct journal *journal = walk->journal;
    walk->pass = pass;
    walk->place = journal->tail;
    walk->sequence = journal->sequence;
    walk->left = journal->len - journal->first;
    walk->senseless = false;
    for (bool goes_on = true; goes_on && walk->left != 0;) {
        if (pass != SCAN && walk->sequence == walk->end)
            break;
        const uint8_t *from;
        cloudabi_errno_t error = read_log(walk, walk->place, &from);
        if (error != 0)
            return error;
        if (be32_get(from) != JOURNAL_MAGIC || be32_get(from + 8) != walk->sequence)
            break;
        memcpy(block, from, journal->block_size);
        error = walk_block(walk, block, &goes_on);
        if (error != 0)
            return error;
    }
    if (pass == SCAN)
        walk->end = walk->sequence;
    return 0;
}

static cloudabi_errno_t walk_all(struct walk *walk, uint8_t *block)
{
    struct journal *journal = walk->journal;
    cloudabi_errno_t error = walk_log(walk, SCAN, block);
    if (error == 0 && walk->end != journal->sequence) {
        error = walk_log(walk, REVOKE, block);
        if (error == 0)
            error = walk_log(walk, REPLAY, block);
        if (error == 0)
            error = run_end(&journal->run);
        if (error == 0)
            error = journal->device->flush(journal->device);
        run_drop(&journal->run);
    }
    return error;
}

cloudabi_errno_t journal_recover(struct journal *journal, uint32_t *replayed)
{
    *replayed = 0;
    if (!journal_needs_recovery(journal))
        return 0;
    struct walk walk = {.journal = journal, .window = aligned_alloc(4096, WINDOW_BYTES)};
    uint8_t *block = malloc(journal->block_size);
    cloudabi_errno_t error = CLOUDABI_ENOMEM;
    if (walk.window != NULL && block != NULL)
        error = walk_all(&walk, block);
    revoked_free(&walk.revoked);
    free(walk.window);
    free(block);
    if (error != 0)
        return error;
    /* The transaction `end` may be there in part: its number is not used again. */
    *replayed = walk.end - journal->sequence;
    journal->sequence = walk.end + 1;
    return journal_set_tail(journal, 0, journal->sequence);
}
