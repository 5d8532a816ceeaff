/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The requests of the port protocol, served from a tree. The server's context is a struct tree.
 *
 * References: every node that is answered to OPEN, WALK or REOPEN counts one look-up of its
 * inode, FORGET takes them back. The root is not counted: it never goes.
 */
#ifndef SERVICES_TMPFS_OPS_H
#define SERVICES_TMPFS_OPS_H

#include "pseudofd/server/server.h"
#include "services/tmpfs/tree.h"

extern const struct server_ops tmpfs_ops;

/* names.c: operations on (directory, path). */
call_function tmpfs_open, tmpfs_walk, tmpfs_stat, tmpfs_put_attr, tmpfs_mkdir, tmpfs_symlink,
    tmpfs_unlink, tmpfs_readlink, tmpfs_link, tmpfs_rename;
/* nodes.c: operations on a node. */
call_function tmpfs_get_attr, tmpfs_set_attr, tmpfs_readdir, tmpfs_reopen, tmpfs_forget;

/* Answers CALL with a node and counts the look-up. */
void tmpfs_answer_node(struct tree *tree, struct call *call, struct inode *inode);
void tmpfs_attributes(const struct inode *inode, struct port_attr *attr);
void tmpfs_set_times(struct inode *inode, const struct port_request *request);
/* INODE (may be NULL) has lost its last name: revokes what the kernel keeps of it, unless it is
 * in use. */
void tmpfs_orphan(struct server *server, struct inode *inode);

#endif
