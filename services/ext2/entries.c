/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on one name: look up, make, link, remove. */
#include <string.h>

#include "services/ext2/fs_priv.h"

/* --- looking up --------------------------------------------------------------------------- */

cloudabi_errno_t inode_of_entry(struct fs *fs, uint32_t ino, struct inode **out)
{
    struct inode *inode;
    if (ino != FS_ROOT && ino < fs->first_ino)
        return fs_damaged(fs); /* a name of the journal, say */
    cloudabi_errno_t error = inode_load(fs, ino, &inode);
    if (error != 0)
        return error == CLOUDABI_ESTALE ? fs_damaged(fs) : error;
    if (inode->nlink == 0 || inode->dead) {
        inode->dead = inode->dead || (inode->holds == 1 && inode->lookups == 0 && !inode->orphan);
        inode_put(inode);
        return fs_damaged(fs);
    }
    *out = inode;
    return 0;
}

cloudabi_errno_t fs_lookup(struct inode *dir, struct fs_name name, struct inode **out)
{
    struct dir_slot slot;
    TRY(dir_check(dir));
    uint32_t ino = recent_find(dir, name);
    if (ino != 0)
        return inode_of_entry(dir->fs, ino, out);
    if (name.len > FS_NAME_MAX)
        return CLOUDABI_ENAMETOOLONG;
    TRY(dir_find(dir, name, &slot));
    ino = slot_entry(&slot)->inode;
    dir_slot_put(&slot);
    TRY(inode_of_entry(dir->fs, ino, out));
    recent_add(dir, name, ino);
    return 0;
}

struct inode *fs_glance(struct fs *fs, uint32_t ino, uint32_t generation, struct fs_name name)
{
    const struct inode *dir = inode_find(fs, ino);
    if (dir == NULL || dir->dead || (ino != FS_ROOT && dir->generation != generation))
        return NULL;
    struct inode *inode = inode_find(fs, recent_find(dir, name));
    return inode != NULL && inode->nlink != 0 && !inode->dead ? inode : NULL;
}

/* --- making ------------------------------------------------------------------------------- */

cloudabi_errno_t name_check(struct fs_name name)
{
    if (name.len > FS_NAME_MAX)
        return CLOUDABI_ENAMETOOLONG;
    bool dots = name.len <= 2 && memcmp(name.text, "..", name.len) == 0; /* or empty */
    return dots || memchr(name.text, '/', name.len) != NULL ? CLOUDABI_EINVAL : 0;
}

/* NAME can be made in DIR, and there is room for its entry. Does all that may commit. */
static cloudabi_errno_t prepare(struct inode *dir, struct fs_name name, struct dir_slot *slot)
{
    TRY(dir_check(dir));
    TRY(name_check(name));
    TRY(fs_begin(dir->fs, ROOM_LARGE));
    cloudabi_errno_t error = dir_find(dir, name, slot);
    if (error == 0) {
        dir_slot_put(slot);
        return CLOUDABI_EEXIST;
    }
    if (error != CLOUDABI_ENOENT)
        return error;
    TRY(dir_make_room(dir, name, slot));
    error = fs_begin(dir->fs, ROOM_LARGE);
    if (error != 0)
        dir_slot_put(slot);
    return error;
}

/* What has been made is taken back, because a later step failed. */
static void undo(struct inode *inode)
{
    inode->nlink = 0;
    if (inode_delete(inode) != 0)
        (void)fs_abort(inode->fs, CLOUDABI_EIO);
    inode->dead = true;
    inode_put(inode);
}

static cloudabi_errno_t write_target(struct inode *inode, struct fs_name target)
{
    struct fs *fs = inode->fs;
    struct buffer *buffer;
    uint32_t physical, done;
    inode->size = target.len;
    if (target.len < sizeof(inode->block)) {
        memcpy(inode->block, target.text, target.len);
        return 0;
    }
    TRY(block_alloc(fs, inode_goal(inode), &physical));
    (void)map_set(inode, 0, physical, 1, &done); /* no indirect block: can not fail */
    TRY(buffer_fresh(fs->cache, physical, &buffer));
    memcpy(buffer->data, target.text, target.len);
    buffer_dirty(buffer, WRITE_FRESH);
    buffer_put(buffer);
    return 0;
}

struct making {
    struct inode *dir;
    struct fs_name name, target; /* target: of a link */
    uint16_t mode;
    uint64_t now;
};

/* The inode with all that belongs to it, and the directory that will hold it. */
static cloudabi_errno_t make_inode(const struct making *making, struct inode **out)
{
    struct inode *dir = making->dir, *inode;
    bool directory = (making->mode & DISK_MODE_TYPE) == DISK_MODE_DIR;
    dir->fs->now = making->now;
    TRY(blocks_want(dir->fs,
                    directory || making->target.len >= sizeof(dir->block) ? 1 + MAP_DEPTH : 0));
    TRY(inode_alloc(dir, making->mode, &inode));
    inode->nlink = directory ? 2 : 1;
    cloudabi_errno_t error = 0;
    if (directory)
        error = dir_init(inode, dir);
    else if (making->target.len != 0)
        error = write_target(inode, making->target);
    if (error == 0)
        error = inode_store(inode);
    if (error == 0) {
        dir->nlink += directory ? 1 : 0;
        error = dir_touch(dir, making->now);
        dir->nlink -= error != 0 && directory ? 1 : 0;
    }
    if (error != 0)
        undo(inode);
    else
        *out = inode;
    return error;
}

static cloudabi_errno_t make(const struct making *making, struct inode **out)
{
    struct inode *dir = making->dir;
    struct dir_slot slot;
    TRY(prepare(dir, making->name, &slot));
    cloudabi_errno_t error = 0;
    if ((making->mode & DISK_MODE_TYPE) == DISK_MODE_DIR && dir->nlink >= DISK_LINK_MAX)
        error = CLOUDABI_EMLINK;
    if (error == 0)
        error = make_inode(making, out);
    if (error == 0)
        dir_insert(dir, &slot, making->name, *out);
    dir_slot_put(&slot);
    return error;
}

cloudabi_errno_t fs_create(struct inode *dir, struct fs_name name, cloudabi_filetype_t type,
                           uint64_t now, struct inode **out)
{
    bool directory = type == CLOUDABI_FILETYPE_DIRECTORY;
    if (!directory && type != CLOUDABI_FILETYPE_REGULAR_FILE)
        return CLOUDABI_EINVAL;
    const struct making making = {
        .dir = dir,
        .name = name,
        .mode = directory ? DISK_MODE_DIR | 0755 : DISK_MODE_REGULAR | 0644,
        .now = now,
    };
    return make(&making, out);
}

cloudabi_errno_t fs_symlink(struct inode *dir, struct fs_name name, struct fs_name target,
                            uint64_t now, struct inode **out)
{
    if (target.len == 0 || target.len > FS_TARGET_MAX)
        return target.len == 0 ? CLOUDABI_ENOENT : CLOUDABI_ENAMETOOLONG;
    const struct making making = {
        .dir = dir,
        .name = name,
        .target = target,
        .mode = DISK_MODE_LINK | 0777,
        .now = now,
    };
    return make(&making, out);
}

cloudabi_errno_t fs_link(struct inode *dir, struct fs_name name, struct inode *inode, uint64_t now)
{
    struct fs *fs = dir->fs;
    struct dir_slot slot;
    TRY(dir_check(dir));
    if (inode_is_dir(inode))
        return CLOUDABI_EPERM;
    if (inode->nlink == 0)
        return CLOUDABI_ENOENT;
    if (inode->nlink >= DISK_LINK_MAX)
        return CLOUDABI_EMLINK;
    TRY(prepare(dir, name, &slot));
    fs->now = now;
    uint64_t old = inode->ctim;
    inode->nlink++;
    inode->ctim = now;
    cloudabi_errno_t error = inode_store(inode);
    if (error != 0) {
        inode->nlink--;
        inode->ctim = old;
    } else {
        error = dir_touch(dir, now);
        if (error != 0)
            (void)fs_abort(fs, error);
    }
    if (error == 0)
        dir_insert(dir, &slot, name, inode);
    dir_slot_put(&slot);
    return error;
}

/* --- removing ----------------------------------------------------------------------------- */

cloudabi_errno_t inode_drop_name(struct inode *inode, uint64_t now)
{
    uint32_t old = inode->nlink;
    inode->nlink = inode_is_dir(inode) ? 0 : inode->nlink - 1;
    inode->ctim = now;
    cloudabi_errno_t error =
        inode->nlink == 0 && !inode->orphan ? orphan_add(inode) : inode_store(inode);
    if (error != 0)
        inode->nlink = old;
    return error;
}

static cloudabi_errno_t check_unlink(struct inode *inode, bool directory, bool must_dir)
{
    if (!inode_is_dir(inode))
        return directory || must_dir ? CLOUDABI_ENOTDIR : 0;
    return directory ? dir_is_empty(inode) : CLOUDABI_EPERM;
}

static cloudabi_errno_t unlink_found(struct inode *dir, struct dir_slot *slot, struct inode *inode,
                                     uint64_t now)
{
    struct fs *fs = dir->fs;
    fs->now = now;
    /* Without a journal a name may go only when the others of the file are there. */
    if (!fs->journaled && !inode_is_dir(inode) && inode->nlink > 1)
        TRY(fs_commit(fs));
    TRY(inode_drop_name(inode, now));
    if (inode_is_dir(inode) && dir->nlink > 1)
        dir->nlink--;
    cloudabi_errno_t error = dir_touch(dir, now);
    if (error != 0)
        return fs_abort(fs, error);
    dir_remove(dir, slot);
    return 0;
}

cloudabi_errno_t fs_unlink(struct inode *dir, struct fs_name name, bool directory, bool must_dir,
                           uint64_t now)
{
    struct dir_slot slot;
    struct inode *inode = NULL;
    TRY(dir_check(dir));
    TRY(name_check(name));
    TRY(fs_begin(dir->fs, ROOM_LARGE));
    TRY(dir_find(dir, name, &slot));
    cloudabi_errno_t error = inode_of_entry(dir->fs, slot_entry(&slot)->inode, &inode);
    if (error == 0 && inode == dir)
        error = fs_damaged(dir->fs);
    if (error == 0)
        error = check_unlink(inode, directory, must_dir);
    if (error == 0)
        error = unlink_found(dir, &slot, inode, now);
    dir_slot_put(&slot);
    inode_put(inode);
    return error;
}
