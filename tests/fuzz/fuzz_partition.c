/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition tables from the input: sectors of a small disk, each with its number before it. GPT checksums are made
 * right if the first byte says so, since no fuzzer guesses them. What is found must lie on the disk and not overlap.
 */
#include <stdlib.h>
#include <string.h>

#include "services/block/partition.h"

#define SECTORS 256u

static uint8_t disk[SECTORS][PARTITION_SECTOR];

static bool read_sector(void *context, uint64_t sector, uint8_t *bytes)
{
    unsigned *left = context;
    if (sector >= SECTORS || (*left)-- == 0)
        abort();
    memcpy(bytes, disk[sector], PARTITION_SECTOR);
    return true;
}

static uint32_t crc(const uint8_t *bytes, size_t len)
{
    uint32_t value = ~0u;
    for (size_t i = 0; i < len; i++) {
        value ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            value = (value & 1) != 0 ? value >> 1 ^ 0xedb88320u : value >> 1;
    }
    return ~value;
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static void make_right(uint8_t *header)
{
    uint64_t table;
    uint32_t entries, size, header_size;
    memcpy(header, "EFI PART", 8);
    memcpy(&table, header + 72, 8);
    memcpy(&entries, header + 80, 4);
    memcpy(&size, header + 84, 4);
    memcpy(&header_size, header + 12, 4);
    if (table < SECTORS && (uint64_t)entries * size <= (SECTORS - table) * PARTITION_SECTOR)
        put32(header + 88, crc(disk[table], (size_t)entries * size));
    put32(header + 16, 0);
    if (header_size <= PARTITION_SECTOR)
        put32(header + 16, crc(header, header_size));
}

static void check(const struct partitions *found)
{
    if (found->count > PARTITIONS_MAX)
        abort();
    for (unsigned i = 0; i < found->count; i++) {
        const struct partition *a = &found->list[i];
        if (a->start == 0 || a->sectors == 0 || a->start + a->sectors > SECTORS)
            abort();
        for (unsigned j = 0; j < i; j++) {
            const struct partition *b = &found->list[j];
            if (a->start < b->start + b->sectors && b->start < a->start + a->sectors)
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct partitions found;
    unsigned left = PARTITION_CHAIN * 4 + 2 * GPT_ENTRIES_MAX + 3;
    const struct partition_disk it = {.sectors = SECTORS, .read = read_sector, .context = &left};
    if (size < 1)
        return 0;
    bool right = (input[0] & 1) != 0;
    memset(disk, 0, sizeof(disk));
    input++;
    size--;
    while (size > 1) {
        size_t len = size - 1 < PARTITION_SECTOR ? size - 1 : PARTITION_SECTOR;
        memcpy(disk[input[0]], input + 1, len);
        input += 1 + len;
        size -= 1 + len;
    }
    disk[0][510] = 0x55;
    disk[0][511] = 0xaa;
    if (right) {
        make_right(disk[1]);
        make_right(disk[SECTORS - 1]);
    }
    partitions_find(&it, &found);
    check(&found);
    return 0;
}
