/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree from page index to page: 64-way, only as high as the largest index needs, a single page at
 * index 0 without any node.  Pure: no locks, memory through callbacks.
 */
#ifndef KERNEL_MM_RADIX_H
#define KERNEL_MM_RADIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RADIX_BITS   6
#define RADIX_FANOUT (1u << RADIX_BITS)

struct radix_node {
    unsigned count; /* slots in use */
    void *slot[RADIX_FANOUT];
};

struct radix {
    void *root; /* height 0: the item of index 0; else a node */
    unsigned height;
};

struct radix_ops {
    struct radix_node *(*alloc)(void *ctx); /* zeroed, or NULL */
    void (*free)(struct radix_node *node);
};

void *radix_find(const struct radix *tree, uint64_t index); /* NULL: nothing there */
/* Where the items from INDEX on lie, *COUNT of them that share a node; NULL: none. Until the tree is changed. */
void *const *radix_slots(const struct radix *tree, uint64_t index, size_t *count);
/* False: no memory, nothing changed. The place must be empty. */
bool radix_insert(struct radix *tree, uint64_t index, void *item, const struct radix_ops *ops,
                  void *ctx);
void *radix_remove(struct radix *tree, uint64_t index,
                   const struct radix_ops *ops); /* the item or NULL */
/* The first item at or above *INDEX, which becomes its index; NULL: none. */
void *radix_next(const struct radix *tree, uint64_t *index);

#endif
