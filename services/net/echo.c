/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/echo.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/cloudabi_syscalls.h"
#include "arch/cc.h"
#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/ip6.h"
#include "services/net/local.h"

#define HEADER      8
#define PAYLOAD_MAX 65000
/* Messages of one client sent before others get their turn. */
#define SEND_BUDGET 16

#define AT_CHECKSUM 2
#define AT_ID       4
#define AT_SEQUENCE 6

/* One thread: a message is made here, in either direction. */
static struct {
    uint64_t time;
    uint8_t header[HEADER];
    uint8_t payload[PAYLOAD_MAX];
} message;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void deliver(struct echo *echo, uint64_t time, size_t length)
{
    cloudabi_ciovec_t parts[2] = {{.buf = &time, .buf_len = sizeof(time)},
                                  {.buf = message.payload, .buf_len = length}};
    cloudabi_send_in_t in = {.si_data = parts, .si_data_len = 2};
    cloudabi_send_out_t out;
    (void)cloudabi_sys_sock_send(echo->fd, &in, &out);
}

/* Where the ICMP message begins in what a raw socket is given. */
static size_t icmp_offset(const struct pbuf *pbuf, bool six)
{
    uint8_t first;
    if (six)
        return IP6_HLEN;
    return pbuf_copy_partial(pbuf, &first, 1, 0) == 1 ? 4 * (size_t)(first & 15) : 0;
}

/* Returns 1 if the packet was ours. */
static u8_t on_received(void *argument, struct raw_pcb *pcb, struct pbuf *pbuf,
                        const ip_addr_t *address)
{
    struct echo *echo = argument;
    bool six = IP_IS_V6(&echo->peer);
    (void)pcb;
    size_t offset = icmp_offset(pbuf, six);
    if (!ip_addr_cmp_zoneless(address, &echo->peer) || offset + HEADER > pbuf->tot_len ||
        pbuf_copy_partial(pbuf, message.header, HEADER, (u16_t)offset) != HEADER)
        return 0;
    uint8_t wanted = six ? ICMP6_TYPE_EREP : ICMP_ER;
    if (message.header[0] != wanted || get16(message.header + AT_ID) != echo->id)
        return 0;
    uint16_t sequence = get16(message.header + AT_SEQUENCE);
    uint64_t *sent = &echo->sent[sequence % ECHO_OUTSTANDING];
    uint16_t age = (uint16_t)(echo->sequence - sequence);
    if (age != 0 && age <= ECHO_OUTSTANDING && *sent != 0) {
        size_t length =
            pbuf_copy_partial(pbuf, message.payload, PAYLOAD_MAX, (u16_t)(offset + HEADER));
        deliver(echo, now() - *sent, length);
        *sent = 0;
    }
    pbuf_free(pbuf);
    return 1;
}

static struct raw_pcb *open_pcb(struct echo *echo)
{
    bool six = IP_IS_V6(&echo->peer);
    struct raw_pcb *pcb =
        raw_new_ip_type(IP_GET_TYPE(&echo->peer), six ? IP6_NEXTH_ICMP6 : IP_PROTO_ICMP);
    if (pcb == NULL)
        return NULL;
    if (six) {
        pcb->chksum_reqd = 1;
        pcb->chksum_offset = AT_CHECKSUM;
    }
    raw_recv(pcb, on_received, echo);
    return pcb;
}

cloudabi_errno_t echo_start(struct net *net, const struct net_set *set, cloudabi_fd_t *fd)
{
    struct endpoint peer;
    if (!endpoint_from_set(set, &peer))
        return CLOUDABI_ENETUNREACH;
    cloudabi_errno_t error = endpoint_route(&peer.address);
    if (error != 0)
        return error;
    struct echo *echo = calloc(1, sizeof(*echo));
    if (echo == NULL)
        return CLOUDABI_ENOMEM;
    echo->net = net;
    echo->peer = peer.address;
    echo->id = (uint16_t)lwip_port_random();
    echo->pcb = open_pcb(echo);
    error = echo->pcb == NULL ? CLOUDABI_ENOMEM : local_pair(&echo->fd, fd);
    if (error != 0) {
        if (echo->pcb != NULL)
            raw_remove(echo->pcb);
        free(echo);
        return error;
    }
    echo->next = net->echoes;
    net->echoes = echo;
    return 0;
}

static void echo_stop(struct echo *echo)
{
    struct echo **link = &echo->net->echoes;
    while (*link != echo)
        link = &(*link)->next;
    *link = echo->next;
    cloudabi_sys_fd_close(echo->fd);
    raw_remove(echo->pcb);
    free(echo);
}

static void send_request(struct echo *echo, size_t length)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_IP, (u16_t)(HEADER + length), PBUF_RAM);
    bool six = IP_IS_V6(&echo->peer);
    if (pbuf == NULL)
        return;
    memset(message.header, 0, HEADER);
    message.header[0] = six ? ICMP6_TYPE_EREQ : ICMP_ECHO;
    put16(message.header + AT_ID, echo->id);
    put16(message.header + AT_SEQUENCE, echo->sequence);
    if (!six) {
        uint16_t sum = inet_chksum(message.header, (u16_t)(HEADER + length));
        memcpy(message.header + AT_CHECKSUM, &sum, sizeof(sum));
    }
    (void)pbuf_take(pbuf, message.header, (u16_t)(HEADER + length));
    echo->sent[echo->sequence++ % ECHO_OUTSTANDING] = now();
    (void)raw_sendto(echo->pcb, pbuf, &echo->peer);
    pbuf_free(pbuf);
}

/* Sends one message of the client. False: there is none. */
static bool forward(struct echo *echo)
{
    cloudabi_iovec_t data = {.buf = message.payload, .buf_len = PAYLOAD_MAX};
    cloudabi_recv_in_t in = {.ri_data = &data, .ri_data_len = 1};
    cloudabi_recv_out_t out;
    if (cloudabi_sys_sock_recv(echo->fd, &in, &out) != 0)
        return false;
    send_request(echo, out.ro_datalen < PAYLOAD_MAX ? out.ro_datalen : PAYLOAD_MAX);
    return true;
}

void echo_event(struct echo *echo, bool hangup)
{
    for (int i = 0; i < SEND_BUDGET && !hangup; i++) {
        if (!forward(echo))
            return;
    }
    if (hangup)
        echo_stop(echo);
}
