/* SPDX-License-Identifier: BSD-2-Clause */
/* The network service over lwIP's loopback interface, against a fake kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "lwip_hooks.h"
#include "services/net/connection.h"
#include "services/net/datagram.h"
#include "services/net/frame.h"
#include "services/net/hold.h"
#include "services/net/listener.h"
#include "services/net/tree.h"
#include "tests/host/net_kernel.h"

static struct net net;

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
    for (int i = 0; i < 20; i++) {
        sys_check_timeouts();
        netif_poll_all();
        server_step(&net.server);
        hold_run(&net);
        listener_run(&net);
        connection_run(&net);
        server_flush(&net.server);
    }
}

static int setup(void **state)
{
    (void)state;
    static bool initialised;
    if (!initialised)
        lwip_init();
    lwip_port_admission(stream_admit);
    initialised = true;
    memset(&net, 0, sizeof(net));
    net.config.settings.port_low = 49152;
    net.config.settings.port_high = 65535;
    net_kernel_start(&net.server, &tree_ops, &net);
    return 0;
}

static unsigned nodes_alive(void)
{
    unsigned alive = 0;
    for (uint32_t i = 0; i < net.nodes.count; i++)
        alive += net.nodes.places[i].object != NULL;
    return alive;
}

static int teardown(void **state)
{
    (void)state;
    while (net.listeners != NULL)
        listener_event(net.listeners, true);
    while (net.datagrams != NULL)
        datagram_event(net.datagrams, true);
    turn();
    assert_int_equal(nodes_alive(), 0);
    for (unsigned i = 0; i < PORT_CHANNELS / 64; i++)
        assert_int_equal(net.server.channel_used[i], 0);
    while (tcp_tw_pcbs != NULL)
        tcp_abort(tcp_tw_pcbs);
    while (tcp_active_pcbs != NULL)
        tcp_abort(tcp_active_pcbs);
    turn();
    assert_int_equal(lwip_port_memory_state().used < 8192, 1);
    free(net.nodes.places);
    net_kernel_stop();
    return 0;
}

static uint32_t post_open(uint64_t node, const char *path, uint16_t oflags, uint16_t fdflags)
{
    struct port_request request = {
        .op = PORT_OPEN, .node = node, .oflags = oflags, .fdflags = fdflags};
    return fake_request(request, path, NULL, 0);
}

static struct port_reply open_flags(uint64_t node, const char *path, uint16_t oflags,
                                    uint16_t fdflags)
{
    struct port_reply reply;
    uint32_t slot = post_open(node, path, oflags, fdflags);
    turn();
    if (!fake_reply(slot, &reply, NULL))
        fail_msg("no reply: %s", path);
    return reply;
}

static struct port_reply open_path(const char *path)
{
    return open_flags(PORT_ROOT_NODE, path, 0, 0);
}

static struct port_reply simple(struct port_request request, const void *data, size_t length,
                                uint8_t *payload)
{
    struct port_reply reply;
    uint32_t slot = fake_request(request, NULL, data, length);
    turn();
    if (!fake_reply(slot, &reply, payload))
        fail_msg("no reply");
    return reply;
}

static void forget(uint64_t node, uint64_t count)
{
    simple((struct port_request){.op = PORT_FORGET, .node = node, .a = count}, NULL, 0, NULL);
}

static cloudabi_fd_t listen_on(const char *path)
{
    struct port_reply reply = open_path(path);
    assert_int_equal(reply.error, 0);
    assert_int_equal(reply.kind, PORT_REPLY_FD);
    return (cloudabi_fd_t)reply.fd[0];
}

struct accepted {
    unsigned channel;
    uint64_t directory;
    struct endpoint_wire peer, local;
};

static struct accepted accept_on(cloudabi_fd_t fd)
{
    struct fake_message message;
    struct accepted accepted;
    if (!fake_receive(fd, &message))
        fail_msg("nothing accepted");
    assert_int_equal(message.length, 48);
    assert_int_equal(message.fd_count, 2);
    struct fake_mint *mints = &net_kernel.mints[message.fds[0] - FAKE_MINT_FD];
    assert_int_equal(mints[0].form, PORT_FORM_STREAM);
    assert_int_equal(mints[1].form, PORT_FORM_DIRECTORY);
    accepted.channel = (unsigned)mints[0].channel;
    accepted.directory = mints[1].node;
    memcpy(&accepted.peer, message.bytes, 24);
    memcpy(&accepted.local, message.bytes + 24, 24);
    return accepted;
}

static void close_both(unsigned channel, uint64_t directory)
{
    fake_client_flag(channel, PORT_CLIENT_CLOSED);
    if (directory != 0)
        forget(directory, 1);
    turn();
}

static void test_connect_and_echo(void **state)
{
    (void)state;
    cloudabi_fd_t fd = listen_on("tcp/listen/*!26");
    struct port_reply reply = open_path("tcp/connect/127.0.0.1!26");
    assert_int_equal(reply.error, 0);
    assert_int_equal(reply.form, PORT_FORM_STREAM);
    unsigned client = (unsigned)reply.a;
    struct accepted server = accept_on(fd);
    assert_int_equal(server.local.family, 4);
    assert_int_equal(server.local.port[1], 26);
    assert_int_equal(server.peer.address[0], 127);
    char text[16];
    assert_int_equal(fake_write(client, "hello", 5), 5);
    turn();
    assert_int_equal(fake_read(server.channel, text, sizeof(text)), 5);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(fake_write(server.channel, "yes", 3), 3);
    turn();
    assert_int_equal(fake_read(client, text, sizeof(text)), 3);
    fake_client_flag(client, PORT_CLIENT_CLOSED);
    turn();
    assert_true(fake_eof(server.channel));
    assert_true(fake_released(client));
    close_both(server.channel, server.directory);
    assert_true(fake_released(server.channel));
}

static void test_bulk_and_backpressure(void **state)
{
    (void)state;
    enum { TOTAL = 3 * 1000 * 1000 };
    cloudabi_fd_t fd = listen_on("tcp/listen/127.0.0.1!26");
    unsigned client = (unsigned)open_path("tcp/connect/127.0.0.1!26").a;
    struct accepted server = accept_on(fd);
    uint8_t buffer[8192];
    size_t written = 0, read = 0;
    /* Nobody reads: the writer fills rings and window, and then stops. */
    for (int i = 0; i < 200; i++) {
        for (size_t j = 0; j < sizeof(buffer); j++)
            buffer[j] = (uint8_t)((written + j) * 7 >> 3);
        written += fake_write(client, buffer, sizeof(buffer));
        turn();
    }
    assert_true(written < 64 * 1024 * 3 + TCP_WND && written >= 128 * 1024);
    while (read < TOTAL) {
        size_t got = fake_read(server.channel, buffer, sizeof(buffer));
        for (size_t j = 0; j < got; j++)
            assert_int_equal(buffer[j], (uint8_t)((read + j) * 7 >> 3));
        read += got;
        for (size_t j = 0; j < sizeof(buffer); j++)
            buffer[j] = (uint8_t)((written + j) * 7 >> 3);
        size_t left = TOTAL - written;
        written += fake_write(client, buffer, left < sizeof(buffer) ? left : sizeof(buffer));
        turn();
    }
    fake_client_flag(client, PORT_CLIENT_SHUT_WRITE);
    turn();
    assert_true(fake_eof(server.channel));
    assert_int_equal(fake_write(server.channel, "late", 4), 4);
    turn();
    assert_int_equal(fake_read(client, buffer, sizeof(buffer)), 4);
    close_both(server.channel, server.directory);
    assert_true(fake_eof(client));
    close_both(client, 0);
}

static void test_close_sends_the_rest(void **state)
{
    (void)state;
    cloudabi_fd_t fd = listen_on("tcp/listen/*!26");
    unsigned client = (unsigned)open_path("tcp/connect/127.0.0.1!26").a;
    struct accepted server = accept_on(fd);
    static uint8_t block[PORT_RING_MAX];
    assert_int_equal(fake_write(client, block, sizeof(block)), sizeof(block));
    fake_client_flag(client, PORT_CLIENT_CLOSED);
    size_t read = 0;
    for (int i = 0; i < 100 && !fake_eof(server.channel); i++) {
        turn();
        read += fake_read(server.channel, block, sizeof(block));
    }
    assert_int_equal(read, sizeof(block));
    assert_true(fake_released(client));
    close_both(server.channel, server.directory);
}

static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(open_path("tcp/connect/127.0.0.1!27").error, CLOUDABI_ECONNREFUSED);
    assert_int_equal(open_path("tcp/connect/10.9.9.9!27").error, CLOUDABI_ENETUNREACH);
    assert_int_equal(open_path("tcp/connect/0.0.0.0!27").error, CLOUDABI_ENETUNREACH);
    assert_int_equal(open_path("tcp/connect/2001:db8::1!27").error, CLOUDABI_ENETUNREACH);
    assert_int_equal(open_path("tcp/connect/fe80::1%eth0!27").error, CLOUDABI_ENETUNREACH);
    assert_int_equal(open_path("tcp/connect/nonsense").error, CLOUDABI_ENOENT);
    assert_int_equal(open_path("tcp/listen/10.9.9.9!27").error, CLOUDABI_EADDRNOTAVAIL);
    struct port_reply reply =
        open_flags(PORT_ROOT_NODE, "tcp/connect/127.0.0.1!27", 0, CLOUDABI_FDFLAG_NONBLOCK);
    assert_int_equal(reply.error, 0);
    assert_int_equal(net_kernel.aborted[reply.a], CLOUDABI_ECONNREFUSED);
    close_both((unsigned)reply.a, 0);
}

static void test_listen_twice(void **state)
{
    (void)state;
    listen_on("tcp/listen/*!26");
    assert_int_equal(open_path("tcp/listen/*!26").error, CLOUDABI_EADDRINUSE);
    listen_on("tcp/listen/*!0");
    listen_on("tcp/listen/*!5000-5001/*!0");
    listen_on("tcp/listen/*!5000-5001/*!0");
    assert_int_equal(open_path("tcp/listen/*!5000-5001/*!0").error, CLOUDABI_EADDRINUSE);
}

static void test_reset_reaches_the_client(void **state)
{
    (void)state;
    cloudabi_fd_t fd = listen_on("tcp/listen/*!26");
    unsigned client = (unsigned)open_path("tcp/connect/127.0.0.1!26").a;
    struct accepted server = accept_on(fd);
    struct port_reply ctl = open_flags(server.directory, "ctl", 0, 0);
    struct port_request request = {.op = PORT_WRITE, .node = ctl.node};
    assert_int_equal(simple(request, "nodelay 1", 9, NULL).error, 0);
    assert_int_equal(simple(request, "keepalive 30\n", 13, NULL).error, 0);
    assert_int_equal(simple(request, "nodelay 2", 9, NULL).error, CLOUDABI_EINVAL);
    assert_int_equal(simple(request, "", 0, NULL).error, CLOUDABI_EINVAL);
    assert_int_equal(simple(request, "reset", 5, NULL).error, 0);
    assert_int_equal(net_kernel.aborted[client], CLOUDABI_ECONNRESET);
    forget(ctl.node, 1);
    close_both(client, 0);
    close_both(server.channel, server.directory);
}

static void test_unread_data_resets(void **state)
{
    (void)state;
    cloudabi_fd_t fd = listen_on("tcp/listen/*!26");
    unsigned client = (unsigned)open_path("tcp/connect/127.0.0.1!26").a;
    struct accepted server = accept_on(fd);
    static uint8_t block[PORT_RING_MAX];
    fake_write(client, block, sizeof(block));
    turn();
    fake_write(client, block, sizeof(block));
    turn();
    close_both(server.channel, server.directory);
    assert_int_equal(net_kernel.aborted[client], CLOUDABI_ECONNRESET);
    close_both(client, 0);
}

/* TCP's clock runs and nothing arrives. */
static void silence(unsigned channel)
{
    net_kernel.aborted[channel] = 0; /* by an earlier connection */
    for (unsigned tick = 0; tick < 100000 && net_kernel.aborted[channel] == 0; tick++) {
        tcp_slowtmr();
        server_step(&net.server);
        connection_run(&net);
        server_flush(&net.server);
    }
}

static void test_a_silent_peer_times_out(void **state)
{
    (void)state;
    cloudabi_fd_t fd = listen_on("tcp/listen/*!26");
    /* Bytes that nobody acknowledges. */
    unsigned client = (unsigned)open_path("tcp/connect/127.0.0.1!26").a;
    struct accepted server = accept_on(fd);
    fake_write(client, "bytes", 5);
    silence(client);
    assert_int_equal(net_kernel.aborted[client], CLOUDABI_ETIMEDOUT);
    close_both(client, 0);
    close_both(server.channel, server.directory);
    /* Nothing to say, but the peer is asked whether it is there. */
    client = (unsigned)open_path("tcp/connect/127.0.0.1!26").a;
    server = accept_on(fd);
    struct port_reply ctl = open_flags(server.directory, "ctl", 0, 0);
    struct port_request request = {.op = PORT_WRITE, .node = ctl.node};
    assert_int_equal(simple(request, "keepalive 1", 11, NULL).error, 0);
    silence(server.channel);
    assert_int_equal(net_kernel.aborted[server.channel], CLOUDABI_ETIMEDOUT);
    forget(ctl.node, 1);
    close_both(client, 0);
    close_both(server.channel, server.directory);
}

/* An open that finds no way waits for the first address, and no longer than there is hope. */
static void test_opens_wait_for_an_address(void **state)
{
    (void)state;
    struct port_request request = {.op = PORT_OPEN, .node = PORT_ROOT_NODE};
    struct port_reply reply;
    net.config.hopeful = true;
    uint32_t first = fake_request(request, "tcp/connect/192.0.2.1!80", NULL, 0);
    uint32_t second = fake_request(request, "dns/www.example.org", NULL, 0);
    uint32_t third = fake_request(request, "icmp/echo/192.0.2.1", NULL, 0);
    request.fdflags = CLOUDABI_FDFLAG_NONBLOCK;
    uint32_t fourth = fake_request(request, "tcp/connect/192.0.2.1!80", NULL, 0);
    turn();
    assert_false(fake_reply(first, &reply, NULL) || fake_reply(second, &reply, NULL));
    assert_true(fake_reply(fourth, &reply, NULL) && reply.error == CLOUDABI_ENETUNREACH);
    fake_flush(third);
    turn();
    assert_true(fake_reply(third, &reply, NULL) && reply.error == CLOUDABI_EINTR);
    net.config.hopeful = false;
    turn();
    assert_true(fake_reply(first, &reply, NULL) && reply.error == CLOUDABI_ENETUNREACH);
    assert_true(fake_reply(second, &reply, NULL) && reply.error == CLOUDABI_ENETUNREACH);
}

static void test_connection_directory(void **state)
{
    (void)state;
    uint8_t payload[PORT_PAYLOAD];
    cloudabi_fd_t fd = listen_on("tcp/listen/*!26");
    struct port_reply directory =
        open_flags(PORT_ROOT_NODE, "tcp/connect/127.0.0.1/26", CLOUDABI_O_DIRECTORY, 0);
    assert_int_equal(directory.error, 0);
    assert_int_equal(directory.form, PORT_FORM_DIRECTORY);
    struct port_reply data = open_flags(directory.node, "data", 0, 0);
    assert_int_equal(data.form, PORT_FORM_STREAM);
    assert_int_equal(open_flags(directory.node, "data", 0, 0).error, CLOUDABI_EBUSY);
    assert_int_equal(open_flags(directory.node, "other", 0, 0).error, CLOUDABI_ENOENT);
    struct port_reply status = open_flags(directory.node, "status", 0, 0);
    struct port_reply text = simple(
        (struct port_request){.op = PORT_READ, .node = status.node, .len = 1000}, NULL, 0, payload);
    payload[text.len] = '\0';
    assert_non_null(strstr((char *)payload, "state ESTABLISHED\nerrno 0\nlocal 127.0.0.1!"));
    assert_non_null(strstr((char *)payload, "peer 127.0.0.1!26\n"));
    struct accepted server = accept_on(fd);
    close_both(server.channel, server.directory);
    fake_client_flag((unsigned)data.a, PORT_CLIENT_CLOSED);
    turn();
    assert_false(fake_released((unsigned)data.a));
    forget(status.node, 1);
    assert_false(fake_released((unsigned)data.a));
    forget(directory.node, 1);
    turn();
    assert_true(fake_released((unsigned)data.a));
    assert_int_equal(open_flags(directory.node, "status", 0, 0).error, CLOUDABI_ESTALE);
}

static void test_listener_close_resets_waiting(void **state)
{
    (void)state;
    listen_on("tcp/listen/*!26");
    net_kernel.pairs[0].limit = 2;
    unsigned clients[5];
    for (int i = 0; i < 5; i++)
        clients[i] = (unsigned)open_path("tcp/connect/127.0.0.1!26").a;
    assert_int_equal(net_kernel.pairs[0].count[1], 2);
    assert_true(net.listeners->blocked);
    struct accepted first = accept_on(FAKE_PAIR_FD + 1);
    turn();
    assert_int_equal(net_kernel.pairs[0].count[1], 2);
    close_both(first.channel, first.directory);
    for (int i = 0; i < 2; i++) {
        struct accepted waiting = accept_on(FAKE_PAIR_FD + 1);
        if (i == 0) /* its place is taken by the fourth, so the fifth waits in the service */
            net_kernel.pairs[0].limit = 0;
        close_both(waiting.channel, waiting.directory);
    }
    listener_event(net.listeners, true);
    turn();
    assert_int_equal(net_kernel.aborted[clients[3]], CLOUDABI_ECONNRESET);
    assert_int_equal(net_kernel.aborted[clients[4]], CLOUDABI_ECONNRESET);
    for (int i = 0; i < 5; i++)
        close_both(clients[i], 0);
}

static void test_flush_of_a_waiting_open(void **state)
{
    (void)state;
    struct port_reply reply;
    uint32_t slot = post_open(PORT_ROOT_NODE, "tcp/connect/127.0.0.1!26", 0, 0);
    server_step(&net.server);
    assert_false(fake_reply(slot, &reply, NULL));
    fake_flush(slot);
    server_step(&net.server);
    server_flush(&net.server);
    assert_true(fake_reply(slot, &reply, NULL));
    assert_int_equal(reply.error, CLOUDABI_EINTR);
}

static void test_nonblocking_connect(void **state)
{
    (void)state;
    struct port_reply reply;
    cloudabi_fd_t fd = listen_on("tcp/listen/*!26");
    uint32_t slot =
        post_open(PORT_ROOT_NODE, "tcp/connect/127.0.0.1!26", 0, CLOUDABI_FDFLAG_NONBLOCK);
    server_step(&net.server);
    server_flush(&net.server);
    assert_true(fake_reply(slot, &reply, NULL));
    assert_int_equal(reply.error, 0);
    unsigned client = (unsigned)reply.a;
    assert_int_equal(fake_write(client, "early", 5), 0);
    turn();
    assert_int_equal(fake_write(client, "late", 4), 4);
    turn();
    struct accepted server = accept_on(fd);
    char text[8];
    assert_int_equal(fake_read(server.channel, text, sizeof(text)), 4);
    close_both(client, 0);
    close_both(server.channel, server.directory);
}

static void test_sets_are_directories(void **state)
{
    (void)state;
    uint8_t cookie[PORT_PAYLOAD];
    struct port_reply reply;
    uint32_t slot = post_open(PORT_ROOT_NODE, "tcp/connect/127.0.0.0~8!20-30", 0, 0);
    turn();
    assert_true(fake_reply(slot, &reply, cookie));
    assert_int_equal(reply.form, PORT_FORM_DIRECTORY);
    assert_int_equal(open_flags(reply.node, "127.0.0.1!31", 0, 0).error, CLOUDABI_ENOTCAPABLE);
    assert_int_equal(open_flags(reply.node, "10.0.0.1!25", 0, 0).error, CLOUDABI_ENOTCAPABLE);
    assert_int_equal(open_flags(reply.node, "127.0.0.1!25", 0, 0).error, CLOUDABI_ECONNREFUSED);
    struct port_request reopen = {.op = PORT_REOPEN};
    struct port_reply again = simple(reopen, cookie, reply.cookie_len, NULL);
    assert_int_equal(again.error, 0);
    assert_int_equal(open_flags(again.node, "127.0.0.1!31", 0, 0).error, CLOUDABI_ENOTCAPABLE);
    assert_int_equal(simple(reopen, "junk", 4, NULL).error, CLOUDABI_ESTALE);
    forget(again.node, 1);
    forget(reply.node, 1);
    assert_int_equal(open_flags(reply.node, "127.0.0.1!25", 0, 0).error, CLOUDABI_ESTALE);
}

static void test_readdir(void **state)
{
    (void)state;
    uint8_t payload[PORT_PAYLOAD];
    struct port_reply reply =
        simple((struct port_request){.op = PORT_READDIR, .node = PORT_ROOT_NODE, .len = 4096}, NULL,
               0, payload);
    assert_int_equal(reply.len, 7 * 24 + 1 + 2 + 3 + 3 + 4 + 3 + 2);
    assert_int_equal(reply.flags & PORT_REPLY_END, PORT_REPLY_END);
    struct port_reply sets = open_path("tcp/connect");
    reply = simple((struct port_request){.op = PORT_READDIR, .node = sets.node, .len = 4096}, NULL,
                   0, payload);
    assert_int_equal(reply.len, 2 * 24 + 1 + 2);
}

static void test_datagrams(void **state)
{
    (void)state;
    struct fake_message message;
    cloudabi_fd_t bound = listen_on("udp/bind/127.0.0.1!53");
    cloudabi_fd_t connected = listen_on("udp/connect/127.0.0.1!53");
    fake_send(connected, "query", 5);
    datagram_event(net.datagrams, false);
    turn();
    assert_true(fake_receive(bound, &message));
    assert_int_equal(message.length, 24 + 5);
    assert_int_equal(message.bytes[0], 4);
    memcpy(message.bytes + 24, "reply", 5);
    fake_send(bound, message.bytes, message.length);
    fake_send(bound, "short", 5);
    datagram_event(net.datagrams->next, false);
    turn();
    assert_true(fake_receive(connected, &message));
    assert_int_equal(message.length, 5);
    assert_memory_equal(message.bytes, "reply", 5);
}

static void test_many_rounds_leave_nothing(void **state)
{
    (void)state;
    cloudabi_fd_t fd = listen_on("tcp/listen/*!26");
    for (int i = 0; i < 200; i++) {
        net_kernel.mint_count = 0;
        unsigned client = (unsigned)open_path("tcp/connect/127.0.0.1!26").a;
        struct accepted server = accept_on(fd);
        fake_write(client, "x", 1);
        turn();
        close_both(i % 2 ? client : server.channel, i % 2 ? 0 : server.directory);
        close_both(i % 2 ? server.channel : client, i % 2 ? server.directory : 0);
        assert_int_equal(nodes_alive(), 0);
    }
}

static void test_checksums(void **state)
{
    (void)state;
    /* A SYN with a correct checksum, as another stack made it. */
    uint8_t frame[14 + 40] = {
        [12] = 8, [14] = 0x45, [17] = 40, [22] = 64, [23] = 6, [26] = 10, 0,    2,    15,  10,
        0,        2,           2,         0x04,      0xd2,     0x00,      0x50, 0,    0,   0,
        1,        0,           0,         0,         0,        0x50,      2,    0xff, 0xff};
    uint8_t partial[sizeof(frame)];
    memcpy(partial, frame, sizeof(frame));
    struct frame_checksum whole = frame_finish_tcp(frame, sizeof(frame), false);
    assert_int_equal(whole.start, 34);
    assert_int_equal(whole.offset, 16);
    frame_finish_tcp(partial, sizeof(partial), true);
    uint32_t sum = 0x0a00 + 0x020f + 0x0a00 + 0x0202 + 6 + 20;
    assert_int_equal(partial[50] << 8 | partial[51], sum);
    for (int i = 34; i < 54; i += 2)
        sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
    assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
    struct frame_syn syn;
    assert_true(frame_find_syn(frame, sizeof(frame), &syn));
    assert_int_equal(syn.source_port, 0x4d2);
    assert_int_equal(syn.destination_port, 80);
    assert_int_equal(syn.sequence, 1);
    assert_int_equal(syn.source[3], 15);
    frame[47] = 0x12;
    assert_false(frame_find_syn(frame, sizeof(frame), &syn));
    frame[23] = 17;
    assert_int_equal(frame_finish_tcp(frame, sizeof(frame), false).start, 0);
    assert_int_equal(frame_finish_tcp(frame, 20, false).start, 0);
}

/* The internet checksum, word by word (RFC 1071). */
static uint16_t plain_sum(const uint8_t *bytes, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum += i % 2 == 0 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16 != 0)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

static void test_sum(void **state)
{
    (void)state;
    uint8_t bytes[1600];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * i * 31 + (i % 97 == 0 ? 0xff : i >> 3));
    for (size_t length = 0; length < sizeof(bytes) - 8; length++) {
        const uint8_t *from = bytes + length % 8;
        assert_int_equal(lwip_port_checksum(from, (int)length), plain_sum(from, length));
    }
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(lwip_port_checksum(bytes, sizeof(bytes)), 0xffff);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connect_and_echo),
        TEST(test_bulk_and_backpressure),
        TEST(test_close_sends_the_rest),
        TEST(test_refused),
        TEST(test_listen_twice),
        TEST(test_reset_reaches_the_client),
        TEST(test_unread_data_resets),
        TEST(test_a_silent_peer_times_out),
        TEST(test_opens_wait_for_an_address),
        TEST(test_connection_directory),
        TEST(test_listener_close_resets_waiting),
        TEST(test_flush_of_a_waiting_open),
        TEST(test_nonblocking_connect),
        TEST(test_sets_are_directories),
        TEST(test_readdir),
        TEST(test_datagrams),
        TEST(test_many_rounds_leave_nothing),
        TEST(test_checksums),
        TEST(test_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
