/* SPDX-License-Identifier: BSD-2-Clause */
/* The e1000 driver against a fake card, which also lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "drivers/e1000/e1000.h"
#include "tests/host/fake_e1000.h"

#define RING       16
#define DONE_WHOLE 3

static struct fake_e1000 fake;
static struct pci_function function;
static struct e1000 card;
static uint8_t frame_bytes[1600];

static int setup(void **state)
{
    (void)state;
    fake_e1000_init(&fake);
    fake_e1000_function(&fake, &function);
    for (size_t i = 0; i < sizeof(frame_bytes); i++)
        frame_bytes[i] = (uint8_t)(i * 7);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_e1000_free(&fake);
    return 0;
}

static void open_card(void)
{
    assert_int_equal(e1000_open(&card, &function, RING), 0);
}

static void test_open(void **state)
{
    (void)state;
    static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    struct nic nic;
    open_card();
    assert_memory_equal(card.mac, mac, 6);
    assert_true(e1000_link(&card));
    assert_int_equal(e1000_receive_room(&card), RING - 1);
    assert_int_equal(fake.config[PCI_COMMAND] & 6, 6);
    e1000_nic(&card, &nic);
    assert_int_equal(nic.receive_buffers, RING - 1);
    assert_false(nic.checksum_offload);
    assert_true(nic.ops->link(nic.driver));
    e1000_close(&card);
    assert_int_equal(e1000_receive(&card, &(struct nic_frame){0}), EIO);
}

static void test_address_from_eeprom(void **state)
{
    (void)state;
    static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    fake.registers[0x5404 / 4] = 0;
    fake.registers[0x5400 / 4] = 0;
    open_card();
    assert_memory_equal(card.mac, mac, 6);
}

static void test_open_fails(void **state)
{
    (void)state;
    assert_int_equal(e1000_open(&card, &function, 7), EINVAL);
    assert_int_equal(e1000_open(&card, &function, 512), EINVAL);
    for (unsigned left = 0; left < 4; left++) {
        fake.refuse_dma = true;
        fake.dma_left = left;
        assert_int_equal(e1000_open(&card, &function, RING), ENOMEM);
        fake_e1000_free(&fake);
        fake.dma_count = 0;
    }
    fake.refuse_dma = false;
    fake.registers[0x5404 / 4] = 0;
    fake.stuck_eeprom = true;
    assert_int_equal(e1000_open(&card, &function, RING), EIO);
    fake.stuck_reset = true;
    assert_int_equal(e1000_open(&card, &function, RING), EIO);
    fake.stuck_reset = false;
    fake.registers[0x5404 / 4] = 0x80000000;
    fake.registers[0x5400 / 4] = 0xffffffff;
    assert_int_equal(e1000_open(&card, &function, RING), EIO); /* everybody's address */
}

static void test_receive(void **state)
{
    (void)state;
    struct nic_frame frame;
    open_card();
    assert_int_equal(e1000_receive(&card, &frame), EAGAIN);
    for (unsigned i = 0; i < 100; i++) {
        frame_bytes[0] = (uint8_t)i;
        assert_true(fake_e1000_deliver(&fake, frame_bytes, 60 + i, DONE_WHOLE | 0x20, 0));
        assert_true(e1000_arm(&card, false));
        assert_int_equal(e1000_receive(&card, &frame), 0);
        assert_int_equal(frame.length, 60 + i);
        assert_int_equal((uintptr_t)frame.data % 4, 2);
        assert_memory_equal(frame.data, frame_bytes, frame.length);
        assert_true(frame.checksum_good);
        e1000_recycle(&card, frame.index);
        e1000_recycle(&card, frame.index); /* once is enough */
        e1000_flush(&card);
        assert_int_equal(e1000_receive_room(&card), RING - 1);
    }
    assert_false(e1000_arm(&card, false));
    e1000_acknowledge(&card);
    assert_int_equal(fake.registers[0xc0 / 4], 0);
}

static void test_checksum_claims(void **state)
{
    (void)state;
    static const struct {
        uint8_t status, errors;
        bool good;
    } cases[] = {{DONE_WHOLE, 0, false},
                 {DONE_WHOLE | 0x20, 0, true},
                 {DONE_WHOLE | 0x24, 0, false},
                 {DONE_WHOLE | 0x20, 0x20, false},
                 {DONE_WHOLE | 0x20, 0x40, false}};
    struct nic_frame frame;
    open_card();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_e1000_deliver(&fake, frame_bytes, 60, cases[i].status, cases[i].errors);
        assert_int_equal(e1000_receive(&card, &frame), 0);
        assert_int_equal(frame.checksum_good, cases[i].good);
        e1000_recycle(&card, frame.index);
        e1000_flush(&card);
    }
}

/* Buffers that the caller keeps do not come back by themselves. */
static void test_all_held(void **state)
{
    (void)state;
    struct nic_frame frames[RING];
    open_card();
    for (unsigned i = 0; i < RING - 1; i++) {
        assert_true(fake_e1000_deliver(&fake, frame_bytes, 100, DONE_WHOLE, 0));
        assert_int_equal(e1000_receive(&card, &frames[i]), 0);
    }
    assert_false(fake_e1000_deliver(&fake, frame_bytes, 100, DONE_WHOLE, 0));
    assert_int_equal(e1000_receive(&card, &frames[RING - 1]), EAGAIN);
    assert_int_equal(e1000_receive_room(&card), 0);
    for (unsigned i = RING - 1; i-- > 0;)
        e1000_recycle(&card, frames[i].index); /* in another order */
    e1000_flush(&card);
    for (unsigned i = 0; i < RING - 1; i++)
        assert_true(fake_e1000_deliver(&fake, frame_bytes, 100, DONE_WHOLE, 0));
}

static void test_bad_frames_are_dropped(void **state)
{
    (void)state;
    struct nic_frame frame;
    open_card();
    fake_e1000_deliver(&fake, frame_bytes, 13, DONE_WHOLE, 0); /* a runt */
    fake_e1000_deliver(&fake, frame_bytes, 60, DONE_WHOLE, 1); /* a bad check sequence */
    fake_e1000_deliver(&fake, frame_bytes, 1500, 1, 0);        /* three pieces */
    fake_e1000_deliver(&fake, frame_bytes, 1500, 1, 0);
    fake_e1000_deliver(&fake, frame_bytes, 100, DONE_WHOLE, 0);
    fake_e1000_deliver(&fake, frame_bytes, 77, DONE_WHOLE, 0);
    assert_int_equal(e1000_receive(&card, &frame), 0);
    assert_int_equal(frame.length, 77);
    assert_int_equal(e1000_receive(&card, &frame), EAGAIN);
}

static void test_length_beyond_the_buffer(void **state)
{
    (void)state;
    struct nic_frame frame;
    uint8_t *data;
    uint16_t index;
    open_card();
    uint8_t *descriptor = fake_e1000_next(&fake);
    descriptor[8] = descriptor[9] = 0xff;
    descriptor[12] = DONE_WHOLE;
    assert_int_equal(e1000_receive(&card, &frame), EIO);
    assert_int_equal(e1000_receive(&card, &frame), EIO);
    assert_int_equal(e1000_prepare(&card, &data, &index), EIO);
    assert_true(e1000_arm(&card, false));
}

static void test_send(void **state)
{
    (void)state;
    uint8_t *data;
    uint16_t index;
    open_card();
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(e1000_prepare(&card, &data, &index), 0);
        memcpy(data, frame_bytes, 1514);
        data[0] = (uint8_t)i;
        assert_int_equal(e1000_send(&card, index, 1514), 0);
        assert_int_equal(e1000_send(&card, index, 1514), EINVAL);
        e1000_flush(&card);
        fake_e1000_transmit(&fake, 10);
        assert_int_equal(fake.sent_length, 1514);
        assert_int_equal(fake.sent[0], (uint8_t)i);
    }
    assert_int_equal(fake.sent_count, 100);
    assert_int_equal(e1000_prepare(&card, &data, &index), 0);
    assert_int_equal(e1000_send(&card, index, NIC_FRAME_MAX + 1), EINVAL);
    assert_int_equal(e1000_send(&card, RING, 60), EINVAL);
}

static void test_send_full(void **state)
{
    (void)state;
    uint8_t *data;
    uint16_t index;
    open_card();
    for (unsigned i = 0; i < RING - 1; i++) {
        assert_int_equal(e1000_prepare(&card, &data, &index), 0);
        assert_int_equal(e1000_send(&card, index, 60), 0);
    }
    /* What was not shown to the device cannot be done, whatever the descriptors say. */
    memset(card.transmit.descriptors.memory, 0xff, 16 * RING);
    assert_int_equal(e1000_prepare(&card, &data, &index), EAGAIN);
    assert_false(e1000_arm(&card, true));
    memset(card.transmit.descriptors.memory, 0, 16 * RING);
    card.transmit.tail = 0;
    e1000_flush(&card);
    assert_int_equal(e1000_reap(&card), 0);
    assert_int_equal(card.transmit.free_count, 0);
}

static void test_send_resumes(void **state)
{
    (void)state;
    uint8_t *data;
    uint16_t index;
    open_card();
    for (unsigned i = 0; i < RING - 1; i++) {
        assert_int_equal(e1000_prepare(&card, &data, &index), 0);
        assert_int_equal(e1000_send(&card, index, 60), 0);
    }
    e1000_flush(&card);
    assert_int_equal(e1000_prepare(&card, &data, &index), EAGAIN);
    assert_false(e1000_arm(&card, true));
    assert_int_equal(fake.registers[0xd0 / 4] & 1, 1);
    fake_e1000_transmit(&fake, 2);
    assert_true(e1000_arm(&card, true));
    assert_int_equal(e1000_reap(&card), 0);
    assert_int_equal(card.transmit.free_count, 2);
    assert_false(e1000_arm(&card, false));
    assert_int_equal(fake.registers[0xd0 / 4] & 1, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open),
        TEST(test_address_from_eeprom),
        TEST(test_open_fails),
        TEST(test_receive),
        TEST(test_checksum_claims),
        TEST(test_all_held),
        TEST(test_bad_frames_are_dropped),
        TEST(test_length_beyond_the_buffer),
        TEST(test_send),
        TEST(test_send_full),
        TEST(test_send_resumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
