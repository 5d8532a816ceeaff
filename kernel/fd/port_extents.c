/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extents: what a service says about where bytes of a file are on a device, checked, and the moving of those bytes.
 *
 * Extents follow each other in the file from the first page of the request on.  They are multiples of 512 bytes, at
 * most PORT_EXTENTS_MAX, and end with a page or behind the file's end.  When reading, holes are zeros; when writing,
 * holes may only be where the file has no bytes.
 */
#include "kernel/lib/string.h"
#include "kernel/fd/port_pager.h"

#define SECTOR 512u

/* --- checks --------------------------------------------------------------------------------- */

/* Bytes of the file from the request's first page on. */
static uint64_t bytes_in_file(const struct page_request *request)
{
    uint64_t start = request->index << PAGE_SHIFT;
    return request->size > start ? request->size - start : 0;
}

bool port_covers(const struct page_request *request, uint64_t len)
{
    uint64_t asked = (uint64_t)request->count << PAGE_SHIFT;
    if (len == 0 || len > asked)
        return false;
    return len % PAGE_SIZE == 0 || len >= bytes_in_file(request);
}

const char *port_places_fault(struct page_request *request, const struct port_places *places)
{
    uint64_t total = 0, asked = (uint64_t)request->count << PAGE_SHIFT;
    for (unsigned i = 0; i < places->count; i++) {
        const struct port_extent *extent = &places->extent[i];
        bool hole = extent->offset == PORT_HOLE;
        if (extent->len == 0 || extent->len % SECTOR != 0 || extent->len > asked - total)
            return "length of an extent";
        if (!hole && (extent->offset % SECTOR != 0 || extent->offset > INT64_MAX - extent->len))
            return "place of an extent";
        if (hole && request->write && total < bytes_in_file(request))
            return "hole to write to";
        total += extent->len;
    }
    request->covered = total;
    return port_covers(request, total) ? NULL : "extents";
}

const char *port_device_fault(const struct page_request *request, const struct port_places *places)
{
    const struct fd_grant *device = &places->device;
    cloudabi_rights_t need = request->write ? CLOUDABI_RIGHT_FD_WRITE : CLOUDABI_RIGHT_FD_READ;
    if (device->file != NULL)
        return (device->rights.base & need) != 0 && device->file->ops->transfer != NULL
                   ? NULL
                   : "device of extents";
    for (unsigned i = 0; i < places->count; i++)
        if (places->extent[i].offset != PORT_HOLE)
            return "extents without a device";
    return NULL;
}

/* --- moving --------------------------------------------------------------------------------- */

/* Zeros in [AT, AT + LEN) of the frames, and HOLES for the pages that are not all backed. */
static void fill_hole(struct page_request *request, const struct transfer *all, uint64_t at,
                      uint64_t len)
{
    while (len > 0) {
        unsigned page = (unsigned)(at >> PAGE_SHIFT);
        size_t skip = at & (PAGE_SIZE - 1), here = PAGE_SIZE - skip;
        if (here > len)
            here = len;
        if (here == PAGE_SIZE)
            arch_page_zero(frame_data(all->piece[page].frame));
        else
            memset((char *)frame_data(all->piece[page].frame) + skip, 0, here);
        request->result->holes |= (uint64_t)1 << page;
        at += here;
        len -= here;
    }
}

/* The pieces of ALL that lie in [AT, AT + LEN), as a transfer of their own. NULL: no memory. */
static struct transfer *part_of(const struct transfer *all, uint64_t at, uint64_t len)
{
    struct transfer *part = transfer_part(all);
    while (part != NULL && len > 0) {
        size_t skip = at & (PAGE_SIZE - 1), here = PAGE_SIZE - skip;
        if (here > len)
            here = len;
        transfer_add(part, all->piece[at >> PAGE_SHIFT].frame, (uint32_t)skip, (uint32_t)here);
        at += here;
        len -= here;
    }
    return part;
}

/* One place for all, which is usual. */
static cloudabi_errno_t move_at_once(const struct page_request *request,
                                     const struct port_places *places, struct transfer *all)
{
    transfer_cut(all, request->covered);
    return file_transfer(places->device.file, request->write, places->extent[0].offset, all);
}

static cloudabi_errno_t move_each(struct page_request *request, const struct port_places *places,
                                  const struct transfer *all)
{
    uint64_t at = 0;
    for (unsigned i = 0; i < places->count; i++) {
        const struct port_extent *extent = &places->extent[i];
        if (extent->offset == PORT_HOLE) {
            if (!request->write)
                fill_hole(request, all, at, extent->len);
        } else {
            struct transfer *part = part_of(all, at, extent->len);
            if (part == NULL)
                return CLOUDABI_ENOMEM;
            cloudabi_errno_t error =
                file_transfer(places->device.file, request->write, extent->offset, part);
            if (error != 0)
                return error;
        }
        at += extent->len;
    }
    return 0;
}

/* What the places do not cover of their last page is behind the end of the file. */
static void fill_rest(struct page_request *request, const struct transfer *all)
{
    uint64_t rest = -request->covered & (PAGE_SIZE - 1);
    if (rest != 0 && !request->write)
        fill_hole(request, all, request->covered, rest);
}

cloudabi_errno_t port_places_move(struct page_request *request, const struct port_places *places,
                                  struct transfer *transfer)
{
    cloudabi_errno_t error;
    request->result->count = (unsigned)((request->covered + PAGE_SIZE - 1) >> PAGE_SHIFT);
    fill_rest(request, transfer);
    if (places->count == 1 && places->extent[0].offset != PORT_HOLE)
        return move_at_once(request, places, transfer);
    error = move_each(request, places, transfer);
    transfer_destroy(transfer);
    return error;
}
