/* SPDX-License-Identifier: BSD-2-Clause */
/* An 82540EM behind struct pci_ops: honest unless told otherwise. */
#ifndef TESTS_HOST_FAKE_E1000_H
#define TESTS_HOST_FAKE_E1000_H

#include "drivers/pci/pci.h"

#define FAKE_E1000_REGISTERS 0x20000
#define FAKE_E1000_DMA_MAX   8

struct fake_e1000 {
    uint8_t config[256];
    uint32_t registers[FAKE_E1000_REGISTERS / 4];
    uint16_t eeprom[64];
    struct pci_dma dma[FAKE_E1000_DMA_MAX];
    unsigned dma_count;
    bool stuck_reset, stuck_eeprom, refuse_dma;
    unsigned dma_left;    /* with refuse_dma: allocations that still succeed */
    const uint8_t *noise; /* if set: what registers read as */
    size_t noise_size;
    uint8_t sent[2048]; /* the last frame */
    size_t sent_length;
    unsigned sent_count;
};

void fake_e1000_init(struct fake_e1000 *fake);
void fake_e1000_free(struct fake_e1000 *fake);
void fake_e1000_function(struct fake_e1000 *fake, struct pci_function *function);
/* NULL: no DMA memory there. */
void *fake_e1000_memory(struct fake_e1000 *fake, uint64_t bus, size_t length);
/* The device's next receive descriptor (16 bytes), or NULL; it moves on. */
uint8_t *fake_e1000_next(struct fake_e1000 *fake);
/* Puts a frame into the next receive buffer. False: there is none. */
bool fake_e1000_deliver(struct fake_e1000 *fake, const void *frame, size_t length, uint8_t status,
                        uint8_t errors);
/* Sends what the driver has queued, at most so many frames. */
void fake_e1000_transmit(struct fake_e1000 *fake, unsigned most);

#endif
