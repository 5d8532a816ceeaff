/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/listener.h"

#include <stdlib.h>
#include <string.h>

#include "abi/cloudabi_syscalls.h"
#include "services/net/local.h"

/* Half-open connections count too, and each one that is refused costs its peer seconds. */
#define BACKLOG 64

#define STREAM_RIGHTS                                                                      \
    (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_STAT_PUT_FLAGS | \
     CLOUDABI_RIGHT_FILE_STAT_FGET | CLOUDABI_RIGHT_POLL_FD_READWRITE |                    \
     CLOUDABI_RIGHT_SOCK_SHUTDOWN)
#define DIRECTORY_RIGHTS                                                                      \
    (CLOUDABI_RIGHT_FILE_OPEN | CLOUDABI_RIGHT_FILE_READDIR | CLOUDABI_RIGHT_FILE_STAT_FGET | \
     CLOUDABI_RIGHT_FILE_STAT_GET)
/* An open for writing that neither appends nor truncates needs FD_SEEK to be inherited. */
#define BELOW_RIGHTS (STREAM_RIGHTS | CLOUDABI_RIGHT_FD_SEEK)

/* What a client is sent of a connection. */
struct accept_message {
    struct endpoint_wire peer;
    struct endpoint_wire local;
};

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct listener *listener = argument;
    if (pcb == NULL || error != ERR_OK)
        return ERR_VAL;
    struct connection *connection = connection_accepted(listener->net, pcb);
    if (connection == NULL)
        return ERR_MEM; /* lwIP resets it */
    connection->listener = listener;
    tcp_backlog_delayed(pcb);
    if (listener->last_accepted != NULL)
        listener->last_accepted->next_accepted = connection;
    else
        listener->first_accepted = connection;
    listener->last_accepted = connection;
    return ERR_OK;
}

static struct connection *take_accepted(struct listener *listener)
{
    struct connection *connection = listener->first_accepted;
    listener->first_accepted = connection->next_accepted;
    if (listener->first_accepted == NULL)
        listener->last_accepted = NULL;
    connection->next_accepted = NULL;
    connection->listener = NULL;
    if (connection->pcb != NULL)
        tcp_backlog_accepted(connection->pcb);
    connection_queue(connection);
    return connection;
}

static cloudabi_errno_t mint_both(struct connection *connection, cloudabi_rights_t rights,
                                  cloudabi_fd_t fds[2])
{
    struct server *server = &connection->net->server;
    struct mint data = {
        .form = PORT_FORM_STREAM,
        .type = CLOUDABI_FILETYPE_SOCKET_STREAM,
        .node = node_number(&connection->node, NODE_DATA),
        .channel = (unsigned)connection->channel,
        .rights = rights,
    };
    struct mint directory = {
        .form = PORT_FORM_DIRECTORY,
        .type = CLOUDABI_FILETYPE_DIRECTORY,
        .node = node_number(&connection->node, NODE_CONNECTION),
        .rights = DIRECTORY_RIGHTS,
        .rights_inheriting = BELOW_RIGHTS,
    };
    int fd;
    cloudabi_errno_t error = server_mint(server, &data, &fd);
    if (error != 0)
        return error;
    connection->given = true;
    fds[0] = (cloudabi_fd_t)fd;
    error = server_mint(server, &directory, &fd);
    if (error != 0) {
        cloudabi_sys_fd_close(fds[0]);
        return error;
    }
    connection_hold(connection);
    fds[1] = (cloudabi_fd_t)fd;
    return 0;
}

static cloudabi_errno_t send_message(struct listener *listener, struct connection *connection,
                                     cloudabi_fd_t fds[2])
{
    struct accept_message message;
    endpoint_to_wire(&connection->peer, &message.peer);
    endpoint_to_wire(&connection->local, &message.local);
    cloudabi_ciovec_t data = {.buf = &message, .buf_len = sizeof(message)};
    cloudabi_send_in_t in = {.si_data = &data, .si_data_len = 1, .si_fds = fds, .si_fds_len = 2};
    cloudabi_send_out_t out;
    return cloudabi_sys_sock_send(listener->fd, &in, &out);
}

/* Sends one connection to the client. EAGAIN: the pair is full, the connection keeps waiting. */
static cloudabi_errno_t hand_over(struct listener *listener)
{
    struct connection *connection = listener->first_accepted;
    cloudabi_fd_t fds[2];
    cloudabi_errno_t error = local_state(listener->fd, CLOUDABI_EVENTTYPE_FD_WRITE);
    if (error == 0)
        error = mint_both(connection, listener->rights, fds);
    if (error == 0) {
        error = send_message(listener, connection, fds);
        /* The message holds its own references; without one, these close the connection. */
        cloudabi_sys_fd_close(fds[0]);
        cloudabi_sys_fd_close(fds[1]);
    }
    if (error == CLOUDABI_EAGAIN && !connection->given)
        return error;
    take_accepted(listener);
    connection->offered_by = listener->number;
    if (error != 0 && !connection->given)
        connection->linger_zero = true;
    return 0;
}

/* What is listened for here, or a part of it, is another's already. lwIP would give the caller to whose address is
 * narrower. */
static bool is_taken(const struct net *net, const struct net_set *set)
{
    for (const struct listener *other = net->listeners; other != NULL; other = other->next) {
        if (other->pcb->local_port == set->port_low && local_overlap(set, &other->pcb->local_ip))
            return true;
    }
    return false;
}

cloudabi_errno_t listener_start(struct net *net, const struct net_set *set,
                                cloudabi_rights_t rights, cloudabi_fd_t *fd)
{
    const cloudabi_rights_t data = CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE;
    static unsigned numbers;
    if (!set->port_free && is_taken(net, set))
        return CLOUDABI_EADDRINUSE;
    struct listener *listener = calloc(1, sizeof(*listener));
    if (listener == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = CLOUDABI_ENOMEM;
    struct tcp_pcb *pcb = tcp_new_ip_type(local_type(set));
    if (pcb == NULL)
        goto no_pcb;
    /* Connections of the past in TIME_WAIT do not keep a port; a free one has none. */
    if (!set->port_free)
        ip_set_option(pcb, SOF_REUSEADDR);
    error = local_bind_tcp(pcb, set);
    if (error != 0)
        goto no_bind;
    err_t refused;
    struct tcp_pcb *listening = tcp_listen_with_backlog_and_err(pcb, BACKLOG, &refused);
    if (listening == NULL) {
        error = net_error(refused);
        goto no_bind;
    }
    pcb = listening;
    error = local_pair(&listener->fd, fd);
    if (error != 0)
        goto no_bind;
    listener->net = net;
    listener->number = ++numbers;
    listener->rights = STREAM_RIGHTS & (rights | ~data);
    listener->pcb = pcb;
    tcp_arg(pcb, listener);
    tcp_accept(pcb, on_accept);
    listener->next = net->listeners;
    net->listeners = listener;
    return 0;
no_bind:
    tcp_close(pcb);
no_pcb:
    free(listener);
    return error;
}

bool listener_is_gone(const struct net *net, unsigned number)
{
    for (const struct listener *listener = net->listeners; listener != NULL;
         listener = listener->next) {
        if (listener->number != number)
            continue;
        cloudabi_errno_t error = local_state(listener->fd, CLOUDABI_EVENTTYPE_FD_WRITE);
        return error != 0 && error != CLOUDABI_EAGAIN;
    }
    return true;
}

static void listener_stop(struct listener *listener)
{
    struct listener **link = &listener->net->listeners;
    while (*link != listener)
        link = &(*link)->next;
    *link = listener->next;
    while (listener->first_accepted != NULL)
        take_accepted(listener)->linger_zero = true;
    tcp_arg(listener->pcb, NULL);
    tcp_accept(listener->pcb, NULL);
    tcp_close(listener->pcb);
    cloudabi_sys_fd_close(listener->fd);
    free(listener);
}

void listener_event(struct listener *listener, bool hangup)
{
    if (hangup)
        listener_stop(listener);
    else
        local_drain(listener->fd);
}

void listener_reap(struct net *net)
{
    struct listener *next;
    for (struct listener *listener = net->listeners; listener != NULL; listener = next) {
        cloudabi_errno_t state = local_state(listener->fd, CLOUDABI_EVENTTYPE_FD_READ);
        next = listener->next;
        if (state != 0 && state != CLOUDABI_EAGAIN)
            listener_stop(listener);
    }
}

void listener_run(struct net *net)
{
    for (struct listener *listener = net->listeners; listener != NULL; listener = listener->next) {
        listener->blocked = false;
        while (listener->first_accepted != NULL && !listener->blocked)
            listener->blocked = hand_over(listener) == CLOUDABI_EAGAIN;
    }
}
