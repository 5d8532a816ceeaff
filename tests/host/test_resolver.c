/* SPDX-License-Identifier: BSD-2-Clause */
/* Lookups of the network service, against a name server in the same process that is not always honest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "lwip_hooks.h"
#include "services/net/connection.h"
#include "services/net/listener.h"
#include "services/net/resolver.h"
#include "services/net/tree.h"
#include "tests/host/net_kernel.h"

#define SERVER_PORT 5300

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
    for (int i = 0; i < 30; i++) {
        sys_check_timeouts();
        netif_poll_all();
        server_step(&net.server);
        connection_run(&net);
        resolver_run(&net);
        server_flush(&net.server);
    }
}

/* --- the name server ---------------------------------------------------------------------------- */

static struct udp_pcb *server, *stranger;
static struct tcp_pcb *stream_server;
static unsigned questions, streams;

/* The first label of the question, by which the server decides what to do. */
static bool is_about(const uint8_t *message, const char *label)
{
    return message[12] == strlen(label) && memcmp(message + 13, label, strlen(label)) == 0;
}

static unsigned type_of(const uint8_t *message, size_t length)
{
    return message[length - 3];
}

static size_t with_record(uint8_t *message, size_t length, unsigned type, const void *data,
                          size_t size)
{
    const uint8_t record[] = {0xc0, 12, 0, (uint8_t)type, 0, 1, 0, 0, 0, 60, 0, (uint8_t)size};
    message[7]++;
    memcpy(message + length, record, sizeof(record));
    memcpy(message + length + sizeof(record), data, size);
    return length + sizeof(record) + size;
}

/* Makes the answer in place; returns its length, 0 for none. */
static size_t answer(uint8_t *message, size_t length, bool stream)
{
    static const uint8_t alias[] = "\5found\4test";
    message[2] = 0x81;
    message[3] = 0x80;
    if (is_about(message, "silent"))
        return 0;
    if (is_about(message, "missing"))
        message[3] |= 3;
    else if (is_about(message, "fails"))
        message[3] |= 2;
    else if (!stream && (is_about(message, "cut") || is_about(message, "rude")))
        message[2] |= 2;
    else if (is_about(message, "alias"))
        return with_record(message, length, DNS_TYPE_CNAME, alias, sizeof(alias));
    else if (type_of(message, length) == DNS_TYPE_A)
        return with_record(message, length, DNS_TYPE_A, (uint8_t[]){192, 0, 2, 1}, 4);
    return length;
}

static void send_to(struct udp_pcb *from, const uint8_t *message, size_t length,
                    const ip_addr_t *address, u16_t port)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_TRANSPORT, (u16_t)length, PBUF_RAM);
    pbuf_take(pbuf, message, (u16_t)length);
    udp_sendto(from, pbuf, address, port);
    pbuf_free(pbuf);
}

static void on_question(void *argument, struct udp_pcb *pcb, struct pbuf *pbuf,
                        const ip_addr_t *address, u16_t port)
{
    uint8_t message[600];
    size_t length = pbuf_copy_partial(pbuf, message, 512, 0);
    (void)argument;
    pbuf_free(pbuf);
    questions++;
    if (is_about(message, "forged")) {
        /* Another address from a stranger, with a wrong number, and cut in the middle. */
        uint8_t forged[600];
        memcpy(forged, message, length);
        size_t size = with_record(forged, length, DNS_TYPE_A, (uint8_t[]){6, 6, 6, 6}, 4);
        forged[2] = 0x81;
        send_to(stranger, forged, size, address, port);
        forged[1]++;
        send_to(pcb, forged, size, address, port);
        send_to(pcb, forged, 7, address, port);
    }
    length = answer(message, length, false);
    if (length != 0)
        send_to(pcb, message, length, address, port);
}

static err_t on_stream_data(void *argument, struct tcp_pcb *pcb, struct pbuf *pbuf, err_t error)
{
    uint8_t message[600];
    (void)argument, (void)error;
    if (pbuf == NULL) {
        tcp_close(pcb);
        return ERR_OK;
    }
    size_t length = pbuf_copy_partial(pbuf, message, sizeof(message) - 100, 0) - 2u;
    tcp_recved(pcb, pbuf->tot_len);
    pbuf_free(pbuf);
    if (is_about(message + 2, "rude")) {
        /* Promises more than it sends. */
        tcp_write(pcb, "\xff\xff\0", 3, TCP_WRITE_FLAG_COPY);
        tcp_close(pcb);
        return ERR_OK;
    }
    length = answer(message + 2, length, true);
    message[0] = (uint8_t)(length >> 8);
    message[1] = (uint8_t)length;
    tcp_write(pcb, message, 1, TCP_WRITE_FLAG_COPY); /* in two pieces */
    tcp_output(pcb);
    tcp_write(pcb, message + 1, (u16_t)(length + 1), TCP_WRITE_FLAG_COPY);
    tcp_output(pcb);
    return ERR_OK;
}

static err_t on_stream(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument, (void)error;
    streams++;
    tcp_recv(pcb, on_stream_data);
    return ERR_OK;
}

static void start_servers(void)
{
    ip_addr_t address;
    IP_ADDR4(&address, 127, 0, 0, 1);
    server = udp_new();
    assert_int_equal(udp_bind(server, &address, SERVER_PORT), ERR_OK);
    udp_recv(server, on_question, NULL);
    stranger = udp_new();
    assert_int_equal(udp_bind(stranger, &address, SERVER_PORT + 1), ERR_OK);
    struct tcp_pcb *pcb = tcp_new();
    assert_int_equal(tcp_bind(pcb, &address, SERVER_PORT), ERR_OK);
    stream_server = tcp_listen(pcb);
    tcp_accept(stream_server, on_stream);
}

/* --- the tests ---------------------------------------------------------------------------------- */

static int setup(void **state)
{
    static bool initialised;
    static const char name[] = "127.0.0.1!5300";
    (void)state;
    if (!initialised) {
        lwip_init();
        start_servers();
    }
    initialised = true;
    memset(&net, 0, sizeof(net));
    assert_true(net_set_parse(name, strlen(name), &net.config.settings.dns.items[0]));
    net.config.settings.dns.count = 1;
    net_kernel_start(&net.server, &tree_ops, &net);
    questions = streams = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    turn();
    assert_null(net.lookups);
    for (uint32_t i = 0; i < net.nodes.count; i++)
        assert_null(net.nodes.places[i].object);
    free(net.nodes.places);
    net_kernel_stop();
    return 0;
}

static uint32_t post(const char *name)
{
    char path[300] = "dns/";
    struct port_request request = {.op = PORT_OPEN, .node = PORT_ROOT_NODE};
    strcat(path, name);
    return fake_request(request, path, NULL, 0);
}

/* Opens the name, reads it all, and forgets it. Returns the open's error. */
static cloudabi_errno_t look_up(const char *name, char text[512])
{
    static uint8_t payload[PORT_PAYLOAD];
    struct port_reply reply;
    uint32_t slot = post(name);
    turn();
    assert_true(fake_reply(slot, &reply, NULL));
    text[0] = '\0';
    if (reply.error != 0)
        return reply.error;
    struct port_request request = {.op = PORT_READ, .node = reply.node, .len = 500};
    uint64_t node = reply.node;
    slot = fake_request(request, NULL, NULL, 0);
    turn();
    assert_true(fake_reply(slot, &reply, payload));
    assert_int_equal(reply.error, 0);
    memcpy(text, payload, reply.len);
    text[reply.len] = '\0';
    request = (struct port_request){.op = PORT_FORGET, .node = node, .a = 1};
    slot = fake_request(request, NULL, NULL, 0);
    turn();
    assert_true(fake_reply(slot, &reply, NULL));
    return 0;
}

static void test_found(void **state)
{
    char text[512];
    (void)state;
    assert_int_equal(look_up("found.test", text), 0);
    assert_string_equal(text, "A 192.0.2.1 60\n");
    assert_int_equal(questions, 2);
    assert_int_equal(look_up("a.localhost", text), 0);
    assert_string_equal(text, "A 127.0.0.1 86400\nAAAA ::1 86400\n");
    assert_int_equal(questions, 2);
}

static void test_not_there(void **state)
{
    char text[512];
    (void)state;
    assert_int_equal(look_up("missing.test", text), CLOUDABI_ENOENT);
    assert_int_equal(look_up("no name", text), CLOUDABI_ENOENT);
    assert_int_equal(look_up("UPPER.test", text), CLOUDABI_ENOENT);
}

static void test_server_fails(void **state)
{
    char text[512];
    (void)state;
    assert_int_equal(look_up("fails.test", text), CLOUDABI_EIO);
    assert_int_equal(questions, 8); /* both kinds, four times */
}

static void test_stream(void **state)
{
    char text[512];
    (void)state;
    assert_int_equal(look_up("cut.test", text), 0);
    assert_string_equal(text, "A 192.0.2.1 60\n");
    assert_int_equal(streams, 2);
    assert_int_equal(look_up("rude.test", text), CLOUDABI_EIO);
}

static void test_alias(void **state)
{
    char text[512];
    (void)state;
    assert_int_equal(look_up("alias.test", text), 0);
    assert_string_equal(text, "A 192.0.2.1 60\n");
    assert_int_equal(questions, 4);
}

static void test_forged(void **state)
{
    char text[512];
    (void)state;
    assert_int_equal(look_up("forged.test", text), 0);
    assert_string_equal(text, "A 192.0.2.1 60\n");
}

static void test_no_server(void **state)
{
    char text[512];
    (void)state;
    net.config.settings.dns.count = 0;
    assert_int_equal(look_up("found.test", text), CLOUDABI_ENETUNREACH);
}

static void test_caller_goes(void **state)
{
    struct port_reply reply;
    (void)state;
    uint32_t slot = post("silent.test");
    turn();
    assert_false(fake_reply(slot, &reply, NULL));
    assert_non_null(net.lookups);
    fake_flush(slot);
    turn();
    assert_true(fake_reply(slot, &reply, NULL));
    assert_null(net.lookups);
}

static void test_many_at_once(void **state)
{
    struct port_reply reply;
    uint32_t slots[32];
    (void)state;
    for (unsigned i = 0; i < 32; i++)
        slots[i] = post(i % 2 == 0 ? "found.test" : "missing.test");
    turn();
    for (unsigned i = 0; i < 32; i++) {
        assert_true(fake_reply(slots[i], &reply, NULL));
        assert_int_equal(reply.error, i % 2 == 0 ? 0 : CLOUDABI_ENOENT);
        if (reply.error != 0)
            continue;
        struct port_request forget = {.op = PORT_FORGET, .node = reply.node, .a = 1};
        (void)fake_request(forget, NULL, NULL, 0);
        turn();
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_found),     TEST(test_not_there),   TEST(test_server_fails),
        TEST(test_stream),    TEST(test_alias),       TEST(test_forged),
        TEST(test_no_server), TEST(test_caller_goes), TEST(test_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
