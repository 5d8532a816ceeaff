/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/fake_e1000.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUS_BASE UINT64_C(0x200000000)
#define BUS_STEP UINT64_C(0x10000000)

#define REG(fake, offset) ((fake)->registers[(offset) / 4])

static int fake_config_read(void *context, unsigned offset, unsigned width, uint32_t *value)
{
    struct fake_e1000 *fake = context;
    if (offset > 256 - width)
        return EINVAL;
    *value = 0;
    memcpy(value, fake->config + offset, width);
    return 0;
}

static int fake_config_write(void *context, unsigned offset, unsigned width, uint32_t value)
{
    struct fake_e1000 *fake = context;
    if (offset > 256 - width)
        return EINVAL;
    memcpy(fake->config + offset, &value, width);
    return 0;
}

static int fake_bar_map(void *context, unsigned bar, uint64_t *size)
{
    (void)context;
    if (bar != 0)
        return ENODEV;
    *size = FAKE_E1000_REGISTERS;
    return 0;
}

static uint32_t fake_mmio_read(void *context, unsigned bar, uint64_t offset, unsigned width)
{
    struct fake_e1000 *fake = context;
    uint32_t value = 0;
    if (bar != 0 || width != 4 || offset % 4 != 0 || offset + width > FAKE_E1000_REGISTERS)
        abort();
    if (fake->noise != NULL && fake->noise_size >= 4) {
        memcpy(&value, fake->noise, 4);
        fake->noise += 4;
        fake->noise_size -= 4;
        return value;
    }
    value = REG(fake, offset);
    if (offset == 0xc0)
        REG(fake, offset) = 0;
    return value;
}

static void fake_mmio_write(void *context, unsigned bar, uint64_t offset, unsigned width,
                            uint32_t value)
{
    struct fake_e1000 *fake = context;
    if (bar != 0 || width != 4 || offset % 4 != 0 || offset + width > FAKE_E1000_REGISTERS)
        abort();
    if (offset == 0 && !fake->stuck_reset)
        value &= ~0x04000000u;
    if (offset == 0x14 && (value & 1) != 0 && !fake->stuck_eeprom)
        value = (uint32_t)fake->eeprom[value >> 8 & 63] << 16 | 0x10;
    if (offset == 0xd8)
        REG(fake, 0xd0) &= ~value;
    if (offset == 0xd0)
        value |= REG(fake, 0xd0);
    REG(fake, offset) = value;
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
    struct fake_e1000 *fake = context;
    if (fake->dma_count == FAKE_E1000_DMA_MAX || (fake->refuse_dma && fake->dma_left-- == 0))
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

void fake_e1000_init(struct fake_e1000 *fake)
{
    static const uint16_t header[2] = {0x8086, 0x100e};
    *fake = (struct fake_e1000){.eeprom = {0x5452, 0x1200, 0x5634}};
    memcpy(fake->config, header, sizeof(header));
    REG(fake, 0x08) = 2;
    REG(fake, 0x5400) = 0x12005452;
    REG(fake, 0x5404) = 0x80005634;
}

void fake_e1000_free(struct fake_e1000 *fake)
{
    for (unsigned i = 0; i < fake->dma_count; i++)
        free(fake->dma[i].memory);
}

void fake_e1000_function(struct fake_e1000 *fake, struct pci_function *function)
{
    *function = (struct pci_function){.ops = &fake_ops, .context = fake};
}

void *fake_e1000_memory(struct fake_e1000 *fake, uint64_t bus, size_t length)
{
    if (bus < BUS_BASE || (bus - BUS_BASE) / BUS_STEP >= fake->dma_count)
        return NULL;
    struct pci_dma *dma = &fake->dma[(bus - BUS_BASE) / BUS_STEP];
    uint64_t offset = bus - dma->bus;
    if (offset > dma->size || length > dma->size - offset)
        return NULL;
    return (char *)dma->memory + offset;
}

/* The descriptor at a ring's head, which moves; NULL: the driver has given no more. */
static uint8_t *ring_next(struct fake_e1000 *fake, uint32_t ring)
{
    uint64_t base = (uint64_t)REG(fake, ring + 4) << 32 | REG(fake, ring);
    uint32_t count = REG(fake, ring + 8) / 16, head = REG(fake, ring + 0x10);
    if (count == 0 || head == REG(fake, ring + 0x18))
        return NULL;
    REG(fake, ring + 0x10) = (head + 1) % count;
    return fake_e1000_memory(fake, base + 16 * (uint64_t)head, 16);
}

uint8_t *fake_e1000_next(struct fake_e1000 *fake)
{
    return ring_next(fake, 0x2800);
}

bool fake_e1000_deliver(struct fake_e1000 *fake, const void *frame, size_t length, uint8_t status,
                        uint8_t errors)
{
    uint8_t *descriptor = fake_e1000_next(fake);
    uint64_t address;
    if (descriptor == NULL)
        return false;
    memcpy(&address, descriptor, 8);
    void *buffer = fake_e1000_memory(fake, address, length);
    if (buffer == NULL)
        return false; /* a test has written over the descriptor */
    memcpy(buffer, frame, length);
    descriptor[8] = (uint8_t)length;
    descriptor[9] = (uint8_t)(length >> 8);
    descriptor[13] = errors;
    descriptor[12] = status | 1;
    REG(fake, 0xc0) |= 0x80;
    return true;
}

void fake_e1000_transmit(struct fake_e1000 *fake, unsigned most)
{
    uint8_t *descriptor;
    while (most-- != 0 && (descriptor = ring_next(fake, 0x3800)) != NULL) {
        uint64_t address;
        memcpy(&address, descriptor, 8);
        fake->sent_length = (size_t)descriptor[8] | (size_t)descriptor[9] << 8;
        void *buffer = fake_e1000_memory(fake, address, fake->sent_length);
        if (buffer == NULL || fake->sent_length > sizeof(fake->sent))
            abort();
        memcpy(fake->sent, buffer, fake->sent_length);
        fake->sent_count++;
        descriptor[12] |= 1;
    }
}
