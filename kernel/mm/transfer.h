/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one request to a block device moves: pieces of frames, in the order of the device's bytes.
 * Every piece holds a reference to its frame.  Whoever runs the transfer owns it, so that a caller who is killed
 * leaves the memory to the device until that is done with it.
 */
#ifndef KERNEL_MM_TRANSFER_H
#define KERNEL_MM_TRANSFER_H

#include "kernel/mm/frame.h"

#define TRANSFER_PIECES 32u

struct transfer_piece {
    struct frame *frame; /* referenced */
    uint32_t skip, len;  /* bytes of it; multiples of 512 for devices */
};

struct transfer {
    unsigned count;
    struct transfer_piece piece[TRANSFER_PIECES];
};

#endif
