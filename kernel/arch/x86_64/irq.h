/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of devices, for kernel/dev.  A handler runs with interrupts off on the boot CPU, between any
 * two instructions of a program: it may take spinlocks and unpark, nothing more.
 */
#ifndef KERNEL_ARCH_X86_64_IRQ_H
#define KERNEL_ARCH_X86_64_IRQ_H

#include <stdbool.h>
#include <stdint.h>

/* A vector whose interrupt calls HANDLER(ARG), or -1. */
int arch_irq_alloc(void (*handler)(void *), void *arg);
/* After the device can no longer send it. */
void arch_irq_free(int vector);
/* What a device writes where to raise it (MSI, MSI-X). */
void arch_irq_msi(int vector, uint64_t *address, uint32_t *data);
/* Connects a line: a global interrupt number, or an ISA number with the firmware's exceptions. */
bool arch_irq_route(uint32_t gsi, int vector, bool level, bool active_low);
bool arch_irq_route_isa(uint8_t irq, int vector);
bool arch_irq_route_pci(uint8_t gsi,
                        int vector); /* INTx: level, low unless the firmware says else */
void arch_irq_unroute(uint32_t gsi);

#endif
