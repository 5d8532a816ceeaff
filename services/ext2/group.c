/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups: where their bitmaps and tables lie, what is free in them, and which of it must not be taken yet. */
#include <stdlib.h>
#include <string.h>

#include "services/ext2/fs_priv.h"

/* --- overlays ----------------------------------------------------------------------------- */

bool overlay_get(const struct overlay *overlay, uint32_t bit)
{
    return overlay->bits != NULL && bit_get(overlay->bits, bit);
}

bool overlay_ready(struct overlay *overlay, uint32_t bits)
{
    if (overlay->bits == NULL)
        overlay->bits = calloc(bits / 8, 1);
    return overlay->bits != NULL;
}

void overlay_set(struct overlay *overlay, uint32_t bit)
{
    overlay->bits[bit / 8] |= (uint8_t)(1u << (bit % 8));
    overlay->count++;
}

void overlay_clear(struct overlay *overlay, uint32_t bit)
{
    overlay->bits[bit / 8] &= (uint8_t) ~(1u << (bit % 8));
    if (--overlay->count == 0)
        overlay_free(overlay);
}

void overlay_free(struct overlay *overlay)
{
    free(overlay->bits);
    *overlay = (struct overlay){0};
}

/* --- geometry ----------------------------------------------------------------------------- */

uint32_t group_of(const struct fs *fs, uint32_t block)
{
    return (block - fs->first_block) / fs->blocks_per_group;
}

uint32_t group_first(const struct fs *fs, uint32_t group)
{
    return fs->first_block + group * fs->blocks_per_group;
}

uint32_t group_blocks(const struct fs *fs, uint32_t group)
{
    uint32_t left = fs->blocks - group_first(fs, group);
    return left < fs->blocks_per_group ? left : fs->blocks_per_group;
}

/* Blocks at the start of GROUP that hold a copy of the super block, descriptors, and what is kept for more of these. */
static uint32_t group_overhead(const struct fs *fs, uint32_t group)
{
    const struct disk_super *super = fs->super;
    uint32_t per_block = fs->block_size / sizeof(struct disk_group);
    uint32_t descriptors = (fs->group_count + per_block - 1) / per_block;
    uint32_t copy = super_group_has_copy(fs, group) ? 1 : 0;
    bool meta = super->rev_level != 0 && (super->feature_incompat & DISK_INCOMPAT_META_BG) != 0;
    if (meta && group / per_block >= super->first_meta_bg) {
        uint32_t place = group % per_block;
        return copy + (place == 0 || place == 1 || place == per_block - 1 ? 1 : 0);
    }
    if (meta && super->first_meta_bg < descriptors)
        descriptors = super->first_meta_bg;
    uint32_t reserved = super->rev_level != 0 ? super->reserved_gdt_blocks : 0;
    return copy != 0 ? 1 + descriptors + reserved : 0;
}

static bool apart(uint64_t first, uint64_t end, uint64_t other, uint64_t count)
{
    return end <= other || first >= other + count;
}

/* The same for a run in one group. */
static bool part_is_usable(const struct fs *fs, uint32_t number, uint64_t first, uint64_t end)
{
    const struct group *group = &fs->groups[number];
    return first - group_first(fs, number) >= group->overhead &&
           apart(first, end, group->block_bitmap, 1) && apart(first, end, group->inode_bitmap, 1) &&
           apart(first, end, group->inode_table, fs->table_blocks);
}

bool blocks_are_usable(const struct fs *fs, uint64_t first, uint64_t count)
{
    uint64_t end = first + count;
    if (first <= fs->first_block || end > fs->blocks)
        return false;
    while (first < end) {
        uint32_t number = group_of(fs, (uint32_t)first);
        uint64_t next = (uint64_t)group_first(fs, number) + group_blocks(fs, number);
        next = next < end ? next : end;
        if (!part_is_usable(fs, number, first, next))
            return false;
        first = next;
    }
    return true;
}

/* --- loading ------------------------------------------------------------------------------ */

static bool places_hold(const struct fs *fs, uint32_t number, const struct disk_group *disk)
{
    uint64_t first = (uint64_t)group_first(fs, number) + fs->groups[number].overhead;
    uint64_t end = (uint64_t)group_first(fs, number) + group_blocks(fs, number);
    uint64_t table_end = (uint64_t)disk->inode_table + fs->table_blocks;
    if (disk->block_bitmap < first || disk->block_bitmap >= end || disk->inode_bitmap < first ||
        disk->inode_bitmap >= end || disk->inode_table < first || table_end > end)
        return false;
    return disk->block_bitmap != disk->inode_bitmap &&
           (disk->block_bitmap < disk->inode_table || disk->block_bitmap >= table_end) &&
           (disk->inode_bitmap < disk->inode_table || disk->inode_bitmap >= table_end);
}

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

static cloudabi_errno_t group_load(struct fs *fs, uint32_t number, const struct disk_group *disk)
{
    struct group *group = &fs->groups[number];
    group->overhead = group_overhead(fs, number);
    if (group->overhead >= group_blocks(fs, number) || !places_hold(fs, number, disk))
        return CLOUDABI_EIO;
    group->block_bitmap = disk->block_bitmap;
    group->inode_bitmap = disk->inode_bitmap;
    group->inode_table = disk->inode_table;
    group->free_blocks = at_most(disk->free_blocks_count, group_blocks(fs, number));
    group->free_inodes = at_most(disk->free_inodes_count, fs->inodes_per_group);
    group->directories = at_most(disk->used_dirs_count, fs->inodes_per_group);
    fs->free_blocks += group->free_blocks;
    fs->free_inodes += group->free_inodes;
    return 0;
}

static cloudabi_errno_t load_block(struct fs *fs, uint32_t index)
{
    struct buffer *buffer;
    uint32_t per_block = fs->block_size / sizeof(struct disk_group);
    TRY(buffer_read(fs->cache, super_descriptors(fs, index), &buffer));
    const struct disk_group *disk = (const void *)buffer->data;
    cloudabi_errno_t error = 0;
    for (uint32_t i = 0; i < per_block && index * per_block + i < fs->group_count; i++) {
        if (error == 0)
            error = group_load(fs, index * per_block + i, &disk[i]);
    }
    buffer_put(buffer);
    return error;
}

cloudabi_errno_t groups_load(struct fs *fs)
{
    uint32_t per_block = fs->block_size / sizeof(struct disk_group);
    fs->groups = calloc(fs->group_count, sizeof(*fs->groups));
    if (fs->groups == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = 0;
    for (uint32_t i = 0; error == 0 && i < (fs->group_count + per_block - 1) / per_block; i++)
        error = load_block(fs, i);
    return error;
}

void groups_free(struct fs *fs)
{
    for (uint32_t i = 0; fs->groups != NULL && i < fs->group_count; i++) {
        overlay_free(&fs->groups[i].busy);
        overlay_free(&fs->groups[i].frozen);
        overlay_free(&fs->groups[i].frozen_inodes);
    }
    free(fs->groups);
    fs->groups = NULL;
}

void groups_committed(struct fs *fs)
{
    fs->commits++;
    if (fs->frozen_blocks == 0 && fs->frozen_inodes == 0)
        return;
    for (uint32_t i = 0; i < fs->group_count; i++) {
        overlay_free(&fs->groups[i].frozen);
        if (fs->groups[i].frozen_inodes.count != 0)
            fs->groups[i].inode_from = 0;
        overlay_free(&fs->groups[i].frozen_inodes);
    }
    fs->frozen_blocks = 0;
    fs->frozen_inodes = 0;
}

/* --- changing ----------------------------------------------------------------------------- */

/* A bitmap that does not cover the group's own blocks would have us overwrite them. */
static bool covers_itself(const struct fs *fs, uint32_t number, const uint8_t *bits)
{
    const struct group *group = &fs->groups[number];
    uint32_t first = group_first(fs, number);
    for (uint32_t i = 0; i < group->overhead; i++) {
        if (!bit_get(bits, i))
            return false;
    }
    for (uint32_t i = 0; i < fs->table_blocks; i++) {
        if (!bit_get(bits, group->inode_table - first + i))
            return false;
    }
    return bit_get(bits, group->block_bitmap - first) && bit_get(bits, group->inode_bitmap - first);
}

cloudabi_errno_t group_edit(struct fs *fs, uint32_t number, bool inodes, struct group_edit *edit)
{
    struct group *group = &fs->groups[number];
    uint32_t per_block = fs->block_size / sizeof(struct disk_group);
    *edit = (struct group_edit){.fs = fs, .group = group};
    TRY(buffer_read(fs->cache, inodes ? group->inode_bitmap : group->block_bitmap, &edit->bitmap));
    cloudabi_errno_t error = 0;
    if (!inodes && !group->checked && !covers_itself(fs, number, edit->bitmap->data))
        error = fs_damaged(fs);
    if (error == 0)
        error =
            buffer_read(fs->cache, super_descriptors(fs, number / per_block), &edit->descriptor);
    if (error != 0) {
        buffer_put(edit->bitmap);
        return error;
    }
    group->checked = group->checked || !inodes;
    return 0;
}

void group_edit_done(struct group_edit *edit, bool changed)
{
    struct fs *fs = edit->fs;
    const struct group *group = edit->group;
    if (changed) {
        uint32_t number = (uint32_t)(group - fs->groups);
        uint32_t per_block = fs->block_size / sizeof(struct disk_group);
        struct disk_group *disk = (struct disk_group *)(void *)edit->descriptor->data;
        disk[number % per_block].free_blocks_count = (uint16_t)group->free_blocks;
        disk[number % per_block].free_inodes_count = (uint16_t)group->free_inodes;
        disk[number % per_block].used_dirs_count = (uint16_t)group->directories;
        fs->super->free_blocks_count = (uint32_t)fs->free_blocks;
        fs->super->free_inodes_count = fs->free_inodes;
        buffer_dirty(edit->bitmap, WRITE_FRESH);
        buffer_dirty(edit->descriptor, WRITE_FRESH);
        super_dirty(fs);
    }
    buffer_put(edit->bitmap);
    buffer_put(edit->descriptor);
}
