/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket, connect, and what libc keeps of sockets (listen.c: bind, listen, accept). A fresh socket is one end
 * of a pair whose other end is closed: a number to hold on to. connect and listen open the name for the address
 * below the grant `net` and put what they get under that number. Which addresses can be reached is decided by
 * what the grant names; for others the calls fail with EACCES.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "libc/net/net.h"

lock_word __net_lock;
static struct net_socket *sockets[FD_SETSIZE]; /* n */

/* Called by close() once a socket was made. */
extern void (*__socket_closed)(int fd);

struct net_socket *__net_get(int fd)
{
    if (fd < 0 || fd >= FD_SETSIZE)
        return NULL;
    lock_take(&__net_lock);
    if (sockets[fd] != NULL)
        return sockets[fd];
    lock_drop(&__net_lock);
    return NULL;
}

void __net_put(void)
{
    lock_drop(&__net_lock);
}

static void forget(int fd)
{
    struct net_socket *socket = __net_get(fd);

    if (socket == NULL)
        return;
    sockets[fd] = NULL;
    __net_put();
    if (socket->connection >= 0)
        close(socket->connection);
    free(socket);
}

bool __net_remember(int fd, const struct net_socket *state)
{
    struct net_socket *copy = fd < FD_SETSIZE ? malloc(sizeof(*copy)) : NULL;

    if (copy == NULL)
        return false;
    *copy = *state;
    lock_take(&__net_lock);
    sockets[fd] = copy;
    __socket_closed = forget;
    lock_drop(&__net_lock);
    return true;
}

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

    (void)protocol;
    if (family != AF_INET && family != AF_INET6)
        return result(EAFNOSUPPORT);
    if (state.type != SOCK_STREAM && state.type != SOCK_DGRAM)
        return result(EPROTOTYPE);
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

void __net_to_wire(const struct sockaddr *address, struct net_address *wire)
{
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

    *wire = (struct net_address){.family = address->sa_family == AF_INET ? 4 : 6};
    memcpy(wire->port, &in4->sin_port, 2);
    if (address->sa_family == AF_INET) {
        memcpy(wire->address, &in4->sin_addr, 4);
    } else {
        uint32_t scope = htonl(in6->sin6_scope_id);
        memcpy(wire->scope, &scope, 4);
        memcpy(wire->address, &in6->sin6_addr, 16);
    }
}

void __net_from_wire(const struct net_address *wire, struct sockaddr_in6 *address)
{
    struct sockaddr_in *in4 = (struct sockaddr_in *)address;
    uint32_t scope;

    memset(address, 0, sizeof(*address));
    if (wire->family == 4) {
        in4->sin_family = AF_INET;
        memcpy(&in4->sin_port, wire->port, 2);
        memcpy(&in4->sin_addr, wire->address, 4);
        return;
    }
    address->sin6_family = AF_INET6;
    memcpy(&address->sin6_port, wire->port, 2);
    memcpy(&scope, wire->scope, 4);
    address->sin6_scope_id = ntohl(scope);
    memcpy(&address->sin6_addr, wire->address, 16);
}

static socklen_t size_of(const struct sockaddr_in6 *address)
{
    return address->sin6_family == AF_INET ? sizeof(struct sockaddr_in)
                                           : sizeof(struct sockaddr_in6);
}

void __net_give(const struct sockaddr_in6 *from, struct sockaddr *to, socklen_t *len)
{
    socklen_t size = size_of(from);

    if (to == NULL || len == NULL)
        return;
    memcpy(to, from, size < *len ? size : *len);
    *len = size;
}

bool __net_good_address(const struct sockaddr *address, socklen_t len)
{
    return (address->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) ||
           (address->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6));
}

static bool link_local(const struct net_address *wire)
{
    return wire->family == 6 && wire->address[0] == 0xfe && (wire->address[1] & 0xc0) == 0x80;
}

void __net_name(const char *kind, const struct sockaddr *address, char name[NET_NAME_MAX])
{
    struct net_address wire;
    static const unsigned char zeros[16];
    char text[INET6_ADDRSTRLEN] = "*";

    __net_to_wire(address, &wire);
    if (memcmp(wire.address, zeros, sizeof(zeros)) != 0)
        inet_ntop(address->sa_family, wire.address, text, sizeof(text));
    snprintf(name, NET_NAME_MAX, "%s/%s%s!%u", kind, text, link_local(&wire) ? "%eth0" : "",
             (unsigned)wire.port[0] << 8 | wire.port[1]);
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
static cloudabi_errno_t open_stream(int fd, const char *name, int *directory)
{
    cloudabi_fd_t dir;
    cloudabi_fd_t data;
    cloudabi_errno_t error = __net_open_name(name, CLOUDABI_O_DIRECTORY, 0, &dir);

    if (error != 0)
        return error;
    error = __net_open((int)dir, "data", 0, __net_flags(fd), &data);
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

/* The lock is not held while the connection is being made: that may take long. */
int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    char name[NET_NAME_MAX];
    int directory = -1;

    if (!__net_good_address(address, len))
        return result(EINVAL);
    struct net_socket *socket = __net_get(fd);
    if (socket == NULL)
        return result(ENOTSOCK);
    bool connected = socket->state == SOCKET_CONNECTED || socket->state == SOCKET_LISTENING;
    bool stream = socket->type == SOCK_STREAM;
    int present = socket->connection;
    __net_put();
    if (connected)
        return result(__net_progress(present));
    __net_name(stream ? "tcp/connect" : "udp/connect", address, name);
    cloudabi_errno_t error = stream ? open_stream(fd, name, &directory) : open_datagram(fd, name);
    if (error != 0)
        return result(error);
    socket = __net_get(fd);
    if (socket == NULL)
        return result(EBADF);
    socket->state = SOCKET_CONNECTED;
    socket->connection = directory;
    unsigned options = socket->options;
    memcpy(&socket->peer, address,
           address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                         : sizeof(struct sockaddr_in6));
    __net_put();
    if (stream) {
        __cloexec_set(directory, true);
        (void)__net_apply(directory, options, options);
    }
    if (stream && (__net_flags(fd) & CLOUDABI_FDFLAG_NONBLOCK) != 0)
        return result(EINPROGRESS);
    return 0;
}

bool __net_is_open_datagram(int fd)
{
    struct net_socket *socket = __net_get(fd);
    bool is = false;

    if (socket != NULL) {
        is = socket->type == SOCK_DGRAM && socket->state != SOCKET_CONNECTED;
        __net_put();
    }
    return is;
}
