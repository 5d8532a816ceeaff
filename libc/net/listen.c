/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind, listen, accept. The name for the address is opened by bind, so that what is in use or not granted is
 * refused there; a stream bound to no port in particular gets one when it listens or is asked for its name, for
 * it may as well become a client. The directory does not tell which port it chose for port 0, so libc tries ports
 * of the dynamic range itself; only if none of them is granted is the choice left to the directory.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libc/net/net.h"

#define PORT_FIRST 49152u
#define PORT_COUNT 16384u
#define PORT_TRIES 64

static cloudabi_errno_t open_local(int fd, const struct net_socket *socket,
                                   const struct sockaddr_in6 *address)
{
    char name[NET_NAME_MAX];
    cloudabi_fd_t opened;

    bool dual = socket->family == AF_INET6 && (socket->options & NET_V6ONLY) == 0;

    __net_name(socket->type == SOCK_DGRAM ? "udp/bind" : "tcp/listen",
               (const struct sockaddr *)address, dual, name);
    cloudabi_errno_t error = __net_open_name(name, 0, __net_flags(fd), &opened);
    return error != 0 ? error : __net_become(fd, opened);
}

/* Any port: one that this side knows, if it may have such. */
static cloudabi_errno_t open_any(int fd, struct net_socket *socket)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        struct sockaddr_in6 address = socket->local;
        address.sin6_port = htons((uint16_t)(PORT_FIRST + arc4random_uniform(PORT_COUNT)));
        cloudabi_errno_t error = open_local(fd, socket, &address);
        if (error == 0)
            socket->local = address;
        if (error == EACCES)
            break;
        if (error != EADDRINUSE)
            return error;
    }
    return open_local(fd, socket, &socket->local);
}

cloudabi_errno_t __net_settle_port(int fd, struct net_socket *socket)
{
    if (socket->opened)
        return 0;
    if (socket->local.sin6_family == 0)
        socket->local.sin6_family = (sa_family_t)socket->family;
    cloudabi_errno_t error = socket->local.sin6_port == 0 ? open_any(fd, socket)
                                                          : open_local(fd, socket, &socket->local);
    socket->opened = error == 0;
    socket->headed = error == 0 && socket->type == SOCK_DGRAM;
    return error;
}

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_in6 taken;
    struct net_socket *socket = __net_get(fd);

    if (socket == NULL)
        return result(ENOTSOCK);
    cloudabi_errno_t error = __net_take(socket, address, len, &taken);
    if (error == 0 && socket->state != SOCKET_NEW)
        error = EINVAL;
    if (error == 0) {
        socket->local = taken;
        if (socket->type == SOCK_DGRAM || socket->local.sin6_port != 0)
            error = __net_settle_port(fd, socket);
    }
    if (error == 0)
        socket->state = SOCKET_BOUND;
    __net_put();
    return result(error == ENETUNREACH ? EADDRNOTAVAIL : error);
}

int listen(int fd, int backlog)
{
    cloudabi_errno_t error = 0;
    struct net_socket *socket = __net_get(fd);

    (void)backlog;
    if (socket == NULL)
        return result(ENOTSOCK);
    if (socket->type != SOCK_STREAM)
        error = EOPNOTSUPP;
    else if (socket->state == SOCKET_CONNECTED)
        error = EINVAL;
    else
        error = __net_settle_port(fd, socket);
    if (error == 0)
        socket->state = SOCKET_LISTENING;
    __net_put();
    return result(error);
}

/* What an accepted connection has from its listener, which need not be a socket of ours: it may have been granted. */
static cloudabi_errno_t inherit(int fd, struct net_socket *accepted)
{
    struct net_socket listener;
    cloudabi_fdstat_t st;

    *accepted = (struct net_socket){.type = SOCK_STREAM, .state = SOCKET_CONNECTED};
    if (__net_copy(fd, &listener) && listener.family != AF_UNIX) {
        accepted->family = listener.family;
        accepted->options = listener.options & (NET_NODELAY | NET_KEEPALIVE | NET_LINGER_ZERO);
        accepted->idle = listener.idle;
        if (listener.type != SOCK_STREAM)
            return EOPNOTSUPP;
        return listener.state == SOCKET_LISTENING ? __net_wait(fd, &listener, false, 0) : EINVAL;
    }
    cloudabi_errno_t error = cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st);
    if (error != 0)
        return error;
    if (st.fs_filetype == CLOUDABI_FILETYPE_SOCKET_STREAM)
        return EINVAL;
    return st.fs_filetype == CLOUDABI_FILETYPE_SOCKET_DGRAM ? 0 : ENOTSOCK;
}

/* The listener's next message: the addresses of the peer and of this side, the stream, the connection's directory. */
static cloudabi_errno_t take_message(int fd, struct net_socket *accepted, cloudabi_fd_t fds[2])
{
    struct net_address wire[2];
    cloudabi_iovec_t iov = {wire, sizeof(wire)};
    cloudabi_recv_in_t in = {.ri_data = &iov, .ri_data_len = 1, .ri_fds = fds, .ri_fds_len = 2};
    cloudabi_recv_out_t out = {0};
    cloudabi_errno_t error = cloudabi_sys_sock_recv((cloudabi_fd_t)fd, &in, &out);

    if (error != 0)
        return error;
    if (out.ro_datalen != sizeof(wire) || out.ro_fdslen != 2) {
        for (size_t i = 0; i < out.ro_fdslen; i++)
            (void)cloudabi_sys_fd_close(fds[i]);
        return out.ro_datalen == 0 ? ECONNABORTED : EPROTO;
    }
    __net_from_wire(&wire[0], &accepted->peer);
    __net_from_wire(&wire[1], &accepted->local);
    if (accepted->family == 0)
        accepted->family = accepted->peer.sin6_family;
    return 0;
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    struct net_socket accepted;
    cloudabi_fd_t fds[2];
    cloudabi_errno_t error = inherit(fd, &accepted);

    if (error == 0)
        error = take_message(fd, &accepted, fds);
    if (error != 0)
        return result(error);
    accepted.connection = (int)fds[1];
    __cloexec_set((int)fds[1], true);
    if (accepted.options != 0)
        (void)__net_apply(&accepted, accepted.options);
    if (!__net_remember((int)fds[0], &accepted))
        (void)cloudabi_sys_fd_close(fds[1]);
    __cloexec_set((int)fds[0], (flags & SOCK_CLOEXEC) != 0);
    if ((flags & SOCK_NONBLOCK) != 0)
        (void)fcntl((int)fds[0], F_SETFL, O_NONBLOCK);
    __net_give(accepted.family, &accepted.peer, address, len);
    return (int)fds[0];
}

int accept(int fd, struct sockaddr *address, socklen_t *len)
{
    return accept4(fd, address, len, 0);
}
