/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on descriptors: making, closing, copying them, and their data, position, flags and rights. */
#include "abi/kernel_calls.h"
#include "kernel/fd/port.h"
#include "kernel/fd/stream.h"
#include "kernel/proc/process.h"

#define FILETYPE_PORT 0xe0
#define ALL_FDFLAGS                                                              \
    (CLOUDABI_FDFLAG_APPEND | CLOUDABI_FDFLAG_DSYNC | CLOUDABI_FDFLAG_NONBLOCK | \
     CLOUDABI_FDFLAG_RSYNC | CLOUDABI_FDFLAG_SYNC)

cloudabi_errno_t sys_fd_close(cloudabi_fd_t fd)
{
    return fd_close(fd);
}

cloudabi_errno_t sys_fd_create1(cloudabi_filetype_t type, cloudabi_fd_t *fd)
{
    struct job *job = process_self()->job;
    struct memobj *object = memobj_create(job, 0);
    if (object == NULL)
        return CLOUDABI_ENOMEM;
    struct file *file = memfile_create(job, type, object, 0);
    if (file == NULL) {
        memobj_put(object);
        return CLOUDABI_ENOMEM;
    }
    cloudabi_errno_t error = fd_install(file, rights_of_type(type), fd);
    if (error != 0)
        file_put(file);
    return error;
}

static cloudabi_errno_t pair_create(cloudabi_filetype_t type, struct file *file[2],
                                    struct rights rights[2])
{
    struct job *job = process_self()->job;
    rights[0] = rights[1] = rights_of_type(type);
    switch (type) {
    case CLOUDABI_FILETYPE_SOCKET_STREAM:
        return stream_create(job, &file[0], &file[1]);
    case CLOUDABI_FILETYPE_SOCKET_DGRAM:
        return dgram_create(job, &file[0], &file[1]);
    case FILETYPE_PORT:
        return port_create(job, &file[0], &rights[0], &file[1], &rights[1]);
    default:
        return CLOUDABI_EINVAL;
    }
}

cloudabi_errno_t sys_fd_create2(cloudabi_filetype_t type, cloudabi_fd_t *fd1, cloudabi_fd_t *fd2)
{
    struct file *file[2];
    struct rights rights[2];
    cloudabi_fd_t fd[2];
    cloudabi_errno_t error = fd_reserve(fd, 2);
    if (error != 0)
        return error;
    error = pair_create(type, file, rights);
    if (error != 0) {
        fd_unreserve(fd, 2);
        return error;
    }
    fd_commit(fd[0], file[0], rights[0]);
    fd_commit(fd[1], file[1], rights[1]);
    *fd1 = fd[0];
    *fd2 = fd[1];
    return 0;
}

cloudabi_errno_t sys_fd_dup(const struct fd_grant *from, cloudabi_fd_t *fd)
{
    cloudabi_errno_t error = fd_install(file_get(from->file), from->rights, fd);
    if (error != 0)
        file_put(from->file);
    return error;
}

cloudabi_errno_t sys_fd_replace(cloudabi_fd_t from, cloudabi_fd_t to)
{
    return fd_replace(from, to);
}

cloudabi_errno_t sys_fd_read(const struct fd_grant *fd, const struct user_vec *iovs, size_t *nread)
{
    return file_read(fd->file, iovs, NULL, nread);
}

cloudabi_errno_t sys_fd_write(const struct fd_grant *fd, const struct user_vec *iovs,
                              size_t *nwritten)
{
    return file_write(fd->file, iovs, NULL, nwritten);
}

cloudabi_errno_t sys_fd_pread(const struct fd_grant *fd, const struct user_vec *iovs,
                              cloudabi_filesize_t offset, size_t *nread)
{
    if (offset > INT64_MAX)
        return CLOUDABI_EINVAL;
    return file_read(fd->file, iovs, &offset, nread);
}

cloudabi_errno_t sys_fd_pwrite(const struct fd_grant *fd, const struct user_vec *iovs,
                               cloudabi_filesize_t offset, size_t *nwritten)
{
    if (offset > INT64_MAX)
        return CLOUDABI_EINVAL;
    return file_write(fd->file, iovs, &offset, nwritten);
}

cloudabi_errno_t sys_fd_seek(const struct fd_grant *fd, cloudabi_filedelta_t offset,
                             cloudabi_whence_t whence, cloudabi_filesize_t *newoffset)
{
    return file_seek(fd->file, offset, whence, newoffset);
}

cloudabi_errno_t sys_fd_sync(const struct fd_grant *fd)
{
    return file_sync(fd->file, false);
}

cloudabi_errno_t sys_fd_datasync(const struct fd_grant *fd)
{
    return file_sync(fd->file, true);
}

cloudabi_errno_t sys_fd_stat_get(const struct fd_grant *fd, cloudabi_fdstat_t *buf)
{
    __builtin_memset(buf, 0, sizeof(*buf)); /* padding too: it goes to the program */
    buf->fs_filetype = fd->file->type;
    buf->fs_flags = atomic_load_explicit(&fd->file->flags, memory_order_relaxed);
    buf->fs_rights_base = fd->rights.base;
    buf->fs_rights_inheriting = fd->rights.inheriting;
    return 0;
}

cloudabi_errno_t sys_fd_stat_put(const struct fd_grant *fd, cloudabi_fd_t fd_number,
                                 const cloudabi_fdstat_t *buf, cloudabi_fdsflags_t flags)
{
    if (flags == CLOUDABI_FDSTAT_RIGHTS)
        return fd_narrow(fd_number,
                         &(struct rights){buf->fs_rights_base, buf->fs_rights_inheriting});
    if (buf->fs_flags & ~ALL_FDFLAGS)
        return CLOUDABI_EINVAL;
    atomic_store_explicit(&fd->file->flags, buf->fs_flags, memory_order_relaxed);
    return 0;
}
