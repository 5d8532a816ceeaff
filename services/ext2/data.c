/* SPDX-License-Identifier: BSD-2-Clause */
/* The data path: where pages come from, and where they go to. See fs.h; and wrote.c for how it goes on. */
#include "services/ext2/fs_priv.h"

#define FILE_MAX_BLOCKS(fs) ((fs)->size_max / (fs)->block_size)

cloudabi_errno_t data_check(const struct inode *inode, uint64_t offset, uint64_t len)
{
    if (!inode_is(inode, DISK_MODE_REGULAR))
        return inode_is_dir(inode) ? CLOUDABI_EISDIR : CLOUDABI_EINVAL;
    if (offset % FS_PAGE != 0 || len % FS_PAGE != 0 || len == 0 || offset + len < len)
        return CLOUDABI_EINVAL;
    return inode->dead ? CLOUDABI_ESTALE : 0;
}

/* --- collecting places -------------------------------------------------------------------- */

/* Adds BLOCKS at PHYSICAL (0: a hole). False: no extent is left. */
static bool places_add(const struct fs *fs, struct fs_places *places, uint32_t physical,
                       uint32_t blocks)
{
    uint64_t offset = physical == 0 ? FS_HOLE : (uint64_t)physical * fs->block_size;
    uint64_t len = (uint64_t)blocks * fs->block_size;
    struct fs_extent *last = places->count != 0 ? &places->extent[places->count - 1] : NULL;
    bool joins = last != NULL &&
                 (physical == 0 ? last->offset == FS_HOLE
                                : last->offset != FS_HOLE && last->offset + last->len == offset);
    if (joins)
        last->len += len;
    else if (places->count == FS_EXTENTS_MAX)
        return false;
    else
        places->extent[places->count++] = (struct fs_extent){offset, len};
    places->len += len;
    return true;
}

/* Drops what reaches into a page that is not complete. */
static void places_trim(struct fs_places *places)
{
    uint64_t excess = places->len % FS_PAGE;
    places->len -= excess;
    while (excess != 0) {
        struct fs_extent *last = &places->extent[places->count - 1];
        uint64_t part = excess < last->len ? excess : last->len;
        last->len -= part;
        excess -= part;
        if (last->len == 0)
            places->count--;
    }
}

/* Blocks from OFFSET on in units of this file system, cut where no file can reach. */
uint32_t data_blocks(const struct fs *fs, uint64_t offset, uint64_t len, uint32_t *first)
{
    uint64_t start = offset / fs->block_size, count = len / fs->block_size;
    if (start >= FILE_MAX_BLOCKS(fs))
        return 0;
    if (count > FILE_MAX_BLOCKS(fs) - start)
        count = FILE_MAX_BLOCKS(fs) - start;
    *first = (uint32_t)start;
    return (uint32_t)count;
}

/* --- reading ------------------------------------------------------------------------------ */

cloudabi_errno_t fs_page_in(struct inode *inode, uint64_t offset, uint64_t len,
                            struct fs_places *out)
{
    struct fs *fs = inode->fs;
    uint32_t first = 0, done = 0;
    TRY(data_check(inode, offset, len));
    uint32_t count = data_blocks(fs, offset, len, &first);
    cloudabi_errno_t error = 0;
    *out = (struct fs_places){0};
    while (error == 0 && done < count) {
        uint32_t physical, run;
        error = map_find(inode, first + done, count - done, &physical, &run);
        if (error != 0 || !places_add(fs, out, physical, run))
            break;
        done += run;
    }
    uint32_t behind = (uint32_t)(len / fs->block_size) - count;
    if (error == 0 && done == count && behind != 0)
        (void)places_add(fs, out, 0, behind);
    places_trim(out);
    return out->len != 0 ? 0 : error;
}

/* --- promising ---------------------------------------------------------------------------- */

cloudabi_errno_t fs_reserve(struct inode *inode, uint64_t offset, uint64_t len, uint64_t *granted)
{
    struct fs *fs = inode->fs;
    uint32_t first = 0, got = 0, per_page = FS_PAGE / fs->block_size;
    TRY(data_check(inode, offset, len));
    TRY(fs_begin(fs, 0));
    uint32_t count = data_blocks(fs, offset, len, &first);
    count -= count % per_page;
    if (count == 0)
        return CLOUDABI_EFBIG;
    cloudabi_errno_t error = promise_make(inode, first, count, &got);
    if (got < per_page)
        return error;
    *granted = (uint64_t)(got / per_page) * FS_PAGE;
    return 0;
}

/* --- writing: choosing -------------------------------------------------------------------- */

/* Where the block in front of LOGICAL lies, or will lie; else the start of the inode's group. */
static uint32_t goal_for(struct inode *inode, uint32_t logical)
{
    uint32_t physical = 0, count;
    if (logical == 0)
        return inode_goal(inode);
    const struct range *chosen = ranges_from(&inode->chosen, logical - 1);
    if (chosen != NULL && chosen->logical <= logical - 1)
        return chosen->physical + (logical - chosen->logical);
    if (map_find(inode, logical - 1, 1, &physical, &count) == 0 && physical != 0)
        return physical + 1;
    return inode_goal(inode);
}

#define AHEAD_MIN 8u
#define AHEAD_MAX 256u

/* How many blocks more to keep for what will be appended: the larger the file is, the more. */
static uint32_t ahead_for(const struct inode *inode, uint32_t logical)
{
    const struct fs *fs = inode->fs;
    uint32_t kept = logical;
    if ((uint64_t)logical * fs->block_size < inode->size || blocks_available(fs) < 4 * AHEAD_MAX)
        return 0;
    if (kept < AHEAD_MIN)
        kept = AHEAD_MIN;
    return kept < AHEAD_MAX ? kept : AHEAD_MAX;
}

/* Takes what was kept for this append; 0: it is another place. */
static uint32_t take_ahead(struct inode *inode, uint32_t logical, uint32_t want, uint32_t *first)
{
    struct ahead *ahead = &inode->ahead;
    if (ahead->count == 0 || ahead->logical != logical)
        return 0;
    uint32_t count = want < ahead->count ? want : ahead->count;
    *first = ahead->physical;
    ahead->physical += count;
    ahead->logical += count;
    ahead->count -= count;
    return count;
}

/* Chooses places for at most WANT blocks from LOGICAL on. */
static cloudabi_errno_t choose(struct inode *inode, uint32_t logical, uint32_t want)
{
    struct fs *fs = inode->fs;
    uint32_t first, got = take_ahead(inode, logical, want, &first);
    if (got == 0) {
        uint32_t ahead = ahead_for(inode, logical);
        if (ahead != 0 && inode->ahead.count != 0) {
            blocks_unchoose(fs, inode->ahead.physical, inode->ahead.count);
            inode->ahead.count = 0;
        }
        TRY(blocks_choose(fs, goal_for(inode, logical), want + ahead, &first, &got));
        if (got > want) {
            inode->ahead = (struct ahead){logical + want, first + want, got - want};
            got = want;
        }
    }
    ranges_add(&inode->chosen, (struct range){logical, got, first});
    return 0;
}

/* The place for LOGICAL and those behind it, at most MAX: as it is, as it was chosen, or chosen now. */
static cloudabi_errno_t place_for(struct inode *inode, uint32_t logical, uint32_t max,
                                  uint32_t *physical, uint32_t *count, bool *chosen)
{
    const struct range *range = ranges_from(&inode->chosen, logical);
    *chosen = range != NULL && range->logical <= logical;
    if (!*chosen) {
        uint32_t granted;
        if (range != NULL && range->logical - logical < max)
            max = range->logical - logical;
        TRY(map_find(inode, logical, max, physical, count));
        if (*physical != 0)
            return 0;
        if (!ranges_ready(&inode->chosen, 2))
            return CLOUDABI_ENOMEM;
        cloudabi_errno_t error = promise_make(inode, logical, *count, &granted);
        if (granted == 0)
            return error;
        TRY(choose(inode, logical, granted));
        *chosen = true;
        range = ranges_from(&inode->chosen, logical);
    }
    uint32_t skip = logical - range->logical, left = range->count - skip;
    *physical = range->physical + skip;
    *count = left < max ? left : max;
    return 0;
}

/* --- writing: places for a range ----------------------------------------------------------- */

/* All of the blocks below SIZE, in as many extents as there are; behind it holes. */
static cloudabi_errno_t collect(struct inode *inode, uint32_t first, uint32_t count, uint64_t size,
                                struct fs_places *out)
{
    const struct fs *fs = inode->fs;
    uint64_t end = (size + fs->block_size - 1) / fs->block_size;
    for (uint32_t done = 0; done < count;) {
        uint32_t physical = 0, run = count - done;
        bool chosen = false;
        if (first + done < end) {
            if (run > end - (first + done))
                run = (uint32_t)(end - (first + done));
            TRY(place_for(inode, first + done, run, &physical, &run, &chosen));
        }
        if (!places_add(fs, out, physical, run))
            return 0;
        out->wants_wrote = out->wants_wrote || chosen;
        done += run;
    }
    return 0;
}

/* There is nothing to write behind the size; `len` says that it is dealt with. */
static void drop_last_hole(struct fs_places *places)
{
    if (places->count != 0 && places->extent[places->count - 1].offset == FS_HOLE)
        places->count--;
}

cloudabi_errno_t fs_page_out(struct inode *inode, const struct fs_page_out *request,
                             struct fs_places *out)
{
    struct fs *fs = inode->fs;
    uint32_t first = 0;
    TRY(data_check(inode, request->offset, request->len));
    TRY(fs_begin(fs, ROOM_SMALL));
    TRY(inode_finish_cut(inode));
    if (fs->promised + fs->frozen_blocks > fs->free_blocks)
        TRY(fs_commit(fs)); /* a promise was kept for blocks that the transaction frees */
    uint32_t count = data_blocks(fs, request->offset, request->len, &first);
    if (count != request->len / fs->block_size || request->size > fs->size_max)
        return CLOUDABI_EFBIG;
    *out = (struct fs_places){0};
    inode->size_told = request->size;
    cloudabi_errno_t error = collect(inode, first, count, request->size, out);
    places_trim(out);
    if (out->len == 0)
        return error;
    cache_data_written(fs->cache);
    drop_last_hole(out);
    uint64_t reached =
        out->wants_wrote ? 0 : data_reached(request->offset, out->len, request->size);
    return data_take_state(inode, reached, request->mtim, request->atim);
}
