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

/* Bits: checksum both ways, MTU, MAC, TSO both families, merging, status, event index, version 1. */
#define FEATURES \
    (UINT64_C(1) << 32 | 1u << 29 | 1u << 16 | FAKE_MERGE | FAKE_TSO | 1u << 5 | 1u << 3 | 3)

static void test_features(void **state)
{
    struct bench *bench = opened(state);
    assert_int_equal(bench->fake.accepted, FEATURES);
    assert_true(bench->net.checksum_offload);
}

static void test_long_frames_need_checksums(void **state)
{
    struct bench *bench = *state;
    bench->fake.offered &= ~UINT64_C(2);
    opened(state);
    assert_int_equal(bench->fake.accepted, FEATURES & ~(FAKE_TSO | 2));
}

static void test_long_frames_need_merging(void **state)
{
    struct bench *bench = *state;
    bench->fake.offered &= ~FAKE_MERGE;
    opened(state);
    assert_int_equal(bench->fake.accepted, FEATURES & ~(FAKE_TSO | FAKE_MERGE));
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

static void test_checksum_is_the_devices(void **state)
{
    struct bench *bench = opened(state);
    uint8_t *data;
    uint16_t index;
    assert_int_equal(virtio_net_prepare(&bench->net, &data, &index), 0);
    memset(data, 0, 60);
    assert_int_equal(virtio_net_send(&bench->net, index, 60, (struct nic_checksum){34, 16}), 0);
    virtio_net_flush(&bench->net);
    const uint8_t header[12] = {1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0};
    int id = fake_virtio_next(&bench->fake, 1);
    struct virtqueue_descriptor *out =
        fake_virtio_memory(&bench->fake, bench->fake.queues[1].table + 16 * (uint64_t)id, 16);
    assert_int_equal(out->length, 72);
    assert_memory_equal(fake_virtio_memory(&bench->fake, out->address, 72), header, sizeof(header));
}

static void test_one_notification_for_many(void **state)
{
    struct bench *bench = opened(state);
    unsigned before = bench->fake.notifications;
    for (uint8_t i = 0; i < 40; i++)
        send_frame(bench, i, 60);
    assert_int_equal(fake_virtio_next(&bench->fake, 1), -1);
    virtio_net_flush(&bench->net);
    assert_int_equal(bench->fake.notifications, before + 1);
    for (int i = 0; i < 40; i++)
        assert_true(fake_virtio_next(&bench->fake, 1) >= 0);
    assert_int_equal(fake_virtio_next(&bench->fake, 1), -1);
}

/* The used index at which the device is to interrupt: the last word of the available ring. */
static uint16_t wanted_interrupt(struct bench *bench)
{
    struct fake_queue *queue = &bench->fake.queues[0];
    size_t length = 6 + 2 * (size_t)queue->size;
    const uint16_t *available = fake_virtio_memory(&bench->fake, queue->available, length);
    return available[2 + queue->size];
}

static void test_interrupts_follow_event_index(void **state)
{
    struct bench *bench = opened(state);
    struct nic_frame frame;
    uint8_t bytes[60] = {0};
    for (uint16_t i = 0; i < 5; i++) {
        assert_false(virtio_net_arm(&bench->net, false));
        assert_int_equal(wanted_interrupt(bench), 3 * i);
        for (int j = 0; j < 3; j++)
            assert_true(fake_virtio_deliver(&bench->fake, 0, 0, bytes, sizeof(bytes)));
        assert_true(virtio_net_arm(&bench->net, false));
        for (int j = 0; j < 3; j++) {
            assert_int_equal(virtio_net_receive(&bench->net, &frame), 0);
            virtio_net_recycle(&bench->net, frame.index);
        }
        virtio_net_flush(&bench->net);
    }
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
    ((struct bench *)*state)->fake.offered &= ~FAKE_MERGE;
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
    ((struct bench *)*state)->fake.offered &= ~FAKE_MERGE;
    struct bench *bench = opened(state);
    struct nic_frame frame;
    fake_virtio_finish(&bench->fake, 0, 0, 0);
    fake_virtio_finish(&bench->fake, 0, 1, 25);
    fake_virtio_finish(&bench->fake, 0, 2, 26);
    assert_int_equal(virtio_net_receive(&bench->net, &frame), 0);
    assert_int_equal(frame.length, 14);
    assert_int_equal(virtio_net_receive_room(&bench->net), 63);
}

static uint8_t nth(size_t i)
{
    return (uint8_t)(i * 7 + (i >> 8));
}

/* Frames of any length, delivered to a queue of so many buffers as a frame may take. */
static uint8_t *long_frame(size_t length)
{
    uint8_t *frame = malloc(length);
    for (size_t i = 0; i < length; i++)
        frame[i] = nth(i);
    return frame;
}

static size_t take_pieces(struct bench *bench, unsigned *pieces)
{
    struct nic_frame piece;
    size_t length = 0;
    *pieces = 0;
    do {
        assert_int_equal(virtio_net_receive(&bench->net, &piece), 0);
        assert_true(piece.checksum_good);
        for (size_t i = 0; i < piece.length; i++)
            assert_int_equal(piece.data[i], nth(length + i));
        length += piece.length;
        ++*pieces;
        virtio_net_recycle(&bench->net, piece.index);
    } while (piece.more != 0);
    return length;
}

static void test_long_frames(void **state)
{
    static const size_t lengths[] = {14, 2034, 2035, 4080, 4081, 5000, 65550};
    struct bench *bench = opened(state);
    for (unsigned round = 0; round < 50; round++) {
        size_t length = lengths[round % (sizeof(lengths) / sizeof(lengths[0]))];
        unsigned pieces;
        uint8_t *frame = long_frame(length);
        assert_true(fake_virtio_deliver(&bench->fake, 1, round % 2 ? 1 : 4, frame, length));
        free(frame);
        assert_int_equal(take_pieces(bench, &pieces), length);
        assert_int_equal(pieces, (length + 12 + 2045) / 2046);
        assert_int_equal(virtio_net_receive_room(&bench->net), 64);
        virtio_net_flush(&bench->net);
    }
}

static void test_unknown_kinds_are_dropped_whole(void **state)
{
    struct bench *bench = opened(state);
    struct nic_frame frame;
    uint8_t *bytes = long_frame(9000);
    assert_true(fake_virtio_deliver(&bench->fake, 1, 3, bytes, 9000));    /* UDP: not asked for */
    assert_true(fake_virtio_deliver(&bench->fake, 1, 0x81, bytes, 9000)); /* nor is ECN */
    assert_int_equal(virtio_net_receive(&bench->net, &frame), EAGAIN);
    assert_int_equal(virtio_net_receive_room(&bench->net), 64);
    assert_true(fake_virtio_deliver(&bench->fake, 0, 0, bytes, 100));
    assert_int_equal(virtio_net_receive(&bench->net, &frame), 0);
    assert_int_equal(frame.length, 100);
    free(bytes);
}

/* A frame of LENGTH that claims another number of buffers. */
static void claim(struct bench *bench, size_t length, unsigned buffers)
{
    uint8_t *bytes = long_frame(length);
    assert_true(fake_virtio_deliver_as(&bench->fake, 1, 1, bytes, length, buffers));
    free(bytes);
}

static void test_too_many_buffers(void **state)
{
    struct bench *bench = opened(state);
    claim(bench, 5000, 34);
    expect_broken(bench);
}

static void test_no_buffers(void **state)
{
    struct bench *bench = opened(state);
    fake_virtio_finish(&bench->fake, 0, 0, 100); /* all zeros */
    expect_broken(bench);
}

static void test_pieces_that_never_came(void **state)
{
    struct bench *bench = opened(state);
    struct nic_frame frame;
    claim(bench, 5000, 4);
    for (int i = 0; i < 3; i++)
        assert_int_equal(virtio_net_receive(&bench->net, &frame), 0);
    expect_broken(bench);
}

static void test_empty_piece(void **state)
{
    struct bench *bench = opened(state);
    struct nic_frame frame;
    claim(bench, 100, 2);
    fake_virtio_finish(&bench->fake, 0, (uint32_t)fake_virtio_next(&bench->fake, 0), 0);
    assert_int_equal(virtio_net_receive(&bench->net, &frame), 0);
    expect_broken(bench);
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
        TEST(test_features),
        TEST(test_long_frames_need_checksums),
        TEST(test_long_frames_need_merging),
        TEST(test_loopback),
        TEST(test_transmit_full),
        TEST(test_receive_held),
        TEST(test_checksum_flags),
        TEST(test_checksum_is_the_devices),
        TEST(test_one_notification_for_many),
        TEST(test_interrupts_follow_event_index),
        TEST(test_notifications_follow_event_index),
        TEST(test_used_id_out_of_range),
        TEST(test_used_length_too_long),
        TEST(test_used_twice),
        TEST(test_used_index_runs_away),
        TEST(test_runts_are_dropped),
        TEST(test_long_frames),
        TEST(test_unknown_kinds_are_dropped_whole),
        TEST(test_too_many_buffers),
        TEST(test_no_buffers),
        TEST(test_pieces_that_never_came),
        TEST(test_empty_piece),
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
