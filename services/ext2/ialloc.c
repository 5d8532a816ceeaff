/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocating and freeing inodes: files lie in the group of their directory, directories spread. */
#include "services/ext2/fs_priv.h"

static uint32_t group_of_ino(const struct fs *fs, uint32_t ino)
{
    return (ino - 1) / fs->inodes_per_group;
}

static uint32_t inodes_in(const struct group *group)
{
    return group->free_inodes - (group->frozen_inodes.count < group->free_inodes
                                     ? group->frozen_inodes.count
                                     : group->free_inodes);
}

/* For a directory: the group with the most free blocks among those with as many free inodes as the average has. */
static uint32_t group_for_dir(const struct fs *fs, uint32_t parent)
{
    uint32_t average = fs->free_inodes / fs->group_count;
    uint32_t best = parent;
    bool found = false;
    for (uint32_t i = 0; i < fs->group_count; i++) {
        uint32_t number = (uint32_t)(((uint64_t)parent + i) % fs->group_count);
        const struct group *group = &fs->groups[number];
        if (inodes_in(group) == 0 || inodes_in(group) < average)
            continue;
        if (!found || group->free_blocks > fs->groups[best].free_blocks)
            best = number;
        found = true;
    }
    return best;
}

/* A free bit of group NUMBER; ENOSPC. Leaves the edit open. */
static cloudabi_errno_t find_in_group(struct fs *fs, uint32_t number, struct group_edit *edit,
                                      uint32_t *out)
{
    struct group *group = &fs->groups[number];
    uint32_t bit = group->inode_from;
    if (inodes_in(group) == 0)
        return CLOUDABI_ENOSPC;
    if (number * fs->inodes_per_group + bit + 1 < fs->first_ino)
        bit = fs->first_ino - 1 - number * fs->inodes_per_group;
    TRY(group_edit(fs, number, true, edit));
    while (bit < fs->inodes_per_group &&
           (bit_get(edit->bitmap->data, bit) || overlay_get(&group->frozen_inodes, bit)))
        bit++;
    group->inode_from = bit;
    if (bit < fs->inodes_per_group) {
        *out = number * fs->inodes_per_group + bit + 1;
        return 0;
    }
    group_edit_done(edit, false);
    return CLOUDABI_ENOSPC;
}

static cloudabi_errno_t find(struct fs *fs, uint32_t start, struct group_edit *edit, uint32_t *out)
{
    for (uint32_t i = 0; i < fs->group_count; i++) {
        uint32_t number = (uint32_t)(((uint64_t)start + i) % fs->group_count);
        cloudabi_errno_t error = find_in_group(fs, number, edit, out);
        if (error != CLOUDABI_ENOSPC)
            return error;
    }
    return CLOUDABI_ENOSPC;
}

/* Makes the inode that the open edit was made for. */
static cloudabi_errno_t make(struct fs *fs, struct group_edit *edit, uint32_t ino, uint16_t mode,
                             struct inode **out)
{
    struct inode *inode;
    if (inode_find(fs, ino) != NULL)
        return fs_damaged(fs); /* in use, and free in the bitmap */
    if (!overlay_ready(&edit->group->frozen_inodes, fs->inodes_per_group))
        return CLOUDABI_ENOMEM; /* now, so that it can be taken back */
    TRY(inode_new(fs, ino, &inode));
    inode->mode = mode;
    inode->generation = ++fs->next_generation;
    inode->nlink = 1;
    inode->born = fs->commits;
    cloudabi_errno_t error = inode_store_fresh(inode);
    if (error != 0) {
        inode->dead = true;
        inode_put(inode);
        return error;
    }
    uint32_t bit = (ino - 1) % fs->inodes_per_group;
    edit->bitmap->data[bit / 8] |= (uint8_t)(1u << (bit % 8));
    edit->group->free_inodes--;
    edit->group->directories += inode_is_dir(inode) ? 1 : 0;
    fs->free_inodes--;
    *out = inode;
    return 0;
}

cloudabi_errno_t inode_alloc(struct inode *parent, uint16_t mode, struct inode **out)
{
    struct fs *fs = parent->fs;
    struct group_edit edit;
    uint32_t ino, start = group_of_ino(fs, parent->ino);
    if ((mode & DISK_MODE_TYPE) == DISK_MODE_DIR)
        start = group_for_dir(fs, start);
    cloudabi_errno_t error = find(fs, start, &edit, &ino);
    if (error == CLOUDABI_ENOSPC && fs->frozen_inodes != 0) {
        TRY(fs_commit(fs));
        error = find(fs, start, &edit, &ino);
    }
    if (error != 0)
        return error;
    error = make(fs, &edit, ino, mode, out);
    group_edit_done(&edit, error == 0);
    return error;
}

cloudabi_errno_t inode_free_bit(struct fs *fs, uint32_t ino, bool directory)
{
    struct group_edit edit;
    uint32_t bit = (ino - 1) % fs->inodes_per_group;
    TRY(group_edit(fs, group_of_ino(fs, ino), true, &edit));
    struct group *group = edit.group;
    bool ready = overlay_ready(&group->frozen_inodes, fs->inodes_per_group);
    if (!ready || !bit_get(edit.bitmap->data, bit) || group->free_inodes >= fs->inodes_per_group) {
        group_edit_done(&edit, false);
        return ready ? fs_damaged(fs) : CLOUDABI_ENOMEM;
    }
    edit.bitmap->data[bit / 8] &= (uint8_t) ~(1u << (bit % 8));
    buffer_late(edit.bitmap, bit / 8, 0xFF, (uint8_t)(1u << (bit % 8)));
    overlay_set(&group->frozen_inodes, bit);
    group->free_inodes++;
    group->directories -= directory && group->directories != 0 ? 1 : 0;
    fs->free_inodes++;
    fs->frozen_inodes++;
    group_edit_done(&edit, true);
    return 0;
}
