/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on files, by descriptor or by name.  Names are resolved by kernel/fd/namei.c. */
#include "abi/kernel_calls.h"
#include "kernel/fd/namei.h"

#define ALL_FDFLAGS                                                              \
    (CLOUDABI_FDFLAG_APPEND | CLOUDABI_FDFLAG_DSYNC | CLOUDABI_FDFLAG_NONBLOCK | \
     CLOUDABI_FDFLAG_RSYNC | CLOUDABI_FDFLAG_SYNC)

/* --- open files ------------------------------------------------------------------------------- */

cloudabi_errno_t sys_file_advise(const struct fd_grant *fd, cloudabi_filesize_t offset,
                                 cloudabi_filesize_t len, cloudabi_advice_t advice)
{
    if (offset > INT64_MAX || len > INT64_MAX - offset)
        return CLOUDABI_EINVAL;
    return file_advise(fd->file, offset, len, advice);
}

cloudabi_errno_t sys_file_allocate(const struct fd_grant *fd, cloudabi_filesize_t offset,
                                   cloudabi_filesize_t len)
{
    if (len == 0 || offset > INT64_MAX || len > INT64_MAX)
        return CLOUDABI_EINVAL;
    if (len > INT64_MAX - offset)
        return CLOUDABI_EFBIG;
    return file_allocate(fd->file, offset, len);
}

cloudabi_errno_t sys_file_readdir(const struct fd_grant *fd, user_addr_t buf, size_t buf_len,
                                  cloudabi_dircookie_t cookie, size_t *bufused)
{
    return file_readdir(fd->file, buf, buf_len, cookie, bufused);
}

cloudabi_errno_t sys_file_stat_fget(const struct fd_grant *fd, cloudabi_filestat_t *buf)
{
    return file_stat(fd->file, buf);
}

/* A time to be set must be said once; the size goes alone. */
static cloudabi_errno_t check_stat_flags(cloudabi_fsflags_t flags)
{
    const cloudabi_fsflags_t times = CLOUDABI_FILESTAT_ATIM | CLOUDABI_FILESTAT_ATIM_NOW |
                                     CLOUDABI_FILESTAT_MTIM | CLOUDABI_FILESTAT_MTIM_NOW;
    const cloudabi_fsflags_t atime = CLOUDABI_FILESTAT_ATIM | CLOUDABI_FILESTAT_ATIM_NOW;
    const cloudabi_fsflags_t mtime = CLOUDABI_FILESTAT_MTIM | CLOUDABI_FILESTAT_MTIM_NOW;
    if ((flags & ~(times | CLOUDABI_FILESTAT_SIZE)) != 0 || (flags & atime) == atime ||
        (flags & mtime) == mtime)
        return CLOUDABI_EINVAL;
    if ((flags & CLOUDABI_FILESTAT_SIZE) && (flags & times))
        return CLOUDABI_EINVAL;
    return 0;
}

cloudabi_errno_t sys_file_stat_fput(const struct fd_grant *fd, const cloudabi_filestat_t *buf,
                                    cloudabi_fsflags_t flags)
{
    cloudabi_errno_t error = check_stat_flags(flags);
    if (error != 0)
        return error;
    if ((flags & CLOUDABI_FILESTAT_SIZE) && buf->st_size > INT64_MAX)
        return CLOUDABI_EFBIG;
    return flags == 0 ? 0 : file_stat_put(fd->file, buf, flags);
}

/* --- names ------------------------------------------------------------------------------------ */

/* What the directory must let its openers inherit (docs/executables.md section 11). */
static cloudabi_rights_t needed_to_open(const cloudabi_fdstat_t *fds, cloudabi_oflags_t oflags)
{
    cloudabi_rights_t needed = fds->fs_rights_base | fds->fs_rights_inheriting;
    const cloudabi_rights_t writing = CLOUDABI_RIGHT_FD_DATASYNC | CLOUDABI_RIGHT_FD_WRITE |
                                      CLOUDABI_RIGHT_FILE_ALLOCATE |
                                      CLOUDABI_RIGHT_FILE_STAT_FPUT_SIZE;
    if (oflags & CLOUDABI_O_TRUNC)
        needed |= CLOUDABI_RIGHT_FILE_STAT_FPUT_SIZE;
    else if ((fds->fs_rights_base & writing) != 0 && (fds->fs_flags & CLOUDABI_FDFLAG_APPEND) == 0)
        needed |= CLOUDABI_RIGHT_FD_SEEK;
    return needed;
}

cloudabi_errno_t sys_file_open(const struct fd_grant *dirfd, cloudabi_lookupflags_t dirfd_flags,
                               const struct user_path *path, cloudabi_oflags_t oflags,
                               const cloudabi_fdstat_t *fds, cloudabi_fd_t *fd)
{
    struct open_args args = {
        .lookup = dirfd_flags,
        .oflags = oflags,
        .fdflags = fds->fs_flags,
        .asked = {fds->fs_rights_base, fds->fs_rights_inheriting},
    };
    struct file *file;
    struct rights rights;
    cloudabi_fd_t number;
    if (fds->fs_flags & ~ALL_FDFLAGS)
        return CLOUDABI_EINVAL;
    cloudabi_errno_t error = rights_check(dirfd->rights.inheriting, needed_to_open(fds, oflags));
    if (error == 0)
        error = fd_reserve(&number, 1);
    if (error != 0)
        return error;
    error = namei_open(dirfd, path, &args, &file, &rights);
    if (error != 0) {
        fd_unreserve(&number, 1);
        return error;
    }
    fd_commit(number, file, rights);
    *fd = number;
    return 0;
}

cloudabi_errno_t sys_file_create(const struct fd_grant *fd, const struct user_path *path,
                                 cloudabi_filetype_t type)
{
    return type == CLOUDABI_FILETYPE_DIRECTORY ? namei_mkdir(fd, path) : CLOUDABI_EINVAL;
}

cloudabi_errno_t sys_file_link(const struct fd_grant *fd1, cloudabi_lookupflags_t fd1_flags,
                               const struct user_path *path1, const struct fd_grant *fd2,
                               const struct user_path *path2)
{
    return namei_link(fd1, path1, fd1_flags, fd2, path2);
}

cloudabi_errno_t sys_file_readlink(const struct fd_grant *fd, const struct user_path *path,
                                   user_addr_t buf, size_t buf_len, size_t *bufused)
{
    return namei_readlink(fd, path, buf, buf_len, bufused);
}

cloudabi_errno_t sys_file_rename(const struct fd_grant *fd1, const struct user_path *path1,
                                 const struct fd_grant *fd2, const struct user_path *path2)
{
    return namei_rename(fd1, path1, fd2, path2);
}

cloudabi_errno_t sys_file_stat_get(const struct fd_grant *fd, cloudabi_lookupflags_t fd_flags,
                                   const struct user_path *path, cloudabi_filestat_t *buf)
{
    return namei_stat(fd, path, fd_flags, buf);
}

cloudabi_errno_t sys_file_stat_put(const struct fd_grant *fd, cloudabi_lookupflags_t fd_flags,
                                   const struct user_path *path, const cloudabi_filestat_t *buf,
                                   cloudabi_fsflags_t flags)
{
    cloudabi_errno_t error = check_stat_flags(flags);
    if (error != 0)
        return error;
    if (flags & CLOUDABI_FILESTAT_SIZE)
        return CLOUDABI_EINVAL;
    return namei_stat_put(fd, path, fd_flags, buf, flags);
}

cloudabi_errno_t sys_file_symlink(const struct user_path *path1, const struct fd_grant *fd,
                                  const struct user_path *path2)
{
    return namei_symlink(fd, path2, path1);
}

cloudabi_errno_t sys_file_unlink(const struct fd_grant *fd, const struct user_path *path,
                                 cloudabi_ulflags_t flags)
{
    return namei_unlink(fd, path, flags);
}
