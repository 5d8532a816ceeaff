/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/crash/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "no memory\n");
        abort();
    }
    return memory;
}

/* --- what the file system sees ------------------------------------------------------------ */

static bool inside(const struct disk *disk, uint64_t offset, size_t len)
{
    return offset % 512 == 0 && len % 512 == 0 && offset <= disk->size &&
           len <= disk->size - offset;
}

static cloudabi_errno_t disk_read(struct device *device, uint64_t offset, void *to, size_t len)
{
    struct disk *disk = (struct disk *)device;
    if (!inside(disk, offset, len))
        return CLOUDABI_EIO;
    disk->reads++;
    memcpy(to, disk->bytes + offset, len);
    return 0;
}

static void touch(struct disk *disk, uint64_t offset, uint32_t len)
{
    for (uint64_t unit = offset / disk->unit; unit <= (offset + len - 1) / disk->unit; unit++) {
        if (!disk->touched[unit]) {
            disk->touched[unit] = true;
            disk->touched_list[disk->touched_count++] = (uint32_t)unit;
        }
    }
}

void disk_patch(struct disk *disk, uint64_t offset, const uint8_t *data, uint32_t len)
{
    touch(disk, offset, len);
    memcpy(disk->bytes + offset, data, len);
}

static struct disk_event *event_add(struct disk *disk)
{
    if (disk->event_count == disk->event_room) {
        disk->event_room = disk->event_room == 0 ? 256 : disk->event_room * 2;
        disk->events = need(realloc(disk->events, disk->event_room * sizeof(disk->events[0])));
    }
    struct disk_event *event = &disk->events[disk->event_count++];
    *event = (struct disk_event){0};
    return event;
}

static cloudabi_errno_t disk_write(struct device *device, uint64_t offset, const void *from,
                                   size_t len)
{
    struct disk *disk = (struct disk *)device;
    const uint8_t *bytes = from;
    if (!inside(disk, offset, len) || device->read_only || disk->writes_left == 0)
        return CLOUDABI_EIO;
    if (disk->writes_left > 0)
        disk->writes_left--;
    disk->writes++;
    while (len != 0) {
        uint32_t part = disk->unit - (uint32_t)(offset % disk->unit);
        part = part < len ? part : (uint32_t)len;
        if (disk->recording) {
            struct disk_event *event = event_add(disk);
            *event = (struct disk_event){.offset = offset, .len = part, .data = need(malloc(part))};
            memcpy(event->data, bytes, part);
        }
        disk_patch(disk, offset, bytes, part);
        offset += part;
        bytes += part;
        len -= part;
    }
    return 0;
}

static cloudabi_errno_t disk_flush(struct device *device)
{
    struct disk *disk = (struct disk *)device;
    if (disk->writes_left == 0)
        return CLOUDABI_EIO;
    disk->flushes++;
    if (disk->recording)
        event_add(disk);
    return 0;
}

/* --- for the tests ------------------------------------------------------------------------ */

static void disk_take(struct disk *disk, uint8_t *bytes, size_t size, uint32_t unit)
{
    *disk = (struct disk){.bytes = bytes, .size = size, .unit = unit, .writes_left = -1};
    disk->device =
        (struct device){.size = size, .read = disk_read, .write = disk_write, .flush = disk_flush};
    disk->base = need(malloc(size));
    memcpy(disk->base, bytes, size);
    disk->touched = need(calloc(size / unit + 1, sizeof(bool)));
    disk->touched_list = need(calloc(size / unit + 1, sizeof(uint32_t)));
}

void disk_init(struct disk *disk, const uint8_t *bytes, size_t size, uint32_t unit)
{
    uint8_t *copy = need(malloc(size));
    memcpy(copy, bytes, size);
    disk_take(disk, copy, size, unit);
}

bool disk_load(struct disk *disk, const char *path, uint32_t unit)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = need(malloc(size));
    bool whole = fread(bytes, 1, size, file) == size;
    fclose(file);
    if (whole)
        disk_take(disk, bytes, size, unit);
    else
        free(bytes);
    return whole;
}

bool disk_save(const struct disk *disk, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    bool whole = fwrite(disk->bytes, 1, disk->size, file) == disk->size;
    return fclose(file) == 0 && whole;
}

void disk_destroy(struct disk *disk)
{
    disk_forget_record(disk);
    free(disk->events);
    free(disk->bytes);
    free(disk->base);
    free(disk->touched);
    free(disk->touched_list);
    *disk = (struct disk){0};
}

void disk_keep(struct disk *disk)
{
    for (uint32_t i = 0; i < disk->touched_count; i++) {
        uint64_t at = (uint64_t)disk->touched_list[i] * disk->unit;
        memcpy(disk->base + at, disk->bytes + at, disk->unit);
        disk->touched[disk->touched_list[i]] = false;
    }
    disk->touched_count = 0;
}

void disk_reset(struct disk *disk)
{
    for (uint32_t i = 0; i < disk->touched_count; i++) {
        uint64_t at = (uint64_t)disk->touched_list[i] * disk->unit;
        memcpy(disk->bytes + at, disk->base + at, disk->unit);
        disk->touched[disk->touched_list[i]] = false;
    }
    disk->touched_count = 0;
}

void disk_forget_record(struct disk *disk)
{
    for (uint32_t i = 0; i < disk->event_count; i++)
        free(disk->events[i].data);
    disk->event_count = 0;
}

void disk_record(struct disk *disk)
{
    disk_forget_record(disk);
    disk->recording = true;
}

void disk_record_end(struct disk *disk)
{
    disk->recording = false;
}
