/* SPDX-License-Identifier: BSD-2-Clause */
/* Names: from a directory and a path of plain components to what the operation wants of it. */
#include <string.h>

#include "services/ext2/ops.h"

/* Where a path ended. The inodes are held: spot_put() in the end. */
struct spot {
    struct inode *dir; /* holds the last name; NULL if there is none, or it is the port's root */
    struct fs_name name;
    struct inode *inode; /* NULL: no such name */
    bool top;            /* the path ended at the port's root, or in it: `files` */
    bool linked;         /* stopped at a symbolic link: the call has been answered */
};

enum last { LAST_KEEP, LAST_FOLLOW }; /* what to do with a final symbolic link */

static void spot_put(struct spot *spot)
{
    inode_put(spot->dir);
    inode_put(spot->inode);
}

static bool is_root(const struct call *call)
{
    return call->request.node == PORT_ROOT_NODE;
}

/* The file system's root, which has a name only in the port's root. */
static cloudabi_errno_t enter_files(const struct volume *volume, struct spot *spot)
{
    if (spot->name.len != strlen(FILES_NAME) ||
        memcmp(spot->name.text, FILES_NAME, spot->name.len) != 0)
        return CLOUDABI_ENOENT;
    return fs_inode(volume->fs, FS_ROOT, 0, &spot->inode);
}

static cloudabi_errno_t answer_link(struct call *call, const struct spot *spot)
{
    char target[FS_TARGET_MAX];
    size_t len = sizeof(target);
    cloudabi_errno_t error = fs_readlink(spot->inode, target, &len);
    if (error == CLOUDABI_ERANGE)
        return CLOUDABI_ENAMETOOLONG;
    if (error == 0)
        call_link(call, (size_t)(spot->name.text + spot->name.len - call->path), target, len);
    return error;
}

/* Goes one component down. */
static cloudabi_errno_t descend(struct spot *spot)
{
    struct inode *dir = spot->inode;
    if (dir == NULL)
        return CLOUDABI_ENOENT;
    if (inode_type(dir) != CLOUDABI_FILETYPE_DIRECTORY)
        return CLOUDABI_ENOTDIR;
    inode_put(spot->dir);
    spot->dir = dir;
    spot->inode = NULL;
    spot->top = false;
    cloudabi_errno_t error = fs_lookup(dir, spot->name, &spot->inode);
    return error == CLOUDABI_ENOENT ? 0 : error;
}

static cloudabi_errno_t resolve_steps(struct call *call, enum last last, struct spot *spot)
{
    const struct volume *volume = call->server->context;
    const char *path = call->path;
    size_t left = call->path_len;
    bool at_root = is_root(call);
    cloudabi_errno_t error = at_root ? 0 : volume_find(volume, call->request.node, &spot->inode);
    spot->top = at_root;
    while (error == 0 && path_next(&path, &left, &spot->name.text, &spot->name.len)) {
        error = at_root ? enter_files(volume, spot) : descend(spot);
        at_root = false;
        if (error == 0 && spot->inode != NULL &&
            inode_type(spot->inode) == CLOUDABI_FILETYPE_SYMBOLIC_LINK &&
            (left != 0 || last == LAST_FOLLOW)) {
            spot->linked = true;
            return answer_link(call, spot);
        }
    }
    return error;
}

/* Finds PATH below NODE. A name that is missing is an error unless it is the last. After an error nothing is held. */
static cloudabi_errno_t resolve(struct call *call, enum last last, struct spot *spot)
{
    *spot = (struct spot){0};
    cloudabi_errno_t error = resolve_steps(call, last, spot);
    if (error != 0) {
        spot_put(spot);
        *spot = (struct spot){0};
    }
    return error;
}

static enum last last_of(const struct call *call)
{
    return (call->request.flags & (PORT_FLAG_FOLLOW | PORT_FLAG_MUSTDIR)) != 0 ? LAST_FOLLOW
                                                                               : LAST_KEEP;
}

static bool must_dir(const struct call *call)
{
    return (call->request.flags & PORT_FLAG_MUSTDIR) != 0;
}

static bool is_directory(const struct inode *inode)
{
    return inode_type(inode) == CLOUDABI_FILETYPE_DIRECTORY;
}

/* What an operation does once its path is resolved. */
typedef cloudabi_errno_t act_function(struct call *call, struct spot *spot);

static cloudabi_errno_t with_path(struct call *call, enum last last, act_function *act)
{
    struct spot spot;
    cloudabi_errno_t error = resolve(call, last, &spot);
    if (error == 0 && !spot.linked)
        error = act(call, &spot);
    spot_put(&spot);
    return error;
}

/* The same where the name alone matters, not who holds it: most are known from before. ACT does nothing that could
 * remove an inode. */
static cloudabi_errno_t with_inode(struct call *call, enum last last, act_function *act)
{
    const struct volume *volume = call->server->context;
    uint64_t node = call->request.node;
    struct spot spot = {.name = {call->path, call->path_len}};
    spot.inode = fs_glance(volume->fs, (uint32_t)node, (uint32_t)(node >> 32), spot.name);
    if (spot.inode == NULL ||
        (last == LAST_FOLLOW && inode_type(spot.inode) == CLOUDABI_FILETYPE_SYMBOLIC_LINK))
        return with_path(call, last, act);
    return act(call, &spot);
}

/* The name must be there, and be a directory if the path says so. */
static cloudabi_errno_t check_existing(const struct call *call, const struct spot *spot)
{
    if (spot->inode == NULL)
        return spot->top ? 0 : CLOUDABI_ENOENT;
    return must_dir(call) && !is_directory(spot->inode) ? CLOUDABI_ENOTDIR : 0;
}

/* --- opening ------------------------------------------------------------------------------ */

static cloudabi_errno_t check_open(const struct call *call, const struct inode *inode)
{
    const struct volume *volume = call->server->context;
    const struct port_request *request = &call->request;
    bool write = (request->rights & CLOUDABI_RIGHT_FD_WRITE) != 0;
    if ((request->oflags & CLOUDABI_O_CREAT) != 0 && (request->oflags & CLOUDABI_O_EXCL) != 0)
        return CLOUDABI_EEXIST;
    switch (inode_type(inode)) {
    case CLOUDABI_FILETYPE_SYMBOLIC_LINK:
        return CLOUDABI_ELOOP;
    case CLOUDABI_FILETYPE_DIRECTORY:
        if ((request->oflags & (CLOUDABI_O_CREAT | CLOUDABI_O_TRUNC)) != 0)
            return CLOUDABI_EISDIR;
        return write && (request->oflags & CLOUDABI_O_DIRECTORY) == 0 ? CLOUDABI_EISDIR : 0;
    case CLOUDABI_FILETYPE_REGULAR_FILE:
        if ((request->oflags & CLOUDABI_O_DIRECTORY) != 0)
            return CLOUDABI_ENOTDIR;
        if ((write || (request->oflags & CLOUDABI_O_TRUNC) != 0) && fs_is_read_only(volume->fs))
            return CLOUDABI_EROFS;
        return 0;
    default: /* devices, pipes and sockets of other systems */
        return (request->oflags & CLOUDABI_O_DIRECTORY) != 0 ? CLOUDABI_ENOTDIR : CLOUDABI_ENXIO;
    }
}

/* O_TRUNC is not looked at: the kernel truncates once the file is open. */
static cloudabi_errno_t open_missing(struct call *call, struct spot *spot)
{
    const struct port_request *request = &call->request;
    if ((request->oflags & CLOUDABI_O_CREAT) == 0)
        return CLOUDABI_ENOENT;
    if (must_dir(call) || (request->oflags & CLOUDABI_O_DIRECTORY) != 0)
        return CLOUDABI_EISDIR; /* files are made here, directories by MKDIR */
    call->reply.flags |= PORT_REPLY_CREATED;
    return fs_create(spot->dir, spot->name, CLOUDABI_FILETYPE_REGULAR_FILE, request->time,
                     &spot->inode);
}

static cloudabi_errno_t act_open(struct call *call, struct spot *spot)
{
    cloudabi_errno_t error = 0;
    if (spot->inode == NULL && spot->top) {
        volume_answer_root(call);
        return 0;
    }
    if (spot->inode == NULL)
        error = open_missing(call, spot);
    else if (must_dir(call) && !is_directory(spot->inode))
        error = CLOUDABI_ENOTDIR;
    else
        error = check_open(call, spot->inode);
    if (error == 0)
        volume_answer_node(call, spot->inode);
    return error;
}

cloudabi_errno_t ext2_open(struct server *server, struct call *call)
{
    (void)server;
    return with_inode(call, last_of(call), act_open);
}

static cloudabi_errno_t act_walk(struct call *call, struct spot *spot)
{
    cloudabi_errno_t error = check_existing(call, spot);
    if (error != 0)
        return error;
    if (spot->inode == NULL) {
        volume_answer_root(call);
        return 0;
    }
    if (!is_directory(spot->inode))
        return CLOUDABI_ENOTDIR;
    volume_answer_node(call, spot->inode);
    return 0;
}

cloudabi_errno_t ext2_walk(struct server *server, struct call *call)
{
    (void)server;
    return with_path(call, LAST_FOLLOW, act_walk);
}

/* --- attributes --------------------------------------------------------------------------- */

static void answer_attributes(struct call *call, const struct inode *inode)
{
    struct port_attr attr;
    if (inode == NULL) {
        volume_root_attributes(call->server->context, &attr);
        call_attr(call, 0, &attr);
        return;
    }
    uint64_t node = volume_attributes(inode, &attr);
    call_attr(call, attr.type == CLOUDABI_FILETYPE_REGULAR_FILE ? node : 0, &attr);
}

static cloudabi_errno_t act_stat(struct call *call, struct spot *spot)
{
    cloudabi_errno_t error = check_existing(call, spot);
    if (error == 0)
        answer_attributes(call, spot->inode);
    return error;
}

cloudabi_errno_t ext2_stat(struct server *server, struct call *call)
{
    (void)server;
    return with_inode(call, last_of(call), act_stat);
}

static cloudabi_errno_t act_put_attr(struct call *call, struct spot *spot)
{
    cloudabi_errno_t error = check_existing(call, spot);
    if (error == 0)
        error =
            spot->inode == NULL ? CLOUDABI_EROFS : volume_set_times(spot->inode, &call->request);
    if (error == 0)
        answer_attributes(call, spot->inode);
    return error;
}

cloudabi_errno_t ext2_put_attr(struct server *server, struct call *call)
{
    (void)server;
    return with_path(call, last_of(call), act_put_attr);
}

static cloudabi_errno_t act_readlink(struct call *call, struct spot *spot)
{
    size_t len = PORT_PAYLOAD;
    cloudabi_errno_t error = check_existing(call, spot);
    if (error != 0)
        return error;
    if (spot->inode == NULL || inode_type(spot->inode) != CLOUDABI_FILETYPE_SYMBOLIC_LINK)
        return CLOUDABI_EINVAL;
    error = fs_readlink(spot->inode, (char *)call->payload, &len);
    if (error == 0)
        call_length(call, len);
    return error;
}

cloudabi_errno_t ext2_readlink(struct server *server, struct call *call)
{
    (void)server;
    return with_path(call, LAST_KEEP, act_readlink);
}

/* --- making and removing names ------------------------------------------------------------ */

/* For operations on a name itself: why it can not be, in the port's root or without a name. */
static cloudabi_errno_t refuse_unnamed(const struct spot *spot, cloudabi_errno_t existing)
{
    if (spot->dir != NULL)
        return 0;
    return spot->top && spot->inode != NULL ? existing : CLOUDABI_EINVAL;
}

static cloudabi_errno_t act_mkdir(struct call *call, struct spot *spot)
{
    struct inode *made = NULL;
    cloudabi_errno_t error = refuse_unnamed(spot, CLOUDABI_EEXIST);
    if (error == 0)
        error = fs_create(spot->dir, spot->name, CLOUDABI_FILETYPE_DIRECTORY, call->request.time,
                          &made);
    inode_put(made);
    return error;
}

cloudabi_errno_t ext2_mkdir(struct server *server, struct call *call)
{
    (void)server;
    return with_path(call, LAST_KEEP, act_mkdir);
}

static cloudabi_errno_t act_symlink(struct call *call, struct spot *spot)
{
    struct inode *made = NULL;
    const struct fs_name target = {(const char *)call->data, call->data_len};
    cloudabi_errno_t error = refuse_unnamed(spot, CLOUDABI_EEXIST);
    if (error == 0 && spot->inode == NULL && must_dir(call))
        error = CLOUDABI_ENOENT;
    if (error == 0)
        error = fs_symlink(spot->dir, spot->name, target, call->request.time, &made);
    inode_put(made);
    return error;
}

cloudabi_errno_t ext2_symlink(struct server *server, struct call *call)
{
    (void)server;
    return with_path(call, LAST_KEEP, act_symlink);
}

/* Tells the kernel whose last name went: it gives its references back with the last descriptor. */
static void answer_orphan(struct call *call, const struct inode *inode)
{
    struct fs_attr attr;
    if (inode == NULL)
        return;
    inode_attributes(inode, &attr);
    if (attr.nlink == 0)
        call->reply.node = volume_node(inode);
}

static cloudabi_errno_t act_unlink(struct call *call, struct spot *spot)
{
    cloudabi_errno_t error = refuse_unnamed(spot, CLOUDABI_EBUSY);
    if (error == 0)
        error = fs_unlink(spot->dir, spot->name, call->request.a != 0, must_dir(call),
                          call->request.time);
    if (error == 0)
        answer_orphan(call, spot->inode);
    return error;
}

cloudabi_errno_t ext2_unlink(struct server *server, struct call *call)
{
    (void)server;
    return with_path(call, LAST_KEEP, act_unlink);
}

/* --- two names: the kernel has walked to both parents ------------------------------------- */

struct pair {
    struct inode *from, *to;
    struct fs_name from_name, to_name;
};

static bool is_plain_name(struct fs_name name)
{
    return name.len != 0 && memchr(name.text, '/', name.len) == NULL;
}

static cloudabi_errno_t find_pair(struct call *call, struct pair *pair)
{
    const struct volume *volume = call->server->context;
    if (is_root(call) || call->request.node2 == PORT_ROOT_NODE)
        return CLOUDABI_EBUSY; /* `files` stays where it is, and nothing comes beside it */
    cloudabi_errno_t error = volume_find(volume, call->request.node, &pair->from);
    if (error == 0)
        error = volume_find(volume, call->request.node2, &pair->to);
    if (error != 0)
        return error;
    if (!is_directory(pair->from) || !is_directory(pair->to))
        return CLOUDABI_ENOTDIR;
    return is_plain_name(pair->from_name) && is_plain_name(pair->to_name) ? 0 : CLOUDABI_EINVAL;
}

static cloudabi_errno_t with_pair(struct call *call,
                                  cloudabi_errno_t (*act)(struct call *, const struct pair *))
{
    struct pair pair = {.from_name = {call->path, call->path_len},
                        .to_name = {call->path2, call->path2_len}};
    cloudabi_errno_t error = find_pair(call, &pair);
    if (error == 0)
        error = act(call, &pair);
    inode_put(pair.from);
    inode_put(pair.to);
    return error;
}

static cloudabi_errno_t link_inode(struct call *call, const struct pair *pair, struct inode *inode)
{
    if (inode_type(inode) == CLOUDABI_FILETYPE_SYMBOLIC_LINK &&
        (call->request.flags & PORT_FLAG_FOLLOW) != 0) {
        const struct spot spot = {.name = pair->from_name, .inode = inode};
        return answer_link(call, &spot);
    }
    if (must_dir(call))
        return CLOUDABI_ENOTDIR;
    return fs_link(pair->to, pair->to_name, inode, call->request.time);
}

static cloudabi_errno_t act_link(struct call *call, const struct pair *pair)
{
    struct inode *inode = NULL;
    cloudabi_errno_t error = fs_lookup(pair->from, pair->from_name, &inode);
    if (error == 0)
        error = link_inode(call, pair, inode);
    inode_put(inode);
    return error;
}

cloudabi_errno_t ext2_link(struct server *server, struct call *call)
{
    (void)server;
    return with_pair(call, act_link);
}

static cloudabi_errno_t act_rename(struct call *call, const struct pair *pair)
{
    const struct fs_rename rename = {
        .from = pair->from,
        .to = pair->to,
        .from_name = pair->from_name,
        .to_name = pair->to_name,
        .must_dir = must_dir(call),
        .now = call->request.time,
    };
    struct inode *replaced = NULL;
    (void)fs_lookup(pair->to, pair->to_name, &replaced);
    cloudabi_errno_t error = fs_rename(&rename);
    if (error == 0)
        answer_orphan(call, replaced);
    inode_put(replaced);
    return error;
}

cloudabi_errno_t ext2_rename(struct server *server, struct call *call)
{
    (void)server;
    return with_pair(call, act_rename);
}
