/* SPDX-License-Identifier: BSD-2-Clause */
/* Nodes: their answers, attributes, listings, and how directories are found again after a restart. */
#include <string.h>

#include "abi/cloudabi_syscalls.h"
#include "services/ext2/ops.h"

/* --- nodes -------------------------------------------------------------------------------- */

static uint64_t node_of(uint32_t ino, uint32_t generation)
{
    return ino == FS_ROOT ? FS_ROOT : (uint64_t)generation << 32 | ino;
}

uint64_t volume_node(const struct inode *inode)
{
    struct fs_attr attr;
    inode_attributes(inode, &attr);
    return node_of(attr.ino, attr.generation);
}

cloudabi_errno_t volume_find(const struct volume *volume, uint64_t node, struct inode **out)
{
    struct inode *inode;
    *out = NULL;
    cloudabi_errno_t error = fs_inode(volume->fs, (uint32_t)node, (uint32_t)(node >> 32), &inode);
    if (error != 0)
        return error;
    /* A generation of 0 is one, too, and not any: inodes of mke2fs have it. */
    if (node >> 32 == 0 && volume_node(inode) != node) {
        inode_put(inode);
        return CLOUDABI_ESTALE;
    }
    *out = inode;
    return 0;
}

uint64_t volume_attributes(const struct inode *inode, struct port_attr *attr)
{
    struct fs_attr from;
    inode_attributes(inode, &from);
    *attr = (struct port_attr){
        .ino = from.ino,
        .size = from.size,
        .atim = from.atim,
        .mtim = from.mtim,
        .ctim = from.ctim,
        .nlink = from.nlink,
        .type = from.type,
    };
    return node_of(from.ino, from.generation);
}

void volume_root_attributes(const struct volume *volume, struct port_attr *attr)
{
    *attr = (struct port_attr){
        .ino = PORT_ROOT_NODE,
        .atim = volume->mounted,
        .mtim = volume->mounted,
        .ctim = volume->mounted,
        .nlink = 3,
        .type = CLOUDABI_FILETYPE_DIRECTORY,
    };
}

/* What REOPEN gets back. Whose file system it is counts: the disk may have been changed for another. */
struct cookie {
    uint64_t node;
    uint8_t uuid[16];
};

void volume_answer_node(struct call *call, struct inode *inode)
{
    const struct volume *volume = call->server->context;
    struct port_attr attr;
    struct cookie cookie = {.node = volume_attributes(inode, &attr)};
    inode_referenced(inode);
    if (attr.type != CLOUDABI_FILETYPE_DIRECTORY) {
        call_node(call, cookie.node, PORT_FORM_PAGED, &attr);
        call_pager(call);
        return;
    }
    call_node(call, cookie.node, PORT_FORM_DIRECTORY, &attr);
    if (call->request.op == PORT_WALK)
        return;
    memcpy(cookie.uuid, volume->backing.uuid, sizeof(cookie.uuid));
    call_cookie(call, &cookie, sizeof(cookie));
}

void volume_answer_root(struct call *call)
{
    struct port_attr attr;
    volume_root_attributes(call->server->context, &attr);
    call_node(call, PORT_ROOT_NODE, PORT_FORM_DIRECTORY, &attr);
}

cloudabi_errno_t ext2_forget(struct server *server, struct call *call)
{
    struct inode *inode;
    const struct volume *volume = server->context;
    if (call->request.node == PORT_ROOT_NODE ||
        volume_find(volume, call->request.node, &inode) != 0)
        return 0;
    cloudabi_timestamp_t now = 0; /* nobody asked for this at a time of his own */
    (void)cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_REALTIME, 1, &now);
    cloudabi_errno_t error = inode_forget(inode, call->request.a, now);
    inode_put(inode);
    return error;
}

cloudabi_errno_t ext2_reopen(struct server *server, struct call *call)
{
    const struct volume *volume = server->context;
    struct cookie cookie;
    struct inode *inode;
    if (call->data_len != sizeof(cookie))
        return CLOUDABI_ESTALE;
    memcpy(&cookie, call->data, sizeof(cookie));
    if (memcmp(cookie.uuid, volume->backing.uuid, sizeof(cookie.uuid)) != 0)
        return CLOUDABI_ESTALE;
    cloudabi_errno_t error = volume_find(volume, cookie.node, &inode);
    if (error != 0)
        return error;
    if (inode_type(inode) == CLOUDABI_FILETYPE_DIRECTORY)
        volume_answer_node(call, inode);
    else
        error = CLOUDABI_ESTALE;
    inode_put(inode);
    return error;
}

/* --- attributes --------------------------------------------------------------------------- */

cloudabi_errno_t volume_set_times(struct inode *inode, const struct port_request *request)
{
    unsigned mask = 0;
    uint64_t atim = request->attr.atim, mtim = request->attr.mtim;
    if ((request->a & (CLOUDABI_FILESTAT_ATIM | CLOUDABI_FILESTAT_ATIM_NOW)) != 0)
        mask |= FS_SET_ATIM;
    if ((request->a & CLOUDABI_FILESTAT_ATIM_NOW) != 0)
        atim = request->time;
    if ((request->a & (CLOUDABI_FILESTAT_MTIM | CLOUDABI_FILESTAT_MTIM_NOW)) != 0)
        mask |= FS_SET_MTIM;
    if ((request->a & CLOUDABI_FILESTAT_MTIM_NOW) != 0)
        mtim = request->time;
    return fs_set_times(inode, mask, atim, mtim, request->time);
}

static void answer_attributes(struct call *call, const struct inode *inode)
{
    struct port_attr attr;
    (void)volume_attributes(inode, &attr);
    call_attr(call, call->request.node, &attr);
}

cloudabi_errno_t ext2_get_attr(struct server *server, struct call *call)
{
    const struct volume *volume = server->context;
    struct inode *inode;
    struct port_attr attr;
    if (call->request.node == PORT_ROOT_NODE) {
        volume_root_attributes(volume, &attr);
        call_attr(call, PORT_ROOT_NODE, &attr);
        return 0;
    }
    cloudabi_errno_t error = volume_find(volume, call->request.node, &inode);
    if (error != 0)
        return error;
    answer_attributes(call, inode);
    inode_put(inode);
    return 0;
}

static cloudabi_errno_t set_attr(struct inode *inode, const struct port_request *request)
{
    cloudabi_errno_t error = 0;
    bool resize = (request->a & CLOUDABI_FILESTAT_SIZE) != 0;
    if (resize)
        error = fs_truncate(inode, request->attr.size, request->time);
    if (error == 0 && (request->a & ~(uint64_t)CLOUDABI_FILESTAT_SIZE) != 0)
        error = volume_set_times(inode, request);
    return error;
}

cloudabi_errno_t ext2_set_attr(struct server *server, struct call *call)
{
    const struct volume *volume = server->context;
    struct inode *inode;
    if (call->request.node == PORT_ROOT_NODE)
        return CLOUDABI_EROFS;
    cloudabi_errno_t error = volume_find(volume, call->request.node, &inode);
    if (error != 0)
        return error;
    error = set_attr(inode, &call->request);
    if (error == 0)
        answer_attributes(call, inode);
    inode_put(inode);
    return error;
}

/* --- listings ----------------------------------------------------------------------------- */

static void list_root(struct call *call)
{
    static const struct {
        const char *name;
        uint64_t ino;
    } entry[] = {{".", PORT_ROOT_NODE}, {"..", PORT_ROOT_NODE}, {FILES_NAME, FS_ROOT}};
    for (uint64_t i = call->request.a; i < 3; i++) {
        if (!call_dirent(call, entry[i].name, strlen(entry[i].name), entry[i].ino,
                         CLOUDABI_FILETYPE_DIRECTORY, i + 1))
            return;
    }
    call_dir_end(call);
}

/* The type of an entry that does not say it. Uses up the entry's name. */
static cloudabi_filetype_t look_up_type(const struct volume *volume, uint32_t ino)
{
    struct inode *inode;
    if (fs_inode(volume->fs, ino, 0, &inode) != 0)
        return CLOUDABI_FILETYPE_UNKNOWN;
    cloudabi_filetype_t type = inode_type(inode);
    inode_put(inode);
    return type;
}

static bool list_one(void *context, const struct fs_dirent *entry)
{
    struct call *call = context;
    cloudabi_filetype_t type = entry->type;
    if (type == CLOUDABI_FILETYPE_UNKNOWN)
        type = look_up_type(call->server->context, entry->ino);
    return call_dirent(call, entry->name.text, entry->name.len, entry->ino, type, entry->next);
}

static cloudabi_errno_t list(struct call *call, struct inode *dir)
{
    bool end;
    cloudabi_errno_t error = fs_list(dir, call->request.a, list_one, call, &end);
    if (error == 0 && end)
        call_dir_end(call);
    return error;
}

cloudabi_errno_t ext2_readdir(struct server *server, struct call *call)
{
    struct inode *dir;
    if (call->request.node == PORT_ROOT_NODE) {
        list_root(call);
        return 0;
    }
    cloudabi_errno_t error = volume_find(server->context, call->request.node, &dir);
    if (error != 0)
        return error;
    error = list(call, dir);
    inode_put(dir);
    return error;
}

/* --- durability --------------------------------------------------------------------------- */

/* A commit takes everything, so that of a file brings the entry by which it was made, and all above it. */
cloudabi_errno_t ext2_sync(struct server *server, struct call *call)
{
    const struct volume *volume = server->context;
    const struct port_request *request = &call->request;
    struct inode *inode;
    if (request->node == PORT_ROOT_NODE)
        return fs_settle(volume->fs);
    cloudabi_errno_t error = volume_find(volume, request->node, &inode);
    if (error != 0)
        return error;
    bool regular = inode_type(inode) == CLOUDABI_FILETYPE_REGULAR_FILE;
    if (regular)
        error = fs_sync(inode, request->b, request->time, request->node2);
    inode_put(inode);
    if (error != 0)
        return error;
    return regular ? fs_durable(volume->fs) : fs_commit(volume->fs);
}

const struct server_ops ext2_ops = {
    .open = ext2_open,
    .walk = ext2_walk,
    .stat = ext2_stat,
    .put_attr = ext2_put_attr,
    .mkdir = ext2_mkdir,
    .symlink = ext2_symlink,
    .unlink = ext2_unlink,
    .readlink = ext2_readlink,
    .link = ext2_link,
    .rename = ext2_rename,
    .get_attr = ext2_get_attr,
    .set_attr = ext2_set_attr,
    .readdir = ext2_readdir,
    .sync = ext2_sync,
    .reopen = ext2_reopen,
    .forget = ext2_forget,
    .page_in = ext2_page_in,
    .page_out = ext2_page_out,
    .reserve = ext2_reserve,
    .wrote = ext2_wrote,
};
