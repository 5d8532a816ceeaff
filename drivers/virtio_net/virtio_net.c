/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio_net/virtio_net_priv.h"

#define CONFIG_MAC     0
#define CONFIG_STATUS  6
#define CONFIG_MTU     10
#define STATUS_LINK_UP 1

#define QUEUE_RECEIVE  0
#define QUEUE_TRANSMIT 1
#define VECTOR_QUEUES  0

static int pool_open(struct virtio_net *net, struct virtio_net_pool *pool, uint16_t count)
{
    struct pci_function *function = net->device.function;
    size_t bytes = ((size_t)count * NIC_BUFFER + 4095) & ~(size_t)4095;
    int error = function->ops->dma_alloc(function->context, bytes, &pool->dma);
    if (error != 0)
        return error;
    pool->count = count;
    pool->free_count = count;
    for (uint16_t i = 0; i < count; i++)
        pool->free[i] = (uint16_t)(count - 1 - i);
    return 0;
}

static int receive_queue(struct virtio_net *net, uint16_t index)
{
    struct virtqueue_buffer buffer = {
        .bus = net->receive_pool.dma.bus + (size_t)index * NIC_BUFFER + HEADER_OFFSET,
        .length = RECEIVE_LENGTH,
    };
    return virtqueue_add(&net->receive.ring, &buffer, 0, 1, token_of(index));
}

static void read_config(struct virtio_net *net)
{
    for (unsigned i = 0; i < sizeof(net->mac); i++)
        net->mac[i] = (uint8_t)virtio_config_read(&net->device, CONFIG_MAC + i, 1);
    net->mtu = 1500;
    if (net->device.features & FEATURE_MTU) {
        uint32_t mtu = virtio_config_read(&net->device, CONFIG_MTU, 2);
        /* 1280 is what IPv6 needs; more than a buffer is of no use. */
        if (mtu >= 1280 && mtu < net->mtu)
            net->mtu = (uint16_t)mtu;
    }
    net->checksum_offload = (net->device.features & FEATURE_CHECKSUM) != 0;
}

static int queues_open(struct virtio_net *net, uint16_t buffers)
{
    uint16_t vector = net->msix ? VECTOR_QUEUES : VIRTIO_NO_VECTOR;
    int error = virtio_queue_open(&net->device, &net->receive, QUEUE_RECEIVE, buffers, vector);
    if (error == 0)
        error = virtio_queue_open(&net->device, &net->transmit, QUEUE_TRANSMIT, buffers, vector);
    if (error == 0)
        error = pool_open(net, &net->receive_pool, net->receive.ring.size);
    if (error == 0)
        error = pool_open(net, &net->transmit_pool, net->transmit.ring.size);
    return error;
}

/* Long frames only where they can be put into several buffers, and their checksums need not be right (3.1.3.1 and
 * 5.1.3.1: what a feature requires must be accepted as well). */
static int negotiate(struct virtio_net *net)
{
    const uint64_t basic = VIRTIO_F_EVENT_INDEX | FEATURE_CHECKSUM | FEATURE_GUEST_CHECKSUM |
                           FEATURE_MTU | FEATURE_MAC | FEATURE_STATUS | FEATURE_MERGE;
    const uint64_t needed = FEATURE_GUEST_CHECKSUM | FEATURE_MERGE;
    uint64_t offered = virtio_offered(&net->device);
    uint64_t longer = (offered & needed) == needed ? FEATURE_GUEST_TSO4 | FEATURE_GUEST_TSO6 : 0;
    return virtio_negotiate(&net->device, basic | longer);
}

int virtio_net_open(struct virtio_net *net, struct pci_function *function, uint16_t buffers)
{
    if (buffers < 2 || buffers > VIRTIO_NET_BUFFERS_MAX)
        return EINVAL;
    *net = (struct virtio_net){0};
    int error = virtio_open(&net->device, function);
    if (error != 0)
        return error;
    net->msix = pci_uses_msix(function);
    error = negotiate(net);
    if (error == 0 && (net->device.features & FEATURE_MAC) == 0)
        error = ENOTSUP;
    if (error == 0)
        error = queues_open(net, buffers);
    if (error != 0)
        goto fail;
    read_config(net);
    virtqueue_disarm(&net->transmit.ring);
    for (uint16_t i = 0; error == 0 && i < net->receive_pool.count; i++)
        error = receive_queue(net, i);
    if (error == 0)
        error = virtio_start(&net->device);
    if (error != 0)
        goto fail;
    virtio_queue_flush(&net->receive);
    return 0;
fail:
    virtio_net_close(net);
    return error;
}

void virtio_net_close(struct virtio_net *net)
{
    virtio_reset(&net->device);
    free(net->receive.ring.slots);
    free(net->transmit.ring.slots);
    net->receive.ring = (struct virtqueue){.broken = true};
    net->transmit.ring = (struct virtqueue){.broken = true};
}

void virtio_net_recycle(struct virtio_net *net, uint16_t index)
{
    if (index >= net->receive_pool.count || !net->receive_pool.held[index])
        return;
    net->receive_pool.held[index] = false;
    /* There is room for every buffer; only a broken queue refuses, and then it does not matter. */
    (void)receive_queue(net, index);
}

uint16_t virtio_net_receive_room(const struct virtio_net *net)
{
    return net->receive.ring.chains;
}

int virtio_net_prepare(struct virtio_net *net, uint8_t **data, uint16_t *index)
{
    struct virtio_net_pool *pool = &net->transmit_pool;
    if (pool->free_count == 0) {
        int error = virtio_net_reap(net);
        if (error != 0)
            return error;
        if (pool->free_count == 0)
            return EAGAIN;
    }
    *index = pool->free[--pool->free_count];
    *data = buffer_at(pool, *index) + FRAME_OFFSET;
    pool->held[*index] = true;
    return 0;
}

static void transmit_release(struct virtio_net_pool *pool, uint16_t index)
{
    pool->held[index] = false;
    pool->free[pool->free_count++] = index;
}

void virtio_net_cancel(struct virtio_net *net, uint16_t index)
{
    if (index < net->transmit_pool.count && net->transmit_pool.held[index])
        transmit_release(&net->transmit_pool, index);
}

int virtio_net_send(struct virtio_net *net, uint16_t index, uint32_t length,
                    struct nic_checksum checksum)
{
    struct virtio_net_pool *pool = &net->transmit_pool;
    if (index >= pool->count || !pool->held[index] || length > NIC_FRAME_MAX)
        return EINVAL;
    struct net_header header = {.gso_type = HEADER_GSO_NONE};
    if (checksum.start != 0) {
        header.flags = HEADER_NEEDS_CHECKSUM;
        header.checksum_start = checksum.start;
        header.checksum_offset = checksum.offset;
    }
    memcpy(buffer_at(pool, index) + HEADER_OFFSET, &header, sizeof(header));
    struct virtqueue_buffer buffer = {
        .bus = pool->dma.bus + (size_t)index * NIC_BUFFER + HEADER_OFFSET,
        .length = (uint32_t)sizeof(header) + length,
    };
    int error = virtqueue_add(&net->transmit.ring, &buffer, 1, 0, token_of(index));
    if (error != 0)
        transmit_release(pool, index);
    else
        pool->held[index] = false;
    return error;
}

int virtio_net_reap(struct virtio_net *net)
{
    void *token;
    uint32_t length;
    int error;
    while ((error = virtqueue_take(&net->transmit.ring, &token, &length)) == 0)
        transmit_release(&net->transmit_pool, index_of(token));
    return error == EAGAIN ? 0 : error;
}

void virtio_net_flush(struct virtio_net *net)
{
    virtio_queue_flush(&net->transmit);
    virtio_queue_flush(&net->receive);
}

bool virtio_net_arm(struct virtio_net *net, bool want_transmit)
{
    bool ready = virtqueue_arm(&net->receive.ring);
    if (want_transmit)
        ready |= virtqueue_arm(&net->transmit.ring);
    else
        virtqueue_disarm(&net->transmit.ring);
    return ready;
}

void virtio_net_acknowledge(struct virtio_net *net)
{
    if (!net->msix)
        (void)virtio_interrupt_status(&net->device);
}

bool virtio_net_link(struct virtio_net *net)
{
    if ((net->device.features & FEATURE_STATUS) == 0)
        return true;
    return (virtio_config_read(&net->device, CONFIG_STATUS, 2) & STATUS_LINK_UP) != 0;
}
