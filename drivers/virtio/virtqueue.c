/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio/virtqueue.h"

#include <errno.h>

#define DESCRIPTOR_NEXT        1
#define DESCRIPTOR_WRITE       2
#define AVAILABLE_NO_INTERRUPT 1
#define USED_NO_NOTIFY         1

#define RING_FLAGS 0
#define RING_INDEX 1
#define RING_START 2

static uint16_t shared_read(const uint16_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void shared_write(uint16_t *word, uint16_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* The last word of the available ring: the used index at which the driver wants an interrupt. */
static uint16_t *used_event(struct virtqueue *queue)
{
    return queue->available + RING_START + queue->size;
}

/* The last word of the used ring: the available index at which the device wants a notification. */
static const uint16_t *available_event(const struct virtqueue *queue)
{
    return queue->used + RING_START + 4 * (size_t)queue->size;
}

size_t virtqueue_available_offset(uint16_t size)
{
    return sizeof(struct virtqueue_descriptor) * size;
}

size_t virtqueue_used_offset(uint16_t size)
{
    size_t end = virtqueue_available_offset(size) + 2 * ((size_t)size + 3);
    return (end + 3) & ~(size_t)3;
}

size_t virtqueue_memory(uint16_t size)
{
    return virtqueue_used_offset(size) + 6 + 8 * (size_t)size;
}

void virtqueue_init(struct virtqueue *queue, uint16_t size, void *memory,
                    struct virtqueue_slot *slots, bool event_index)
{
    *queue = (struct virtqueue){
        .table = memory,
        .available = (void *)((char *)memory + virtqueue_available_offset(size)),
        .used = (void *)((char *)memory + virtqueue_used_offset(size)),
        .slots = slots,
        .size = size,
        .free_count = size,
        .event_index = event_index,
    };
    for (uint16_t i = 0; i < size; i++)
        slots[i] = (struct virtqueue_slot){.next = (uint16_t)(i + 1)};
}

static void describe(struct virtqueue *queue, uint16_t slot, const struct virtqueue_buffer *buffer,
                     uint16_t flags)
{
    struct virtqueue_descriptor *descriptor = &queue->table[slot];
    descriptor->address = buffer->bus;
    descriptor->length = buffer->length;
    descriptor->flags = flags;
    descriptor->next = queue->slots[slot].next;
}

int virtqueue_add(struct virtqueue *queue, const struct virtqueue_buffer *buffers, unsigned out,
                  unsigned in, void *token)
{
    unsigned count = out + in;
    if (queue->broken)
        return EIO;
    if (count == 0)
        return EINVAL;
    if (count > queue->free_count)
        return ENOSPC;
    uint16_t head = queue->free_head;
    uint16_t slot = head;
    uint32_t writable = 0;
    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = i + 1 < count ? DESCRIPTOR_NEXT : 0;
        if (i >= out) {
            flags |= DESCRIPTOR_WRITE;
            writable += buffers[i].length;
        }
        describe(queue, slot, &buffers[i], flags);
        slot = queue->slots[slot].next;
    }
    queue->free_head = slot;
    queue->free_count = (uint16_t)(queue->free_count - count);
    queue->slots[head].token = token;
    queue->slots[head].writable = writable;
    queue->slots[head].count = (uint16_t)count;
    queue->chains++;
    queue->available[RING_START + (queue->filled & (queue->size - 1))] = head;
    queue->filled++;
    return 0;
}

bool virtqueue_publish(struct virtqueue *queue)
{
    uint16_t before = queue->published;
    uint16_t after = queue->filled;
    if (queue->broken || before == after)
        return false;
    shared_write(&queue->available[RING_INDEX], after);
    queue->published = after;
    /* The index must be visible before the device's wish is read, else both sides may sleep. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!queue->event_index)
        return (shared_read(&queue->used[RING_FLAGS]) & USED_NO_NOTIFY) == 0;
    uint16_t event = shared_read(available_event(queue));
    return (uint16_t)(after - event - 1) < (uint16_t)(after - before);
}

static void chain_free(struct virtqueue *queue, uint16_t head)
{
    uint16_t last = head;
    uint16_t count = queue->slots[head].count;
    for (uint16_t i = 1; i < count; i++)
        last = queue->slots[last].next;
    queue->slots[last].next = queue->free_head;
    queue->slots[head].count = 0;
    queue->slots[head].token = NULL;
    queue->free_head = head;
    queue->free_count = (uint16_t)(queue->free_count + count);
    queue->chains--;
}

static int violated(struct virtqueue *queue)
{
    queue->broken = true;
    return EIO;
}

uint16_t virtqueue_finished(const struct virtqueue *queue)
{
    return (uint16_t)(shared_read(&queue->used[RING_INDEX]) - queue->taken);
}

int virtqueue_take(struct virtqueue *queue, void **token, uint32_t *length)
{
    if (queue->broken)
        return EIO;
    uint16_t finished = virtqueue_finished(queue);
    if (finished == 0)
        return EAGAIN;
    if (finished > queue->chains)
        return violated(queue);
    size_t place = RING_START + 4 * (size_t)(queue->taken & (queue->size - 1));
    const uint32_t *element = (const void *)&queue->used[place];
    uint32_t id = __atomic_load_n(&element[0], __ATOMIC_RELAXED);
    uint32_t written = __atomic_load_n(&element[1], __ATOMIC_RELAXED);
    if (id >= queue->size || queue->slots[id].count == 0 || written > queue->slots[id].writable)
        return violated(queue);
    *token = queue->slots[id].token;
    *length = written;
    chain_free(queue, (uint16_t)id);
    queue->taken++;
    return 0;
}

void virtqueue_break(struct virtqueue *queue)
{
    queue->broken = true;
}

bool virtqueue_arm(struct virtqueue *queue)
{
    if (queue->event_index)
        shared_write(used_event(queue), queue->taken);
    else
        shared_write(&queue->available[RING_FLAGS], 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return queue->broken || shared_read(&queue->used[RING_INDEX]) != queue->taken;
}

void virtqueue_disarm(struct virtqueue *queue)
{
    /* With event index, an event half a cycle behind is not reached again soon. */
    if (queue->event_index)
        shared_write(used_event(queue), (uint16_t)(queue->taken - 1 - 0x7fff));
    else
        shared_write(&queue->available[RING_FLAGS], AVAILABLE_NO_INTERRUPT);
}
