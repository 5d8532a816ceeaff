/* SPDX-License-Identifier: BSD-2-Clause */
/* What files hold: the kernel keeps the pages and moves them; here is said where on the device they lie. */
#include "services/ext2/ops.h"

_Static_assert(sizeof(struct fs_extent) == sizeof(struct port_extent), "laid out alike");
_Static_assert(FS_HOLE == PORT_HOLE && FS_EXTENTS_MAX == PORT_EXTENTS_MAX, "numbered alike");

/* The kernel could not reach what was answered before: block may have been started again. */
static cloudabi_errno_t revive_if_asked(struct volume *volume, const struct call *call)
{
    return (call->request.flags & PORT_FLAG_RETRY) != 0 ? backing_revive(&volume->backing) : 0;
}

static void answer_places(struct call *call, const struct fs_places *places)
{
    const struct volume *volume = call->server->context;
    struct port_extent extents[PORT_EXTENTS_MAX];
    int device = -1;
    for (uint32_t i = 0; i < places->count; i++) {
        extents[i] = (struct port_extent){places->extent[i].offset, places->extent[i].len};
        if (extents[i].offset != PORT_HOLE)
            device = volume->backing.fd;
    }
    call_extents(call, device, extents, places->count);
}

cloudabi_errno_t ext2_page_in(struct server *server, struct call *call)
{
    struct volume *volume = server->context;
    struct fs_places places;
    struct inode *inode;
    cloudabi_errno_t error = revive_if_asked(volume, call);
    if (error == 0)
        error = volume_find(volume, call->request.node, &inode);
    if (error != 0)
        return error;
    error = fs_page_in(inode, call->request.a, call->request.len, &places);
    inode_put(inode);
    if (error == 0)
        answer_places(call, &places);
    return error;
}

cloudabi_errno_t ext2_page_out(struct server *server, struct call *call)
{
    struct volume *volume = server->context;
    const struct fs_page_out request = {
        .offset = call->request.a,
        .len = call->request.len,
        .size = call->request.b,
        .mtim = call->request.time,
        .atim = call->request.node2,
    };
    struct fs_places places;
    struct inode *inode;
    cloudabi_errno_t error = revive_if_asked(volume, call);
    if (error == 0)
        error = volume_find(volume, call->request.node, &inode);
    if (error != 0)
        return error;
    error = fs_page_out(inode, &request, &places);
    inode_put(inode);
    if (error != 0)
        return error;
    answer_places(call, &places);
    if (places.wants_wrote)
        call_want_wrote(call);
    return 0;
}

cloudabi_errno_t ext2_reserve(struct server *server, struct call *call)
{
    uint64_t granted;
    struct inode *inode;
    cloudabi_errno_t error = volume_find(server->context, call->request.node, &inode);
    if (error != 0)
        return error;
    error = fs_reserve(inode, call->request.a, call->request.b, &granted);
    inode_put(inode);
    if (error == 0)
        call_granted(call, granted);
    return error;
}

cloudabi_errno_t ext2_wrote(struct server *server, struct call *call)
{
    struct inode *inode;
    cloudabi_errno_t error = volume_find(server->context, call->request.node, &inode);
    if (error != 0)
        return error;
    error = fs_wrote(inode, call->request.a, call->request.len, (cloudabi_errno_t)call->request.b);
    inode_put(inode);
    return error;
}
