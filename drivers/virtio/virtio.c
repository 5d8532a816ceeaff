/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio/virtio.h"

#include <errno.h>
#include <stdlib.h>

/* Capability (4.1.4): which register block it names, and where. */
#define CAP_TYPE       3
#define CAP_BAR        4
#define CAP_OFFSET     8
#define CAP_LENGTH     12
#define CAP_MULTIPLIER 16
#define CAP_COMMON     1
#define CAP_NOTIFY     2
#define CAP_STATUS     3
#define CAP_DEVICE     4

/* Common configuration (4.1.4.3). */
#define COMMON_DEVICE_FEATURE_SELECT 0x00
#define COMMON_DEVICE_FEATURE        0x04
#define COMMON_DRIVER_FEATURE_SELECT 0x08
#define COMMON_DRIVER_FEATURE        0x0c
#define COMMON_STATUS                0x14
#define COMMON_QUEUE_SELECT          0x16
#define COMMON_QUEUE_SIZE            0x18
#define COMMON_QUEUE_VECTOR          0x1a
#define COMMON_QUEUE_ENABLE          0x1c
#define COMMON_QUEUE_NOTIFY          0x1e
#define COMMON_QUEUE_TABLE           0x20
#define COMMON_QUEUE_AVAILABLE       0x28
#define COMMON_QUEUE_USED            0x30
#define COMMON_SIZE                  0x38

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8

/* Reads of the status register until a reset counts as failed. */
#define RESET_READS 100000

static uint32_t common_read(struct virtio_device *device, uint32_t offset, unsigned width)
{
    return pci_region_read(device->function, &device->common, offset, width);
}

static void common_write(struct virtio_device *device, uint32_t offset, unsigned width,
                         uint32_t value)
{
    pci_region_write(device->function, &device->common, offset, width, value);
}

static void common_write64(struct virtio_device *device, uint32_t offset, uint64_t value)
{
    common_write(device, offset, 4, (uint32_t)value);
    common_write(device, offset + 4, 4, (uint32_t)(value >> 32));
}

static struct pci_region *region_of_type(struct virtio_device *device, uint32_t type)
{
    switch (type) {
    case CAP_COMMON:
        return &device->common;
    case CAP_NOTIFY:
        return &device->notify;
    case CAP_STATUS:
        return &device->status;
    case CAP_DEVICE:
        return &device->config;
    default:
        return NULL;
    }
}

static int capability_read(struct virtio_device *device, unsigned position)
{
    struct pci_function *function = device->function;
    uint32_t type, bar, offset, length;
    int error = pci_config_read(function, position + CAP_TYPE, 1, &type);
    if (error == 0)
        error = pci_config_read(function, position + CAP_BAR, 1, &bar);
    if (error == 0)
        error = pci_config_read(function, position + CAP_OFFSET, 4, &offset);
    if (error == 0)
        error = pci_config_read(function, position + CAP_LENGTH, 4, &length);
    if (error != 0)
        return error;
    struct pci_region found = {.bar = bar, .offset = offset, .length = length};
    struct pci_region *region = region_of_type(device, type);
    /* The first usable capability of a type counts (4.1.4.1); reserved BARs are to be skipped. */
    if (region == NULL || region->length != 0 || pci_region_map(function, &found) != 0)
        return 0;
    if (type == CAP_NOTIFY) {
        error = pci_config_read(function, position + CAP_MULTIPLIER, 4, &device->notify_multiplier);
        if (error != 0)
            return error;
    }
    *region = found;
    return 0;
}

struct pci_region virtio_stop_register(const struct virtio_device *device)
{
    return (struct pci_region){
        .bar = device->common.bar,
        .offset = device->common.offset + COMMON_STATUS,
        .length = 1,
    };
}

void virtio_reset(struct virtio_device *device)
{
    common_write(device, COMMON_STATUS, 1, 0);
}

static int reset_and_wait(struct virtio_device *device)
{
    virtio_reset(device);
    for (int i = 0; i < RESET_READS; i++) {
        if (common_read(device, COMMON_STATUS, 1) == 0)
            return 0;
    }
    return EIO;
}

static void status_add(struct virtio_device *device, uint8_t bits)
{
    common_write(device, COMMON_STATUS, 1, common_read(device, COMMON_STATUS, 1) | bits);
}

int virtio_open(struct virtio_device *device, struct pci_function *function)
{
    *device = (struct virtio_device){.function = function};
    int error = pci_enable(function);
    unsigned position = 0;
    for (int i = 0; error == 0 && i < 64; i++) {
        error = pci_capability_next(function, PCI_CAP_VENDOR, &position);
        if (error == 0)
            error = capability_read(device, position);
    }
    if (error != 0 && error != ENOENT)
        return error;
    if (device->common.length < COMMON_SIZE || device->notify.length < 2)
        return ENODEV;
    error = reset_and_wait(device);
    if (error != 0)
        return error;
    status_add(device, STATUS_ACKNOWLEDGE);
    status_add(device, STATUS_DRIVER);
    return 0;
}

uint64_t virtio_offered(struct virtio_device *device)
{
    uint64_t offered = 0;
    for (uint32_t half = 0; half < 2; half++) {
        common_write(device, COMMON_DEVICE_FEATURE_SELECT, 4, half);
        offered |= (uint64_t)common_read(device, COMMON_DEVICE_FEATURE, 4) << (32 * half);
    }
    return offered;
}

int virtio_negotiate(struct virtio_device *device, uint64_t wanted)
{
    uint64_t features = virtio_offered(device) & (wanted | VIRTIO_F_VERSION_1);
    if ((features & VIRTIO_F_VERSION_1) == 0)
        return ENOTSUP;
    for (uint32_t half = 0; half < 2; half++) {
        common_write(device, COMMON_DRIVER_FEATURE_SELECT, 4, half);
        common_write(device, COMMON_DRIVER_FEATURE, 4, (uint32_t)(features >> (32 * half)));
    }
    status_add(device, STATUS_FEATURES_OK);
    if ((common_read(device, COMMON_STATUS, 1) & STATUS_FEATURES_OK) == 0)
        return ENOTSUP;
    device->features = features;
    return 0;
}

static uint16_t queue_size(uint32_t offered, uint16_t wanted)
{
    while (wanted > offered)
        wanted /= 2;
    return wanted;
}

static int queue_memory(struct virtio_device *device, struct virtio_queue *queue, uint16_t size,
                        struct pci_dma *dma)
{
    size_t bytes = (virtqueue_memory(size) + 4095) & ~(size_t)4095;
    struct virtqueue_slot *slots = calloc(size, sizeof(*slots));
    if (slots == NULL)
        return ENOMEM;
    int error = device->function->ops->dma_alloc(device->function->context, bytes, dma);
    if (error != 0) {
        free(slots);
        return error;
    }
    virtqueue_init(&queue->ring, size, dma->memory, slots,
                   (device->features & VIRTIO_F_EVENT_INDEX) != 0);
    return 0;
}

static int queue_vector(struct virtio_device *device, uint16_t vector)
{
    common_write(device, COMMON_QUEUE_VECTOR, 2, vector);
    return common_read(device, COMMON_QUEUE_VECTOR, 2) == vector ? 0 : EIO;
}

int virtio_queue_open(struct virtio_device *device, struct virtio_queue *queue, uint16_t index,
                      uint16_t size, uint16_t vector)
{
    *queue = (struct virtio_queue){.device = device, .index = index};
    common_write(device, COMMON_QUEUE_SELECT, 2, index);
    size = queue_size(common_read(device, COMMON_QUEUE_SIZE, 2), size);
    if (size == 0)
        return ENODEV;
    uint64_t offset =
        (uint64_t)common_read(device, COMMON_QUEUE_NOTIFY, 2) * device->notify_multiplier;
    if (offset > device->notify.length - 2 || offset % 2 != 0)
        return EIO;
    queue->notify_offset = (uint32_t)offset;
    int error = queue_vector(device, vector);
    if (error != 0)
        return error;
    struct pci_dma dma;
    error = queue_memory(device, queue, size, &dma);
    if (error != 0)
        return error;
    common_write(device, COMMON_QUEUE_SIZE, 2, size);
    common_write64(device, COMMON_QUEUE_TABLE, dma.bus);
    common_write64(device, COMMON_QUEUE_AVAILABLE, dma.bus + virtqueue_available_offset(size));
    common_write64(device, COMMON_QUEUE_USED, dma.bus + virtqueue_used_offset(size));
    common_write(device, COMMON_QUEUE_ENABLE, 2, 1);
    return 0;
}

int virtio_start(struct virtio_device *device)
{
    status_add(device, STATUS_DRIVER_OK);
    return (common_read(device, COMMON_STATUS, 1) & STATUS_DRIVER_OK) != 0 ? 0 : EIO;
}

void virtio_queue_flush(struct virtio_queue *queue)
{
    if (virtqueue_publish(&queue->ring))
        pci_region_write(queue->device->function, &queue->device->notify, queue->notify_offset, 2,
                         queue->index);
}

uint32_t virtio_config_read(struct virtio_device *device, uint32_t offset, unsigned width)
{
    return pci_region_read(device->function, &device->config, offset, width);
}

uint8_t virtio_interrupt_status(struct virtio_device *device)
{
    if (device->status.length == 0)
        return 0;
    return (uint8_t)pci_region_read(device->function, &device->status, 0, 1);
}
