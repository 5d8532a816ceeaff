/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks, inodes and counts. Directories: check_tree.c. */
#include "tests/crash/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/crash/check_priv.h"

#define RESIZE_INO  7
#define JOURNAL_INO 8

void found(struct check *check, enum finding finding, const char *format, ...)
{
    struct report *report = check->report;
    if (report->count[finding]++ != 0 || (int)finding >= report->worst)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(report->first, sizeof(report->first), format, args);
    va_end(args);
    report->worst = finding;
}

bool check_in_use(const struct check *check, uint32_t ino)
{
    const struct disk_inode *inode = view_inode(&check->view, ino);
    return inode != NULL && inode->links_count != 0;
}

static bool is_reserved(const struct check *check, uint32_t ino)
{
    return ino < check->view.super->first_ino && ino != DISK_ROOT_INO;
}

/* --- who has which block ------------------------------------------------------------------ */

static void claim(struct check *check, uint32_t block, uint32_t owner)
{
    if (block < check->view.first_data || block >= check->view.blocks)
        found(check, FINDING_RANGE, "inode %u has block %u, which there is not", owner, block);
    else if (check->owner[block] != 0)
        found(check, FINDING_SHARED, "block %u is of inode %d and of %d", block,
              (int)check->owner[block], (int)owner);
    else
        check->owner[block] = owner;
}

static bool has_super(const struct view *view, uint32_t group)
{
    if (group <= 1 || (view->super->feature_ro_compat & DISK_RO_SPARSE_SUPER) == 0)
        return true;
    static const uint32_t bases[] = {3, 5, 7};
    for (int i = 0; i < 3; i++) {
        uint32_t power = bases[i];
        while (power < group)
            power *= bases[i];
        if (power == group)
            return true;
    }
    return false;
}

static void claim_group(struct check *check, uint32_t number)
{
    const struct view *view = &check->view;
    const struct disk_group *group = view_group(view, number);
    uint32_t first = view->first_data + number * view->super->blocks_per_group;
    if (has_super(view, number)) {
        uint32_t tables = (view->groups * 32 + view->block_size - 1) / view->block_size;
        uint32_t count = 1 + tables + view->super->reserved_gdt_blocks;
        for (uint32_t i = 0; i < count; i++)
            claim(check, first + i, OWNER_META);
    }
    claim(check, group->block_bitmap, OWNER_META);
    claim(check, group->inode_bitmap, OWNER_META);
    uint32_t bytes = view->super->inodes_per_group * view->inode_size;
    for (uint32_t i = 0; i < (bytes + view->block_size - 1) / view->block_size; i++)
        claim(check, group->inode_table + i, OWNER_META);
}

static void visit_block(void *context, uint32_t block, int64_t index)
{
    struct check *check = context;
    claim(check, block, check->ino);
    check->held++;
    if (index > check->last)
        check->last = index;
}

static void check_size(struct check *check, const struct disk_inode *inode)
{
    uint64_t size = view_inode_size(inode);
    uint64_t blocks = (size + check->view.block_size - 1) / check->view.block_size;
    uint32_t type = inode->mode & DISK_MODE_TYPE;
    if (check->last >= 0 && (uint64_t)check->last >= blocks)
        found(check, FINDING_SIZE, "inode %u has size %llu and block %lld", check->ino,
              (unsigned long long)size, (long long)check->last);
    if (type == DISK_MODE_DIR && (size == 0 || size % check->view.block_size != 0))
        found(check, FINDING_SIZE, "directory %u has size %llu", check->ino,
              (unsigned long long)size);
    uint32_t sectors = check->held * (check->view.block_size / 512);
    if (inode->blocks != sectors)
        found(check, FINDING_BLOCKS, "inode %u says %u sectors, has %u", check->ino, inode->blocks,
              sectors);
}

static void check_inode(struct check *check, uint32_t ino)
{
    const struct disk_inode *inode = view_inode(&check->view, ino);
    check->ino = ino;
    check->held = 0;
    check->last = -1;
    if (ino == RESIZE_INO) { /* its map leads to the reserved tables, which are claimed */
        if (inode->block[13] != 0)
            claim(check, inode->block[13], ino);
        return;
    }
    if (!check_in_use(check, ino))
        return;
    uint32_t type = inode->mode & DISK_MODE_TYPE;
    bool fast_link = type == DISK_MODE_LINK && inode->blocks == 0;
    if (!fast_link)
        view_each_block(&check->view, inode, visit_block, check);
    if (ino != JOURNAL_INO)
        check_size(check, inode);
}

/* --- bitmaps and counts ------------------------------------------------------------------- */

static uint32_t check_block_bitmap(struct check *check, uint32_t number)
{
    const struct view *view = &check->view;
    const uint8_t *bitmap = view_block(view, view_group(view, number)->block_bitmap);
    uint32_t per_group = view->super->blocks_per_group, free = 0;
    for (uint32_t i = 0; i < per_group && bitmap != NULL; i++) {
        uint64_t block = (uint64_t)view->first_data + (uint64_t)number * per_group + i;
        bool used = block >= view->blocks || check->owner[block] != 0;
        if (view_bit(bitmap, i) != used)
            found(check, FINDING_BITMAP, "block %llu is %s, the bitmap says otherwise",
                  (unsigned long long)block, used ? "in use" : "free");
        free += !view_bit(bitmap, i);
    }
    return free;
}

static uint32_t check_inode_bitmap(struct check *check, uint32_t number, uint32_t *dirs)
{
    const struct view *view = &check->view;
    const uint8_t *bitmap = view_block(view, view_group(view, number)->inode_bitmap);
    uint32_t per_group = view->super->inodes_per_group, free = 0;
    *dirs = 0;
    for (uint32_t i = 0; i < per_group && bitmap != NULL; i++) {
        uint32_t ino = number * per_group + i + 1;
        bool used = check_in_use(check, ino) || is_reserved(check, ino);
        if (view_bit(bitmap, i) != used)
            found(check, FINDING_BITMAP, "inode %u is %s, the bitmap says otherwise", ino,
                  used ? "in use" : "free");
        free += !view_bit(bitmap, i);
        uint32_t mode = view_inode(view, ino)->mode;
        *dirs += check_in_use(check, ino) && (mode & DISK_MODE_TYPE) == DISK_MODE_DIR;
    }
    return free;
}

static void check_groups(struct check *check)
{
    const struct disk_super *super = check->view.super;
    uint32_t free_blocks = 0, free_inodes = 0;
    for (uint32_t i = 0; i < check->view.groups; i++) {
        const struct disk_group *group = view_group(&check->view, i);
        uint32_t dirs, blocks = check_block_bitmap(check, i);
        uint32_t inodes = check_inode_bitmap(check, i, &dirs);
        if (blocks != group->free_blocks_count || inodes != group->free_inodes_count ||
            dirs != group->used_dirs_count)
            found(check, FINDING_COUNTS, "group %u has %u blocks %u inodes %u dirs, says %u %u %u",
                  i, blocks, inodes, dirs, group->free_blocks_count, group->free_inodes_count,
                  group->used_dirs_count);
        free_blocks += blocks;
        free_inodes += inodes;
    }
    if (free_blocks != super->free_blocks_count || free_inodes != super->free_inodes_count)
        found(check, FINDING_COUNTS, "%u blocks %u inodes are free, the super block says %u %u",
              free_blocks, free_inodes, super->free_blocks_count, super->free_inodes_count);
}

/* --- all --------------------------------------------------------------------------------- */

static void check_names(struct check *check)
{
    for (uint32_t ino = 1; ino <= check->view.super->inodes_count; ino++) {
        const struct disk_inode *inode = view_inode(&check->view, ino);
        if (!check_in_use(check, ino) || is_reserved(check, ino))
            continue;
        bool empty = (inode->mode & DISK_MODE_TYPE) == DISK_MODE_REGULAR && inode->blocks == 0;
        if (check->names[ino] == 0)
            found(check, empty ? FINDING_UNATTACHED : FINDING_LOST, "inode %u has no name", ino);
        else if (check->names[ino] != inode->links_count)
            found(check, FINDING_LINKS, "inode %u has %u names, says %u", ino, check->names[ino],
                  inode->links_count);
    }
    if (check->view.super->last_orphan != 0)
        found(check, FINDING_ORPHANS, "inode %u is on the orphan list",
              check->view.super->last_orphan);
}

void check_image(const uint8_t *bytes, size_t size, struct report *report)
{
    static struct check check;
    memset(&check, 0, sizeof(check));
    check.report = report;
    memset(report->count, 0, sizeof(report->count));
    report->first[0] = '\0';
    report->worst = FINDINGS;
    report->tree.entry_count = report->tree.node_count = 0;
    if (!view_open(&check.view, bytes, size) || check.view.blocks > CHECK_BLOCKS ||
        check.view.super->inodes_count >= CHECK_INODES) {
        found(&check, FINDING_SUPER, "the super block is wrong");
        return;
    }
    for (uint32_t i = 0; i < check.view.groups; i++)
        claim_group(&check, i);
    for (uint32_t ino = 1; ino <= check.view.super->inodes_count; ino++)
        check_inode(&check, ino);
    check_tree(&check);
    check_names(&check);
    check_groups(&check);
}

bool report_is_clean(const struct report *report)
{
    return report->worst == FINDINGS;
}

bool report_is_mild(const struct report *report)
{
    return report->worst >= FINDING_FIRST_MILD;
}
