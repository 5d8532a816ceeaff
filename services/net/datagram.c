/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/datagram.h"

#include <stdlib.h>
#include <string.h>

#include "abi/cloudabi_syscalls.h"
#include "services/net/local.h"

#define MESSAGE_MAX 65536
/* Messages of one client sent before others get their turn. */
#define SEND_BUDGET 32

/* One thread: a message is made here, in either direction. */
static struct {
    struct endpoint_wire header;
    uint8_t payload[MESSAGE_MAX];
} message;

static void on_received(void *argument, struct udp_pcb *pcb, struct pbuf *pbuf,
                        const ip_addr_t *address, u16_t port)
{
    struct datagram *datagram = argument;
    struct endpoint peer = {*address, port};
    (void)pcb;
    endpoint_to_wire(&peer, &message.header);
    size_t length = pbuf_copy_partial(pbuf, message.payload, pbuf->tot_len, 0);
    pbuf_free(pbuf);
    cloudabi_ciovec_t parts[2] = {
        {.buf = &message.header, .buf_len = sizeof(message.header)},
        {.buf = message.payload, .buf_len = length},
    };
    unsigned skip = datagram->connected ? 1 : 0;
    cloudabi_send_in_t in = {.si_data = parts + skip, .si_data_len = 2 - skip};
    cloudabi_send_out_t out;
    (void)cloudabi_sys_sock_send(datagram->fd, &in, &out);
}

static struct datagram *datagram_create(struct net *net, u8_t type)
{
    struct datagram *datagram = calloc(1, sizeof(*datagram));
    if (datagram == NULL)
        return NULL;
    datagram->net = net;
    datagram->pcb = udp_new_ip_type(type);
    if (datagram->pcb == NULL) {
        free(datagram);
        return NULL;
    }
    udp_recv(datagram->pcb, on_received, datagram);
    return datagram;
}

static void datagram_discard(struct datagram *datagram)
{
    udp_remove(datagram->pcb);
    free(datagram);
}

/* Makes the pair and puts the socket into the loop; discards it on failure. */
static cloudabi_errno_t datagram_publish(struct datagram *datagram, cloudabi_fd_t *fd)
{
    cloudabi_errno_t error = local_pair(&datagram->fd, fd);
    if (error != 0) {
        datagram_discard(datagram);
        return error;
    }
    datagram->next = datagram->net->datagrams;
    datagram->net->datagrams = datagram;
    return 0;
}

cloudabi_errno_t datagram_connect(struct net *net, const struct net_set *set, cloudabi_fd_t *fd)
{
    struct endpoint peer;
    if (!endpoint_from_set(set, &peer))
        return CLOUDABI_ENETUNREACH;
    struct datagram *datagram = datagram_create(net, IP_GET_TYPE(&peer.address));
    if (datagram == NULL)
        return CLOUDABI_ENOMEM;
    datagram->connected = true;
    err_t refused = udp_connect(datagram->pcb, &peer.address, peer.port);
    if (refused != ERR_OK) {
        datagram_discard(datagram);
        return net_error(refused);
    }
    return datagram_publish(datagram, fd);
}

cloudabi_errno_t datagram_bind(struct net *net, const struct net_set *set, cloudabi_fd_t *fd)
{
    struct datagram *datagram = datagram_create(net, local_type(set));
    if (datagram == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = local_bind_udp(datagram->pcb, set);
    if (error != 0) {
        datagram_discard(datagram);
        return error;
    }
    return datagram_publish(datagram, fd);
}

static void datagram_stop(struct datagram *datagram)
{
    struct datagram **link = &datagram->net->datagrams;
    while (*link != datagram)
        link = &(*link)->next;
    *link = datagram->next;
    cloudabi_sys_fd_close(datagram->fd);
    datagram_discard(datagram);
}

static void send_payload(struct datagram *datagram, const uint8_t *payload, size_t length,
                         const struct endpoint *peer)
{
    if (length > 65507)
        return;
    struct pbuf *pbuf = pbuf_alloc(PBUF_TRANSPORT, (u16_t)length, PBUF_RAM);
    if (pbuf == NULL)
        return;
    (void)pbuf_take(pbuf, payload, (u16_t)length);
    if (peer == NULL)
        (void)udp_send(datagram->pcb, pbuf);
    else
        (void)udp_sendto(datagram->pcb, pbuf, &peer->address, peer->port);
    pbuf_free(pbuf);
}

/* Sends one message of the client, if there is one: *LENGTH as it was received. */
static bool forward(struct datagram *datagram, size_t *length)
{
    uint8_t *bytes = (uint8_t *)&message;
    cloudabi_iovec_t data = {.buf = bytes, .buf_len = sizeof(message)};
    cloudabi_recv_in_t in = {.ri_data = &data, .ri_data_len = 1};
    cloudabi_recv_out_t out;
    struct endpoint peer;
    if (cloudabi_sys_sock_recv(datagram->fd, &in, &out) != 0)
        return false;
    *length = out.ro_datalen;
    if (datagram->connected)
        send_payload(datagram, bytes, out.ro_datalen, NULL);
    else if (out.ro_datalen >= sizeof(message.header) &&
             endpoint_from_wire(&message.header, &peer) && peer.port != 0)
        send_payload(datagram, message.payload, out.ro_datalen - sizeof(message.header), &peer);
    return true;
}

/* What the client sent before it left still goes out. At the end a receive gives nothing for ever, so the first empty
 * message is taken for it. */
static void datagram_end(struct datagram *datagram)
{
    size_t length = 1;
    while (length > 0 && forward(datagram, &length))
        continue;
    datagram_stop(datagram);
}

void datagram_event(struct datagram *datagram, bool hangup)
{
    size_t length;
    if (hangup) {
        datagram_end(datagram);
        return;
    }
    for (int i = 0; i < SEND_BUDGET && forward(datagram, &length); i++)
        continue;
}

void datagram_reap(struct net *net)
{
    struct datagram *next;
    for (struct datagram *datagram = net->datagrams; datagram != NULL; datagram = next) {
        cloudabi_errno_t state = local_state(datagram->fd, CLOUDABI_EVENTTYPE_FD_READ);
        next = datagram->next;
        if (state != 0 && state != CLOUDABI_EAGAIN)
            datagram_end(datagram);
    }
}
