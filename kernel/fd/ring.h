/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A byte ring over separate pages, which come when they are first written and go when the ring runs empty.
 * Positions count bytes since the ring was last empty.  Pure: where pages come from is the caller's affair.
 */
#ifndef KERNEL_FD_RING_H
#define KERNEL_FD_RING_H

#include <stddef.h>
#include <stdint.h>

#define RING_PAGE     4096u
#define RING_PAGES    16u
#define RING_CAPACITY ((size_t)RING_PAGE * RING_PAGES)
#define RING_KEEP     4u /* pages that an empty ring keeps at most */

struct ring {
    uint64_t head, tail;       /* read from head, written at tail */
    uint8_t *page[RING_PAGES]; /* the first `count` of them exist */
    uint32_t count;
    uint32_t last_peak; /* pages used before the ring was last empty */
};

static inline size_t ring_used(const struct ring *ring)
{
    return (size_t)(ring->tail - ring->head);
}

static inline size_t ring_room(const struct ring *ring)
{
    return RING_CAPACITY - ring_used(ring);
}

/* Which page holds POSITION. Equal to `count`: it is the next to be added. */
static inline uint32_t ring_index(uint64_t position)
{
    return (uint32_t)(position / RING_PAGE) % RING_PAGES;
}

/* Where POSITION lies; *LEN is cut at the end of the page. */
static inline uint8_t *ring_at(const struct ring *ring, uint64_t position, size_t *len)
{
    size_t offset = position % RING_PAGE, rest = RING_PAGE - offset;
    if (*len > rest)
        *len = rest;
    return ring->page[ring_index(position)] + offset;
}

/* For an empty ring: starts again at position 0. The number of pages to keep; the caller frees those above. */
static inline uint32_t ring_rewind(struct ring *ring)
{
    uint64_t used = (ring->tail + RING_PAGE - 1) / RING_PAGE;
    uint32_t peak = used < RING_PAGES ? (uint32_t)used : RING_PAGES;
    uint32_t keep = peak > ring->last_peak ? peak : ring->last_peak;
    ring->last_peak = peak;
    ring->head = ring->tail = 0;
    return keep < RING_KEEP ? keep : RING_KEEP;
}

#endif
