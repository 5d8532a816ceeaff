/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pager that says anything about where pages are (kernel/fd/port_extents.c). What is not refused must fill every byte
 * of the pages that count as filled, move nothing outside of them, and ask the device for whole sectors only.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/fd/file.h"
#include "kernel/fd/port_pager.h"
#include "kernel/job/job.h"
#include "tests/host/fake_machine.h"

#define UNTOUCHED 0xAA
#define MOVED     0xDD

static uint64_t device_bytes, extent_bytes;

static void check(bool good)
{
    if (!good)
        abort();
}

cloudabi_errno_t file_transfer(struct file *device, bool write, uint64_t offset,
                               struct transfer *transfer)
{
    (void)device;
    check(offset % 512 == 0 && offset <= INT64_MAX);
    for (unsigned i = 0; i < transfer->count; i++) {
        const struct transfer_piece *piece = &transfer->piece[i];
        check(piece->skip % 512 == 0 && piece->len % 512 == 0 && piece->len != 0);
        check(piece->skip + piece->len <= PAGE_SIZE);
        if (!write)
            memset((char *)frame_data(piece->frame) + piece->skip, MOVED, piece->len);
        device_bytes += piece->len;
    }
    transfer_destroy(transfer);
    return 0;
}

static cloudabi_errno_t never_called(struct file *file, bool write, uint64_t offset,
                                     struct transfer *transfer)
{
    (void)file, (void)write, (void)offset, (void)transfer;
    abort();
}

/* Numbers near those that are right; now and then any. */
static uint64_t number(const uint8_t *input, uint64_t unit)
{
    uint64_t raw;
    memcpy(&raw, input, sizeof(raw));
    return (raw & 7) == 7 ? raw : (raw >> 3) % 24 * unit;
}

static void read_places(const uint8_t *input, size_t left, struct port_places *places)
{
    places->count = 0;
    extent_bytes = 0;
    for (; left >= 16 && places->count < PORT_EXTENTS_MAX; input += 16, left -= 16) {
        struct port_extent *extent = &places->extent[places->count++];
        bool hole = (input[0] & 24) == 24;
        *extent =
            (struct port_extent){hole ? PORT_HOLE : number(input, 512), number(input + 8, 512)};
        extent_bytes += hole ? 0 : extent->len;
    }
}

static struct transfer *frames_make(struct page_request *request, struct frame **frame)
{
    struct transfer *transfer = transfer_create(&job_root);
    check(transfer != NULL);
    for (unsigned i = 0; i < request->count; i++) {
        frame[i] = frame_alloc(&job_root);
        check(frame[i] != NULL);
        memset(frame_data(frame[i]), UNTOUCHED, PAGE_SIZE);
        transfer_add(transfer, frame[i], 0, PAGE_SIZE);
    }
    return transfer;
}

/* Pages that were read are filled, and a page without holes came from the device as a whole. */
static void check_pages(const struct page_request *request, struct frame *const *frame)
{
    check(request->result->count <= request->count);
    for (unsigned i = 0; !request->write && i < request->count; i++) {
        const uint8_t *data = frame_data(frame[i]);
        bool filled = i < request->result->count, hole = request->result->holes >> i & 1;
        for (unsigned j = 0; j < PAGE_SIZE; j++)
            check(filled ? data[j] == MOVED || (hole && data[j] == 0) : data[j] == UNTOUCHED);
    }
}

static void run(struct page_request *request, struct port_places *places)
{
    struct frame *frame[PAGING_PAGES];
    if (port_places_fault(request, places) != NULL || port_device_fault(request, places) != NULL)
        return;
    check(request->covered <= (uint64_t)request->count << PAGE_SHIFT);
    struct transfer *transfer = frames_make(request, frame);
    request->frame = frame;
    device_bytes = 0;
    check(port_places_move(request, places, transfer) == 0);
    check(device_bytes == extent_bytes);
    check_pages(request, frame);
    for (unsigned i = 0; i < request->count; i++) {
        check(atomic_load(&frame[i]->references) == 1);
        frame_put(frame[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t left)
{
    static bool ready;
    static const struct file_ops ops = {.transfer = never_called};
    static struct file device = {.ops = &ops};
    static struct port_places places;
    struct paging_result result = {0};
    if (left < 12)
        return 0;
    if (!ready)
        fake_machine_init(16ul << 20);
    ready = true;
    struct page_request request = {.index = input[0] & 3,
                                   .count = 1 + input[1] % PAGING_PAGES,
                                   .write = (input[2] & 1) != 0,
                                   .size = number(input + 4, 1000),
                                   .result = &result};
    places.device = (struct fd_grant){(input[2] & 2) != 0 ? &device : NULL, {0, 0}};
    places.device.rights.base = (input[2] & 4) != 0 ? UINT64_MAX : CLOUDABI_RIGHT_FD_READ;
    read_places(input + 12, left - 12, &places);
    if (places.count != 0)
        run(&request, &places);
    return 0;
}
