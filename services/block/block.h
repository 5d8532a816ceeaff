/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of block: disks, what lies on them, and requests under way.
 *
 * A volume is what a client can open: a whole disk, or a partition of it. The root directory has a directory for each
 * disk, and that has its volumes.
 */
#ifndef SERVICES_BLOCK_BLOCK_H
#define SERVICES_BLOCK_BLOCK_H

#include "drivers/pci/pci_fd.h"
#include "drivers/virtio_blk/virtio_blk.h"
#include "pseudofd/server/server.h"
#include "services/block/partition.h"

#define DISKS_MAX    4u
#define DISK_NAME    8u
#define RAM_DISK_MAX ((uint64_t)1 << 20) /* MiB */

/* A request of a client, by its slot. */
struct pending {
    uint64_t tag;
    uint64_t sector;
    uint32_t bytes;
    uint8_t type;  /* enum virtio_blk_type */
    uint8_t queue; /* the next one that waits for room, + 1 */
};

struct disk {
    char name[DISK_NAME];
    uint64_t sectors;
    bool ram; /* a memory object of the kernel: no requests come */
    bool read_only;
    struct partitions partitions;
    uint64_t writers[1 + PARTITIONS_MAX]; /* see tree.c: of the whole, of each partition */
    /* Not of RAM disks: */
    struct block *block;
    struct pci_fd pci;
    struct pci_function function;
    struct virtio_blk blk;
    int irq;
    uint8_t waiting_first, waiting_last; /* slots + 1 that found no room, in their order; 0: none */
    bool own_done;                       /* the request that the service itself waits for */
    int own_result;
};

struct block {
    struct server server;
    struct disk disks[DISKS_MAX];
    unsigned count;
    struct pending pending[PORT_SLOTS];
};

/* disk.c: a virtio disk. Errors are errno values; EIO from disk_work means that it is not to be trusted any more. */
int disk_open(struct block *block, struct disk *disk, int directory);
void disk_find_partitions(struct disk *disk);
/* Starts the request in pending[SLOT], or lets it wait for room. */
int disk_start(struct disk *disk, unsigned slot);
/* Answers what is finished and starts what waits. */
int disk_work(struct disk *disk);
/* Before waiting for the interrupt. True: there is work already. */
bool disk_settle(struct disk *disk);
/* Flushes, and returns when that is done. */
int disk_flush(struct disk *disk);

/* tree.c: names and nodes */
extern const struct server_ops tree_ops;

#endif
