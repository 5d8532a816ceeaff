/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of a file system in memory: inodes and directory entries. It knows nothing of
 * requests.
 *
 * An inode lives while it has a name (nlink) or the kernel refers to it (lookups). What a
 * regular file holds is not here: it is a memory object of the kernel, keyed by the inode's id.
 * Ids are never used twice.
 *
 * Functions that change the tree check everything first; when they return an error nothing has
 * changed. One thread.
 */
#ifndef SERVICES_TMPFS_TREE_H
#define SERVICES_TMPFS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/cloudabi_types.h"

#define TREE_NAME_MAX   255u
#define TREE_TARGET_MAX 1023u
#define TREE_LINK_MAX   65000u
#define TREE_ROOT       1ull
#define TREE_FIRST      2ull /* cookie of a directory's first entry; 0 and 1 are `.` and `..` */

struct entry;

struct directory {
    struct inode *parent;   /* the root's is itself */
    struct entry **buckets; /* NULL while empty */
    uint32_t buckets_len;   /* power of two, or 0 */
    uint32_t count;
    uint64_t next_cookie;
    struct entry *first, *last; /* by cookie */
    struct entry *resume;       /* where the last listing had no more room, or NULL */
};

/* Who a directory was before a restart of the service: what its clients' cookies say. */
struct origin {
    uint64_t instance, id;
};

struct inode {
    struct inode *hash_next;
    uint64_t id;
    uint64_t lookups; /* references that the kernel holds */
    uint64_t size, atim, mtim, ctim;
    uint32_t nlink;
    cloudabi_filetype_t type;
    bool claimed;         /* directory: origin is that of an earlier instance */
    struct origin origin; /* directory */
    union {
        struct directory dir;
        char *target; /* symbolic link: size bytes */
    };
};

struct entry {
    struct entry *hash_next, *previous, *next;
    struct inode *inode;
    uint64_t cookie;
    uint32_t hash; /* of the name */
    uint8_t len;
    char name[];
};

struct tree {
    struct inode **table; /* all inodes by id */
    uint32_t table_len, count;
    uint64_t next_id;
    uint64_t instance;
    struct inode *root;
};

/* A name in a directory. */
struct name {
    const char *text; /* not NUL-terminated */
    size_t len;
};

/* INSTANCE: random, tells this run of the service from others. False: no memory. */
bool tree_init(struct tree *tree, uint64_t instance, uint64_t now);
void tree_free(struct tree *tree);

struct inode *tree_find(const struct tree *tree, uint64_t id);
struct entry *tree_lookup(const struct inode *dir, struct name name);
/* The entry with the smallest cookie that is at least COOKIE, or NULL. */
struct entry *tree_entry_from(const struct inode *dir, uint64_t cookie);

/* A new inode of TYPE under NAME, which must not exist. ENOSPC: no memory. ENOENT: DIR has been
 * removed. */
cloudabi_errno_t tree_create(struct tree *tree, struct inode *dir, struct name name,
                             cloudabi_filetype_t type, uint64_t now, struct inode **out);
cloudabi_errno_t tree_symlink(struct tree *tree, struct inode *dir, struct name name,
                              struct name target, uint64_t now);
cloudabi_errno_t tree_link(struct inode *dir, struct name name, struct inode *inode, uint64_t now);

/* These may leave an inode without names: *ORPHAN, to be given to tree_release() once lookups is
 * 0. */
cloudabi_errno_t tree_unlink(struct inode *dir, struct name name, bool directory, bool must_dir,
                             uint64_t now, struct inode **orphan);
struct rename {
    struct inode *from, *to; /* directories */
    struct name from_name, to_name;
    bool must_dir; /* what is moved must be a directory */
    uint64_t now;
};
cloudabi_errno_t tree_rename(const struct rename *rename, struct inode **orphan);

/* Frees an inode that has neither names nor lookups. */
void tree_release(struct tree *tree, struct inode *inode);

/* The path of a directory from the root, written to BUFFER; its length, or SIZE_MAX if it does
 * not fit. */
size_t tree_path(const struct inode *dir, char *buffer, size_t size);

#endif
