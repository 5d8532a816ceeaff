/* SPDX-License-Identifier: BSD-2-Clause */
/* Inodes on the disk: their tables, what is checked of what is read, and what is written. */
#include <string.h>

#include "services/ext2/fs_priv.h"

#define NS   1000000000ull
#define TICK 4000000u /* ns: by how much a time on the disk may lag after an fsync */

/* --- times: seconds, and where there is room two more bits of them and nanoseconds --------- */

static uint64_t time_load(uint32_t seconds, uint32_t extra, bool has_extra)
{
    int64_t value = (int32_t)seconds;
    uint32_t ns = 0;
    if (has_extra) {
        value += (int64_t)(extra & 3) << 32;
        ns = extra >> 2;
    }
    return value < 0 || ns >= NS ? 0 : (uint64_t)value * NS + ns;
}

static void time_store(uint64_t time, uint32_t *seconds, uint32_t *extra)
{
    uint64_t value = time / NS, limit = extra != NULL ? 0x37FFFFFFFull : INT32_MAX;
    if (value > limit)
        value = limit;
    *seconds = (uint32_t)value;
    if (extra != NULL) /* the low half is signed: the two bits count from there */
        *extra = (uint32_t)(time % NS) << 2 | (uint32_t)((value + 0x80000000u) >> 32);
}

static void times_store(const struct inode *inode, struct disk_inode *disk, bool extra)
{
    time_store(inode->atim, &disk->atime, extra ? &disk->atime_extra : NULL);
    time_store(inode->mtim, &disk->mtime, extra ? &disk->mtime_extra : NULL);
    time_store(inode->ctim, &disk->ctime, extra ? &disk->ctime_extra : NULL);
}

static bool has_extra_times(const struct fs *fs, const struct disk_inode *disk)
{
    return fs->inode_size >= offsetof(struct disk_inode, atime_extra) + 4 &&
           disk->extra_isize >= DISK_EXTRA_TIMES &&
           disk->extra_isize <= fs->inode_size - DISK_OLD_INODE_SIZE;
}

/* --- the table on the disk ---------------------------------------------------------------- */

static cloudabi_errno_t disk_find(struct fs *fs, uint32_t ino, struct buffer **buffer,
                                  struct disk_inode **disk)
{
    uint32_t index = (ino - 1) % fs->inodes_per_group;
    uint32_t per_block = fs->block_size / fs->inode_size;
    const struct group *group = &fs->groups[(ino - 1) / fs->inodes_per_group];
    TRY(buffer_read(fs->cache, group->inode_table + index / per_block, buffer));
    *disk = (struct disk_inode *)(void *)((*buffer)->data + index % per_block * fs->inode_size);
    return 0;
}

static bool size_holds(const struct inode *inode)
{
    const struct fs *fs = inode->fs;
    switch (inode->mode & DISK_MODE_TYPE) {
    case DISK_MODE_DIR:
        return inode->size != 0 && inode->size % fs->block_size == 0 &&
               inode->size / fs->block_size < fs->blocks;
    case DISK_MODE_LINK:
        return inode->size != 0 && inode->size < fs->block_size &&
               (!inode_is_fast_link(inode) || inode->size < sizeof(inode->block));
    case DISK_MODE_REGULAR:
        return inode->size <= map_limit(fs) * fs->block_size;
    case DISK_MODE_CHAR:
    case DISK_MODE_BLOCK:
    case DISK_MODE_FIFO:
    case DISK_MODE_SOCKET:
        return true;
    default:
        return false;
    }
}

static cloudabi_errno_t decode(struct inode *inode, const struct disk_inode *disk)
{
    const struct fs *fs = inode->fs;
    bool extra = has_extra_times(fs, disk);
    inode->mode = disk->mode;
    inode->nlink = disk->links_count;
    inode->flags = disk->flags;
    inode->generation = disk->generation;
    inode->file_acl = disk->file_acl;
    inode->dtime = disk->dtime;
    inode->sectors = disk->blocks;
    inode->size = disk->size;
    if (inode_is(inode, DISK_MODE_REGULAR) && fs->super->rev_level != 0)
        inode->size |= (uint64_t)disk->size_high << 32;
    inode->atim = time_load(disk->atime, extra ? disk->atime_extra : 0, extra);
    inode->mtim = time_load(disk->mtime, extra ? disk->mtime_extra : 0, extra);
    inode->ctim = time_load(disk->ctime, extra ? disk->ctime_extra : 0, extra);
    inode->mtim_told = inode->mtim;
    memcpy(inode->block, disk->block, sizeof(inode->block));
    if (inode->mode == 0)
        return CLOUDABI_ESTALE;
    if (inode->nlink == 0 && !size_holds(inode))
        return CLOUDABI_ESTALE; /* as the removed are left */
    if (!size_holds(inode) || (inode->flags & DISK_FLAGS_FOREIGN) != 0)
        return fs_damaged(inode->fs);
    return 0;
}

cloudabi_errno_t inode_read(struct inode *inode)
{
    struct buffer *buffer;
    struct disk_inode *disk;
    TRY(disk_find(inode->fs, inode->ino, &buffer, &disk));
    cloudabi_errno_t error = decode(inode, disk);
    buffer_put(buffer);
    return error;
}

static void encode(const struct inode *inode, struct disk_inode *disk)
{
    const struct fs *fs = inode->fs;
    disk->mode = inode->mode;
    disk->links_count = (uint16_t)inode->nlink;
    disk->flags = inode->flags;
    disk->generation = inode->generation;
    disk->file_acl = inode->file_acl;
    disk->dtime = inode->dtime;
    disk->blocks = inode->sectors;
    disk->size = (uint32_t)inode->size;
    if (inode_is(inode, DISK_MODE_REGULAR) && fs->super->rev_level != 0)
        disk->size_high = (uint32_t)(inode->size >> 32);
    times_store(inode, disk, has_extra_times(fs, disk));
    memcpy(disk->block, inode->block, sizeof(inode->block));
}

/* The first file past 2 GiB needs the file system to say so. */
static void note_large(const struct inode *inode)
{
    struct disk_super *super = inode->fs->super;
    if (!inode_is(inode, DISK_MODE_REGULAR) || inode->size <= INT32_MAX || super->rev_level == 0 ||
        (super->feature_ro_compat & DISK_RO_LARGE_FILE) != 0)
        return;
    super->feature_ro_compat |= DISK_RO_LARGE_FILE;
    super_dirty(inode->fs);
}

static cloudabi_errno_t store(struct inode *inode, void (*dirty)(struct buffer *, enum write_class))
{
    struct buffer *buffer;
    struct disk_inode *disk;
    TRY(disk_find(inode->fs, inode->ino, &buffer, &disk));
    encode(inode, disk);
    note_large(inode);
    dirty(buffer, WRITE_INODE);
    buffer_put(buffer);
    return 0;
}

cloudabi_errno_t inode_store(struct inode *inode)
{
    inode->mtim_told = inode->mtim;
    return store(inode, buffer_dirty);
}

cloudabi_errno_t inode_store_times(struct inode *inode)
{
    bool hardly = inode->mtim - inode->mtim_told < TICK;
    return hardly ? store(inode, buffer_dirty_patient) : inode_store(inode);
}

cloudabi_errno_t inode_store_fresh(struct inode *inode)
{
    struct fs *fs = inode->fs;
    struct buffer *buffer;
    struct disk_inode *disk;
    TRY(disk_find(fs, inode->ino, &buffer, &disk));
    memset(disk, 0, fs->inode_size);
    if (fs->inode_size >= sizeof(*disk)) {
        disk->extra_isize = DISK_EXTRA_ALL;
        time_store(inode->ctim, &disk->crtime, &disk->crtime_extra);
    }
    encode(inode, disk);
    buffer_dirty(buffer, WRITE_INODE);
    uint32_t links = (uint32_t)((uint8_t *)&disk->links_count - buffer->data);
    buffer_late(buffer, links, 0, 0);
    buffer_late(buffer, links + 1, 0, 0);
    buffer_put(buffer);
    return 0;
}
