/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's side of a port for host tests: a region in plain memory, into which a test posts requests one at a
 * time and from which it takes the replies. The server library runs unchanged above it.
 */
#ifndef TESTS_HOST_FAKE_PORT_H
#define TESTS_HOST_FAKE_PORT_H

#include "pseudofd/server/server.h"

struct fake_port {
    struct server server;
    uint8_t *region;
    uint32_t req_tail, rep_head, cmd_head;
    uint32_t generation;
    uint32_t slot;
    uint8_t payload[PORT_PAYLOAD]; /* of the last reply */
    struct port_reply reply;
    /* Commands taken so far. */
    struct port_command commands[256];
    unsigned commands_count;
};

void fake_port_start(struct fake_port *port, const struct server_ops *ops, void *context);
void fake_port_stop(struct fake_port *port);
/* Posts a request with a path and further bytes (path2 or data), serves it, takes the reply; its errno. */
cloudabi_errno_t fake_port_call(struct fake_port *port, const struct port_request *request,
                                const char *path, const void *more, size_t more_len);
/* The commands that the service has posted since the last call are appended to port->commands. */
void fake_port_commands(struct fake_port *port);

#endif
