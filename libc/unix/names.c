/* SPDX-License-Identifier: BSD-2-Clause */
/* Making, removing and renaming names. Each plain form is its -at form at the current directory. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libc/unix/unix.h"

int mkdirat(int dirfd, const char *path, mode_t mode)
{
    struct place place;

    (void)mode;
    if (!place_of(dirfd, path, &place))
        return -1;
    return result(
        cloudabi_sys_file_create(place.fd, place.path, place.len, CLOUDABI_FILETYPE_DIRECTORY));
}

int unlinkat(int dirfd, const char *path, int flags)
{
    struct place place;

    if (!place_of(dirfd, path, &place))
        return -1;
    return result(cloudabi_sys_file_unlink(place.fd, place.path, place.len,
                                           (flags & AT_REMOVEDIR) != 0 ? CLOUDABI_UNLINK_REMOVEDIR
                                                                       : (cloudabi_ulflags_t)0));
}

int renameat(int olddir, const char *oldpath, int newdir, const char *newpath)
{
    struct place from;
    struct place to;

    if (!place_of(olddir, oldpath, &from) || !place_of(newdir, newpath, &to))
        return -1;
    return result(cloudabi_sys_file_rename(from.fd, from.path, from.len, to.fd, to.path, to.len));
}

int linkat(int olddir, const char *oldpath, int newdir, const char *newpath, int flags)
{
    struct place from;
    struct place to;

    if (!place_of(olddir, oldpath, &from) || !place_of(newdir, newpath, &to))
        return -1;
    return result(cloudabi_sys_file_link(place_lookup(&from, (flags & AT_SYMLINK_FOLLOW) != 0),
                                         from.path, from.len, to.fd, to.path, to.len));
}

int symlinkat(const char *target, int dirfd, const char *path)
{
    struct place place;

    if (!place_of(dirfd, path, &place))
        return -1;
    return result(
        cloudabi_sys_file_symlink(target, strlen(target), place.fd, place.path, place.len));
}

ssize_t readlinkat(int dirfd, const char *path, char *buffer, size_t size)
{
    struct place place;
    size_t used = 0;

    if (!place_of(dirfd, path, &place))
        return -1;
    cloudabi_errno_t error =
        cloudabi_sys_file_readlink(place.fd, place.path, place.len, buffer, size, &used);
    return result_count(error, used);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rename(const char *oldpath, const char *newpath)
{
    return renameat(AT_FDCWD, oldpath, AT_FDCWD, newpath);
}

int link(const char *oldpath, const char *newpath)
{
    return linkat(AT_FDCWD, oldpath, AT_FDCWD, newpath, 0);
}

int symlink(const char *target, const char *path)
{
    return symlinkat(target, AT_FDCWD, path);
}

ssize_t readlink(const char *path, char *buffer, size_t size)
{
    return readlinkat(AT_FDCWD, path, buffer, size);
}

int mkfifoat(int dirfd, const char *path, mode_t mode)
{
    (void)dirfd;
    (void)path;
    (void)mode;
    return result(ENOTSUP);
}

int mkfifo(const char *path, mode_t mode)
{
    return mkfifoat(AT_FDCWD, path, mode);
}

int mknodat(int dirfd, const char *path, mode_t mode, dev_t device)
{
    (void)device;
    return mkfifoat(dirfd, path, mode);
}

int mknod(const char *path, mode_t mode, dev_t device)
{
    return mknodat(AT_FDCWD, path, mode, device);
}
