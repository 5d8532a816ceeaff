/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI functions.  They are found once, at boot, and never go away, so pointers to them are
 * kept without counting.
 *
 * Locks: `mutex` (sleeping) guards the claim and what stems from it. Configuration space is reached under a
 * spinlock of its own (pci_bus.c), by interrupt handlers too.
 */
#ifndef KERNEL_DEV_PCI_H
#define KERNEL_DEV_PCI_H

#include "kernel/fd/file.h"
#include "kernel/lib/list.h"

#define PCI_BARS 6
#define PCI_IRQS 8

#define PCI_COMMAND         0x04
#define PCI_COMMAND_IO      0x0001u
#define PCI_COMMAND_MEMORY  0x0002u
#define PCI_COMMAND_MASTER  0x0004u
#define PCI_COMMAND_NO_INTX 0x0400u

struct process;

struct pci_bar {
    paddr_t start;
    uint64_t size; /* 0: not there */
    bool io, prefetchable;
    struct memobj *object; /* mutex: made by the first open of a claim */
};

enum pci_irq_kind { PCI_IRQ_CLOSED, PCI_IRQ_MSIX, PCI_IRQ_MSI, PCI_IRQ_INTX };

/* Part of its function for ever, so that a late interrupt finds something. */
struct pci_irq {
    struct pci_function *function; /* constant */
    unsigned index;                /* constant */
    enum pci_irq_kind kind;        /* mutex */
    int vector;                    /* mutex */
    _Atomic uint64_t count;        /* since last told */
    struct waitq waiters;
};

struct pci_function {
    struct list link; /* constant after boot */
    uint16_t address; /* bus, device, function as in configuration addresses */
    uint8_t header;   /* type: 0 ordinary, 1 bridge */
    uint8_t line;     /* INTx: the firmware's global interrupt number, 255 none */
    struct pci_bar bar[PCI_BARS];
    uint8_t msi, msix; /* capabilities, 0: not there */
    uint16_t msix_count;
    unsigned msix_bar;
    uint64_t msix_offset;
    struct mutex mutex;
    struct process *claimant; /* mutex; NULL: unclaimed; only compared */
    _Atomic uint64_t
        claim_number; /* changes when a claim ends: descriptors of an older one are dead */
    struct list dma;  /* mutex */
    volatile uint32_t *msix_table; /* mutex; mapped at the first use, kept */
    paddr_t stop_at;        /* mutex: the register that stops the device, as its driver has told */
    volatile uint8_t *stop; /* mutex; mapped at the first use, kept */
    bool stops;             /* mutex: the driver of this claim has told */
    struct pci_irq irq[PCI_IRQS];
};

/* pci_bus.c */
extern struct list pci_functions;
void pci_init(void);
uint32_t pci_config_get(const struct pci_function *f, unsigned offset, unsigned width);
void pci_config_set(const struct pci_function *f, unsigned offset, unsigned width, uint32_t value);
void pci_command_change(const struct pci_function *f, uint16_t clear, uint16_t set);
/* The next capability after AT (0: the first); 0: no more. */
unsigned pci_capability_next(const struct pci_function *f, unsigned at);

/* pci_claim.c: opening what a function has. EPERM without the claim. */
cloudabi_errno_t pci_claim_open(struct pci_function *f, cloudabi_fdflags_t flags, struct job *job,
                                struct file **out);
cloudabi_errno_t pci_bar_open(struct pci_function *f, unsigned bar, cloudabi_fdflags_t flags,
                              struct job *job, struct file **out);
cloudabi_errno_t pci_dma_open(struct pci_function *f, uint64_t size, cloudabi_fdflags_t flags,
                              struct job *job, struct file **out);
bool pci_claimed_by_caller(struct pci_function *f);        /* mutex held */
void pci_process_ends(struct process *process, bool exec); /* exit hook */

/* pci_config.c */
cloudabi_errno_t pci_config_open(struct pci_function *f, cloudabi_fdflags_t flags, bool write,
                                 struct job *job, struct file **out);
cloudabi_errno_t pci_io_open(struct pci_function *f, unsigned bar, cloudabi_fdflags_t flags,
                             struct job *job, struct file **out);

/* pci_irq.c */
void pci_irq_init(struct pci_function *f);
cloudabi_errno_t pci_irq_open(struct pci_function *f, unsigned index, cloudabi_fdflags_t flags,
                              struct job *job, struct file **out);
void pci_irq_stop_all(struct pci_function *f); /* end of a claim; mutex held */

#endif
