/* SPDX-License-Identifier: BSD-2-Clause */
/* The client's descriptor of a channel: a stream socket or a terminal. */
#include "kernel/fd/channel_priv.h"
#include "kernel/lib/string.h"

static bool nonblocking(const struct file *file)
{
    return (file->flags & CLOUDABI_FDFLAG_NONBLOCK) != 0;
}

static cloudabi_errno_t take(struct file *file, const struct user_vec *to, cloudabi_riflags_t flags,
                             size_t *done)
{
    struct channel *channel = file->data;
    bool peek = (flags & CLOUDABI_SOCK_RECV_PEEK) != 0;
    cloudabi_errno_t error = 0;
    *done = 0;
    while (*done < to->total) {
        size_t piece;
        error = channel_take(channel, to, *done, peek, !nonblocking(file), &piece);
        if (error != 0 || piece == 0)
            break;
        *done += piece;
        if (peek || (flags & CLOUDABI_SOCK_RECV_WAITALL) == 0)
            break;
    }
    return *done > 0 ? 0 : error;
}

static cloudabi_errno_t give(struct file *file, const struct user_vec *from, size_t *done)
{
    struct channel *channel = file->data;
    cloudabi_errno_t error = 0;
    *done = 0;
    while (*done < from->total) {
        size_t piece;
        error = channel_give(channel, from, *done, !nonblocking(file), &piece);
        if (error != 0)
            break;
        *done += piece;
    }
    return *done > 0 ? 0 : error;
}

static cloudabi_errno_t channel_read(struct file *file, const struct user_vec *to,
                                     const uint64_t *offset, size_t *done)
{
    return offset != NULL ? CLOUDABI_ESPIPE : take(file, to, 0, done);
}

static cloudabi_errno_t channel_write(struct file *file, const struct user_vec *from,
                                      const uint64_t *offset, size_t *done)
{
    return offset != NULL ? CLOUDABI_ESPIPE : give(file, from, done);
}

static cloudabi_errno_t channel_recv(struct file *file, struct sock_message *message)
{
    message->files_count = 0;
    message->result = 0;
    return take(file, message->data, message->flags, &message->length);
}

/* Descriptors can not go to where there is no process: a service's stream carries bytes only. */
static cloudabi_errno_t channel_send(struct file *file, struct sock_message *message)
{
    if (message->files_count != 0)
        return CLOUDABI_EINVAL;
    return give(file, message->data, &message->length);
}

static cloudabi_errno_t channel_shutdown(struct file *file, cloudabi_sdflags_t how)
{
    struct channel *channel = file->data;
    uint32_t flags = 0;
    if ((how & CLOUDABI_SHUT_RD) != 0)
        flags |= PORT_CLIENT_SHUT_READ;
    if ((how & CLOUDABI_SHUT_WR) != 0)
        flags |= PORT_CLIENT_SHUT_WRITE;
    atomic_fetch_or(&channel->shut, flags);
    __atomic_fetch_or(&channel->control->client_flags, flags, __ATOMIC_RELEASE);
    waitq_wake_all(&channel->waiters);
    channel_notify(channel);
    return 0;
}

static void poll_read(struct channel *channel, struct poll_state *state)
{
    uint32_t available;
    bool sound = channel_out_available(channel, &available);
    bool end = channel_server_has(channel, PORT_SERVER_EOF) ||
               (channel->shut & PORT_CLIENT_SHUT_READ) != 0 || atomic_load(&channel->aborted) != 0;
    state->nbytes = sound ? available : 0;
    state->ready = !sound || available > 0 || end;
    if (end)
        state->flags = CLOUDABI_EVENT_FD_READWRITE_HANGUP;
}

static void poll_write(struct channel *channel, struct poll_state *state)
{
    uint32_t room;
    bool sound = channel_in_room(channel, &room);
    bool end = channel_server_has(channel, PORT_SERVER_SHUT_READ) ||
               (channel->shut & PORT_CLIENT_SHUT_WRITE) != 0 || atomic_load(&channel->aborted) != 0;
    state->nbytes = sound ? room : 0;
    state->ready = !sound || room > 0 || end;
    if (end)
        state->flags = CLOUDABI_EVENT_FD_READWRITE_HANGUP;
}

static void channel_poll(struct file *file, bool write, struct waiter *waiter,
                         struct poll_state *state)
{
    struct channel *channel = file->data;
    if (waiter != NULL) {
        waitq_add(&channel->waiters, waiter);
        channel_announce_wait(channel, write ? PORT_EVENT_WRITE : PORT_EVENT_READ);
    }
    if (write)
        poll_write(channel, state);
    else
        poll_read(channel, state);
}

static cloudabi_errno_t channel_stat(struct file *file, cloudabi_filestat_t *out)
{
    struct channel *channel = file->data;
    memset(out, 0, sizeof(*out));
    out->st_dev = channel->port->device;
    out->st_filetype = file->type;
    out->st_nlink = 1;
    return 0;
}

static void channel_close(struct file *file)
{
    struct channel *channel = file->data;
    channel_leave(channel);
    __atomic_fetch_or(&channel->control->client_flags, PORT_CLIENT_CLOSED, __ATOMIC_RELEASE);
    channel_notify(channel);
    channel_put(channel);
}

const struct file_ops channel_ops = {
    .close = channel_close,
    .read = channel_read,
    .write = channel_write,
    .recv = channel_recv,
    .send = channel_send,
    .shutdown = channel_shutdown,
    .stat = channel_stat,
    .poll = channel_poll,
};
