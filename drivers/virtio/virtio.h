/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device of the 1.x kind on PCI (Virtio 1.1, section 4.1): registers found by capability,
 * feature negotiation, queues. Legacy registers are not used.
 *
 * Order of use: virtio_open, virtio_negotiate, virtio_queue_open for each queue, virtio_start.
 * All functions return 0 or a positive errno value; EIO means that the device broke the protocol.
 */
#ifndef DRIVERS_VIRTIO_VIRTIO_H
#define DRIVERS_VIRTIO_VIRTIO_H

#include "drivers/pci/pci.h"
#include "drivers/virtio/virtqueue.h"

#define VIRTIO_VENDOR 0x1af4
/* Device identifiers are 0x1040 + type; transitional ones have others. */
#define VIRTIO_DEVICE_BASE             0x1040
#define VIRTIO_TYPE_NET                1
#define VIRTIO_TYPE_BLK                2
#define VIRTIO_DEVICE_NET_TRANSITIONAL 0x1000
#define VIRTIO_DEVICE_BLK_TRANSITIONAL 0x1001

#define VIRTIO_F_EVENT_INDEX (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1   (UINT64_C(1) << 32)

#define VIRTIO_NO_VECTOR 0xffff

struct virtio_device {
    struct pci_function *function;
    struct pci_region common;
    struct pci_region notify;
    struct pci_region status; /* interrupt status, needed with INTx only */
    struct pci_region config; /* of the device type; may be absent */
    uint32_t notify_multiplier;
    uint64_t features;
};

struct virtio_queue {
    struct virtqueue ring;
    struct virtio_device *device;
    uint16_t index;
    uint32_t notify_offset;
};

/* Finds the registers and resets the device. ENODEV: not a virtio 1.x device. */
int virtio_open(struct virtio_device *device, struct pci_function *function);

/* The features that the device has. */
uint64_t virtio_offered(struct virtio_device *device);

/* Takes `wanted` as far as offered; VERSION_1 is always required (ENOTSUP). */
int virtio_negotiate(struct virtio_device *device, uint64_t wanted);

/* A queue of at most `size` slots (the device may want fewer) that interrupts with `vector`. */
int virtio_queue_open(struct virtio_device *device, struct virtio_queue *queue, uint16_t index,
                      uint16_t size, uint16_t vector);

int virtio_start(struct virtio_device *device);

/* Publishes what was added and notifies the device if it wants that. */
void virtio_queue_flush(struct virtio_queue *queue);

/* Bytes of the device's own configuration; all ones where absent. */
uint32_t virtio_config_read(struct virtio_device *device, uint32_t offset, unsigned width);

/* Reads and clears the interrupt status: needed to lower INTx. Bit 1: configuration changed. */
uint8_t virtio_interrupt_status(struct virtio_device *device);

/* Where the register lies that stops all DMA when 0 is written to it. */
struct pci_region virtio_stop_register(const struct virtio_device *device);

/* Stops all DMA. */
void virtio_reset(struct virtio_device *device);

#endif
