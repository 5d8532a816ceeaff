/* SPDX-License-Identifier: BSD-2-Clause */
/* The data path, second half: what pages carry besides bytes, and new blocks that become part of the file. See fs.h. */
#include "services/ext2/fs_priv.h"

/* --- size and times ----------------------------------------------------------------------- */

/* How far a file of SIZE is known when the data of this range is on the device; 0: it lies behind the size. */
uint64_t data_reached(uint64_t offset, uint64_t len, uint64_t size)
{
    if (offset >= size)
        return 0;
    return offset + len < size ? offset + len : size;
}

static void take_times(struct inode *inode, uint64_t mtim, uint64_t atim)
{
    if (atim != 0)
        inode->atim = atim;
    if (mtim != 0 && mtim != inode->mtim) {
        inode->mtim = mtim;
        inode->ctim = mtim > inode->ctim ? mtim : inode->ctim;
    }
}

cloudabi_errno_t data_take_state(struct inode *inode, uint64_t size, uint64_t mtim, uint64_t atim)
{
    const struct inode old = *inode;
    take_times(inode, mtim, atim);
    if (size > inode->size)
        inode->size = size;
    if (inode->size != old.size)
        return inode_store(inode);
    bool same = inode->atim == old.atim && inode->mtim == old.mtim && inode->ctim == old.ctim;
    return same ? 0 : inode_store_times(inode);
}

/* --- making reachable --------------------------------------------------------------------- */

/* The first range of chosen blocks in [FIRST, END), cut to it. */
static bool chosen_in(const struct inode *inode, uint32_t first, uint64_t end, struct range *out)
{
    const struct range *range = ranges_from(&inode->chosen, first);
    if (range == NULL || range->logical >= end)
        return false;
    uint32_t skip = range->logical < first ? first - range->logical : 0;
    *out = (struct range){range->logical + skip, range->count - skip, range->physical + skip};
    if (out->count > end - out->logical)
        out->count = (uint32_t)(end - out->logical);
    return true;
}

/* One range, or as much of it as one indirect block takes. After an error in the middle nothing more is written. */
static cloudabi_errno_t link_range(struct inode *inode, struct range range, uint64_t size)
{
    struct fs *fs = inode->fs;
    uint32_t done;
    TRY(fs_begin(fs, ROOM_SMALL));
    if (!ranges_ready(&inode->chosen, 1) || !ranges_ready(&inode->reserved, 1))
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = map_set(inode, range.logical, range.physical, range.count, &done);
    if (error != 0) /* indirect blocks that were added stay */
        return inode_store(inode) != 0 ? fs_abort(fs, error) : error;
    error = blocks_take(fs, range.physical, done);
    if (error != 0)
        return fs_abort(fs, error);
    ranges_remove(&inode->chosen, range.logical, done);
    promise_drop(inode, range.logical, done);
    uint64_t end = ((uint64_t)range.logical + done) * fs->block_size;
    if (end > size)
        end = size;
    if (end > inode->size)
        inode->size = end;
    error = inode_store(inode);
    return error != 0 ? fs_abort(fs, error) : 0;
}

static void give_back(struct inode *inode, struct range range)
{
    if (!inode->fs->aborted && ranges_ready(&inode->chosen, 1)) {
        blocks_unchoose(inode->fs, range.physical, range.count);
        ranges_remove(&inode->chosen, range.logical, range.count);
    }
}

cloudabi_errno_t fs_wrote(struct inode *inode, uint64_t offset, uint64_t len,
                          cloudabi_errno_t error)
{
    struct fs *fs = inode->fs;
    struct range range;
    uint32_t first = 0;
    TRY(data_check(inode, offset, len));
    uint64_t end = (uint64_t)data_blocks(fs, offset, len, &first) + first;
    if (error == 0)
        cache_data_written(fs->cache);
    while (chosen_in(inode, first, end, &range)) {
        cloudabi_errno_t failed = error != 0 ? 0 : link_range(inode, range, inode->size_told);
        if (error != 0 || failed != 0)
            give_back(inode, range);
        if (failed != 0)
            error = failed;
        else if (error != 0)
            first = range.logical + range.count;
    }
    if (error != 0)
        return error;
    TRY(fs_begin(fs, ROOM_SMALL));
    return data_take_state(inode, data_reached(offset, len, inode->size_told), 0, 0);
}

cloudabi_errno_t fs_sync(struct inode *inode, uint64_t size, uint64_t mtim, uint64_t atim)
{
    struct fs *fs = inode->fs;
    if (!inode_is(inode, DISK_MODE_REGULAR))
        return 0;
    if (size > fs->size_max)
        return CLOUDABI_EFBIG;
    TRY(fs_begin(fs, ROOM_SMALL));
    return data_take_state(inode, size, mtim, atim);
}
