/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver's functions as those of any network card. */
#include <string.h>

#include "drivers/virtio_net/virtio_net.h"

static int nic_receive(void *driver, struct nic_frame *frame)
{
    return virtio_net_receive(driver, frame);
}

static void nic_recycle(void *driver, uint16_t index)
{
    virtio_net_recycle(driver, index);
}

static uint16_t nic_receive_room(void *driver)
{
    return virtio_net_receive_room(driver);
}

static int nic_prepare(void *driver, uint8_t **data, uint16_t *index)
{
    return virtio_net_prepare(driver, data, index);
}

static int nic_send(void *driver, uint16_t index, uint32_t length, struct nic_checksum checksum)
{
    return virtio_net_send(driver, index, length, checksum);
}

static int nic_reap(void *driver, bool *room)
{
    struct virtio_net *net = driver;
    int error = virtio_net_reap(net);
    *room = net->transmit_pool.free_count != 0;
    return error;
}

static void nic_flush(void *driver)
{
    virtio_net_flush(driver);
}

static bool nic_arm(void *driver, bool want_transmit)
{
    return virtio_net_arm(driver, want_transmit);
}

static void nic_acknowledge(void *driver)
{
    virtio_net_acknowledge(driver);
}

static bool nic_link(void *driver)
{
    return virtio_net_link(driver);
}

static void nic_close(void *driver)
{
    virtio_net_close(driver);
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

void virtio_net_nic(struct virtio_net *net, struct nic *nic)
{
    *nic = (struct nic){
        .ops = &ops,
        .driver = net,
        .mtu = net->mtu,
        .receive_buffers = net->receive_pool.count,
        .checksum_offload = net->checksum_offload,
    };
    memcpy(nic->mac, net->mac, sizeof(nic->mac));
}
