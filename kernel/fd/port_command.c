/* SPDX-License-Identifier: BSD-2-Clause */
/* What a service asks of the kernel besides answering: its commands, taken at delivery (port_deliver.c). */
#include "kernel/fd/port_priv.h"

/* No service makes a descriptor of a type that stands for something else in the kernel. */
static bool may_be_minted(enum port_form form, cloudabi_filetype_t type)
{
    switch (form) {
    case PORT_FORM_DIRECTORY:
        return true;
    case PORT_FORM_SYNTHETIC:
        return type == CLOUDABI_FILETYPE_CHARACTER_DEVICE ||
               type == CLOUDABI_FILETYPE_REGULAR_FILE || type == CLOUDABI_FILETYPE_BLOCK_DEVICE;
    case PORT_FORM_STREAM:
        return type == CLOUDABI_FILETYPE_CHARACTER_DEVICE ||
               type == CLOUDABI_FILETYPE_SOCKET_STREAM;
    default:
        return false;
    }
}

static cloudabi_errno_t mint_file(struct port *port, const struct port_command *command,
                                  struct file **file)
{
    if (!may_be_minted(command->form, command->type))
        return CLOUDABI_EINVAL;
    if (command->form == PORT_FORM_STREAM)
        return channel_create(port, port->epoch, command->a, port->job, command->type, 0, file);
    struct port_node *spare = port_node_spare(port->job);
    if (spare == NULL)
        return CLOUDABI_ENOMEM;
    struct port_node *node = port_node_found(port, command->node, port->epoch, &spare);
    port_node_spare_free(spare);
    cloudabi_errno_t error =
        command->form == PORT_FORM_DIRECTORY
            ? port_dir_create(port->job, node, NULL, PORT_COOKIE_MAX + 1, 0, file)
            : port_synthetic_create(port->job, node, command->type, 0, file);
    if (error != 0)
        port_node_put(node);
    return error;
}

static cloudabi_errno_t command_mint(struct port *port, const struct port_command *command,
                                     int32_t *fd)
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

static cloudabi_errno_t command_object(struct port_node *node, const struct port_command *command)
{
    cloudabi_errno_t error = 0;
    uint64_t end = command->b < UINT64_MAX - command->a ? command->a + command->b : UINT64_MAX;
    struct memobj *object = port_node_object_get(node);
    if (object == NULL)
        return 0;
    if (command->op == PORT_CMD_RESIZE)
        error = memobj_resized(object, command->a);
    else if (object->paging != NULL)
        memobj_drop_clean(object, command->a, end);
    memobj_put(object);
    return error;
}

static cloudabi_errno_t command_node(struct port *port, const struct port_command *command)
{
    cloudabi_errno_t error = 0;
    struct port_node *node = port_node_find(port, command->node);
    if (node == NULL)
        return 0; /* nothing of it is in use here */
    if (command->op == PORT_CMD_READY)
        port_node_ready(node, (uint32_t)command->a);
    else if (command->op == PORT_CMD_REVOKE)
        port_node_revoke(node);
    else
        error = command_object(node, command);
    port_node_put(node);
    return error;
}

static const char *take_command(struct port *port, struct port_command *shared)
{
    struct port_command command = *shared;
    atomic_signal_fence(memory_order_seq_cst); /* what follows looks at the copy */
    switch (command.op) {
    case PORT_CMD_READY:
    case PORT_CMD_REVOKE:
    case PORT_CMD_RESIZE:
    case PORT_CMD_INVAL:
        shared->error = command_node(port, &command);
        return NULL;
    case PORT_CMD_KICK:
        channel_kick(port, command.a);
        return NULL;
    case PORT_CMD_RELEASE:
        channel_release(port, command.a);
        return NULL;
    case PORT_CMD_TRIM:
        channel_trim(port, command.a);
        return NULL;
    case PORT_CMD_ABORT:
        if (command.b == 0 || command.b > PORT_ERRNO_LAST)
            return "errno of an abort";
        shared->error = channel_abort(port, command.a, (cloudabi_errno_t)command.b);
        return NULL;
    case PORT_CMD_MINT:
        shared->error = command_mint(port, &command, &shared->fd);
        return NULL;
    case PORT_CMD_DMA:
        shared->error = port_claim_add(port, (cloudabi_fd_t)command.fd, command.a);
        return NULL;
    default:
        return "command";
    }
}

const char *port_take_commands(struct port *port)
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
