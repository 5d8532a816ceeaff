/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams. On a bound socket (headed) each begins with the 24 bytes of its peer's address, which libc adds and
 * removes; a socket that is not bound yet is bound to any port first. One that may not be bound, because no set of
 * `udp/bind` was granted, is connected to the first address that it sends to.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "libc/net/net.h"

#define PAYLOAD_MAX 65507

static int bind_any(int fd, struct net_socket *socket)
{
    struct sockaddr_in6 any = {.sin6_family = (sa_family_t)socket->family};

    if (socket->state != SOCKET_NEW)
        return 0;
    if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
        return -1;
    return __net_copy(fd, socket) ? 0 : result(EBADF);
}

/* The header in front of the caller's pieces. */
static int prepend(struct net_address *wire, const struct msghdr *msg, struct iovec *out)
{
    if (msg->msg_iovlen < 0 || msg->msg_iovlen >= SOCKET_PIECES)
        return result(EMSGSIZE);
    out[0] = (struct iovec){wire, sizeof(*wire)};
    memcpy(out + 1, msg->msg_iov, (size_t)msg->msg_iovlen * sizeof(*msg->msg_iov));
    return msg->msg_iovlen + 1;
}

static ssize_t send_headed(int fd, const struct msghdr *msg, const struct sockaddr_in6 *to)
{
    struct iovec pieces[SOCKET_PIECES];
    struct net_address wire;
    struct msghdr whole = {.msg_iov = pieces};
    size_t size = 0;

    for (int i = 0; i < msg->msg_iovlen; i++)
        size += msg->msg_iov[i].iov_len;
    if (size > PAYLOAD_MAX)
        return result(EMSGSIZE);
    __net_to_wire((const struct sockaddr *)to, &wire);
    whole.msg_iovlen = prepend(&wire, msg, pieces);
    if (whole.msg_iovlen < 0)
        return -1;
    ssize_t sent = __socket_send(fd, &whole, SIZE_MAX);
    return sent < (ssize_t)sizeof(wire) ? sent : sent - (ssize_t)sizeof(wire);
}

/* The socket takes its first step: it gets a port, or the one peer that it may have. */
static int make_ready(int fd, struct net_socket *socket, const struct msghdr *msg)
{
    if (bind_any(fd, socket) == 0)
        return 0;
    if (errno != EACCES || connect(fd, msg->msg_name, msg->msg_namelen) < 0)
        return -1;
    return __net_copy(fd, socket) ? 0 : result(EBADF);
}

/* Where a message goes; of a socket that has its peer, to that one only. */
static cloudabi_errno_t destination(const struct net_socket *socket, const struct msghdr *msg,
                                    struct sockaddr_in6 *to)
{
    bool connected = socket->state == SOCKET_CONNECTED;

    if (msg->msg_name == NULL) {
        *to = socket->peer;
        return connected ? 0 : EDESTADDRREQ;
    }
    cloudabi_errno_t error = __net_take(socket, msg->msg_name, msg->msg_namelen, to);
    if (error == 0 && connected && !socket->headed && !__net_same(to, &socket->peer))
        error = EISCONN;
    return error;
}

ssize_t __net_send_datagram(int fd, const struct net_socket *known, const struct msghdr *msg,
                            int flags)
{
    struct net_socket socket = *known;
    struct sockaddr_in6 to;

    if (socket.family == AF_UNIX) {
        cloudabi_errno_t error = __net_wait(fd, &socket, true, flags);
        return error != 0 ? result(error) : __socket_send(fd, msg, SIZE_MAX);
    }
    cloudabi_errno_t error = destination(&socket, msg, &to);
    if (error == 0 && make_ready(fd, &socket, msg) < 0)
        return -1;
    if (error == 0)
        error = __net_wait(fd, &socket, true, flags);
    if (error != 0)
        return result(error);
    return socket.headed ? send_headed(fd, msg, &to) : __socket_send(fd, msg, SIZE_MAX);
}

static ssize_t receive_headed(int fd, struct msghdr *msg, int flags, struct sockaddr_in6 *from)
{
    struct iovec pieces[SOCKET_PIECES];
    struct net_address wire = {0};
    struct msghdr whole = {.msg_iov = pieces, .msg_iovlen = prepend(&wire, msg, pieces)};

    if (whole.msg_iovlen < 0)
        return -1;
    ssize_t got = __socket_receive(fd, &whole, flags);
    if (got < 0)
        return -1;
    if (got < (ssize_t)sizeof(wire))
        return result(EPROTO);
    __net_from_wire(&wire, from);
    msg->msg_flags = whole.msg_flags;
    msg->msg_controllen = 0;
    return got - (ssize_t)sizeof(wire);
}

/* Take a datagram out of the way that is none of the peer's. */
static void drop(int fd)
{
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    (void)__socket_receive(fd, &msg, 0);
}

ssize_t __net_receive_datagram(int fd, const struct net_socket *known, struct msghdr *msg,
                               int flags)
{
    struct net_socket socket = *known;
    struct sockaddr_in6 from;
    ssize_t got;

    if (socket.family != AF_UNIX && bind_any(fd, &socket) < 0)
        return -1;
    for (;;) {
        cloudabi_errno_t error = __net_wait(fd, &socket, false, flags);
        if (error != 0)
            return result(error);
        from = socket.peer;
        got = socket.headed ? receive_headed(fd, msg, flags, &from)
                            : __socket_receive(fd, msg, flags & ~MSG_WAITALL);
        if (got < 0)
            return -1;
        if (!socket.headed || socket.state != SOCKET_CONNECTED || __net_same(&from, &socket.peer))
            break;
        if ((flags & MSG_PEEK) != 0)
            drop(fd);
    }
    if (msg->msg_name != NULL)
        __net_give(socket.family, &from, msg->msg_name, &msg->msg_namelen);
    else
        msg->msg_namelen = 0;
    return got;
}

ssize_t sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to,
               socklen_t len)
{
    struct iovec iov = {(void *)buffer, size};
    const struct msghdr msg = {
        .msg_name = (void *)to, .msg_namelen = len, .msg_iov = &iov, .msg_iovlen = 1};

    return sendmsg(fd, &msg, flags);
}

ssize_t recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from,
                 socklen_t *len)
{
    struct iovec iov = {buffer, size};
    struct msghdr msg = {.msg_name = from, .msg_iov = &iov, .msg_iovlen = 1};

    if (from != NULL)
        msg.msg_namelen = *len;
    ssize_t got = recvmsg(fd, &msg, flags);
    if (got >= 0 && from != NULL)
        *len = msg.msg_namelen;
    return got;
}
