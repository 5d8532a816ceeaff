/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration space (mechanism 1: ports 0xcf8 and 0xcfc) and the search for functions. */
#include "kernel/arch/x86_64/insn.h"
#include "kernel/debug/log.h"
#include "kernel/dev/pci.h"
#include "kernel/job/job.h"
#include "kernel/mm/slab.h"

#define CAP_MSI  0x05
#define CAP_MSIX 0x11
#define BUS_MAX  32 /* depth of bridges that is followed */

struct list pci_functions = LIST_INIT(pci_functions);

static struct spinlock config_lock = SPINLOCK_INIT(RANK_TIMER);

static uint16_t select(uint16_t address, unsigned offset)
{
    outl(0xcf8, 1u << 31 | (uint32_t)address << 8 | (offset & 0xfc));
    return (uint16_t)(0xcfc + (offset & 3));
}

static uint32_t get_locked(uint16_t address, unsigned offset, unsigned width)
{
    uint16_t port = select(address, offset);
    return width == 1 ? inb(port) : width == 2 ? inw(port) : inl(port);
}

static void set_locked(uint16_t address, unsigned offset, unsigned width, uint32_t value)
{
    uint16_t port = select(address, offset);
    if (width == 1)
        outb(port, (uint8_t)value);
    else if (width == 2)
        outw(port, (uint16_t)value);
    else
        outl(port, value);
}

static uint32_t get_at(uint16_t address, unsigned offset, unsigned width)
{
    spinlock_lock(&config_lock);
    uint32_t value = get_locked(address, offset, width);
    spinlock_unlock(&config_lock);
    return value;
}

uint32_t pci_config_get(const struct pci_function *f, unsigned offset, unsigned width)
{
    return get_at(f->address, offset, width);
}

void pci_config_set(const struct pci_function *f, unsigned offset, unsigned width, uint32_t value)
{
    spinlock_lock(&config_lock);
    set_locked(f->address, offset, width, value);
    spinlock_unlock(&config_lock);
}

void pci_command_change(const struct pci_function *f, uint16_t clear, uint16_t set)
{
    spinlock_lock(&config_lock);
    uint32_t command = get_locked(f->address, PCI_COMMAND, 2);
    set_locked(f->address, PCI_COMMAND, 2, (command & ~(uint32_t)clear) | set);
    spinlock_unlock(&config_lock);
}

unsigned pci_capability_next(const struct pci_function *f, unsigned at)
{
    if (at == 0 && !(pci_config_get(f, 0x06, 2) & 0x10))
        return 0;
    unsigned next = pci_config_get(f, at == 0 ? 0x34 : at + 1, 1) & 0xfc;
    return next >= 0x40 ? next : 0;
}

/* Finds the size by writing ones. Decoding is off meanwhile. Returns how many registers BAR takes. */
static unsigned probe_bar(struct pci_function *f, unsigned n)
{
    unsigned offset = 0x10 + 4 * n;
    uint32_t low = pci_config_get(f, offset, 4), high = 0;
    bool io = low & 1, wide = !io && (low & 6) == 4 && n + 1 < PCI_BARS;
    uint64_t mask = io ? ~3ul : ~15ul;
    pci_config_set(f, offset, 4, UINT32_MAX);
    uint64_t ones = pci_config_get(f, offset, 4) & mask;
    pci_config_set(f, offset, 4, low);
    if (wide) {
        high = pci_config_get(f, offset + 4, 4);
        pci_config_set(f, offset + 4, 4, UINT32_MAX);
        ones |= (uint64_t)pci_config_get(f, offset + 4, 4) << 32;
        pci_config_set(f, offset + 4, 4, high);
    } else if (ones != 0)
        ones |= io ? 0xffffffffffff0000ul : 0xffffffff00000000ul;
    struct pci_bar *bar = &f->bar[n];
    bar->start = ((uint64_t)high << 32 | low) & mask;
    bar->size = ones != 0 && bar->start != 0 ? ~ones + 1 : 0;
    if (io)
        bar->start &= 0xffff, bar->size &= 0xffff;
    bar->io = io;
    bar->prefetchable = !io && (low & 8);
    return wide ? 2 : 1;
}

static void probe_capabilities(struct pci_function *f)
{
    unsigned at = 0;
    for (int limit = 48; limit > 0 && (at = pci_capability_next(f, at)) != 0; limit--) {
        uint32_t id = pci_config_get(f, at, 1);
        if (id == CAP_MSI)
            f->msi = (uint8_t)at;
        if (id != CAP_MSIX)
            continue;
        uint32_t table = pci_config_get(f, at + 4, 4);
        f->msix = (uint8_t)at;
        f->msix_count = (uint16_t)((pci_config_get(f, at + 2, 2) & 0x7ff) + 1);
        f->msix_bar = table & 7;
        f->msix_offset = table & ~7u;
    }
    if (f->msix != 0 && (f->msix_bar >= PCI_BARS || f->bar[f->msix_bar].io ||
                         f->msix_offset + 16ul * f->msix_count > f->bar[f->msix_bar].size))
        f->msix = 0; /* a table outside its BAR */
}

static void probe_ordinary(struct pci_function *f)
{
    uint32_t command = pci_config_get(f, PCI_COMMAND, 2);
    pci_config_set(f, PCI_COMMAND, 2,
                   command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
    for (unsigned n = 0; n < PCI_BARS;)
        n += probe_bar(f, n);
    /* Unclaimed functions do no DMA; the firmware's driver is gone. */
    pci_config_set(f, PCI_COMMAND, 2, (command & ~PCI_COMMAND_MASTER) | PCI_COMMAND_NO_INTX);
    f->line = (uint8_t)pci_config_get(f, 0x3c, 1);
    if (pci_config_get(f, 0x3d, 1) == 0)
        f->line = 255;
    probe_capabilities(f);
}

static void scan_bus(unsigned bus, unsigned depth);

static void add_function(uint16_t address, unsigned depth)
{
    struct pci_function *f = kmalloc(&job_root, sizeof(*f));
    if (f == NULL)
        return;
    f->address = address;
    f->header = get_at(address, 0x0e, 1) & 0x7f;
    mutex_init(&f->mutex);
    list_init(&f->dma);
    pci_irq_init(f);
    list_append(&pci_functions, &f->link);
    if (f->header == 0)
        probe_ordinary(f);
    else if (f->header == 1 && depth < BUS_MAX)
        scan_bus(get_at(address, 0x19, 1), depth + 1);
}

static void scan_bus(unsigned bus, unsigned depth)
{
    if (depth > 0 && bus == 0) /* a bridge that the firmware left alone */
        return;
    for (unsigned device = 0; device < 32; device++) {
        uint16_t address = (uint16_t)(bus << 8 | device << 3);
        if (get_at(address, 0, 2) == 0xffff)
            continue;
        unsigned functions = get_at(address, 0x0e, 1) & 0x80 ? 8 : 1;
        for (unsigned i = 0; i < functions; i++)
            if (get_at((uint16_t)(address | i), 0, 2) != 0xffff)
                add_function((uint16_t)(address | i), depth);
    }
}

void pci_init(void)
{
    unsigned count = 0;
    scan_bus(0, 0);
    list_for_each(at, &pci_functions) count++;
    klog("pci: %u functions", count);
}
