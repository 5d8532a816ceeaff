/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition tables: MBR with extended partitions, and GPT (UEFI 2.10, section 5).
 *
 * Whoever wrote the disk is not trusted: what comes out lies on the disk, nothing overlaps, and the work is bounded
 * whatever the tables say.  An entry that breaks a rule is left out; of two that overlap, the one that is found
 * later.  Pure: no memory, no I/O of its own.
 */
#ifndef SERVICES_BLOCK_PARTITION_H
#define SERVICES_BLOCK_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#define PARTITION_SECTOR 512u
#define PARTITIONS_MAX   64u  /* more are not looked at */
#define PARTITION_CHAIN  128u /* tables of an extended partition that are looked at */
#define GPT_ENTRIES_MAX  512u

struct partition {
    uint32_t number; /* MBR: 1 to 4, logical ones from 5; GPT: place in the table, from 1 */
    uint64_t start, sectors;
};

enum partition_kind { PARTITIONS_NONE, PARTITIONS_MBR, PARTITIONS_GPT };

struct partitions {
    enum partition_kind kind;
    unsigned count;
    struct partition list[PARTITIONS_MAX];
};

struct partition_disk {
    uint64_t sectors;
    /* False: unreadable. SECTOR is on the disk. */
    bool (*read)(void *context, uint64_t sector, uint8_t *bytes);
    void *context;
};

/* An unreadable or damaged table has no partitions; of a GPT the second copy is used if the first is damaged. */
void partitions_find(const struct partition_disk *disk, struct partitions *out);

#endif
