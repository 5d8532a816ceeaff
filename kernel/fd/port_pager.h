/* SPDX-License-Identifier: BSD-2-Clause */
/* Between port_pager.c and port_extents.c: one PAGE_IN or PAGE_OUT, and where its bytes are. */
#ifndef KERNEL_FD_PORT_PAGER_H
#define KERNEL_FD_PORT_PAGER_H

#include "kernel/fd/table.h"
#include "kernel/mm/memobj_pager.h"
#include "pseudofd/proto/port.h"

struct page_request {
    struct memobj *object;
    uint64_t index;
    unsigned count; /* pages */
    struct frame *const *frame;
    bool write;
    uint64_t size;    /* of the file, when the request was made */
    bool missed;      /* the bytes could not be moved */
    uint64_t covered; /* bytes that the answer is about, from the first on */
    struct paging_result *result;
};

struct port_places {
    unsigned count;
    struct port_extent extent[PORT_EXTENTS_MAX];
    struct fd_grant device; /* referenced; file NULL: none */
};

/* May an answer be about just the first LEN bytes? Whole pages, or all that is in the file. */
bool port_covers(const struct page_request *request, uint64_t len);
/* What is wrong with PLACES, or NULL. Sets request->covered. */
const char *port_places_fault(struct page_request *request, const struct port_places *places);
/* What is wrong with their device. */
const char *port_device_fault(const struct page_request *request, const struct port_places *places);
/* Moves the bytes between the places and TRANSFER, which it takes over. */
cloudabi_errno_t port_places_move(struct page_request *request, const struct port_places *places,
                                  struct transfer *transfer);

#endif
