/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories: blocks of entries, each as long as its record length says; entries never move. */
#include <string.h>

#include "services/ext2/fs_priv.h"

/* --- blocks and entries ------------------------------------------------------------------- */

cloudabi_errno_t dir_check(const struct inode *dir)
{
    if (!inode_is_dir(dir))
        return CLOUDABI_ENOTDIR;
    return dir->nlink == 0 ? CLOUDABI_ENOENT : 0;
}

cloudabi_errno_t dir_block(struct inode *dir, uint64_t offset, struct buffer **out)
{
    struct fs *fs = dir->fs;
    uint32_t place, count;
    if (dir->last_place == 0 || offset != dir->last_offset) {
        TRY(map_find(dir, (uint32_t)(offset / fs->block_size), 1, &place, &count));
        if (place == 0)
            return fs_damaged(fs);
        dir->last_place = place;
        dir->last_offset = offset;
    }
    return buffer_read(fs->cache, dir->last_place, out);
}

struct disk_entry *dir_entry(const struct fs *fs, const struct buffer *buffer, uint32_t at)
{
    struct disk_entry *entry = (struct disk_entry *)(void *)(buffer->data + at);
    uint32_t room = fs->block_size - at;
    if (at % 4 != 0 || room < DISK_ENTRY_SIZE(1) || entry->rec_len % 4 != 0 ||
        entry->rec_len < DISK_ENTRY_SIZE(1) || entry->rec_len > room)
        return NULL;
    if (entry->inode == 0)
        return entry;
    bool sound = entry->name_len != 0 && entry->rec_len >= DISK_ENTRY_SIZE(entry->name_len) &&
                 entry->inode <= fs->inodes && (fs->has_filetype || entry->type == 0);
    return sound ? entry : NULL;
}

static const cloudabi_filetype_t filetypes[8] = {
    [DISK_TYPE_REGULAR] = CLOUDABI_FILETYPE_REGULAR_FILE,
    [DISK_TYPE_DIR] = CLOUDABI_FILETYPE_DIRECTORY,
    [DISK_TYPE_CHAR] = CLOUDABI_FILETYPE_CHARACTER_DEVICE,
    [DISK_TYPE_BLOCK] = CLOUDABI_FILETYPE_BLOCK_DEVICE,
    [DISK_TYPE_LINK] = CLOUDABI_FILETYPE_SYMBOLIC_LINK,
};

/* Without the feature the type is 0: dir_entry() has seen to it. */
static cloudabi_filetype_t entry_filetype(const struct disk_entry *entry)
{
    return entry->type < 8 ? filetypes[entry->type] : CLOUDABI_FILETYPE_UNKNOWN;
}

static bool entry_is(const struct disk_entry *entry, struct fs_name name)
{
    return entry->inode != 0 && entry->name_len == name.len &&
           name_same(entry->name, name.text, name.len);
}

/* --- searching ---------------------------------------------------------------------------- */

void dir_slot_put(struct dir_slot *slot)
{
    buffer_put(slot->buffer);
    slot->buffer = NULL;
}

/* The first entry from the one at FROM to the end of its block that passes TEST: ENOENT, or a slot. */
static cloudabi_errno_t scan_block(struct inode *dir, uint64_t from, dir_test test,
                                   const void *context, struct dir_slot *slot)
{
    struct fs *fs = dir->fs;
    *slot = (struct dir_slot){.at = (uint32_t)(from % fs->block_size)};
    slot->offset = from - slot->at;
    TRY(dir_block(dir, slot->offset, &slot->buffer));
    while (slot->at < fs->block_size) {
        const struct disk_entry *entry = dir_entry(fs, slot->buffer, slot->at);
        if (entry == NULL) {
            dir_slot_put(slot);
            return fs_damaged(fs);
        }
        if (test(entry, context))
            return 0;
        slot->at += entry->rec_len;
    }
    dir_slot_put(slot);
    return CLOUDABI_ENOENT;
}

cloudabi_errno_t dir_scan(struct inode *dir, uint64_t from, dir_test test, const void *context,
                          struct dir_slot *slot)
{
    slot->buffer = NULL;
    while (from < dir->size) {
        cloudabi_errno_t error = scan_block(dir, from, test, context, slot);
        if (error != CLOUDABI_ENOENT)
            return error;
        from += dir->fs->block_size - from % dir->fs->block_size;
    }
    return CLOUDABI_ENOENT;
}

static bool test_name(const struct disk_entry *entry, const void *context)
{
    return entry_is(entry, *(const struct fs_name *)context);
}

static cloudabi_errno_t find_indexed(struct inode *dir, const struct dir_index *index,
                                     struct fs_name name, struct dir_slot *slot)
{
    struct fs *fs = dir->fs;
    uint32_t hash = index_hash(name), cursor = 0;
    uint64_t offset;
    while (index_next(index, hash, &cursor, &offset)) {
        *slot = (struct dir_slot){.at = (uint32_t)(offset % fs->block_size)};
        slot->offset = offset - slot->at;
        TRY(dir_block(dir, slot->offset, &slot->buffer));
        const struct disk_entry *entry = dir_entry(fs, slot->buffer, slot->at);
        if (entry != NULL && entry_is(entry, name))
            return 0;
        dir_slot_put(slot);
    }
    return CLOUDABI_ENOENT;
}

cloudabi_errno_t dir_find(struct inode *dir, struct fs_name name, struct dir_slot *slot)
{
    const struct dir_index *index = index_ready(dir);
    slot->buffer = NULL;
    return index != NULL ? find_indexed(dir, index, name, slot)
                         : dir_scan(dir, 0, test_name, &name, slot);
}

static bool test_stranger(const struct disk_entry *entry, const void *context)
{
    (void)context;
    return entry->inode != 0 && !entry_is(entry, (struct fs_name){".", 1}) &&
           !entry_is(entry, (struct fs_name){"..", 2});
}

cloudabi_errno_t dir_is_empty(struct inode *dir)
{
    struct dir_slot slot;
    cloudabi_errno_t error = dir_scan(dir, 0, test_stranger, NULL, &slot);
    if (error == 0)
        dir_slot_put(&slot);
    return error == CLOUDABI_ENOENT ? 0 : error != 0 ? error : CLOUDABI_ENOTEMPTY;
}

/* --- `..` --------------------------------------------------------------------------------- */

/* The second entry of the first block. */
static cloudabi_errno_t find_dotdot(struct inode *dir, struct dir_slot *slot)
{
    const struct fs_name dotdot = {"..", 2};
    cloudabi_errno_t error = scan_block(dir, 0, test_name, &dotdot, slot);
    return error == CLOUDABI_ENOENT ? fs_damaged(dir->fs) : error;
}

cloudabi_errno_t dir_parent(struct inode *dir, uint32_t *parent)
{
    struct dir_slot slot;
    TRY(find_dotdot(dir, &slot));
    *parent = slot_entry(&slot)->inode;
    dir_slot_put(&slot);
    return 0;
}

cloudabi_errno_t dir_set_parent(struct inode *dir, uint32_t parent)
{
    struct dir_slot slot;
    TRY(find_dotdot(dir, &slot));
    slot_entry(&slot)->inode = parent;
    buffer_dirty(slot.buffer, WRITE_ENTRY);
    dir_slot_put(&slot);
    return 0;
}

/* --- listing ------------------------------------------------------------------------------ */

/* The entry at or behind COOKIE may have gone since: then the one that begins next in the block. */
static cloudabi_errno_t find_cookie(struct inode *dir, uint64_t cookie, struct dir_slot *slot)
{
    struct fs *fs = dir->fs;
    *slot = (struct dir_slot){.at = (uint32_t)(cookie % fs->block_size)};
    slot->offset = cookie - slot->at;
    TRY(dir_block(dir, slot->offset, &slot->buffer));
    if (slot->at == 0 || cookie == dir->listed || cookie == dir->listed_from)
        return 0;
    for (uint32_t at = 0; at < fs->block_size;) {
        const struct disk_entry *entry = dir_entry(fs, slot->buffer, at);
        if (entry == NULL || at >= slot->at) {
            slot->at = at;
            return 0;
        }
        at += entry->rec_len;
    }
    dir_slot_put(slot);
    return CLOUDABI_ENOENT;
}

/* Gives the entries of one block from the slot's on. Returns whether there may be more; puts the slot. */
static bool list_block(struct inode *dir, struct dir_slot *slot, fs_take *take, void *context,
                       cloudabi_errno_t *error)
{
    const struct fs *fs = dir->fs;
    bool more = true;
    while (more && slot->at < fs->block_size) {
        const struct disk_entry *entry = dir_entry(fs, slot->buffer, slot->at);
        if (entry == NULL) {
            *error = fs_damaged(dir->fs);
            break;
        }
        uint32_t next = slot->at + entry->rec_len;
        const struct fs_dirent dirent = {.name = {entry->name, entry->name_len},
                                         .ino = entry->inode,
                                         .type = entry_filetype(entry),
                                         .next = slot->offset + next};
        more = entry->inode == 0 || take(context, &dirent);
        if (more)
            slot->at = next;
    }
    dir->listed = slot->offset + slot->at;
    dir_slot_put(slot);
    return more && *error == 0;
}

cloudabi_errno_t fs_list(struct inode *dir, uint64_t cookie, fs_take *take, void *context,
                         bool *end)
{
    struct fs *fs = dir->fs;
    struct dir_slot slot;
    *end = false;
    if (!inode_is_dir(dir))
        return CLOUDABI_ENOTDIR;
    while (cookie < dir->size && dir->nlink != 0) {
        cloudabi_errno_t error = find_cookie(dir, cookie, &slot);
        if (error == 0)
            dir->listed_from = slot.offset + slot.at;
        if (error == 0 && !list_block(dir, &slot, take, context, &error))
            return error;
        if (error != 0 && error != CLOUDABI_ENOENT)
            return error;
        cookie += fs->block_size - cookie % fs->block_size;
    }
    *end = true;
    return 0;
}

struct one {
    struct fs *fs;
    struct fs_dirent *out;
    bool taken;
};

static bool take_one(void *context, const struct fs_dirent *entry)
{
    struct one *one = context;
    if (one->taken)
        return false;
    /* What follows is looked at, too, and may need the memory of this block. */
    memcpy(one->fs->listed_name, entry->name.text, entry->name.len);
    *one->out = *entry;
    one->out->name.text = one->fs->listed_name;
    one->taken = true;
    return true;
}

cloudabi_errno_t fs_readdir(struct inode *dir, uint64_t cookie, struct fs_dirent *out)
{
    struct one one = {dir->fs, out, false};
    bool end;
    cloudabi_errno_t error = fs_list(dir, cookie, take_one, &one, &end);
    if (one.taken)
        return 0;
    return error != 0 ? error : CLOUDABI_ENOENT;
}
