/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree of areas; see area_tree.h. */
#include "kernel/mm/area_tree.h"

#include "kernel/lib/assert.h"

struct vm_area *area_find(struct vm_area *root, uint64_t va)
{
    struct vm_area *best = NULL;
    while (root != NULL) {
        if (va < root->end) {
            best = root;
            if (va >= root->start)
                break;
            root = root->left;
        } else {
            root = root->right;
        }
    }
    return best;
}

struct vm_area *area_next(struct vm_area *area)
{
    if (area->right != NULL) {
        for (area = area->right; area->left != NULL;)
            area = area->left;
        return area;
    }
    while (area->parent != NULL && area->parent->right == area)
        area = area->parent;
    return area->parent;
}

struct vm_area *area_prev(struct vm_area *area)
{
    if (area->left != NULL) {
        for (area = area->left; area->right != NULL;)
            area = area->right;
        return area;
    }
    while (area->parent != NULL && area->parent->left == area)
        area = area->parent;
    return area->parent;
}

/* Lets NEW (may be NULL) take OLD's place below OLD's parent. */
static void replace(struct vm_area **root, struct vm_area *old, struct vm_area *new)
{
    if (old->parent == NULL)
        *root = new;
    else if (old->parent->left == old)
        old->parent->left = new;
    else
        old->parent->right = new;
    if (new != NULL)
        new->parent = old->parent;
}

/* Turns AREA and its parent around, keeping the order. */
static void rotate_up(struct vm_area **root, struct vm_area *area)
{
    struct vm_area *parent = area->parent, *moved;
    replace(root, parent, area);
    if (parent->left == area) {
        moved = area->right;
        area->right = parent;
        parent->left = moved;
    } else {
        moved = area->left;
        area->left = parent;
        parent->right = moved;
    }
    parent->parent = area;
    if (moved != NULL)
        moved->parent = parent;
}

void area_insert(struct vm_area **root, struct vm_area *area, uint32_t priority)
{
    struct vm_area **at = root, *parent = NULL;
    while (*at != NULL) {
        parent = *at;
        kassert(area->end <= parent->start || area->start >= parent->end);
        at = area->start < parent->start ? &parent->left : &parent->right;
    }
    *at = area;
    area->parent = parent;
    area->left = area->right = NULL;
    area->priority = priority;
    while (area->parent != NULL && area->parent->priority < area->priority)
        rotate_up(root, area);
}

void area_remove(struct vm_area **root, struct vm_area *area)
{
    while (area->left != NULL && area->right != NULL)
        rotate_up(root, area->left->priority > area->right->priority ? area->left : area->right);
    replace(root, area, area->left != NULL ? area->left : area->right);
    area->left = area->right = area->parent = NULL;
}

uint64_t area_gap(struct vm_area *root, uint64_t low, uint64_t high, uint64_t length,
                  uint64_t align, uint64_t *first_free)
{
    uint64_t at = low;
    bool seen = false;
    struct vm_area *area = area_find(root, low);
    for (;;) {
        uint64_t limit = area != NULL && area->start < high ? area->start : high;
        if (at < limit && !seen) {
            *first_free = at;
            seen = true;
        }
        uint64_t start = (at + align - 1) & ~(align - 1);
        if (start >= at && start < limit && limit - start >= length)
            return start;
        if (area == NULL || area->end >= high)
            break;
        at = area->end;
        area = area_next(area);
    }
    if (!seen)
        *first_free = high;
    return 0;
}
