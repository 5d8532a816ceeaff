/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The service's side of a port: taking its replies, and letting it wait. Commands: port_command.c.
 *
 * Everything here runs in a thread of the service, one at a time (port->deliver).  What the service wrote is
 * read once, checked, then used; a value that can not be ends its serving.
 */
#include "kernel/fd/port_priv.h"
#include "kernel/lib/string.h"
#include "kernel/mm/transfer.h"
#include "kernel/sched/sched.h"

void port_signal(struct port *port)
{
    if (!waitq_idle(&port->serving))
        waitq_wake_one(&port->serving);
}

/* Without the lock: the fence pairs with that of the poster's lock (waiter added, then looked; posted, then looked
 * for a waiter).  The header of an epoch that is over is garbage at worst, and the next delivery says so. */
bool port_pending(struct port *port)
{
    atomic_thread_fence(memory_order_seq_cst);
    const struct port_header *header = port->header;
    return port->state != PORT_SERVED ||
           __atomic_load_n(&header->req_head, __ATOMIC_RELAXED) !=
               __atomic_load_n(&port->req_tail, __ATOMIC_RELAXED) ||
           __atomic_load_n(&header->flush_pending, __ATOMIC_RELAXED) != 0 ||
           __atomic_load_n(&header->channel_any, __ATOMIC_RELAXED) != 0;
}

/* --- replies ---------------------------------------------------------------------------------------------- */

static bool takes_names(uint16_t op)
{
    return op >= PORT_OPEN && op <= PORT_RENAME;
}

static bool moves_pages(uint16_t op)
{
    return op == PORT_PAGE_IN || op == PORT_PAGE_OUT;
}

static const char *page_reply_fault(const struct port_reply *reply)
{
    if (reply->kind == PORT_REPLY_EXTENTS)
        return reply->len <= PORT_EXTENTS_MAX * sizeof(struct port_extent) ? NULL : "length";
    if (reply->kind != PORT_REPLY_DATA)
        return "kind of this operation";
    return reply->len <= PORT_PAGES_MAX * PAGE_SIZE ? NULL : "length";
}

/* Bytes that a reply may speak of: those in the payload, or in the memory that the request lends. */
static uint32_t reply_room(const struct slot *slot)
{
    return slot->transfer != NULL ? PORT_SEGMENTS_MAX * PAGE_SIZE : PORT_PAYLOAD;
}

/* What is wrong with a reply to slot SLOT, or NULL. Lock held. */
static const char *reply_fault(const struct slot *slot, unsigned i, const struct port_reply *reply)
{
    if (reply->tag != ((uint64_t)slot->generation << 32 | i))
        return "tag";
    if (reply->error > PORT_ERRNO_LAST)
        return "errno";
    if (reply->error != 0)
        return NULL;
    if (reply->kind >= PORT_REPLY_KINDS || reply->form >= PORT_FORMS)
        return "kind";
    if (moves_pages(slot->op))
        return page_reply_fault(reply);
    if (reply->len > reply_room(slot) || reply->cookie_len > PORT_COOKIE_MAX)
        return "length";
    if (reply->kind >= PORT_REPLY_FD && !takes_names(slot->op))
        return "kind of this operation";
    if (!port_reply_is_short(slot->op) && (reply->attr.size >> 63) != 0)
        return "size";
    return NULL;
}

static void reply_copy(struct slot *slot, const struct port_reply *shared)
{
    if (port_reply_is_short(slot->op))
        memcpy(&slot->reply, shared, offsetof(struct port_reply, attr));
    else
        slot->reply = *shared;
}

/* Somebody, or the kernel itself, still expects an answer in this slot. Not once the serving ends: its requests end
 * only when no device is at their memory. Lock held. */
static bool expects_reply(const struct port *port, const struct slot *slot)
{
    return port->state == PORT_SERVED &&
           (slot->state == SLOT_POSTED || slot->state == SLOT_ABANDONED);
}

/* Does it name a node, which counts as a reference? */
static bool names_node(uint16_t op, const struct port_reply *reply)
{
    return reply->error == 0 && reply->kind == PORT_REPLY_NODE &&
           (op == PORT_OPEN || op == PORT_WALK || op == PORT_REOPEN);
}

/* The node that a reply names: from here on commands for it find it. Lock held. */
static struct port_node *reply_node(struct port *port, struct slot *slot)
{
    const struct port_reply *reply = &slot->reply;
    if (!names_node(slot->op, reply))
        return NULL;
    struct port_node *node = port_node_found_locked(port, reply->node, port->epoch, &slot->spare);
    if (reply->form == PORT_FORM_SYNTHETIC && (reply->flags & PORT_REPLY_NOTREADY) != 0)
        __atomic_fetch_and(&node->ready, ~PORT_EVENT_READ, __ATOMIC_RELAXED);
    return node;
}

/* Nobody waits for the answer in slot I: the slot becomes free, and what the reply gave goes back as if it had been
 * used and closed. Lock held; dropped. */
static void reply_discard(struct port *port, unsigned i)
{
    struct slot *slot = &port->slot[i];
    struct thread *none = NULL;
    bool stream = !slot->note && slot->op == PORT_OPEN && names_node(PORT_OPEN, &slot->reply) &&
                  slot->reply.form == PORT_FORM_STREAM;
    uint64_t channel = slot->reply.a;
    uint32_t epoch = port->epoch;
    struct port_node *node = slot->note ? NULL : reply_node(port, slot);
    slot_complete(port, i, 0, &none);
    spinlock_unlock(&port->lock);
    if (stream)
        channel_refuse(port, epoch, channel);
    if (node != NULL)
        port_node_put(node);
}

/* Takes the descriptor that an FD or CROSS reply names out of the service's table. Lock held; comes back with it. */
static const char *reply_descriptor(struct port *port, const struct port_reply *reply,
                                    struct fd_grant *given)
{
    spinlock_unlock(&port->lock); /* the table's lock ranks lower */
    bool found = fd_get((cloudabi_fd_t)reply->fd[0], 0, given) == 0;
    spinlock_lock(&port->lock);
    return found ? NULL : "descriptor";
}

static bool names_descriptor(const struct port_reply *reply)
{
    if (reply->error != 0)
        return false;
    return reply->kind == PORT_REPLY_FD || reply->kind == PORT_REPLY_CROSS ||
           (reply->kind == PORT_REPLY_EXTENTS && reply->fd[0] >= 0);
}

/* Copies LEN bytes between ADDRESS of the service and the pages of a request. */
static const char *copy_pages(const struct transfer *pages, bool out, uint64_t address, size_t len)
{
    cloudabi_errno_t error = 0;
    for (unsigned i = 0; error == 0 && len > 0; i++) {
        size_t here = len < PAGE_SIZE ? len : PAGE_SIZE;
        if (i == pages->count)
            return "length of data";
        char *data = frame_data(pages->piece[i].frame);
        error = out ? copy_to_user(user_addr(address), data, here)
                    : copy_from_user(data, user_addr(address), here);
        if (error == 0 && here < PAGE_SIZE && !out)
            memset(data + here, 0, PAGE_SIZE - here);
        address += here;
        len -= here;
    }
    return error == 0 ? NULL : "address of data";
}

/* A reply DATA: the bytes are moved here, where its address means something. The pages are held meanwhile, as the
 * request may end. Lock held; comes back with it. */
static const char *reply_data(struct port *port, const struct slot *slot)
{
    const struct port_reply *reply = &slot->reply;
    struct transfer pages;
    if (slot->state != SLOT_POSTED || slot->transfer == NULL)
        return NULL;
    pages = *slot->transfer;
    for (unsigned i = 0; i < pages.count; i++)
        frame_get(pages.piece[i].frame);
    bool out = slot->op == PORT_PAGE_OUT;
    uint64_t address = reply->a;
    size_t len = reply->len;
    spinlock_unlock(&port->lock);
    const char *fault = copy_pages(&pages, out, address, len);
    for (unsigned i = 0; i < pages.count; i++)
        frame_put(pages.piece[i].frame);
    spinlock_lock(&port->lock);
    return fault;
}

static bool has_data(const struct slot *slot)
{
    return slot->reply.error == 0 && slot->reply.kind == PORT_REPLY_DATA;
}

/* The reply is in the slot; it may name a descriptor, or nobody may wait for it. Lock held; dropped. */
__attribute__((noinline)) static const char *take_rare_reply(struct port *port, unsigned i,
                                                             struct thread **next)
{
    struct slot *slot = &port->slot[i];
    struct fd_grant given = {.file = NULL};
    const char *fault = NULL;
    if (names_descriptor(&slot->reply))
        fault = reply_descriptor(port, &slot->reply, &given);
    else if (has_data(slot))
        fault = reply_data(port, slot);
    if (fault == NULL && expects_reply(port, slot) && slot->state == SLOT_POSTED && !slot->note) {
        slot->given = given;
        given.file = NULL;
        slot->node = reply_node(port, slot);
        slot_complete(port, i, slot->reply.error, next);
        spinlock_unlock(&port->lock);
    } else if (fault == NULL && expects_reply(port, slot)) {
        reply_discard(port, i);
    } else {
        spinlock_unlock(&port->lock); /* also if the serving ended while the lock was away */
    }
    if (given.file != NULL)
        file_put(given.file);
    return fault;
}

/* The reply is copied once, straight to where the caller reads it: until the slot is REPLIED nobody else looks. */
static const char *take_reply(struct port *port, unsigned i, struct thread **next)
{
    struct slot *slot = &port->slot[i];
    const char *fault = "reply to a free slot";
    spinlock_lock(&port->lock);
    if (expects_reply(port, slot)) {
        reply_copy(slot, &port_slot(port, i)->reply);
        atomic_signal_fence(memory_order_seq_cst); /* what follows looks at the copy */
        fault = reply_fault(slot, i, &slot->reply);
    }
    if (fault == NULL &&
        (slot->state != SLOT_POSTED || slot->note || slot->reply.kind > PORT_REPLY_NODE))
        return take_rare_reply(port, i, next);
    if (fault == NULL) {
        slot->node = reply_node(port, slot);
        slot_complete(port, i, slot->reply.error, next);
    }
    spinlock_unlock(&port->lock);
    return fault;
}

static const char *take_replies(struct port *port, struct thread **next)
{
    uint32_t tail = __atomic_load_n(&port->header->rep_tail, __ATOMIC_ACQUIRE);
    if (tail - port->rep_head > PORT_SLOTS)
        return "reply ring";
    while (port->rep_head != tail) {
        uint32_t i = port->header->rep[port->rep_head % PORT_SLOTS];
        const char *fault = i < PORT_SLOTS ? take_reply(port, i, next) : "slot number";
        if (fault != NULL)
            return fault;
        port->rep_head++;
    }
    port->header->rep_head = port->rep_head;
    return NULL;
}

/* --- delivery and waiting ----------------------------------------------------------------------------------- */

static bool has_commands(const struct port *port)
{
    return __atomic_load_n(&port->header->cmd_tail, __ATOMIC_RELAXED) != port->cmd_head;
}

static inline __attribute__((always_inline)) cloudabi_errno_t deliver(struct port *port,
                                                                      struct thread **next)
{
    mutex_lock(&port->deliver);
    if (!port_is_server(port)) {
        mutex_unlock(&port->deliver);
        return CLOUDABI_EPERM;
    }
    const char *fault = NULL;
    uint32_t epoch = port->epoch;
    if (port->state == PORT_SERVED) {
        fault = take_replies(
            port, next); /* first: a command may be about a node or channel that one names */
        if (fault == NULL && has_commands(port))
            fault = port_take_commands(port);
    }
    mutex_unlock(&port->deliver);
    port_drop_spent(port);
    if (fault == NULL)
        return 0;
    port_violation(port, epoch, fault);
    return CLOUDABI_EPROTO;
}

__attribute__((noinline)) static void flush_forgets(struct port *port)
{
    struct list freed;
    list_init(&freed);
    spinlock_lock(&port->lock);
    port_post_forgets(port, &freed);
    spinlock_unlock(&port->lock);
    port_nodes_free(&freed);
}

cloudabi_errno_t port_deliver(struct port *port, struct thread **next)
{
    cloudabi_errno_t error = deliver(port, next);
    if (!list_empty(&port->forgets)) /* for which there were no slots: now there may be */
        flush_forgets(port);
    return error;
}

/* Sleeps until something is pending, switching straight to NEXT (the caller of a reply) if there is one. */
static cloudabi_errno_t serve_sleep(struct port *port, struct thread *next)
{
    struct waiter waiter;
    cloudabi_errno_t error = 0;
    waitq_add(&port->serving, &waiter);
    if (port_pending(port)) {
        if (next != NULL)
            thread_unpark(next);
    } else {
        error = next != NULL ? sched_handoff_and_park(next, UINT64_MAX) : thread_park(UINT64_MAX);
    }
    waitq_remove(&waiter);
    return error;
}

cloudabi_errno_t port_serve_wait(struct port *port, bool nonblock)
{
    struct thread *next = NULL;
    cloudabi_errno_t error = port_deliver(port, &next);
    /* With somebody to switch to, it looks only once it has got in line. */
    while (error == 0 && ((next != NULL && !nonblock) || !port_pending(port))) {
        error = nonblock ? CLOUDABI_EAGAIN : serve_sleep(port, next);
        if (!nonblock)
            next = NULL;
    }
    if (next != NULL)
        thread_unpark(next);
    if (port_is_server(port))
        return error;
    port_signal(port); /* the wake-up may have been for the process that serves now */
    return error == 0 ? CLOUDABI_EIO : error;
}
