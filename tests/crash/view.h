/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading an ext2 image in memory, apart from the code under test: it shares nothing with that but the layout. */
#ifndef TESTS_CRASH_VIEW_H
#define TESTS_CRASH_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/ext2/disk.h"

struct view {
    const uint8_t *bytes;
    size_t size;
    const struct disk_super *super;
    uint32_t block_size, blocks, first_data, groups, inode_size;
};

/* False: the super block is none, or says what cannot be. */
bool view_open(struct view *view, const uint8_t *bytes, size_t size);
/* NULL: beyond the file system. */
const uint8_t *view_block(const struct view *view, uint64_t block);
const struct disk_group *view_group(const struct view *view, uint32_t group);
/* NULL: there is no such inode. */
const struct disk_inode *view_inode(const struct view *view, uint32_t ino);
uint64_t view_inode_size(const struct disk_inode *inode);
bool view_bit(const uint8_t *bitmap, uint32_t bit);

/* Every block of an inode: INDEX is its place in the file, or -1 for a block of the map. */
typedef void view_visit(void *context, uint32_t block, int64_t index);
void view_each_block(const struct view *view, const struct disk_inode *inode, view_visit *visit,
                     void *context);

#endif
