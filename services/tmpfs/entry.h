/* SPDX-License-Identifier: BSD-2-Clause */
/* The entries of one directory: found by name through a hash table, listed by cookie. Used by
 * tree.c. */
#ifndef SERVICES_TMPFS_ENTRY_H
#define SERVICES_TMPFS_ENTRY_H

#include "services/tmpfs/tree.h"

/* NAME is not there and is 1 to TREE_NAME_MAX bytes long. False: no memory. */
bool entry_add(struct directory *dir, struct name name, struct inode *inode);
void entry_remove(struct directory *dir, struct entry *entry);
void entries_free(struct directory *dir);
/* The entry of a directory's subdirectory, which has exactly one. */
const struct entry *entry_of(const struct directory *dir, const struct inode *inode);

#endif
