/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/mm/transfer.h"

#include "kernel/mm/slab.h"

static struct slab_cache transfer_cache = SLAB_CACHE(transfer_cache, struct transfer, OBJECT_OTHER);

struct transfer *transfer_create(struct job *job)
{
    return slab_alloc(&transfer_cache, job);
}

bool transfer_add(struct transfer *transfer, struct frame *frame, uint32_t skip, uint32_t len)
{
    struct transfer_piece *last =
        transfer->count > 0 ? &transfer->piece[transfer->count - 1] : NULL;
    if (last != NULL && last->frame == frame && last->skip + last->len == skip) {
        last->len += len;
        return true;
    }
    if (transfer->count == TRANSFER_PIECES)
        return false;
    frame_get(frame);
    transfer->piece[transfer->count++] = (struct transfer_piece){frame, skip, len};
    return true;
}

void transfer_destroy(struct transfer *transfer)
{
    for (unsigned i = 0; i < transfer->count; i++)
        frame_put(transfer->piece[i].frame);
    slab_free(&transfer_cache, transfer);
}
