/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes of inodes, and changing the size of a file. */
#include <stdlib.h>
#include <string.h>

#include "services/ext2/fs_priv.h"

/* --- reading ------------------------------------------------------------------------------ */

cloudabi_filetype_t inode_type(const struct inode *inode)
{
    switch (inode->mode & DISK_MODE_TYPE) {
    case DISK_MODE_REGULAR:
        return CLOUDABI_FILETYPE_REGULAR_FILE;
    case DISK_MODE_DIR:
        return CLOUDABI_FILETYPE_DIRECTORY;
    case DISK_MODE_LINK:
        return CLOUDABI_FILETYPE_SYMBOLIC_LINK;
    case DISK_MODE_CHAR:
        return CLOUDABI_FILETYPE_CHARACTER_DEVICE;
    case DISK_MODE_BLOCK:
        return CLOUDABI_FILETYPE_BLOCK_DEVICE;
    default:
        return CLOUDABI_FILETYPE_UNKNOWN;
    }
}

void inode_attributes(const struct inode *inode, struct fs_attr *attr)
{
    *attr = (struct fs_attr){
        .ino = inode->ino,
        .generation = inode->generation,
        .nlink = inode->nlink,
        .type = inode_type(inode),
        .size = inode->size,
        .allocated = (uint64_t)inode->sectors * 512,
        .atim = inode->atim,
        .mtim = inode->mtim,
        .ctim = inode->ctim,
    };
}

uint32_t inode_goal(const struct inode *inode)
{
    return group_first(inode->fs, (inode->ino - 1) / inode->fs->inodes_per_group);
}

/* A short target lies where the pointers of blocks would be: then no blocks are counted but that of the attributes. */
bool inode_is_fast_link(const struct inode *inode)
{
    uint32_t attributes = inode->file_acl != 0 ? inode->fs->sectors_per_block : 0;
    return inode_is(inode, DISK_MODE_LINK) && inode->sectors <= attributes;
}

cloudabi_errno_t fs_readlink(struct inode *inode, char *target, size_t *len)
{
    struct buffer *buffer;
    uint32_t physical, count;
    if (!inode_is(inode, DISK_MODE_LINK))
        return CLOUDABI_EINVAL;
    if (inode->size > *len)
        return CLOUDABI_ERANGE;
    if (inode_is_fast_link(inode)) {
        memcpy(target, inode->block, inode->size);
    } else {
        TRY(map_find(inode, 0, 1, &physical, &count));
        if (physical == 0)
            return fs_damaged(inode->fs);
        TRY(buffer_read(inode->fs->cache, physical, &buffer));
        memcpy(target, buffer->data, inode->size);
        buffer_put(buffer);
    }
    *len = inode->size;
    return 0;
}

/* --- changing ----------------------------------------------------------------------------- */

cloudabi_errno_t fs_set_times(struct inode *inode, unsigned mask, uint64_t atim, uint64_t mtim,
                              uint64_t now)
{
    struct fs *fs = inode->fs;
    TRY(fs_begin(fs, ROOM_SMALL));
    fs->now = now;
    const struct inode old = *inode;
    if ((mask & FS_SET_ATIM) != 0)
        inode->atim = atim;
    if ((mask & FS_SET_MTIM) != 0)
        inode->mtim = mtim;
    inode->ctim = now;
    cloudabi_errno_t error = inode_store(inode);
    if (error != 0) {
        inode->atim = old.atim;
        inode->mtim = old.mtim;
        inode->ctim = old.ctim;
    }
    return error;
}

/* --- truncating --------------------------------------------------------------------------- */

/* The block that SIZE cuts through, if it holds more than zeros behind it. */
struct tail {
    uint64_t offset; /* on the device */
    uint8_t *data;   /* with the zeros; NULL: nothing is to be done */
};

static bool is_zero(const uint8_t *data, size_t len)
{
    while (len != 0 && *data == 0) {
        data++;
        len--;
    }
    return len == 0;
}

static cloudabi_errno_t tail_read(struct inode *inode, uint64_t size, struct tail *tail)
{
    struct fs *fs = inode->fs;
    uint32_t physical, count, keep = (uint32_t)(size % fs->block_size);
    *tail = (struct tail){0};
    if (keep == 0)
        return 0;
    TRY(map_find(inode, (uint32_t)(size / fs->block_size), 1, &physical, &count));
    if (physical == 0)
        return 0;
    tail->offset = (uint64_t)physical * fs->block_size;
    tail->data = malloc(fs->block_size);
    if (tail->data == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = fs->device->read(fs->device, tail->offset, tail->data, fs->block_size);
    if (error != 0 || is_zero(tail->data + keep, fs->block_size - keep)) {
        free(tail->data);
        tail->data = NULL;
        return error;
    }
    memset(tail->data + keep, 0, fs->block_size - keep);
    return 0;
}

/* What was cut away must not come back when the file grows again. It goes only when the new size is durable: a crash
 * before leaves the file as it was. */
static cloudabi_errno_t tail_write(struct fs *fs, struct tail *tail)
{
    cloudabi_errno_t error = 0;
    if (tail->data == NULL)
        return 0;
    error = fs_commit(fs);
    if (error == 0)
        error = fs->device->write(fs->device, tail->offset, tail->data, fs->block_size);
    cache_data_written(fs->cache);
    free(tail->data);
    return error;
}

/* The kernel may write the page that SIZE cuts without asking again: the blocks of it that go now stay promised. */
static cloudabi_errno_t count_kept(struct inode *inode, uint64_t size, uint32_t first,
                                   uint32_t *kept)
{
    const struct fs *fs = inode->fs;
    uint64_t end = (size + FS_PAGE - 1) / FS_PAGE * FS_PAGE / fs->block_size;
    *kept = 0;
    if (inode->lookups == 0)
        return 0;
    for (uint64_t i = first; i < end && i < map_limit(fs); i++) {
        uint32_t physical, count;
        TRY(map_find(inode, (uint32_t)i, 1, &physical, &count));
        if (physical != 0)
            *kept |= 1u << (i - first);
    }
    return 0;
}

static void drop_chosen(struct inode *inode, uint32_t from)
{
    const struct range *range;
    while ((range = ranges_from(&inode->chosen, from)) != NULL) {
        uint32_t skip = range->logical < from ? from - range->logical : 0;
        blocks_unchoose(inode->fs, range->physical + skip, range->count - skip);
        ranges_remove(&inode->chosen, range->logical + skip, range->count - skip);
    }
    if (inode->ahead.count != 0)
        blocks_unchoose(inode->fs, inode->ahead.physical, inode->ahead.count);
    inode->ahead.count = 0;
}

cloudabi_errno_t inode_finish_cut(struct inode *inode)
{
    const struct fs *fs = inode->fs;
    if (!inode->orphan || inode->nlink == 0)
        return 0;
    TRY(map_cut(inode, (uint32_t)((inode->size + fs->block_size - 1) / fs->block_size)));
    TRY(fs_begin(inode->fs, ROOM_SMALL));
    return orphan_remove(inode);
}

static cloudabi_errno_t shrink(struct inode *inode, uint64_t size)
{
    struct fs *fs = inode->fs;
    struct tail tail;
    uint32_t kept;
    uint32_t first = (uint32_t)((size + fs->block_size - 1) / fs->block_size);
    uint64_t page_end = (size + FS_PAGE - 1) / FS_PAGE * FS_PAGE / fs->block_size;
    TRY(count_kept(inode, size, first, &kept));
    TRY(tail_read(inode, size, &tail));
    drop_chosen(inode, first);
    if (page_end < map_limit(fs))
        promise_drop(inode, (uint32_t)page_end, UINT32_MAX - (uint32_t)page_end);
    inode->size = size;
    cloudabi_errno_t error = map_cut(inode, first);
    if (error != 0 && !inode->orphan &&
        orphan_add(inode) != 0) /* the rest goes when it is checked */
        (void)fs_abort(fs, error);
    if (error == 0 && inode->orphan)
        error = orphan_remove(inode);
    for (uint32_t i = 0; error == 0 && i < FS_PAGE / 1024; i++) {
        if ((kept >> i & 1) != 0)
            promise_keep(inode, first + i, 1);
    }
    if (error == 0)
        return tail_write(fs, &tail);
    free(tail.data);
    return error;
}

cloudabi_errno_t fs_truncate(struct inode *inode, uint64_t size, uint64_t now)
{
    struct fs *fs = inode->fs;
    if (!inode_is(inode, DISK_MODE_REGULAR))
        return inode_is_dir(inode) ? CLOUDABI_EISDIR : CLOUDABI_EINVAL;
    if (size > fs->size_max)
        return CLOUDABI_EFBIG;
    TRY(fs_begin(fs, ROOM_SMALL));
    TRY(inode_finish_cut(inode));
    fs->now = now;
    inode->mtim = inode->ctim = now;
    inode->size_told = size;
    if (size < inode->size)
        return shrink(inode, size);
    inode->size = size;
    return inode_store(inode);
}
