/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/timekeeper.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arch/cc.h"
#include "lwip/timeouts.h"
#include "services/net/net.h"
#include "services/net/ntp_message.h"

/* Milliseconds. While there is no server or no address it looks for them, at first often. */
#define LOOK_FIRST    250
#define LOOK_DOUBLES  7
#define RETRY_FIRST   2000
#define RETRY_DOUBLES 6
#define POLL_INTERVAL 1024000
#define NANOSECONDS   1000000000
/* An answer that took longer says too little (nanoseconds). */
#define ROUND_TRIP_MAX UINT64_C(4000000000)

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

static void stop_asking(struct timekeeper *keeper)
{
    if (keeper->pcb != NULL)
        udp_remove(keeper->pcb);
    keeper->pcb = NULL;
}

/* The log hears of the first time, and of every jump. */
static void tell(struct timekeeper *keeper, uint64_t now)
{
    char server[ENDPOINT_TEXT_MAX];
    int64_t moved = (int64_t)(now - read_clock(CLOCK_REALTIME)) / 1000000;
    if (keeper->told && moved > -1000 && moved < 1000)
        return;
    keeper->told = true;
    endpoint_format(&keeper->server, server);
    net_log(keeper->net, "net: clock set by %s, moved by %lld ms", server, (long long)moved);
}

static bool set_clock(struct timekeeper *keeper, uint64_t now)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)now);
    tell(keeper, now);
    return write(keeper->clock, text, (size_t)length) == length;
}

static void on_time(void *argument);

static void ask_again_in(struct timekeeper *keeper, uint32_t milliseconds)
{
    sys_untimeout(on_time, keeper);
    sys_timeout(milliseconds, on_time, keeper);
}

static void on_received(void *argument, struct udp_pcb *pcb, struct pbuf *pbuf,
                        const ip_addr_t *address, u16_t port)
{
    struct timekeeper *keeper = argument;
    uint8_t message[NTP_MESSAGE];
    struct ntp_answer answer;
    (void)pcb, (void)address, (void)port; /* lwIP has compared them */
    size_t length = pbuf_copy_partial(pbuf, message, sizeof(message), 0);
    pbuf_free(pbuf);
    enum ntp_verdict verdict = ntp_parse(keeper->nonce, message, length, &answer);
    uint64_t elapsed = read_clock(CLOCK_MONOTONIC) - keeper->asked;
    uint64_t served = answer.sent - answer.received;
    if (verdict != NTP_TIME || served > elapsed || elapsed > ROUND_TRIP_MAX)
        return; /* the next attempt takes the next server */
    stop_asking(keeper);
    if (!set_clock(keeper, answer.sent + (elapsed - served) / 2))
        net_log(keeper->net, "net: the clock cannot be set");
    keeper->attempt = 0;
    ask_again_in(keeper, POLL_INTERVAL);
}

static bool send_request(struct timekeeper *keeper)
{
    uint8_t message[NTP_MESSAGE];
    struct pbuf *pbuf = pbuf_alloc(PBUF_TRANSPORT, NTP_MESSAGE, PBUF_RAM);
    if (pbuf == NULL)
        return false;
    keeper->nonce = (uint64_t)lwip_port_random() << 32 | lwip_port_random();
    keeper->asked = read_clock(CLOCK_MONOTONIC);
    ntp_request(keeper->nonce, message);
    (void)pbuf_take(pbuf, message, NTP_MESSAGE);
    err_t error = udp_send(keeper->pcb, pbuf);
    pbuf_free(pbuf);
    return error == ERR_OK;
}

/* False: there is nobody to ask, or no way to him yet. */
static bool ask(struct timekeeper *keeper)
{
    if (!config_time_server(&keeper->net->config, keeper->attempt, &keeper->server) ||
        endpoint_route(&keeper->server.address) != 0)
        return false;
    keeper->pcb = udp_new_ip_type(IP_GET_TYPE(&keeper->server.address));
    if (keeper->pcb == NULL)
        return false;
    udp_recv(keeper->pcb, on_received, keeper);
    return udp_connect(keeper->pcb, &keeper->server.address, keeper->server.port) == ERR_OK &&
           send_request(keeper);
}

static void on_time(void *argument)
{
    struct timekeeper *keeper = argument;
    stop_asking(keeper);
    if (!ask(keeper)) {
        stop_asking(keeper);
        ask_again_in(keeper, LOOK_FIRST << keeper->looks);
        keeper->looks += keeper->looks < LOOK_DOUBLES;
        return;
    }
    keeper->looks = 0;
    unsigned doubles = keeper->attempt < RETRY_DOUBLES ? keeper->attempt : RETRY_DOUBLES;
    keeper->attempt++;
    ask_again_in(keeper, RETRY_FIRST << doubles);
}

void timekeeper_start(struct net *net, int clock)
{
    struct timekeeper *keeper = &net->timekeeper;
    keeper->net = net;
    keeper->clock = clock;
    if (clock >= 0)
        on_time(keeper);
}
