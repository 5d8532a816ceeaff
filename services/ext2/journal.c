/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal's super block: what the log is, and where its live part begins. */
#include <stdlib.h>
#include <string.h>

#include "services/ext2/journal_priv.h"

/* Less than this is not made by any tool, and half of it would have no room for the largest operation. */
#define SMALLEST_RING 120

static const char *check_features(const uint8_t *super)
{
    uint32_t unknown =
        be32_get(super + SUPER_INCOMPAT) & ~(JOURNAL_INCOMPAT_REVOKE | JOURNAL_INCOMPAT_64BIT);
    if ((unknown & 0x18) != 0)
        return "the journal has checksums (journal_checksum_v2 or v3), which are not supported";
    if ((unknown & 0x20) != 0)
        return "the journal has fast commits, which are not supported";
    if (unknown != 0 || be32_get(super + SUPER_RO_COMPAT) != 0)
        return "the journal has features that are not supported";
    return NULL;
}

/* Why this is no journal that can be used; NULL: it can. */
static const char *check_super(const struct journal_place *place, const uint8_t *super)
{
    if (be32_get(super) != JOURNAL_MAGIC)
        return "the journal's super block is damaged";
    if (be32_get(super + 4) != JOURNAL_SUPER_V2)
        return "the journal is of a version that is not supported";
    if (be32_get(super + SUPER_BLOCK_SIZE) != place->block_size)
        return "the journal has another block size";
    uint32_t len = be32_get(super + SUPER_LEN), first = be32_get(super + SUPER_FIRST);
    uint32_t start = be32_get(super + SUPER_START);
    if (len > place->count || first == 0 || first >= len || len - first < SMALLEST_RING)
        return "the journal's length is wrong";
    if (start != 0 && (start < first || start >= len))
        return "the journal begins outside of itself";
    return check_features(super);
}

static cloudabi_errno_t check_places(const struct journal_place *place)
{
    uint64_t limit = place->device->size / place->block_size;
    for (uint32_t i = 0; i < place->count; i++) {
        if (place->blocks[i] == 0 || place->blocks[i] >= limit)
            return CLOUDABI_EINVAL;
    }
    return place->count == 0 ? CLOUDABI_EINVAL : 0;
}

static cloudabi_errno_t journal_create(const struct journal_place *place, struct journal **out)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL)
        return CLOUDABI_ENOMEM;
    journal->device = place->device;
    journal->block_size = place->block_size;
    journal->device_blocks = place->device->size / place->block_size;
    journal->blocks = malloc(place->count * sizeof(journal->blocks[0]));
    journal->super = aligned_alloc(512, place->block_size);
    if (journal->blocks == NULL || journal->super == NULL ||
        !run_create(&journal->run, place->device, place->block_size)) {
        journal_free(journal);
        return CLOUDABI_ENOMEM;
    }
    memcpy(journal->blocks, place->blocks, place->count * sizeof(journal->blocks[0]));
    *out = journal;
    return 0;
}

static cloudabi_errno_t journal_load(struct journal *journal, const struct journal_place *place,
                                     const char **why)
{
    cloudabi_errno_t error =
        journal->device->read(journal->device, journal->blocks[0] * journal->block_size,
                              journal->super, journal->block_size);
    if (error != 0)
        return error;
    *why = check_super(place, journal->super);
    if (*why != NULL)
        return CLOUDABI_EINVAL;
    journal->first = be32_get(journal->super + SUPER_FIRST);
    journal->len = be32_get(journal->super + SUPER_LEN);
    journal->tail = be32_get(journal->super + SUPER_START);
    journal->sequence = be32_get(journal->super + SUPER_SEQUENCE);
    journal->head = journal->first;
    journal->wide = (be32_get(journal->super + SUPER_INCOMPAT) & JOURNAL_INCOMPAT_64BIT) != 0;
    return 0;
}

cloudabi_errno_t journal_open(const struct journal_place *place, struct journal **out,
                              const char **why)
{
    *why = "the journal's blocks lie outside of the device";
    cloudabi_errno_t error = check_places(place);
    if (error != 0)
        return error;
    *why = "the journal cannot be read";
    struct journal *journal;
    error = journal_create(place, &journal);
    if (error != 0)
        return error;
    error = journal_load(journal, place, why);
    if (error != 0) {
        journal_free(journal);
        return error;
    }
    *out = journal;
    return 0;
}

void journal_free(struct journal *journal)
{
    if (journal == NULL)
        return;
    run_free(&journal->run);
    free(journal->blocks);
    free(journal->super);
    free(journal);
}

bool journal_needs_recovery(const struct journal *journal)
{
    return journal->tail != 0 && !journal->running;
}

cloudabi_errno_t journal_set_tail(struct journal *journal, uint32_t tail, uint32_t sequence)
{
    uint32_t incompat = be32_get(journal->super + SUPER_INCOMPAT);
    /* Whoever does not know revoke records must not replay this log. */
    if (tail != 0)
        be32_put(journal->super + SUPER_INCOMPAT, incompat | JOURNAL_INCOMPAT_REVOKE);
    be32_put(journal->super + SUPER_START, tail);
    be32_put(journal->super + SUPER_SEQUENCE, sequence);
    cloudabi_errno_t error =
        journal->device->write(journal->device, journal->blocks[0] * journal->block_size,
                               journal->super, journal->block_size);
    if (error == 0)
        error = journal->device->flush(journal->device);
    if (error == 0)
        journal->tail = tail;
    return error;
}
