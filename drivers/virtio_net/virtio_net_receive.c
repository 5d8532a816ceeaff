/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that come in, in one buffer each or in several that the device has merged. */
#include <errno.h>
#include <string.h>

#include "drivers/virtio_net/virtio_net_priv.h"

/* The longest frame with its header (5.1.6.3.1), in buffers: nothing honest takes more. */
#define FRAME_LONGEST (65550 + (unsigned)sizeof(struct net_header))
#define PIECES_MAX    ((FRAME_LONGEST + RECEIVE_LENGTH - 1) / RECEIVE_LENGTH)

/* The bytes of a buffer that the device has filled: it is the caller's from now on. */
static int take_buffer(struct virtio_net *net, struct nic_frame *frame)
{
    void *token;
    uint32_t length;
    int error = virtqueue_take(&net->receive.ring, &token, &length);
    if (error != 0)
        return error;
    uint16_t index = index_of(token);
    net->receive_pool.held[index] = true;
    *frame = (struct nic_frame){
        .data = buffer_at(&net->receive_pool, index) + HEADER_OFFSET,
        .length = length,
        .index = index,
    };
    return 0;
}

static int violated(struct virtio_net *net)
{
    virtqueue_break(&net->receive.ring);
    return EIO;
}

/* A piece of a frame after its first. All of them were finished together with that one. */
static int next_piece(struct virtio_net *net, struct nic_frame *frame)
{
    if (virtqueue_finished(&net->receive.ring) == 0)
        return violated(net);
    int error = take_buffer(net, frame);
    if (error != 0)
        return error;
    if (frame->length == 0)
        return violated(net);
    frame->more = --net->pieces_left;
    frame->checksum_good = net->piece_checksum_good;
    return 0;
}

/* Is it of a kind that was negotiated? */
static bool kind_accepted(const struct virtio_net *net, uint8_t gso_type)
{
    switch (gso_type) {
    case HEADER_GSO_NONE:
        return true;
    case HEADER_GSO_TCP4:
        return (net->device.features & FEATURE_GUEST_TSO4) != 0;
    case HEADER_GSO_TCP6:
        return (net->device.features & FEATURE_GUEST_TSO6) != 0;
    default:
        return false;
    }
}

/* Takes the header off. EPROTO: a frame to be dropped. */
static int first_piece(struct virtio_net *net, struct nic_frame *frame)
{
    struct net_header header;
    int error = take_buffer(net, frame);
    if (error != 0)
        return error;
    if (frame->length < sizeof(header))
        return EPROTO;
    memcpy(&header, frame->data, sizeof(header));
    if (net->device.features & FEATURE_MERGE) {
        if (header.buffers == 0 || header.buffers > PIECES_MAX)
            return violated(net);
        net->pieces_left = (uint16_t)(header.buffers - 1);
    }
    frame->more = net->pieces_left;
    if (frame->length < sizeof(header) + ETHERNET_HEADER || !kind_accepted(net, header.gso_type))
        return EPROTO;
    frame->data += sizeof(header);
    frame->length -= (uint32_t)sizeof(header);
    frame->checksum_good = (net->device.features & FEATURE_GUEST_CHECKSUM) != 0 &&
                           (header.flags & (HEADER_NEEDS_CHECKSUM | HEADER_DATA_VALID)) != 0;
    net->piece_checksum_good = frame->checksum_good;
    return 0;
}

int virtio_net_receive(struct virtio_net *net, struct nic_frame *frame)
{
    int error;
    if (net->pieces_left != 0)
        return next_piece(net, frame);
    while ((error = first_piece(net, frame)) == EPROTO) {
        virtio_net_recycle(net, frame->index);
        while (net->pieces_left != 0) {
            error = next_piece(net, frame);
            if (error != 0)
                return error;
            virtio_net_recycle(net, frame->index);
        }
    }
    return error;
}
