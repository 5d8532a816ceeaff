/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a network card is to the service that uses it, whichever driver it has.
 *
 * Frames move through fixed buffers in DMA memory, each named by an index. A received buffer belongs to
 * the caller until `recycle`, so a protocol stack may use it in place. Nothing is shown to the device before `flush`,
 * which the caller's loop makes once a round. EIO from any function means that the device broke its protocol; `close`
 * stops it. Not thread safe.
 */
#ifndef DRIVERS_NIC_NIC_H
#define DRIVERS_NIC_NIC_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes of a buffer; frames that are sent are at most so long (without their check sequence). */
#define NIC_BUFFER    2048
#define NIC_FRAME_MAX 1518

/* A frame, or one piece of it: a device may put one that is longer than a buffer into several of them. */
struct nic_frame {
    uint8_t *data;
    uint32_t length;
    uint16_t index;
    uint16_t
        more; /* so many pieces of the same frame follow; the next calls of `receive` give them */
    bool checksum_good; /* transport checksum verified, or never left the machine */
};

/* A partial transport checksum for the device to complete: the pseudo header's sum is in its place. */
struct nic_checksum {
    uint16_t start;  /* of the transport header, from the start of the frame; 0: none */
    uint16_t offset; /* of the checksum in it */
};

struct nic_ops {
    /* EAGAIN: nothing there. There is room behind a short frame to pad it to 60 bytes. The first piece of a frame has
     * its Ethernet header. */
    int (*receive)(void *driver, struct nic_frame *frame);
    void (*recycle)(void *driver, uint16_t index);
    /* Received buffers that the device may still fill. */
    uint16_t (*receive_room)(void *driver);
    /* A buffer of NIC_FRAME_MAX bytes to fill and to give to `send`. EAGAIN: all busy. */
    int (*prepare)(void *driver, uint8_t **data, uint16_t *index);
    int (*send)(void *driver, uint16_t index, uint32_t length, struct nic_checksum checksum);
    /* Takes back buffers whose frames are out; *room says if any is free. */
    int (*reap)(void *driver, bool *room);
    void (*flush)(void *driver);
    /* Before waiting: asks for an interrupt. True: there is work already, do not wait. */
    bool (*arm)(void *driver, bool want_transmit);
    /* After an interrupt. */
    void (*acknowledge)(void *driver);
    bool (*link)(void *driver);
    void (*close)(void *driver);
};

struct nic {
    const struct nic_ops *ops;
    void *driver;
    uint8_t mac[6];
    uint16_t mtu;
    uint16_t receive_buffers;
    bool checksum_offload; /* the device completes checksums of what it is given */
};

#endif
