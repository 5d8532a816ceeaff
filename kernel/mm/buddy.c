/* SPDX-License-Identifier: BSD-2-Clause */
/* The buddy allocator; see buddy.h. The first frame of a free block has state FRAME_FREE and its order. */
#include "kernel/mm/buddy.h"

#include "kernel/lib/assert.h"

void buddy_init(struct buddy *buddy, struct frame *frames, uint64_t count)
{
    *buddy = (struct buddy){.frames = frames, .count = count};
    for (uint64_t i = 0; i < count; i++)
        frames[i] = (struct frame){.references = 1};
}

static void list_in(struct buddy *buddy, struct frame *frame, unsigned order)
{
    struct frame *head = buddy->lists[order];
    frame->state = FRAME_FREE;
    frame->order = order;
    frame->link.prev = NULL;
    frame->link.next = head;
    if (head != NULL)
        head->link.prev = frame;
    buddy->lists[order] = frame;
}

static void list_out(struct buddy *buddy, struct frame *frame)
{
    if (frame->link.prev != NULL)
        frame->link.prev->link.next = frame->link.next;
    else
        buddy->lists[frame->order] = frame->link.next;
    if (frame->link.next != NULL)
        frame->link.next->link.prev = frame->link.prev;
    frame->state = 0;
}

static bool is_free_block(const struct buddy *buddy, uint64_t number, unsigned order)
{
    if (number + (1ul << order) > buddy->count)
        return false;
    const struct frame *frame = &buddy->frames[number];
    return frame->state == FRAME_FREE && frame->order == order &&
           atomic_load_explicit(&frame->references, memory_order_relaxed) == 0;
}

void buddy_free(struct buddy *buddy, struct frame *frame, unsigned order)
{
    uint64_t number = frame - buddy->frames;
    kverify(frame->state != FRAME_FREE && (number & ((1ul << order) - 1)) == 0);
    buddy->free += 1ul << order;
    while (order + 1 < FRAME_ORDERS) {
        uint64_t other = number ^ (1ul << order);
        if (!is_free_block(buddy, other, order))
            break;
        list_out(buddy, &buddy->frames[other]);
        number &= ~(1ul << order);
        order++;
    }
    list_in(buddy, &buddy->frames[number], order);
}

void buddy_add(struct buddy *buddy, uint64_t first, uint64_t end)
{
    kverify(end <= buddy->count);
    for (uint64_t i = first; i < end; i++)
        atomic_store_explicit(&buddy->frames[i].references, 0, memory_order_relaxed);
    while (first < end) {
        unsigned order = 0;
        while (order + 1 < FRAME_ORDERS && (first & ((2ul << order) - 1)) == 0 &&
               first + (2ul << order) <= end)
            order++;
        buddy_free(buddy, &buddy->frames[first], order);
        first += 1ul << order;
    }
}

struct frame *buddy_alloc(struct buddy *buddy, unsigned order)
{
    unsigned from = order;
    while (from < FRAME_ORDERS && buddy->lists[from] == NULL)
        from++;
    if (from >= FRAME_ORDERS)
        return NULL;
    struct frame *frame = buddy->lists[from];
    list_out(buddy, frame);
    while (from > order) { /* keep the lower half, the upper one is free */
        from--;
        list_in(buddy, frame + (1ul << from), from);
    }
    buddy->free -= 1ul << order;
    return frame;
}
