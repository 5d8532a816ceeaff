/* SPDX-License-Identifier: BSD-2-Clause */
/* What a service tells the kernel unasked. */
#include <string.h>

#include "pseudofd/server/region.h"

struct port_command *server_command(struct server *server)
{
    if (server->cmd_tail - load_acquire(&server->header->cmd_head) >= PORT_COMMANDS)
        server_flush(server); /* the kernel takes every command before it returns */
    struct port_command *command = region_command(server, server->cmd_tail);
    memset(command, 0, sizeof(*command));
    return command;
}

void server_command_post(struct server *server)
{
    server->cmd_tail++;
    store_release(&server->header->cmd_tail, server->cmd_tail);
    server->dirty = true;
}

static void post(struct server *server, enum port_command_op op, uint64_t node, uint64_t a,
                 uint64_t b)
{
    struct port_command *command = server_command(server);
    command->op = (uint16_t)op;
    command->node = node;
    command->a = a;
    command->b = b;
    server_command_post(server);
}

void server_ready(struct server *server, uint64_t node, uint32_t events)
{
    post(server, PORT_CMD_READY, node, events, 0);
}

void server_revoke(struct server *server, uint64_t node)
{
    post(server, PORT_CMD_REVOKE, node, 0, 0);
}

void server_invalidate(struct server *server, uint64_t node, uint64_t offset, uint64_t len)
{
    post(server, PORT_CMD_INVAL, node, offset, len);
}

void server_resize(struct server *server, uint64_t node, uint64_t size)
{
    post(server, PORT_CMD_RESIZE, node, size, 0);
}

cloudabi_errno_t server_mint(struct server *server, const struct mint *mint, int *fd)
{
    struct port_command *command = server_command(server);
    command->op = PORT_CMD_MINT;
    command->form = (uint8_t)mint->form;
    command->type = mint->type;
    command->fd = -1;
    command->error = CLOUDABI_EIO; /* stays if the kernel never comes to it */
    command->node = mint->node;
    command->a = mint->channel;
    command->rights = mint->rights;
    command->rights_inheriting = mint->rights_inheriting;
    server_command_post(server);
    server_flush(server);
    *fd = command->fd;
    return load_acquire(&command->error);
}

cloudabi_errno_t server_dma(struct server *server, int claim, uint64_t stop)
{
    struct port_command *command = server_command(server);
    command->op = PORT_CMD_DMA;
    command->fd = claim;
    command->error = CLOUDABI_EIO; /* stays if the kernel never comes to it */
    command->a = stop;
    server_command_post(server);
    server_flush(server);
    return load_acquire(&command->error);
}
