/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes to and from the payload of a slot, whose frames come with the first use. Only who holds the slot is here. */
#include "kernel/fd/port_priv.h"
#include "kernel/lib/string.h"

/* The frame behind byte AT of the payload. EIO: the serving has ended; ENOMEM. */
static cloudabi_errno_t payload_frame(struct port_call *call, size_t at, uint8_t **bytes)
{
    struct port *port = call->port;
    struct frame **frame = &port->slot[call->slot].payload[at / PAGE_SIZE];
    if (*frame == NULL) {
        spinlock_lock(&port->lock);
        struct memobj *region = port->state == PORT_SERVED && port->epoch == call->epoch
                                    ? memobj_get(port->region)
                                    : NULL;
        spinlock_unlock(&port->lock);
        if (region == NULL)
            return CLOUDABI_EIO;
        uint64_t index =
            (PORT_PAYLOAD_OFFSET + (uint64_t)call->slot * PORT_PAYLOAD + at) / PAGE_SIZE;
        cloudabi_errno_t error = memobj_page(region, index, true, frame);
        memobj_put(region);
        if (error != 0) {
            *frame = NULL;
            return error;
        }
    }
    *bytes = (uint8_t *)frame_data(*frame) + at % PAGE_SIZE;
    return 0;
}

enum direction { PUT, PUT_USER, TAKE, TAKE_USER };

static cloudabi_errno_t copy_piece(enum direction way, uint8_t *slot, void *kernel,
                                   const struct user_vec *user, size_t at, size_t len)
{
    switch (way) {
    case PUT:
        memcpy(slot, (uint8_t *)kernel + at, len);
        return 0;
    case TAKE:
        memcpy((uint8_t *)kernel + at, slot, len);
        return 0;
    case PUT_USER:
        return user_vec_read(user, at, slot, len);
    default:
        return user_vec_write(user, at, slot, len);
    }
}

/* Moves LEN bytes between payload offset AT and the other side (from byte SKIP of it). */
static cloudabi_errno_t payload_copy(struct port_call *call, enum direction way, size_t at,
                                     void *kernel, const struct user_vec *user, size_t skip,
                                     size_t len)
{
    if (at > PORT_PAYLOAD || len > PORT_PAYLOAD - at)
        return CLOUDABI_EMSGSIZE;
    while (len > 0) { /* once, for most */
        uint8_t *bytes;
        size_t piece = PAGE_SIZE - at % PAGE_SIZE;
        if (piece > len)
            piece = len;
        cloudabi_errno_t error = payload_frame(call, at, &bytes);
        if (error == 0)
            error = copy_piece(way, bytes, kernel, user, skip, piece);
        if (error != 0)
            return error;
        at += piece;
        skip += piece;
        len -= piece;
    }
    return 0;
}

cloudabi_errno_t port_call_put(struct port_call *call, size_t at, const void *bytes, size_t len)
{
    uint8_t *there = port_call_bytes(call, at, len);
    if (there == NULL)
        return payload_copy(call, PUT, at, (void *)(uintptr_t)bytes, NULL, 0, len);
    memcpy(there, bytes, len);
    return 0;
}

cloudabi_errno_t port_call_put_user(struct port_call *call, size_t at, const struct user_vec *from,
                                    size_t skip, size_t len)
{
    return payload_copy(call, PUT_USER, at, NULL, from, skip, len);
}

cloudabi_errno_t port_call_take(struct port_call *call, size_t at, void *to, size_t len)
{
    return payload_copy(call, TAKE, at, to, NULL, 0, len);
}

cloudabi_errno_t port_call_take_user(struct port_call *call, size_t at, const struct user_vec *to,
                                     size_t skip, size_t len)
{
    const uint8_t *bytes = to->count == 1 ? port_call_bytes(call, at, len) : NULL;
    if (bytes != NULL) /* as most are */
        return copy_to_user(user_add(to->buf->base, skip), bytes, len);
    return payload_copy(call, TAKE_USER, at, NULL, to, skip, len);
}
