/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio_blk/virtio_blk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FEATURE_SIZE_MAX    (UINT64_C(1) << 1)
#define FEATURE_SEGMENT_MAX (UINT64_C(1) << 2)
#define FEATURE_READ_ONLY   (UINT64_C(1) << 5)
#define FEATURE_SECTOR_SIZE (UINT64_C(1) << 6)
#define FEATURE_FLUSH       (UINT64_C(1) << 9)

#define CONFIG_CAPACITY    0
#define CONFIG_SIZE_MAX    8
#define CONFIG_SEGMENT_MAX 12
#define CONFIG_SECTOR_SIZE 20

#define QUEUE_REQUESTS 0
#define QUEUE_SIZE     256
#define VECTOR_QUEUE   0
#define SEGMENT_BYTES  4096u /* the least that a device must take in one segment */
#define SECTORS_MAX    ((uint64_t)INT64_MAX / VIRTIO_BLK_SECTOR)

#define STATUS_OK      0
#define STATUS_PENDING 0xff

struct header { /* 5.2.6 */
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};

/* Header and status of one request, in DMA memory. */
struct place {
    struct header header;
    uint8_t status;
    uint8_t pad[15];
};

static_assert(sizeof(struct header) == 16, "Virtio 1.1, 5.2.6");
static_assert(sizeof(struct place) * VIRTIO_BLK_REQUESTS <= 4096, "one page");

static struct place *place_of(struct virtio_blk *blk, unsigned index)
{
    return (struct place *)blk->headers.memory + index;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int read_config(struct virtio_blk *blk)
{
    struct virtio_device *device = &blk->device;
    uint64_t features = device->features;
    if (device->config.length < CONFIG_SECTOR_SIZE + 4)
        return ENODEV;
    blk->sectors = virtio_config_read(device, CONFIG_CAPACITY, 4) |
                   (uint64_t)virtio_config_read(device, CONFIG_CAPACITY + 4, 4) << 32;
    blk->read_only = (features & FEATURE_READ_ONLY) != 0;
    blk->has_cache = (features & FEATURE_FLUSH) != 0;
    if (blk->sectors > SECTORS_MAX)
        return ENOTSUP;
    if ((features & FEATURE_SECTOR_SIZE) != 0 &&
        virtio_config_read(device, CONFIG_SECTOR_SIZE, 4) != VIRTIO_BLK_SECTOR)
        return ENOTSUP;
    if ((features & FEATURE_SIZE_MAX) != 0 &&
        virtio_config_read(device, CONFIG_SIZE_MAX, 4) < SEGMENT_BYTES)
        return ENOTSUP;
    if ((features & FEATURE_SEGMENT_MAX) != 0 &&
        virtio_config_read(device, CONFIG_SEGMENT_MAX, 4) < VIRTIO_BLK_SEGMENTS)
        return ENOTSUP;
    return 0;
}

static int queue_open(struct virtio_blk *blk)
{
    struct pci_function *function = blk->device.function;
    uint16_t vector = blk->msix ? VECTOR_QUEUE : VIRTIO_NO_VECTOR;
    int error = virtio_queue_open(&blk->device, &blk->queue, QUEUE_REQUESTS, QUEUE_SIZE, vector);
    if (error == 0 && blk->queue.ring.size < VIRTIO_BLK_SEGMENTS + 2)
        error = ENOTSUP;
    if (error == 0)
        error = function->ops->dma_alloc(function->context, 4096, &blk->headers);
    return error;
}

int virtio_blk_open(struct virtio_blk *blk, struct pci_function *function)
{
    *blk = (struct virtio_blk){0};
    int error = virtio_open(&blk->device, function);
    if (error != 0)
        return error;
    blk->msix = pci_uses_msix(function);
    error = virtio_negotiate(&blk->device, VIRTIO_F_EVENT_INDEX | FEATURE_SIZE_MAX |
                                               FEATURE_SEGMENT_MAX | FEATURE_READ_ONLY |
                                               FEATURE_SECTOR_SIZE | FEATURE_FLUSH);
    if (error == 0)
        error = read_config(blk);
    if (error == 0)
        error = queue_open(blk);
    if (error == 0)
        error = virtio_start(&blk->device);
    if (error != 0)
        virtio_blk_close(blk);
    return error;
}

void virtio_blk_close(struct virtio_blk *blk)
{
    virtio_reset(&blk->device);
    free(blk->queue.ring.slots);
    blk->queue.ring = (struct virtqueue){.broken = true};
}

/* --- requests --------------------------------------------------------------------------------- */

static int free_request(const struct virtio_blk *blk)
{
    for (unsigned i = 0; blk->in_flight < VIRTIO_BLK_REQUESTS && i < VIRTIO_BLK_REQUESTS; i++)
        if (!blk->requests[i].used)
            return (int)i;
    return -1;
}

/* Header, segments, status: the order of 5.2.6. */
static unsigned build_chain(struct virtio_blk *blk, unsigned index, const struct header *header,
                            const struct virtqueue_buffer *segments, unsigned count,
                            struct virtqueue_buffer *chain)
{
    struct place *place = place_of(blk, index);
    uint64_t bus = blk->headers.bus + index * sizeof(*place);
    unsigned n = 0;
    place->header = *header;
    place->status = STATUS_PENDING;
    chain[n++] = (struct virtqueue_buffer){bus, sizeof(struct header)};
    for (unsigned i = 0; i < count; i++)
        chain[n++] = segments[i];
    chain[n++] = (struct virtqueue_buffer){bus + offsetof(struct place, status), 1};
    return n;
}

static int queue_request(struct virtio_blk *blk, const struct header *header,
                         const struct virtqueue_buffer *segments, unsigned count, uint32_t bytes,
                         void *token)
{
    struct virtqueue_buffer chain[VIRTIO_BLK_SEGMENTS + 2];
    int index = free_request(blk);
    if (index < 0)
        return blk->queue.ring.broken ? EIO : EAGAIN;
    unsigned length = build_chain(blk, (unsigned)index, header, segments, count, chain);
    unsigned in = header->type == VIRTIO_BLK_READ ? count + 1 : 1;
    struct virtio_blk_request *request = &blk->requests[index];
    int error = virtqueue_add(&blk->queue.ring, chain, length - in, in, request);
    if (error != 0)
        return error == ENOSPC ? EAGAIN : error;
    *request = (struct virtio_blk_request){token, bytes, (uint8_t)header->type, true};
    blk->in_flight++;
    return 0;
}

/* The sum of the segments, or 0 if that is no request. */
static uint32_t segments_length(const struct virtqueue_buffer *segments, unsigned count)
{
    uint64_t total = 0;
    if (count > VIRTIO_BLK_SEGMENTS)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        if (segments[i].length == 0 || segments[i].length > SEGMENT_BYTES)
            return 0;
        total += segments[i].length;
    }
    return total % VIRTIO_BLK_SECTOR == 0 ? (uint32_t)total : 0;
}

int virtio_blk_transfer(struct virtio_blk *blk, enum virtio_blk_type type, uint64_t sector,
                        const struct virtqueue_buffer *segments, unsigned count, void *token)
{
    uint32_t bytes = segments_length(segments, count);
    struct header header = {.type = type, .sector = sector};
    if (bytes == 0 || sector > blk->sectors || bytes / VIRTIO_BLK_SECTOR > blk->sectors - sector)
        return EINVAL;
    if (type != VIRTIO_BLK_READ && blk->read_only)
        return EROFS;
    return queue_request(blk, &header, segments, count, bytes, token);
}

int virtio_blk_flush(struct virtio_blk *blk, void *token)
{
    struct header header = {.type = VIRTIO_BLK_FLUSH};
    return queue_request(blk, &header, NULL, 0, 0, token);
}

void virtio_blk_submit(struct virtio_blk *blk)
{
    virtio_queue_flush(&blk->queue);
}

int virtio_blk_take(struct virtio_blk *blk, void **token, int *result)
{
    void *taken;
    uint32_t written;
    int error = virtqueue_take(&blk->queue.ring, &taken, &written);
    if (error != 0)
        return error;
    struct virtio_blk_request *request = taken;
    const struct place *place = place_of(blk, (unsigned)(request - blk->requests));
    uint32_t least = request->type == VIRTIO_BLK_READ ? request->bytes + 1 : 0;
    uint8_t status = __atomic_load_n(&place->status, __ATOMIC_ACQUIRE);
    *token = request->token;
    *result = status == STATUS_OK && written >= least ? 0 : EIO;
    request->used = false;
    blk->in_flight--;
    return 0;
}

bool virtio_blk_arm(struct virtio_blk *blk)
{
    return virtqueue_arm(&blk->queue.ring);
}

void virtio_blk_acknowledge(struct virtio_blk *blk)
{
    if (!blk->msix)
        (void)virtio_interrupt_status(&blk->device);
}
