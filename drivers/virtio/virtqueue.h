/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A split virtqueue (Virtio 1.1, section 2.6) with event index, driver side.
 *
 * The device may write any bytes into the used ring, at any time. Therefore the driver keeps its own
 * account: free slots, chains and tokens live in private memory, descriptors are never read back, and a
 * used element counts only if it names the head of a chain in flight and a length that fits it. Anything
 * else breaks the queue: from then on every function returns EIO, and the caller resets the device.
 *
 * Not thread safe: one thread owns a queue.
 */
#ifndef DRIVERS_VIRTIO_VIRTQUEUE_H
#define DRIVERS_VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQUEUE_SIZE_MAX 1024

struct virtqueue_slot {
    void *token;       /* head of a chain in flight: what the caller gave */
    uint32_t writable; /* head: bytes that the device may write */
    uint16_t next;     /* next slot of the chain, or of the free list */
    uint16_t count;    /* head: slots in the chain; 0: not in flight */
};

struct virtqueue_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
};

struct virtqueue {
    /* Shared with the device. */
    struct virtqueue_descriptor *table;
    uint16_t *available; /* flags, index, ring[size], used_event */
    uint16_t *used;      /* flags, index, {u32 id, u32 length}[size], available_event */
    /* Private. */
    struct virtqueue_slot *slots;
    uint16_t size;
    uint16_t free_head;
    uint16_t free_count;
    uint16_t chains;    /* in flight */
    uint16_t filled;    /* available index as of the last add */
    uint16_t published; /* available index the device has been told */
    uint16_t taken;     /* used index up to which elements were taken */
    bool event_index;   /* VIRTIO_F_EVENT_IDX was negotiated */
    bool broken;
};

struct virtqueue_buffer {
    uint64_t bus;
    uint32_t length;
};

/* Bytes of shared memory that a queue of `size` slots needs, and where its parts lie in it. */
size_t virtqueue_memory(uint16_t size);
size_t virtqueue_available_offset(uint16_t size);
size_t virtqueue_used_offset(uint16_t size);

/* `memory` is zeroed and 16-aligned; `slots` has `size` elements. `size`: a power of two. */
void virtqueue_init(struct virtqueue *queue, uint16_t size, void *memory,
                    struct virtqueue_slot *slots, bool event_index);

/*
 * Queues a chain: first `out` buffers that the device reads, then `in` that it writes. The device sees
 * it only after virtqueue_publish. ENOSPC if there are not enough slots.
 */
int virtqueue_add(struct virtqueue *queue, const struct virtqueue_buffer *buffers, unsigned out,
                  unsigned in, void *token);

/* Shows all added chains to the device. True if it must be notified. */
bool virtqueue_publish(struct virtqueue *queue);

/* Takes one finished chain. EAGAIN: none. `length` is what the device says it wrote. */
int virtqueue_take(struct virtqueue *queue, void **token, uint32_t *length);

/* How many finished chains there are to take, as the device says: only virtqueue_take finds out if that is true. */
uint16_t virtqueue_finished(const struct virtqueue *queue);

/* The device broke the protocol in a way that only the caller could see. */
void virtqueue_break(struct virtqueue *queue);

/* Asks for an interrupt at the next finished chain. True: there is one already. */
bool virtqueue_arm(struct virtqueue *queue);

/* Asks for no interrupts (a hint: some may come). */
void virtqueue_disarm(struct virtqueue *queue);

#endif
