/* SPDX-License-Identifier: BSD-2-Clause */
/* The page tree; see radix.h. Nodes without a used slot do not exist between calls. */
#include "kernel/mm/radix.h"

#include <stddef.h>

#define HEIGHT_MAX 11 /* 66 bits */

/* Whether a tree of HEIGHT levels has a place for INDEX. */
static bool covers(unsigned height, uint64_t index)
{
    return height * RADIX_BITS >= 64 || (index >> (height * RADIX_BITS)) == 0;
}

/* Slot of INDEX in a node at LEVEL (1 = its slots are items). */
static unsigned slot_of(uint64_t index, unsigned level)
{
    return (index >> ((level - 1) * RADIX_BITS)) & (RADIX_FANOUT - 1);
}

void *radix_find(const struct radix *tree, uint64_t index)
{
    if (!covers(tree->height, index))
        return NULL;
    void *at = tree->root;
    for (unsigned level = tree->height; level > 0 && at != NULL; level--)
        at = ((struct radix_node *)at)->slot[slot_of(index, level)];
    return at;
}

void *const *radix_slots(const struct radix *tree, uint64_t index, size_t *count)
{
    *count = 1;
    if (!covers(tree->height, index))
        return NULL;
    void *const *slot = &tree->root;
    for (unsigned level = tree->height; level > 0; level--) {
        struct radix_node *node = *slot;
        if (node == NULL)
            return NULL;
        slot = &node->slot[slot_of(index, level)];
        *count = RADIX_FANOUT - slot_of(index, level);
    }
    return slot;
}

/* PATH[level] are the nodes from the root (level = height) down to LEVEL; frees those that are empty. */
static void free_empty(struct radix *tree, struct radix_node **path, unsigned level, uint64_t index,
                       const struct radix_ops *ops)
{
    for (; level <= tree->height && path[level]->count == 0; level++) {
        ops->free(path[level]);
        if (level == tree->height) {
            *tree = (struct radix){0};
            return;
        }
        path[level + 1]->slot[slot_of(index, level + 1)] = NULL;
        path[level + 1]->count--;
    }
}

/* Puts nodes on top until INDEX is covered. */
static bool grow(struct radix *tree, uint64_t index, const struct radix_ops *ops, void *ctx)
{
    while (!covers(tree->height, index)) {
        if (tree->root != NULL) {
            struct radix_node *node = ops->alloc(ctx);
            if (node == NULL)
                return false;
            node->slot[0] = tree->root;
            node->count = 1;
            tree->root = node;
        }
        tree->height++;
    }
    return true;
}

bool radix_insert(struct radix *tree, uint64_t index, void *item, const struct radix_ops *ops,
                  void *ctx)
{
    struct radix_node *path[HEIGHT_MAX + 1];
    if (!grow(tree, index, ops, ctx))
        return false;
    if (tree->height == 0) {
        tree->root = item;
        return true;
    }
    void **at = &tree->root;
    struct radix_node *above = NULL;
    for (unsigned level = tree->height; level > 0; level--) {
        if (*at == NULL) {
            struct radix_node *node = ops->alloc(ctx);
            if (node == NULL) {
                if (above == NULL)
                    tree->height = 0;
                else
                    free_empty(tree, path, level + 1, index, ops);
                return false;
            }
            *at = node;
            if (above != NULL)
                above->count++;
        }
        above = path[level] = *at;
        at = &above->slot[slot_of(index, level)];
    }
    *at = item;
    above->count++;
    return true;
}

void *radix_remove(struct radix *tree, uint64_t index, const struct radix_ops *ops)
{
    struct radix_node *path[HEIGHT_MAX + 1];
    if (!covers(tree->height, index) || tree->root == NULL)
        return NULL;
    void **at = &tree->root;
    for (unsigned level = tree->height; level > 0; level--) {
        path[level] = *at;
        at = &path[level]->slot[slot_of(index, level)];
        if (*at == NULL)
            return NULL;
    }
    void *item = *at;
    *at = NULL;
    if (tree->height > 0) {
        path[1]->count--;
        free_empty(tree, path, 1, index, ops);
    }
    return item;
}

/* Searches below NODE at LEVEL from *INDEX on, which lies in its range. */
static void *next_below(const struct radix_node *node, unsigned level, uint64_t *index)
{
    for (unsigned slot = slot_of(*index, level); slot < RADIX_FANOUT; slot++) {
        unsigned shift = (level - 1) * RADIX_BITS;
        if (node->slot[slot] != NULL) {
            if (level == 1)
                return node->slot[slot];
            void *item = next_below(node->slot[slot], level - 1, index);
            if (item != NULL)
                return item;
        }
        /* The start of the next slot's range. In the last slot this leaves the node. */
        uint64_t next = ((*index >> shift) + 1) << shift;
        if (slot + 1 == RADIX_FANOUT || next == 0)
            return NULL;
        *index = next;
    }
    return NULL;
}

void *radix_next(const struct radix *tree, uint64_t *index)
{
    if (tree->root == NULL || !covers(tree->height, *index))
        return NULL;
    if (tree->height == 0)
        return tree->root;
    return next_below(tree->root, tree->height, index);
}
