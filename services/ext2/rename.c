/* SPDX-License-Identifier: BSD-2-Clause */
/* Renaming: everything is found and checked first, then nothing but the device can fail. */
#include "services/ext2/fs_priv.h"

struct renaming {
    const struct fs_rename *asked;
    struct fs *fs;
    struct dir_slot source, target;
    struct inode *moved, *replaced; /* replaced: NULL if the name is new */
};

#define DEPTH_MAX 65536u /* a way up that is longer runs in a circle */

/* Whether DIR is ANCESTOR or lies below it: EINVAL. */
static cloudabi_errno_t check_below(struct inode *dir, const struct inode *ancestor)
{
    struct fs *fs = dir->fs;
    uint32_t ino = dir->ino;
    for (uint32_t depth = 0; ino != FS_ROOT; depth++) {
        struct inode *step;
        if (ino == ancestor->ino)
            return CLOUDABI_EINVAL;
        if (depth > DEPTH_MAX)
            return fs_damaged(fs);
        TRY(inode_of_entry(fs, ino, &step));
        cloudabi_errno_t error = inode_is_dir(step) ? dir_parent(step, &ino) : fs_damaged(fs);
        inode_put(step);
        TRY(error);
    }
    return ancestor->ino == FS_ROOT ? CLOUDABI_EINVAL : 0;
}

static bool changes_parent(const struct renaming *renaming)
{
    return inode_is_dir(renaming->moved) && renaming->asked->from != renaming->asked->to;
}

static cloudabi_errno_t check(const struct renaming *renaming)
{
    const struct fs_rename *asked = renaming->asked;
    struct inode *moved = renaming->moved, *replaced = renaming->replaced;
    uint32_t parent;
    if (asked->must_dir && !inode_is_dir(moved))
        return CLOUDABI_ENOTDIR;
    if (inode_is_dir(moved))
        TRY(check_below(asked->to, moved));
    if (changes_parent(renaming))
        TRY(dir_parent(moved, &parent)); /* its first block is sound */
    if (replaced == NULL)
        return changes_parent(renaming) && asked->to->nlink >= DISK_LINK_MAX ? CLOUDABI_EMLINK : 0;
    if (inode_is_dir(moved) && !inode_is_dir(replaced))
        return CLOUDABI_ENOTDIR;
    if (!inode_is_dir(moved) && inode_is_dir(replaced))
        return CLOUDABI_EISDIR;
    if (replaced == asked->to || replaced == asked->from)
        return inode_is_dir(moved) ? CLOUDABI_ENOTEMPTY : fs_damaged(renaming->fs);
    return inode_is_dir(replaced) ? dir_is_empty(replaced) : 0;
}

/* Finds what there is under both names. */
static cloudabi_errno_t find(struct renaming *renaming)
{
    const struct fs_rename *asked = renaming->asked;
    TRY(dir_find(asked->from, asked->from_name, &renaming->source));
    TRY(inode_of_entry(renaming->fs, slot_entry(&renaming->source)->inode, &renaming->moved));
    cloudabi_errno_t error = dir_find(asked->to, asked->to_name, &renaming->target);
    if (error == CLOUDABI_ENOENT)
        return 0;
    if (error != 0)
        return error;
    return inode_of_entry(renaming->fs, slot_entry(&renaming->target)->inode, &renaming->replaced);
}

/* --- performing --------------------------------------------------------------------------- */

static cloudabi_errno_t change_inodes(struct renaming *renaming)
{
    const struct fs_rename *asked = renaming->asked;
    struct inode *moved = renaming->moved, *replaced = renaming->replaced;
    if (replaced != NULL) {
        TRY(inode_drop_name(replaced, asked->now));
        if (inode_is_dir(replaced) && asked->to->nlink > 1)
            asked->to->nlink--;
    }
    if (changes_parent(renaming)) {
        TRY(dir_set_parent(moved, asked->to->ino));
        asked->from->nlink -= asked->from->nlink > 1 ? 1 : 0;
        asked->to->nlink++;
    }
    moved->ctim = asked->now;
    TRY(inode_store(moved));
    TRY(dir_touch(asked->from, asked->now));
    return asked->from != asked->to ? dir_touch(asked->to, asked->now) : 0;
}

/* Without a journal the old name of a file may go only when the new one is there: until then it has two. */
static cloudabi_errno_t bridge(struct renaming *renaming, bool begin)
{
    struct inode *moved = renaming->moved;
    if (renaming->fs->journaled || inode_is_dir(moved) || renaming->replaced != NULL ||
        renaming->source.buffer == renaming->target.buffer)
        return 0;
    if (begin) {
        moved->nlink++;
        return inode_store(moved);
    }
    TRY(fs_commit(renaming->fs));
    moved->nlink--;
    return inode_store(moved);
}

static cloudabi_errno_t perform(struct renaming *renaming)
{
    const struct fs_rename *asked = renaming->asked;
    renaming->fs->now = asked->now;
    TRY(change_inodes(renaming));
    TRY(bridge(renaming, true));
    if (renaming->replaced != NULL)
        dir_replace(asked->to, &renaming->target, renaming->moved);
    else
        dir_insert(asked->to, &renaming->target, asked->to_name, renaming->moved);
    TRY(bridge(renaming, false));
    dir_remove(asked->from, &renaming->source);
    return 0;
}

static cloudabi_errno_t rename_found(struct renaming *renaming)
{
    const struct fs_rename *asked = renaming->asked;
    if (renaming->replaced == renaming->moved &&
        !(asked->must_dir && !inode_is_dir(renaming->moved)))
        return 0; /* two names of one file: POSIX has both stay */
    TRY(check(renaming));
    if (renaming->replaced == NULL) {
        TRY(dir_make_room(asked->to, asked->to_name, &renaming->target));
        TRY(fs_begin(renaming->fs, ROOM_LARGE));
    }
    cloudabi_errno_t error = perform(renaming);
    return error != 0 ? fs_abort(renaming->fs, error) : 0;
}

cloudabi_errno_t fs_rename(const struct fs_rename *rename)
{
    struct renaming renaming = {.asked = rename, .fs = rename->from->fs};
    TRY(dir_check(rename->from));
    TRY(dir_check(rename->to));
    TRY(name_check(rename->from_name));
    TRY(name_check(rename->to_name));
    TRY(fs_begin(renaming.fs, ROOM_LARGE));
    cloudabi_errno_t error = find(&renaming);
    if (error == 0)
        error = rename_found(&renaming);
    dir_slot_put(&renaming.source);
    dir_slot_put(&renaming.target);
    inode_put(renaming.moved);
    inode_put(renaming.replaced);
    return error;
}
