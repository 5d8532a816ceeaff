/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/ext2/backing.h"

#include <string.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "services/ext2/disk.h"

#define SECTOR     512u
#define TRIES      3u  /* at a device that answers */
#define REOPENS    20u /* while block ends again and again */
#define READ_BASE  (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_SEEK | CLOUDABI_RIGHT_FILE_STAT_FGET)
#define WRITE_BASE (CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_SYNC | CLOUDABI_RIGHT_FD_DATASYNC)

static struct backing *backing_of(struct device *device)
{
    return (struct backing *)(void *)device;
}

/* --- opening ------------------------------------------------------------------------------ */

static cloudabi_errno_t open_rights(int dir, const char *name, cloudabi_rights_t base, int *fd)
{
    const cloudabi_fdstat_t wanted = {.fs_rights_base = base};
    const cloudabi_lookup_t lookup = {.fd = (cloudabi_fd_t)dir};
    cloudabi_fd_t got;
    cloudabi_errno_t error = cloudabi_sys_file_open(lookup, name, strlen(name), 0, &wanted, &got);
    if (error == 0)
        *fd = (int)got;
    return error;
}

/* For writing if that is granted and the disk takes it. */
static cloudabi_errno_t open_device(int dir, const char *name, bool *read_only, int *fd)
{
    cloudabi_errno_t error = open_rights(dir, name, READ_BASE | WRITE_BASE, fd);
    *read_only = error == CLOUDABI_ENOTCAPABLE || error == CLOUDABI_EROFS;
    return *read_only ? open_rights(dir, name, READ_BASE, fd) : error;
}

static cloudabi_errno_t open_by_name(struct backing *backing, const char *name)
{
    if (name != NULL) {
        backing->name = name;
        return open_device(backing->granted, name, &backing->device.read_only, &backing->fd);
    }
    cloudabi_errno_t error = open_by_name(backing, "1");
    return error == CLOUDABI_ENOENT ? open_by_name(backing, "whole") : error;
}

/* --- transfers ---------------------------------------------------------------------------- */

static cloudabi_errno_t read_all(int fd, uint64_t offset, uint8_t *to, size_t len)
{
    while (len != 0) {
        const cloudabi_iovec_t piece = {to, len};
        size_t done = 0;
        cloudabi_errno_t error = cloudabi_sys_fd_pread((cloudabi_fd_t)fd, &piece, 1, offset, &done);
        if (error != 0 || done == 0)
            return CLOUDABI_EIO;
        to += done;
        offset += done;
        len -= done;
    }
    return 0;
}

static cloudabi_errno_t write_all(int fd, uint64_t offset, const uint8_t *from, size_t len)
{
    while (len != 0) {
        const cloudabi_ciovec_t piece = {from, len};
        size_t done = 0;
        cloudabi_errno_t error =
            cloudabi_sys_fd_pwrite((cloudabi_fd_t)fd, &piece, 1, offset, &done);
        if (error != 0 || done == 0)
            return CLOUDABI_EIO;
        from += done;
        offset += done;
        len -= done;
    }
    return 0;
}

/* Whether FD is the file system that we know: it was mounted by its UUID. */
static bool is_ours(const struct backing *backing, int fd)
{
    uint8_t sector[SECTOR] = {0};
    const struct disk_super *super = (const void *)sector;
    if (!backing->known)
        return true;
    return read_all(fd, DISK_SUPER_OFFSET, sector, sizeof(sector)) == 0 &&
           super->magic == DISK_MAGIC &&
           memcmp(super->uuid, backing->uuid, sizeof(backing->uuid)) == 0;
}

/* Opens the device again by its name, under the old number: answers that name it may not have been delivered yet. */
static cloudabi_errno_t open_anew(const struct backing *backing)
{
    bool read_only = false;
    int fd = -1;
    if (open_device(backing->granted, backing->name, &read_only, &fd) != 0)
        return CLOUDABI_EIO;
    cloudabi_errno_t error = CLOUDABI_EIO;
    if (read_only == backing->device.read_only && is_ours(backing, fd))
        error = cloudabi_sys_fd_replace((cloudabi_fd_t)fd, (cloudabi_fd_t)backing->fd);
    close(fd);
    return error;
}

/* *ANEW: it had to be opened again. Block may end once more meanwhile. */
static cloudabi_errno_t revive(const struct backing *backing, bool *anew)
{
    cloudabi_errno_t error = CLOUDABI_EIO;
    if (backing->known && is_ours(backing, backing->fd))
        return 0;
    *anew = true;
    for (unsigned i = 0; backing->name != NULL && error != 0 && i < REOPENS; i++)
        error = open_anew(backing);
    return error;
}

cloudabi_errno_t backing_revive(struct backing *backing)
{
    bool anew = false;
    return revive(backing, &anew);
}

/* Whether a request that failed is made again: a few times at a device that answers, and whenever block has ended. */
static bool is_worth_another(const struct backing *backing, unsigned *failures)
{
    bool anew = false;
    if (revive(backing, &anew) != 0)
        return false;
    *failures += !anew || !backing->known;
    return *failures < TRIES;
}

static cloudabi_errno_t device_read(struct device *device, uint64_t offset, void *to, size_t len)
{
    struct backing *backing = backing_of(device);
    cloudabi_errno_t error;
    unsigned failures = 0;
    do
        error = read_all(backing->fd, offset, to, len);
    while (error != 0 && is_worth_another(backing, &failures));
    return error;
}

/* A write that was cut off by the end of block is made again: the same bytes at the same place. */
static cloudabi_errno_t device_write(struct device *device, uint64_t offset, const void *from,
                                     size_t len)
{
    struct backing *backing = backing_of(device);
    cloudabi_errno_t error;
    unsigned failures = 0;
    do
        error = write_all(backing->fd, offset, from, len);
    while (error != 0 && is_worth_another(backing, &failures));
    return error;
}

/* What an earlier instance of block was told is with the device, which did not end. */
static cloudabi_errno_t device_flush(struct device *device)
{
    struct backing *backing = backing_of(device);
    cloudabi_errno_t error;
    unsigned failures = 0;
    do
        error = cloudabi_sys_fd_datasync((cloudabi_fd_t)backing->fd);
    while (error != 0 && is_worth_another(backing, &failures));
    return error != 0 ? CLOUDABI_EIO : 0;
}

/* --- life --------------------------------------------------------------------------------- */

cloudabi_errno_t backing_know(struct backing *backing)
{
    uint8_t sector[SECTOR] = {0};
    const struct disk_super *super = (const void *)sector;
    cloudabi_errno_t error =
        device_read(&backing->device, DISK_SUPER_OFFSET, sector, sizeof(sector));
    if (error == 0)
        memcpy(backing->uuid, super->uuid, sizeof(backing->uuid));
    backing->known = error == 0;
    return error;
}

cloudabi_errno_t backing_open(struct backing *backing, int granted, const char *name)
{
    cloudabi_fdstat_t rights;
    cloudabi_filestat_t stat;
    *backing = (struct backing){.granted = granted, .fd = granted};
    cloudabi_errno_t error = cloudabi_sys_fd_stat_get((cloudabi_fd_t)granted, &rights);
    if (error == 0 && rights.fs_filetype == CLOUDABI_FILETYPE_DIRECTORY)
        error = open_by_name(backing, name);
    else
        backing->device.read_only = (rights.fs_rights_base & CLOUDABI_RIGHT_FD_WRITE) == 0;
    if (error == 0)
        error = cloudabi_sys_file_stat_fget((cloudabi_fd_t)backing->fd, &stat);
    if (error != 0)
        return error;
    backing->device.size = stat.st_size / SECTOR * SECTOR;
    backing->device.read = device_read;
    backing->device.write = device_write;
    backing->device.flush = device_flush;
    return 0;
}
