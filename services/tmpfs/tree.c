/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of inodes, and the operations that change names. Entries of one directory: entry.c. */
#include <stdlib.h>
#include <string.h>

#include "services/tmpfs/entry.h"

static bool is_dir(const struct inode *inode)
{
    return inode->type == CLOUDABI_FILETYPE_DIRECTORY;
}

/* --- the table of inodes ------------------------------------------------------------------ */

static struct inode **table_slot(const struct tree *tree, uint64_t id)
{
    return &tree->table[id & (tree->table_len - 1)];
}

static bool table_grow(struct tree *tree)
{
    uint32_t len = tree->table_len == 0 ? 64 : tree->table_len * 2;
    struct inode **table = calloc(len, sizeof(*table));
    if (table == NULL)
        return tree->table_len != 0; /* a full table is slow, not wrong */
    struct inode **old = tree->table;
    uint32_t old_len = tree->table_len;
    tree->table = table;
    tree->table_len = len;
    for (uint32_t i = 0; i < old_len; i++) {
        for (struct inode *inode = old[i], *next; inode != NULL; inode = next) {
            next = inode->hash_next;
            inode->hash_next = *table_slot(tree, inode->id);
            *table_slot(tree, inode->id) = inode;
        }
    }
    free(old);
    return true;
}

static struct inode *inode_create(struct tree *tree, cloudabi_filetype_t type, uint64_t now)
{
    if (tree->count >= tree->table_len && !table_grow(tree))
        return NULL;
    struct inode *inode = calloc(1, sizeof(*inode));
    if (inode == NULL)
        return NULL;
    inode->id = tree->next_id++;
    inode->type = type;
    inode->atim = inode->mtim = inode->ctim = now;
    if (type == CLOUDABI_FILETYPE_DIRECTORY) {
        inode->nlink = 1; /* its own `.` */
        inode->dir.next_cookie = TREE_FIRST;
        inode->origin = (struct origin){tree->instance, inode->id};
    }
    inode->hash_next = *table_slot(tree, inode->id);
    *table_slot(tree, inode->id) = inode;
    tree->count++;
    return inode;
}

static void inode_destroy(struct tree *tree, struct inode *inode)
{
    struct inode **at = table_slot(tree, inode->id);
    while (*at != inode)
        at = &(*at)->hash_next;
    *at = inode->hash_next;
    tree->count--;
    if (is_dir(inode))
        entries_free(&inode->dir);
    else if (inode->type == CLOUDABI_FILETYPE_SYMBOLIC_LINK)
        free(inode->target);
    free(inode);
}

bool tree_init(struct tree *tree, uint64_t instance, uint64_t now)
{
    *tree = (struct tree){.instance = instance, .next_id = TREE_ROOT};
    tree->root = inode_create(tree, CLOUDABI_FILETYPE_DIRECTORY, now);
    if (tree->root == NULL)
        return false;
    tree->root->nlink = 2;
    tree->root->dir.parent = tree->root;
    return true;
}

void tree_free(struct tree *tree)
{
    for (uint32_t i = 0; i < tree->table_len; i++) {
        while (tree->table[i] != NULL)
            inode_destroy(tree, tree->table[i]);
    }
    free(tree->table);
    *tree = (struct tree){.next_id = TREE_ROOT};
}

struct inode *tree_find(const struct tree *tree, uint64_t id)
{
    struct inode *inode = *table_slot(tree, id);
    while (inode != NULL && inode->id != id)
        inode = inode->hash_next;
    return inode;
}

void tree_release(struct tree *tree, struct inode *inode)
{
    if (inode->nlink == 0 && inode->lookups == 0)
        inode_destroy(tree, inode);
}

/* --- making names ------------------------------------------------------------------------- */

static void touch(struct inode *dir, uint64_t now)
{
    dir->mtim = dir->ctim = now;
}

/* Whether NAME can be made in DIR. */
static cloudabi_errno_t check_new(const struct inode *dir, struct name name)
{
    if (!is_dir(dir))
        return CLOUDABI_ENOTDIR;
    if (dir->nlink == 0)
        return CLOUDABI_ENOENT;
    if (name.len == 0 || name.len > TREE_NAME_MAX)
        return name.len == 0 ? CLOUDABI_EINVAL : CLOUDABI_ENAMETOOLONG;
    return tree_lookup(dir, name) != NULL ? CLOUDABI_EEXIST : 0;
}

cloudabi_errno_t tree_create(struct tree *tree, struct inode *dir, struct name name,
                             cloudabi_filetype_t type, uint64_t now, struct inode **out)
{
    cloudabi_errno_t error = check_new(dir, name);
    if (error != 0)
        return error;
    struct inode *inode = inode_create(tree, type, now);
    if (inode == NULL)
        return CLOUDABI_ENOSPC;
    if (!entry_add(&dir->dir, name, inode)) {
        inode_destroy(tree, inode);
        return CLOUDABI_ENOSPC;
    }
    inode->nlink++;
    if (is_dir(inode)) {
        inode->dir.parent = dir;
        dir->nlink++;
    }
    touch(dir, now);
    *out = inode;
    return 0;
}

cloudabi_errno_t tree_symlink(struct tree *tree, struct inode *dir, struct name name,
                              struct name target, uint64_t now)
{
    if (target.len == 0 || target.len > TREE_TARGET_MAX)
        return target.len == 0 ? CLOUDABI_ENOENT : CLOUDABI_ENAMETOOLONG;
    char *copy = malloc(target.len);
    if (copy == NULL)
        return CLOUDABI_ENOSPC;
    memcpy(copy, target.text, target.len);
    struct inode *inode;
    cloudabi_errno_t error =
        tree_create(tree, dir, name, CLOUDABI_FILETYPE_SYMBOLIC_LINK, now, &inode);
    if (error != 0) {
        free(copy);
        return error;
    }
    inode->target = copy;
    inode->size = target.len;
    return 0;
}

cloudabi_errno_t tree_link(struct inode *dir, struct name name, struct inode *inode, uint64_t now)
{
    if (is_dir(inode))
        return CLOUDABI_EPERM;
    cloudabi_errno_t error = check_new(dir, name);
    if (error != 0)
        return error;
    if (inode->nlink == 0)
        return CLOUDABI_ENOENT;
    if (inode->nlink >= TREE_LINK_MAX)
        return CLOUDABI_EMLINK;
    if (!entry_add(&dir->dir, name, inode))
        return CLOUDABI_ENOSPC;
    inode->nlink++;
    inode->ctim = now;
    touch(dir, now);
    return 0;
}

/* --- removing names ----------------------------------------------------------------------- */

/* INODE has lost one name in DIR. */
static void drop_name(struct inode *dir, struct inode *inode, uint64_t now, struct inode **orphan)
{
    inode->nlink--;
    inode->ctim = now;
    if (is_dir(inode)) {
        dir->nlink--;
        inode->nlink = 0; /* `.` goes too */
        inode->dir.parent = inode;
    }
    if (inode->nlink == 0)
        *orphan = inode;
}

cloudabi_errno_t tree_unlink(struct inode *dir, struct name name, bool directory, bool must_dir,
                             uint64_t now, struct inode **orphan)
{
    *orphan = NULL;
    struct entry *entry = tree_lookup(dir, name);
    if (entry == NULL)
        return CLOUDABI_ENOENT;
    struct inode *inode = entry->inode;
    if (!is_dir(inode) && (directory || must_dir))
        return CLOUDABI_ENOTDIR;
    if (is_dir(inode) && !directory)
        return CLOUDABI_EPERM;
    if (is_dir(inode) && inode->dir.count != 0)
        return CLOUDABI_ENOTEMPTY;
    entry_remove(&dir->dir, entry);
    drop_name(dir, inode, now, orphan);
    touch(dir, now);
    return 0;
}

/* --- renaming ----------------------------------------------------------------------------- */

static bool is_below(const struct inode *dir, const struct inode *ancestor)
{
    while (dir != ancestor && dir->dir.parent != dir)
        dir = dir->dir.parent;
    return dir == ancestor;
}

static cloudabi_errno_t check_rename(const struct rename *rename, const struct inode *moved,
                                     const struct inode *replaced)
{
    if (rename->must_dir && !is_dir(moved))
        return CLOUDABI_ENOTDIR;
    if (rename->to->nlink == 0)
        return CLOUDABI_ENOENT;
    if (is_dir(moved) && is_below(rename->to, moved))
        return CLOUDABI_EINVAL;
    if (replaced == NULL)
        return rename->to_name.len > TREE_NAME_MAX ? CLOUDABI_ENAMETOOLONG : 0;
    if (is_dir(moved) && !is_dir(replaced))
        return CLOUDABI_ENOTDIR;
    if (!is_dir(moved) && is_dir(replaced))
        return CLOUDABI_EISDIR;
    if (is_dir(replaced) && replaced->dir.count != 0)
        return CLOUDABI_ENOTEMPTY;
    return 0;
}

static void move_directory(const struct rename *rename, struct inode *moved)
{
    if (!is_dir(moved) || rename->from == rename->to)
        return;
    rename->from->nlink--;
    rename->to->nlink++;
    moved->dir.parent = rename->to;
}

cloudabi_errno_t tree_rename(const struct rename *rename, struct inode **orphan)
{
    *orphan = NULL;
    struct entry *source = tree_lookup(rename->from, rename->from_name);
    if (source == NULL)
        return CLOUDABI_ENOENT;
    struct inode *moved = source->inode;
    struct entry *target = tree_lookup(rename->to, rename->to_name);
    if (target != NULL && target->inode == moved && !(rename->must_dir && !is_dir(moved)))
        return 0; /* two names of one file: POSIX has both stay */
    cloudabi_errno_t error = check_rename(rename, moved, target != NULL ? target->inode : NULL);
    if (error != 0)
        return error;
    if (target != NULL) {
        struct inode *replaced = target->inode;
        target->inode = moved;
        drop_name(rename->to, replaced, rename->now, orphan);
    } else if (!entry_add(&rename->to->dir, rename->to_name, moved)) {
        return CLOUDABI_ENOSPC;
    }
    entry_remove(&rename->from->dir, source);
    move_directory(rename, moved);
    moved->ctim = rename->now;
    touch(rename->from, rename->now);
    touch(rename->to, rename->now);
    return 0;
}

/* --- paths -------------------------------------------------------------------------------- */

size_t tree_path(const struct inode *dir, char *buffer, size_t size)
{
    size_t at = size;
    for (; dir->dir.parent != dir; dir = dir->dir.parent) {
        const struct entry *entry = entry_of(&dir->dir.parent->dir, dir);
        size_t need = (at < size) + (size_t)entry->len;
        if (need > at)
            return SIZE_MAX;
        if (at < size)
            buffer[--at] = '/';
        at -= entry->len;
        memcpy(buffer + at, entry->name, entry->len);
    }
    memmove(buffer, buffer + at, size - at);
    return dir->nlink != 0 ? size - at : SIZE_MAX;
}
