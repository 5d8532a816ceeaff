/* SPDX-License-Identifier: BSD-2-Clause */
/* The few requests that mean something for any descriptor; the ABI has no ioctl. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "libc/unix/socket.h"

static int set_flag(int fd, int flag, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 ? -1 : fcntl(fd, F_SETFL, on ? flags | flag : flags & ~flag);
}

/* How many bytes can be read without waiting: of a datagram socket, those of its next datagram. */
static int readable_bytes(int fd, int *count)
{
    size_t room = 0;
    cloudabi_errno_t error = __socket_wait(fd, false, 0, &room);

    *count = 0;
    if (error != 0)
        return result(error == EAGAIN ? 0 : error);
    if (__socket_special && room > 0)
        room -= __socket_hooks->header(fd);
    *count = (int)room;
    return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
    cloudabi_fdstat_t st;
    va_list args;

    if (result(cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st)) < 0)
        return -1;
    va_start(args, request);
    int *argument = va_arg(args, int *);
    va_end(args);
    switch (request) {
    case FIONBIO:
        return set_flag(fd, O_NONBLOCK, *argument != 0);
    case FIONREAD:
        return readable_bytes(fd, argument);
    case FIOCLEX:
    case FIONCLEX:
        return fcntl(fd, F_SETFD, request == FIOCLEX ? FD_CLOEXEC : 0);
    default:
        return result(ENOTTY);
    }
}
