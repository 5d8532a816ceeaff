/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing directories: room for entries, and the entries themselves. */
#include <string.h>

#include "services/ext2/fs_priv.h"

static uint8_t disk_type(const struct inode *inode)
{
    if (!inode->fs->has_filetype)
        return 0;
    switch (inode->mode & DISK_MODE_TYPE) {
    case DISK_MODE_REGULAR:
        return DISK_TYPE_REGULAR;
    case DISK_MODE_DIR:
        return DISK_TYPE_DIR;
    case DISK_MODE_CHAR:
        return DISK_TYPE_CHAR;
    case DISK_MODE_BLOCK:
        return DISK_TYPE_BLOCK;
    case DISK_MODE_FIFO:
        return DISK_TYPE_FIFO;
    case DISK_MODE_SOCKET:
        return DISK_TYPE_SOCKET;
    default:
        return DISK_TYPE_LINK;
    }
}

/* --- room --------------------------------------------------------------------------------- */

static uint32_t used_by(const struct disk_entry *entry)
{
    return entry->inode != 0 ? DISK_ENTRY_SIZE(entry->name_len) : 0;
}

static bool test_room(const struct disk_entry *entry, const void *context)
{
    return entry->rec_len - used_by(entry) >= *(const uint32_t *)context;
}

/* One more block, empty, at the end. */
static cloudabi_errno_t grow(struct inode *dir, struct dir_slot *slot)
{
    struct fs *fs = dir->fs;
    uint32_t last = (uint32_t)(dir->size / fs->block_size), physical = 0, count;
    if (dir->size > INT32_MAX - fs->block_size || last + 1 >= fs->blocks)
        return CLOUDABI_ENOSPC;
    if (last != 0)
        TRY(map_find(dir, last - 1, 1, &physical, &count));
    TRY(blocks_want(fs, 1 + MAP_DEPTH));
    TRY(block_alloc(fs, physical != 0 ? physical + 1 : inode_goal(dir), &physical));
    cloudabi_errno_t error = buffer_fresh(fs->cache, physical, &slot->buffer);
    if (error == 0)
        error = map_set(dir, last, physical, 1, &count);
    if (error == 0) {
        dir->size += fs->block_size;
    } else {
        dir_slot_put(slot);
        if (blocks_free(fs, physical, 1, true) != 0)
            return fs_abort(fs, error);
    }
    if (inode_store(dir) != 0)
        return fs_abort(fs, error != 0 ? error : CLOUDABI_EIO);
    if (error != 0)
        return error;
    slot->offset = dir->size - fs->block_size;
    slot->at = 0;
    *slot_entry(slot) = (struct disk_entry){.rec_len = (uint16_t)fs->block_size};
    buffer_dirty(slot->buffer, WRITE_FRESH);
    return 0;
}

cloudabi_errno_t dir_make_room(struct inode *dir, struct fs_name name, struct dir_slot *slot)
{
    uint32_t need = DISK_ENTRY_SIZE(name.len);
    /* Without a journal: a new directory has its name before anything has a name in it. */
    if (!dir->fs->journaled && dir->born == dir->fs->commits)
        TRY(fs_commit(dir->fs));
    cloudabi_errno_t error = dir_scan(dir, dir->room_from, test_room, &need, slot);
    if (error == CLOUDABI_ENOENT) {
        error = grow(dir, slot);
        if (error == 0 && !dir->fs->journaled)
            error = fs_commit(dir->fs); /* the block must be there before what it will hold */
    }
    if (error == 0)
        dir->room_from = slot->offset + slot->at;
    else
        dir_slot_put(slot);
    return error;
}

/* --- changing: none of these fail --------------------------------------------------------- */

static void slot_dirty(struct inode *dir, const struct dir_slot *slot)
{
    dir->listed_from = dir->listed = 0;
    buffer_dirty(slot->buffer, WRITE_ENTRY);
}

void dir_insert(struct inode *dir, struct dir_slot *slot, struct fs_name name,
                const struct inode *target)
{
    struct disk_entry *entry = slot_entry(slot);
    uint32_t used = used_by(entry), rec_len = entry->rec_len;
    if (used != 0) {
        entry->rec_len = (uint16_t)used;
        slot->at += used;
        entry = slot_entry(slot);
    }
    *entry = (struct disk_entry){
        .inode = target->ino,
        .rec_len = (uint16_t)(rec_len - used),
        .name_len = (uint8_t)name.len,
        .type = disk_type(target),
    };
    memcpy(entry->name, name.text, name.len);
    index_add(dir, index_hash(name), slot->offset + slot->at);
    slot_dirty(dir, slot);
}

/* Whose record ends where the slot's begins; NULL: none. */
static struct disk_entry *entry_before(const struct fs *fs, const struct dir_slot *slot)
{
    struct disk_entry *entry = NULL;
    uint32_t at = 0;
    while (at < slot->at) {
        entry = dir_entry(fs, slot->buffer, at);
        if (entry == NULL)
            return NULL;
        at += entry->rec_len;
    }
    return at == slot->at ? entry : NULL;
}

void dir_remove(struct inode *dir, struct dir_slot *slot)
{
    struct disk_entry *entry = slot_entry(slot), *previous = entry_before(dir->fs, slot);
    const struct fs_name name = {entry->name, entry->name_len};
    index_remove(dir, index_hash(name), slot->offset + slot->at);
    recent_drop(dir, name);
    entry->inode = 0;
    if (previous != NULL) {
        previous->rec_len = (uint16_t)(previous->rec_len + entry->rec_len);
        slot->at = (uint32_t)((uint8_t *)previous - slot->buffer->data);
    }
    if (dir->room_from > slot->offset + slot->at)
        dir->room_from = slot->offset + slot->at;
    slot_dirty(dir, slot);
}

void dir_replace(struct inode *dir, struct dir_slot *slot, const struct inode *target)
{
    struct disk_entry *entry = slot_entry(slot);
    recent_drop(dir, (struct fs_name){entry->name, entry->name_len});
    entry->inode = target->ino;
    entry->type = disk_type(target);
    slot_dirty(dir, slot);
}

cloudabi_errno_t dir_touch(struct inode *dir, uint64_t now)
{
    dir->mtim = dir->ctim = now;
    dir->flags &= ~DISK_FLAG_INDEX; /* its tree does not know what we change */
    return inode_store(dir);
}

/* --- new directories ---------------------------------------------------------------------- */

cloudabi_errno_t dir_init(struct inode *dir, const struct inode *parent)
{
    struct dir_slot slot;
    TRY(grow(dir, &slot));
    dir_insert(dir, &slot, (struct fs_name){".", 1}, dir);
    dir_insert(dir, &slot, (struct fs_name){"..", 2}, parent);
    dir_slot_put(&slot);
    return 0;
}
