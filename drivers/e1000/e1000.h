/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel's 82540EM ("e1000"; PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual, 317453):
 * one receive and one transmit ring of legacy descriptors, INTx.
 *
 * Each ring has one descriptor more than there are buffers, so it is never full. The driver keeps its own
 * places in the rings and writes every descriptor anew before the device gets it; of what the device writes it reads
 * only status, errors and length, each once, and checks the length. See drivers/nic/nic.h.
 */
#ifndef DRIVERS_E1000_E1000_H
#define DRIVERS_E1000_E1000_H

#include "drivers/nic/nic.h"
#include "drivers/pci/pci.h"

#define E1000_VENDOR         0x8086
#define E1000_DEVICE_82540EM 0x100e

#define E1000_RING_MAX 256

/* A ring and its buffers, of one direction. */
struct e1000_ring {
    struct pci_dma descriptors;
    struct pci_dma buffers;
    uint16_t size;                  /* descriptors: a power of two */
    uint16_t head;                  /* the next that the device finishes */
    uint16_t tail;                  /* the next to be given to it */
    uint16_t flushed;               /* the tail that it was told */
    uint16_t slots[E1000_RING_MAX]; /* buffer of each descriptor that the device has */
    bool held[E1000_RING_MAX];      /* buffers with the caller */
    uint16_t free[E1000_RING_MAX];  /* transmit: buffers that nobody has */
    uint16_t free_count;
};

struct e1000 {
    struct pci_function *function;
    struct pci_region registers;
    struct e1000_ring receive;
    struct e1000_ring transmit;
    uint8_t mac[6];
    bool skipping; /* the rest of a frame that was longer than a buffer */
    bool transmit_interrupt;
    bool broken;
};

/* `ring`: descriptors per direction, a power of two from 8 to E1000_RING_MAX. */
int e1000_open(struct e1000 *card, struct pci_function *function, uint16_t ring);
void e1000_close(struct e1000 *card);

int e1000_receive(struct e1000 *card, struct nic_frame *frame);
void e1000_recycle(struct e1000 *card, uint16_t index);
uint16_t e1000_receive_room(const struct e1000 *card);
int e1000_prepare(struct e1000 *card, uint8_t **data, uint16_t *index);
int e1000_send(struct e1000 *card, uint16_t index, uint32_t length);
int e1000_reap(struct e1000 *card);
void e1000_flush(struct e1000 *card);
bool e1000_arm(struct e1000 *card, bool want_transmit);
void e1000_acknowledge(struct e1000 *card);
bool e1000_link(struct e1000 *card);

/* The opened card as any other. */
void e1000_nic(struct e1000 *card, struct nic *nic);

#endif
