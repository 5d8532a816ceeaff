/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio network driver against a fake device, honest and lying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio_net/virtio_net.h"
#include "tests/host/fake_virtio.h"

struct bench {
    struct fake_virtio fake;
    struct pci_function function;
    struct virtio_net net;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    fake_virtio_init(&bench->fake);
    fake_virtio_function(&bench->fake, &bench->function);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    if (bench->net.device.function != NULL)
        virtio_net_close(&bench->net);
    fake_virtio_free(&bench->fake);
    free(bench);
    return 0;
}

static struct bench *opened(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(virtio_net_open(&bench->net, &bench->function, 64), 0);
    return bench;
}

static void send_frame(struct bench *bench, uint8_t fill, uint32_t length)
{
    uint8_t *data;
    uint16_t index;
    assert_int_equal(virtio_net_prepare(&bench->net, &data, &index), 0);
    memset(data, fill, length);
    struct nic_checksum none = {0};
    assert_int_equal(virtio_net_send(&bench->net, index, length, none), 0);
}

static void test_open(void **state)
{
    struct bench *bench = opened(state);
    assert_int_equal(bench->net.mac[0], 0x52);
    assert_int_equal(bench->net.mtu, 1500);
    assert_true(bench->net.msix);
    assert_true(virtio_net_link(&bench->net));
    assert_int_equal(bench->fake.status & 4, 4);
    assert_int_equal(virtio_net_receive_room(&bench->net), 64);
    assert_int_equal(bench->fake.config[PCI_COMMAND] & 6, 6);
}

static void test_loopback(void **state)
{
    struct bench *bench = opened(state);
    struct nic_frame frame;
    for (unsigned round = 0; round < 3000; round++) {
        uint32_t length = 14 + round % 1500;
        send_frame(bench, (uint8_t)round, length);
        virtio_net_flush(&bench->net);
        fake_virtio_loop(&bench->fake);
        assert_int_equal(virtio_net_receive(&bench->net, &frame), 0);
        assert_int_equal(frame.length, length);
        assert_int_equal(frame.data[length - 1], (uint8_t)round);
        assert_false(frame.checksum_good);
        virtio_net_recycle(&bench->net, frame.index);
        assert_int_equal(virtio_net_receive(&bench->net, &frame), EAGAIN);
    }
}

static void test_transmit_full(void **state)
{
    struct bench *bench = opened(state);
    for (unsigned i = 0; i < 64; i++)
        send_frame(bench, 1, 60);
    uint8_t *data;
    uint16_t index;
    assert_int_equal(virtio_net_prepare(&bench->net, &data, &index), EAGAIN);
    virtio_net_flush(&bench->net);
    fake_virtio_loop(&bench->fake);
    assert_true(virtio_net_arm(&bench->net, true));
    assert_int_equal(virtio_net_prepare(&bench->net, &data, &index), 0);
    virtio_net_cancel(&bench->net, index);
    virtio_net_cancel(&bench->net, index);
    assert_int_equal(bench->net.transmit_pool.free_count, 64);
}

static void test_receive_held(void **state)
{
    struct bench *bench = opened(state);
    struct nic_frame frame;
    for (unsigned i = 0; i < 64; i++) {
        send_frame(bench, 1, 60);
        virtio_net_flush(&bench->net);
        fake_virtio_loop(&bench->fake);
        assert_int_equal(virtio_net_receive(&bench->net, &frame), 0);
    }
    assert_int_equal(virtio_net_receive_room(&bench->net), 0);
    virtio_net_recycle(&bench->net, frame.index);
    virtio_net_recycle(&bench->net, frame.index);
    assert_int_equal(virtio_net_receive_room(&bench->net), 1);
}

static void test_checksum_flags(void **state)
{
    struct bench *bench = opened(state);
    struct nic_frame frame;
    bench->fake.receive_flags = 2;
    send_frame(bench, 1, 60);
    virtio_net_flush(&bench->net);
    fake_virtio_loop(&bench->fake);
    assert_int_equal(virtio_net_receive(&bench->net, &frame), 0);
    assert_true(frame.checksum_good);
}

static void test_notifications_follow_event_index(void **state)
{
    struct bench *bench = opened(state);
    unsigned before = bench->fake.notifications;
    send_frame(bench, 1, 60);
    virtio_net_flush(&bench->net);
    assert_int_equal(bench->fake.notifications, before + 1);
    /* The device has not asked again: available_event stays 0. */
    send_frame(bench, 1, 60);
    virtio_net_flush(&bench->net);
    assert_int_equal(bench->fake.notifications, before + 1);
}

static void expect_broken(struct bench *bench)
{
    struct nic_frame frame;
    assert_int_equal(virtio_net_receive(&bench->net, &frame), EIO);
    assert_int_equal(virtio_net_receive(&bench->net, &frame), EIO);
    assert_true(virtio_net_arm(&bench->net, false));
}

static void test_used_id_out_of_range(void **state)
{
    struct bench *bench = opened(state);
    fake_virtio_finish(&bench->fake, 0, 64, 100);
    expect_broken(bench);
}

static void test_used_length_too_long(void **state)
{
    struct bench *bench = opened(state);
    fake_virtio_finish(&bench->fake, 0, 0, NIC_BUFFER);
    expect_broken(bench);
}

static void test_used_twice(void **state)
{
    struct bench *bench = opened(state);
    struct nic_frame frame;
    fake_virtio_finish(&bench->fake, 0, 3, 100);
    fake_virtio_finish(&bench->fake, 0, 3, 100);
    assert_int_equal(virtio_net_receive(&bench->net, &frame), 0);
    expect_broken(bench);
}

static void test_used_index_runs_away(void **state)
{
    struct bench *bench = opened(state);
    struct fake_queue *queue = &bench->fake.queues[0];
    uint16_t *used = fake_virtio_memory(&bench->fake, queue->used, 4);
    used[1] = 1000;
    expect_broken(bench);
}

static void test_runts_are_dropped(void **state)
{
    struct bench *bench = opened(state);
    struct nic_frame frame;
    fake_virtio_finish(&bench->fake, 0, 0, 0);
    fake_virtio_finish(&bench->fake, 0, 1, 25);
    fake_virtio_finish(&bench->fake, 0, 2, 26);
    assert_int_equal(virtio_net_receive(&bench->net, &frame), 0);
    assert_int_equal(frame.length, 14);
    assert_int_equal(virtio_net_receive_room(&bench->net), 63);
}

static void test_transmit_completes_unknown(void **state)
{
    struct bench *bench = opened(state);
    fake_virtio_finish(&bench->fake, 1, 0, 0);
    assert_int_equal(virtio_net_reap(&bench->net), EIO);
}

static void expect_open(void **state, int error)
{
    struct bench *bench = *state;
    assert_int_equal(virtio_net_open(&bench->net, &bench->function, 64), error);
    bench->net.device.function = NULL;
}

static struct fake_virtio *fake_of(void **state)
{
    return &((struct bench *)*state)->fake;
}

static void test_stuck_reset(void **state)
{
    fake_of(state)->stuck_reset = true;
    expect_open(state, EIO);
}

static void test_features_refused(void **state)
{
    fake_of(state)->refuse_features = true;
    expect_open(state, ENOTSUP);
}

static void test_legacy_only(void **state)
{
    fake_of(state)->offered &= 0xffffffff;
    expect_open(state, ENOTSUP);
}

static void test_no_capabilities(void **state)
{
    fake_of(state)->config[PCI_STATUS] = 0;
    expect_open(state, ENODEV);
}

static void test_capability_ring(void **state)
{
    struct fake_virtio *fake = fake_of(state);
    fake->config[0x40 + 1] = 0x40;
    expect_open(state, ENODEV);
}

static void test_capability_outside_bar(void **state)
{
    struct fake_virtio *fake = fake_of(state);
    memset(fake->config + 0x40 + 8, 0xff, 4);
    expect_open(state, ENODEV);
}

static void test_notify_outside(void **state)
{
    fake_of(state)->notify_offset = 0xff00;
    expect_open(state, EIO);
}

static void test_no_queue(void **state)
{
    fake_of(state)->queues[1].size = 0;
    expect_open(state, ENODEV);
}

static void test_small_odd_queue(void **state)
{
    struct bench *bench = *state;
    bench->fake.queues[0].size = 20;
    assert_int_equal(virtio_net_open(&bench->net, &bench->function, 64), 0);
    assert_int_equal(bench->net.receive.ring.size, 16);
}

static void test_no_dma(void **state)
{
    fake_of(state)->refuse_dma = true;
    expect_open(state, ENOMEM);
}

static void test_chain(void **state)
{
    (void)state;
    struct virtqueue queue;
    struct virtqueue_slot slots[8];
    void *memory = aligned_alloc(4096, 4096);
    memset(memory, 0, 4096);
    virtqueue_init(&queue, 8, memory, slots, false);
    struct virtqueue_buffer buffers[5] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}};
    int token = 0;
    assert_int_equal(virtqueue_add(&queue, buffers, 2, 3, &token), 0);
    assert_int_equal(virtqueue_add(&queue, buffers, 2, 3, &token), ENOSPC);
    assert_int_equal(virtqueue_add(&queue, buffers, 0, 0, &token), EINVAL);
    assert_true(virtqueue_publish(&queue));
    assert_false(virtqueue_publish(&queue));
    uint32_t *used = (void *)(queue.used + 2);
    used[0] = 1; /* in the middle of the chain */
    used[1] = 0;
    queue.used[1] = 1;
    void *taken;
    uint32_t length;
    struct virtqueue copy = queue;
    assert_int_equal(virtqueue_take(&copy, &taken, &length), EIO);
    used[0] = 0;
    used[1] = 13; /* 3 + 4 + 5 bytes are writable */
    copy = queue;
    assert_int_equal(virtqueue_take(&copy, &taken, &length), EIO);
    used[1] = 12;
    assert_int_equal(virtqueue_take(&queue, &taken, &length), 0);
    assert_ptr_equal(taken, &token);
    assert_int_equal(queue.free_count, 8);
    free(memory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open),
        TEST(test_loopback),
        TEST(test_transmit_full),
        TEST(test_receive_held),
        TEST(test_checksum_flags),
        TEST(test_notifications_follow_event_index),
        TEST(test_used_id_out_of_range),
        TEST(test_used_length_too_long),
        TEST(test_used_twice),
        TEST(test_used_index_runs_away),
        TEST(test_runts_are_dropped),
        TEST(test_transmit_completes_unknown),
        TEST(test_stuck_reset),
        TEST(test_features_refused),
        TEST(test_legacy_only),
        TEST(test_no_capabilities),
        TEST(test_capability_ring),
        TEST(test_capability_outside_bar),
        TEST(test_notify_outside),
        TEST(test_no_queue),
        TEST(test_small_odd_queue),
        TEST(test_no_dma),
        TEST(test_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
