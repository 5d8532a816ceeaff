/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A place: a directory on the way of a look-up, in a service or in the kernel's own tree, and the rights that
 * what is found below it may have.  And the one request that both kinds understand.
 */
#ifndef KERNEL_FD_PLACE_H
#define KERNEL_FD_PLACE_H

#include "kernel/dev/knode.h"
#include "kernel/fd/port_priv.h"

struct place {
    struct port_node *node; /* referenced; NULL: the kernel's tree, `knode` */
    struct knode knode;     /* got */
    cloudabi_rights_t inheriting;
};

/* What a directory file supplies (file->ops->dir). Brings a directory of an older epoch up to date. */
struct dir_ops {
    cloudabi_errno_t (*place)(struct file *file, struct place *out);
};

cloudabi_errno_t place_of_file(const struct fd_grant *dir, struct place *out); /* ENOTDIR */
void place_put(struct place *place);

#define NAME_TARGET_MAX 1024

/* One step: an operation on (dir, path), path having plain components only (or being empty: the directory
 * itself).  `kind` says how it ended; LINK and CROSS mean that nothing was done yet. */
struct name_request {
    enum port_op op;
    struct place *dir;
    const char *path;
    size_t len;
    uint16_t flags; /* PORT_FLAG_* */
    /* arguments by operation */
    const struct open_args *open;
    struct job *job;    /* pays for what is opened */
    const char *target; /* SYMLINK, or the second name of LINK and RENAME */
    size_t target_len;
    struct place *dir2; /* LINK, RENAME */
    const cloudabi_filestat_t *attr;
    uint16_t mask;
    cloudabi_filestat_t *stat; /* STAT: filled in */
    /* results */
    enum port_kind kind;
    size_t consumed; /* LINK, CROSS */
    char *link;      /* room for NAME_TARGET_MAX bytes; LINK: target; READLINK: the bytes */
    size_t link_len;
    struct fd_grant given; /* CROSS: referenced */
    struct place found;    /* WALK: referenced */
    struct file *file;     /* OPEN: referenced */
    struct rights rights;  /* OPEN */
};

cloudabi_errno_t place_request(struct name_request *request);
cloudabi_errno_t port_place_request(struct name_request *request);  /* port_name.c */
cloudabi_errno_t knode_place_request(struct name_request *request); /* kdir.c */
/* An open directory of the kernel's tree: init's first descriptor. */
cloudabi_errno_t kdir_create(struct job *job, const struct knode *node, struct file **out);

#endif
