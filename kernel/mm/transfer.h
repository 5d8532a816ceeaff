/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one request to a block device moves: pieces of frames, in the order of the device's bytes.
 * Every piece holds a reference to its frame.  Whoever runs the transfer owns it, so that a caller who is killed
 * leaves the memory to the device until that is done with it.
 */
#ifndef KERNEL_MM_TRANSFER_H
#define KERNEL_MM_TRANSFER_H

#include <stdbool.h>

#include "kernel/mm/frame.h"

struct memobj;
struct user_vec;

#define TRANSFER_PIECES 64u

struct transfer_piece {
    struct frame *frame; /* referenced */
    uint32_t skip, len;  /* bytes of it; multiples of 512 for devices */
};

/* As long as a transfer of an object exists that object has I/O under way: its end is transfer_destroy(). */
struct transfer {
    struct transfer *next; /* the owner's */
    struct memobj *object; /* referenced, and counted there; NULL: of none */
    bool write;            /* of OBJECT */
    unsigned count;
    struct transfer_piece piece[TRANSFER_PIECES];
};

/* Empty, charged to JOB. NULL: no memory. */
struct transfer *transfer_create(struct job *job);
/* Adds LEN bytes at SKIP of FRAME, with a reference of its own; joins the last piece if it continues it. False:
 * full. */
bool transfer_add(struct transfer *transfer, struct frame *frame, uint32_t skip, uint32_t len);
/* Empty, of the same object: a part of it. NULL: no memory. */
struct transfer *transfer_part(const struct transfer *whole);
uint64_t transfer_length(const struct transfer *transfer);
/* Only the first LEN bytes stay. */
void transfer_cut(struct transfer *transfer, uint64_t len);
void transfer_destroy(struct transfer *transfer); /* drops the references */
/* Adds the program's memory behind VEC from byte SKIP on, at most LEN bytes. WRITE: the device will write there. How
 * much was added: whole sectors; less than LEN where the buffer is not aligned to them, or where the memory is not
 * what a device may have, or where there is none. FAULT: brings it in if need be (pin.c). */
size_t user_vec_pin(const struct user_vec *vec, size_t skip, size_t len, bool write, bool fault,
                    struct transfer *transfer);

#endif
