/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling in replies. */
#include <string.h>

#include "pseudofd/server/region.h"
#include "pseudofd/server/server.h"

void call_node(struct call *call, uint64_t node, enum port_form form, const struct port_attr *attr)
{
    call->reply.kind = PORT_REPLY_NODE;
    call->reply.form = (uint8_t)form;
    call->reply.node = node;
    if (attr != NULL) {
        call->reply.attr = *attr;
        return;
    }
    call->reply.attr.ino = node;
    call->reply.attr.nlink = 1;
    call->reply.attr.type = form == PORT_FORM_DIRECTORY ? CLOUDABI_FILETYPE_DIRECTORY
                            : form == PORT_FORM_PAGED   ? CLOUDABI_FILETYPE_REGULAR_FILE
                                                        : CLOUDABI_FILETYPE_CHARACTER_DEVICE;
}

void call_cookie(struct call *call, const void *cookie, size_t len)
{
    memcpy(call->payload, cookie, len);
    call->reply.cookie_len = (uint16_t)len;
}

void call_stream(struct call *call, uint64_t node, unsigned n)
{
    call_node(call, node, PORT_FORM_STREAM, NULL);
    call->reply.attr.type = CLOUDABI_FILETYPE_SOCKET_STREAM;
    call->reply.a = n;
}

void call_fd(struct call *call, int fd)
{
    call->reply.kind = PORT_REPLY_FD;
    call->reply.fd[0] = fd;
}

void call_link(struct call *call, size_t consumed, const char *target, size_t len)
{
    call->reply.kind = PORT_REPLY_LINK;
    call->reply.consumed = (uint16_t)consumed;
    memmove(call->payload, target, len);
    call->reply.len = (uint32_t)len;
}

void call_attr(struct call *call, uint64_t node, const struct port_attr *attr)
{
    call->reply.node = node;
    call->reply.attr = *attr;
}

void call_pager(struct call *call)
{
    call->reply.flags |= PORT_REPLY_PAGER;
}

void call_extents(struct call *call, int device, const struct port_extent *extents, size_t n)
{
    call->reply.kind = PORT_REPLY_EXTENTS;
    call->reply.fd[0] = device;
    call->reply.len = (uint32_t)(n * sizeof(*extents));
    memcpy(call->payload, extents, n * sizeof(*extents));
}

void call_data(struct call *call, const void *address, size_t len)
{
    call->reply.kind = PORT_REPLY_DATA;
    call->reply.a = (uintptr_t)address;
    call->reply.len = (uint32_t)len;
}

void call_want_wrote(struct call *call)
{
    call->reply.flags |= PORT_REPLY_WROTE;
}

void call_granted(struct call *call, uint64_t bytes)
{
    call->reply.a = bytes;
}

void call_length(struct call *call, size_t len)
{
    call->reply.len = (uint32_t)len;
}

void call_dir_end(struct call *call)
{
    call->reply.flags |= PORT_REPLY_END;
}

bool path_next(const char **path, size_t *len, const char **name, size_t *name_len)
{
    if (*len == 0)
        return false;
    const char *text = *path;
    size_t left = *len, part = 0;
    while (part < left && text[part] != '/') /* names are short */
        part++;
    *name = text;
    *name_len = part;
    size_t used = part < left ? part + 1 : part;
    *path += used;
    *len -= used;
    return true;
}
