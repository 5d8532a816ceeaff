/* SPDX-License-Identifier: BSD-2-Clause */
/* The files `status` and `ctl` of a connection's directory. */
#include <stdio.h>
#include <string.h>

#include "services/net/connection.h"

#define COMMAND_MAX 64

static const char *state_name(const struct connection *connection)
{
    if (connection->pcb != NULL)
        return tcp_debug_state_str(connection->pcb->state);
    return connection->connected ? "CLOSED" : "FAILED";
}

size_t connection_status(const struct connection *connection, char *text, size_t size)
{
    char local[ENDPOINT_TEXT_MAX], peer[ENDPOINT_TEXT_MAX];
    endpoint_format(&connection->local, local);
    endpoint_format(&connection->peer, peer);
    int length = snprintf(text, size, "state %s\nerrno %u\nlocal %s\npeer %s\n",
                          state_name(connection), (unsigned)connection->error, local, peer);
    return length > 0 ? (size_t)length : 0;
}

static void set_keepalive(struct tcp_pcb *pcb, unsigned seconds)
{
    if (seconds == 0) {
        ip_reset_option(pcb, SOF_KEEPALIVE);
        return;
    }
    ip_set_option(pcb, SOF_KEEPALIVE);
    pcb->keep_idle = seconds * 1000u;
    pcb->keep_intvl = seconds * 1000u;
}

cloudabi_errno_t connection_control(struct connection *connection, const char *text, size_t size)
{
    char command[COMMAND_MAX];
    unsigned value;
    int end = 0;
    if (size > 0 && text[size - 1] == '\n')
        size--;
    if (size >= sizeof(command) || memchr(text, '\0', size) != NULL)
        return CLOUDABI_EINVAL;
    memcpy(command, text, size);
    command[size] = '\0';
    if (strcmp(command, "reset") == 0 || strcmp(command, "linger 0") == 0) {
        /* `linger 0` makes the close a reset, `reset` does it now. */
        connection->linger_zero = true;
        connection->reset |= command[0] == 'r';
        connection_queue(connection);
        return 0;
    }
    if (connection->pcb == NULL)
        return CLOUDABI_ENOTCONN;
    if (sscanf(command, "nodelay %1u%n", &value, &end) == 1 && command[end] == '\0' && value < 2) {
        if (value != 0)
            tcp_nagle_disable(connection->pcb);
        else
            tcp_nagle_enable(connection->pcb);
        return 0;
    }
    if (sscanf(command, "keepalive %5u%n", &value, &end) == 1 && command[end] == '\0') {
        set_keepalive(connection->pcb, value);
        return 0;
    }
    return CLOUDABI_EINVAL;
}
