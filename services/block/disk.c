/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks behind virtio.  A request of a client goes to the device with the memory that the kernel has pinned for it,
 * and is answered when the device is done; what the device has no room for waits in the order of its coming.
 */
#include <errno.h>
#include <string.h>

#include "abi/cloudabi_syscalls.h"
#include "services/block/block.h"

static int find(struct disk *disk, int directory)
{
    static const struct pci_match matches[] = {
        {VIRTIO_VENDOR, VIRTIO_DEVICE_BASE + VIRTIO_TYPE_BLK},
        {VIRTIO_VENDOR, VIRTIO_DEVICE_BLK_TRANSITIONAL},
    };
    int error = pci_fd_find(directory, matches, sizeof(matches) / sizeof(matches[0]), &disk->pci);
    if (error != 0)
        return error;
    pci_fd_function(&disk->pci, &disk->function);
    /* Opening the interrupt lets the kernel choose MSI-X or INTx. */
    return disk->function.ops->irq_open(disk->function.context, 0, &disk->irq);
}

int disk_open(struct block *block, struct disk *disk, int directory)
{
    disk->block = block;
    int error = find(disk, directory);
    if (error == 0)
        error = virtio_blk_open(&disk->blk, &disk->function);
    if (error != 0)
        return error;
    struct pci_region stop = virtio_stop_register(&disk->blk.device);
    error = server_dma(&block->server, disk->pci.claim, PORT_STOP_AT(stop.bar, stop.offset));
    if (error != 0)
        return error;
    disk->sectors = disk->blk.sectors;
    disk->read_only = disk->blk.read_only;
    return 0;
}

/* --- requests of clients ---------------------------------------------------------------------- */

/* The memory of a request, cut to what it moves: it lies in the payload until the reply. */
static unsigned segments_of(struct disk *disk, const struct pending *pending,
                            struct virtqueue_buffer *buffers)
{
    struct call call;
    unsigned count = 0;
    call_resume(&disk->block->server, pending->tag, &call);
    const struct port_segment *segments = (const void *)call.payload;
    for (uint32_t left = pending->bytes; left > 0 && count < PORT_SEGMENTS_MAX; count++) {
        uint32_t len = segments[count].len < left ? segments[count].len : left;
        buffers[count] = (struct virtqueue_buffer){segments[count].bus, len};
        left -= len;
    }
    return count;
}

static int start(struct disk *disk, struct pending *pending)
{
    struct virtqueue_buffer buffers[PORT_SEGMENTS_MAX];
    if (pending->type == VIRTIO_BLK_FLUSH)
        return virtio_blk_flush(&disk->blk, pending);
    unsigned count = segments_of(disk, pending, buffers);
    return virtio_blk_transfer(&disk->blk, pending->type, pending->sector, buffers, count, pending);
}

static void finish(struct disk *disk, const struct pending *pending, int error)
{
    struct call call;
    call_resume(&disk->block->server, pending->tag, &call);
    call_length(&call, error == 0 ? pending->bytes : 0);
    call_finish(&call, error == 0 ? 0 : CLOUDABI_EIO);
}

static void wait_for_room(struct disk *disk, unsigned slot)
{
    struct pending *pending = disk->block->pending;
    pending[slot].queue = 0;
    if (disk->waiting_first == 0)
        disk->waiting_first = (uint8_t)(slot + 1);
    else
        pending[disk->waiting_last - 1].queue = (uint8_t)(slot + 1);
    disk->waiting_last = (uint8_t)(slot + 1);
}

int disk_start(struct disk *disk, unsigned slot)
{
    int error = disk->waiting_first != 0 ? EAGAIN : start(disk, &disk->block->pending[slot]);
    if (error != EAGAIN)
        return error;
    wait_for_room(disk, slot);
    return 0;
}

static void start_waiting(struct disk *disk)
{
    while (disk->waiting_first != 0) {
        struct pending *pending = &disk->block->pending[disk->waiting_first - 1];
        int error = start(disk, pending);
        if (error == EAGAIN)
            return;
        disk->waiting_first = pending->queue;
        if (error != 0)
            finish(disk, pending, error);
    }
}

int disk_work(struct disk *disk)
{
    void *token;
    int error, result;
    while ((error = virtio_blk_take(&disk->blk, &token, &result)) == 0) {
        if (token == disk) {
            disk->own_done = true;
            disk->own_result = result;
        } else {
            finish(disk, token, result);
        }
    }
    start_waiting(disk);
    virtio_blk_submit(&disk->blk);
    return error == EAGAIN ? 0 : error;
}

bool disk_settle(struct disk *disk)
{
    virtio_blk_submit(&disk->blk);
    return virtio_blk_arm(&disk->blk);
}

/* --- requests of the service's own, which it waits for ---------------------------------------- */

static void wait_for_interrupt(struct disk *disk)
{
    cloudabi_subscription_t subscription = {
        .type = CLOUDABI_EVENTTYPE_FD_READ,
        .fd_readwrite = {.fd = (cloudabi_fd_t)disk->irq,
                         .flags = CLOUDABI_SUBSCRIPTION_FD_READWRITE_POLL},
    };
    cloudabi_event_t event;
    size_t count;
    (void)cloudabi_sys_poll(&subscription, &event, 1, &count);
    virtio_blk_acknowledge(&disk->blk);
}

/* The request whose token is the disk itself. */
static int own_wait(struct disk *disk)
{
    int error = 0;
    while (error == 0 && !disk->own_done) {
        if (!disk_settle(disk))
            wait_for_interrupt(disk);
        error = disk_work(disk);
    }
    return error != 0 ? error : disk->own_result;
}

int disk_flush(struct disk *disk)
{
    int error;
    if (!disk->blk.has_cache)
        return 0;
    disk->own_done = false;
    while ((error = virtio_blk_flush(&disk->blk, disk)) == EAGAIN) {
        if (!disk_settle(disk))
            wait_for_interrupt(disk);
        error = disk_work(disk);
        if (error != 0)
            break;
    }
    return error != 0 ? error : own_wait(disk);
}

/* For reading partition tables. */
struct reader {
    struct disk *disk;
    struct pci_dma buffer;
};

static bool read_sector(void *context, uint64_t sector, uint8_t *bytes)
{
    const struct reader *reader = context;
    struct disk *disk = reader->disk;
    const struct virtqueue_buffer buffer = {reader->buffer.bus, PARTITION_SECTOR};
    disk->own_done = false;
    if (virtio_blk_transfer(&disk->blk, VIRTIO_BLK_READ, sector, &buffer, 1, disk) != 0 ||
        own_wait(disk) != 0)
        return false;
    memcpy(bytes, reader->buffer.memory, PARTITION_SECTOR);
    return true;
}

void disk_find_partitions(struct disk *disk)
{
    struct reader reader = {.disk = disk};
    if (disk->function.ops->dma_alloc(disk->function.context, 4096, &reader.buffer) != 0)
        return;
    const struct partition_disk it = {disk->sectors, read_sector, &reader};
    partitions_find(&it, &disk->partitions);
}
