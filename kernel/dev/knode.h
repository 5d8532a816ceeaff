/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own directory (`boot/ pci/ jobs/ log clock power serial/ fault`) as a tree of nodes.
 * A node is a small value; looking one up allocates nothing and there is nothing to release, unless its
 * ops have get/put.  kernel/fd/namei.c walks it exactly as it walks a port.
 */
#ifndef KERNEL_DEV_KNODE_H
#define KERNEL_DEV_KNODE_H

#include "kernel/fd/file.h"

struct knode {
    const struct knode_ops *ops;
    void *data;               /* the ops' own */
    uint64_t number;          /* st_ino; also free for the ops' use */
    cloudabi_filetype_t type; /* directory, regular file, character device, shared memory */
};

#define KNODE_NAME_MAX 64

struct knode_entry { /* one name in a directory */
    char name[KNODE_NAME_MAX];
    size_t len;
    struct knode node;
};

struct knode_ops {
    /* Directories. NAME is one plain component, not NUL-terminated. ENOENT. */
    cloudabi_errno_t (*lookup)(const struct knode *dir, const char *name, size_t len,
                               struct knode *out);
    /* Entry number INDEX (0, 1, ...), not counting `.` and `..`; ENOENT past the last. */
    cloudabi_errno_t (*entry)(const struct knode *dir, uint64_t index, struct knode_entry *out);
    cloudabi_errno_t (*mkdir)(const struct knode *dir, const char *name, size_t len); /* EROFS */
    cloudabi_errno_t (*unlink)(const struct knode *dir, const char *name, size_t len,
                               bool directory); /* EROFS */
    /* Files: make an open file; RIGHTS_WRITE tells whether FD_WRITE is asked. EACCES-class errors allowed. */
    cloudabi_errno_t (*open)(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                             struct job *job, struct file **out);
    cloudabi_errno_t (*stat)(const struct knode *node,
                             cloudabi_filestat_t *out); /* default: number, type */
    /* Of a directory that is reached in a walk: the ops of a descriptor for it; NULL: the same. */
    const struct knode_ops *opened;
    void (*get)(const struct knode *node); /* optional reference counting of node->data */
    void (*put)(const struct knode *node);
};

extern const struct knode knode_root; /* kernel/dev/root.c */

/* A character or regular file whose content is made per call: most of kernel/dev. TEXT files are rendered
 * whole into a buffer at each read at offset, WRITE gets the whole written text (at most 4095 bytes). */
struct ktext_ops {
    size_t (*render)(void *data, char *buffer, size_t size);             /* NULL: not readable */
    cloudabi_errno_t (*store)(void *data, const char *text, size_t len); /* NULL: not writable */
    void (*release)(void *data); /* when an open file of it goes; NULL: nothing to do */
};
cloudabi_errno_t ktext_open(const struct ktext_ops *ops, void *data, cloudabi_fdflags_t flags,
                            struct job *job, struct file **out); /* a character device */
cloudabi_errno_t ktext_open_as(cloudabi_filetype_t type, const struct ktext_ops *ops, void *data,
                               cloudabi_fdflags_t flags, struct job *job, struct file **out);

#endif
