/* SPDX-License-Identifier: BSD-2-Clause */
/* What libc keeps of sockets, found by descriptor number. Numbers that were duplicated share an entry. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libc/net/net.h"

lock_word __net_lock;
static struct net_socket *sockets[FD_NUMBERS]; /* n */

struct net_socket *__net_get(int fd)
{
    if (fd < 0 || fd >= FD_NUMBERS)
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

bool __net_copy(int fd, struct net_socket *copy)
{
    struct net_socket *socket = __net_get(fd);

    *copy = (struct net_socket){.connection = -1};
    if (socket == NULL)
        return false;
    *copy = *socket;
    __net_put();
    return true;
}

static void forget(int fd)
{
    struct net_socket *socket = __net_get(fd);

    if (socket == NULL)
        return;
    sockets[fd] = NULL;
    bool last = --socket->numbers == 0;
    __net_put();
    if (!last)
        return;
    if (socket->connection >= 0)
        close(socket->connection);
    free(socket);
}

static void copied(int fd, int copy)
{
    forget(copy);
    struct net_socket *socket = __net_get(fd);
    if (socket == NULL)
        return;
    if (copy < FD_NUMBERS) {
        sockets[copy] = socket;
        socket->numbers++;
    }
    __net_put();
}

static bool receive(int fd, struct msghdr *msg, int flags, ssize_t *done)
{
    struct net_socket socket;

    if (!__net_copy(fd, &socket))
        return false;
    if (socket.type == SOCK_DGRAM)
        *done = __net_receive_datagram(fd, &socket, msg, flags);
    else if (socket.patience[0] != 0)
        *done = __net_receive_timed(fd, &socket, msg, flags);
    else
        return false;
    return true;
}

static bool send_special(int fd, const struct msghdr *msg, int flags, ssize_t *done)
{
    struct net_socket socket;

    if (!__net_copy(fd, &socket))
        return false;
    if (socket.type == SOCK_DGRAM)
        *done = __net_send_datagram(fd, &socket, msg, flags);
    else if (socket.patience[1] != 0)
        *done = __net_send_timed(fd, &socket, msg, flags);
    else
        return false;
    return true;
}

static cloudabi_errno_t unconnected(int fd)
{
    struct net_socket socket;

    bool fresh = __net_copy(fd, &socket) && socket.type == SOCK_STREAM &&
                 (socket.state == SOCKET_NEW || socket.state == SOCKET_BOUND);
    return fresh ? ENOTCONN : 0;
}

static size_t header(int fd)
{
    struct net_socket socket;

    return __net_copy(fd, &socket) && socket.headed ? sizeof(struct net_address) : 0;
}

static const struct socket_hooks hooks = {
    .closed = forget,
    .copied = copied,
    .receive = receive,
    .send = send_special,
    .header = header,
    .unconnected = unconnected,
};

bool __net_remember(int fd, const struct net_socket *state)
{
    struct net_socket *copy = fd < FD_NUMBERS ? malloc(sizeof(*copy)) : NULL;

    if (copy == NULL)
        return false;
    *copy = *state;
    copy->numbers = 1;
    forget(fd); /* a number that was closed behind libc's back */
    lock_take(&__net_lock);
    sockets[fd] = copy;
    __socket_hooks = &hooks;
    __socket_special |= copy->type == SOCK_DGRAM;
    lock_drop(&__net_lock);
    return true;
}

cloudabi_errno_t __net_adopt(int fd)
{
    struct net_socket state = {.family = AF_UNIX, .state = SOCKET_CONNECTED, .connection = -1};
    cloudabi_fdstat_t st;

    if (__net_get(fd) != NULL) {
        __net_put();
        return 0;
    }
    cloudabi_errno_t error = cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st);
    if (error != 0)
        return error;
    if (st.fs_filetype != CLOUDABI_FILETYPE_SOCKET_STREAM &&
        st.fs_filetype != CLOUDABI_FILETYPE_SOCKET_DGRAM)
        return ENOTSOCK;
    state.type = st.fs_filetype;
    return __net_remember(fd, &state) ? 0 : ENOBUFS;
}
