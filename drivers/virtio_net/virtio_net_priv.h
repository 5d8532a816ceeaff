/* SPDX-License-Identifier: BSD-2-Clause */
/* What the driver's files share: features, and where things lie in a buffer. */
#ifndef DRIVERS_VIRTIO_NET_VIRTIO_NET_PRIV_H
#define DRIVERS_VIRTIO_NET_VIRTIO_NET_PRIV_H

#include <assert.h>

#include "drivers/virtio_net/virtio_net.h"

#define FEATURE_CHECKSUM       (UINT64_C(1) << 0)
#define FEATURE_GUEST_CHECKSUM (UINT64_C(1) << 1)
#define FEATURE_MTU            (UINT64_C(1) << 3)
#define FEATURE_MAC            (UINT64_C(1) << 5)
#define FEATURE_GUEST_TSO4     (UINT64_C(1) << 7)
#define FEATURE_GUEST_TSO6     (UINT64_C(1) << 8)
#define FEATURE_MERGE          (UINT64_C(1) << 15)
#define FEATURE_STATUS         (UINT64_C(1) << 16)

#define HEADER_NEEDS_CHECKSUM 1
#define HEADER_DATA_VALID     2
#define HEADER_GSO_NONE       0
#define HEADER_GSO_TCP4       1
#define HEADER_GSO_TCP6       4

/* Precedes each frame (5.1.6). */
struct net_header {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t header_length;
    uint16_t gso_size;
    uint16_t checksum_start;
    uint16_t checksum_offset;
    uint16_t buffers;
};

/* The header starts 2 bytes in: then the IP header after 14 bytes of Ethernet is 4-aligned. */
#define HEADER_OFFSET   2
#define FRAME_OFFSET    (HEADER_OFFSET + (unsigned)sizeof(struct net_header))
#define RECEIVE_LENGTH  (NIC_BUFFER - HEADER_OFFSET)
#define ETHERNET_HEADER 14

static_assert(sizeof(struct net_header) == 12, "Virtio 1.1, 5.1.6");
static_assert(FRAME_OFFSET + NIC_FRAME_MAX <= NIC_BUFFER, "a frame fits");

static inline uint8_t *buffer_at(struct virtio_net_pool *pool, uint16_t index)
{
    return (uint8_t *)pool->dma.memory + (size_t)index * NIC_BUFFER;
}

/* Tokens are index + 1, so that none is NULL. */
static inline void *token_of(uint16_t index)
{
    return (void *)((uintptr_t)index + 1);
}

static inline uint16_t index_of(void *token)
{
    return (uint16_t)((uintptr_t)token - 1);
}

#endif
