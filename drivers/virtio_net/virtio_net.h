/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio network card (Virtio 1.1, section 5.1): one receive and one transmit queue.
 *
 * Frames move through fixed buffers in DMA memory, each named by an index. A received buffer belongs to
 * the caller until virtio_net_recycle, so a protocol stack may use it in place. A device that merges buffers puts a
 * frame that is longer than one into several; where it also takes checksums over, it may leave TCP segments of one
 * stream in one frame of up to 64 KiB. Nothing is shown to the
 * device before virtio_net_flush, which the caller's loop makes once a round.
 *
 * The device may write into a buffer only while it holds it; its lengths and indexes are checked, and
 * EIO from any function means that it broke the protocol: virtio_net_close stops it. Not thread safe.
 */
#ifndef DRIVERS_VIRTIO_NET_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_VIRTIO_NET_H

#include "drivers/nic/nic.h"
#include "drivers/virtio/virtio.h"

#define VIRTIO_NET_BUFFERS_MAX 256

/* Buffers of one direction. */
struct virtio_net_pool {
    struct pci_dma dma;
    uint16_t count;
    uint16_t free_count;
    uint16_t free[VIRTIO_NET_BUFFERS_MAX];
    bool held[VIRTIO_NET_BUFFERS_MAX]; /* with the caller */
};

struct virtio_net {
    struct virtio_device device;
    struct virtio_queue receive;
    struct virtio_queue transmit;
    struct virtio_net_pool receive_pool;
    struct virtio_net_pool transmit_pool;
    uint8_t mac[6];
    uint16_t mtu;
    uint16_t pieces_left; /* of the frame whose first piece was taken last */
    bool piece_checksum_good;
    bool checksum_offload; /* the device completes checksums of what it is given */
    bool msix;
};

/*
 * Brings the card up. The interrupt must have been opened before (it decides between MSI-X and INTx).
 * `buffers`: per direction, at most VIRTIO_NET_BUFFERS_MAX, a power of two of at least 2.
 */
int virtio_net_open(struct virtio_net *net, struct pci_function *function, uint16_t buffers);
void virtio_net_close(struct virtio_net *net);

/* A frame or a piece of one. EAGAIN: nothing there. */
int virtio_net_receive(struct virtio_net *net, struct nic_frame *frame);
void virtio_net_recycle(struct virtio_net *net, uint16_t index);
/* Received buffers that the device may still fill. */
uint16_t virtio_net_receive_room(const struct virtio_net *net);

/* A buffer of NIC_FRAME_MAX bytes to fill and to give to _send or _cancel. EAGAIN: all busy. */
int virtio_net_prepare(struct virtio_net *net, uint8_t **data, uint16_t *index);
int virtio_net_send(struct virtio_net *net, uint16_t index, uint32_t length,
                    struct nic_checksum checksum);
void virtio_net_cancel(struct virtio_net *net, uint16_t index);

/* Takes back buffers whose frames are out. */
int virtio_net_reap(struct virtio_net *net);

/* Shows everything queued to the device. */
void virtio_net_flush(struct virtio_net *net);

/* Before waiting: asks for an interrupt. True: there is work already, do not wait. */
bool virtio_net_arm(struct virtio_net *net, bool want_transmit);

/* After an interrupt: acknowledges INTx. */
void virtio_net_acknowledge(struct virtio_net *net);

bool virtio_net_link(struct virtio_net *net);

/* The opened card as any other. */
void virtio_net_nic(struct virtio_net *net, struct nic *nic);

#endif
