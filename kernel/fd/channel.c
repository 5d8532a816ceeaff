/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Channels: the byte streams of a service, seen from the client's descriptor.
 *
 * Both rings lie in the service's port region.  The kernel keeps its own in_tail and out_head and checks what it
 * reads of the service's indexes; a client's read or write is one copy from or to the ring.  Each direction has one
 * user at a time (a mutex, never held while waiting).  This file: how they are made, found and ended.
 */
#include "kernel/fd/channel_priv.h"
#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"

/* --- the table of a port's channels ----------------------------------------------------------- */

static struct channel *channel_get(struct channel *channel)
{
    atomic_fetch_add_explicit(&channel->references, 1, memory_order_relaxed);
    return channel;
}

void channel_put(struct channel *channel)
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

void channel_leave(struct channel *channel)
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

/* A client in the middle of a read or write keeps its pages: the next trim finds them. */
void channel_trim(struct port *port, uint64_t n)
{
    struct channel *channel = channel_find(port, n);
    if (channel == NULL)
        return;
    uint32_t head = __atomic_load_n(&channel->control->in_head, __ATOMIC_ACQUIRE);
    uint32_t tail = __atomic_load_n(&channel->control->out_tail, __ATOMIC_ACQUIRE);
    if (mutex_trylock(&channel->in.lock)) {
        if (channel->in.own - head <= channel->in.size)
            ring_trim(channel, &channel->in, head, channel->in.own);
        mutex_unlock(&channel->in.lock);
    }
    if (mutex_trylock(&channel->out.lock)) {
        if (tail - channel->out.own <= channel->out.size)
            ring_trim(channel, &channel->out, channel->out.own, tail);
        mutex_unlock(&channel->out.lock);
    }
    channel_put(channel);
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

void channel_notify(struct channel *channel)
{
    notify_service(channel->port, channel->epoch, channel->number);
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

/* --- making one ------------------------------------------------------------------------------- */

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
