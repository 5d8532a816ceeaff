/* SPDX-License-Identifier: BSD-2-Clause */
/* Names: from a directory and a path of plain components to what the operation wants of it. */
#include "services/tmpfs/ops.h"

/* Where a path ended. */
struct spot {
    struct inode *dir; /* holds the last name; NULL if the path was empty */
    struct name name;
    struct inode *inode; /* NULL: no such name */
    bool linked;         /* stopped at a symbolic link: the call has been answered */
};

enum last { LAST_KEEP, LAST_FOLLOW }; /* what to do with a final symbolic link */

/* Finds PATH below NODE. A name that is missing is an error unless it is the last. */
static cloudabi_errno_t resolve(struct call *call, enum last last, struct spot *spot)
{
    const struct tree *tree = call->server->context;
    const char *path = call->path;
    size_t left = call->path_len;
    *spot = (struct spot){.inode = tree_find(tree, call->request.node)};
    if (spot->inode == NULL)
        return CLOUDABI_ESTALE;
    while (path_next(&path, &left, &spot->name.text, &spot->name.len)) {
        if (spot->inode == NULL)
            return CLOUDABI_ENOENT;
        if (spot->inode->type != CLOUDABI_FILETYPE_DIRECTORY)
            return CLOUDABI_ENOTDIR;
        if (spot->name.len > TREE_NAME_MAX)
            return CLOUDABI_ENAMETOOLONG;
        spot->dir = spot->inode;
        struct entry *entry = tree_lookup(spot->dir, spot->name);
        spot->inode = entry != NULL ? entry->inode : NULL;
        if (entry != NULL && entry->inode->type == CLOUDABI_FILETYPE_SYMBOLIC_LINK &&
            (left != 0 || last == LAST_FOLLOW)) {
            size_t consumed = (size_t)(spot->name.text + spot->name.len - call->path);
            call_link(call, consumed, entry->inode->target, entry->inode->size);
            spot->linked = true;
            return 0;
        }
    }
    return 0;
}

static enum last last_of(const struct call *call)
{
    return (call->request.flags & (PORT_FLAG_FOLLOW | PORT_FLAG_MUSTDIR)) != 0 ? LAST_FOLLOW
                                                                               : LAST_KEEP;
}

/* The same, and the name must be there. */
static cloudabi_errno_t resolve_existing(struct call *call, enum last last, struct spot *spot)
{
    cloudabi_errno_t error = resolve(call, last, spot);
    if (error != 0 || spot->linked)
        return error;
    if (spot->inode == NULL)
        return CLOUDABI_ENOENT;
    if ((call->request.flags & PORT_FLAG_MUSTDIR) != 0 &&
        spot->inode->type != CLOUDABI_FILETYPE_DIRECTORY)
        return CLOUDABI_ENOTDIR;
    return 0;
}

/* --- opening ------------------------------------------------------------------------------ */

static cloudabi_errno_t open_existing(struct call *call, struct inode *inode)
{
    const struct port_request *request = &call->request;
    bool write = (request->rights & CLOUDABI_RIGHT_FD_WRITE) != 0;
    if ((request->oflags & CLOUDABI_O_CREAT) != 0 && (request->oflags & CLOUDABI_O_EXCL) != 0)
        return CLOUDABI_EEXIST;
    switch (inode->type) {
    case CLOUDABI_FILETYPE_SYMBOLIC_LINK:
        return CLOUDABI_ELOOP;
    case CLOUDABI_FILETYPE_DIRECTORY:
        if ((request->oflags & (CLOUDABI_O_CREAT | CLOUDABI_O_TRUNC)) != 0)
            return CLOUDABI_EISDIR;
        if (write && (request->oflags & CLOUDABI_O_DIRECTORY) == 0)
            return CLOUDABI_EISDIR;
        return 0;
    default:
        if ((request->oflags & CLOUDABI_O_DIRECTORY) != 0)
            return CLOUDABI_ENOTDIR;
    }
    if ((request->oflags & CLOUDABI_O_TRUNC) != 0) {
        inode->size = 0; /* the kernel cuts the memory object */
        inode->mtim = inode->ctim = request->time;
    }
    return 0;
}

static cloudabi_errno_t open_missing(struct tree *tree, struct call *call, struct spot *spot)
{
    const struct port_request *request = &call->request;
    if ((request->oflags & CLOUDABI_O_CREAT) == 0)
        return CLOUDABI_ENOENT;
    if ((request->flags & PORT_FLAG_MUSTDIR) != 0 || (request->oflags & CLOUDABI_O_DIRECTORY) != 0)
        return CLOUDABI_EISDIR; /* files are made here, directories by MKDIR */
    call->reply.flags |= PORT_REPLY_CREATED;
    return tree_create(tree, spot->dir, spot->name, CLOUDABI_FILETYPE_REGULAR_FILE, request->time,
                       &spot->inode);
}

cloudabi_errno_t tmpfs_open(struct server *server, struct call *call)
{
    struct tree *tree = server->context;
    struct spot spot;
    cloudabi_errno_t error = resolve(call, last_of(call), &spot);
    if (error != 0 || spot.linked)
        return error;
    if (spot.inode == NULL)
        error = open_missing(tree, call, &spot);
    else if ((call->request.flags & PORT_FLAG_MUSTDIR) != 0 &&
             spot.inode->type != CLOUDABI_FILETYPE_DIRECTORY)
        error = CLOUDABI_ENOTDIR;
    else
        error = open_existing(call, spot.inode);
    if (error == 0)
        tmpfs_answer_node(tree, call, spot.inode);
    return error;
}

cloudabi_errno_t tmpfs_walk(struct server *server, struct call *call)
{
    struct spot spot;
    cloudabi_errno_t error = resolve_existing(call, LAST_FOLLOW, &spot);
    if (error != 0 || spot.linked)
        return error;
    if (spot.inode->type != CLOUDABI_FILETYPE_DIRECTORY)
        return CLOUDABI_ENOTDIR;
    tmpfs_answer_node(server->context, call, spot.inode);
    return 0;
}

/* --- attributes --------------------------------------------------------------------------- */

static void answer_attributes(struct call *call, const struct inode *inode)
{
    struct port_attr attr;
    tmpfs_attributes(inode, &attr);
    call_attr(call, inode->type == CLOUDABI_FILETYPE_REGULAR_FILE ? inode->id : 0, &attr);
}

cloudabi_errno_t tmpfs_stat(struct server *server, struct call *call)
{
    struct spot spot;
    (void)server;
    cloudabi_errno_t error = resolve_existing(call, last_of(call), &spot);
    if (error == 0 && !spot.linked)
        answer_attributes(call, spot.inode);
    return error;
}

cloudabi_errno_t tmpfs_put_attr(struct server *server, struct call *call)
{
    struct spot spot;
    (void)server;
    cloudabi_errno_t error = resolve_existing(call, last_of(call), &spot);
    if (error != 0 || spot.linked)
        return error;
    tmpfs_set_times(spot.inode, &call->request);
    answer_attributes(call, spot.inode);
    return 0;
}

cloudabi_errno_t tmpfs_readlink(struct server *server, struct call *call)
{
    struct spot spot;
    (void)server;
    cloudabi_errno_t error = resolve_existing(call, LAST_KEEP, &spot);
    if (error != 0 || spot.linked)
        return error;
    if (spot.inode->type != CLOUDABI_FILETYPE_SYMBOLIC_LINK)
        return CLOUDABI_EINVAL;
    __builtin_memcpy(call->payload, spot.inode->target, spot.inode->size);
    call_length(call, spot.inode->size);
    return 0;
}

/* --- making and removing names ------------------------------------------------------------ */

/* For operations on a name itself: the directory that holds it. */
static cloudabi_errno_t resolve_name(struct call *call, struct spot *spot)
{
    cloudabi_errno_t error = resolve(call, LAST_KEEP, spot);
    if (error == 0 && !spot->linked && spot->dir == NULL)
        return CLOUDABI_EINVAL; /* no name: the directory itself */
    return error;
}

cloudabi_errno_t tmpfs_mkdir(struct server *server, struct call *call)
{
    struct spot spot;
    cloudabi_errno_t error = resolve_name(call, &spot);
    if (error != 0 || spot.linked)
        return error;
    return tree_create(server->context, spot.dir, spot.name, CLOUDABI_FILETYPE_DIRECTORY,
                       call->request.time, &spot.inode);
}

cloudabi_errno_t tmpfs_symlink(struct server *server, struct call *call)
{
    struct spot spot;
    cloudabi_errno_t error = resolve_name(call, &spot);
    if (error != 0 || spot.linked)
        return error;
    if (spot.inode == NULL && (call->request.flags & PORT_FLAG_MUSTDIR) != 0)
        return CLOUDABI_ENOENT;
    return tree_symlink(server->context, spot.dir, spot.name,
                        (struct name){(const char *)call->data, call->data_len},
                        call->request.time);
}

cloudabi_errno_t tmpfs_unlink(struct server *server, struct call *call)
{
    struct spot spot;
    struct inode *orphan;
    cloudabi_errno_t error = resolve_name(call, &spot);
    if (error != 0 || spot.linked)
        return error;
    error =
        tree_unlink(spot.dir, spot.name, call->request.a != 0,
                    (call->request.flags & PORT_FLAG_MUSTDIR) != 0, call->request.time, &orphan);
    if (error == 0)
        tmpfs_orphan(server, orphan);
    return error;
}

/* --- two names: the kernel has walked to both parents ------------------------------------- */

struct pair {
    struct inode *from, *to;
    struct name from_name, to_name;
};

static bool is_plain_name(struct name name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.text[i] == '/')
            return false;
    }
    return name.len != 0;
}

static cloudabi_errno_t resolve_pair(struct call *call, struct pair *pair)
{
    const struct tree *tree = call->server->context;
    *pair = (struct pair){tree_find(tree, call->request.node),
                          tree_find(tree, call->request.node2),
                          {call->path, call->path_len},
                          {call->path2, call->path2_len}};
    if (pair->from == NULL || pair->to == NULL)
        return CLOUDABI_ESTALE;
    if (pair->from->type != CLOUDABI_FILETYPE_DIRECTORY ||
        pair->to->type != CLOUDABI_FILETYPE_DIRECTORY)
        return CLOUDABI_ENOTDIR;
    if (!is_plain_name(pair->from_name) || !is_plain_name(pair->to_name))
        return CLOUDABI_EINVAL;
    bool too_long = pair->from_name.len > TREE_NAME_MAX || pair->to_name.len > TREE_NAME_MAX;
    return too_long ? CLOUDABI_ENAMETOOLONG : 0;
}

cloudabi_errno_t tmpfs_link(struct server *server, struct call *call)
{
    struct pair pair;
    (void)server;
    cloudabi_errno_t error = resolve_pair(call, &pair);
    if (error != 0)
        return error;
    struct entry *entry = tree_lookup(pair.from, pair.from_name);
    if (entry == NULL)
        return CLOUDABI_ENOENT;
    struct inode *inode = entry->inode;
    if (inode->type == CLOUDABI_FILETYPE_SYMBOLIC_LINK &&
        (call->request.flags & PORT_FLAG_FOLLOW) != 0) {
        call_link(call, call->path_len, inode->target, inode->size);
        return 0;
    }
    if ((call->request.flags & PORT_FLAG_MUSTDIR) != 0)
        return CLOUDABI_ENOTDIR;
    return tree_link(pair.to, pair.to_name, inode, call->request.time);
}

cloudabi_errno_t tmpfs_rename(struct server *server, struct call *call)
{
    struct pair pair;
    struct inode *orphan;
    cloudabi_errno_t error = resolve_pair(call, &pair);
    if (error != 0)
        return error;
    const struct rename rename = {
        .from = pair.from,
        .to = pair.to,
        .from_name = pair.from_name,
        .to_name = pair.to_name,
        .must_dir = (call->request.flags & PORT_FLAG_MUSTDIR) != 0,
        .now = call->request.time,
    };
    error = tree_rename(&rename, &orphan);
    if (error == 0)
        tmpfs_orphan(server, orphan);
    return error;
}
