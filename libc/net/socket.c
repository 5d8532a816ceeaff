/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket and connect (listen.c: bind, listen, accept). A fresh socket is one end
 * of a pair whose other end is closed: a number to hold on to. connect and listen open the name for the address
 * below the grant `net` and put what they get under that number. Which addresses can be reached is decided by
 * what the grant names; for others the calls fail with EACCES.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "libc/net/net.h"

/* Parts of the directory that may have been granted by themselves, as narrow as one likes. */
static const struct part {
    const char *prefix, *grant;
} parts[] = {
    {"tcp/connect/", "tcp_connect"},
    {"tcp/listen/", "tcp_listen"},
    {"udp/connect/", "udp_connect"},
    {"udp/bind/", "udp_bind"},
    {"dns/", "dns"},
};

bool __net_granted(void)
{
    bool any = grant_fd("net") >= 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        any |= grant_fd(parts[i].grant) >= 0;
    return any;
}

cloudabi_errno_t __net_open_name(const char *name, cloudabi_oflags_t oflags,
                                 cloudabi_fdflags_t fdflags, cloudabi_fd_t *fd)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size_t len = strlen(parts[i].prefix);
        int dir = grant_fd(parts[i].grant);
        if (dir >= 0 && strncmp(name, parts[i].prefix, len) == 0)
            return __net_open(dir, name + len, oflags, fdflags, fd);
    }
    return __net_open(grant_fd("net"), name, oflags, fdflags, fd);
}

cloudabi_errno_t __net_open(int dir, const char *path, cloudabi_oflags_t oflags,
                            cloudabi_fdflags_t fdflags, cloudabi_fd_t *fd)
{
    cloudabi_fdstat_t st;
    cloudabi_errno_t error = cloudabi_sys_fd_stat_get((cloudabi_fd_t)dir, &st);

    if (error != 0)
        return dir < 0 ? EACCES : error;
    st.fs_rights_base = st.fs_rights_inheriting;
    st.fs_flags = fdflags;
    error = cloudabi_sys_file_open((cloudabi_lookup_t){.fd = (cloudabi_fd_t)dir}, path,
                                   strlen(path), oflags, &st, fd);
    return error == ENOTCAPABLE ? EACCES : error;
}

int socket(int family, int type, int protocol)
{
    struct net_socket state = {.type = type & 0xff, .family = family, .connection = -1};
    int pair[2];

    if (family != AF_INET && family != AF_INET6)
        return result(EAFNOSUPPORT);
    if (state.type != SOCK_STREAM && state.type != SOCK_DGRAM)
        return result(EPROTOTYPE);
    if (protocol != 0 && protocol != (state.type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP))
        return result(EPROTONOSUPPORT);
    if (!__net_granted())
        return result(EACCES);
    if (socketpair(AF_UNIX, type, 0, pair) < 0)
        return -1;
    close(pair[1]);
    if (!__net_remember(pair[0], &state)) {
        close(pair[0]);
        return result(EMFILE);
    }
    return pair[0];
}

cloudabi_fdflags_t __net_flags(int fd)
{
    cloudabi_fdstat_t st;

    return cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st) == 0 ? st.fs_flags : 0;
}

/* Put what was opened under the socket's number, with the socket's flags: those asked for at the open do not reach a
 * descriptor that the service hands out. */
cloudabi_errno_t __net_become(int fd, cloudabi_fd_t opened)
{
    cloudabi_fdstat_t st = {.fs_flags = __net_flags(fd)};
    cloudabi_errno_t error = 0;

    if (st.fs_flags != __net_flags((int)opened))
        error = cloudabi_sys_fd_stat_put(opened, &st, CLOUDABI_FDSTAT_FLAGS);
    if (error == 0)
        error = cloudabi_sys_fd_replace(opened, (cloudabi_fd_t)fd);
    (void)cloudabi_sys_fd_close(opened);
    return error;
}

/* Open the stream of a new connection; its directory goes to *DIRECTORY. */
static cloudabi_errno_t open_stream(int fd, const char *name, bool wait, int *directory)
{
    cloudabi_fd_t dir;
    cloudabi_fd_t data;
    cloudabi_fdflags_t flags = wait ? 0 : CLOUDABI_FDFLAG_NONBLOCK;
    cloudabi_errno_t error = __net_open_name(name, CLOUDABI_O_DIRECTORY, 0, &dir);

    if (error != 0)
        return error;
    error = __net_open((int)dir, "data", 0, flags, &data);
    if (error == 0)
        error = __net_become(fd, data);
    if (error != 0)
        (void)cloudabi_sys_fd_close(dir);
    else
        *directory = (int)dir;
    return error;
}

static cloudabi_errno_t open_datagram(int fd, const char *name)
{
    cloudabi_fd_t opened;
    cloudabi_errno_t error = __net_open_name(name, 0, __net_flags(fd), &opened);

    return error != 0 ? error : __net_become(fd, opened);
}

/* The unspecified address means this machine. */
static void make_specific(struct sockaddr_in6 *address)
{
    struct sockaddr_in *in4 = (struct sockaddr_in *)address;

    if (address->sin6_family == AF_INET && in4->sin_addr.s_addr == INADDR_ANY)
        in4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (address->sin6_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->sin6_addr))
        address->sin6_addr = in6addr_loopback;
}

static int note_peer(int fd, const struct sockaddr_in6 *peer, int directory)
{
    struct net_socket *socket = __net_get(fd);

    if (socket == NULL)
        return result(EBADF);
    socket->state = SOCKET_CONNECTED;
    socket->connection = directory;
    socket->peer = *peer;
    __net_put();
    return 0;
}

/* A bound socket keeps its port, and libc passes over what others send there. */
static int connect_datagram(int fd, const struct net_socket *socket,
                            const struct sockaddr_in6 *peer)
{
    char name[NET_NAME_MAX];
    cloudabi_errno_t error = 0;

    __net_name("udp/connect", (const struct sockaddr *)peer, false, name);
    if (!socket->headed)
        error = open_datagram(fd, name);
    return error != 0 ? result(error) : note_peer(fd, peer, -1);
}

/* Back to what it was before it was connected. */
static int disconnect(int fd)
{
    int pair[2];
    struct net_socket *socket = __net_get(fd);

    if (socket == NULL)
        return result(ENOTSOCK);
    bool headed = socket->headed;
    socket->state = headed ? SOCKET_BOUND : SOCKET_NEW;
    __net_put();
    if (headed)
        return 0;
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
        return -1;
    close(pair[1]);
    return result(__net_become(fd, (cloudabi_fd_t)pair[0]));
}

/* The lock is not held while the connection is being made: that may take long. A time limit (SO_SNDTIMEO) is waited
 * for here; the connection goes on being made behind it. */
static int connect_stream(int fd, const struct net_socket *socket, const struct sockaddr_in6 *peer)
{
    char name[NET_NAME_MAX];
    int directory = -1;
    size_t room;
    bool nonblocking = (__net_flags(fd) & CLOUDABI_FDFLAG_NONBLOCK) != 0;
    cloudabi_timestamp_t patience = socket->patience[1];

    __net_name("tcp/connect", (const struct sockaddr *)peer, false, name);
    cloudabi_errno_t error = open_stream(fd, name, !nonblocking && patience == 0, &directory);
    if (error != 0)
        return result(error);
    if (note_peer(fd, peer, directory) < 0)
        return -1;
    struct net_socket made = *socket;
    made.connection = directory;
    __cloexec_set(directory, true);
    (void)__net_apply(&made, made.options);
    if (nonblocking || patience == 0)
        return nonblocking ? result(EINPROGRESS) : 0;
    if (__socket_wait(fd, true, patience, &room) == EAGAIN)
        return result(EINPROGRESS);
    error = __net_progress(directory);
    return error == EISCONN ? 0 : result(error);
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    struct net_socket socket;
    struct sockaddr_in6 peer;

    if (!__net_copy(fd, &socket))
        return result(ENOTSOCK);
    if (socket.type == SOCK_DGRAM && address != NULL && address->sa_family == AF_UNSPEC)
        return disconnect(fd);
    cloudabi_errno_t error = __net_take(&socket, address, len, &peer);
    if (error != 0)
        return result(error);
    make_specific(&peer);
    if (socket.type == SOCK_DGRAM)
        return connect_datagram(fd, &socket, &peer);
    if (socket.state == SOCKET_LISTENING || socket.state == SOCKET_CONNECTED)
        return result(__net_progress(socket.connection));
    return connect_stream(fd, &socket, &peer);
}
