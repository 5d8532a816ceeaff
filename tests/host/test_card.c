/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames from a fake device on their way to lwIP: what reaches its input, and what becomes of the buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "lwip/init.h"
#include "services/net/net.h"
#include "tests/host/fake_virtio.h"
#include "tests/host/segment.h"

#define TAKEN_MAX 300

static struct net net;
static struct fake_virtio fake;
static struct pci_function function;

/* What lwIP was given. */
static struct {
    struct pbuf *pbuf;
    u16_t checks;
} taken[TAKEN_MAX];
static unsigned taken_count;

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

static err_t take(struct pbuf *pbuf, struct netif *netif)
{
    assert_true(taken_count < TAKEN_MAX);
    taken[taken_count].pbuf = pbuf;
    taken[taken_count++].checks = netif->chksum_flags;
    return ERR_OK;
}

static void let_go(void)
{
    while (taken_count > 0)
        pbuf_free(taken[--taken_count].pbuf);
}

static int setup(void **state)
{
    static bool started;
    (void)state;
    if (!started)
        lwip_init();
    started = true;
    memset(&net, 0, sizeof(net));
    fake_virtio_init(&fake);
    fake_virtio_function(&fake, &function);
    net.card.net = &net;
    assert_int_equal(card_open(&net.card, &function, "test"), 0);
    net.card.netif.input = take;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    let_go();
    netif_remove(&net.card.netif);
    virtio_net_close(&net.card.virtio);
    fake_virtio_free(&fake);
    return 0;
}

static void arrive(const struct segment *segment)
{
    assert_true(fake_virtio_deliver(&fake, 0, 0, segment->bytes, segment->length));
}

static void arrive_stream(uint32_t from, unsigned count, size_t each)
{
    for (unsigned i = 0; i < count; i++) {
        struct segment segment = segment_of(4, from + (uint32_t)(i * each), each);
        arrive(&segment);
    }
}

/* The data of segments whose bytes are their sequence numbers. */
static void check_data(const struct pbuf *pbuf, uint32_t from, size_t length)
{
    uint8_t *bytes = malloc(HEADERS4 + length);
    assert_int_equal(pbuf->tot_len, HEADERS4 + length);
    assert_int_equal(pbuf_copy_partial(pbuf, bytes, (u16_t)(HEADERS4 + length), 0),
                     HEADERS4 + length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(bytes[HEADERS4 + i], (uint8_t)(from + i));
    free(bytes);
}

static u16_t room(void)
{
    return net.card.nic.ops->receive_room(net.card.nic.driver);
}

static void test_a_stream_is_one_segment(void **state)
{
    (void)state;
    arrive_stream(1000, 10, 1460);
    assert_false(card_poll(&net.card));
    assert_int_equal(taken_count, 1);
    check_data(taken[0].pbuf, 1000, 14600);
    assert_int_equal(net.card.stats.received, 10);
    assert_int_equal(net.card.stats.received_merged, 9);
    /* Its sums were right before there was one of the whole. */
    assert_false(taken[0].checks & (NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP));
    assert_int_equal(room(), CARD_BUFFERS - 10);
    let_go();
    assert_int_equal(room(), CARD_BUFFERS);
}

static void test_the_order_stays(void **state)
{
    (void)state;
    struct segment ack = segment_of(4, 1200, 0), hole = segment_of(4, 5000, 100);
    arrive_stream(1000, 2, 100);
    arrive(&ack);
    arrive_stream(1200, 2, 100);
    arrive(&hole);
    assert_false(card_poll(&net.card));
    assert_int_equal(taken_count, 4);
    check_data(taken[0].pbuf, 1000, 200);
    assert_int_equal(taken[1].pbuf->tot_len, 60); /* padded */
    assert_true(taken[1].checks & NETIF_CHECKSUM_CHECK_IP);
    assert_true(taken[1].checks & NETIF_CHECKSUM_CHECK_TCP);
    check_data(taken[2].pbuf, 1200, 200);
    check_data(taken[3].pbuf, 5000, 100);
}

/* What is damaged goes to lwIP as it is, which looks at the sums. */
static void test_damaged_ones_are_looked_at(void **state)
{
    (void)state;
    struct segment damaged = segment_of(4, 1100, 100);
    damaged.bytes[100] ^= 4;
    arrive_stream(1000, 1, 100);
    arrive(&damaged);
    assert_false(card_poll(&net.card));
    assert_int_equal(taken_count, 2);
    assert_true(taken[1].checks & NETIF_CHECKSUM_CHECK_TCP);
}

static void test_a_long_frame(void **state)
{
    (void)state;
    const size_t length = 40000;
    struct segment first = segment_of(4, 7, 1460);
    uint8_t *frame = malloc(HEADERS4 + length);
    put(ip_of(&first) + 2, (uint32_t)(40 + length), 2);
    finish(&first);
    memcpy(frame, first.bytes, HEADERS4);
    for (size_t i = 0; i < length; i++)
        frame[HEADERS4 + i] = (uint8_t)(7 + i);
    assert_true(fake_virtio_deliver(&fake, 1, 1, frame, HEADERS4 + length));
    free(frame);
    assert_false(card_poll(&net.card));
    assert_int_equal(taken_count, 1);
    check_data(taken[0].pbuf, 7, length);
    assert_int_equal(room(), CARD_BUFFERS - 20);
    let_go();
    assert_int_equal(room(), CARD_BUFFERS);
}

/* lwIP counts 64 KiB in a pbuf. */
static void test_a_frame_too_long(void **state)
{
    (void)state;
    uint8_t *frame = calloc(1, 65550);
    assert_true(fake_virtio_deliver(&fake, 1, 1, frame, 65550));
    free(frame);
    arrive_stream(1000, 1, 100);
    assert_false(card_poll(&net.card));
    assert_int_equal(net.card.stats.received_dropped, 1);
    assert_int_equal(taken_count, 1);
    assert_int_equal(room(), CARD_BUFFERS - 1);
}

/* While the stack holds half of the buffers, the rest are copied and go back at once. */
static void test_scarce_buffers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct segment apart = segment_of(4, i * 5000, 100);
        arrive(&apart);
        card_poll(&net.card);
    }
    assert_int_equal(taken_count, 200);
    assert_int_equal(room(), CARD_BUFFERS / 2);
    assert_int_equal(net.card.stats.received_copied, 200 - CARD_BUFFERS / 2);
    for (unsigned i = 0; i < 200; i++)
        check_data(taken[i].pbuf, i * 5000, 100);
}

static void test_a_lying_device(void **state)
{
    (void)state;
    struct segment segment = segment_of(4, 7, 100);
    assert_true(fake_virtio_deliver_as(&fake, 1, 0, segment.bytes, segment.length, 3));
    assert_false(card_poll(&net.card));
    assert_true(net.card.failed);
    assert_int_equal(taken_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_stream_is_one_segment),
        TEST(test_the_order_stays),
        TEST(test_damaged_ones_are_looked_at),
        TEST(test_a_long_frame),
        TEST(test_a_frame_too_long),
        TEST(test_scarce_buffers),
        TEST(test_a_lying_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
