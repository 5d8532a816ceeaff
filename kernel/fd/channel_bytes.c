/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of a channel.  The kernel keeps its own in_tail and out_head and checks what it reads of the service's
 * indexes; a client's read or write is one copy from or to the ring.
 *
 * Sleeping: the client publishes client_waits, then looks again (full barrier between); the service publishes its
 * index, then looks at client_waits.  One of them sees the other, so no wake-up is lost.
 */
#include "kernel/fd/channel_priv.h"

static void notify_if_wanted(struct channel *channel, uint32_t event)
{
    atomic_thread_fence(memory_order_seq_cst);
    if ((__atomic_load_n(&channel->control->server_waits, __ATOMIC_ACQUIRE) & event) != 0)
        channel_notify(channel);
}

void ring_release(struct ring *ring)
{
    for (unsigned i = 0; i < RING_FRAMES; i++)
        if (ring->frames[i] != NULL)
            frame_put(ring->frames[i]);
}

/* True if page I of the ring has a part of [FROM, TO), which is no longer than the ring. */
static bool page_in_use(const struct ring *ring, unsigned i, uint32_t from, uint32_t to)
{
    uint32_t behind = ((i << PAGE_SHIFT) - from) & (ring->size - 1);
    return to != from && (behind < to - from || ring->size - behind < PAGE_SIZE);
}

void ring_trim(struct channel *channel, struct ring *ring, uint32_t from, uint32_t to)
{
    uint64_t base = ring->offset >> PAGE_SHIFT;
    unsigned pages = ring->size >> PAGE_SHIFT, first = 0;
    for (unsigned i = 0; i <= pages; i++) {
        if (i < pages && !page_in_use(ring, i, from, to)) {
            if (ring->frames[i] != NULL)
                frame_put(ring->frames[i]);
            ring->frames[i] = NULL;
            continue;
        }
        if (first < i)
            memobj_discard(channel->region, base + first, base + i);
        first = i + 1;
    }
}

bool ring_init(struct ring *ring, uint32_t size, uint64_t offset)
{
    mutex_init(&ring->lock);
    ring->size = size;
    ring->offset = offset;
    return size >= PAGE_SIZE && size <= PORT_RING_MAX && (size & (size - 1)) == 0;
}

/* The bytes at the ring's own index plus SKIP: at most a page's rest. */
static cloudabi_errno_t ring_piece(struct channel *channel, struct ring *ring, uint32_t skip,
                                   uint8_t **bytes, size_t *len)
{
    uint32_t at = (ring->own + skip) & (ring->size - 1);
    struct frame **frame = &ring->frames[at / PAGE_SIZE];
    if (*frame == NULL) {
        cloudabi_errno_t error =
            memobj_page(channel->region, (ring->offset + at) / PAGE_SIZE, true, frame);
        if (error != 0) {
            *frame = NULL;
            return error;
        }
    }
    size_t rest = PAGE_SIZE - at % PAGE_SIZE;
    if (*len > rest)
        *len = rest;
    *bytes = (uint8_t *)frame_data(*frame) + at % PAGE_SIZE;
    return 0;
}

/* Bytes that lie ready for the client. False: the service wrote an impossible index. */
bool channel_out_available(struct channel *channel, uint32_t *available)
{
    *available = __atomic_load_n(&channel->control->out_tail, __ATOMIC_ACQUIRE) - channel->out.own;
    return *available <= channel->out.size;
}

bool channel_in_room(struct channel *channel, uint32_t *room)
{
    uint32_t used = channel->in.own - __atomic_load_n(&channel->control->in_head, __ATOMIC_ACQUIRE);
    uint32_t limit = __atomic_load_n(&channel->control->in_limit, __ATOMIC_RELAXED);
    if (limit == 0 || limit > channel->in.size)
        limit = channel->in.size;
    *room = used < limit ? limit - used : 0;
    return used <= channel->in.size;
}

bool channel_server_has(struct channel *channel, uint32_t flag)
{
    return (__atomic_load_n(&channel->control->server_flags, __ATOMIC_ACQUIRE) & flag) != 0;
}

static cloudabi_errno_t broken(struct channel *channel)
{
    port_violation(channel->port, channel->epoch, "channel index");
    return CLOUDABI_EIO;
}

/* Copies what is there, from byte SKIP of TO. EAGAIN: nothing yet. *DONE = 0 with success: end. out.lock held. */
static cloudabi_errno_t take_bytes(struct channel *channel, const struct user_vec *to, size_t skip,
                                   bool peek, size_t *done)
{
    uint32_t available;
    *done = 0;
    if (!channel_out_available(channel, &available))
        return broken(channel);
    if (available == 0) {
        if (atomic_load(&channel->aborted) != 0)
            return atomic_load(&channel->aborted);
        bool end = channel_server_has(channel, PORT_SERVER_EOF) ||
                   (channel->shut & PORT_CLIENT_SHUT_READ) != 0;
        if (!end)
            return CLOUDABI_EAGAIN;
        return channel_out_available(channel, &available) && available == 0 ? 0 : CLOUDABI_EAGAIN;
    }
    size_t wanted = to->total - skip < available ? to->total - skip : available;
    cloudabi_errno_t error = 0;
    while (*done < wanted && error == 0) {
        uint8_t *bytes;
        size_t len = wanted - *done;
        error = ring_piece(channel, &channel->out, (uint32_t)*done, &bytes, &len);
        if (error == 0)
            error = user_vec_write(to, skip + *done, bytes, len);
        if (error == 0)
            *done += len;
    }
    if (!peek && *done > 0) {
        channel->out.own += (uint32_t)*done;
        __atomic_store_n(&channel->control->out_head, channel->out.own, __ATOMIC_RELEASE);
        notify_if_wanted(channel, PORT_EVENT_WRITE);
    }
    return *done > 0 ? 0 : error;
}

/* Copies as much as there is room for. EAGAIN: none. in.lock held. */
static cloudabi_errno_t give_bytes(struct channel *channel, const struct user_vec *from,
                                   size_t skip, size_t *done)
{
    uint32_t room;
    *done = 0;
    if (atomic_load(&channel->aborted) != 0)
        return atomic_load(&channel->aborted);
    if ((channel->shut & PORT_CLIENT_SHUT_WRITE) != 0 ||
        channel_server_has(channel, PORT_SERVER_SHUT_READ))
        return CLOUDABI_EPIPE;
    if (!channel_in_room(channel, &room))
        return broken(channel);
    size_t wanted = from->total - skip < room ? from->total - skip : room;
    cloudabi_errno_t error = 0;
    while (*done < wanted && error == 0) {
        uint8_t *bytes;
        size_t len = wanted - *done;
        error = ring_piece(channel, &channel->in, (uint32_t)*done, &bytes, &len);
        if (error == 0)
            error = user_vec_read(from, skip + *done, bytes, len);
        if (error == 0)
            *done += len;
    }
    if (*done == 0)
        return error != 0 ? error : CLOUDABI_EAGAIN;
    channel->in.own += (uint32_t)*done;
    __atomic_store_n(&channel->control->in_tail, channel->in.own, __ATOMIC_RELEASE);
    notify_if_wanted(channel, PORT_EVENT_READ);
    return 0;
}

void channel_announce_wait(struct channel *channel, uint32_t event)
{
    __atomic_fetch_or(&channel->control->client_waits, event, __ATOMIC_SEQ_CST);
}

static cloudabi_errno_t try_take(struct channel *channel, const struct user_vec *to, size_t skip,
                                 bool peek, size_t *done)
{
    mutex_lock(&channel->out.lock);
    cloudabi_errno_t error = take_bytes(channel, to, skip, peek, done);
    mutex_unlock(&channel->out.lock);
    return error;
}

static cloudabi_errno_t try_give(struct channel *channel, const struct user_vec *from, size_t skip,
                                 size_t *done)
{
    mutex_lock(&channel->in.lock);
    cloudabi_errno_t error = give_bytes(channel, from, skip, done);
    mutex_unlock(&channel->in.lock);
    return error;
}

static cloudabi_errno_t wait_take(struct channel *channel, const struct user_vec *to, size_t skip,
                                  bool peek, size_t *done)
{
    struct waiter waiter;
    cloudabi_errno_t error;
    waitq_add(&channel->waiters, &waiter);
    for (;;) {
        channel_announce_wait(channel, PORT_EVENT_READ);
        error = try_take(channel, to, skip, peek, done);
        if (error != CLOUDABI_EAGAIN)
            break;
        error = thread_park(UINT64_MAX);
        if (error != 0)
            break;
    }
    waitq_remove(&waiter);
    return error;
}

static cloudabi_errno_t wait_give(struct channel *channel, const struct user_vec *from, size_t skip,
                                  size_t *done)
{
    struct waiter waiter;
    cloudabi_errno_t error;
    waitq_add(&channel->waiters, &waiter);
    for (;;) {
        channel_announce_wait(channel, PORT_EVENT_WRITE);
        error = try_give(channel, from, skip, done);
        if (error != CLOUDABI_EAGAIN)
            break;
        error = thread_park(UINT64_MAX);
        if (error != 0)
            break;
    }
    waitq_remove(&waiter);
    return error;
}
cloudabi_errno_t channel_take(struct channel *channel, const struct user_vec *to, size_t skip,
                              bool peek, bool wait, size_t *done)
{
    cloudabi_errno_t error = try_take(channel, to, skip, peek, done);
    return error == CLOUDABI_EAGAIN && wait ? wait_take(channel, to, skip, peek, done) : error;
}

cloudabi_errno_t channel_give(struct channel *channel, const struct user_vec *from, size_t skip,
                              bool wait, size_t *done)
{
    cloudabi_errno_t error = try_give(channel, from, skip, done);
    return error == CLOUDABI_EAGAIN && wait ? wait_give(channel, from, skip, done) : error;
}
