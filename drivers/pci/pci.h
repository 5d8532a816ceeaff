/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A claimed PCI function, as a driver sees it.
 *
 * All access to hardware passes through struct pci_ops, so that the host build can put a fake device
 * (also a lying one) in its place. Functions return 0 or a positive errno value, and write results only
 * on success. What the function reports is never trusted: capability lists are bounded, and every MMIO
 * access is checked against the size of its BAR.
 */
#ifndef DRIVERS_PCI_PCI_H
#define DRIVERS_PCI_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_VENDOR_ID    0x00
#define PCI_DEVICE_ID    0x02
#define PCI_COMMAND      0x04
#define PCI_STATUS       0x06
#define PCI_CAPABILITIES 0x34

#define PCI_COMMAND_MEMORY      0x0002
#define PCI_COMMAND_MASTER      0x0004
#define PCI_STATUS_CAPABILITIES 0x0010

#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX   0x11

#define PCI_BARS 6

/* Memory that the function may read and write: contiguous for both sides. */
struct pci_dma {
    void *memory;
    uint64_t bus;
    size_t size;
};

struct pci_ops {
    int (*config_read)(void *context, unsigned offset, unsigned width, uint32_t *value);
    int (*config_write)(void *context, unsigned offset, unsigned width, uint32_t value);
    /* Makes a memory BAR accessible; asking twice for the same one gives the same size. */
    int (*bar_map)(void *context, unsigned bar, uint64_t *size);
    uint32_t (*mmio_read)(void *context, unsigned bar, uint64_t offset, unsigned width);
    void (*mmio_write)(void *context, unsigned bar, uint64_t offset, unsigned width,
                       uint32_t value);
    /* A descriptor that polls readable when the interrupt has fired. */
    int (*irq_open)(void *context, unsigned index, int *fd);
    /* Zeroed memory; it lives as long as the claim. `size` is a multiple of 4096. */
    int (*dma_alloc)(void *context, size_t size, struct pci_dma *dma);
};

struct pci_function {
    const struct pci_ops *ops;
    void *context;
};

/* A checked range of one BAR. */
struct pci_region {
    unsigned bar;
    uint64_t offset;
    uint32_t length; /* 0: absent */
};

int pci_config_read(struct pci_function *function, unsigned offset, unsigned width,
                    uint32_t *value);
int pci_config_write(struct pci_function *function, unsigned offset, unsigned width,
                     uint32_t value);

/* Finds the next capability `id` after `*position` (0: from the start). ENOENT at the end. */
int pci_capability_next(struct pci_function *function, uint8_t id, unsigned *position);

/* Turns on memory decoding and bus mastering. */
int pci_enable(struct pci_function *function);

/* True if the function signals with MSI-X (decided by the kernel when an interrupt was opened). */
bool pci_uses_msix(struct pci_function *function);

/* Maps the BAR and checks that the range lies in it. ERANGE if it does not. */
int pci_region_map(struct pci_function *function, const struct pci_region *region);

/* Accesses outside the region read as all ones and write nothing. */
uint32_t pci_region_read(struct pci_function *function, const struct pci_region *region,
                         uint32_t offset, unsigned width);
void pci_region_write(struct pci_function *function, const struct pci_region *region,
                      uint32_t offset, unsigned width, uint32_t value);

#endif
