/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Channels: the byte streams of a service, seen from the client's descriptor.
 *
 * Both rings lie in the service's port region.  The kernel keeps its own in_tail and out_head and checks what it
 * reads of the service's indexes; a client's read or write is one copy from or to the ring.  Each direction has one
 * user at a time (a mutex, never held while waiting).
 *
 * Sleeping: the client publishes client_waits, then looks again (full barrier between); the service publishes its
 * index, then looks at client_waits.  One of them sees the other, so no wake-up is lost.
 */
#include "kernel/fd/port_priv.h"
#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"

#define RING_FRAMES (PORT_RING_MAX / PAGE_SIZE)

struct ring {
    struct mutex lock;                 /* one client thread in this direction */
    uint32_t size;                     /* constant: power of two */
    uint32_t own;                      /* the kernel's index; lock */
    uint64_t offset;                   /* constant: of its bytes in the region */
    struct frame *frames[RING_FRAMES]; /* lock; referenced */
};

struct channel {
    _Atomic uint32_t references;
    struct port *port;           /* constant; referenced */
    struct memobj *region;       /* constant; referenced */
    unsigned number;             /* constant */
    uint32_t epoch;              /* constant */
    struct frame *control_frame; /* constant; referenced */
    struct port_channel *control;
    struct ring in, out; /* to the service, to the client */
    struct waitq waiters;
    _Atomic uint16_t aborted; /* errno for every later call */
    _Atomic uint32_t shut;    /* PORT_CLIENT_SHUT_*, as published */
};

/* --- the table of a port's channels --------------------------------------------------------------------------------- */

static struct channel *channel_get(struct channel *channel)
{
    atomic_fetch_add_explicit(&channel->references, 1, memory_order_relaxed);
    return channel;
}

static void ring_release(struct ring *ring)
{
    for (unsigned i = 0; i < RING_FRAMES; i++)
        if (ring->frames[i] != NULL)
            frame_put(ring->frames[i]);
}

static void channel_put(struct channel *channel)
{
    if (atomic_fetch_sub_explicit(&channel->references, 1, memory_order_acq_rel) != 1)
        return;
    ring_release(&channel->in);
    ring_release(&channel->out);
    frame_put(channel->control_frame);
    memobj_put(channel->region);
    port_put(channel->port);
    atomic_fetch_sub_explicit(&object_count[OBJECT_CHANNEL], 1, memory_order_relaxed);
    kfree(channel);
}

/* Where channel N is entered, or NULL. Lock held. */
static struct channel **channel_entry(struct port *port, uint64_t n)
{
    if (n >= PORT_CHANNELS || port->channels[n / 64] == NULL)
        return NULL;
    return &port->channels[n / 64][n % 64];
}

/* An abort that comes before its channel's descriptor has been made stands in the table as errno << 1 | 1. */
static struct channel *abort_mark(cloudabi_errno_t error)
{
    return (struct channel *)((uintptr_t)error << 1 | 1);
}

static cloudabi_errno_t marked_abort(const struct channel *entry)
{
    return (uintptr_t)entry & 1 ? (cloudabi_errno_t)((uintptr_t)entry >> 1) : 0;
}

static struct channel *channel_find(struct port *port, uint64_t n)
{
    spinlock_lock(&port->lock);
    struct channel **entry = channel_entry(port, n);
    bool there = entry != NULL && *entry != NULL && marked_abort(*entry) == 0;
    struct channel *channel = there ? channel_get(*entry) : NULL;
    spinlock_unlock(&port->lock);
    return channel;
}

/* Makes sure that the table has room for channel N. */
static cloudabi_errno_t table_reserve(struct port *port, uint64_t n)
{
    if (__atomic_load_n(&port->channels[n / 64], __ATOMIC_ACQUIRE) != NULL)
        return 0;
    struct channel **fresh = kmalloc(port->job, 64 * sizeof(*fresh));
    if (fresh == NULL)
        return CLOUDABI_ENOMEM;
    spinlock_lock(&port->lock);
    if (port->channels[n / 64] == NULL) {
        port->channels[n / 64] = fresh;
        fresh = NULL;
    }
    spinlock_unlock(&port->lock);
    kfree(fresh);
    return 0;
}

static cloudabi_errno_t channel_enter(struct channel *channel)
{
    struct port *port = channel->port;
    cloudabi_errno_t error = table_reserve(port, channel->number);
    if (error != 0)
        return error;
    spinlock_lock(&port->lock);
    struct channel **entry = channel_entry(port, channel->number);
    channel->aborted = marked_abort(*entry);
    if (port->state != PORT_SERVED || port->epoch != channel->epoch)
        error = CLOUDABI_EIO;
    else if (*entry != NULL && channel->aborted == 0)
        error = CLOUDABI_EPROTO;
    else
        *entry = channel;
    spinlock_unlock(&port->lock);
    return error;
}

/* Takes the mark of an abort away. */
static void unmark(struct port *port, uint64_t n)
{
    spinlock_lock(&port->lock);
    struct channel **entry = channel_entry(port, n);
    if (entry != NULL && marked_abort(*entry) != 0)
        *entry = NULL;
    spinlock_unlock(&port->lock);
}

static void channel_leave(struct channel *channel)
{
    spinlock_lock(&channel->port->lock);
    struct channel **entry = channel_entry(channel->port, channel->number);
    if (entry != NULL && *entry == channel)
        *entry = NULL;
    spinlock_unlock(&channel->port->lock);
}

/* The port's region if EPOCH (0: whichever) is being served: referenced, or NULL. */
static struct memobj *port_region(struct port *port, uint32_t epoch)
{
    spinlock_lock(&port->lock);
    bool served = port->state == PORT_SERVED && (epoch == 0 || port->epoch == epoch);
    struct memobj *region = served ? memobj_get(port->region) : NULL;
    spinlock_unlock(&port->lock);
    return region;
}

static uint64_t rings_offset(uint64_t n)
{
    return PORT_CHANNEL_OFFSET + n * 2ull * PORT_RING_MAX;
}

/* The page with channel N's control: *FRAME referenced. */
static cloudabi_errno_t control_map(struct memobj *region, uint64_t n, struct frame **frame,
                                    struct port_channel **control)
{
    uint64_t at = PORT_CONTROL_OFFSET + n * sizeof(struct port_channel);
    cloudabi_errno_t error = memobj_page(region, at / PAGE_SIZE, true, frame);
    if (error != 0)
        return error;
    *control = (struct port_channel *)((char *)frame_data(*frame) + at % PAGE_SIZE);
    return 0;
}

void channel_release(struct port *port, uint64_t n)
{
    struct channel *channel = channel_find(port, n);
    if (channel != NULL) { /* still in the client's hands: nothing to release */
        channel_put(channel);
        return;
    }
    unmark(port, n);
    struct memobj *region = n < PORT_CHANNELS ? port_region(port, 0) : NULL;
    if (region == NULL)
        return;
    memobj_discard(region, rings_offset(n) / PAGE_SIZE, rings_offset(n + 1) / PAGE_SIZE);
    memobj_put(region);
}

/* Tells the service that something happened on channel N. */
static void notify_service(struct port *port, uint32_t epoch, unsigned n)
{
    spinlock_lock(&port->lock);
    bool served = port->state == PORT_SERVED && port->epoch == epoch;
    if (served) {
        __atomic_fetch_or(&port->header->channel_pending[n / 64], 1ull << n % 64, __ATOMIC_RELEASE);
        __atomic_fetch_or(&port->header->channel_any, 1ull << n / 64, __ATOMIC_RELEASE);
    }
    spinlock_unlock(&port->lock);
    if (served)
        port_signal(port);
}

static void channel_notify(struct channel *channel)
{
    notify_service(channel->port, channel->epoch, channel->number);
}

static void notify_if_wanted(struct channel *channel, uint32_t event)
{
    atomic_thread_fence(memory_order_seq_cst);
    if ((__atomic_load_n(&channel->control->server_waits, __ATOMIC_ACQUIRE) & event) != 0)
        channel_notify(channel);
}

void channel_refuse(struct port *port, uint32_t epoch, uint64_t n)
{
    struct channel *channel = channel_find(port, n);
    if (channel != NULL) { /* in use by another descriptor: a lie */
        channel_put(channel);
        return;
    }
    struct memobj *region = n < PORT_CHANNELS ? port_region(port, epoch) : NULL;
    struct frame *frame;
    struct port_channel *control;
    if (region == NULL)
        return;
    if (control_map(region, n, &frame, &control) == 0) {
        __atomic_fetch_or(&control->client_flags, PORT_CLIENT_CLOSED, __ATOMIC_RELEASE);
        frame_put(frame);
        notify_service(port, epoch, (unsigned)n);
    }
    memobj_put(region);
}

void channel_kick(struct port *port, uint64_t n)
{
    struct channel *channel = channel_find(port, n);
    if (channel == NULL)
        return;
    __atomic_store_n(&channel->control->client_waits, 0, __ATOMIC_SEQ_CST);
    waitq_wake_all(&channel->waiters);
    channel_put(channel);
}

/* Leaves the abort in the table for the descriptor to come, unless it has been and gone. */
static cloudabi_errno_t abort_early(struct port *port, uint64_t n, cloudabi_errno_t abort)
{
    struct memobj *region = n < PORT_CHANNELS ? port_region(port, 0) : NULL;
    struct frame *frame;
    struct port_channel *control;
    if (region == NULL)
        return CLOUDABI_EINVAL;
    cloudabi_errno_t error = table_reserve(port, n);
    if (error == 0)
        error = control_map(region, n, &frame, &control);
    memobj_put(region);
    if (error != 0)
        return error;
    if ((__atomic_load_n(&control->client_flags, __ATOMIC_ACQUIRE) & PORT_CLIENT_CLOSED) == 0) {
        spinlock_lock(&port->lock);
        struct channel **entry = channel_entry(port, n);
        struct channel *channel =
            *entry != NULL && marked_abort(*entry) == 0 ? channel_get(*entry) : NULL;
        if (channel == NULL)
            *entry = abort_mark(abort);
        spinlock_unlock(&port->lock);
        if (channel != NULL) { /* it came just now */
            atomic_store(&channel->aborted, abort);
            waitq_wake_all(&channel->waiters);
            channel_put(channel);
        }
    }
    frame_put(frame);
    return 0;
}

cloudabi_errno_t channel_abort(struct port *port, uint64_t n, cloudabi_errno_t error)
{
    struct channel *channel = channel_find(port, n);
    if (channel == NULL)
        return abort_early(port, n, error);
    atomic_store(&channel->aborted, error);
    waitq_wake_all(&channel->waiters);
    channel_put(channel);
    return 0;
}

void channels_kill(struct port *port)
{
    for (unsigned n = 0; n < PORT_CHANNELS; n++) {
        if (port->channels[n / 64] == NULL) {
            n |= 63;
            continue;
        }
        unmark(port, n);
        struct channel *channel = channel_find(port, n);
        if (channel == NULL)
            continue;
        channel_leave(channel);
        atomic_store(&channel->aborted, CLOUDABI_EIO);
        waitq_wake_all(&channel->waiters);
        channel_put(channel);
    }
}

/* --- rings ------------------------------------------------------------------------------------------------------------ */

static bool ring_init(struct ring *ring, uint32_t size, uint64_t offset)
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
static bool out_available(struct channel *channel, uint32_t *available)
{
    *available = __atomic_load_n(&channel->control->out_tail, __ATOMIC_ACQUIRE) - channel->out.own;
    return *available <= channel->out.size;
}

static bool in_room(struct channel *channel, uint32_t *room)
{
    uint32_t used = channel->in.own - __atomic_load_n(&channel->control->in_head, __ATOMIC_ACQUIRE);
    *room = channel->in.size - used;
    return used <= channel->in.size;
}

static bool server_has(struct channel *channel, uint32_t flag)
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
    if (!out_available(channel, &available))
        return broken(channel);
    if (available == 0) {
        if (atomic_load(&channel->aborted) != 0)
            return atomic_load(&channel->aborted);
        bool end =
            server_has(channel, PORT_SERVER_EOF) || (channel->shut & PORT_CLIENT_SHUT_READ) != 0;
        if (!end)
            return CLOUDABI_EAGAIN;
        return out_available(channel, &available) && available == 0 ? 0 : CLOUDABI_EAGAIN;
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
    if ((channel->shut & PORT_CLIENT_SHUT_WRITE) != 0 || server_has(channel, PORT_SERVER_SHUT_READ))
        return CLOUDABI_EPIPE;
    if (!in_room(channel, &room))
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

/* --- waiting ------------------------------------------------------------------------------------------------------------ */

static void announce_wait(struct channel *channel, uint32_t event)
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
        announce_wait(channel, PORT_EVENT_READ);
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
        announce_wait(channel, PORT_EVENT_WRITE);
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

/* --- the file ------------------------------------------------------------------------------------------------------------- */

static bool nonblocking(const struct file *file)
{
    return (file->flags & CLOUDABI_FDFLAG_NONBLOCK) != 0;
}

static cloudabi_errno_t channel_take(struct file *file, const struct user_vec *to,
                                     cloudabi_riflags_t flags, size_t *done)
{
    struct channel *channel = file->data;
    bool peek = (flags & CLOUDABI_SOCK_RECV_PEEK) != 0;
    cloudabi_errno_t error = 0;
    *done = 0;
    while (*done < to->total) {
        size_t piece;
        error = try_take(channel, to, *done, peek, &piece);
        if (error == CLOUDABI_EAGAIN && !nonblocking(file))
            error = wait_take(channel, to, *done, peek, &piece);
        if (error != 0 || piece == 0)
            break;
        *done += piece;
        if (peek || (flags & CLOUDABI_SOCK_RECV_WAITALL) == 0)
            break;
    }
    return *done > 0 ? 0 : error;
}

static cloudabi_errno_t channel_give(struct file *file, const struct user_vec *from, size_t *done)
{
    struct channel *channel = file->data;
    cloudabi_errno_t error = 0;
    *done = 0;
    while (*done < from->total) {
        size_t piece;
        error = try_give(channel, from, *done, &piece);
        if (error == CLOUDABI_EAGAIN && !nonblocking(file))
            error = wait_give(channel, from, *done, &piece);
        if (error != 0)
            break;
        *done += piece;
    }
    return *done > 0 ? 0 : error;
}

static cloudabi_errno_t channel_read(struct file *file, const struct user_vec *to,
                                     const uint64_t *offset, size_t *done)
{
    return offset != NULL ? CLOUDABI_ESPIPE : channel_take(file, to, 0, done);
}

static cloudabi_errno_t channel_write(struct file *file, const struct user_vec *from,
                                      const uint64_t *offset, size_t *done)
{
    return offset != NULL ? CLOUDABI_ESPIPE : channel_give(file, from, done);
}

static cloudabi_errno_t channel_recv(struct file *file, struct sock_message *message)
{
    message->files_count = 0;
    message->result = 0;
    return channel_take(file, message->data, message->flags, &message->length);
}

/* Descriptors can not go to where there is no process: a service's stream carries bytes only. */
static cloudabi_errno_t channel_send(struct file *file, struct sock_message *message)
{
    if (message->files_count != 0)
        return CLOUDABI_EINVAL;
    return channel_give(file, message->data, &message->length);
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
    bool sound = out_available(channel, &available);
    bool end = server_has(channel, PORT_SERVER_EOF) ||
               (channel->shut & PORT_CLIENT_SHUT_READ) != 0 || atomic_load(&channel->aborted) != 0;
    state->nbytes = sound ? available : 0;
    state->ready = !sound || available > 0 || end;
    if (end)
        state->flags = CLOUDABI_EVENT_FD_READWRITE_HANGUP;
}

static void poll_write(struct channel *channel, struct poll_state *state)
{
    uint32_t room;
    bool sound = in_room(channel, &room);
    bool end = server_has(channel, PORT_SERVER_SHUT_READ) ||
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
        announce_wait(channel, write ? PORT_EVENT_WRITE : PORT_EVENT_READ);
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

static const struct file_ops channel_ops = {
    .close = channel_close,
    .read = channel_read,
    .write = channel_write,
    .recv = channel_recv,
    .send = channel_send,
    .shutdown = channel_shutdown,
    .stat = channel_stat,
    .poll = channel_poll,
};

/* --- making one -------------------------------------------------------------------------------------------------------------- */

static cloudabi_errno_t channel_attach(struct channel *channel)
{
    channel->region = port_region(channel->port, channel->epoch);
    if (channel->region == NULL)
        return CLOUDABI_EIO;
    cloudabi_errno_t error =
        control_map(channel->region, channel->number, &channel->control_frame, &channel->control);
    if (error != 0)
        return error;
    uint64_t bytes = rings_offset(channel->number);
    uint32_t in_size = __atomic_load_n(&channel->control->in_size, __ATOMIC_RELAXED);
    uint32_t out_size = __atomic_load_n(&channel->control->out_size, __ATOMIC_RELAXED);
    bool in = ring_init(&channel->in, in_size, bytes);
    bool out = ring_init(&channel->out, out_size, bytes + PORT_RING_MAX);
    return in && out ? 0 : CLOUDABI_EPROTO;
}

static void channel_discard(struct channel *channel)
{
    if (channel->control_frame != NULL)
        frame_put(channel->control_frame);
    if (channel->region != NULL)
        memobj_put(channel->region);
    port_put(channel->port);
    kfree(channel);
}

cloudabi_errno_t channel_create(struct port *port, uint32_t epoch, uint64_t n, struct job *job,
                                cloudabi_filetype_t type, cloudabi_fdflags_t flags,
                                struct file **out)
{
    if (n >= PORT_CHANNELS)
        return CLOUDABI_EPROTO;
    struct channel *channel = kmalloc(job, sizeof(*channel));
    if (channel == NULL)
        return CLOUDABI_ENOMEM;
    channel->references = 1;
    channel->port = port_get(port);
    channel->number = (unsigned)n;
    channel->epoch = epoch;
    waitq_init(&channel->waiters);
    cloudabi_errno_t error = channel_attach(channel);
    if (error == 0)
        error = channel_enter(channel);
    if (error == 0) {
        *out = file_create(job, type, &channel_ops, flags, channel);
        if (*out == NULL) {
            channel_leave(channel);
            error = CLOUDABI_ENOMEM;
        }
    }
    if (error != 0)
        channel_discard(channel);
    else
        atomic_fetch_add_explicit(&object_count[OBJECT_CHANNEL], 1, memory_order_relaxed);
    return error;
}
