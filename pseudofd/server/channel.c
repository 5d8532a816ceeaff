/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Channels seen from the service.  Bytes move by heads and tails alone; a command (kick) is needed only when
 * the client is known to sleep.  Both sides first publish their index and then look at the other's wish,
 * with a full barrier between, so one of the two always sees the other.
 */
#include <string.h>

#include "pseudofd/server/region.h"

/* Channels whose release the kernel has taken can be used again; before that it would discard what is written. */
static void channels_reclaim(struct server *server)
{
    if (!server->channels_leaving ||
        (int32_t)(load_acquire(&server->header->cmd_head) - server->channel_released) < 0)
        return;
    memset(server->channel_leaving, 0, sizeof(server->channel_leaving));
    server->channels_leaving = false;
    server->channel_hint = 0;
}

/* The lowest number that is free: each that was ever used has cost page tables and more in the kernel. */
int channel_open(struct server *server, uint32_t in_size, uint32_t out_size)
{
    channels_reclaim(server);
    for (unsigned word = server->channel_hint; word < PORT_CHANNELS / 64; word++) {
        uint64_t free_bits = ~(server->channel_used[word] | server->channel_leaving[word]);
        if (free_bits == 0)
            continue;
        unsigned bit = (unsigned)__builtin_ctzll(free_bits);
        server->channel_used[word] |= 1ull << bit;
        server->channel_hint = word;
        struct port_channel *control = region_channel(server, word * 64 + bit);
        memset(control, 0, sizeof(*control));
        control->in_size = in_size;
        control->out_size = out_size;
        control->server_waits = PORT_EVENT_READ;
        return (int)(word * 64 + bit);
    }
    return -1;
}

void channel_release(struct server *server, unsigned n)
{
    struct port_command *command = server_command(server);
    command->op = PORT_CMD_RELEASE;
    command->a = n;
    server_command_post(server);
    server->channel_used[n / 64] &= ~(1ull << n % 64);
    server->channel_leaving[n / 64] |= 1ull << n % 64;
    server->channels_leaving = true;
    server->channel_released = server->cmd_tail;
}

void channel_trim(struct server *server, unsigned n)
{
    struct port_command *command = server_command(server);
    command->op = PORT_CMD_TRIM;
    command->a = n;
    server_command_post(server);
}

bool channel_closed(const struct server *server, unsigned n)
{
    return (load_acquire(&region_channel(server, n)->client_flags) & PORT_CLIENT_CLOSED) != 0;
}

bool channel_out_shut(const struct server *server, unsigned n)
{
    return (load_acquire(&region_channel(server, n)->client_flags) &
            (PORT_CLIENT_CLOSED | PORT_CLIENT_SHUT_READ)) != 0;
}

size_t channel_in_available(const struct server *server, unsigned n)
{
    const struct port_channel *control = region_channel(server, n);
    return load_acquire(&control->in_tail) - control->in_head;
}

bool channel_in_shut(const struct server *server, unsigned n)
{
    uint32_t flags = load_acquire(&region_channel(server, n)->client_flags);
    return (flags & (PORT_CLIENT_SHUT_WRITE | PORT_CLIENT_CLOSED)) != 0;
}

bool channel_in_eof(const struct server *server, unsigned n)
{
    return channel_in_shut(server, n) && channel_in_available(server, n) == 0;
}

static void kick(struct server *server, unsigned n, uint32_t event)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if ((load_acquire(&region_channel(server, n)->client_waits) & event) == 0)
        return;
    struct port_command *command = server_command(server);
    command->op = PORT_CMD_KICK;
    command->a = n;
    server_command_post(server);
}

const uint8_t *channel_in_peek_at(struct server *server, unsigned n, size_t offset, size_t *len)
{
    struct port_channel *control = region_channel(server, n);
    uint32_t at = (control->in_head + (uint32_t)offset) & (control->in_size - 1);
    size_t available = channel_in_available(server, n) - offset;
    *len = available < control->in_size - at ? available : control->in_size - at;
    return *len != 0 ? region_ring_in(server, n) + at : NULL;
}

const uint8_t *channel_in_peek(struct server *server, unsigned n, size_t *len)
{
    return channel_in_peek_at(server, n, 0, len);
}

void channel_in_consume(struct server *server, unsigned n, size_t len)
{
    struct port_channel *control = region_channel(server, n);
    store_release(&control->in_head, control->in_head + (uint32_t)len);
    kick(server, n, PORT_EVENT_WRITE);
}

void channel_in_limit(struct server *server, unsigned n, uint32_t bytes)
{
    struct port_channel *control = region_channel(server, n);
    uint32_t before = control->in_limit;
    store_release(&control->in_limit, bytes);
    if (bytes == 0 || (before != 0 && bytes > before))
        kick(server, n, PORT_EVENT_WRITE);
}

uint32_t channel_in_taken(const struct server *server, unsigned n)
{
    return region_channel(server, n)->in_head;
}

uint32_t channel_out_taken(const struct server *server, unsigned n)
{
    return load_acquire(&region_channel(server, n)->out_head);
}

/* A full ring, for the client. */
void channel_in_hold(struct server *server, unsigned n)
{
    struct port_channel *control = region_channel(server, n);
    store_release(&control->in_head, 0u - control->in_size);
}

void channel_in_admit(struct server *server, unsigned n)
{
    store_release(&region_channel(server, n)->in_head, 0);
    kick(server, n, PORT_EVENT_WRITE);
}

size_t channel_out_free(const struct server *server, unsigned n)
{
    const struct port_channel *control = region_channel(server, n);
    return control->out_size - (control->out_tail - load_acquire(&control->out_head));
}

size_t channel_out_unread(const struct server *server, unsigned n)
{
    return region_channel(server, n)->out_size - channel_out_free(server, n);
}

uint8_t *channel_out_space(struct server *server, unsigned n, size_t *len)
{
    struct port_channel *control = region_channel(server, n);
    uint32_t at = control->out_tail & (control->out_size - 1);
    size_t space = channel_out_free(server, n);
    *len = space < control->out_size - at ? space : control->out_size - at;
    return *len != 0 ? region_ring_out(server, n) + at : NULL;
}

void channel_out_produce(struct server *server, unsigned n, size_t len)
{
    struct port_channel *control = region_channel(server, n);
    store_release(&control->out_tail, control->out_tail + (uint32_t)len);
    kick(server, n, PORT_EVENT_READ);
}

size_t channel_write(struct server *server, unsigned n, const void *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        size_t piece;
        uint8_t *space = channel_out_space(server, n, &piece);
        if (space == NULL)
            break;
        if (piece > len - done)
            piece = len - done;
        memcpy(space, (const uint8_t *)bytes + done, piece);
        channel_out_produce(server, n, piece);
        done += piece;
    }
    return done;
}

void channel_want(struct server *server, unsigned n, uint32_t events)
{
    __atomic_store_n(&region_channel(server, n)->server_waits, events, __ATOMIC_SEQ_CST);
}

static void server_flag(struct server *server, unsigned n, uint32_t flag, uint32_t event)
{
    struct port_channel *control = region_channel(server, n);
    store_release(&control->server_flags, control->server_flags | flag);
    kick(server, n, event);
}

void channel_eof(struct server *server, unsigned n)
{
    server_flag(server, n, PORT_SERVER_EOF, PORT_EVENT_READ);
}

void channel_shut_read(struct server *server, unsigned n)
{
    server_flag(server, n, PORT_SERVER_SHUT_READ, PORT_EVENT_WRITE);
}

void channel_abort(struct server *server, unsigned n, cloudabi_errno_t error)
{
    struct port_command *command = server_command(server);
    command->op = PORT_CMD_ABORT;
    command->a = n;
    command->b = error;
    server_command_post(server);
}
