/* SPDX-License-Identifier: BSD-2-Clause */
/* One question over TCP (RFC 7766): two bytes of length before each message. */
#include <stdlib.h>
#include <string.h>

#include "services/net/resolver.h"

#define PREFIX      2
#define MESSAGE_MAX (PREFIX + 65535)

/* Callbacks may be inside of lwIP's handling of this pcb, so it is only given up by resolver_run. */
static void fail(struct ask *ask)
{
    ask->state = ASK_FAILED;
    ask->lookup->changed = true;
}

static err_t on_connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct ask *ask = argument;
    uint8_t message[PREFIX + DNS_QUERY_MAX];
    (void)error; /* always ERR_OK */
    size_t length = dns_query(&ask->question, message + PREFIX);
    message[0] = (uint8_t)(length >> 8);
    message[1] = (uint8_t)length;
    if (tcp_write(pcb, message, (u16_t)(PREFIX + length), TCP_WRITE_FLAG_COPY) != ERR_OK)
        fail(ask);
    tcp_output(pcb);
    return ERR_OK;
}

/* Everything that was promised has come. */
static bool complete(const struct ask *ask)
{
    return ask->received >= PREFIX &&
           ask->received - PREFIX >= ((size_t)ask->message[0] << 8 | ask->message[1]);
}

static err_t on_received(void *argument, struct tcp_pcb *pcb, struct pbuf *pbuf, err_t error)
{
    struct ask *ask = argument;
    (void)error;
    if (pbuf == NULL) {
        if (ask->state == ASK_STREAM)
            fail(ask);
        return ERR_OK;
    }
    size_t length = pbuf->tot_len;
    if (length > MESSAGE_MAX - ask->received)
        length = MESSAGE_MAX - ask->received;
    if (ask->state == ASK_STREAM)
        ask->received += pbuf_copy_partial(pbuf, ask->message + ask->received, (u16_t)length, 0);
    tcp_recved(pcb, pbuf->tot_len);
    pbuf_free(pbuf);
    if (ask->state == ASK_STREAM && complete(ask)) {
        resolver_take(ask, ask->message + PREFIX, (size_t)ask->message[0] << 8 | ask->message[1]);
        /* A message that is no answer ends it as well: nothing else was asked here. */
        if (ask->state == ASK_STREAM)
            fail(ask);
    }
    return ERR_OK;
}

static void on_error(void *argument, err_t error)
{
    struct ask *ask = argument;
    (void)error;
    ask->stream = NULL; /* lwIP has freed it */
    if (ask->state == ASK_STREAM)
        fail(ask);
}

void resolver_tcp_start(struct ask *ask)
{
    const struct endpoint *server = &ask->lookup->server;
    resolver_tcp_stop(ask);
    ask->state = ASK_STREAM;
    ask->message = malloc(MESSAGE_MAX);
    ask->stream = tcp_new_ip_type(IP_GET_TYPE(&server->address));
    if (ask->message == NULL || ask->stream == NULL) {
        fail(ask);
        return;
    }
    tcp_arg(ask->stream, ask);
    tcp_recv(ask->stream, on_received);
    tcp_err(ask->stream, on_error);
    if (tcp_connect(ask->stream, &server->address, server->port, on_connected) != ERR_OK)
        fail(ask);
}

void resolver_tcp_stop(struct ask *ask)
{
    struct tcp_pcb *pcb = ask->stream;
    ask->stream = NULL;
    if (pcb != NULL) {
        tcp_arg(pcb, NULL);
        tcp_recv(pcb, NULL);
        tcp_err(pcb, NULL);
        tcp_abort(pcb);
    }
    free(ask->message);
    ask->message = NULL;
    ask->received = 0;
}
