/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and nodes. A node's number says what it is: the disk's index + 1 in the upper half, and below it 0 for its
 * directory, 1 for the whole disk, 2 and more for its partitions. Nothing ever changes, so nothing is counted but
 * those who write; a directory's cookie is the disk's name.
 *
 * Who may write has a node of its own (WRITER), so that the kernel says when the last of them has gone, whoever reads.
 * While a volume is open for writing, none that shares sectors with it is opened for writing: EBUSY.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/block/block.h"

#define NODE_SHIFT 16u
#define NODE_MASK  ((1u << NODE_SHIFT) - 1)
#define WHOLE      1u
#define NAME_MAX   12u
#define WRITER     ((uint64_t)1 << 32)

struct spot {                          /* what a node is */
    struct disk *disk;                 /* NULL: the root */
    bool whole;                        /* the disk itself as a volume */
    const struct partition *partition; /* NULL: none */
};

static struct block *block_of(struct server *server)
{
    return server->context;
}

static bool is_volume(const struct spot *spot)
{
    return spot->whole || spot->partition != NULL;
}

static uint64_t node_number(struct block *block, const struct spot *spot)
{
    if (spot->disk == NULL)
        return PORT_ROOT_NODE;
    uint64_t number = (uint64_t)(spot->disk - block->disks + 1) << NODE_SHIFT;
    if (spot->partition != NULL)
        return number + WHOLE + 1 + (uint64_t)(spot->partition - spot->disk->partitions.list);
    return spot->whole ? number + WHOLE : number;
}

static cloudabi_errno_t node_spot(struct block *block, uint64_t number, struct spot *spot)
{
    uint64_t disk = (number & ~WRITER) >> NODE_SHIFT, volume = number & NODE_MASK;
    *spot = (struct spot){0};
    if (number == PORT_ROOT_NODE)
        return 0;
    if (disk == 0 || disk > block->count)
        return CLOUDABI_ESTALE;
    spot->disk = &block->disks[disk - 1];
    if (volume > WHOLE + spot->disk->partitions.count)
        return CLOUDABI_ESTALE;
    spot->whole = volume == WHOLE;
    if (volume > WHOLE)
        spot->partition = &spot->disk->partitions.list[volume - WHOLE - 1];
    return 0;
}

/* The part of the disk that a volume is, in sectors. */
static uint64_t volume_start(const struct spot *spot)
{
    return spot->partition != NULL ? spot->partition->start : 0;
}

static uint64_t volume_sectors(const struct spot *spot)
{
    return spot->partition != NULL ? spot->partition->sectors : spot->disk->sectors;
}

static void describe(struct block *block, const struct spot *spot, struct port_attr *attr)
{
    *attr = (struct port_attr){.ino = node_number(block, spot), .nlink = 1};
    attr->type = CLOUDABI_FILETYPE_DIRECTORY;
    if (is_volume(spot)) {
        attr->type = CLOUDABI_FILETYPE_BLOCK_DEVICE;
        attr->size = volume_sectors(spot) * PARTITION_SECTOR;
    }
}

/* --- names ------------------------------------------------------------------------------------ */

static size_t volume_name(const struct spot *spot, char *name)
{
    if (spot->partition == NULL)
        return (size_t)snprintf(name, NAME_MAX, "whole");
    return (size_t)snprintf(name, NAME_MAX, "%u", (unsigned)spot->partition->number);
}

/* The entry INDEX of a directory. False: no more. */
static bool child(struct block *block, const struct spot *dir, uint64_t index, struct spot *out)
{
    *out = *dir;
    if (dir->disk == NULL) {
        out->disk = index < block->count ? &block->disks[index] : NULL;
        return index < block->count;
    }
    out->whole = index == 0;
    if (index > 0 && index <= dir->disk->partitions.count)
        out->partition = &dir->disk->partitions.list[index - 1];
    return is_volume(out);
}

static size_t name_of(const struct spot *spot, char *name)
{
    if (is_volume(spot))
        return volume_name(spot, name);
    return (size_t)snprintf(name, NAME_MAX, "%s", spot->disk->name);
}

static cloudabi_errno_t step(struct block *block, struct spot *spot, const char *text, size_t len)
{
    struct spot next;
    char name[NAME_MAX];
    if (is_volume(spot))
        return CLOUDABI_ENOTDIR;
    for (uint64_t i = 0; child(block, spot, i, &next); i++) {
        if (name_of(&next, name) == len && memcmp(name, text, len) == 0) {
            *spot = next;
            return 0;
        }
    }
    return CLOUDABI_ENOENT;
}

static cloudabi_errno_t resolve(struct call *call, struct spot *spot)
{
    struct block *block = block_of(call->server);
    const char *path = call->path, *name;
    size_t left = call->path_len, len;
    cloudabi_errno_t error = node_spot(block, call->request.node, spot);
    while (error == 0 && path_next(&path, &left, &name, &len))
        error = step(block, spot, name, len);
    if (error == 0 && is_volume(spot) && (call->request.flags & PORT_FLAG_MUSTDIR) != 0)
        error = CLOUDABI_ENOTDIR;
    return error;
}

/* --- writers ---------------------------------------------------------------------------------- */

/* How many descriptors there are with which a volume can be written, as far as the kernel has told. */
static uint64_t *writers_of(const struct spot *spot)
{
    struct disk *disk = spot->disk;
    return &disk->writers[spot->whole ? 0 : spot->partition - disk->partitions.list + 1];
}

/* Somebody writes to a part of the disk that the volume shares, by another name. */
static bool is_contested(struct block *block, const struct spot *spot)
{
    const struct spot dir = {.disk = spot->disk};
    struct spot other;
    uint64_t start = volume_start(spot), end = start + volume_sectors(spot);
    for (uint64_t i = 0; child(block, &dir, i, &other); i++) {
        uint64_t from = volume_start(&other), to = from + volume_sectors(&other);
        bool same = other.partition == spot->partition;
        if (!same && *writers_of(&other) != 0 && from < end && start < to)
            return true;
    }
    return false;
}

static cloudabi_errno_t serve_forget(struct server *server, struct call *call)
{
    struct spot spot;
    if ((call->request.node & WRITER) != 0 &&
        node_spot(block_of(server), call->request.node, &spot) == 0 && is_volume(&spot)) {
        uint64_t *writers = writers_of(&spot);
        *writers -= call->request.a < *writers ? call->request.a : *writers;
    }
    return 0;
}

/* --- operations ------------------------------------------------------------------------------- */

static void reply_node(struct call *call, const struct spot *spot)
{
    struct block *block = block_of(call->server);
    struct port_attr attr;
    describe(block, spot, &attr);
    enum port_form form = PORT_FORM_SYNTHETIC;
    if (!is_volume(spot))
        form = PORT_FORM_DIRECTORY;
    else if (spot->disk->ram)
        form = PORT_FORM_PAGED;
    call_node(call, node_number(block, spot), form, &attr);
    if (form == PORT_FORM_PAGED)
        call->reply.flags = PORT_REPLY_FIXED | PORT_REPLY_KEEP;
    else if (form == PORT_FORM_DIRECTORY && spot->disk != NULL)
        call_cookie(call, spot->disk->name, strlen(spot->disk->name));
}

static cloudabi_errno_t serve_open(struct server *server, struct call *call)
{
    struct spot spot;
    cloudabi_errno_t error = resolve(call, &spot);
    bool create = (call->request.oflags & CLOUDABI_O_CREAT) != 0;
    bool write = (call->request.rights & CLOUDABI_RIGHT_FD_WRITE) != 0;
    if (error == CLOUDABI_ENOENT && create)
        return CLOUDABI_EROFS;
    if (error != 0)
        return error;
    if (create && (call->request.oflags & CLOUDABI_O_EXCL) != 0)
        return CLOUDABI_EEXIST;
    if (is_volume(&spot) && spot.disk->read_only && write)
        return CLOUDABI_EROFS;
    bool counted = is_volume(&spot) && !spot.disk->ram && write;
    if (counted && is_contested(block_of(server), &spot))
        return CLOUDABI_EBUSY;
    reply_node(call, &spot);
    if (counted) {
        call->reply.node |= WRITER;
        ++*writers_of(&spot);
    }
    return 0;
}

static cloudabi_errno_t serve_walk(struct server *server, struct call *call)
{
    struct spot spot;
    (void)server;
    cloudabi_errno_t error = resolve(call, &spot);
    if (error == 0 && is_volume(&spot))
        error = CLOUDABI_ENOTDIR;
    if (error == 0)
        reply_node(call, &spot);
    return error;
}

static cloudabi_errno_t serve_stat(struct server *server, struct call *call)
{
    struct spot spot;
    struct port_attr attr;
    cloudabi_errno_t error = resolve(call, &spot);
    if (error != 0)
        return error;
    describe(block_of(server), &spot, &attr);
    call_attr(call, node_number(block_of(server), &spot), &attr);
    return 0;
}

static cloudabi_errno_t serve_get_attr(struct server *server, struct call *call)
{
    struct spot spot;
    struct port_attr attr;
    cloudabi_errno_t error = node_spot(block_of(server), call->request.node, &spot);
    if (error != 0)
        return error;
    describe(block_of(server), &spot, &attr);
    call_attr(call, call->request.node, &attr);
    return 0;
}

/* The directory that the cookie names. */
static cloudabi_errno_t serve_reopen(struct server *server, struct call *call)
{
    struct spot spot = {0};
    if (step(block_of(server), &spot, (const char *)call->data, call->data_len) != 0)
        return CLOUDABI_ESTALE;
    reply_node(call, &spot);
    return 0;
}

/* Cookies: 0 and 1 are `.` and `..`, then the entries. */
static cloudabi_errno_t serve_readdir(struct server *server, struct call *call)
{
    static const char dots[] = "..";
    struct block *block = block_of(server);
    struct spot dir, entry;
    cloudabi_errno_t error = node_spot(block, call->request.node, &dir);
    if (error != 0 || is_volume(&dir))
        return error != 0 ? error : CLOUDABI_ENOTDIR;
    uint64_t at = call->request.a;
    for (; at < 2; at++) {
        if (!call_dirent(call, dots, at + 1, node_number(block, &dir), CLOUDABI_FILETYPE_DIRECTORY,
                         at + 1))
            return 0;
    }
    for (; child(block, &dir, at - 2, &entry); at++) {
        char name[NAME_MAX];
        size_t len = name_of(&entry, name);
        cloudabi_filetype_t type =
            is_volume(&entry) ? CLOUDABI_FILETYPE_BLOCK_DEVICE : CLOUDABI_FILETYPE_DIRECTORY;
        if (!call_dirent(call, name, len, node_number(block, &entry), type, at + 1))
            return 0;
    }
    call_dir_end(call);
    return 0;
}

/* --- data ------------------------------------------------------------------------------------- */

/* The volume of a disk that a request is for. */
static cloudabi_errno_t volume_of(struct call *call, struct spot *spot)
{
    cloudabi_errno_t error = node_spot(block_of(call->server), call->request.node, spot);
    if (error == 0 && (!is_volume(spot) || spot->disk->ram))
        error = CLOUDABI_EBADF;
    return error;
}

static cloudabi_errno_t defer(struct call *call, struct disk *disk, struct pending pending)
{
    struct block *block = block_of(call->server);
    unsigned slot = (unsigned)call->request.tag % PORT_SLOTS;
    pending.tag = call->request.tag;
    block->pending[slot] = pending;
    int error = disk_start(disk, slot);
    return error == 0 ? CALL_DEFERRED : error == EROFS ? CLOUDABI_EROFS : CLOUDABI_EIO;
}

static cloudabi_errno_t transfer(struct call *call, enum virtio_blk_type type)
{
    struct spot spot;
    cloudabi_errno_t error = volume_of(call, &spot);
    if (error != 0)
        return error;
    uint64_t offset = call->request.a, sectors = call->request.len / PARTITION_SECTOR;
    if ((call->request.flags & PORT_FLAG_SEGMENTS) == 0 ||
        (offset | call->request.len) % PARTITION_SECTOR != 0)
        return CLOUDABI_EINVAL;
    uint64_t first = offset / PARTITION_SECTOR, size = volume_sectors(&spot);
    if (first >= size)
        return type == VIRTIO_BLK_READ ? 0 : CLOUDABI_EFBIG;
    if (sectors > size - first)
        sectors = size - first;
    struct pending pending = {
        .sector = volume_start(&spot) + first,
        .bytes = (uint32_t)sectors * PARTITION_SECTOR,
        .type = (uint8_t)type,
    };
    return defer(call, spot.disk, pending);
}

static cloudabi_errno_t serve_read(struct server *server, struct call *call)
{
    (void)server;
    return transfer(call, VIRTIO_BLK_READ);
}

static cloudabi_errno_t serve_write(struct server *server, struct call *call)
{
    (void)server;
    return transfer(call, VIRTIO_BLK_WRITE);
}

/* Of the root: all disks, one after the other, as is done before the machine is turned off. */
static cloudabi_errno_t flush_all(struct block *block)
{
    int error = 0;
    for (unsigned i = 0; i < block->count; i++) {
        struct disk *disk = &block->disks[i];
        int failed = disk->ram ? 0 : disk_flush(disk);
        error = error != 0 ? error : failed;
    }
    return error != 0 ? CLOUDABI_EIO : 0;
}

static cloudabi_errno_t serve_sync(struct server *server, struct call *call)
{
    struct spot spot;
    cloudabi_errno_t error = node_spot(block_of(server), call->request.node, &spot);
    if (error != 0)
        return error;
    if (spot.disk == NULL)
        return flush_all(block_of(server));
    if (spot.disk->ram || !spot.disk->blk.has_cache)
        return 0;
    return defer(call, spot.disk, (struct pending){.type = VIRTIO_BLK_FLUSH});
}

const struct server_ops tree_ops = {
    .open = serve_open,
    .walk = serve_walk,
    .stat = serve_stat,
    .get_attr = serve_get_attr,
    .readdir = serve_readdir,
    .read = serve_read,
    .write = serve_write,
    .sync = serve_sync,
    .reopen = serve_reopen,
    .forget = serve_forget,
};
