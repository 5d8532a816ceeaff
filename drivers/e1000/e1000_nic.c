/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver's functions as those of any network card. */
#include <string.h>

#include "drivers/e1000/e1000.h"

static int nic_receive(void *driver, struct nic_frame *frame)
{
    return e1000_receive(driver, frame);
}

static void nic_recycle(void *driver, uint16_t index)
{
    e1000_recycle(driver, index);
}

static uint16_t nic_receive_room(void *driver)
{
    return e1000_receive_room(driver);
}

static int nic_prepare(void *driver, uint8_t **data, uint16_t *index)
{
    return e1000_prepare(driver, data, index);
}

static int nic_send(void *driver, uint16_t index, uint32_t length, struct nic_checksum checksum)
{
    (void)checksum; /* made by the caller: no offload is promised */
    return e1000_send(driver, index, length);
}

static int nic_reap(void *driver, bool *room)
{
    struct e1000 *card = driver;
    int error = e1000_reap(card);
    *room = card->transmit.free_count != 0;
    return error;
}

static void nic_flush(void *driver)
{
    e1000_flush(driver);
}

static bool nic_arm(void *driver, bool want_transmit)
{
    return e1000_arm(driver, want_transmit);
}

static void nic_acknowledge(void *driver)
{
    e1000_acknowledge(driver);
}

static bool nic_link(void *driver)
{
    return e1000_link(driver);
}

static void nic_close(void *driver)
{
    e1000_close(driver);
}

static const struct nic_ops ops = {
    .receive = nic_receive,
    .recycle = nic_recycle,
    .receive_room = nic_receive_room,
    .prepare = nic_prepare,
    .send = nic_send,
    .reap = nic_reap,
    .flush = nic_flush,
    .arm = nic_arm,
    .acknowledge = nic_acknowledge,
    .link = nic_link,
    .close = nic_close,
};

void e1000_nic(struct e1000 *card, struct nic *nic)
{
    *nic = (struct nic){
        .ops = &ops,
        .driver = card,
        .mtu = 1500,
        .receive_buffers = (uint16_t)(card->receive.size - 1),
    };
    memcpy(nic->mac, card->mac, sizeof(nic->mac));
}
