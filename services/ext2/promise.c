/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Promises of space. For the data it is the blocks themselves; for the map, every indirect block on the way to one
 * of them, whether it exists or not: so the promise for a part of a set is never more than for the whole, and what
 * is used of it never needs more than was promised.
 */
#include "services/ext2/fs_priv.h"

static uint32_t last_of(const struct range *range)
{
    return range->logical + range->count - 1;
}

/* Indirect blocks of LEVEL on the way to [FIRST, LAST], but not to the promised neighbours. */
static uint64_t level_cost(const struct inode *inode, uint32_t first, uint32_t last, uint32_t level)
{
    const struct fs *fs = inode->fs;
    const struct range *before = ranges_before(&inode->reserved, first);
    const struct range *after = ranges_from(&inode->reserved, last);
    uint64_t start = map_level_start(fs, level);
    if (last < start)
        return 0;
    if (first < start)
        first = (uint32_t)start;
    uint32_t low = map_node(fs, first, level), high = map_node(fs, last, level);
    int64_t nodes = (int64_t)high - low + 1;
    if (before != NULL && last_of(before) >= start && map_node(fs, last_of(before), level) == low)
        nodes--;
    if (after != NULL && map_node(fs, after->logical, level) == high)
        nodes--;
    return nodes > 0 ? (uint64_t)nodes : 0;
}

static uint64_t cost_of(const struct inode *inode, uint32_t first, uint32_t count)
{
    uint64_t cost = count;
    for (uint32_t level = 0; level < MAP_DEPTH; level++)
        cost += level_cost(inode, first, first + count - 1, level);
    return cost;
}

/* Promises as much of a hole as there is space for. */
static cloudabi_errno_t promise_hole(struct inode *inode, uint32_t logical, uint32_t *count)
{
    struct fs *fs = inode->fs;
    cloudabi_errno_t error = CLOUDABI_ENOSPC;
    if (!ranges_ready(&inode->reserved, 2))
        return CLOUDABI_ENOMEM;
    while (*count != 0) {
        uint64_t cost = cost_of(inode, logical, *count);
        error = blocks_want(fs, cost);
        if (error == 0) {
            fs->promised += cost;
            ranges_add(&inode->reserved, (struct range){.logical = logical, .count = *count});
            return 0;
        }
        if (error != CLOUDABI_ENOSPC)
            return error;
        *count /= 2;
    }
    return error;
}

/* What of [LOGICAL, LOGICAL + MAX) needs no promise (*HOLE false), or is a hole that was not promised. */
static cloudabi_errno_t next_part(struct inode *inode, uint32_t logical, uint32_t max, bool *hole,
                                  uint32_t *count)
{
    const struct range *range = ranges_from(&inode->reserved, logical);
    uint32_t physical;
    if (range != NULL && range->logical <= logical) {
        uint32_t left = last_of(range) - logical + 1;
        *hole = false;
        *count = left < max ? left : max;
        return 0;
    }
    if (range != NULL && range->logical - logical < max)
        max = range->logical - logical;
    TRY(map_find(inode, logical, max, &physical, count));
    *hole = physical == 0;
    return 0;
}

cloudabi_errno_t promise_make(struct inode *inode, uint32_t logical, uint32_t count,
                              uint32_t *granted)
{
    *granted = 0;
    while (*granted < count) {
        bool hole;
        uint32_t part, got;
        TRY(next_part(inode, logical + *granted, count - *granted, &hole, &part));
        got = part;
        cloudabi_errno_t error = hole ? promise_hole(inode, logical + *granted, &got) : 0;
        if (error != 0)
            return error;
        *granted += got;
    }
    return 0;
}

void promise_keep(struct inode *inode, uint32_t logical, uint32_t count)
{
    if (!ranges_ready(&inode->reserved, 2))
        return;
    inode->fs->promised += cost_of(inode, logical, count);
    ranges_add(&inode->reserved, (struct range){.logical = logical, .count = count});
}

void promise_drop(struct inode *inode, uint32_t logical, uint32_t count)
{
    uint64_t end = (uint64_t)logical + count;
    for (;;) {
        const struct range *range = ranges_from(&inode->reserved, logical);
        if (range == NULL || range->logical >= end)
            return;
        uint32_t first = range->logical > logical ? range->logical : logical;
        uint64_t stop = (uint64_t)last_of(range) + 1 < end ? (uint64_t)last_of(range) + 1 : end;
        uint32_t part = (uint32_t)(stop - first);
        ranges_remove(&inode->reserved, first, part);
        inode->fs->promised -= cost_of(inode, first, part);
    }
}
