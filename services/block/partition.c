/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/block/partition.h"

#include <string.h>

#define MBR_TABLE      446u
#define MBR_ENTRY      16u
#define MBR_ENTRIES    4u
#define MBR_SIGNATURE  510u
#define TYPE_EMPTY     0x00
#define TYPE_EXTENDED  0x05
#define TYPE_EXTENDED2 0x0f
#define TYPE_EXTENDED3 0x85
#define TYPE_GPT       0xee

#define GPT_HEADER_MIN 92u
#define GPT_ENTRY_MIN  128u

static uint32_t get32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get64(const uint8_t *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

static bool sector_read(const struct partition_disk *disk, uint64_t sector, uint8_t *bytes)
{
    return sector < disk->sectors && disk->read(disk->context, sector, bytes);
}

/* Adds what lies on the disk and overlaps nothing that was found before. */
static void add(const struct partition_disk *disk, struct partitions *out, uint32_t number,
                uint64_t start, uint64_t sectors)
{
    if (start == 0 || sectors == 0 || start >= disk->sectors || sectors > disk->sectors - start ||
        out->count == PARTITIONS_MAX)
        return;
    for (unsigned i = 0; i < out->count; i++) {
        const struct partition *other = &out->list[i];
        if (start < other->start + other->sectors && other->start < start + sectors)
            return;
    }
    out->list[out->count++] = (struct partition){number, start, sectors};
}

/* --- MBR -------------------------------------------------------------------------------------- */

struct mbr_entry {
    uint8_t flags, type;
    uint32_t start, sectors;
};

static struct mbr_entry mbr_entry(const uint8_t *sector, unsigned i)
{
    const uint8_t *at = sector + MBR_TABLE + i * MBR_ENTRY;
    return (struct mbr_entry){at[0], at[4], get32(at + 8), get32(at + 12)};
}

/* A boot sector of a file system has the signature too, but other things where the table would be. */
static bool is_mbr(const uint8_t *sector)
{
    if (sector[MBR_SIGNATURE] != 0x55 || sector[MBR_SIGNATURE + 1] != 0xaa)
        return false;
    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        if ((mbr_entry(sector, i).flags & 0x7f) != 0)
            return false;
    return true;
}

static bool is_extended(uint8_t type)
{
    return type == TYPE_EXTENDED || type == TYPE_EXTENDED2 || type == TYPE_EXTENDED3;
}

/* A chain of tables: each has one partition, relative to itself, and the next, relative to the first. What the
 * extended partition does not hold is left out; a chain that comes back finds only what was found before. */
static void logical_find(const struct partition_disk *disk, const struct mbr_entry *extended,
                         uint32_t *number, struct partitions *out)
{
    uint8_t sector[PARTITION_SECTOR];
    uint64_t first = extended->start, end = first + extended->sectors, at = first;
    for (unsigned i = 0; i < PARTITION_CHAIN; i++) {
        if (at < first || at >= end || !sector_read(disk, at, sector) || !is_mbr(sector))
            return;
        struct mbr_entry logical = mbr_entry(sector, 0), next = mbr_entry(sector, 1);
        uint64_t start = at + logical.start;
        if (logical.type != TYPE_EMPTY && !is_extended(logical.type) && logical.start != 0) {
            if (start < end && logical.sectors <= end - start)
                add(disk, out, *number, start, logical.sectors);
            ++*number;
        }
        if (!is_extended(next.type) || next.start == 0)
            return;
        at = first + next.start;
    }
}

static void mbr_find(const struct partition_disk *disk, const uint8_t *sector,
                     struct partitions *out)
{
    uint32_t number = MBR_ENTRIES + 1;
    out->kind = PARTITIONS_MBR;
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        struct mbr_entry entry = mbr_entry(sector, i);
        if (entry.type != TYPE_EMPTY && !is_extended(entry.type))
            add(disk, out, i + 1, entry.start, entry.sectors);
    }
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        struct mbr_entry entry = mbr_entry(sector, i);
        if (is_extended(entry.type) && entry.start != 0)
            logical_find(disk, &entry, &number, out);
    }
}

/* --- GPT -------------------------------------------------------------------------------------- */

struct gpt {
    uint64_t first, last; /* sectors that partitions may have */
    uint64_t table;
    uint32_t entries, entry_size, table_crc;
};

/* CRC-32 of IEEE 802.3, without a table: it is computed once at start. */
static uint32_t crc_add(uint32_t crc, const uint8_t *bytes, uint64_t len)
{
    for (uint64_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return crc;
}

/* The header in sector AT is undamaged and its numbers are possible. */
static bool gpt_header(const struct partition_disk *disk, uint64_t at, struct gpt *gpt)
{
    uint8_t sector[PARTITION_SECTOR];
    if (!sector_read(disk, at, sector) || memcmp(sector, "EFI PART", 8) != 0)
        return false;
    uint32_t size = get32(sector + 12), crc = get32(sector + 16);
    if (size < GPT_HEADER_MIN || size > PARTITION_SECTOR)
        return false;
    memset(sector + 16, 0, 4);
    if (~crc_add(~0u, sector, size) != crc || get64(sector + 24) != at)
        return false;
    *gpt = (struct gpt){
        .first = get64(sector + 40),
        .last = get64(sector + 48),
        .table = get64(sector + 72),
        .entries = get32(sector + 80),
        .entry_size = get32(sector + 84),
        .table_crc = get32(sector + 88),
    };
    return gpt->entry_size >= GPT_ENTRY_MIN && gpt->entry_size <= PARTITION_SECTOR &&
           (gpt->entry_size & (gpt->entry_size - 1)) == 0 && gpt->entries <= GPT_ENTRIES_MAX &&
           gpt->first <= gpt->last && gpt->last < disk->sectors;
}

static void gpt_entry(const struct partition_disk *disk, const struct gpt *gpt, const uint8_t *at,
                      uint32_t number, struct partitions *out)
{
    static const uint8_t unused[16];
    uint64_t first = get64(at + 32), last = get64(at + 40);
    if (memcmp(at, unused, sizeof(unused)) != 0 && first >= gpt->first && first <= last &&
        last <= gpt->last)
        add(disk, out, number, first, last - first + 1);
}

/* Adds the entries to OUT. False: the table is unreadable or damaged. */
static bool gpt_table(const struct partition_disk *disk, const struct gpt *gpt,
                      struct partitions *out)
{
    uint8_t sector[PARTITION_SECTOR];
    uint32_t per_sector = PARTITION_SECTOR / gpt->entry_size, crc = ~0u;
    for (uint32_t i = 0; i < gpt->entries; i += per_sector) {
        uint32_t here = gpt->entries - i < per_sector ? gpt->entries - i : per_sector;
        if (gpt->table >= disk->sectors || !sector_read(disk, gpt->table + i / per_sector, sector))
            return false;
        crc = crc_add(crc, sector, (uint64_t)here * gpt->entry_size);
        for (uint32_t j = 0; j < here; j++)
            gpt_entry(disk, gpt, sector + j * gpt->entry_size, i + j + 1, out);
    }
    return ~crc == gpt->table_crc;
}

static bool gpt_find(const struct partition_disk *disk, uint64_t header, struct partitions *out)
{
    struct gpt gpt;
    out->kind = PARTITIONS_GPT;
    out->count = 0;
    return gpt_header(disk, header, &gpt) && gpt_table(disk, &gpt, out);
}

void partitions_find(const struct partition_disk *disk, struct partitions *out)
{
    uint8_t sector[PARTITION_SECTOR];
    bool gpt = false;
    *out = (struct partitions){.kind = PARTITIONS_NONE};
    if (!sector_read(disk, 0, sector) || !is_mbr(sector))
        return;
    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        gpt |= mbr_entry(sector, i).type == TYPE_GPT;
    if (!gpt)
        mbr_find(disk, sector, out);
    else if (!gpt_find(disk, 1, out) && !gpt_find(disk, disk->sectors - 1, out))
        *out = (struct partitions){.kind = PARTITIONS_NONE};
}
