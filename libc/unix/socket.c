/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets as the ABI has them: connected pairs, and messages that carry descriptors. Connections by address
 * go through a network directory (libc/net).
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libc/unix/socket.h"

#define FDS_MAX 64

/* What may be asked of a send without changing what it does here. */
#define SEND_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT | MSG_EOR | MSG_MORE | MSG_DONTROUTE)

_Static_assert(SOCK_DGRAM == CLOUDABI_FILETYPE_SOCKET_DGRAM &&
                   SOCK_STREAM == CLOUDABI_FILETYPE_SOCKET_STREAM,
               "socket types are file types of the ABI");

static cloudabi_errno_t set_nonblocking(cloudabi_fd_t fd)
{
    cloudabi_fdstat_t st = {.fs_flags = CLOUDABI_FDFLAG_NONBLOCK};

    return cloudabi_sys_fd_stat_put(fd, &st, CLOUDABI_FDSTAT_FLAGS);
}

int socketpair(int domain, int type, int protocol, int pair[2])
{
    cloudabi_fd_t fds[2];
    int flags = type & (SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)protocol;
    if (domain != AF_UNIX)
        return result(EAFNOSUPPORT);
    cloudabi_errno_t error =
        cloudabi_sys_fd_create2((cloudabi_filetype_t)(type & 0xff), &fds[0], &fds[1]);
    if (error != 0)
        return result(error == EINVAL ? EPROTOTYPE : error);
    for (int i = 0; i < 2; i++) {
        __cloexec_set((int)fds[i], (flags & SOCK_CLOEXEC) != 0);
        if ((flags & SOCK_NONBLOCK) != 0)
            (void)set_nonblocking(fds[i]);
        pair[i] = (int)fds[i];
    }
    return 0;
}

/* Both ends are sockets; what is written to one is read from the other. */
int pipe(int pair[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

int pipe2(int pair[2], int flags)
{
    int type = ((flags & O_CLOEXEC) != 0 ? SOCK_CLOEXEC : 0) |
               ((flags & O_NONBLOCK) != 0 ? SOCK_NONBLOCK : 0);

    return socketpair(AF_UNIX, SOCK_STREAM | type, 0, pair);
}

/* A number that was made by socket() and nothing else yet looks like a stream at its end. */
static cloudabi_errno_t unconnected(int fd)
{
    return __socket_hooks != NULL ? __socket_hooks->unconnected(fd) : 0;
}

int shutdown(int fd, int how)
{
    static const cloudabi_sdflags_t flags[] = {
        [SHUT_RD] = CLOUDABI_SHUT_RD,
        [SHUT_WR] = CLOUDABI_SHUT_WR,
        [SHUT_RDWR] = CLOUDABI_SHUT_RD | CLOUDABI_SHUT_WR,
    };

    if (how < SHUT_RD || how > SHUT_RDWR)
        return result(EINVAL);
    cloudabi_errno_t error = unconnected(fd);
    if (error == 0)
        error = cloudabi_sys_sock_shutdown((cloudabi_fd_t)fd, flags[how]);
    return result(error);
}

cloudabi_errno_t __socket_wait(int fd, bool write, cloudabi_timestamp_t timeout, size_t *room)
{
    cloudabi_subscription_t in[2] = {
        {.type = write ? CLOUDABI_EVENTTYPE_FD_WRITE : CLOUDABI_EVENTTYPE_FD_READ,
         .fd_readwrite = {.fd = (cloudabi_fd_t)fd,
                          .flags = CLOUDABI_SUBSCRIPTION_FD_READWRITE_POLL}},
        {.type = CLOUDABI_EVENTTYPE_CLOCK,
         .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = timeout}},
    };
    cloudabi_event_t out[2];
    size_t count = 0;
    cloudabi_errno_t error = cloudabi_sys_poll(in, out, timeout == UINT64_MAX ? 1 : 2, &count);

    if (error != 0)
        return error;
    for (size_t i = 0; i < count; i++) {
        if (out[i].type == CLOUDABI_EVENTTYPE_CLOCK)
            continue;
        *room = out[i].fd_readwrite.nbytes;
        return out[i].error == EPIPE ? 0 : out[i].error;
    }
    return EAGAIN;
}

int __socket_cut(const struct iovec *from, int count, size_t skip, size_t limit, struct iovec *to)
{
    int used = 0;

    for (int i = 0; i < count && used < SOCKET_PIECES && limit > 0; i++) {
        size_t size = from[i].iov_len;
        size_t gone = skip < size ? skip : size;
        skip -= gone;
        size -= gone;
        if (size > limit)
            size = limit;
        if (size > 0)
            to[used++] = (struct iovec){(char *)from[i].iov_base + gone, size};
        limit -= size;
    }
    return used;
}

/* The descriptors in the control messages; EINVAL for any other kind. */
static cloudabi_errno_t collect_fds(const struct msghdr *msg, cloudabi_fd_t *fds, size_t *count)
{
    *count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
            return EINVAL;
        size_t more = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (more > FDS_MAX - *count)
            return EMSGSIZE;
        memcpy(fds + *count, CMSG_DATA(c), more * sizeof(int));
        *count += more;
    }
    return 0;
}

static size_t vector_size(const struct msghdr *msg)
{
    size_t total = 0;

    for (int i = 0; i < msg->msg_iovlen; i++)
        total += msg->msg_iov[i].iov_len;
    return total;
}

static bool is_stream(int fd)
{
    cloudabi_fdstat_t st;

    return cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st) == 0 &&
           st.fs_filetype == CLOUDABI_FILETYPE_SOCKET_STREAM;
}

ssize_t __socket_send(int fd, const struct msghdr *msg, size_t limit)
{
    cloudabi_fd_t fds[FDS_MAX];
    struct iovec few[SOCKET_PIECES];
    cloudabi_send_out_t out = {0};
    size_t count;
    cloudabi_errno_t error = collect_fds(msg, fds, &count);

    if (error == 0 && count > 0 && vector_size(msg) == 0)
        error = EMSGSIZE;
    if (error != 0)
        return result(error);
    cloudabi_send_in_t in = {
        .si_data = (const cloudabi_ciovec_t *)msg->msg_iov,
        .si_data_len = (size_t)msg->msg_iovlen,
        .si_fds = fds,
        .si_fds_len = count,
    };
    if (limit != SIZE_MAX && vector_size(msg) > limit && is_stream(fd)) {
        in.si_data = (const cloudabi_ciovec_t *)few;
        in.si_data_len = (size_t)__socket_cut(msg->msg_iov, msg->msg_iovlen, 0, limit, few);
    }
    error = cloudabi_sys_sock_send((cloudabi_fd_t)fd, &in, &out);
    if (error == EPIPE && unconnected(fd) != 0)
        error = ENOTCONN;
    return result_count(error, out.so_datalen);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    size_t room = SIZE_MAX;
    ssize_t done;

    if ((flags & ~SEND_FLAGS) != 0)
        return result(EOPNOTSUPP);
    if (__socket_special && __socket_hooks->send(fd, msg, flags, &done))
        return done;
    if ((flags & MSG_DONTWAIT) != 0) {
        cloudabi_errno_t error = __socket_wait(fd, true, 0, &room);
        if (error != 0)
            return result(error);
    }
    return __socket_send(fd, msg, room != 0 ? room : SIZE_MAX);
}

/* How many descriptors the caller left room for. */
static size_t fd_room(const struct msghdr *msg)
{
    if (msg->msg_control == NULL || msg->msg_controllen < CMSG_LEN(sizeof(int)))
        return 0;
    size_t room = (msg->msg_controllen - CMSG_LEN(0)) / sizeof(int);
    return room < FDS_MAX ? room : FDS_MAX;
}

static void deliver_fds(struct msghdr *msg, const cloudabi_fd_t *fds, size_t count, int flags)
{
    struct cmsghdr *c = msg->msg_control;

    for (size_t i = 0; i < count; i++)
        __cloexec_set((int)fds[i], (flags & MSG_CMSG_CLOEXEC) != 0);
    if (count == 0) {
        msg->msg_controllen = 0;
        return;
    }
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    socklen_t space = (socklen_t)CMSG_SPACE(count * sizeof(int));
    msg->msg_controllen = space < msg->msg_controllen ? space : msg->msg_controllen;
}

ssize_t __socket_receive(int fd, struct msghdr *msg, int flags)
{
    cloudabi_fd_t fds[FDS_MAX];
    cloudabi_recv_out_t out = {0};
    cloudabi_recv_in_t in = {
        .ri_data = (const cloudabi_iovec_t *)msg->msg_iov,
        .ri_data_len = (size_t)msg->msg_iovlen,
        .ri_fds = fds,
        .ri_fds_len = fd_room(msg),
        .ri_flags =
            (cloudabi_riflags_t)(((flags & MSG_PEEK) != 0 ? CLOUDABI_SOCK_RECV_PEEK : 0) |
                                 ((flags & MSG_WAITALL) != 0 ? CLOUDABI_SOCK_RECV_WAITALL : 0)),
    };

    cloudabi_errno_t error = cloudabi_sys_sock_recv((cloudabi_fd_t)fd, &in, &out);
    if (error == 0 && out.ro_datalen == 0)
        error = unconnected(fd);
    if (error != 0)
        return result(error);
    deliver_fds(msg, fds, out.ro_fdslen, flags);
    msg->msg_flags = ((out.ro_flags & CLOUDABI_SOCK_RECV_FDS_TRUNCATED) != 0 ? MSG_CTRUNC : 0) |
                     ((out.ro_flags & CLOUDABI_SOCK_RECV_DATA_TRUNCATED) != 0 ? MSG_TRUNC : 0);
    return (ssize_t)out.ro_datalen;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    size_t room;
    ssize_t done;

    if ((flags & MSG_OOB) != 0)
        return result(EOPNOTSUPP);
    if (__socket_special && __socket_hooks->receive(fd, msg, flags, &done))
        return done;
    if ((flags & MSG_DONTWAIT) != 0) {
        cloudabi_errno_t error = __socket_wait(fd, false, 0, &room);
        if (error != 0)
            return result(error);
    }
    msg->msg_namelen = 0;
    return __socket_receive(fd, msg, flags & MSG_DONTWAIT ? flags & ~MSG_WAITALL : flags);
}

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
    struct iovec iov = {(void *)buffer, size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    return sendmsg(fd, &msg, flags);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    struct iovec iov = {buffer, size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    return recvmsg(fd, &msg, flags);
}
