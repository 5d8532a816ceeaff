/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames from the wire: the input is a row of {length (2 bytes; the top bit: together with the next one), frame} that
 * arrive at the card while DHCP runs and a listener, a bound datagram socket and a connection attempt exist. Checksums
 * count as good, as an adversary's would be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/dhcp.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "lwip_hooks.h"
#include "services/net/connection.h"
#include "services/net/datagram.h"
#include "services/net/listener.h"
#include "services/net/tree.h"
#include "services/net/unreachable.h"
#include "tests/host/fake_virtio.h"
#include "tests/host/net_kernel.h"

/* Of a frame; longer than a buffer. */
#define LENGTH_MAX 0x1000

uint16_t lwip_port_checksum(const void *data, int length);

static struct net net;
static struct fake_virtio fake;
static struct pci_function function;

void net_log(struct net *self, const char *format, ...)
{
    (void)self;
    (void)format;
}

void net_give(struct net *self, struct call *call, int fd)
{
    (void)self;
    call_fd(call, fd);
}

static void turn(void)
{
    struct port_reply reply;
    for (int i = 0; i < 3; i++) {
        card_poll(&net.card);
        sys_check_timeouts();
        netif_poll_all();
        server_step(&net.server);
        listener_run(&net);
        connection_run(&net);
        server_flush(&net.server);
        card_settle(&net.card);
    }
    /* What is sent goes nowhere. */
    for (int head; (head = fake_virtio_next(&fake, 1)) >= 0;)
        fake_virtio_finish(&fake, 1, (uint32_t)head, 0);
    for (unsigned slot = 0; slot < PORT_SLOTS; slot++)
        (void)fake_reply(slot, &reply, NULL);
}

static void open_path(const char *path, uint16_t fdflags)
{
    struct port_request request = {.op = PORT_OPEN, .node = PORT_ROOT_NODE, .fdflags = fdflags};
    (void)fake_request(request, path, NULL, 0);
    turn();
}

static void static_address(void)
{
    ip4_addr_t address, mask, gateway;
    IP4_ADDR(&address, 10, 0, 2, 15);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, 0, 2, 2);
    netif_set_addr(&net.card.netif, &address, &mask, &gateway);
}

static void start(void)
{
    net_kernel_start(&net.server, &tree_ops, &net);
    lwip_init();
    unreachable_start();
    net.config.settings.port_low = 49152;
    net.config.settings.port_high = 65535;
    fake_virtio_init(&fake);
    fake.receive_flags = 2;
    fake_virtio_function(&fake, &function);
    net.card.net = &net;
    if (card_open(&net.card, &function, "fuzz") != 0)
        abort();
    NETIF_SET_CHECKSUM_CTRL(&net.card.netif, 0);
    config_start(&net);
    netif_dhcp_data(&net.card.netif)->xid = 0;
    static_address();
    open_path("tcp/listen/*!26", 0);
    open_path("udp/bind/*!53", 0);
}

/* The fields that keep frames from being looked at any further. */
static void make_plausible(uint8_t *frame, size_t length)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (length >= 6)
        memcpy(frame, frame[0] & 1 ? broadcast : net.card.nic.mac, 6);
    if (length < 34 || frame[12] != 8 || frame[13] != 0)
        return;
    size_t header = 4 * (size_t)(frame[14] & 15);
    if (header < 20 || header > length - 14)
        return;
    memset(frame + 24, 0, 2);
    uint16_t sum = (uint16_t)~lwip_port_checksum(frame + 14, (int)header);
    memcpy(frame + 24, &sum, 2);
}

static void arrive(const uint8_t *bytes, size_t length)
{
    static uint8_t frame[LENGTH_MAX];
    memcpy(frame, bytes, length);
    make_plausible(frame, length);
    (void)fake_virtio_deliver(&fake, 2, length > NIC_FRAME_MAX ? 1 : 0, frame, length);
}

/* Clients take what was accepted, and close it. */
static void drain(void)
{
    struct fake_message message;
    for (unsigned i = 0; i < net_kernel.pair_count; i++) {
        while (fake_receive(FAKE_PAIR_FD + 2 * i + 1, &message)) {
            if (message.fd_count == 0)
                continue;
            struct fake_mint *mints = &net_kernel.mints[message.fds[0] - FAKE_MINT_FD];
            fake_client_flag((unsigned)mints[0].channel, PORT_CLIENT_CLOSED);
            struct port_request forget = {.op = PORT_FORGET, .node = mints[1].node, .a = 1};
            (void)fake_request(forget, NULL, NULL, 0);
        }
    }
    turn();
    net_kernel.mint_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static bool started;
    if (!started)
        start();
    started = true;
    for (int frames = 0; size >= 2 && frames < 16; frames++) {
        size_t length = (size_t)(input[0] << 8 | input[1]) % LENGTH_MAX;
        bool more = (input[0] & 0x80) != 0;
        input += 2;
        size -= 2;
        if (length > size)
            length = size;
        arrive(input, length);
        if (!more)
            turn();
        input += length;
        size -= length;
    }
    turn();
    drain();
    /* The transaction that the inputs answer to. */
    if (netif_dhcp_data(&net.card.netif) != NULL)
        netif_dhcp_data(&net.card.netif)->xid = 0;
    /* A forged DHCP answer may have taken the address. */
    static_address();
    while (tcp_tw_pcbs != NULL)
        tcp_abort(tcp_tw_pcbs);
    while (tcp_active_pcbs != NULL)
        tcp_abort(tcp_active_pcbs);
    turn();
    return 0;
}
