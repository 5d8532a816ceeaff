/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of PCI that needs no operating system: configuration space and checked BAR ranges. */
#include "drivers/pci/pci.h"

#include <errno.h>

#define PCI_HEADER_SIZE      0x40
#define PCI_CONFIG_SIZE      0x100
#define PCI_CAPABILITIES_MAX ((PCI_CONFIG_SIZE - PCI_HEADER_SIZE) / 4)
#define PCI_MSIX_CONTROL     2
#define PCI_MSIX_ENABLE      0x8000

int pci_config_read(struct pci_function *function, unsigned offset, unsigned width, uint32_t *value)
{
    return function->ops->config_read(function->context, offset, width, value);
}

int pci_config_write(struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
    return function->ops->config_write(function->context, offset, width, value);
}

/* Where the list goes on after `position`; 0 is the end. */
static int capability_follow(struct pci_function *function, unsigned position, unsigned *next)
{
    uint32_t value;
    unsigned offset = position + 1;
    if (position == 0) {
        int error = pci_config_read(function, PCI_STATUS, 2, &value);
        if (error != 0)
            return error;
        if ((value & PCI_STATUS_CAPABILITIES) == 0) {
            *next = 0;
            return 0;
        }
        offset = PCI_CAPABILITIES;
    }
    int error = pci_config_read(function, offset, 1, &value);
    if (error != 0)
        return error;
    *next = value & 0xfc;
    return 0;
}

int pci_capability_next(struct pci_function *function, uint8_t id, unsigned *position)
{
    unsigned at = *position;
    /* The bound ends a list that the function has tied into a ring. */
    for (unsigned i = 0; i < PCI_CAPABILITIES_MAX; i++) {
        int error = capability_follow(function, at, &at);
        if (error != 0)
            return error;
        if (at < PCI_HEADER_SIZE)
            return ENOENT;
        uint32_t found;
        error = pci_config_read(function, at, 1, &found);
        if (error != 0)
            return error;
        if (found == id) {
            *position = at;
            return 0;
        }
    }
    return ENOENT;
}

int pci_enable(struct pci_function *function)
{
    uint32_t command;
    int error = pci_config_read(function, PCI_COMMAND, 2, &command);
    if (error != 0)
        return error;
    command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    return pci_config_write(function, PCI_COMMAND, 2, command);
}

bool pci_uses_msix(struct pci_function *function)
{
    unsigned position = 0;
    uint32_t control;
    if (pci_capability_next(function, PCI_CAP_MSIX, &position) != 0)
        return false;
    if (pci_config_read(function, position + PCI_MSIX_CONTROL, 2, &control) != 0)
        return false;
    return (control & PCI_MSIX_ENABLE) != 0;
}

int pci_region_map(struct pci_function *function, const struct pci_region *region)
{
    uint64_t size;
    if (region->bar >= PCI_BARS)
        return ERANGE;
    int error = function->ops->bar_map(function->context, region->bar, &size);
    if (error != 0)
        return error;
    if (region->offset > size || region->length > size - region->offset)
        return ERANGE;
    return 0;
}

static bool region_holds(const struct pci_region *region, uint32_t offset, unsigned width)
{
    return offset <= region->length && width <= region->length - offset && offset % width == 0;
}

uint32_t pci_region_read(struct pci_function *function, const struct pci_region *region,
                         uint32_t offset, unsigned width)
{
    if (!region_holds(region, offset, width))
        return UINT32_MAX;
    return function->ops->mmio_read(function->context, region->bar, region->offset + offset, width);
}

void pci_region_write(struct pci_function *function, const struct pci_region *region,
                      uint32_t offset, unsigned width, uint32_t value)
{
    if (region_holds(region, offset, width))
        function->ops->mmio_write(function->context, region->bar, region->offset + offset, width,
                                  value);
}
