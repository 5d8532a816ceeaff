/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the blocks of an inode lie: twelve pointers, then trees of one, two and three levels of indirect blocks. */
#include <string.h>

#include "services/ext2/fs_priv.h"

/* --- shape -------------------------------------------------------------------------------- */

/* Blocks under one indirect block of LEVEL (0: whose pointers are places of data). */
static uint64_t span_of(const struct fs *fs, uint32_t level)
{
    uint64_t span = fs->pointers;
    for (; level > 0; level--)
        span *= fs->pointers;
    return span;
}

/* First logical block of the tree of DEPTH. */
static uint64_t tree_start(const struct fs *fs, uint32_t depth)
{
    uint64_t start = DISK_DIRECT;
    for (uint32_t i = 0; i + 1 < depth; i++)
        start += span_of(fs, i);
    return start;
}

uint64_t map_limit(const struct fs *fs)
{
    return tree_start(fs, MAP_DEPTH + 1);
}

uint64_t map_level_start(const struct fs *fs, uint32_t level)
{
    return tree_start(fs, level + 1);
}

uint32_t map_depth(const struct fs *fs, uint32_t logical)
{
    uint32_t depth = 0;
    if (logical >= DISK_DIRECT)
        depth = 1;
    while (depth != 0 && depth < MAP_DEPTH && logical >= tree_start(fs, depth + 1))
        depth++;
    return depth;
}

uint32_t map_node(const struct fs *fs, uint32_t logical, uint32_t level)
{
    return (uint32_t)((logical - tree_start(fs, level + 1)) / span_of(fs, level));
}

/* --- reading ------------------------------------------------------------------------------ */

/* The pointers where the way to a logical block ends. */
struct spot {
    struct buffer *buffer; /* held; NULL: the inode itself */
    uint32_t *pointers;    /* NULL: a hole from here to the end of a missing indirect block */
    uint32_t index, len;
    uint64_t hole;
};

/* COUNT places in a row; POINTER 0: holes. */
static cloudabi_errno_t check_pointers(struct fs *fs, uint32_t pointer, uint32_t count)
{
    return pointer != 0 && !blocks_are_usable(fs, pointer, count) ? fs_damaged(fs) : 0;
}

/* One level down: through the pointer of SPOT to the indirect block of LEVEL. */
static cloudabi_errno_t descend(struct inode *inode, struct spot *spot, uint32_t level,
                                uint64_t rest)
{
    struct fs *fs = inode->fs;
    struct buffer *next = NULL;
    uint32_t pointer = spot->pointers[spot->index];
    cloudabi_errno_t error = check_pointers(fs, pointer, 1);
    if (error == 0 && pointer != 0)
        error = buffer_read(fs->cache, pointer, &next);
    buffer_put(spot->buffer);
    spot->buffer = next;
    if (error != 0)
        return error;
    if (next == NULL) {
        spot->pointers = NULL;
        spot->hole = span_of(fs, level) - rest;
        return 0;
    }
    spot->pointers = (uint32_t *)(void *)next->data;
    spot->len = fs->pointers;
    spot->index = (uint32_t)(rest / (span_of(fs, level) / fs->pointers));
    return 0;
}

static void spot_start(struct inode *inode, uint32_t logical, uint32_t depth, struct spot *spot)
{
    *spot = (struct spot){
        .pointers = inode->block,
        .index = depth == 0 ? logical : DISK_DIRECT + depth - 1,
        .len = DISK_DIRECT,
    };
}

static cloudabi_errno_t find_spot(struct inode *inode, uint32_t logical, struct spot *spot)
{
    const struct fs *fs = inode->fs;
    uint32_t depth = map_depth(fs, logical);
    uint64_t rest = logical - (depth == 0 ? 0 : tree_start(fs, depth));
    spot_start(inode, logical, depth, spot);
    for (uint32_t level = depth; level-- > 0 && spot->pointers != NULL;) {
        rest %= span_of(fs, level);
        TRY(descend(inode, spot, level, rest));
    }
    return 0;
}

/* How many of at most MAX pointers from the spot's on are holes, or places in a row. */
static uint32_t count_run(const struct spot *spot, uint32_t max)
{
    const uint32_t *pointer = &spot->pointers[spot->index];
    uint32_t count = 1, room = spot->len - spot->index;
    uint32_t step = pointer[0] != 0 ? 1 : 0;
    if (max > room)
        max = room;
    while (count < max && pointer[count] == pointer[0] + count * step)
        count++;
    return count;
}

cloudabi_errno_t map_find(struct inode *inode, uint32_t logical, uint32_t max, uint32_t *physical,
                          uint32_t *count)
{
    struct fs *fs = inode->fs;
    struct spot spot;
    if (logical >= map_limit(fs))
        return CLOUDABI_EFBIG;
    TRY(find_spot(inode, logical, &spot));
    cloudabi_errno_t error = 0;
    if (spot.pointers == NULL) {
        *physical = 0;
        *count = spot.hole < max ? (uint32_t)spot.hole : max;
    } else {
        *physical = spot.pointers[spot.index];
        *count = count_run(&spot, max);
        error = check_pointers(fs, *physical, *count);
    }
    buffer_put(spot.buffer);
    return error;
}

/* --- adding ------------------------------------------------------------------------------- */

/* The pointers at SPOT have changed. The inode's own are stored by the caller. */
static void spot_dirty(const struct spot *spot)
{
    if (spot->buffer != NULL)
        buffer_dirty(spot->buffer, WRITE_INODE);
}

/* A new, empty indirect block under the spot's pointer. */
static cloudabi_errno_t add_indirect(struct inode *inode, struct spot *spot, uint32_t goal)
{
    struct fs *fs = inode->fs;
    uint32_t block;
    struct buffer *buffer;
    TRY(block_alloc(fs, goal, &block));
    cloudabi_errno_t error = buffer_fresh(fs->cache, block, &buffer);
    if (error != 0) {
        return blocks_free(fs, block, 1, true) != 0 ? fs_abort(fs, error) : error;
    }
    buffer_dirty(buffer, WRITE_FRESH);
    buffer_put(buffer);
    spot->pointers[spot->index] = block;
    spot_dirty(spot);
    inode->sectors += fs->sectors_per_block;
    return 0;
}

static cloudabi_errno_t make_spot(struct inode *inode, uint32_t logical, uint32_t goal,
                                  struct spot *spot)
{
    const struct fs *fs = inode->fs;
    uint32_t depth = map_depth(fs, logical);
    uint64_t rest = logical - (depth == 0 ? 0 : tree_start(fs, depth));
    spot_start(inode, logical, depth, spot);
    for (uint32_t level = depth; level-- > 0;) {
        cloudabi_errno_t error = 0;
        rest %= span_of(fs, level);
        if (spot->pointers[spot->index] == 0)
            error = add_indirect(inode, spot, goal);
        if (error != 0) {
            buffer_put(spot->buffer);
            return error;
        }
        TRY(descend(inode, spot, level, rest));
    }
    return 0;
}

cloudabi_errno_t map_set(struct inode *inode, uint32_t logical, uint32_t physical, uint32_t count,
                         uint32_t *done)
{
    struct spot spot;
    TRY(make_spot(inode, logical, physical, &spot));
    uint32_t room = spot.len - spot.index;
    *done = count < room ? count : room;
    for (uint32_t i = 0; i < *done; i++)
        spot.pointers[spot.index + i] = physical + i;
    spot_dirty(&spot);
    buffer_put(spot.buffer);
    inode->sectors += *done * inode->fs->sectors_per_block;
    return 0;
}

/* --- cutting ------------------------------------------------------------------------------ */

#define CUT_ROOM 16u /* buffers for one step, and for what must be stored before a commit */

struct cut {
    struct inode *inode;
    uint64_t from;
};

static cloudabi_errno_t cut_room(struct inode *inode)
{
    struct fs *fs = inode->fs;
    if (cache_room(fs->cache) >= CUT_ROOM)
        return 0;
    TRY(inode->orphan ? inode_store(inode) : orphan_add(inode));
    return fs_commit(fs);
}

static cloudabi_errno_t free_run(struct inode *inode, uint32_t *pointers, uint32_t count,
                                 struct buffer *buffer, bool metadata)
{
    struct fs *fs = inode->fs;
    uint32_t sectors = count * fs->sectors_per_block;
    TRY(cut_room(inode));
    TRY(blocks_free(fs, pointers[0], count, metadata));
    memset(pointers, 0, count * sizeof(*pointers));
    inode->sectors -= sectors < inode->sectors ? sectors : inode->sectors;
    if (buffer != NULL)
        buffer_dirty(buffer, WRITE_INODE);
    return 0;
}

static cloudabi_errno_t cut_data(const struct cut *cut, uint32_t *pointers, uint32_t first,
                                 uint32_t len, struct buffer *buffer)
{
    struct fs *fs = cut->inode->fs;
    for (uint32_t i = first; i < len;) {
        uint32_t start = pointers[i], count = 1;
        if (start == 0) {
            i++;
            continue;
        }
        TRY(check_pointers(fs, start, 1));
        while (i + count < len && pointers[i + count] == start + count &&
               blocks_are_usable(fs, start + count, 1) &&
               group_of(fs, start) == group_of(fs, start + count))
            count++;
        TRY(free_run(cut->inode, pointers + i, count, buffer,
                     !inode_is(cut->inode, DISK_MODE_REGULAR)));
        i += count;
    }
    return 0;
}

/* The subtree of an indirect block of LEVEL that begins at logical block BASE, behind *POINTER, which lies in
 * PARENT. */
static cloudabi_errno_t cut_tree(const struct cut *cut, uint32_t *pointer, struct buffer *parent,
                                 uint32_t level, uint64_t base)
{
    struct fs *fs = cut->inode->fs;
    uint64_t span = span_of(fs, level), part = span / fs->pointers;
    uint32_t block = *pointer;
    struct buffer *buffer;
    if (block == 0 || base + span <= cut->from)
        return 0;
    TRY(check_pointers(fs, block, 1));
    TRY(buffer_read(fs->cache, block, &buffer));
    uint32_t *pointers = (uint32_t *)(void *)buffer->data;
    uint32_t first = cut->from > base ? (uint32_t)((cut->from - base) / part) : 0;
    cloudabi_errno_t error = 0;
    if (level == 0)
        error = cut_data(cut, pointers, first, fs->pointers, buffer);
    for (uint32_t i = first; level != 0 && error == 0 && i < fs->pointers; i++)
        error = cut_tree(cut, &pointers[i], buffer, level - 1, base + i * part);
    buffer_put(buffer);
    if (error == 0 && *pointer != block)
        error = fs_damaged(fs); /* it was below itself */
    if (error == 0 && cut->from <= base)
        error = free_run(cut->inode, pointer, 1, parent, true);
    return error;
}

cloudabi_errno_t map_cut(struct inode *inode, uint32_t from)
{
    const struct cut cut = {inode, from};
    inode->last_place = 0;
    for (uint32_t depth = MAP_DEPTH; depth > 0; depth--) {
        TRY(cut_tree(&cut, &inode->block[DISK_DIRECT + depth - 1], NULL, depth - 1,
                     tree_start(inode->fs, depth)));
    }
    if (from < DISK_DIRECT)
        TRY(cut_data(&cut, inode->block, from, DISK_DIRECT, NULL));
    return inode_store(inode);
}
