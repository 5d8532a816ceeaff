/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/fake_port.h"

#include <stdlib.h>
#include <string.h>

#include "abi/cloudabi_syscalls.h"

#define FAKE_SIZE PORT_REGION_SMALL

static uint8_t *mapped;

cloudabi_errno_t cloudabi_sys_mem_map(void *addr, size_t len, cloudabi_mprot_t prot,
                                      cloudabi_mflags_t flags, cloudabi_fd_t fd,
                                      cloudabi_filesize_t off, void **mem)
{
    (void)addr, (void)prot, (void)flags, (void)fd, (void)off;
    if (len > FAKE_SIZE)
        return CLOUDABI_ENOMEM;
    *mem = mapped;
    return 0;
}

cloudabi_errno_t cloudabi_sys_fd_read(cloudabi_fd_t fd, const cloudabi_iovec_t *iovs,
                                      size_t iovs_len, size_t *nread)
{
    (void)fd, (void)iovs, (void)iovs_len, (void)nread;
    return CLOUDABI_EAGAIN;
}

static struct fake_port *delivering;

cloudabi_errno_t cloudabi_sys_fd_write(cloudabi_fd_t fd, const cloudabi_ciovec_t *iovs,
                                       size_t iovs_len, size_t *nwritten)
{
    (void)fd, (void)iovs, (void)iovs_len, (void)nwritten;
    if (delivering != NULL)
        fake_port_commands(delivering);
    return 0;
}

static struct port_header *header_of(struct fake_port *port)
{
    return (struct port_header *)port->region;
}

void fake_port_start(struct fake_port *port, const struct server_ops *ops, void *context)
{
    memset(port, 0, sizeof(*port));
    port->region = calloc(1, FAKE_SIZE);
    mapped = port->region;
    header_of(port)->magic = PORT_MAGIC;
    header_of(port)->version = PORT_VERSION;
    if (port->region == NULL || server_init(&port->server, 3, ops, context, false) != 0)
        abort();
    delivering = port;
}

void fake_port_stop(struct fake_port *port)
{
    delivering = NULL;
    free(port->region);
}

static struct port_slot *slot_of(struct fake_port *port)
{
    return (struct port_slot *)(port->region + PORT_SLOT_OFFSET) + port->slot;
}

cloudabi_errno_t fake_port_call(struct fake_port *port, const struct port_request *request,
                                const char *path, const void *more, size_t more_len)
{
    struct port_header *header = header_of(port);
    port->slot = port->generation % PORT_SLOTS;
    uint8_t *payload = port->region + PORT_PAYLOAD_OFFSET + port->slot * PORT_PAYLOAD;
    struct port_request *posted = &slot_of(port)->request;
    *posted = *request;
    posted->tag = (uint64_t)++port->generation << 32 | port->slot;
    posted->path_len = (uint16_t)strlen(path);
    memcpy(payload, path, posted->path_len);
    memcpy(payload + posted->path_len, more, more_len);
    if (request->op == PORT_LINK || request->op == PORT_RENAME)
        posted->path2_len = (uint16_t)more_len;
    else if (request->op != PORT_READDIR)
        posted->len = (uint32_t)more_len;
    header->req[port->req_tail++ % PORT_SLOTS] = port->slot;
    header->req_tail = port->req_tail;
    server_step(&port->server);
    if (header->rep_tail != port->rep_head + 1 ||
        header->rep[port->rep_head % PORT_SLOTS] != port->slot)
        abort();
    header->rep_head = ++port->rep_head;
    port->reply = slot_of(port)->reply;
    if (port->reply.tag != posted->tag || port->reply.len > PORT_PAYLOAD)
        abort();
    memcpy(port->payload, payload, PORT_PAYLOAD);
    fake_port_commands(port);
    return port->reply.error;
}

void fake_port_commands(struct fake_port *port)
{
    struct port_header *header = header_of(port);
    const struct port_command *ring = (struct port_command *)(port->region + PORT_COMMAND_OFFSET);
    while (port->cmd_head != header->cmd_tail) {
        port->commands[port->commands_count++ % 256] = ring[port->cmd_head % PORT_COMMANDS];
        header->cmd_head = ++port->cmd_head;
    }
}
