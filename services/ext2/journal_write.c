/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A transaction on its way into the log: revoke blocks, then descriptor blocks each with the copies that it describes,
 * a flush (which is also that of data written before), the commit block, a flush.
 */
#include <string.h>

#include "services/ext2/cache_priv.h"
#include "services/ext2/journal_priv.h"

/* --- room -------------------------------------------------------------------------------- */

static uint32_t tags_per_block(const struct journal *journal)
{
    return (journal->block_size - JOURNAL_HEADER - UUID_BYTES) / journal_tag_size(journal);
}

static uint32_t revokes_per_block(const struct journal *journal)
{
    return (journal->block_size - REVOKE_HEADER) / (journal->wide ? 8 : 4);
}

static uint32_t divide_up(uint32_t a, uint32_t b)
{
    return a / b + (a % b != 0);
}

/* Blocks of the log for a transaction. */
static uint32_t blocks_needed(const struct journal *journal, uint32_t copies, uint32_t revokes)
{
    return copies + divide_up(copies, tags_per_block(journal)) +
           divide_up(revokes, revokes_per_block(journal)) + 1;
}

/* One block stays free: a ring whose head has come round to its tail looks empty. */
static uint32_t blocks_free(const struct journal *journal)
{
    return journal->len - journal->first - journal->used - 1;
}

unsigned journal_room(const struct journal *journal, unsigned revoked)
{
    /* Who asks may free blocks as well, and asks again before the next: the longest run is what one indirect block
     * points to (map.c, free_run). */
    uint32_t run = journal->block_size / sizeof(uint32_t);
    uint32_t others = divide_up(revoked + run, revokes_per_block(journal)) + 1;
    uint32_t free = blocks_free(journal);
    if (free <= others)
        return 0;
    return free - others - divide_up(free - others, tags_per_block(journal) + 1);
}

bool journal_wants_checkpoint(const struct journal *journal)
{
    return journal->used > (journal->len - journal->first) / 2;
}

cloudabi_errno_t journal_clear(struct journal *journal, bool close)
{
    if (journal->tail == 0)
        return 0;
    if (journal->used == 0 && !close)
        return 0;
    journal->used = 0;
    return journal_set_tail(journal, close ? 0 : journal->head, journal->sequence);
}

/* --- the blocks of a transaction ---------------------------------------------------------- */

struct writer {
    struct journal *journal;
    uint32_t place; /* of the next block in the ring */
    uint32_t written;
};

static uint64_t take_place(struct writer *writer)
{
    uint64_t block = writer->journal->blocks[writer->place];
    writer->place = journal_ahead(writer->journal, writer->place, 1);
    writer->written++;
    return block;
}

static cloudabi_errno_t put_header(struct writer *writer, enum journal_type type, uint8_t **block)
{
    struct journal *journal = writer->journal;
    cloudabi_errno_t error = run_place(&journal->run, take_place(writer), block);
    if (error != 0)
        return error;
    be32_put(*block, JOURNAL_MAGIC);
    be32_put(*block + 4, type);
    be32_put(*block + 8, journal->sequence);
    return 0;
}

static cloudabi_errno_t put_revokes(struct writer *writer, const struct link *list)
{
    const struct journal *journal = writer->journal;
    const uint32_t size = journal->wide ? 8 : 4;
    const struct link *l = list->next;
    while (l != list) {
        uint8_t *block;
        cloudabi_errno_t error = put_header(writer, JOURNAL_REVOKE, &block);
        if (error != 0)
            return error;
        uint32_t at = REVOKE_HEADER;
        for (; l != list && at + size <= journal->block_size; l = l->next, at += size) {
            uint64_t revoked = LINK_OF(l, struct cached, link)->buffer.block;
            if (journal->wide)
                be32_put(block + at, (uint32_t)(revoked >> 32));
            be32_put(block + at + size - 4, (uint32_t)revoked);
        }
        be32_put(block + JOURNAL_HEADER, at);
    }
    return 0;
}

static bool must_escape(const struct cached *cached)
{
    return be32_get(cached->buffer.data) == JOURNAL_MAGIC;
}

/* The tag of CACHED at AT; returns where the next goes. */
static uint8_t *put_tag(const struct journal *journal, uint8_t *at, const struct cached *cached,
                        uint32_t flags)
{
    if (must_escape(cached))
        flags |= TAG_ESCAPED;
    be32_put(at, (uint32_t)cached->buffer.block);
    be32_put(at + 4, flags);
    if (journal->wide)
        be32_put(at + 8, (uint32_t)(cached->buffer.block >> 32));
    at += journal_tag_size(journal);
    if ((flags & TAG_SAME_UUID) == 0) {
        memcpy(at, journal->super + SUPER_UUID, UUID_BYTES);
        at += UUID_BYTES;
    }
    return at;
}

static cloudabi_errno_t put_descriptor(struct writer *writer, const struct link *l, uint32_t count)
{
    uint8_t *block;
    cloudabi_errno_t error = put_header(writer, JOURNAL_DESCRIPTOR, &block);
    if (error != 0)
        return error;
    uint8_t *at = block + JOURNAL_HEADER;
    for (uint32_t i = 0; i < count; i++, l = l->next) {
        uint32_t flags = (i == 0 ? 0 : TAG_SAME_UUID) | (i + 1 == count ? TAG_LAST : 0);
        at = put_tag(writer->journal, at, LINK_OF(l, struct cached, link), flags);
    }
    return 0;
}

static cloudabi_errno_t put_copy(struct writer *writer, const struct cached *cached)
{
    struct run *run = &writer->journal->run;
    uint64_t place = take_place(writer);
    if (!must_escape(cached))
        return run_add(run, place, cached->buffer.data);
    uint8_t *copy;
    cloudabi_errno_t error = run_place(run, place, &copy);
    if (error == 0)
        memcpy(copy + 4, cached->buffer.data + 4, writer->journal->block_size - 4);
    return error;
}

static cloudabi_errno_t put_copies(struct writer *writer, const struct link *list, uint32_t left)
{
    const uint32_t most = tags_per_block(writer->journal);
    const struct link *l = list->next;
    while (left != 0) {
        uint32_t count = left < most ? left : most;
        cloudabi_errno_t error = put_descriptor(writer, l, count);
        for (uint32_t i = 0; i < count && error == 0; i++, l = l->next)
            error = put_copy(writer, LINK_OF(l, struct cached, link));
        if (error != 0)
            return error;
        left -= count;
    }
    return 0;
}

static cloudabi_errno_t end_and_flush(struct journal *journal)
{
    cloudabi_errno_t error = run_end(&journal->run);
    return error == 0 ? journal->device->flush(journal->device) : error;
}

static cloudabi_errno_t put_transaction(struct writer *writer, const struct cache *cache)
{
    cloudabi_errno_t error = put_revokes(writer, &cache->revoked);
    if (error == 0)
        error = put_copies(writer, &cache->dirty, cache->dirty_count);
    if (error == 0)
        error = end_and_flush(writer->journal);
    uint8_t *commit;
    if (error == 0)
        error = put_header(writer, JOURNAL_COMMIT, &commit);
    return error == 0 ? end_and_flush(writer->journal) : error;
}

cloudabi_errno_t journal_write(struct journal *journal, struct cache *cache)
{
    if (blocks_needed(journal, cache->dirty_count, cache->revoked_count) > blocks_free(journal))
        return CLOUDABI_EIO; /* somebody did not ask cache_room() */
    if (journal->tail == 0) {
        cloudabi_errno_t error = journal_set_tail(journal, journal->head, journal->sequence);
        if (error != 0)
            return error;
        journal->running = true;
    }
    struct writer writer = {.journal = journal, .place = journal->head};
    cloudabi_errno_t error = put_transaction(&writer, cache);
    if (error != 0) {
        run_drop(&journal->run);
        return error;
    }
    journal->head = writer.place;
    journal->used += writer.written;
    journal->sequence++;
    return 0;
}
