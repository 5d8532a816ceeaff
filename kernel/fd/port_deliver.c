/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The service's side of a port: taking its replies and commands, and letting it wait.
 *
 * Everything here runs in a thread of the service, one at a time (port->deliver).  What the service wrote is
 * read once, checked, then used; a value that can not be ends its serving.
 */
#include "kernel/debug/log.h"
#include "kernel/fd/port_priv.h"
#include "kernel/lib/string.h"
#include "kernel/sched/sched.h"

#define ERRNO_LAST CLOUDABI_ENOTCAPABLE

void port_signal(struct port *port)
{
    if (!waitq_idle(&port->serving))
        waitq_wake_one(&port->serving);
}

bool port_pending(struct port *port)
{
    spinlock_lock(&port->lock);
    bool pending = port->state != PORT_SERVED;
    if (!pending) {
        const struct port_header *header = port->header;
        pending = __atomic_load_n(&header->req_head, __ATOMIC_RELAXED) != port->req_tail ||
                  __atomic_load_n(&header->flush_pending, __ATOMIC_ACQUIRE) != 0 ||
                  __atomic_load_n(&header->channel_any, __ATOMIC_ACQUIRE) != 0;
    }
    spinlock_unlock(&port->lock);
    return pending;
}

/* --- replies ---------------------------------------------------------------------------------------------- */

static bool takes_names(uint16_t op)
{
    return op >= PORT_OPEN && op <= PORT_RENAME;
}

/* What is wrong with a reply to slot SLOT, or NULL. Lock held. */
static const char *reply_fault(const struct slot *slot, unsigned i, const struct port_reply *reply)
{
    if (reply->tag != ((uint64_t)slot->generation << 32 | i))
        return "tag";
    if (slot->state != SLOT_POSTED && slot->state != SLOT_ABANDONED)
        return "reply to a free slot";
    if (reply->error > ERRNO_LAST)
        return "errno";
    if (reply->error != 0)
        return NULL;
    if (reply->kind >= PORT_REPLY_KINDS || reply->form >= PORT_FORMS)
        return "kind";
    if (reply->len > PORT_PAYLOAD || reply->cookie_len > PORT_COOKIE_MAX)
        return "length";
    if (reply->kind >= PORT_REPLY_FD && !takes_names(slot->op))
        return "kind of this operation";
    if ((reply->attr.size >> 63) != 0)
        return "size";
    return NULL;
}

/* An abandoned caller's result: give it back as if it had been used and closed. */
static void reply_discard(struct port *port, unsigned i, const struct port_reply *reply, struct fd_grant *given)
{
    struct slot *slot = &port->slot[i];
    bool named = reply->error == 0 && reply->kind == PORT_REPLY_NODE && slot->spare != NULL;
    struct port_node *node = NULL;
    if (named)
        node = port_node_found(port, reply->node, port->epoch, &slot->spare);
    if (given->file != NULL)
        file_put(given->file);
    spinlock_lock(&port->lock);
    struct thread *none = NULL;
    slot_complete(port, i, 0, &none);
    spinlock_unlock(&port->lock);
    if (node != NULL)
        port_node_put(node);
}

/* Fetches the descriptor that an FD or CROSS reply names, from the service's table. */
static const char *reply_descriptor(const struct port_reply *reply, struct fd_grant *given)
{
    given->file = NULL;
    if (reply->error != 0 || (reply->kind != PORT_REPLY_FD && reply->kind != PORT_REPLY_CROSS))
        return NULL;
    return fd_get((cloudabi_fd_t)reply->fd[0], 0, given) == 0 ? NULL : "descriptor";
}

static const char *take_reply(struct port *port, unsigned i, struct thread **next)
{
    struct port_reply reply = port_slot(port, i)->reply;
    struct slot *slot = &port->slot[i];
    struct fd_grant given;
    spinlock_lock(&port->lock);
    const char *fault = reply_fault(slot, i, &reply);
    spinlock_unlock(&port->lock);
    if (fault == NULL)
        fault = reply_descriptor(&reply, &given);
    if (fault != NULL)
        return fault;
    spinlock_lock(&port->lock);
    if (slot->state == SLOT_POSTED && !slot->note) {
        slot->reply = reply;
        slot->given = given;
        slot_complete(port, i, reply.error, next);
        spinlock_unlock(&port->lock);
        return NULL;
    }
    spinlock_unlock(&port->lock);
    reply_discard(port, i, &reply, &given);
    return NULL;
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

/* --- commands --------------------------------------------------------------------------------------------- */

static cloudabi_errno_t mint_file(struct port *port, const struct port_command *command, struct file **file)
{
    if (command->form == PORT_FORM_STREAM)
        return channel_create(port, port->epoch, (unsigned)command->a, port->job, command->type, 0, file);
    struct port_node *spare = port_node_spare(port->job);
    if (spare == NULL)
        return CLOUDABI_ENOMEM;
    struct port_node *node = port_node_found(port, command->node, port->epoch, &spare);
    port_node_spare_free(spare);
    cloudabi_errno_t error = CLOUDABI_EINVAL;
    if (command->form == PORT_FORM_DIRECTORY)
        error = port_dir_create(port->job, node, NULL, PORT_COOKIE_MAX + 1, 0, file);
    else if (command->form == PORT_FORM_SYNTHETIC)
        error = port_synthetic_create(port->job, node, command->type, 0, file);
    if (error != 0)
        port_node_put(node);
    return error;
}

static cloudabi_errno_t command_mint(struct port *port, const struct port_command *command, int32_t *fd)
{
    struct file *file;
    cloudabi_errno_t error = mint_file(port, command, &file);
    if (error != 0)
        return error;
    struct rights asked = {command->rights, command->rights_inheriting};
    struct rights rights = rights_of_open(&asked, ~0ull, NULL, file->type);
    cloudabi_fd_t number;
    error = fd_install(file, rights, &number);
    if (error != 0)
        file_put(file);
    else
        *fd = (int32_t)number;
    return error;
}

static void command_node(struct port *port, const struct port_command *command)
{
    struct port_node *node = port_node_find(port, command->node);
    if (node == NULL)
        return; /* nothing of it is in use here */
    if (command->op == PORT_CMD_READY)
        port_node_ready(node, (uint32_t)command->a);
    else if (command->op == PORT_CMD_REVOKE)
        port_node_revoke(node);
    else if (command->op == PORT_CMD_RESIZE && node->object != NULL)
        memobj_resize(node->object, command->a);
    port_node_put(node);
}

static const char *take_command(struct port *port, struct port_command *shared)
{
    struct port_command command = *shared;
    switch (command.op) {
    case PORT_CMD_READY:
    case PORT_CMD_REVOKE:
    case PORT_CMD_RESIZE:
    case PORT_CMD_INVAL:
        command_node(port, &command);
        return NULL;
    case PORT_CMD_KICK:
        channel_kick(port, (unsigned)command.a);
        return NULL;
    case PORT_CMD_RELEASE:
        channel_release(port, (unsigned)command.a);
        return NULL;
    case PORT_CMD_ABORT:
        if (command.b == 0 || command.b > ERRNO_LAST)
            return "errno of an abort";
        channel_abort(port, (unsigned)command.a, (cloudabi_errno_t)command.b);
        return NULL;
    case PORT_CMD_MINT:
        shared->error = command_mint(port, &command, &shared->fd);
        return NULL;
    case PORT_CMD_DMA:
        shared->error = CLOUDABI_ENOSYS;
        return NULL;
    default:
        return "command";
    }
}

static const char *take_commands(struct port *port)
{
    uint32_t tail = __atomic_load_n(&port->header->cmd_tail, __ATOMIC_ACQUIRE);
    if (tail - port->cmd_head > PORT_COMMANDS)
        return "command ring";
    while (port->cmd_head != tail) {
        const char *fault = take_command(port, &port->commands[port->cmd_head % PORT_COMMANDS]);
        if (fault != NULL)
            return fault;
        port->cmd_head++;
        __atomic_store_n(&port->header->cmd_head, port->cmd_head, __ATOMIC_RELEASE);
    }
    return NULL;
}

/* --- delivery and waiting ----------------------------------------------------------------------------------- */

cloudabi_errno_t port_deliver(struct port *port, struct thread **next)
{
    if (!port_is_server(port))
        return CLOUDABI_EPERM;
    mutex_lock(&port->deliver);
    const char *fault = NULL;
    if (port->state == PORT_SERVED) {
        fault = take_commands(port);
        if (fault == NULL)
            fault = take_replies(port, next);
    }
    mutex_unlock(&port->deliver);
    if (fault == NULL)
        return 0;
    port_violation(port, fault);
    return CLOUDABI_EPROTO;
}

static void flush_forgets(struct port *port)
{
    struct list freed;
    list_init(&freed);
    spinlock_lock(&port->lock);
    port_post_forgets(port, &freed);
    spinlock_unlock(&port->lock);
    port_nodes_free(&freed);
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
    if (!list_empty(&port->forgets))
        flush_forgets(port);
    while (error == 0 && !port_pending(port)) {
        error = nonblock ? CLOUDABI_EAGAIN : serve_sleep(port, next);
        if (!nonblock)
            next = NULL;
    }
    if (next != NULL)
        thread_unpark(next);
    return error == 0 && !port_is_server(port) ? CLOUDABI_EIO : error;
}
