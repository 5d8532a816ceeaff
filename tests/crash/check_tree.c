/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories and what is in files, from the root on. */
#include <stdio.h>
#include <string.h>

#include "tests/crash/check_priv.h"

#define FILE_BLOCKS (sizeof(((struct check *)0)->file_block) / sizeof(uint8_t *))

static void note_block(void *context, uint32_t block, int64_t index)
{
    struct check *check = context;
    if (index >= 0 && index < (int64_t)FILE_BLOCKS)
        check->file_block[index] = view_block(&check->view, block);
}

static void gather_blocks(struct check *check, const struct disk_inode *inode)
{
    memset(check->file_block, 0, sizeof(check->file_block));
    view_each_block(&check->view, inode, note_block, check);
}

/* --- files and links ---------------------------------------------------------------------- */

static void read_file(struct check *check, const struct disk_inode *inode, struct tree_node *node)
{
    node->size = view_inode_size(inode);
    gather_blocks(check, inode);
    uint32_t per_block = check->view.block_size / 1024;
    for (uint64_t index = 0; index * 1024 < node->size; index++) {
        if (index / per_block >= FILE_BLOCKS)
            break;
        const uint8_t *block = check->file_block[index / per_block];
        if (block == NULL)
            continue;
        uint64_t left = node->size - index * 1024;
        struct tree_kib kib = tree_read_kib(block + index % per_block * 1024, (uint32_t)index,
                                            left < 1024 ? (uint32_t)left : 1024);
        if (kib.len != 0 && node->kib_count < TREE_KIBS)
            tree_add_kib(node, kib.index, kib.stamp, kib.len);
    }
}

static void read_link(struct check *check, const struct disk_inode *inode, struct tree_node *node)
{
    const uint8_t *text = (const void *)inode->block;
    if (inode->blocks != 0) {
        gather_blocks(check, inode);
        text = check->file_block[0];
    }
    if (text == NULL || inode->size >= sizeof(node->target)) {
        found(check, FINDING_DIRECTORY, "a symbolic link has no target");
        return;
    }
    memcpy(node->target, text, inode->size);
    node->target[inode->size] = '\0';
}

static char type_of(const struct disk_inode *inode)
{
    switch (inode->mode & DISK_MODE_TYPE) {
    case DISK_MODE_DIR:
        return 'd';
    case DISK_MODE_REGULAR:
        return 'f';
    case DISK_MODE_LINK:
        return 'l';
    default:
        return '?';
    }
}

/* --- directories -------------------------------------------------------------------------- */

static void check_dir(struct check *check, uint32_t ino, uint32_t parent, const char *path);

static void add_entry(struct check *check, uint32_t parent, const struct disk_entry *entry,
                      const char *dir)
{
    char path[TREE_PATH + 264];
    snprintf(path, sizeof(path), "%s%s%.*s", dir, dir[0] == '\0' ? "" : "/", entry->name_len,
             entry->name);
    const struct disk_inode *inode = view_inode(&check->view, entry->inode);
    char type = type_of(inode);
    static const char types[] = {'?', 'f', 'd', '?', '?', '?', '?', 'l'};
    if (entry->type >= sizeof(types) || types[entry->type] != type)
        found(check, FINDING_TYPE, "the entry %s has type %u", path, entry->type);
    struct tree *tree = &check->report->tree;
    if (tree_find(tree, path) != NULL)
        found(check, FINDING_DUPLICATE, "%s is there twice", path);
    if (check->node[entry->inode] != 0) {
        if (!tree_add_entry(tree, path, check->node[entry->inode] - 1))
            found(check, FINDING_TREE, "too many entries");
        if (type == 'd')
            found(check, FINDING_TWO_NAMES, "the directory %s has another name", path);
        return;
    }
    struct tree_node *node = tree_add(tree, path, type, entry->inode);
    if (node == NULL) {
        found(check, FINDING_TREE, "too many entries");
        return;
    }
    check->node[entry->inode] = (uint32_t)(node - tree->node) + 1;
    if (type == 'f')
        read_file(check, inode, node);
    else if (type == 'l')
        read_link(check, inode, node);
    else if (type == 'd')
        check_dir(check, entry->inode, parent, path);
}

static bool is_name(const struct disk_entry *entry, const char *name)
{
    return entry->name_len == strlen(name) && memcmp(entry->name, name, entry->name_len) == 0;
}

static void check_entry(struct check *check, uint32_t ino, uint32_t parent, const char *path,
                        const struct disk_entry *entry, uint32_t place)
{
    if (entry->inode == 0) {
        if (place < 2)
            found(check, FINDING_DIRECTORY, "directory %u lacks . or ..", ino);
        return;
    }
    if (view_inode(&check->view, entry->inode) == NULL || entry->name_len == 0 ||
        memchr(entry->name, '/', entry->name_len) != NULL ||
        memchr(entry->name, '\0', entry->name_len) != NULL) {
        found(check, FINDING_DIRECTORY, "directory %u has an entry for inode %u", ino,
              entry->inode);
        return;
    }
    if (place < 2) {
        uint32_t want = place == 0 ? ino : parent;
        if (!is_name(entry, place == 0 ? "." : ".."))
            found(check, FINDING_DIRECTORY, "directory %u lacks . or ..", ino);
        else if (entry->inode != want)
            found(check, place == 0 ? FINDING_DIRECTORY : FINDING_DOTDOT,
                  "directory %u has %u as entry %u", ino, entry->inode, place);
        check->names[entry->inode]++;
        return;
    }
    if (!check_in_use(check, entry->inode)) {
        found(check, FINDING_UNUSED, "%s/%.*s leads to inode %u, which is free", path,
              entry->name_len, entry->name, entry->inode);
        return;
    }
    check->names[entry->inode]++;
    add_entry(check, ino, entry, path);
}

static bool entry_fits(const uint8_t *block, uint32_t at, uint32_t size)
{
    if (size - at < DISK_ENTRY_HEAD)
        return false;
    const struct disk_entry *entry = (const void *)(block + at);
    return entry->rec_len % 4 == 0 && entry->rec_len <= size - at &&
           entry->rec_len >= DISK_ENTRY_SIZE(entry->inode == 0 ? 0 : entry->name_len);
}

static void check_dir_block(struct check *check, uint32_t ino, uint32_t parent, const char *path,
                            const uint8_t *block, uint32_t *place)
{
    uint32_t size = check->view.block_size;
    for (uint32_t at = 0; at < size;) {
        if (!entry_fits(block, at, size)) {
            found(check, FINDING_DIRECTORY, "directory %u has a wrong entry at %u", ino, at);
            return;
        }
        const struct disk_entry *entry = (const void *)(block + at);
        check_entry(check, ino, parent, path, entry, (*place)++);
        at += entry->rec_len;
    }
}

static void check_dir(struct check *check, uint32_t ino, uint32_t parent, const char *path)
{
    const struct disk_inode *inode = view_inode(&check->view, ino);
    const uint8_t *blocks[32] = {0};
    gather_blocks(check, inode);
    memcpy(blocks, check->file_block, sizeof(blocks));
    uint64_t count = view_inode_size(inode) / check->view.block_size;
    uint32_t place = 0;
    if (count > 32) {
        found(check, FINDING_TREE, "a large directory");
        count = 32;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (blocks[i] == NULL)
            found(check, FINDING_DIRECTORY, "directory %u has a hole", ino);
        else
            check_dir_block(check, ino, parent, path, blocks[i], &place);
    }
}

void check_tree(struct check *check)
{
    if (!check_in_use(check, DISK_ROOT_INO) ||
        type_of(view_inode(&check->view, DISK_ROOT_INO)) != 'd') {
        found(check, FINDING_DIRECTORY, "there is no root");
        return;
    }
    check_dir(check, DISK_ROOT_INO, DISK_ROOT_INO, "");
}
