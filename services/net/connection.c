/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/tcp.h"
#include "lwip/sys.h"
#include "services/net/listener.h"
#include "services/net/ports.h"
#include "services/net/unreachable.h"
#include "services/net/window.h"

#define RING_SIZE PORT_RING_MAX
/* So many connections are made between two looks at how many have ended. */
#define TRIM_ROUNDS 128

static struct connection *by_channel[PORT_CHANNELS];

struct connection *connection_at(unsigned channel)
{
    return channel < PORT_CHANNELS ? by_channel[channel] : NULL;
}

/* NULL: there are as many as there can be, or no memory. */
static struct connection *connection_create(struct net *net)
{
    static unsigned rounds;
    if (++rounds % TRIM_ROUNDS == 0)
        ports_trim();
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return NULL;
    connection->node.role = NODE_CONNECTION;
    connection->net = net;
    connection->channel = channel_open(&net->server, RING_SIZE, RING_SIZE);
    if (connection->channel < 0)
        goto no_channel;
    connection->node.number = table_add(&net->nodes, connection);
    if (connection->node.number == 0)
        goto no_number;
    by_channel[connection->channel] = connection;
    window_start(connection);
    return connection;
no_number:
    channel_release(&net->server, (unsigned)connection->channel);
no_channel:
    free(connection);
    return NULL;
}

/* Nothing refers to it any more. */
static void connection_destroy(struct connection *connection)
{
    struct net *net = connection->net;
    stream_discard(connection);
    window_end(connection);
    by_channel[connection->channel] = NULL;
    channel_release(&net->server, (unsigned)connection->channel);
    table_remove(&net->nodes, connection->node.number);
    free(connection);
}

static void note_addresses(struct connection *connection)
{
    struct tcp_pcb *pcb = connection->pcb;
    connection->local = (struct endpoint){pcb->local_ip, pcb->local_port};
    connection->peer = (struct endpoint){pcb->remote_ip, pcb->remote_port};
}

static err_t on_connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct connection *connection = argument;
    (void)pcb;
    (void)error; /* always ERR_OK */
    connection->connected = true;
    if (connection->given)
        channel_in_admit(&connection->net->server, (unsigned)connection->channel);
    note_addresses(connection);
    window_update(connection);
    connection_queue(connection);
    return ERR_OK;
}

cloudabi_errno_t connection_start(struct net *net, const struct net_set *set,
                                  struct connection **result)
{
    struct endpoint peer;
    if (!endpoint_from_set(set, &peer))
        return CLOUDABI_ENETUNREACH;
    cloudabi_errno_t error = endpoint_route(&peer.address);
    if (error != 0)
        return error;
    uint16_t port =
        ports_choose(&peer, net->config.settings.port_low, net->config.settings.port_high);
    if (port == 0)
        return CLOUDABI_EADDRNOTAVAIL;
    struct connection *connection = connection_create(net);
    if (connection == NULL)
        return CLOUDABI_ENFILE;
    connection->peer = peer;
    connection->pcb = tcp_new_ip_type(IP_GET_TYPE(&peer.address));
    if (connection->pcb == NULL) {
        connection_destroy(connection);
        return CLOUDABI_ENOMEM;
    }
    stream_attach(connection);
    connection->pcb->local_port = port;
    err_t refused = tcp_connect(connection->pcb, &peer.address, peer.port, on_connected);
    if (refused != ERR_OK) {
        struct tcp_pcb *pcb = connection->pcb;
        connection_detach(connection);
        tcp_abort(pcb);
        connection_destroy(connection);
        return net_error(refused);
    }
    connection->started = sys_now();
    note_addresses(connection);
    *result = connection;
    return 0;
}

struct connection *connection_accepted(struct net *net, struct tcp_pcb *pcb)
{
    struct connection *connection = connection_create(net);
    if (connection == NULL)
        return NULL;
    connection->pcb = pcb;
    connection->connected = true;
    stream_attach(connection);
    note_addresses(connection);
    window_update(connection);
    return connection;
}

static void answer(struct connection *connection, struct call *call)
{
    connection->given = true;
    if (!connection->connected)
        channel_in_hold(&connection->net->server, (unsigned)connection->channel);
    call_stream(call, node_number(&connection->node, NODE_DATA), (unsigned)connection->channel);
}

cloudabi_errno_t connection_open_data(struct connection *connection, struct call *call, bool wait)
{
    if (connection->given || connection->waiting)
        return CLOUDABI_EBUSY;
    if (connection->error != 0 && connection->pcb == NULL)
        return connection->error;
    if (wait && !connection->connected) {
        connection->waiting = true;
        connection->ticket = call->request.tag;
        return CALL_DEFERRED;
    }
    answer(connection, call);
    return 0;
}

void connection_hold(struct connection *connection)
{
    connection->node.holders++;
}

void connection_release(struct connection *connection, uint64_t count)
{
    uint64_t holders = connection->node.holders;
    connection->node.holders = count < holders ? holders - count : 0;
    connection_queue(connection);
}

void connection_queue(struct connection *connection)
{
    if (connection->queued)
        return;
    connection->queued = true;
    connection->next_work = connection->net->work;
    connection->net->work = connection;
}

/* Answers the open that waits for the connection. */
static void settle(struct connection *connection)
{
    struct call call;
    if (!connection->waiting || (!connection->connected && connection->error == 0))
        return;
    connection->waiting = false;
    call_resume(&connection->net->server, connection->ticket, &call);
    if (connection->connected)
        answer(connection, &call);
    call_finish(&call, connection->connected ? 0 : connection->error);
}

static void abort_pcb(struct connection *connection)
{
    struct tcp_pcb *pcb = connection->pcb;
    if (pcb == NULL)
        return;
    connection_detach(connection);
    connection->in_flight = 0;
    tcp_abort(pcb);
}

/* True if no byte can be read or written any more: the stream was closed, or nobody can come to open it. */
static bool abandoned(const struct connection *connection)
{
    if (connection->given)
        return channel_closed(&connection->net->server, (unsigned)connection->channel);
    return connection->node.holders == 0 && !connection->waiting && connection->listener == NULL;
}

static bool unread(const struct connection *connection)
{
    const struct server *server = &connection->net->server;
    return connection->received != NULL || connection->pcb->refused_data != NULL ||
           channel_out_unread(server, (unsigned)connection->channel) != 0;
}

/* It still waited in its listener when that was closed: nobody has read or written. */
static bool never_taken(const struct connection *connection)
{
    return connection->offered_by != 0 && !connection->used &&
           listener_is_gone(connection->net, connection->offered_by);
}

static void close_pcb(struct connection *connection)
{
    if (connection->pcb == NULL || connection->closing)
        return;
    bool clean = connection->connected && !connection->linger_zero && connection->error == 0;
    if (!clean || unread(connection) || never_taken(connection)) {
        abort_pcb(connection);
        return;
    }
    if (!stream_all_pushed(connection) && !connection->fin_sent)
        return; /* the rest is pushed as acknowledgements come */
    connection->closing = true;
    /* lwIP takes a window that is not open for data that was not taken: it would reset, and free the pcb unnoticed. */
    connection->pcb->rcv_wnd = TCP_WND_MAX(connection->pcb);
    tcp_close(connection->pcb);
    if (connection->in_flight == 0)
        connection_detach(connection);
}

/* The client has shut its sending side and everything is on its way. */
static void shut_sending(struct connection *connection)
{
    struct server *server = &connection->net->server;
    if (connection->pcb == NULL || !connection->connected || connection->fin_sent ||
        !channel_in_shut(server, (unsigned)connection->channel) || !stream_all_pushed(connection))
        return;
    connection->fin_sent = true;
    tcp_shutdown(connection->pcb, 0, 1);
    if (connection->remote_eof && connection->in_flight == 0)
        connection_detach(connection);
}

static void tell_error(struct connection *connection)
{
    struct server *server = &connection->net->server;
    unsigned channel = (unsigned)connection->channel;
    if (connection->error == 0 || connection->error_told || !connection->given)
        return;
    connection->error_told = true;
    channel_abort(server, channel, connection->error);
}

static void run_one(struct connection *connection)
{
    unreachable_check(connection);
    settle(connection);
    if (connection->given || connection->connected) {
        stream_push(connection);
        tell_error(connection);
        stream_pump(connection);
    }
    if (!abandoned(connection)) {
        if (connection->given)
            shut_sending(connection);
        if (connection->reset)
            abort_pcb(connection);
        return;
    }
    close_pcb(connection);
    if (connection->pcb == NULL && connection->node.holders == 0 && !connection->queued)
        connection_destroy(connection);
}

void connection_run(struct net *net)
{
    struct connection *work = net->work;
    net->work = NULL;
    while (work != NULL) {
        struct connection *connection = work;
        work = connection->next_work;
        connection->queued = false;
        run_one(connection);
    }
}

void connection_channel_event(struct server *server, unsigned channel)
{
    (void)server;
    struct connection *connection = connection_at(channel);
    if (connection != NULL)
        connection_queue(connection);
}

void connection_flush(struct server *server, uint64_t ticket)
{
    struct call call;
    for (unsigned i = 0; i < PORT_CHANNELS; i++) {
        struct connection *connection = by_channel[i];
        if (connection == NULL || !connection->waiting || connection->ticket != ticket)
            continue;
        connection->waiting = false;
        call_resume(server, ticket, &call);
        call_finish(&call, CLOUDABI_EINTR);
        connection_queue(connection);
        return;
    }
}
