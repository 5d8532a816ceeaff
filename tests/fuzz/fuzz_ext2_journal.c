/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A journal that may be anything: its super block and its log are the input. Recovery ends, and stays within the
 * device.
 *
 * The input: a byte that chooses the block size, then the blocks of the journal that are not zero: a number of two
 * bytes, then 64 bytes for its beginning. The rest of each block is a pattern.
 */
#include <stdlib.h>
#include <string.h>

#include "services/ext2/journal.h"
#include "services/ext2/journal_priv.h"

#define JOURNAL_BLOCKS 256u
#define DEVICE_BLOCKS  400u
#define PIECE          64u

struct memory {
    struct device device; /* first */
    uint8_t *bytes;
};

static cloudabi_errno_t memory_read(struct device *device, uint64_t offset, void *to, size_t len)
{
    if (offset > device->size || len > device->size - offset)
        abort();
    memcpy(to, ((struct memory *)device)->bytes + offset, len);
    return 0;
}

static cloudabi_errno_t memory_write(struct device *device, uint64_t offset, const void *from,
                                     size_t len)
{
    if (offset > device->size || len > device->size - offset)
        abort();
    memcpy(((struct memory *)device)->bytes + offset, from, len);
    return 0;
}

static cloudabi_errno_t memory_flush(struct device *device)
{
    (void)device;
    return 0;
}

/* What must be right for anything to be looked at; the input may still overwrite it. */
static void make_super(uint8_t *block, uint32_t block_size)
{
    be32_put(block, JOURNAL_MAGIC);
    be32_put(block + 4, JOURNAL_SUPER_V2);
    be32_put(block + SUPER_BLOCK_SIZE, block_size);
    be32_put(block + SUPER_LEN, JOURNAL_BLOCKS);
    be32_put(block + SUPER_FIRST, 1);
    be32_put(block + SUPER_START, 1);
    be32_put(block + SUPER_SEQUENCE, 1);
}

static void fill(struct memory *memory, const uint64_t *blocks, uint32_t block_size,
                 const uint8_t *data, size_t size)
{
    make_super(memory->bytes + blocks[0] * block_size, block_size);
    while (size >= 2 + PIECE) {
        uint32_t number = (uint32_t)(data[0] | data[1] << 8) % JOURNAL_BLOCKS;
        uint8_t *block = memory->bytes + blocks[number] * block_size;
        memcpy(block, data + 2, PIECE);
        if (number != 0)
            memset(block + PIECE, data[2 + PIECE - 1], block_size - PIECE);
        data += 2 + PIECE;
        size -= 2 + PIECE;
    }
}

static void recover(const struct journal_place *place)
{
    struct journal *journal;
    const char *why;
    uint32_t replayed;
    if (journal_open(place, &journal, &why) != 0)
        return;
    cloudabi_errno_t error = journal_recover(journal, &replayed);
    if (error == 0 && journal_needs_recovery(journal))
        abort();
    journal_free(journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint32_t block_size = (data[0] & 1) != 0 ? 4096 : 1024;
    uint64_t blocks[JOURNAL_BLOCKS];
    for (uint32_t i = 0; i < JOURNAL_BLOCKS; i++) /* in two pieces, with others between */
        blocks[i] = i < 100 ? 40 + i : 60 + i;
    struct memory memory = {.device = {.size = (uint64_t)DEVICE_BLOCKS * block_size,
                                       .read = memory_read,
                                       .write = memory_write,
                                       .flush = memory_flush}};
    memory.bytes = calloc(DEVICE_BLOCKS, block_size);
    if (memory.bytes == NULL)
        return 0;
    fill(&memory, blocks, block_size, data + 1, size - 1);
    const struct journal_place place = {&memory.device, block_size, blocks, JOURNAL_BLOCKS};
    recover(&place);
    recover(&place);
    free(memory.bytes);
    return 0;
}
