/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of a connection: channel rings on one side, lwIP's callbacks on the other. */
#include <string.h>

#include "lwip/priv/tcp_priv.h"
#include "lwip_hooks.h"
#include "services/net/connection.h"
#include "services/net/window.h"

/* Unit of tcp_poll: half seconds. The poll is the retry after a lack of memory. */
#define POLL_INTERVAL 2
#define WRITE_MAX     0xffff

bool stream_all_pushed(const struct connection *connection)
{
    return channel_in_available(&connection->net->server, (unsigned)connection->channel) ==
           connection->in_flight;
}

void stream_push(struct connection *connection)
{
    struct server *server = &connection->net->server;
    struct tcp_pcb *pcb = connection->pcb;
    if (pcb == NULL || !connection->connected || connection->fin_sent)
        return;
    size_t most = window_of_peer(pcb);
    while (connection->in_flight < most) {
        size_t length;
        const uint8_t *bytes = channel_in_peek_at(server, (unsigned)connection->channel,
                                                  connection->in_flight, &length);
        if (length > tcp_sndbuf(pcb))
            length = tcp_sndbuf(pcb);
        if (length > WRITE_MAX)
            length = WRITE_MAX;
        if (length > most - connection->in_flight)
            length = most - connection->in_flight;
        if (length == 0 || tcp_write(pcb, bytes, (u16_t)length, 0) != ERR_OK)
            break;
        connection->in_flight += length;
        connection->used = true;
        connection->moved = true;
    }
    tcp_output(pcb);
}

void stream_discard(struct connection *connection)
{
    while (connection->received != NULL) {
        struct pbuf *first = connection->received;
        connection->received = first->next;
        first->next = NULL;
        pbuf_free(first);
    }
    connection->received_last = NULL;
    connection->received_offset = 0;
    connection->received_bytes = 0;
}

/* Copies queued bytes into one contiguous piece of the ring; returns how many. */
static size_t fill(struct connection *connection, uint8_t *space, size_t room)
{
    size_t done = 0;
    while (done < room && connection->received != NULL) {
        struct pbuf *first = connection->received;
        size_t piece = first->len - connection->received_offset;
        if (piece > room - done)
            piece = room - done;
        memcpy(space + done, (uint8_t *)first->payload + connection->received_offset, piece);
        done += piece;
        connection->received_offset += piece;
        if (connection->received_offset < first->len)
            break;
        connection->received = first->next;
        connection->received_offset = 0;
        first->next = NULL;
        pbuf_free(first);
    }
    if (connection->received == NULL)
        connection->received_last = NULL;
    connection->received_bytes -= done;
    return done;
}

void stream_pump(struct connection *connection)
{
    struct server *server = &connection->net->server;
    unsigned channel = (unsigned)connection->channel;
    /* What a client left unread at its close makes the close a reset. */
    if (connection->given && channel_closed(server, channel))
        return;
    if (connection->given && channel_out_shut(server, channel))
        stream_discard(connection);
    while (connection->received != NULL) {
        size_t room;
        uint8_t *space = channel_out_space(server, channel, &room);
        if (space == NULL)
            break;
        size_t done = fill(connection, space, room);
        channel_out_produce(server, channel, done);
        connection->used = true;
        connection->moved = true;
    }
    bool waits = window_update(connection) || connection->received != NULL;
    channel_want(server, channel, waits ? PORT_EVENT_READ | PORT_EVENT_WRITE : PORT_EVENT_READ);
    if (connection->received == NULL && connection->remote_eof && !connection->eof_told) {
        connection->eof_told = true;
        channel_eof(server, channel);
    }
}

/* Both sides have sent FIN and all is acknowledged: the rest is lwIP's. */
static void detach_if_over(struct connection *connection)
{
    if (connection->in_flight == 0 &&
        (connection->closing || (connection->fin_sent && connection->remote_eof)))
        connection_detach(connection);
}

static err_t on_received(void *argument, struct tcp_pcb *pcb, struct pbuf *pbuf, err_t error)
{
    struct connection *connection = argument;
    /* lwIP saw one segment and will wait for another (RFC 5681, 4.2: an acknowledgement for at least every second). */
    bool more_than_one = pbuf != NULL && pbuf->tot_len > pcb->mss;
    (void)error;
    if (pbuf == NULL) {
        connection->remote_eof = true;
        detach_if_over(connection);
    } else if (connection->closing) {
        tcp_recved(pcb, pbuf->tot_len);
        pbuf_free(pbuf);
    } else {
        connection->received_bytes += pbuf->tot_len;
        if (connection->received_last != NULL)
            connection->received_last->next = pbuf;
        else
            connection->received = pbuf;
        while (pbuf->next != NULL)
            pbuf = pbuf->next;
        connection->received_last = pbuf;
        if (more_than_one)
            tcp_ack_now(pcb);
        /* A batch is moved at the end of the round; a long one must not close the window meanwhile. */
        if (connection->given && pcb->rcv_wnd < TCP_WND_MAX(pcb) / 2)
            stream_pump(connection);
    }
    connection_queue(connection);
    return ERR_OK;
}

static err_t on_sent(void *argument, struct tcp_pcb *pcb, u16_t length)
{
    struct connection *connection = argument;
    size_t acknowledged = length;
    (void)pcb;
    if (acknowledged > connection->in_flight)
        acknowledged = connection->in_flight;
    connection->in_flight -= acknowledged;
    channel_in_consume(&connection->net->server, (unsigned)connection->channel, acknowledged);
    connection->moved = true;
    if (connection->in_flight == 0 && stream_all_pushed(connection))
        window_drained(connection);
    detach_if_over(connection);
    connection_queue(connection);
    return ERR_OK;
}

static err_t on_poll(void *argument, struct tcp_pcb *pcb)
{
    (void)pcb;
    connection_queue(argument);
    return ERR_OK;
}

static void on_error(void *argument, err_t error)
{
    struct connection *connection = argument;
    connection->pcb = NULL; /* lwIP has freed it */
    connection->in_flight = 0;
    if (error == ERR_RST && !connection->connected)
        connection->error = CLOUDABI_ECONNREFUSED;
    else if (error == ERR_ABRT)
        connection->error = CLOUDABI_ETIMEDOUT;
    else if (error != ERR_CLSD)
        connection->error = net_error(error);
    connection_queue(connection);
}

err_t stream_admit(struct tcp_pcb *pcb, uint32_t sequence)
{
    return pcb->recv == on_received ? window_admit(pcb->callback_arg, sequence) : ERR_OK;
}

void stream_attach(struct connection *connection)
{
    tcp_arg(connection->pcb, connection);
    tcp_recv(connection->pcb, on_received);
    tcp_sent(connection->pcb, on_sent);
    tcp_err(connection->pcb, on_error);
    tcp_poll(connection->pcb, on_poll, POLL_INTERVAL);
}

void connection_detach(struct connection *connection)
{
    struct tcp_pcb *pcb = connection->pcb;
    if (pcb == NULL)
        return;
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    connection->pcb = NULL;
}
