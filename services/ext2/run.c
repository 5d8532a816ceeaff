/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run collects blocks in its staging area while each lies right behind the last. A block that stays alone is written
 * from where the caller has it: most commits are a few blocks that lie apart.
 */
#include "services/ext2/run.h"

#include <stdlib.h>
#include <string.h>

bool run_create(struct run *run, struct device *device, uint32_t block_size)
{
    *run = (struct run){.device = device, .block_size = block_size};
    run->staging = aligned_alloc(4096, RUN_BYTES);
    return run->staging != NULL;
}

void run_free(struct run *run)
{
    free(run->staging);
    run->staging = NULL;
}

void run_drop(struct run *run)
{
    run->count = 0;
    run->alone = NULL;
}

cloudabi_errno_t run_end(struct run *run)
{
    if (run->count == 0)
        return 0;
    const uint8_t *from = run->alone != NULL ? run->alone : run->staging;
    size_t len = (size_t)run->count * run->block_size;
    cloudabi_errno_t error =
        run->device->write(run->device, run->first * run->block_size, from, len);
    run_drop(run);
    return error;
}

/* Makes BLOCK the last of the run, after the end of one that it does not continue. *INDEX: its place. */
static cloudabi_errno_t run_extend(struct run *run, uint64_t block, uint32_t *index)
{
    bool full = (run->count + 1) * run->block_size > RUN_BYTES;
    if (run->count != 0 && (full || block != run->first + run->count)) {
        cloudabi_errno_t error = run_end(run);
        if (error != 0)
            return error;
    }
    if (run->alone != NULL) {
        memcpy(run->staging, run->alone, run->block_size);
        run->alone = NULL;
    }
    if (run->count == 0)
        run->first = block;
    *index = run->count++;
    return 0;
}

cloudabi_errno_t run_add(struct run *run, uint64_t block, const uint8_t *data)
{
    uint32_t index;
    cloudabi_errno_t error = run_extend(run, block, &index);
    if (error != 0)
        return error;
    if (index == 0)
        run->alone = data;
    else
        memcpy(run->staging + (size_t)index * run->block_size, data, run->block_size);
    return 0;
}

cloudabi_errno_t run_place(struct run *run, uint64_t block, uint8_t **place)
{
    uint32_t index;
    cloudabi_errno_t error = run_extend(run, block, &index);
    if (error != 0)
        return error;
    *place = run->staging + (size_t)index * run->block_size;
    memset(*place, 0, run->block_size);
    return 0;
}
