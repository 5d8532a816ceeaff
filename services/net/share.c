/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/share.h"

#define PART       16
#define PART_NEW   128
#define SLOW_LOOKS 2

void share_use(struct share_pool *pool, struct share *share, size_t used)
{
    pool->used += used - share->used;
    share->used = used;
}

/* A part of what the others leave of ALL. */
static size_t part(const struct share_pool *pool, const struct share *share, size_t all,
                   size_t parts)
{
    size_t others = pool->used - share->used;
    return all > others ? (all - others) / parts : 0;
}

static size_t part_of_new(const struct share_pool *pool, const struct share *share)
{
    size_t limit = part(pool, share, pool->size, PART_NEW);
    bool alone = pool->used - share->used <= pool->size / PART;
    return alone || limit < SHARE_NEW ? limit : SHARE_NEW;
}

size_t share_limit(const struct share_pool *pool, const struct share *share, size_t most)
{
    size_t limit;
    if (share->prompt)
        limit = part(pool, share, pool->size, PART);
    else if (share->looks == SHARE_KNOWN)
        limit = part(pool, share, pool->size / 2, PART);
    else
        limit = part_of_new(pool, share);
    return limit < SHARE_LEAST ? SHARE_LEAST : limit > most ? most : limit;
}

void share_praise(struct share *share)
{
    share->prompt = share->proven = true;
    share->slow = 0;
}

bool share_look(struct share *share, uint32_t taken, size_t held)
{
    uint32_t moved = taken - share->taken;
    share->taken = taken;
    if (moved > 0 && moved >= held)
        share_praise(share);
    else if (share->prompt && ++share->slow >= SLOW_LOOKS)
        share->prompt = false;
    if (share->looks < SHARE_KNOWN)
        share->looks++;
    return moved > 0;
}
