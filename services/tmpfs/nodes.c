/* SPDX-License-Identifier: BSD-2-Clause */
/* Nodes: their answers, attributes, listings, and what becomes of directories after a restart. */
#include <string.h>

#include "services/tmpfs/ops.h"

/* --- answers ------------------------------------------------------------------------------ */

/* What REOPEN gets back. A directory is known by its origin; the path tells where to make it
 * again, empty, when a new instance has nothing. */
struct cookie {
    struct origin origin;
    char path[PORT_COOKIE_MAX - sizeof(struct origin)];
};

void tmpfs_attributes(const struct inode *inode, struct port_attr *attr)
{
    *attr = (struct port_attr){
        .ino = inode->id,
        .size = inode->size,
        .atim = inode->atim,
        .mtim = inode->mtim,
        .ctim = inode->ctim,
        .nlink = inode->nlink,
        .type = inode->type,
    };
}

static void answer_cookie(struct call *call, const struct inode *dir)
{
    struct cookie cookie = {.origin = dir->origin};
    size_t len = tree_path(dir, cookie.path, sizeof(cookie.path));
    if (len <= sizeof(cookie.path))
        call_cookie(call, &cookie, sizeof(cookie.origin) + len);
}

void tmpfs_answer_node(struct tree *tree, struct call *call, struct inode *inode)
{
    struct port_attr attr;
    tmpfs_attributes(inode, &attr);
    if (inode != tree->root)
        inode->lookups++;
    if (inode->type == CLOUDABI_FILETYPE_DIRECTORY) {
        call_node(call, inode->id, PORT_FORM_DIRECTORY, &attr);
        if (call->request.op != PORT_WALK)
            answer_cookie(call, inode);
    } else {
        call_node(call, inode->id, PORT_FORM_PAGED, &attr);
        call->reply.flags |= PORT_REPLY_KEEP;
    }
}

void tmpfs_orphan(struct server *server, struct inode *inode)
{
    if (inode == NULL || inode->lookups != 0)
        return;
    if (inode->type == CLOUDABI_FILETYPE_REGULAR_FILE)
        server_revoke(server, inode->id);
    tree_release(server->context, inode);
}

cloudabi_errno_t tmpfs_forget(struct server *server, struct call *call)
{
    struct inode *inode = tree_find(server->context, call->request.node);
    if (inode == NULL)
        return 0;
    inode->lookups -= call->request.a < inode->lookups ? call->request.a : inode->lookups;
    if (inode->nlink == 0)
        tmpfs_orphan(server, inode);
    return 0;
}

/* --- attributes --------------------------------------------------------------------------- */

void tmpfs_set_times(struct inode *inode, const struct port_request *request)
{
    if ((request->a & CLOUDABI_FILESTAT_ATIM) != 0)
        inode->atim = request->attr.atim;
    if ((request->a & CLOUDABI_FILESTAT_ATIM_NOW) != 0)
        inode->atim = request->time;
    if ((request->a & CLOUDABI_FILESTAT_MTIM) != 0)
        inode->mtim = request->attr.mtim;
    if ((request->a & CLOUDABI_FILESTAT_MTIM_NOW) != 0)
        inode->mtim = request->time;
    inode->ctim = request->time;
}

cloudabi_errno_t tmpfs_get_attr(struct server *server, struct call *call)
{
    const struct inode *inode = tree_find(server->context, call->request.node);
    struct port_attr attr;
    if (inode == NULL)
        return CLOUDABI_ESTALE;
    tmpfs_attributes(inode, &attr);
    call_attr(call, inode->id, &attr);
    return 0;
}

cloudabi_errno_t tmpfs_set_attr(struct server *server, struct call *call)
{
    struct inode *inode = tree_find(server->context, call->request.node);
    if (inode == NULL)
        return CLOUDABI_ESTALE;
    if ((call->request.a & CLOUDABI_FILESTAT_SIZE) != 0) {
        if (inode->type != CLOUDABI_FILETYPE_REGULAR_FILE)
            return CLOUDABI_EISDIR;
        inode->size = call->request.attr.size;
        inode->mtim = call->request.time;
    }
    tmpfs_set_times(inode, &call->request);
    return tmpfs_get_attr(server, call);
}

/* --- listings ----------------------------------------------------------------------------- */

/* `.` and `..` as cookies 0 and 1. False: the reply is full. */
static bool list_dots(struct call *call, const struct inode *dir, uint64_t cookie)
{
    if (cookie == 0 && !call_dirent(call, ".", 1, dir->id, CLOUDABI_FILETYPE_DIRECTORY, 1))
        return false;
    return cookie > 1 ||
           call_dirent(call, "..", 2, dir->dir.parent->id, CLOUDABI_FILETYPE_DIRECTORY, TREE_FIRST);
}

cloudabi_errno_t tmpfs_readdir(struct server *server, struct call *call)
{
    struct inode *dir = tree_find(server->context, call->request.node);
    if (dir == NULL)
        return CLOUDABI_ESTALE;
    if (dir->type != CLOUDABI_FILETYPE_DIRECTORY)
        return CLOUDABI_ENOTDIR;
    if (!list_dots(call, dir, call->request.a))
        return 0;
    for (struct entry *entry = tree_entry_from(dir, call->request.a); entry != NULL;
         entry = entry->next) {
        if (!call_dirent(call, entry->name, entry->len, entry->inode->id, entry->inode->type,
                         entry->cookie + 1)) {
            dir->dir.resume = entry;
            return 0;
        }
    }
    call_dir_end(call);
    return 0;
}

/* --- after a restart ---------------------------------------------------------------------- */

static bool same_origin(struct origin a, struct origin b)
{
    return a.instance == b.instance && a.id == b.id;
}

/* The directory NAME in DIR, made if it is missing. */
static cloudabi_errno_t revive_one(struct tree *tree, struct inode *dir, struct name name,
                                   uint64_t now, struct inode **out)
{
    struct entry *entry = tree_lookup(dir, name);
    if (entry == NULL)
        return tree_create(tree, dir, name, CLOUDABI_FILETYPE_DIRECTORY, now, out);
    *out = entry->inode;
    return entry->inode->type == CLOUDABI_FILETYPE_DIRECTORY ? 0 : CLOUDABI_ESTALE;
}

static cloudabi_errno_t revive(struct tree *tree, const char *path, size_t len, uint64_t now,
                               struct inode **out)
{
    struct name name;
    struct inode *dir = tree->root;
    cloudabi_errno_t error = 0;
    while (error == 0 && path_next(&path, &len, &name.text, &name.len))
        error = revive_one(tree, dir, name, now, &dir);
    *out = dir;
    return error;
}

/* A directory that was opened in an earlier instance goes on as a new one at its old path. The
 * first that comes claims the path: two directories of the past never become one. */
cloudabi_errno_t tmpfs_reopen(struct server *server, struct call *call)
{
    struct tree *tree = server->context;
    struct cookie cookie;
    struct inode *dir;
    if (call->data_len <= sizeof(cookie.origin) || call->data_len > sizeof(cookie))
        return CLOUDABI_ESTALE;
    memcpy(&cookie, call->data, call->data_len);
    if (cookie.origin.instance == tree->instance)
        return CLOUDABI_ESTALE;
    cloudabi_errno_t error =
        revive(tree, cookie.path, call->data_len - sizeof(cookie.origin), call->request.time, &dir);
    if (error != 0 || (dir->claimed && !same_origin(dir->origin, cookie.origin)))
        return CLOUDABI_ESTALE;
    dir->claimed = true;
    dir->origin = cookie.origin;
    tmpfs_answer_node(tree, call, dir);
    return 0;
}

const struct server_ops tmpfs_ops = {
    .open = tmpfs_open,
    .walk = tmpfs_walk,
    .stat = tmpfs_stat,
    .put_attr = tmpfs_put_attr,
    .mkdir = tmpfs_mkdir,
    .symlink = tmpfs_symlink,
    .unlink = tmpfs_unlink,
    .readlink = tmpfs_readlink,
    .link = tmpfs_link,
    .rename = tmpfs_rename,
    .get_attr = tmpfs_get_attr,
    .set_attr = tmpfs_set_attr,
    .readdir = tmpfs_readdir,
    .reopen = tmpfs_reopen,
    .forget = tmpfs_forget,
};
