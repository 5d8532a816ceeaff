/* SPDX-License-Identifier: BSD-2-Clause */
/* Revoke records, in a table with open addressing that is at most half full. */
#include <stdlib.h>

#include "services/ext2/journal_priv.h"

/* The entry of BLOCK, or the free one where it would be. The table has a free entry. */
static struct revoked_entry *find(const struct revoked *revoked, uint64_t block)
{
    uint64_t mixed = block * 0x9E3779B97F4A7C15u;
    uint32_t i = (uint32_t)(mixed >> 32) & (revoked->len - 1);
    while (revoked->entries[i].present && revoked->entries[i].block != block)
        i = (i + 1) & (revoked->len - 1);
    return &revoked->entries[i];
}

static bool grow(struct revoked *revoked)
{
    struct revoked bigger = {.len = revoked->len == 0 ? 64 : revoked->len * 2};
    if (bigger.len == 0)
        return false;
    bigger.entries = calloc(bigger.len, sizeof(bigger.entries[0]));
    if (bigger.entries == NULL)
        return false;
    for (uint32_t i = 0; i < revoked->len; i++) {
        if (revoked->entries[i].present)
            *find(&bigger, revoked->entries[i].block) = revoked->entries[i];
    }
    bigger.count = revoked->count;
    free(revoked->entries);
    *revoked = bigger;
    return true;
}

cloudabi_errno_t revoked_add(struct revoked *revoked, uint64_t block, uint32_t sequence)
{
    if (revoked->count >= revoked->len / 2 && !grow(revoked))
        return CLOUDABI_ENOMEM;
    struct revoked_entry *entry = find(revoked, block);
    if (!entry->present) {
        *entry = (struct revoked_entry){block, sequence, true};
        revoked->count++;
    } else if ((int32_t)(sequence - entry->sequence) > 0) {
        entry->sequence = sequence;
    }
    return 0;
}

bool revoked_has(const struct revoked *revoked, uint64_t block, uint32_t sequence)
{
    if (revoked->count == 0)
        return false;
    const struct revoked_entry *entry = find(revoked, block);
    return entry->present && (int32_t)(entry->sequence - sequence) >= 0;
}

void revoked_free(struct revoked *revoked)
{
    free(revoked->entries);
    *revoked = (struct revoked){0};
}
