/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI functions through descriptors: the directory `pci` of the kernel, one subdirectory a function.
 *
 * Needs: a directory descriptor with the rights to open, read and write files below it and to map
 * memory. Claiming is for the life of the process: exit ends it, and the kernel resets the function.
 */
#ifndef DRIVERS_PCI_PCI_FD_H
#define DRIVERS_PCI_PCI_FD_H

#include "drivers/pci/pci.h"

struct pci_fd_bar {
    volatile uint8_t *base;
    uint64_t size;
};

struct pci_fd {
    int directory;
    int claim;
    int config;
    struct pci_fd_bar bars[PCI_BARS];
};

struct pci_match {
    uint16_t vendor;
    uint16_t device;
};

/*
 * Opens and claims the first function under `directory` that is one of `matches`. `directory` may also
 * be the function's own directory. ENODEV: none there; EBUSY: only claimed ones.
 */
int pci_fd_find(int directory, const struct pci_match *matches, size_t count, struct pci_fd *fd);

/* The function behind `fd`, which must outlive it. */
void pci_fd_function(struct pci_fd *fd, struct pci_function *function);

#endif
