/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/fd/place.h"

cloudabi_errno_t place_of_file(const struct fd_grant *dir, struct place *out)
{
    const struct dir_ops *ops = dir->file->ops->dir;
    if (ops == NULL)
        return CLOUDABI_ENOTDIR;
    cloudabi_errno_t error = ops->place(dir->file, out);
    out->inheriting = dir->rights.inheriting;
    return error;
}

void place_put(struct place *place)
{
    if (place->node != NULL)
        port_node_put(place->node);
    else if (place->knode.ops->put != NULL)
        place->knode.ops->put(&place->knode);
}

cloudabi_errno_t place_request(struct name_request *request)
{
    return request->dir->node != NULL ? port_place_request(request) : knode_place_request(request);
}
