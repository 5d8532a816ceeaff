/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device made of memory, for tests: a network card that loops transmitted frames back to the receive
 * queue, or a disk. It can be told to lie. It implements struct pci_ops.
 */
#ifndef TESTS_HOST_FAKE_VIRTIO_H
#define TESTS_HOST_FAKE_VIRTIO_H

#include "drivers/pci/pci.h"

#define FAKE_BAR      4
#define FAKE_BAR_SIZE 0x4000
#define FAKE_COMMON   0x0000
#define FAKE_STATUS   0x1000
#define FAKE_CONFIG   0x2000
#define FAKE_NOTIFY   0x3000
#define FAKE_DMA_MAX  16

#define FAKE_MERGE (UINT64_C(1) << 15) /* features */
#define FAKE_TSO   (UINT64_C(3) << 7)

struct fake_queue {
    uint16_t size;
    uint16_t vector;
    uint16_t enabled;
    uint64_t table, available, used;
    uint16_t seen;     /* available index up to which chains were taken */
    uint16_t finished; /* used index */
};

struct fake_virtio {
    uint8_t config[256];
    uint8_t device_config[64];
    uint64_t offered;
    uint64_t accepted;
    uint32_t feature_select[2];
    uint8_t status;
    uint16_t config_vector;
    uint16_t queue_select;
    struct fake_queue queues[2];
    struct pci_dma dma[FAKE_DMA_MAX];
    unsigned dma_count;
    unsigned notifications;
    bool stuck_reset;
    bool refuse_features;
    bool refuse_dma;
    uint32_t notify_offset;
    uint8_t receive_flags;
    /* Random bytes that registers answer with, for fuzzing; NULL: the honest device. */
    const uint8_t *noise;
    size_t noise_size;
};

void fake_virtio_init(struct fake_virtio *fake);
void fake_virtio_free(struct fake_virtio *fake);
void fake_virtio_function(struct fake_virtio *fake, struct pci_function *function);

/* Moves each transmitted frame into a receive buffer. */
void fake_virtio_loop(struct fake_virtio *fake);

/* Receives a frame into as many buffers as it takes, if the driver has merging. False: there are not enough. */
bool fake_virtio_deliver(struct fake_virtio *fake, uint8_t flags, uint8_t gso_type,
                         const void *frame, size_t length);
/* The same with another number of buffers in the header. */
bool fake_virtio_deliver_as(struct fake_virtio *fake, uint8_t flags, uint8_t gso_type,
                            const void *frame, size_t length, unsigned buffers);

/* The memory behind a bus address, or NULL if [bus, bus + length) is not DMA memory. */
void *fake_virtio_memory(struct fake_virtio *fake, uint64_t bus, size_t length);

/* Writes a used element as it is, then the index. */
void fake_virtio_finish(struct fake_virtio *fake, unsigned queue, uint32_t id, uint32_t length);
/* Next available chain head of the queue, or -1. */
int fake_virtio_next(struct fake_virtio *fake, unsigned queue);

/* Makes it a disk (test_virtio_blk.c) of so many sectors, with FEATURES besides the necessary ones. */
void fake_virtio_become_disk(struct fake_virtio *fake, uint64_t sectors, uint64_t features);
/* Serves the next request from or to the bytes of DISK; false: none. FAIL: with that status and nothing moved. */
bool fake_virtio_serve_disk(struct fake_virtio *fake, uint8_t *disk, uint8_t fail);

#endif
