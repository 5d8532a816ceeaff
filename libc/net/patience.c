/* SPDX-License-Identifier: BSD-2-Clause */
/* Time limits of sockets (SO_RCVTIMEO, SO_SNDTIMEO): the kernel has none, so these poll first and then take or give no
 * more than there is. */
#include <sys/socket.h>

#include "libc/net/net.h"

/* How long the call may wait: not at all if the descriptor or the call says so. */
static cloudabi_timestamp_t limit_of(int fd, const struct net_socket *socket, bool write, int flags)
{
    if ((flags & MSG_DONTWAIT) != 0 || (__net_flags(fd) & CLOUDABI_FDFLAG_NONBLOCK) != 0)
        return 0;
    return socket->patience[write] != 0 ? socket->patience[write] : UINT64_MAX;
}

cloudabi_errno_t __net_wait(int fd, const struct net_socket *socket, bool write, int flags)
{
    size_t room;
    cloudabi_timestamp_t limit = limit_of(fd, socket, write, flags);

    return limit == UINT64_MAX ? 0 : __socket_wait(fd, write, limit, &room);
}

static cloudabi_timestamp_t now(void)
{
    cloudabi_timestamp_t time = 0;

    (void)cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_MONOTONIC, 0, &time);
    return time;
}

/* What is left until the end of a wait. */
static cloudabi_timestamp_t left(cloudabi_timestamp_t end)
{
    cloudabi_timestamp_t time = now();

    return end > time ? end - time : 0;
}

static size_t size_of(const struct msghdr *msg)
{
    size_t size = 0;

    for (int i = 0; i < msg->msg_iovlen; i++)
        size += msg->msg_iov[i].iov_len;
    return size;
}

/* All that was asked for, or what came in time. */
static ssize_t receive_all(int fd, struct msghdr *msg, int flags, cloudabi_timestamp_t limit)
{
    struct iovec few[SOCKET_PIECES];
    cloudabi_timestamp_t end = now() + limit;
    size_t wanted = size_of(msg);
    size_t done = 0;
    size_t room;

    while (done < wanted) {
        struct msghdr part = {.msg_iov = few};
        cloudabi_errno_t error = __socket_wait(fd, false, left(end), &room);
        if (error != 0)
            return done > 0 ? (ssize_t)done : result(error);
        part.msg_iovlen = __socket_cut(msg->msg_iov, msg->msg_iovlen, done, wanted - done, few);
        ssize_t got = __socket_receive(fd, &part, flags & ~MSG_WAITALL);
        if (got <= 0)
            return done > 0 ? (ssize_t)done : got;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

ssize_t __net_receive_timed(int fd, const struct net_socket *socket, struct msghdr *msg, int flags)
{
    cloudabi_timestamp_t limit = limit_of(fd, socket, false, flags);
    size_t room;

    if (limit == UINT64_MAX)
        return __socket_receive(fd, msg, flags);
    msg->msg_namelen = 0;
    if ((flags & (MSG_WAITALL | MSG_PEEK)) == MSG_WAITALL && limit != 0)
        return receive_all(fd, msg, flags, limit);
    cloudabi_errno_t error = __socket_wait(fd, false, limit, &room);
    return error != 0 ? result(error) : __socket_receive(fd, msg, flags & ~MSG_WAITALL);
}

ssize_t __net_send_timed(int fd, const struct net_socket *socket, const struct msghdr *msg,
                         int flags)
{
    struct iovec few[SOCKET_PIECES];
    struct msghdr part = *msg;
    cloudabi_timestamp_t limit = limit_of(fd, socket, true, flags);
    cloudabi_timestamp_t end = limit == UINT64_MAX ? limit : now() + limit;
    size_t wanted = size_of(msg);
    size_t done = 0;
    size_t room = 0;

    if (limit == UINT64_MAX || wanted == 0)
        return __socket_send(fd, msg, SIZE_MAX);
    part.msg_iov = few;
    while (done < wanted) {
        cloudabi_errno_t error = __socket_wait(fd, true, left(end), &room);
        if (error != 0)
            return done > 0 ? (ssize_t)done : result(error);
        part.msg_iovlen = __socket_cut(msg->msg_iov, msg->msg_iovlen, done,
                                       room != 0 ? room : wanted - done, few);
        ssize_t sent = __socket_send(fd, &part, SIZE_MAX);
        if (sent < 0)
            return done > 0 ? (ssize_t)done : -1;
        done += (size_t)sent;
        part.msg_control = NULL; /* descriptors go with the first bytes */
        part.msg_controllen = 0;
    }
    return (ssize_t)done;
}
