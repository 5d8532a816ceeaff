/* SPDX-License-Identifier: BSD-2-Clause */
/* Name operations below a port's directory: one request each, and what becomes of its reply. */
#include "kernel/fd/nametext.h"
#include "kernel/fd/place.h"
#include "kernel/lib/string.h"

static void attr_from_stat(struct port_attr *attr, const cloudabi_filestat_t *stat)
{
    attr->size = stat->st_size;
    attr->atim = stat->st_atim;
    attr->mtim = stat->st_mtim;
}

static bool is_standard(cloudabi_filetype_t type)
{
    switch (type) {
    case CLOUDABI_FILETYPE_BLOCK_DEVICE:
    case CLOUDABI_FILETYPE_CHARACTER_DEVICE:
    case CLOUDABI_FILETYPE_DIRECTORY:
    case CLOUDABI_FILETYPE_REGULAR_FILE:
    case CLOUDABI_FILETYPE_SHARED_MEMORY:
    case CLOUDABI_FILETYPE_SOCKET_DGRAM:
    case CLOUDABI_FILETYPE_SOCKET_STREAM:
    case CLOUDABI_FILETYPE_SYMBOLIC_LINK:
        return true;
    default:
        return false;
    }
}

void port_attr_to_stat(const struct port *port, const struct port_attr *attr,
                       cloudabi_filestat_t *out)
{
    memset(out, 0, sizeof(*out));
    out->st_dev = port->device;
    out->st_ino = attr->ino;
    out->st_filetype = is_standard(attr->type) ? attr->type : CLOUDABI_FILETYPE_UNKNOWN;
    out->st_nlink = attr->nlink;
    out->st_size = attr->size;
    out->st_atim = attr->atim;
    out->st_mtim = attr->mtim;
    out->st_ctim = attr->ctim;
}

static cloudabi_errno_t request_fill(struct name_request *request, struct port_call *call)
{
    struct port_request *wire = &call->request;
    wire->node = request->dir->node->id;
    wire->flags = request->flags;
    wire->time = arch_clock_realtime();
    wire->path_len = (uint16_t)request->len;
    if (request->open != NULL) {
        wire->oflags = request->open->oflags;
        wire->fdflags = request->open->fdflags;
        wire->rights = request->open->asked.base;
        wire->rights_inheriting = request->open->asked.inheriting;
        wire->b = request->dir->inheriting;
    }
    if (request->attr != NULL)
        attr_from_stat(&wire->attr, request->attr);
    wire->a = request->mask;
    cloudabi_errno_t error = port_call_put(call, 0, request->path, request->len);
    if (error != 0 || request->target_len == 0 || request->op == PORT_WALK)
        return error;
    if (request->dir2 != NULL) {
        wire->node2 = request->dir2->node->id;
        wire->path2_len = (uint16_t)request->target_len;
    } else {
        wire->len = (uint32_t)request->target_len;
    }
    return port_call_put(call, request->len, request->target, request->target_len);
}

/* --- results ------------------------------------------------------------------------------------------------- */

static cloudabi_errno_t take_link(struct name_request *request, struct port_call *call)
{
    if (call->reply->len >= NAME_TARGET_MAX)
        return CLOUDABI_ENAMETOOLONG;
    request->link_len = call->reply->len;
    return port_call_take(call, 0, request->link, call->reply->len);
}

static cloudabi_errno_t open_directory(struct name_request *request, struct port_call *call,
                                       struct port_node *node)
{
    char cookie[PORT_COOKIE_MAX];
    size_t len = call->reply->cookie_len;
    cloudabi_errno_t error = port_call_take(call, 0, cookie, len);
    if (error != 0)
        return error;
    return port_dir_create(request->job, node, cookie, len != 0 ? len : PORT_COOKIE_MAX + 1,
                           request->open->fdflags, &request->file);
}

/* A RAM disk has the face of a disk. */
static cloudabi_filetype_t paged_type(const struct port_reply *reply)
{
    bool disk = (reply->flags & PORT_REPLY_FIXED) != 0 &&
                reply->attr.type == CLOUDABI_FILETYPE_BLOCK_DEVICE;
    return disk ? CLOUDABI_FILETYPE_BLOCK_DEVICE : CLOUDABI_FILETYPE_REGULAR_FILE;
}

static cloudabi_errno_t open_paged(struct name_request *request, struct port_call *call,
                                   struct port_node *node, bool write)
{
    struct memobj *object;
    cloudabi_errno_t error = port_node_object(node, call->reply, &object);
    if (error != 0)
        return error;
    error = port_paged_create(request->job, node, object, paged_type(call->reply),
                              request->open->fdflags, write, &request->file);
    if (error != 0) {
        memobj_put(object);
        return error;
    }
    if ((request->open->oflags & CLOUDABI_O_TRUNC) != 0 && !object->fixed &&
        (object->paging == NULL || object->size != 0))
        error = memobj_resize(object, 0); /* after ETXTBSY has been looked at */
    if (error != 0) {
        port_node_get(node); /* the caller still has one to drop */
        file_put(request->file);
    }
    return error;
}

/* Makes the open file that the reply describes. The reference to NODE goes into it on success. */
static cloudabi_errno_t open_node(struct name_request *request, struct port_call *call,
                                  struct port_node *node)
{
    const struct port_reply *reply = call->reply;
    const struct open_args *open = request->open;
    cloudabi_filetype_t type = reply->attr.type;
    if ((request->flags & PORT_FLAG_MUSTDIR) != 0 && reply->form != PORT_FORM_DIRECTORY)
        return CLOUDABI_ENOTDIR;
    switch (reply->form) {
    case PORT_FORM_DIRECTORY:
        type = CLOUDABI_FILETYPE_DIRECTORY;
        break;
    case PORT_FORM_PAGED:
        type = paged_type(reply);
        break;
    case PORT_FORM_STREAM:
        if (type != CLOUDABI_FILETYPE_CHARACTER_DEVICE)
            type = CLOUDABI_FILETYPE_SOCKET_STREAM;
        break;
    default:
        if (type != CLOUDABI_FILETYPE_REGULAR_FILE && type != CLOUDABI_FILETYPE_BLOCK_DEVICE)
            type = CLOUDABI_FILETYPE_CHARACTER_DEVICE;
    }
    request->rights = rights_of_open(&open->asked, request->dir->inheriting, NULL, type);
    bool write = (request->rights.base & CLOUDABI_RIGHT_FD_WRITE) != 0;
    cloudabi_errno_t error;
    switch (reply->form) {
    case PORT_FORM_DIRECTORY:
        return open_directory(request, call, node);
    case PORT_FORM_PAGED:
        return open_paged(request, call, node, write);
    case PORT_FORM_STREAM:
        error = channel_create(call->port, call->epoch, reply->a, request->job, type, open->fdflags,
                               &request->file);
        if (error == 0)
            port_node_put(node);
        return error;
    default:
        return port_synthetic_create(request->job, node, type, open->fdflags, &request->file);
    }
}

/* No descriptor came of the node: gives back what the service counts for it. */
static cloudabi_errno_t refuse_node(struct port_call *call, struct port_node *node,
                                    cloudabi_errno_t error)
{
    if (call->reply->form == PORT_FORM_STREAM && error != CLOUDABI_EPROTO)
        channel_refuse(call->port, call->epoch, call->reply->a);
    port_node_put(node);
    if (error != CLOUDABI_EPROTO)
        return error;
    port_violation(call->port, call->epoch, "channel");
    return CLOUDABI_EIO;
}

static cloudabi_errno_t take_node(struct name_request *request, struct port_call *call)
{
    struct port_node *node = port_call_node(call);
    if (node == NULL)
        return CLOUDABI_EIO;
    if (request->op == PORT_WALK) {
        if (call->reply->form != PORT_FORM_DIRECTORY) {
            port_node_put(node);
            return CLOUDABI_ENOTDIR;
        }
        request->found = (struct place){.node = node, .inheriting = request->dir->inheriting};
        return 0;
    }
    cloudabi_errno_t error = open_node(request, call, node);
    return error != 0 ? refuse_node(call, node, error) : 0;
}

/* OPEN was answered with a descriptor of the service. */
static cloudabi_errno_t take_descriptor(struct name_request *request, struct port_call *call)
{
    struct fd_grant given = port_call_given(call);
    bool not_dir = (request->flags & PORT_FLAG_MUSTDIR) != 0 &&
                   given.file->type != CLOUDABI_FILETYPE_DIRECTORY;
    if (request->op != PORT_OPEN || not_dir) {
        file_put(given.file);
        return request->op != PORT_OPEN ? CLOUDABI_EIO : CLOUDABI_ENOTDIR;
    }
    request->file = given.file;
    request->rights = rights_of_open(&request->open->asked, request->dir->inheriting, &given.rights,
                                     given.file->type);
    return 0;
}

static cloudabi_errno_t take_done(struct name_request *request, struct port_call *call)
{
    switch (request->op) {
    case PORT_PUTATTR:
        port_times_set(call->port, call->reply->node, &call->reply->attr);
        return 0;
    case PORT_STAT:
        port_attr_to_stat(call->port, &call->reply->attr, request->stat);
        port_stat_overlay(call->port, call->reply->node, request->stat);
        return 0;
    case PORT_READLINK:
        return take_link(request, call);
    case PORT_UNLINK:
    case PORT_RENAME:
        port_pager_unlinked(call->port, call->reply->node);
        return 0;
    case PORT_OPEN:
    case PORT_WALK:
        return CLOUDABI_EIO; /* nothing was named */
    default:
        return 0;
    }
}

static cloudabi_errno_t take_stop(struct name_request *request, struct port_call *call)
{
    if (!name_ends_component(request->path, request->len, call->reply->consumed)) {
        port_violation(call->port, call->epoch, "component of a path");
        return CLOUDABI_EIO;
    }
    if (call->reply->kind == PORT_REPLY_LINK)
        return take_link(request, call);
    request->given = port_call_given(call);
    return 0;
}

static cloudabi_errno_t take_reply(struct name_request *request, struct port_call *call)
{
    const struct port_reply *reply = call->reply;
    request->kind = reply->kind;
    request->consumed = reply->consumed;
    switch (reply->kind) {
    case PORT_REPLY_NODE:
        return request->op == PORT_OPEN || request->op == PORT_WALK ? take_node(request, call)
                                                                    : CLOUDABI_EIO;
    case PORT_REPLY_FD:
        return take_descriptor(request, call);
    case PORT_REPLY_LINK:
    case PORT_REPLY_CROSS:
        return take_stop(request, call);
    default:
        return take_done(request, call);
    }
}

cloudabi_errno_t port_place_request(struct name_request *request)
{
    struct port_call call;
    struct port_node *node = request->dir->node;
    uint32_t epoch = node->id == PORT_ROOT_NODE ? 0 : node->epoch;
    cloudabi_errno_t error = port_call_begin(&call, node->port, request->op, epoch);
    if (error != 0)
        return error;
    error = request_fill(request, &call);
    if (error == 0)
        error = port_call_run(&call);
    if (error == 0)
        error = take_reply(request, &call);
    port_call_end(&call);
    return error;
}
