/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Feeds the e1000 driver a card that does whatever the input says: with an odd first byte registers read as the
 * input, else it is a script of descriptor writes, deliveries and transmissions.
 */
#include <string.h>

#include "drivers/e1000/e1000.h"
#include "tests/host/fake_e1000.h"

#define RING 16

static void exercise(struct e1000 *card)
{
    struct nic_frame frame;
    uint8_t *data;
    uint16_t index;
    while (e1000_receive(card, &frame) == 0) {
        volatile uint8_t last = frame.data[frame.length - 1];
        memset(frame.data, 1, frame.length);
        if (last % 4 != 0)
            e1000_recycle(card, frame.index);
    }
    for (unsigned i = 0; i < 3 && e1000_prepare(card, &data, &index) == 0; i++) {
        memset(data, 7, NIC_FRAME_MAX);
        (void)e1000_send(card, index, NIC_FRAME_MAX);
    }
    e1000_flush(card);
    (void)e1000_arm(card, true);
    e1000_acknowledge(card);
}

static void run_script(struct fake_e1000 *fake, struct e1000 *card, const uint8_t *input,
                       size_t size)
{
    static uint8_t bytes[1522];
    for (; size >= 4; input += 4, size -= 4) {
        struct e1000_ring *ring = input[0] & 4 ? &card->transmit : &card->receive;
        uint8_t *descriptor = (uint8_t *)ring->descriptors.memory + 16 * (input[1] % RING);
        memset(bytes, input[3], sizeof(bytes));
        switch (input[0] & 3) {
        case 0:
            (void)fake_e1000_deliver(
                fake, bytes, (size_t)(input[1] << 8 | input[2]) % sizeof(bytes), input[3], 0);
            break;
        case 1:
            descriptor[input[2] % 16] = input[3];
            break;
        case 2:
            descriptor[12] = input[2];
            descriptor[13] = input[3];
            break;
        default:
            /* What the card would send is up to it: only the marks matter. */
            for (unsigned i = 0; i < RING; i++)
                ((uint8_t *)card->transmit.descriptors.memory)[16 * i + 12] |= input[2];
            break;
        }
        exercise(card);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct fake_e1000 fake;
    static struct e1000 card;
    struct pci_function function;
    if (size < 1)
        return 0;
    fake_e1000_init(&fake);
    fake_e1000_function(&fake, &function);
    if (input[0] & 1) {
        fake.noise = input + 1;
        fake.noise_size = size - 1;
    }
    if (e1000_open(&card, &function, RING) == 0) {
        if (input[0] & 1)
            exercise(&card);
        else
            run_script(&fake, &card, input + 1, size - 1);
        e1000_close(&card);
    }
    fake_e1000_free(&fake);
    return 0;
}
