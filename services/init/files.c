/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "services/common/log.h"
#include "services/init/init.h"

#define FILE_MAX (1u << 20)

int open_below(int dir, const char *path, cloudabi_oflags_t oflags, cloudabi_rights_t base,
               cloudabi_rights_t inheriting, cloudabi_errno_t *error)
{
    const cloudabi_fdstat_t wanted = {.fs_rights_base = base, .fs_rights_inheriting = inheriting};
    const cloudabi_lookup_t lookup = {.fd = (cloudabi_fd_t)dir,
                                      .flags = CLOUDABI_LOOKUP_SYMLINK_FOLLOW};
    cloudabi_fd_t fd;
    *error = cloudabi_sys_file_open(lookup, path, strlen(path), oflags, &wanted, &fd);
    return *error == 0 ? (int)fd : -1;
}

/* A type that has fewer rights than are granted gives fewer. */
cloudabi_errno_t narrow(int fd, cloudabi_rights_t base, cloudabi_rights_t inheriting)
{
    cloudabi_fdstat_t have;
    cloudabi_errno_t error = cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &have);
    if (error != 0)
        return error;
    have.fs_rights_base &= base;
    have.fs_rights_inheriting &= inheriting;
    return cloudabi_sys_fd_stat_put((cloudabi_fd_t)fd, &have, CLOUDABI_FDSTAT_RIGHTS);
}

cloudabi_errno_t write_text(int dir, const char *path, const char *text)
{
    cloudabi_errno_t error;
    int fd = open_below(dir, path, 0, CLOUDABI_RIGHT_FD_WRITE, 0, &error);
    if (fd < 0)
        return error;
    const cloudabi_ciovec_t piece = {text, strlen(text)};
    size_t written;
    error = cloudabi_sys_fd_write((cloudabi_fd_t)fd, &piece, 1, &written);
    close(fd);
    return error;
}

static cloudabi_errno_t read_all(int fd, void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t got = read(fd, (char *)data + at, size - at);
        if (got <= 0)
            return CLOUDABI_EIO;
        at += (size_t)got;
    }
    return 0;
}

cloudabi_errno_t read_file(int dir, const char *path, void **data, size_t *len)
{
    cloudabi_errno_t error;
    cloudabi_filestat_t stat;
    int fd =
        open_below(dir, path, 0, CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FILE_STAT_FGET, 0, &error);
    if (fd < 0)
        return error;
    *data = NULL;
    error = cloudabi_sys_file_stat_fget((cloudabi_fd_t)fd, &stat);
    if (error == 0 && stat.st_size > FILE_MAX)
        error = CLOUDABI_EFBIG;
    if (error == 0 && (*data = malloc(stat.st_size + 1)) == NULL)
        error = CLOUDABI_ENOMEM;
    if (error == 0)
        error = read_all(fd, *data, stat.st_size);
    if (error != 0)
        free(*data);
    *len = stat.st_size;
    close(fd);
    return error;
}

void log_rights_error(const char *node, const char *grant, cloudabi_errno_t error)
{
    log_line("%s: cannot open %s: errno %u", node, grant, error);
}
