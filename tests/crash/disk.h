/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk in memory that remembers: what it held at first, and every write and flush since then, so that what a power
 * cut may leave can be put together afterwards.
 */
#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include "services/ext2/device.h"

/* One block of a write, or a flush (data NULL). A write of more blocks is one event for each: it may be torn. */
struct disk_event {
    uint64_t offset;
    uint32_t len;
    uint8_t *data;
};

struct disk {
    struct device device; /* first */
    uint8_t *bytes;       /* as it is now */
    uint8_t *base;        /* as it was at disk_keep() */
    size_t size;
    uint32_t unit; /* a block: what is written whole or not at all */
    /* units that differ from base, each once */
    bool *touched;
    uint32_t *touched_list;
    uint32_t touched_count;
    /* the record */
    bool recording;
    struct disk_event *events;
    uint32_t event_count, event_room;
    /* failures: so many more writes succeed (negative: all do) */
    long writes_left;
    unsigned long reads, writes, flushes;
};

/* A copy of the SIZE bytes, which become the base. Ends the program when there is no memory, as all here. */
void disk_init(struct disk *disk, const uint8_t *bytes, size_t size, uint32_t unit);
/* With what is in a file. False: it cannot be read. */
bool disk_load(struct disk *disk, const char *path, uint32_t unit);
bool disk_save(const struct disk *disk, const char *path);
void disk_destroy(struct disk *disk);

/* What it holds now is the base. */
void disk_keep(struct disk *disk);
/* It holds the base again. */
void disk_reset(struct disk *disk);
/* A write that is not recorded. */
void disk_patch(struct disk *disk, uint64_t offset, const uint8_t *data, uint32_t len);

/* From now on writes and flushes are recorded; the record is empty. */
void disk_record(struct disk *disk);
void disk_record_end(struct disk *disk);
void disk_forget_record(struct disk *disk);

#endif
