/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The orphan list: inodes that must be removed, or cut to their size, if a crash comes before we have done it. On
 * the disk it begins in the super block and goes on through the field dtime. In memory the same order is a list of
 * the inodes.
 */
#include "services/ext2/fs_priv.h"

/* --- the list ----------------------------------------------------------------------------- */

static void list_add(struct inode *inode)
{
    struct fs *fs = inode->fs;
    inode->orphan = true;
    inode->orphan_previous = NULL;
    inode->orphan_next = fs->orphans;
    if (fs->orphans != NULL)
        fs->orphans->orphan_previous = inode;
    fs->orphans = inode;
}

static void list_remove(struct inode *inode)
{
    struct fs *fs = inode->fs;
    *(inode->orphan_previous != NULL ? &inode->orphan_previous->orphan_next : &fs->orphans) =
        inode->orphan_next;
    if (inode->orphan_next != NULL)
        inode->orphan_next->orphan_previous = inode->orphan_previous;
    inode->orphan = false;
}

cloudabi_errno_t orphan_add(struct inode *inode)
{
    struct fs *fs = inode->fs;
    uint32_t old = inode->dtime;
    inode->dtime = fs->super->last_orphan;
    cloudabi_errno_t error = inode_store(inode);
    if (error != 0) {
        inode->dtime = old;
        return error;
    }
    fs->super->last_orphan = inode->ino;
    super_dirty(fs);
    list_add(inode);
    return 0;
}

/* The inode itself is stored with dtime 0: who removes it sets the time. */
cloudabi_errno_t orphan_remove(struct inode *inode)
{
    struct fs *fs = inode->fs;
    struct inode *previous = inode->orphan_previous;
    uint32_t next = inode->dtime;
    inode->dtime = 0;
    cloudabi_errno_t error = inode_store(inode);
    if (error == 0 && previous != NULL) {
        previous->dtime = next;
        error = inode_store(previous);
    }
    if (error != 0) {
        inode->dtime = next;
        return fs_abort(fs, error);
    }
    if (previous == NULL) {
        fs->super->last_orphan = next;
        super_dirty(fs);
    }
    list_remove(inode);
    return 0;
}

/* --- removing an inode -------------------------------------------------------------------- */

/* The block of extended attributes is shared by inodes that have the same ones. */
static cloudabi_errno_t drop_attributes(struct inode *inode)
{
    struct fs *fs = inode->fs;
    struct buffer *buffer;
    uint32_t block = inode->file_acl;
    if (block == 0)
        return 0;
    if (!blocks_are_usable(fs, block, 1))
        return fs_damaged(fs);
    TRY(buffer_read(fs->cache, block, &buffer));
    struct disk_ea *ea = (struct disk_ea *)(void *)buffer->data;
    bool sound = ea->magic == DISK_EA_MAGIC && ea->refcount != 0;
    bool shared = sound && ea->refcount > 1;
    if (shared) {
        ea->refcount--;
        buffer_dirty(buffer, WRITE_INODE);
    }
    buffer_put(buffer);
    if (!sound)
        return fs_damaged(fs);
    if (!shared)
        TRY(blocks_free(fs, block, 1, true));
    inode->file_acl = 0;
    inode->sectors -=
        fs->sectors_per_block < inode->sectors ? fs->sectors_per_block : inode->sectors;
    return 0;
}

static bool has_blocks(const struct inode *inode)
{
    return inode_is(inode, DISK_MODE_REGULAR) || inode_is_dir(inode) ||
           (inode_is(inode, DISK_MODE_LINK) && !inode_is_fast_link(inode));
}

/* Never so early that e2fsck could take it for the number of an inode in the orphan list. */
static uint32_t deletion_time(const struct fs *fs)
{
    uint64_t seconds = fs->now / 1000000000u;
    return seconds > fs->inodes ? (uint32_t)seconds : fs->inodes + 1;
}

#define ROOM_DELETE 16u /* less than ROOM_SMALL: what has few blocks goes in one transaction */

cloudabi_errno_t inode_delete(struct inode *inode)
{
    struct fs *fs = inode->fs;
    TRY(fs_begin(fs, ROOM_SMALL));
    index_drop(inode);
    if (has_blocks(inode)) {
        TRY(map_cut(inode, 0));
        TRY(fs_begin(fs, ROOM_DELETE));
    }
    TRY(drop_attributes(inode));
    cloudabi_errno_t error = inode_free_bit(fs, inode->ino, inode_is_dir(inode));
    if (error != 0 && !fs->forgiving)
        return error;
    if (inode->orphan)
        TRY(orphan_remove(inode));
    inode->size = 0;
    inode->dtime = deletion_time(fs);
    error = inode_store(inode);
    return error != 0 ? fs_abort(fs, error) : 0;
}

void orphans_finish(struct fs *fs)
{
    struct inode *inode = fs->orphans;
    fs->unfinished = false;
    while (inode != NULL) {
        bool unused = inode->holds == 0 && inode->lookups == 0 && !inode->dead;
        struct inode *rest = inode->orphan_next;
        if (unused && inode->nlink == 0) {
            inode_hold(inode);
            inode_put(inode);
            /* It may have committed, and anything may have changed then. */
            inode = fs->unfinished ? NULL : fs->orphans;
        } else {
            inode = rest;
        }
    }
}

/* --- what a crash left -------------------------------------------------------------------- */

static cloudabi_errno_t recover_one(struct fs *fs, struct inode *inode)
{
    uint32_t from = (uint32_t)((inode->size + fs->block_size - 1) / fs->block_size);
    fs->super->last_orphan = inode->ino;
    list_add(inode);
    if (inode->nlink == 0)
        return inode_delete(inode);
    if (!inode_is(inode, DISK_MODE_REGULAR))
        return fs_damaged(fs);
    TRY(map_cut(inode, from));
    TRY(fs_begin(fs, ROOM_SMALL));
    return orphan_remove(inode);
}

/* Each step takes the head away, so a list that runs in a circle comes to an inode that is no orphan. */
cloudabi_errno_t orphans_recover(struct fs *fs, uint32_t *count)
{
    while (fs->super->last_orphan != 0 && *count < fs->inodes) {
        struct inode *inode;
        uint32_t ino = fs->super->last_orphan;
        if (ino < fs->first_ino || ino > fs->inodes)
            return fs_damaged(fs);
        TRY(inode_load(fs, ino, &inode));
        cloudabi_errno_t error = fs_begin(fs, ROOM_SMALL);
        if (error == 0)
            error = recover_one(fs, inode);
        inode->dead = inode->dead || inode->nlink == 0;
        if (error != 0 && inode->orphan)
            list_remove(inode);
        inode_put(inode);
        TRY(error);
        ++*count;
    }
    return 0;
}
