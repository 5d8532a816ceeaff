/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor numbers and flags: dup, dup2, fcntl. Close-on-exec is a mark that libc keeps for the numbers
 * that there can be and honours when it lists the descriptors for an exec.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "libc/unix/socket.h"
#include "libc/unix/unix.h"

#define MARK_WORDS (FD_NUMBERS / 32)

static _Atomic(unsigned) marks[MARK_WORDS];

bool __cloexec_get(int fd)
{
    return fd >= 0 && fd < FD_NUMBERS && (atomic_load(&marks[fd / 32]) >> fd % 32 & 1) != 0;
}

void __cloexec_set(int fd, bool on)
{
    if (fd < 0 || fd >= FD_NUMBERS)
        return;
    unsigned bit = 1u << fd % 32;
    if (((atomic_load_explicit(&marks[fd / 32], memory_order_relaxed) & bit) != 0) == on)
        return;
    if (on)
        atomic_fetch_or(&marks[fd / 32], bit);
    else
        atomic_fetch_and(&marks[fd / 32], ~bit);
}

static int copy_of(int fd)
{
    cloudabi_fd_t copy = 0;
    cloudabi_errno_t error = cloudabi_sys_fd_dup((cloudabi_fd_t)fd, &copy);

    return (int)result_count(error, copy);
}

/* What libc keeps of a socket holds for its other numbers, too. */
static int told(int fd, int copy)
{
    if (copy >= 0 && __socket_hooks != NULL)
        __socket_hooks->copied(fd, copy);
    return copy;
}

int dup(int fd)
{
    return told(fd, copy_of(fd));
}

/* The lowest free number that is at least MINIMUM; those below that get in the way are held meanwhile. */
static int dup_from(int fd, int minimum)
{
    unsigned held[MARK_WORDS] = {0};
    int copy;

    while ((copy = copy_of(fd)) >= 0 && copy < minimum)
        held[copy / 32] |= 1u << copy % 32;
    int saved = errno;
    for (int i = 0; i < minimum; i++) {
        if ((held[i / 32] >> i % 32 & 1) != 0)
            (void)cloudabi_sys_fd_close((cloudabi_fd_t)i);
    }
    errno = saved;
    return told(fd, copy);
}

int dup2(int fd, int number)
{
    cloudabi_fdstat_t st;

    if (number < 0 || number >= FD_NUMBERS)
        return result(EBADF);
    if (fd == number)
        return result(cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st)) < 0 ? -1 : number;
    cloudabi_errno_t error = cloudabi_sys_fd_replace((cloudabi_fd_t)fd, (cloudabi_fd_t)number);
    /* A number that is not in use can not be replaced: take it as the lowest free one from there. */
    if (error == EBADF && cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st) == 0) {
        int copy = dup_from(fd, number);
        if (copy == number)
            return number;
        if (copy >= 0)
            close(copy), errno = EMFILE;
        return -1;
    }
    if (result(error) < 0)
        return -1;
    __cloexec_set(number, false);
    return told(fd, number);
}

int dup3(int fd, int number, int flags)
{
    if (fd == number)
        return result(EINVAL);
    int copy = dup2(fd, number);
    if (copy >= 0)
        __cloexec_set(copy, (flags & O_CLOEXEC) != 0);
    return copy;
}

static int get_flags(int fd)
{
    cloudabi_fdstat_t st;

    if (result(cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st)) < 0)
        return -1;
    bool reads = (st.fs_rights_base & (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FILE_READDIR)) != 0;
    bool writes = (st.fs_rights_base & CLOUDABI_RIGHT_FD_WRITE) != 0;
    int flags = reads && writes ? O_RDWR : writes ? O_WRONLY : O_RDONLY;
    flags |= (st.fs_flags & CLOUDABI_FDFLAG_APPEND) != 0 ? O_APPEND : 0;
    flags |= (st.fs_flags & CLOUDABI_FDFLAG_NONBLOCK) != 0 ? O_NONBLOCK : 0;
    flags |= (st.fs_flags & (CLOUDABI_FDFLAG_SYNC | CLOUDABI_FDFLAG_DSYNC)) != 0 ? O_SYNC : 0;
    return flags;
}

static int set_flags(int fd, int flags)
{
    cloudabi_fdstat_t st = {
        .fs_flags =
            (cloudabi_fdflags_t)(((flags & O_APPEND) != 0 ? CLOUDABI_FDFLAG_APPEND : 0) |
                                 ((flags & O_NONBLOCK) != 0 ? CLOUDABI_FDFLAG_NONBLOCK : 0) |
                                 ((flags & O_SYNC) != 0 ? CLOUDABI_FDFLAG_SYNC : 0)),
    };

    return result(cloudabi_sys_fd_stat_put((cloudabi_fd_t)fd, &st, CLOUDABI_FDSTAT_FLAGS));
}

int fcntl(int fd, int command, ...)
{
    cloudabi_fdstat_t st;
    va_list args;

    va_start(args, command);
    int argument = va_arg(args, int);
    va_end(args);
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
        int copy = argument < 0 || argument >= FD_NUMBERS ? result(EINVAL) : dup_from(fd, argument);
        if (copy >= 0)
            __cloexec_set(copy, command == F_DUPFD_CLOEXEC);
        return copy;
    }
    case F_GETFD:
        if (result(cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st)) < 0)
            return -1;
        return __cloexec_get(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
        if (result(cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st)) < 0)
            return -1;
        __cloexec_set(fd, (argument & FD_CLOEXEC) != 0);
        return 0;
    case F_GETFL:
        return get_flags(fd);
    case F_SETFL:
        return set_flags(fd, argument);
    default:
        return result(EINVAL);
    }
}
