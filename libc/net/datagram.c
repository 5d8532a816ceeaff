/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams to and from addresses: on a bound socket each begins with the 24 bytes of its peer's address,
 * which libc adds and removes. A socket that is not bound yet is bound to any port first.
 */
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "libc/net/net.h"

#define PIECES 16

static int bind_any(int fd)
{
    struct net_socket *socket = __net_get(fd);

    if (socket == NULL)
        return result(ENOTSOCK);
    bool fresh = socket->state == SOCKET_NEW;
    struct sockaddr_in6 any = {.sin6_family = (sa_family_t)socket->family};
    __net_put();
    return fresh ? bind(fd, (struct sockaddr *)&any, sizeof(any)) : 0;
}

/* The header in front of the caller's pieces. */
static int prepend(struct net_address *wire, const struct iovec *iov, int count, struct iovec *out)
{
    if (count < 0 || count >= PIECES)
        return result(EMSGSIZE);
    out[0] = (struct iovec){wire, sizeof(*wire)};
    memcpy(out + 1, iov, (size_t)count * sizeof(*iov));
    return count + 1;
}

ssize_t __net_sendto(int fd, const struct iovec *iov, int count, const struct sockaddr *to)
{
    struct iovec pieces[PIECES];
    struct net_address wire;
    cloudabi_send_out_t out = {0};

    if (bind_any(fd) < 0)
        return -1;
    __net_to_wire(to, &wire);
    int used = prepend(&wire, iov, count, pieces);
    if (used < 0)
        return -1;
    cloudabi_send_in_t in = {.si_data = (const cloudabi_ciovec_t *)pieces,
                             .si_data_len = (size_t)used};
    cloudabi_errno_t error = cloudabi_sys_sock_send((cloudabi_fd_t)fd, &in, &out);
    size_t sent = out.so_datalen > sizeof(wire) ? out.so_datalen - sizeof(wire) : 0;
    return result_count(error, sent);
}

ssize_t __net_recvfrom(int fd, const struct iovec *iov, int count, int flags, struct sockaddr *from,
                       socklen_t *len, int *truncated)
{
    struct iovec pieces[PIECES];
    struct net_address wire = {0};
    struct sockaddr_in6 peer;
    cloudabi_recv_out_t out = {0};
    int used = prepend(&wire, iov, count, pieces);

    if (used < 0)
        return -1;
    cloudabi_recv_in_t in = {
        .ri_data = (const cloudabi_iovec_t *)pieces,
        .ri_data_len = (size_t)used,
        .ri_flags = (flags & MSG_PEEK) != 0 ? CLOUDABI_SOCK_RECV_PEEK : 0,
    };
    cloudabi_errno_t error = cloudabi_sys_sock_recv((cloudabi_fd_t)fd, &in, &out);
    if (error == 0 && out.ro_datalen < sizeof(wire))
        error = EPROTO;
    if (error != 0)
        return result(error);
    __net_from_wire(&wire, &peer);
    __net_give(&peer, from, len);
    *truncated = (out.ro_flags & CLOUDABI_SOCK_RECV_DATA_TRUNCATED) != 0;
    return (ssize_t)(out.ro_datalen - sizeof(wire));
}

ssize_t sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to,
               socklen_t len)
{
    struct iovec iov = {(void *)buffer, size};

    (void)len;
    if (to == NULL)
        return send(fd, buffer, size, flags);
    if (!__net_is_open_datagram(fd))
        return result(EISCONN);
    return __net_sendto(fd, &iov, 1, to);
}

ssize_t recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from,
                 socklen_t *len)
{
    struct iovec iov = {buffer, size};
    int truncated;

    if (__net_is_open_datagram(fd))
        return __net_recvfrom(fd, &iov, 1, flags, from, len, &truncated);
    ssize_t got = recv(fd, buffer, size, flags);
    if (got >= 0 && from != NULL && getpeername(fd, from, len) < 0)
        *len = 0;
    return got;
}
