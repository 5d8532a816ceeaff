/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal in the format that Linux and e2fsck call JBD2 (all numbers big-endian): recovery after a cut,
 * and the writing of transactions.  Used by cache.c; mount.c opens it.
 */
#ifndef SERVICES_EXT2_JOURNAL_H
#define SERVICES_EXT2_JOURNAL_H

#include "services/ext2/cache.h"

struct journal;

/* Where the journal lies: BLOCKS[i] is the device block of its i-th block. */
struct journal_place {
    struct device *device;
    uint32_t block_size;
    const uint64_t *blocks;
    uint32_t count;
};

/*
 * Checks the journal's super block. EINVAL: not one, or with features that are not supported (WHY says so for
 * people).
 */
cloudabi_errno_t journal_open(const struct journal_place *place, struct journal **out,
                              const char **why);
/*
 * Replays what was committed and not written home, and empties it. *REPLAYED: transactions. No cache may exist
 * yet.
 */
cloudabi_errno_t journal_recover(struct journal *journal, uint32_t *replayed);
bool journal_needs_recovery(const struct journal *journal);
void journal_free(struct journal *journal);

#endif
