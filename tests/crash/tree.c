/* SPDX-License-Identifier: BSD-2-Clause */
/* The model: what each operation should do. */
#include "tests/crash/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- entries and nodes ------------------------------------------------------------------- */

struct tree_entry *tree_find(struct tree *tree, const char *path)
{
    for (uint32_t i = 0; i < tree->entry_count; i++) {
        if (strcmp(tree->entry[i].path, path) == 0)
            return &tree->entry[i];
    }
    return NULL;
}

bool tree_add_entry(struct tree *tree, const char *path, uint32_t node)
{
    if (tree->entry_count == TREE_ENTRIES || strlen(path) >= TREE_PATH)
        return false;
    struct tree_entry *entry = &tree->entry[tree->entry_count++];
    strcpy(entry->path, path);
    entry->node = node;
    return true;
}

struct tree_node *tree_add(struct tree *tree, const char *path, char type, uint32_t id)
{
    if (tree->node_count == TREE_ENTRIES || !tree_add_entry(tree, path, tree->node_count))
        return NULL;
    struct tree_node *node = &tree->node[tree->node_count++];
    node->id = id;
    node->type = type;
    node->size = 0;
    node->kib_count = 0;
    node->target[0] = '\0';
    return node;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct tree_entry *)a)->path, ((const struct tree_entry *)b)->path);
}

void tree_sort(struct tree *tree)
{
    qsort(tree->entry, tree->entry_count, sizeof(tree->entry[0]), by_path);
}

static void remove_entry(struct tree *tree, struct tree_entry *entry)
{
    *entry = tree->entry[--tree->entry_count];
}

static bool is_dir(const struct tree *tree, const struct tree_entry *entry)
{
    return entry != NULL && tree->node[entry->node].type == 'd';
}

static bool parent_exists(struct tree *tree, const char *path)
{
    char parent[TREE_PATH];
    strcpy(parent, path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL)
        return true;
    *slash = '\0';
    return is_dir(tree, tree_find(tree, parent));
}

static bool lies_in(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    return strncmp(path, dir, len) == 0 && path[len] == '/';
}

static bool is_empty(const struct tree *tree, const char *dir)
{
    for (uint32_t i = 0; i < tree->entry_count; i++) {
        if (lies_in(tree->entry[i].path, dir))
            return false;
    }
    return true;
}

/* --- contents ---------------------------------------------------------------------------- */

void tree_add_kib(struct tree_node *node, uint32_t index, uint32_t stamp, uint32_t len)
{
    uint32_t i = 0;
    while (i < node->kib_count && node->kib[i].index < index)
        i++;
    if (i == node->kib_count || node->kib[i].index != index) {
        if (node->kib_count == TREE_KIBS) {
            fprintf(stderr, "too many blocks in a file\n");
            abort();
        }
        memmove(&node->kib[i + 1], &node->kib[i], (node->kib_count - i) * sizeof(node->kib[0]));
        node->kib_count++;
    }
    node->kib[i] = (struct tree_kib){index, stamp, len};
}

static void cut(struct tree_node *node, uint64_t size)
{
    node->size = size;
    while (node->kib_count != 0) {
        struct tree_kib *last = &node->kib[node->kib_count - 1];
        uint64_t at = (uint64_t)last->index * 1024;
        if (at < size) {
            if (at + last->len > size)
                last->len = (uint32_t)(size - at);
            return;
        }
        node->kib_count--;
    }
}

void tree_content(const struct tree_node *node, uint64_t at, uint32_t len, uint8_t *bytes)
{
    memset(bytes, 0, len);
    for (uint32_t i = 0; i < node->kib_count; i++) {
        const struct tree_kib *kib = &node->kib[i];
        uint64_t start = (uint64_t)kib->index * 1024;
        if (start < at || start >= at + len)
            continue;
        uint32_t word = kib->stamp << 12 | (kib->index & 0xFFF);
        for (uint32_t j = 0; j < kib->len; j += 4)
            memcpy(bytes + (start - at) + j, &word, 4);
    }
}

struct tree_kib tree_read_kib(const uint8_t *bytes, uint32_t index, uint32_t limit)
{
    uint32_t first, word, len = 0;
    memcpy(&first, bytes, 4);
    while (len < limit && (memcpy(&word, bytes + len, 4), word == first))
        len += 4;
    if (first == 0 && len == limit)
        return (struct tree_kib){index, 0, 0};
    bool good = first != 0 && (first & 0xFFF) == (index & 0xFFF);
    for (uint32_t i = len; i < limit; i++)
        good = good && bytes[i] == 0;
    return (struct tree_kib){index, good ? first >> 12 : TREE_GARBAGE, len};
}

/* --- operations -------------------------------------------------------------------------- */

static bool apply_new(struct tree *tree, const struct op *op, char type)
{
    if (tree_find(tree, op->path) != NULL || !parent_exists(tree, op->path))
        return false;
    struct tree_node *node = tree_add(tree, op->path, type, ++tree->next_id);
    if (node != NULL && type == 'l')
        snprintf(node->target, sizeof(node->target), "%s", op->path2);
    return node != NULL;
}

static bool apply_link(struct tree *tree, const struct op *op)
{
    struct tree_entry *from = tree_find(tree, op->path);
    if (from == NULL || is_dir(tree, from) || tree_find(tree, op->path2) != NULL ||
        !parent_exists(tree, op->path2))
        return false;
    return tree_add_entry(tree, op->path2, from->node);
}

static bool apply_unlink(struct tree *tree, const struct op *op)
{
    struct tree_entry *entry = tree_find(tree, op->path);
    bool directory = op->kind == OP_RMDIR;
    if (entry == NULL || is_dir(tree, entry) != directory)
        return false;
    if (directory && !is_empty(tree, op->path))
        return false;
    remove_entry(tree, entry);
    return true;
}

static bool may_replace(struct tree *tree, const struct tree_entry *from,
                        const struct tree_entry *to)
{
    if (to == NULL)
        return true;
    if (is_dir(tree, from) != is_dir(tree, to))
        return false;
    return !is_dir(tree, to) || is_empty(tree, to->path);
}

static void move_below(struct tree *tree, const char *from, const char *to)
{
    for (uint32_t i = 0; i < tree->entry_count; i++) {
        char *path = tree->entry[i].path, moved[2 * TREE_PATH];
        if (!lies_in(path, from))
            continue;
        snprintf(moved, sizeof(moved), "%s%s", to, path + strlen(from));
        moved[TREE_PATH - 1] = '\0';
        strcpy(path, moved);
    }
}

static bool apply_rename(struct tree *tree, const struct op *op)
{
    struct tree_entry *from = tree_find(tree, op->path), *to = tree_find(tree, op->path2);
    if (from == NULL || !parent_exists(tree, op->path2) || lies_in(op->path2, op->path))
        return false;
    if (to != NULL && (to == from || to->node == from->node))
        return true; /* two names of one file: nothing happens */
    if (!may_replace(tree, from, to))
        return false;
    if (to != NULL) {
        remove_entry(tree, to);
        from = tree_find(tree, op->path);
    }
    move_below(tree, op->path, op->path2);
    strcpy(from->path, op->path2);
    return true;
}

static bool apply_data(struct tree *tree, const struct op *op)
{
    struct tree_entry *entry = tree_find(tree, op->path);
    if (entry == NULL || tree->node[entry->node].type != 'f')
        return false;
    struct tree_node *node = &tree->node[entry->node];
    if (op->kind == OP_TRUNCATE) {
        cut(node, op->size);
        return true;
    }
    tree->next_stamp++;
    for (uint32_t i = op->at; i < op->at + op->size; i++)
        tree_add_kib(node, i, tree->next_stamp, 1024);
    uint64_t end = (uint64_t)(op->at + op->size) * 1024;
    node->size = node->size > end ? node->size : end;
    return true;
}

bool tree_apply(struct tree *tree, const struct op *op)
{
    switch (op->kind) {
    case OP_CREATE:
        return apply_new(tree, op, 'f');
    case OP_MKDIR:
        return apply_new(tree, op, 'd');
    case OP_SYMLINK:
        return apply_new(tree, op, 'l');
    case OP_LINK:
        return apply_link(tree, op);
    case OP_UNLINK:
    case OP_UNLINK_OPEN:
    case OP_RMDIR:
        return apply_unlink(tree, op);
    case OP_RENAME:
        return apply_rename(tree, op);
    case OP_TRUNCATE:
    case OP_WRITE:
        return apply_data(tree, op);
    case OP_CLOSE:
    case OP_COMMIT:
        break;
    }
    return true;
}

const char *op_text(const struct op *op)
{
    static const char *const names[] = {[OP_CREATE] = "create",   [OP_MKDIR] = "mkdir",
                                        [OP_SYMLINK] = "symlink", [OP_LINK] = "link",
                                        [OP_UNLINK] = "unlink",   [OP_RMDIR] = "rmdir",
                                        [OP_RENAME] = "rename",   [OP_TRUNCATE] = "truncate",
                                        [OP_WRITE] = "write",     [OP_UNLINK_OPEN] = "unlink-open",
                                        [OP_CLOSE] = "close",     [OP_COMMIT] = "commit"};
    static char text[4][256];
    static unsigned next;
    char *to = text[next++ % 4];
    int len =
        snprintf(to, sizeof(text[0]), "%s %s", names[op->kind], op->path == NULL ? "" : op->path);
    if (op->path2 != NULL)
        snprintf(to + len, sizeof(text[0]) - (size_t)len, " %.80s",
                 (op->path2[0] & 0x80) != 0 ? "MAGIC..." : op->path2);
    else if (op->kind == OP_WRITE || op->kind == OP_TRUNCATE)
        snprintf(to + len, sizeof(text[0]) - (size_t)len, " %u %u", op->at, op->size);
    return to;
}
