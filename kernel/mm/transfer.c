/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/mm/transfer.h"

#include "kernel/mm/memobj_pager.h"
#include "kernel/mm/slab.h"

static struct slab_cache transfer_cache = SLAB_CACHE(transfer_cache, struct transfer, OBJECT_OTHER);

struct transfer *transfer_create(struct job *job)
{
    return slab_alloc(&transfer_cache, job);
}

struct transfer *transfer_part(const struct transfer *whole)
{
    struct transfer *part = transfer_create(whole->object != NULL ? whole->object->job : NULL);
    if (part != NULL && whole->object != NULL)
        paging_io_begin(whole->object, part, whole->write);
    return part;
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

uint64_t transfer_length(const struct transfer *transfer)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < transfer->count; i++)
        total += transfer->piece[i].len;
    return total;
}

void transfer_cut(struct transfer *transfer, uint64_t len)
{
    unsigned i = 0;
    for (; i < transfer->count && len > 0; i++) {
        struct transfer_piece *piece = &transfer->piece[i];
        if (piece->len > len)
            piece->len = (uint32_t)len;
        len -= piece->len;
    }
    while (transfer->count > i)
        frame_put(transfer->piece[--transfer->count].frame);
}

void transfer_destroy(struct transfer *transfer)
{
    struct memobj *object = transfer->object;
    bool write = transfer->write;
    for (unsigned i = 0; i < transfer->count; i++)
        frame_put(transfer->piece[i].frame);
    slab_free(&transfer_cache, transfer);
    if (object != NULL)
        paging_io_end(object, write);
}
