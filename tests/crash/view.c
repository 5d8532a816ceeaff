/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/crash/view.h"

#include <string.h>

bool view_open(struct view *view, const uint8_t *bytes, size_t size)
{
    if (size < DISK_SUPER_OFFSET + DISK_SUPER_SIZE)
        return false;
    const struct disk_super *super = (const void *)(bytes + DISK_SUPER_OFFSET);
    *view = (struct view){.bytes = bytes, .size = size, .super = super};
    if (super->magic != DISK_MAGIC || super->log_block_size > 2 || super->blocks_per_group == 0 ||
        super->inodes_per_group == 0)
        return false;
    view->block_size = 1024u << super->log_block_size;
    view->blocks = super->blocks_count;
    view->first_data = super->first_data_block;
    view->inode_size = super->rev_level == 0 ? DISK_OLD_INODE_SIZE : super->inode_size;
    if ((uint64_t)view->blocks * view->block_size > size || view->blocks <= view->first_data ||
        view->inode_size < 128 || view->inode_size > view->block_size)
        return false;
    view->groups = (view->blocks - view->first_data - 1) / super->blocks_per_group + 1;
    return true;
}

const uint8_t *view_block(const struct view *view, uint64_t block)
{
    return block < view->blocks ? view->bytes + block * view->block_size : NULL;
}

const struct disk_group *view_group(const struct view *view, uint32_t group)
{
    const uint64_t at =
        (uint64_t)(view->first_data + 1) * view->block_size + group * sizeof(struct disk_group);
    return group < view->groups ? (const void *)(view->bytes + at) : NULL;
}

const struct disk_inode *view_inode(const struct view *view, uint32_t ino)
{
    if (ino == 0 || ino > view->super->inodes_count)
        return NULL;
    const struct disk_group *group = view_group(view, (ino - 1) / view->super->inodes_per_group);
    if (group == NULL)
        return NULL;
    uint64_t offset = (uint64_t)((ino - 1) % view->super->inodes_per_group) * view->inode_size;
    const uint8_t *block = view_block(view, group->inode_table + offset / view->block_size);
    return block == NULL ? NULL : (const void *)(block + offset % view->block_size);
}

uint64_t view_inode_size(const struct disk_inode *inode)
{
    bool regular = (inode->mode & DISK_MODE_TYPE) == DISK_MODE_REGULAR;
    return inode->size | (regular ? (uint64_t)inode->size_high << 32 : 0);
}

bool view_bit(const uint8_t *bitmap, uint32_t bit)
{
    return (bitmap[bit / 8] >> (bit % 8) & 1) != 0;
}

struct visitor {
    const struct view *view;
    view_visit *visit;
    void *context;
};

static void visit_tree(const struct visitor *v, uint32_t block, int level, int64_t index)
{
    if (block == 0)
        return;
    v->visit(v->context, block, level == 0 ? index : -1);
    const uint8_t *bytes = view_block(v->view, block);
    if (level == 0 || bytes == NULL)
        return;
    const int64_t pointers = v->view->block_size / 4;
    int64_t step = 1;
    for (int i = 1; i < level; i++)
        step *= pointers;
    for (int64_t i = 0; i < pointers; i++) {
        uint32_t next;
        memcpy(&next, bytes + i * 4, 4);
        visit_tree(v, next, level - 1, index + i * step);
    }
}

void view_each_block(const struct view *view, const struct disk_inode *inode, view_visit *visit,
                     void *context)
{
    const struct visitor v = {view, visit, context};
    const int64_t pointers = view->block_size / 4;
    for (uint32_t i = 0; i < DISK_DIRECT; i++)
        visit_tree(&v, inode->block[i], 0, i);
    visit_tree(&v, inode->block[12], 1, DISK_DIRECT);
    visit_tree(&v, inode->block[13], 2, DISK_DIRECT + pointers);
    visit_tree(&v, inode->block[14], 3, DISK_DIRECT + pointers + pointers * pointers);
}
