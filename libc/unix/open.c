/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open: from the flags of POSIX to rights. A file is opened with all rights that the directory passes on,
 * less those that belong to an access mode which was not asked for; what was asked for must be
 * among them, so a missing right is refused here and not at the first use.
 */
#include <fcntl.h>
#include <stdarg.h>

#include "libc/unix/unix.h"

#define READ_RIGHTS \
    (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FILE_READDIR | CLOUDABI_RIGHT_MEM_MAP_EXEC)
#define WRITE_RIGHTS                                                                       \
    (CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_DATASYNC | CLOUDABI_RIGHT_FILE_ALLOCATE | \
     CLOUDABI_RIGHT_FILE_STAT_FPUT_SIZE)

struct open_rights {
    cloudabi_rights_t needed;
    cloudabi_rights_t dropped;
};

static struct open_rights rights_of(int flags)
{
    struct open_rights r = {0, 0};
    int mode = flags & O_ACCMODE;
    bool search = (flags & O_SEARCH) != 0;

    if (mode == O_WRONLY || search)
        r.dropped |= READ_RIGHTS;
    else
        r.needed |=
            (flags & O_DIRECTORY) != 0 ? CLOUDABI_RIGHT_FILE_READDIR : CLOUDABI_RIGHT_FD_READ;
    if (mode == O_RDONLY || search)
        r.dropped |= WRITE_RIGHTS;
    else
        r.needed |= CLOUDABI_RIGHT_FD_WRITE |
                    ((flags & (O_APPEND | O_TRUNC)) != 0 ? 0 : CLOUDABI_RIGHT_FD_SEEK);
    /* Reading and writing at once needs both sets; the sets do not overlap. */
    return r;
}

static cloudabi_oflags_t oflags_of(int flags)
{
    return (cloudabi_oflags_t)(((flags & O_CREAT) != 0 ? CLOUDABI_O_CREAT : 0) |
                               ((flags & O_DIRECTORY) != 0 ? CLOUDABI_O_DIRECTORY : 0) |
                               ((flags & O_EXCL) != 0 ? CLOUDABI_O_EXCL : 0) |
                               ((flags & O_TRUNC) != 0 ? CLOUDABI_O_TRUNC : 0));
}

static cloudabi_fdflags_t fdflags_of(int flags)
{
    return (cloudabi_fdflags_t)(((flags & O_APPEND) != 0 ? CLOUDABI_FDFLAG_APPEND : 0) |
                                ((flags & O_NONBLOCK) != 0 ? CLOUDABI_FDFLAG_NONBLOCK : 0) |
                                ((flags & O_SYNC) != 0 ? CLOUDABI_FDFLAG_SYNC : 0));
}

/* All that a directory can pass on (docs/executables.md section 11). */
#define PASSED_ON_MOST (0x11ffff7fful | CLOUDABI_RIGHT_SOCK_SHUTDOWN)

ONLY_KERNEL static cloudabi_errno_t passed_on(cloudabi_fd_t fd, cloudabi_rights_t needed,
                                              cloudabi_rights_t *rights)
{
    cloudabi_fdstat_t dir;
    cloudabi_errno_t error = cloudabi_sys_fd_stat_get(fd, &dir);

    if (error != 0)
        return error;
    if (dir.fs_filetype != CLOUDABI_FILETYPE_DIRECTORY)
        return ENOTDIR;
    *rights = dir.fs_rights_inheriting;
    return (needed & ~*rights) != 0 ? ENOTCAPABLE : 0;
}

INLINE ONLY_KERNEL cloudabi_errno_t open_with(const struct place *place, int flags,
                                              cloudabi_rights_t rights, cloudabi_rights_t dropped,
                                              cloudabi_fd_t *fd)
{
    cloudabi_fdstat_t wanted = {
        .fs_flags = fdflags_of(flags),
        .fs_rights_base = rights & ~dropped,
        .fs_rights_inheriting = rights,
    };
    return cloudabi_sys_file_open(place_lookup(place, (flags & O_NOFOLLOW) == 0), place->path,
                                  place->len, oflags_of(flags), &wanted, fd);
}

ONLY_KERNEL int openat(int dirfd, const char *path, int flags, ...)
{
    struct open_rights rights = rights_of(flags);
    struct place place;
    cloudabi_rights_t passed;
    cloudabi_fd_t fd;

    if (!place_of(dirfd, path, &place))
        return -1;
    /* Most directories pass on all there is; what this one does is asked for when it refuses. */
    cloudabi_errno_t error = open_with(&place, flags, PASSED_ON_MOST, rights.dropped, &fd);
    if (error == ENOTCAPABLE && (error = passed_on(place.fd, rights.needed, &passed)) == 0)
        error = open_with(&place, flags, passed, rights.dropped, &fd);
    if (error != 0)
        return result(error);
    __cloexec_set((int)fd, (flags & O_CLOEXEC) != 0);
    return (int)fd;
}

/* A mode argument has no meaning: there are no users, and rights come with descriptors. */
int open(const char *path, int flags, ...)
{
    return openat(AT_FDCWD, path, flags);
}

int creat(const char *path, mode_t mode)
{
    (void)mode;
    return openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC);
}
