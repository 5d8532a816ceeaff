/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File attributes. The ABI has no owners and no modes: permission bits in st_mode tell what kind of use a
 * file type is for, and chmod and chown succeed without effect, as on any file system without them.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "libc/unix/unix.h"

static mode_t mode_of(cloudabi_filetype_t type)
{
    switch (type) {
    case CLOUDABI_FILETYPE_BLOCK_DEVICE:
        return S_IFBLK | 0666;
    case CLOUDABI_FILETYPE_CHARACTER_DEVICE:
        return S_IFCHR | 0666;
    case CLOUDABI_FILETYPE_DIRECTORY:
        return S_IFDIR | 0777;
    case CLOUDABI_FILETYPE_REGULAR_FILE:
        return S_IFREG | 0777;
    case CLOUDABI_FILETYPE_SHARED_MEMORY:
        return S_IFREG | 0666;
    case CLOUDABI_FILETYPE_SOCKET_DGRAM:
    case CLOUDABI_FILETYPE_SOCKET_STREAM:
        return S_IFSOCK | 0666;
    case CLOUDABI_FILETYPE_SYMBOLIC_LINK:
        return S_IFLNK | 0777;
    default:
        return 0;
    }
}

INLINE int give_stat(const cloudabi_filestat_t *in, struct stat *out)
{
    *out = (struct stat){
        .st_dev = in->st_dev,
        .st_ino = in->st_ino,
        .st_mode = mode_of(in->st_filetype),
        .st_nlink = (nlink_t)in->st_nlink,
        .st_size = (off_t)in->st_size,
        .st_atim = to_timespec(in->st_atim),
        .st_mtim = to_timespec(in->st_mtim),
        .st_ctim = to_timespec(in->st_ctim),
        .st_blksize = 4096,
        .st_blocks = (blkcnt_t)((in->st_size + 511) / 512),
    };
    return 0;
}

ONLY_KERNEL int fstat(int fd, struct stat *out)
{
    cloudabi_filestat_t st;
    cloudabi_errno_t error = cloudabi_sys_file_stat_fget((cloudabi_fd_t)fd, &st);

    return error != 0 ? result(error) : give_stat(&st, out);
}

ONLY_KERNEL int fstatat(int dirfd, const char *path, struct stat *out, int flags)
{
    cloudabi_filestat_t st;
    struct place place;

    if (!place_of(dirfd, path, &place))
        return -1;
    bool follow = (flags & AT_SYMLINK_NOFOLLOW) == 0;
    cloudabi_errno_t error =
        cloudabi_sys_file_stat_get(place_lookup(&place, follow), place.path, place.len, &st);
    return error != 0 ? result(error) : give_stat(&st, out);
}

int stat(const char *path, struct stat *out)
{
    return fstatat(AT_FDCWD, path, out, 0);
}

int lstat(const char *path, struct stat *out)
{
    return fstatat(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}

int isatty(int fd)
{
    cloudabi_fdstat_t st;

    if (result(cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st)) < 0)
        return 0;
    if (st.fs_filetype == CLOUDABI_FILETYPE_CHARACTER_DEVICE)
        return 1;
    errno = ENOTTY;
    return 0;
}

/* The two times of the utime family; NULL means now, twice. */
static cloudabi_errno_t times_of(const struct timespec *times, cloudabi_filestat_t *st,
                                 cloudabi_fsflags_t *flags)
{
    *flags = 0;
    if (times == NULL) {
        *flags = CLOUDABI_FILESTAT_ATIM_NOW | CLOUDABI_FILESTAT_MTIM_NOW;
        return 0;
    }
    if (times[0].tv_nsec == UTIME_NOW)
        *flags |= CLOUDABI_FILESTAT_ATIM_NOW;
    else if (times[0].tv_nsec != UTIME_OMIT && !from_timespec(&times[0], &st->st_atim))
        return EINVAL;
    else if (times[0].tv_nsec != UTIME_OMIT)
        *flags |= CLOUDABI_FILESTAT_ATIM;
    if (times[1].tv_nsec == UTIME_NOW)
        *flags |= CLOUDABI_FILESTAT_MTIM_NOW;
    else if (times[1].tv_nsec != UTIME_OMIT && !from_timespec(&times[1], &st->st_mtim))
        return EINVAL;
    else if (times[1].tv_nsec != UTIME_OMIT)
        *flags |= CLOUDABI_FILESTAT_MTIM;
    return 0;
}

int futimens(int fd, const struct timespec times[2])
{
    cloudabi_filestat_t st = {.st_size = 0};
    cloudabi_fsflags_t flags;
    cloudabi_errno_t error = times_of(times, &st, &flags);

    if (error == 0 && flags != 0)
        error = cloudabi_sys_file_stat_fput((cloudabi_fd_t)fd, &st, flags);
    return result(error);
}

int utimensat(int dirfd, const char *path, const struct timespec times[2], int atflags)
{
    cloudabi_filestat_t st = {.st_size = 0};
    cloudabi_fsflags_t flags;
    struct place place;

    if (!place_of(dirfd, path, &place))
        return -1;
    cloudabi_errno_t error = times_of(times, &st, &flags);
    if (error == 0 && flags != 0)
        error =
            cloudabi_sys_file_stat_put(place_lookup(&place, (atflags & AT_SYMLINK_NOFOLLOW) == 0),
                                       place.path, place.len, &st, flags);
    return result(error);
}

int utimes(const char *path, const struct timeval times[2])
{
    struct timespec ts[2];

    if (times == NULL)
        return utimensat(AT_FDCWD, path, NULL, 0);
    for (int i = 0; i < 2; i++)
        ts[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
    return utimensat(AT_FDCWD, path, ts, 0);
}

int utime(const char *path, const struct utimbuf *times)
{
    struct timespec ts[2];

    if (times == NULL)
        return utimensat(AT_FDCWD, path, NULL, 0);
    ts[0] = (struct timespec){times->actime, 0};
    ts[1] = (struct timespec){times->modtime, 0};
    return utimensat(AT_FDCWD, path, ts, 0);
}

int fchmod(int fd, mode_t mode)
{
    struct stat st;

    (void)mode;
    return fstat(fd, &st);
}

int fchmodat(int dirfd, const char *path, mode_t mode, int flags)
{
    struct stat st;

    (void)mode;
    return fstatat(dirfd, path, &st, flags);
}

int chmod(const char *path, mode_t mode)
{
    return fchmodat(AT_FDCWD, path, mode, 0);
}

int fchown(int fd, uid_t owner, gid_t group)
{
    (void)owner;
    (void)group;
    return fchmod(fd, 0);
}

int fchownat(int dirfd, const char *path, uid_t owner, gid_t group, int flags)
{
    (void)owner;
    (void)group;
    return fchmodat(dirfd, path, 0, flags);
}

int chown(const char *path, uid_t owner, gid_t group)
{
    return fchownat(AT_FDCWD, path, owner, group, 0);
}

int lchown(const char *path, uid_t owner, gid_t group)
{
    return fchownat(AT_FDCWD, path, owner, group, AT_SYMLINK_NOFOLLOW);
}

/* Whether the rights suffice shows at open; here only whether the file is there. */
int faccessat(int dirfd, const char *path, int mode, int flags)
{
    struct stat st;

    (void)mode;
    return fstatat(dirfd, path, &st, flags & AT_SYMLINK_NOFOLLOW);
}

int access(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, 0);
}

mode_t umask(mode_t mask)
{
    static _Atomic(mode_t) current = 022;

    return __atomic_exchange_n((mode_t *)&current, mask & 0777, __ATOMIC_RELAXED);
}
