/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses and options of sockets. What a connection can be told goes as a line into the file `ctl` of its
 * directory; what it knows is read from `status`.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "libc/net/net.h"

#define STATUS_MAX 512

/* The value of a line "KEY VALUE" of the connection's status. */
static bool read_status(int connection, const char *key, char *value, size_t size)
{
    char text[STATUS_MAX];
    cloudabi_fd_t fd;
    char *rest;

    if (connection < 0 || __net_open(connection, "status", 0, 0, &fd) != 0)
        return false;
    ssize_t len = read((int)fd, text, sizeof(text) - 1);
    close((int)fd);
    text[len > 0 ? len : 0] = '\0';
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        size_t n = strlen(key);
        if (strncmp(line, key, n) == 0 && line[n] == ' ') {
            snprintf(value, size, "%s", line + n + 1);
            return true;
        }
    }
    return false;
}

/* "ADDR!PORT" as an address. */
static bool parse_endpoint(char *text, int family, struct sockaddr_in6 *address)
{
    char *sign = strchr(text, '!');
    struct sockaddr_in *in4 = (struct sockaddr_in *)address;

    if (sign == NULL)
        return false;
    *sign = '\0';
    memset(address, 0, sizeof(*address));
    address->sin6_family = (sa_family_t)family;
    address->sin6_port = htons((uint16_t)strtoul(sign + 1, NULL, 10));
    void *bytes = family == AF_INET ? (void *)&in4->sin_addr : (void *)&address->sin6_addr;
    return inet_pton(family, text, bytes) == 1;
}

int getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
    struct net_socket *socket = __net_get(fd);

    if (socket == NULL)
        return result(ENOTSOCK);
    bool connected = socket->state == SOCKET_CONNECTED;
    if (connected)
        __net_give(&socket->peer, address, len);
    __net_put();
    return result(connected ? 0 : ENOTCONN);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
    struct net_socket *socket = __net_get(fd);
    char text[96];

    if (socket == NULL)
        return result(ENOTSOCK);
    if (socket->state == SOCKET_BOUND)
        (void)__net_settle_port(fd, socket);
    struct sockaddr_in6 local = socket->local;
    int family = socket->family;
    int connection = socket->connection;
    __net_put();
    if (local.sin6_family == 0) {
        local.sin6_family = (sa_family_t)family;
        if (read_status(connection, "local", text, sizeof(text)))
            (void)parse_endpoint(text, family, &local);
    }
    __net_give(&local, address, len);
    return 0;
}

static int pending_error(int connection)
{
    char text[32];

    return read_status(connection, "errno", text, sizeof(text)) ? atoi(text) : 0;
}

cloudabi_errno_t __net_progress(int connection)
{
    char state[32] = "";
    int error = pending_error(connection);

    if (error != 0)
        return (cloudabi_errno_t)error;
    if (read_status(connection, "state", state, sizeof(state)) && strcmp(state, "SYN_SENT") == 0)
        return EALREADY;
    return EISCONN;
}

/* Options that are kept and given back. */
struct kept {
    int level, option;
    unsigned bit;
};

static const struct kept kept[] = {
    {IPPROTO_TCP, TCP_NODELAY, NET_NODELAY},   {SOL_SOCKET, SO_KEEPALIVE, NET_KEEPALIVE},
    {SOL_SOCKET, SO_REUSEADDR, NET_REUSEADDR}, {SOL_SOCKET, SO_REUSEPORT, NET_REUSEPORT},
    {SOL_SOCKET, SO_BROADCAST, NET_BROADCAST}, {IPPROTO_IPV6, IPV6_V6ONLY, NET_V6ONLY},
    {SOL_SOCKET, SO_OOBINLINE, NET_OOBINLINE},
};

static unsigned kept_bit(int level, int option)
{
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (kept[i].level == level && kept[i].option == option)
            return kept[i].bit;
    }
    return 0;
}

/* A copy of the entry; false: the descriptor has none. */
static bool copy_of(int fd, struct net_socket *copy)
{
    struct net_socket *socket = __net_get(fd);

    *copy = (struct net_socket){.connection = -1};
    if (socket == NULL)
        return false;
    *copy = *socket;
    __net_put();
    return true;
}

static void give(const void *from, size_t size, void *to, socklen_t *len)
{
    if (size > *len)
        size = *len;
    memcpy(to, from, size);
    *len = (socklen_t)size;
}

/* False: no such option. */
static bool socket_option(int option, const struct net_socket *socket, int type, int *number)
{
    switch (option) {
    case SO_TYPE:
        *number = type;
        return true;
    case SO_ERROR:
        *number = pending_error(socket->connection);
        return true;
    case SO_ACCEPTCONN:
        *number = socket->state == SOCKET_LISTENING;
        return true;
    case SO_SNDBUF:
    case SO_RCVBUF:
        *number = 65536;
        return true;
    case SO_SNDLOWAT:
    case SO_RCVLOWAT:
        *number = 1;
        return true;
    default:
        return false;
    }
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    cloudabi_fdstat_t st;
    struct net_socket socket;
    int number = 0;
    static const struct timeval never;

    if (result(cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st)) < 0)
        return -1;
    if (!copy_of(fd, &socket) && st.fs_filetype != CLOUDABI_FILETYPE_SOCKET_STREAM &&
        st.fs_filetype != CLOUDABI_FILETYPE_SOCKET_DGRAM)
        return result(ENOTSOCK);
    int type = socket.type != 0 ? socket.type : st.fs_filetype;
    unsigned bit = kept_bit(level, option);
    if (bit != 0) {
        number = (socket.options & bit) != 0;
    } else if (level == SOL_SOCKET && option == SO_LINGER) {
        struct linger linger = {.l_onoff = (socket.options & NET_LINGER_ZERO) != 0};
        give(&linger, sizeof(linger), value, len);
        return 0;
    } else if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO)) {
        give(&never, sizeof(never), value, len);
        return 0;
    } else if (level != SOL_SOCKET || !socket_option(option, &socket, type, &number)) {
        return result(ENOPROTOOPT);
    }
    give(&number, sizeof(number), value, len);
    return 0;
}

static cloudabi_errno_t control(int connection, const char *format, int value)
{
    char line[32];
    cloudabi_fd_t fd;
    size_t done;

    cloudabi_errno_t error = __net_open(connection, "ctl", 0, 0, &fd);
    if (error != 0)
        return error;
    int len = snprintf(line, sizeof(line), format, value);
    cloudabi_ciovec_t piece = {line, (size_t)len};
    error = cloudabi_sys_fd_write(fd, &piece, 1, &done);
    (void)cloudabi_sys_fd_close(fd);
    return error;
}

cloudabi_errno_t __net_apply(int connection, unsigned options, unsigned which)
{
    cloudabi_errno_t error = 0;

    if ((which & NET_NODELAY) != 0)
        error = control(connection, "nodelay %d", (options & NET_NODELAY) != 0);
    if (error == 0 && (which & NET_KEEPALIVE) != 0)
        error = control(connection, "keepalive %d", (options & NET_KEEPALIVE) != 0 ? 7200 : 0);
    if (error == 0 && (which & options & NET_LINGER_ZERO) != 0)
        error = control(connection, "linger %d", 0);
    return error;
}

/* Keeps the option, and tells the connection of it if there is one already. */
static int keep_option(int fd, unsigned bit, bool on)
{
    struct net_socket *socket = __net_get(fd);

    if (socket == NULL)
        return result(ENOTSOCK);
    socket->options = on ? socket->options | bit : socket->options & ~bit;
    unsigned options = socket->options;
    int connection = socket->connection;
    __net_put();
    return connection < 0 ? 0 : result(__net_apply(connection, options, bit));
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    cloudabi_fdstat_t st;
    int number = 0;
    unsigned bit = kept_bit(level, option);

    if (result(cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st)) < 0)
        return -1;
    if (level == SOL_SOCKET && option == SO_LINGER) {
        const struct linger *linger = value;
        if (len < sizeof(*linger))
            return result(EINVAL);
        return keep_option(fd, NET_LINGER_ZERO, linger->l_onoff && linger->l_linger == 0);
    }
    if (len < sizeof(number))
        return result(EINVAL);
    memcpy(&number, value, sizeof(number));
    if (bit != 0)
        return keep_option(fd, bit, number != 0);
    if (level == SOL_SOCKET && (option == SO_SNDBUF || option == SO_RCVBUF))
        return 0;
    return result(ENOPROTOOPT);
}
