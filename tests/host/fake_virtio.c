/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/fake_virtio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/virtqueue.h"

#define BUS_BASE UINT64_C(0x100000000)
#define BUS_STEP UINT64_C(0x10000000)

static bool take_noise(struct fake_virtio *fake, void *target, size_t size)
{
    if (fake->noise == NULL)
        return false;
    size_t take = size < fake->noise_size ? size : fake->noise_size;
    memset(target, 0, size);
    memcpy(target, fake->noise, take);
    fake->noise += take;
    fake->noise_size -= take;
    return take != 0;
}

void *fake_virtio_memory(struct fake_virtio *fake, uint64_t bus, size_t length)
{
    if (bus < BUS_BASE || (bus - BUS_BASE) / BUS_STEP >= fake->dma_count)
        return NULL;
    struct pci_dma *dma = &fake->dma[(bus - BUS_BASE) / BUS_STEP];
    uint64_t offset = bus - dma->bus;
    if (offset > dma->size || length > dma->size - offset)
        return NULL;
    return (char *)dma->memory + offset;
}

static int fake_config_read(void *context, unsigned offset, unsigned width, uint32_t *value)
{
    struct fake_virtio *fake = context;
    if (offset > 256 - width)
        return EINVAL;
    *value = 0;
    memcpy(value, fake->config + offset, width);
    return 0;
}

static int fake_config_write(void *context, unsigned offset, unsigned width, uint32_t value)
{
    struct fake_virtio *fake = context;
    if (offset > 256 - width)
        return EINVAL;
    memcpy(fake->config + offset, &value, width);
    return 0;
}

static int fake_bar_map(void *context, unsigned bar, uint64_t *size)
{
    (void)context;
    if (bar != FAKE_BAR)
        return ENODEV;
    *size = FAKE_BAR_SIZE;
    return 0;
}

static struct fake_queue *selected(struct fake_virtio *fake)
{
    return fake->queue_select < 2 ? &fake->queues[fake->queue_select] : NULL;
}

static uint32_t common_read(struct fake_virtio *fake, uint64_t offset)
{
    struct fake_queue *queue = selected(fake);
    switch (offset) {
    case 0x04:
        return (uint32_t)(fake->offered >> (32 * (fake->feature_select[0] & 1)));
    case 0x10:
        return fake->config_vector;
    case 0x14:
        return fake->stuck_reset ? 0x80 : fake->status;
    case 0x18:
        return queue != NULL ? queue->size : 0;
    case 0x1a:
        return queue != NULL ? queue->vector : 0xffff;
    case 0x1e:
        return fake->queue_select + fake->notify_offset;
    default:
        return 0;
    }
}

static uint32_t fake_mmio_read(void *context, unsigned bar, uint64_t offset, unsigned width)
{
    struct fake_virtio *fake = context;
    uint32_t value = 0;
    if (bar != FAKE_BAR || offset + width > FAKE_BAR_SIZE)
        abort();
    if (take_noise(fake, &value, width))
        return value;
    if (offset >= FAKE_CONFIG && offset + width <= FAKE_CONFIG + sizeof(fake->device_config))
        memcpy(&value, fake->device_config + (offset - FAKE_CONFIG), width);
    else if (offset < FAKE_STATUS)
        value = common_read(fake, offset);
    return value;
}

static void set_half(uint64_t *value, bool high, uint32_t half)
{
    unsigned shift = high ? 32 : 0;
    *value = (*value & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)half << shift;
}

static void queue_write(struct fake_queue *queue, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case 0x18:
        queue->size = (uint16_t)value;
        break;
    case 0x1a:
        queue->vector = (uint16_t)value;
        break;
    case 0x1c:
        queue->enabled = (uint16_t)value;
        break;
    case 0x20:
    case 0x24:
        set_half(&queue->table, offset == 0x24, value);
        break;
    case 0x28:
    case 0x2c:
        set_half(&queue->available, offset == 0x2c, value);
        break;
    case 0x30:
    case 0x34:
        set_half(&queue->used, offset == 0x34, value);
        break;
    }
}

static void fake_mmio_write(void *context, unsigned bar, uint64_t offset, unsigned width,
                            uint32_t value)
{
    struct fake_virtio *fake = context;
    if (bar != FAKE_BAR || offset + width > FAKE_BAR_SIZE)
        abort();
    if (offset >= FAKE_NOTIFY) {
        fake->notifications++;
        return;
    }
    if (offset == 0x00 || offset == 0x08)
        fake->feature_select[offset == 0x08] = value;
    else if (offset == 0x0c)
        set_half(&fake->accepted, fake->feature_select[1] & 1, value);
    else if (offset == 0x10)
        fake->config_vector = (uint16_t)value;
    else if (offset == 0x14)
        fake->status = fake->refuse_features ? value & ~8u : value;
    else if (offset == 0x16)
        fake->queue_select = (uint16_t)value;
    else if (selected(fake) != NULL)
        queue_write(selected(fake), offset, value);
}

static int fake_irq_open(void *context, unsigned index, int *fd)
{
    (void)context;
    (void)index;
    *fd = -1;
    return 0;
}

static int fake_dma_alloc(void *context, size_t size, struct pci_dma *dma)
{
    struct fake_virtio *fake = context;
    if (fake->refuse_dma || fake->dma_count == FAKE_DMA_MAX)
        return ENOMEM;
    void *memory = aligned_alloc(4096, size);
    memset(memory, 0, size);
    *dma = (struct pci_dma){memory, BUS_BASE + BUS_STEP * fake->dma_count, size};
    fake->dma[fake->dma_count++] = *dma;
    return 0;
}

static const struct pci_ops fake_ops = {
    .config_read = fake_config_read,
    .config_write = fake_config_write,
    .bar_map = fake_bar_map,
    .mmio_read = fake_mmio_read,
    .mmio_write = fake_mmio_write,
    .irq_open = fake_irq_open,
    .dma_alloc = fake_dma_alloc,
};

static void add_capability(struct fake_virtio *fake, uint8_t at, uint8_t next, uint8_t type,
                           uint32_t offset, uint32_t length)
{
    uint8_t *capability = fake->config + at;
    capability[0] = PCI_CAP_VENDOR;
    capability[1] = next;
    capability[2] = 20;
    capability[3] = type;
    capability[4] = FAKE_BAR;
    memcpy(capability + 8, &offset, 4);
    memcpy(capability + 12, &length, 4);
}

void fake_virtio_init(struct fake_virtio *fake)
{
    *fake = (struct fake_virtio){.queues = {{.size = 256}, {.size = 256}}};
    uint16_t header[2] = {0x1af4, 0x1041};
    memcpy(fake->config, header, sizeof(header));
    fake->config[PCI_STATUS] = PCI_STATUS_CAPABILITIES;
    fake->config[PCI_CAPABILITIES] = 0x40;
    add_capability(fake, 0x40, 0x54, 1, FAKE_COMMON, 0x1000);
    add_capability(fake, 0x54, 0x68, 3, FAKE_STATUS, 0x1000);
    add_capability(fake, 0x68, 0x7c, 4, FAKE_CONFIG, 0x1000);
    add_capability(fake, 0x7c, 0x90, 2, FAKE_NOTIFY, 0x1000);
    fake->config[0x7c + 16] = 4;
    fake->config[0x90] = PCI_CAP_MSIX;
    fake->config[0x90 + 3] = 0x80;
    const uint8_t device_config[] = {0x52, 0x54, 0, 1, 2, 3, 1, 0, 1, 0, 0xdc, 0x05};
    memcpy(fake->device_config, device_config, sizeof(device_config));
    fake->offered =
        UINT64_C(1) << 32 | 1u << 29 | 1u << 16 | FAKE_MERGE | FAKE_TSO | 1u << 5 | 1u << 3 | 3;
}

void fake_virtio_free(struct fake_virtio *fake)
{
    for (unsigned i = 0; i < fake->dma_count; i++)
        free(fake->dma[i].memory);
}

void fake_virtio_function(struct fake_virtio *fake, struct pci_function *function)
{
    *function = (struct pci_function){.ops = &fake_ops, .context = fake};
}

int fake_virtio_next(struct fake_virtio *fake, unsigned index)
{
    struct fake_queue *queue = &fake->queues[index];
    uint16_t *available = fake_virtio_memory(fake, queue->available, 4 + 2 * queue->size);
    if (available == NULL || available[1] == queue->seen)
        return -1;
    return available[2 + (queue->seen++ & (queue->size - 1))];
}

void fake_virtio_finish(struct fake_virtio *fake, unsigned index, uint32_t id, uint32_t length)
{
    struct fake_queue *queue = &fake->queues[index];
    uint16_t *used = fake_virtio_memory(fake, queue->used, 4 + 8 * queue->size);
    uint32_t element[2] = {id, length};
    memcpy(used + 2 + 4 * (queue->finished & (queue->size - 1)), element, sizeof(element));
    used[1] = ++queue->finished;
}

static struct virtqueue_descriptor *descriptor_at(struct fake_virtio *fake, unsigned index, int id)
{
    return fake_virtio_memory(fake, fake->queues[index].table + 16 * (uint64_t)id, 16);
}

#define HEADER      12
#define PIECES_ROOM 64

/* Fills receive buffers with PACKET; how many, or 0: there are not enough. LENGTHS: what went into each of IDS. */
static unsigned scatter(struct fake_virtio *fake, const uint8_t *packet, size_t length,
                        int ids[PIECES_ROOM], uint32_t lengths[PIECES_ROOM])
{
    unsigned count = 0;
    bool merge = (fake->accepted & FAKE_MERGE) != 0;
    do {
        ids[count] = count == 0 || (merge && count < PIECES_ROOM) ? fake_virtio_next(fake, 0) : -1;
        if (ids[count] < 0)
            return 0;
        struct virtqueue_descriptor *in = descriptor_at(fake, 0, ids[count]);
        uint32_t piece = length < in->length ? (uint32_t)length : in->length;
        memcpy(fake_virtio_memory(fake, in->address, piece), packet, piece);
        lengths[count++] = piece;
        packet += piece;
        length -= piece;
    } while (length != 0);
    return count;
}

bool fake_virtio_deliver_as(struct fake_virtio *fake, uint8_t flags, uint8_t gso_type,
                            const void *frame, size_t length, unsigned buffers)
{
    uint8_t *packet = calloc(1, HEADER + length);
    int ids[PIECES_ROOM];
    uint32_t lengths[PIECES_ROOM];
    packet[0] = flags;
    packet[1] = gso_type;
    memcpy(packet + HEADER, frame, length);
    unsigned count = scatter(fake, packet, HEADER + length, ids, lengths);
    free(packet);
    if (count == 0)
        return false;
    struct virtqueue_descriptor *first = descriptor_at(fake, 0, ids[0]);
    uint16_t said = (uint16_t)(buffers != 0 ? buffers : count);
    memcpy(fake_virtio_memory(fake, first->address + HEADER - 2, 2), &said, 2);
    for (unsigned i = 0; i < count; i++)
        fake_virtio_finish(fake, 0, (uint32_t)ids[i], lengths[i]);
    return true;
}

bool fake_virtio_deliver(struct fake_virtio *fake, uint8_t flags, uint8_t gso_type,
                         const void *frame, size_t length)
{
    return fake_virtio_deliver_as(fake, flags, gso_type, frame, length, 0);
}

void fake_virtio_loop(struct fake_virtio *fake)
{
    int from;
    while ((from = fake_virtio_next(fake, 1)) >= 0) {
        struct virtqueue_descriptor *out = descriptor_at(fake, 1, from);
        const uint8_t *source = fake_virtio_memory(fake, out->address, out->length);
        (void)fake_virtio_deliver(fake, fake->receive_flags, 0, source + HEADER,
                                  out->length - HEADER);
        fake_virtio_finish(fake, 1, (uint32_t)from, 0);
    }
}

void fake_virtio_become_disk(struct fake_virtio *fake, uint64_t sectors, uint64_t features)
{
    uint32_t segment_max = 254, sector_size = 512;
    fake->config[2] = 0x42;
    memset(fake->device_config, 0, sizeof(fake->device_config));
    memcpy(fake->device_config, &sectors, 8);
    memcpy(fake->device_config + 12, &segment_max, 4);
    memcpy(fake->device_config + 20, &sector_size, 4);
    fake->offered = UINT64_C(1) << 32 | 1u << 29 | 1u << 6 | 1u << 2 | features;
}

/* One buffer of a request after the header; the status is the last byte that the device may write. */
static uint32_t serve_buffer(struct fake_virtio *fake, const struct virtqueue_descriptor *at,
                             uint8_t **disk, uint8_t fail)
{
    uint8_t *memory = fake_virtio_memory(fake, at->address, at->length);
    bool last = (at->flags & 1) == 0, in = (at->flags & 2) != 0;
    if (last) {
        *memory = fail;
        return 1;
    }
    if (fail != 0)
        return 0;
    memcpy(in ? memory : *disk, in ? *disk : memory, at->length);
    *disk += at->length;
    return in ? at->length : 0;
}

bool fake_virtio_serve_disk(struct fake_virtio *fake, uint8_t *disk, uint8_t fail)
{
    int head = fake_virtio_next(fake, 0);
    if (head < 0)
        return false;
    struct virtqueue_descriptor *at = descriptor_at(fake, 0, head);
    const uint8_t *header = fake_virtio_memory(fake, at->address, 16);
    uint64_t sector;
    uint32_t written = 0;
    memcpy(&sector, header + 8, 8);
    disk += sector * 512;
    while ((at->flags & 1) != 0) {
        at = descriptor_at(fake, 0, at->next);
        written += serve_buffer(fake, at, &disk, fail);
    }
    fake_virtio_finish(fake, 0, (uint32_t)head, written);
    return true;
}
