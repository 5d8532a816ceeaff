/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio disk (Virtio 1.1, section 5.2): one queue of requests over lists of memory segments.
 *
 * The segments are the caller's: bus addresses of memory that stays where it is until virtio_blk_take() has given the
 * token back. Nothing is shown to the device before virtio_blk_submit(), which the caller's loop makes once a round.
 *
 * The device's answers are checked: a request counts as done only if its status says so and, for a read, all bytes
 * were written. EIO from any function but through virtio_blk_take()'s RESULT means that it broke the protocol:
 * virtio_blk_close() stops it. Not thread safe.
 */
#ifndef DRIVERS_VIRTIO_BLK_VIRTIO_BLK_H
#define DRIVERS_VIRTIO_BLK_VIRTIO_BLK_H

#include "drivers/virtio/virtio.h"

#define VIRTIO_BLK_SECTOR   512u
#define VIRTIO_BLK_SEGMENTS 64u /* of one request */
#define VIRTIO_BLK_REQUESTS 64u /* in flight */

enum virtio_blk_type { VIRTIO_BLK_READ = 0, VIRTIO_BLK_WRITE = 1, VIRTIO_BLK_FLUSH = 4 };

struct virtio_blk_request {
    void *token;
    uint32_t bytes;
    uint8_t type;
    bool used;
};

struct virtio_blk {
    struct virtio_device device;
    struct virtio_queue queue;
    struct pci_dma headers; /* of each request: header and status */
    struct virtio_blk_request requests[VIRTIO_BLK_REQUESTS];
    unsigned in_flight;
    uint64_t sectors;
    bool read_only;
    bool has_cache; /* what is written is on the medium only after a flush */
    bool msix;
};

/*
 * Brings the disk up. The interrupt must have been opened before (it decides between MSI-X and INTx).
 * ENOTSUP: a disk of a kind that this driver does not know (sectors of another size, small requests only).
 */
int virtio_blk_open(struct virtio_blk *blk, struct pci_function *function);
void virtio_blk_close(struct virtio_blk *blk);

/*
 * Queues a read or write of whole sectors from SECTOR on. EAGAIN: as much as possible is under way, try again after
 * virtio_blk_take(); EINVAL: beyond the end, no whole sectors, too many segments; EROFS. TOKEN is not NULL.
 */
int virtio_blk_transfer(struct virtio_blk *blk, enum virtio_blk_type type, uint64_t sector,
                        const struct virtqueue_buffer *segments, unsigned count, void *token);
/* Queues a flush of all that virtio_blk_take() has told to be written. EAGAIN. */
int virtio_blk_flush(struct virtio_blk *blk, void *token);

/* Shows everything queued to the device. */
void virtio_blk_submit(struct virtio_blk *blk);

/* Takes one finished request: its token, and 0 or EIO as RESULT. EAGAIN: none. */
int virtio_blk_take(struct virtio_blk *blk, void **token, int *result);

/* Before waiting: asks for an interrupt. True: there is work already, do not wait. */
bool virtio_blk_arm(struct virtio_blk *blk);

/* After an interrupt: acknowledges INTx. */
void virtio_blk_acknowledge(struct virtio_blk *blk);

#endif
