/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The areas of an address space in order of address, never overlapping: a treap (a search tree by address
 * that is a heap by a random priority, so balanced whatever the order of insertion).  Pure: no locks, no memory.
 */
#ifndef KERNEL_MM_AREA_TREE_H
#define KERNEL_MM_AREA_TREE_H

#include "kernel/mm/vmspace.h"

/* The area that contains VA, or else the first above it; NULL: none. */
struct vm_area *area_find(struct vm_area *root, uint64_t va);
struct vm_area *area_next(struct vm_area *area);
struct vm_area *area_prev(struct vm_area *area);
void area_insert(struct vm_area **root, struct vm_area *area, uint32_t priority);
void area_remove(struct vm_area **root, struct vm_area *area);
/* The lowest START in [low, high) such that [start, start + length) is free and below HIGH, a multiple of ALIGN (a
 * power of 2). 0: none. *FIRST_FREE: the lowest free page seen, or where the search ended. */
uint64_t area_gap(struct vm_area *root, uint64_t low, uint64_t high, uint64_t length,
                  uint64_t align, uint64_t *first_free);

#endif
