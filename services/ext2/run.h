/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing blocks to a device, those that lie side by side in one request. */
#ifndef SERVICES_EXT2_RUN_H
#define SERVICES_EXT2_RUN_H

#include "services/ext2/device.h"

#define RUN_BYTES (64 * 1024)

struct run {
    struct device *device;
    uint32_t block_size;
    uint8_t *staging; /* RUN_BYTES */
    const uint8_t
        *alone; /* the first block where the caller has it, as long as it is the only one */
    uint64_t first;
    uint32_t count; /* blocks that wait to be written */
};

bool run_create(struct run *run, struct device *device, uint32_t block_size);
void run_free(struct run *run);

/* DATA is to be written to BLOCK; it must stay until the next call. EIO: an earlier block could not be written. */
cloudabi_errno_t run_add(struct run *run, uint64_t block, const uint8_t *data);
/* As run_add, with data that the caller composes in *PLACE (zeros) before the next call. */
cloudabi_errno_t run_place(struct run *run, uint64_t block, uint8_t **place);
/* Writes what waits. */
cloudabi_errno_t run_end(struct run *run);
/* Forgets what waits, after an error. */
void run_drop(struct run *run);

#endif
