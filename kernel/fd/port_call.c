/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request as a procedure call: take a slot, fill it, switch to the waiting server, come back with the reply.
 *
 *   FREE --begin--> (held by the caller) --run--> POSTED --reply--> REPLIED --end--> FREE
 *                                          POSTED --caller killed--> ABANDONED --any reply--> FREE
 *
 * The caller alone touches the slot's payload while it holds the slot; the reply is copied once at delivery.
 */
#include "kernel/fd/port_priv.h"
#include "kernel/job/job.h"
#include "kernel/lib/string.h"
#include "kernel/mm/transfer.h"
#include "kernel/sched/sched.h"

#define NO_SLOT       PORT_SLOTS
#define RESERVED_MASK ((1ull << PORT_RESERVED_SLOTS) - 1)
#define RETRY_NS \
    5000000u /* a flusher looks for itself: who is woken for a reserved slot may not take it */

/* Does a caller in JOB, or in one below it, hold SLOT? The job of an abandoned slot may be gone: its address is
 * all that is looked at. */
static bool held_within(const struct slot *slot, const struct job *job)
{
    if (slot->note)
        return false;
    return slot->job == job || (slot->state != SLOT_ABANDONED && job_within(slot->job, job));
}

static bool job_is_full(const struct port *port, const struct job *job)
{
    uint64_t limit = atomic_load_explicit(&job->limit[JOB_SLOTS], memory_order_relaxed);
    uint64_t most = limit < PORT_JOB_SLOTS ? limit : PORT_JOB_SLOTS, count = 0;
    if (port->callers < most)
        return false;
    for (uint64_t used = ~port->free_slots; used != 0; used &= used - 1)
        count += held_within(&port->slot[__builtin_ctzll(used)], job);
    return count >= most;
}

/* Has JOB, or one above it, its share of the slots? The root's own processes and all together have no share. Lock
 * held. */
static bool over_share(const struct port *port, const struct job *job)
{
    for (; job->parent != NULL; job = job->parent)
        if (job_is_full(port, job))
            return true;
    return false;
}

/* A free slot that callers may use, marked as taken. NO_SLOT: none. Lock held. */
static unsigned slot_take(struct port *port)
{
    const struct process *process = process_self();
    uint64_t usable = port->free_slots & ~(process != NULL ? RESERVED_MASK : 0);
    const struct job *job = process != NULL ? process->job : thread_self()->job;
    spinlock_assert_held(&port->lock);
    if (usable == 0)
        return NO_SLOT;
    if (process != NULL && port->callers != 0 && over_share(port, job))
        return NO_SLOT;
    unsigned i = (unsigned)__builtin_ctzll(usable);
    port->free_slots &= ~(1ull << i);
    port->slot[i].job = job;
    port->slot[i].note = false;
    port->callers++;
    return i;
}

/* A caller that waits for a slot, or for a service. */
struct client {
    struct waiter waiter;
    struct job *job; /* referenced: its process may go to another one meanwhile */
};

/* Who may be woken for a free slot: a crowd of one job is asked about once. */
struct candidates {
    const struct port *port;
    const struct job *refused;
};

static bool may_take(const struct waiter *waiter, void *argument)
{
    struct candidates *candidates = argument;
    const struct job *job = ((const struct client *)waiter)->job; /* its first member */
    if (job == candidates->refused)
        return false;
    if (!over_share(candidates->port, job))
        return true;
    candidates->refused = job;
    return false;
}

__attribute__((noinline)) static void wake_clients_slow(struct port *port)
{
    struct candidates candidates = {port, NULL};
    waitq_wake_where(&port->clients, may_take, &candidates);
}

/* A slot has become free: wakes the first who may have it. Lock held. */
static inline void wake_clients(struct port *port)
{
    spinlock_assert_held(&port->lock);
    if (!waitq_idle(&port->clients))
        wake_clients_slow(port);
}

/* Frames and memory left from an earlier use that this one can not share. */
__attribute__((noinline)) static void slot_clean(struct slot *slot, uint32_t epoch)
{
    for (unsigned i = 0; i < PORT_PAYLOAD_FRAMES; i++) {
        if (slot->payload[i] != NULL)
            frame_put(slot->payload[i]);
        slot->payload[i] = NULL;
    }
    slot->epoch = epoch;
}

/* 0: slot taken; EAGAIN: wait; else the error. */
static cloudabi_errno_t try_begin(struct port_call *call, uint32_t epoch)
{
    struct port *port = call->port;
    cloudabi_errno_t error = CLOUDABI_EAGAIN;
    spinlock_lock(&port->lock);
    if (port->state == PORT_DEAD ||
        (epoch != 0 && (port->state != PORT_SERVED || port->epoch != epoch))) {
        error = CLOUDABI_EIO;
    } else if (port->state == PORT_SERVED) {
        if (port_is_server(port))
            error = CLOUDABI_EDEADLK;
        else if ((call->slot = slot_take(port)) != NO_SLOT)
            error = 0;
        call->epoch = port->epoch;
    }
    spinlock_unlock(&port->lock);
    return error;
}

__attribute__((noinline)) static cloudabi_errno_t wait_begin(struct port_call *call, uint32_t epoch)
{
    struct port *port = call->port;
    bool kernel = process_self() == NULL;
    struct client client = {.job = job_get(kernel ? thread_self()->job : process_self()->job)};
    cloudabi_errno_t error;
    waitq_add(&port->clients, &client.waiter);
    while ((error = try_begin(call, epoch)) == CLOUDABI_EAGAIN) {
        error = thread_park(kernel ? arch_clock_monotonic() + RETRY_NS : UINT64_MAX);
        if (error != 0 && !(kernel && error == CLOUDABI_ETIMEDOUT))
            break;
        waitq_rearm(&client.waiter);
    }
    waitq_remove(&client.waiter);
    job_put(client.job);
    if (error != 0 ||
        client.waiter.fired) { /* woken again, or for nothing: another can use that slot */
        spinlock_lock(&port->lock);
        wake_clients(port);
        spinlock_unlock(&port->lock);
    }
    return error;
}

/* Who pays for one more node: the port's job; if its files have used that up, whoever asks: names are served still. */
static struct job *node_payer(const struct port *port)
{
    struct job *job = port->job;
    uint64_t limit = atomic_load_explicit(&job->limit[JOB_MEMORY], memory_order_relaxed);
    uint64_t used = atomic_load_explicit(&job->used[JOB_MEMORY], memory_order_relaxed);
    return used + PAGE_SIZE > limit ? process_self()->job : job;
}

/* The slot was taken: the rest of the beginning. */
static inline cloudabi_errno_t call_prepare(struct port_call *call, enum port_op op)
{
    struct port *port = call->port;
    struct slot *slot = &port->slot[call->slot];
    if (slot->epoch != call->epoch)
        slot_clean(slot, call->epoch);
    slot->op = (uint16_t)op;
    if (port_request_is_short(op))
        memset(&call->request, 0, PORT_REQUEST_SHORT);
    else
        memset(&call->request, 0, sizeof(call->request));
    if (slot->spare == NULL && (op == PORT_OPEN || op == PORT_WALK || op == PORT_REOPEN) &&
        (slot->spare = port_node_spare(node_payer(port))) == NULL) {
        port_call_end(call);
        return CLOUDABI_ENOMEM;
    }
    call->request.op = (uint16_t)op;
    return 0;
}

static inline void call_init(struct port_call *call, struct port *port)
{
    call->port = port;
    call->reply = NULL;
    call->transfer = NULL;
    call->slot = NO_SLOT;
}

cloudabi_errno_t port_call_begin_more(struct port_call *call, struct port *port, enum port_op op,
                                      uint32_t epoch)
{
    call_init(call, port);
    cloudabi_errno_t error = waitq_idle(&port->clients) ? try_begin(call, epoch) : CLOUDABI_EAGAIN;
    return error != 0 ? error : call_prepare(call, op);
}

cloudabi_errno_t port_call_begin(struct port_call *call, struct port *port, enum port_op op,
                                 uint32_t epoch)
{
    call_init(call, port);
    cloudabi_errno_t error = try_begin(call, epoch);
    if (error == CLOUDABI_EAGAIN)
        error = wait_begin(call, epoch);
    return error != 0 ? error : call_prepare(call, op);
}

/* --- post and wait -------------------------------------------------------------------------------------- */

/* Makes slot I visible to the service. Lock held. */
static void slot_post(struct port *port, unsigned i, const struct port_request *request)
{
    if (port_request_is_short(request->op))
        memcpy(&port_slot(port, i)->request, request, PORT_REQUEST_SHORT);
    else
        port_slot(port, i)->request = *request;
    port->header->req[port->req_tail % PORT_SLOTS] = i;
    port->req_tail++;
    __atomic_store_n(&port->header->req_tail, port->req_tail, __ATOMIC_RELEASE);
}

static uint64_t slot_tag(const struct slot *slot, unsigned i)
{
    return (uint64_t)slot->generation << 32 | i;
}

/* Posts the request; *SERVER is the service's thread to switch to, if one waits. */
static cloudabi_errno_t call_post(struct port_call *call, struct thread **server)
{
    struct port *port = call->port;
    struct slot *slot = &port->slot[call->slot];
    spinlock_lock(&port->lock);
    if (port->state != PORT_SERVED || port->epoch != call->epoch) {
        spinlock_unlock(&port->lock);
        return CLOUDABI_EIO;
    }
    slot->caller = thread_self();
    slot->transfer = call->transfer;
    call->request.tag = slot_tag(slot, call->slot);
    __atomic_store_n(&slot->state, SLOT_POSTED, __ATOMIC_RELAXED);
    slot_post(port, call->slot, &call->request);
    *server = waitq_take_one(&port->serving);
    spinlock_unlock(&port->lock);
    return 0;
}

/* The caller is being killed: leave the slot to the service. True if the reply had not come. */
__attribute__((noinline)) static bool call_abandon(struct port_call *call)
{
    struct port *port = call->port;
    struct slot *slot = &port->slot[call->slot];
    spinlock_lock(&port->lock);
    bool abandoned = slot->state == SLOT_POSTED;
    if (abandoned) {
        slot->state = SLOT_ABANDONED;
        slot->caller = NULL;
        call->transfer = NULL;
        __atomic_fetch_or(&port->header->flush_pending, 1ull << call->slot, __ATOMIC_RELEASE);
        call->slot = NO_SLOT;
    }
    spinlock_unlock(&port->lock);
    if (abandoned)
        port_signal(port);
    return abandoned;
}

/* Waits for the reply, switching straight to SERVER if there is one. */
static inline cloudabi_errno_t call_wait(struct port_call *call, struct thread *server)
{
    struct slot *slot = &call->port->slot[call->slot];
    cloudabi_errno_t error;
    while (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != SLOT_REPLIED) {
        error =
            server != NULL ? sched_handoff_and_park(server, UINT64_MAX) : thread_park(UINT64_MAX);
        server = NULL;
        if (error == CLOUDABI_EINTR && call_abandon(call))
            return CLOUDABI_EINTR;
    }
    if (server != NULL)
        thread_unpark(server);
    call->reply = &slot->reply;
    return slot->reply.error;
}

cloudabi_errno_t port_call_run(struct port_call *call)
{
    struct thread *server;
    cloudabi_errno_t error = call_post(call, &server);
    return error != 0 ? error : call_wait(call, server);
}

cloudabi_errno_t port_call_post(struct port_call *call)
{
    struct thread *server;
    cloudabi_errno_t error = call_post(call, &server);
    if (error == 0 && server != NULL)
        thread_unpark(server);
    return error;
}

cloudabi_errno_t port_call_wait(struct port_call *call)
{
    return call_wait(call, NULL);
}

struct fd_grant port_call_given(struct port_call *call)
{
    struct slot *slot = &call->port->slot[call->slot];
    struct fd_grant given = slot->given;
    slot->given.file = NULL;
    return given;
}

struct port_node *port_call_node(struct port_call *call)
{
    struct slot *slot = &call->port->slot[call->slot];
    struct port_node *node = slot->node;
    slot->node = NULL;
    return node;
}

/* The slot can be used again. Lock held. */
static void slot_free(struct port *port, unsigned i)
{
    struct slot *slot = &port->slot[i];
    slot->generation++;
    slot->state = SLOT_FREE;
    slot->caller = NULL;
    slot->transfer = NULL;
    port->callers -= !slot->note;
    port->free_slots |= 1ull << i;
}

/* What came with the reply and was not taken. */
__attribute__((noinline)) static void slot_drop_results(struct slot *slot)
{
    if (slot->given.file != NULL)
        file_put(slot->given.file);
    slot->given.file = NULL;
    if (slot->node != NULL)
        port_node_put(slot->node);
    slot->node = NULL;
}

__attribute__((noinline)) static void post_forgets(struct port *port)
{
    struct list freed;
    list_init(&freed);
    spinlock_lock(&port->lock);
    bool posted = port_post_forgets(port, &freed);
    spinlock_unlock(&port->lock);
    port_nodes_free(&freed);
    if (posted)
        port_signal(port);
}

void port_call_end(struct port_call *call)
{
    if (call->slot == NO_SLOT)
        return;
    struct port *port = call->port;
    struct slot *slot = &port->slot[call->slot];
    if (slot->given.file != NULL || slot->node != NULL)
        slot_drop_results(slot);
    spinlock_lock(&port->lock);
    slot_free(port, call->slot);
    wake_clients(port);
    bool forgets = !list_empty(&port->forgets);
    spinlock_unlock(&port->lock);
    call->slot = NO_SLOT;
    if (forgets)
        post_forgets(port);
}

void slot_complete(struct port *port, unsigned i, cloudabi_errno_t error, struct thread **next)
{
    struct slot *slot = &port->slot[i];
    spinlock_assert_held(&port->lock);
    if (slot->state == SLOT_ABANDONED || slot->note) {
        if (slot->transfer != NULL) {
            slot->transfer->next = port->spent;
            port->spent = slot->transfer;
        }
        /* what comes next in this slot is not to be flushed */
        __atomic_fetch_and(&port->header->flush_pending, ~(1ull << i), __ATOMIC_RELAXED);
        slot_free(port, i);
        wake_clients(port);
        return;
    }
    slot->reply.error = error;
    struct thread *caller = slot->caller;
    __atomic_store_n(&slot->state, SLOT_REPLIED, __ATOMIC_RELEASE);
    if (*next == NULL)
        *next = caller;
    else
        thread_unpark(caller);
}

bool port_post_forgets_slow(struct port *port, struct list *freed)
{
    bool posted = false;
    while (!list_empty(&port->forgets) && port->state == PORT_SERVED && port->free_slots != 0) {
        struct port_node *node =
            container_of(list_pop(&port->forgets), struct port_node, forget_link);
        unsigned i = (unsigned)__builtin_ctzll(port->free_slots);
        struct slot *slot = &port->slot[i];
        port->free_slots &= ~(1ull << i);
        slot->op = PORT_FORGET;
        slot->note = true;
        slot->state = SLOT_POSTED;
        struct port_request request = {
            .tag = slot_tag(slot, i), .op = PORT_FORGET, .node = node->id, .a = node->lookups};
        slot_post(port, i, &request);
        node->lookups = 0;
        if (node->dead || !node->keep) { /* dead: it was revoked while in use */
            list_remove(&node->link);
            list_append(freed, &node->link);
        }
        posted = true;
    }
    return posted;
}
