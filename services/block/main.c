/* SPDX-License-Identifier: BSD-2-Clause */
/* Grants, start-up, and the loop. README.md beside this lists the grants. */
#include <stdio.h>
#include <string.h>

#include <tessera/grants.h>

#include "abi/argdata/argdata.h"
#include "abi/cloudabi_syscalls.h"
#include "services/block/block.h"
#include "services/common/log.h"

static struct block block;

static struct disk *disk_new(const char *kind, unsigned number)
{
    struct disk *disk = &block.disks[block.count];
    memset(disk, 0, sizeof(*disk));
    snprintf(disk->name, sizeof(disk->name), "%s%u", kind, number);
    return disk;
}

static void report(const struct disk *disk)
{
    log_line("%s: %llu KiB, %u partitions%s", disk->name, (unsigned long long)disk->sectors / 2,
             disk->partitions.count, disk->read_only ? ", read-only" : "");
}

static void open_disks(struct argdata args)
{
    struct argdata list, element;
    cloudabi_fd_t directory;
    if (argdata_map_get_seq(args, "disks", &list) != 0)
        return;
    struct argdata_iter iter = argdata_seq_iter(list);
    for (unsigned n = 0; block.count < DISKS_MAX && argdata_seq_next(&iter, &element); n++) {
        struct disk *disk = disk_new("disk", n);
        if (argdata_get_fd(element, &directory) != 0)
            continue;
        int error = disk_open(&block, disk, (int)directory);
        if (error != 0) {
            log_line("%s: no virtio disk, or it does not come up (%s)", disk->name,
                     strerror(error));
            continue;
        }
        block.count++;
        disk_find_partitions(disk);
        report(disk);
    }
}

static void make_ram_disk(struct argdata args)
{
    uint64_t megabytes;
    if (argdata_map_get_uint(args, "ram", &megabytes) != 0 || megabytes == 0 ||
        megabytes > RAM_DISK_MAX || block.count == DISKS_MAX)
        return;
    struct disk *disk = disk_new("ram", 0);
    disk->ram = true;
    disk->sectors = megabytes << 11;
    block.count++;
    report(disk);
}

/* --- the loop --------------------------------------------------------------------------------- */

/* One round without waiting. True: there is more to do. False if a disk failed: *FAILED. */
static bool work(const struct disk **failed)
{
    bool more = server_step(&block.server) != 0;
    for (unsigned i = 0; i < block.count; i++) {
        struct disk *disk = &block.disks[i];
        if (disk->ram)
            continue;
        if (disk_work(disk) != 0)
            *failed = disk;
        more |= disk_settle(disk);
    }
    return more;
}

/* Waits for the port (which delivers) and the disks. */
static void wait_for_events(void)
{
    cloudabi_subscription_t subscriptions[DISKS_MAX + 1];
    cloudabi_event_t events[DISKS_MAX + 1];
    size_t count = 0, got = 0;
    const cloudabi_subscription_t read = {
        .type = CLOUDABI_EVENTTYPE_FD_READ,
        .fd_readwrite = {.fd = (cloudabi_fd_t)block.server.port,
                         .flags = CLOUDABI_SUBSCRIPTION_FD_READWRITE_POLL},
    };
    subscriptions[count++] = read;
    for (unsigned i = 0; i < block.count; i++) {
        if (block.disks[i].ram)
            continue;
        subscriptions[count] = read;
        subscriptions[count].userdata = i + 1;
        subscriptions[count++].fd_readwrite.fd = (cloudabi_fd_t)block.disks[i].irq;
    }
    block.server.dirty = false;
    if (cloudabi_sys_poll(subscriptions, events, count, &got) != 0)
        return;
    for (size_t i = 0; i < got; i++)
        if (events[i].userdata != 0)
            virtio_blk_acknowledge(&block.disks[events[i].userdata - 1].blk);
}

int main(void)
{
    const struct disk *failed = NULL;
    size_t len;
    const void *bytes = program_argbytes(&len);
    struct argdata args = argdata_from(bytes, len);
    log_open("block", grant_fd("log"));
    cloudabi_errno_t error = server_init(&block.server, grant_fd("port"), &tree_ops, &block, false);
    if (error != 0) {
        log_line("the port cannot be mapped: errno %u", error);
        return 1;
    }
    open_disks(args);
    make_ram_disk(args);
    while (failed == NULL) {
        while (work(&failed) && failed == NULL)
            server_flush(&block.server);
        if (failed == NULL)
            wait_for_events();
    }
    /* The next instance starts with a disk that was reset. */
    log_line("%s broke its protocol", failed->name);
    return 1;
}
