/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The requests of the port protocol, served from a file system (fs.h). The server's context is a struct volume.
 *
 * The port's root is a directory of its own with one entry, `files`, the root of the file system. Whoever holds the
 * port's root may have the file system finish, by a sync of it; who was granted `files` may not.
 *
 * The number of a node is generation << 32 | inode, so that one that was used again is not taken for the old one.
 */
#ifndef SERVICES_EXT2_OPS_H
#define SERVICES_EXT2_OPS_H

#include "pseudofd/server/server.h"
#include "services/ext2/backing.h"
#include "services/ext2/fs.h"

#define FILES_NAME "files"

struct volume {
    struct fs *fs;
    struct backing backing;
    uint64_t mounted; /* realtime ns, for the attributes of the port's root */
};

extern const struct server_ops ext2_ops;

/* names.c: operations on (directory, path). */
call_function ext2_open, ext2_walk, ext2_stat, ext2_put_attr, ext2_mkdir, ext2_symlink, ext2_unlink,
    ext2_readlink, ext2_link, ext2_rename;
/* nodes.c: operations on a node. */
call_function ext2_get_attr, ext2_set_attr, ext2_readdir, ext2_sync, ext2_reopen, ext2_forget;
/* pages.c: what files hold. */
call_function ext2_page_in, ext2_page_out, ext2_reserve, ext2_wrote;

/* nodes.c. The inode of a node, held. ESTALE: there is none (any more). */
cloudabi_errno_t volume_find(const struct volume *volume, uint64_t node, struct inode **out);
uint64_t volume_node(const struct inode *inode);
uint64_t volume_attributes(const struct inode *inode, struct port_attr *attr); /* gives the node */
void volume_root_attributes(const struct volume *volume, struct port_attr *attr);
/* Answers with a node, and counts the reference. */
void volume_answer_node(struct call *call, struct inode *inode);
void volume_answer_root(struct call *call);
/* Sets the times that a request names. */
cloudabi_errno_t volume_set_times(struct inode *inode, const struct port_request *request);

#endif
