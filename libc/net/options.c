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

#define STATUS_MAX        512
#define KEEPALIVE_SECONDS 7200
#define IDLE_MAX          32767

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
static bool parse_endpoint(char *text, struct sockaddr_in6 *address)
{
    char *sign = strchr(text, '!');
    char *zone = strchr(text, '%');
    struct sockaddr_in *in4 = (struct sockaddr_in *)address;
    int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

    if (sign == NULL)
        return false;
    *sign = '\0';
    if (zone != NULL)
        *zone = '\0';
    memset(address, 0, sizeof(*address));
    address->sin6_family = (sa_family_t)family;
    address->sin6_port = htons((uint16_t)strtoul(sign + 1, NULL, 10));
    if (zone != NULL)
        address->sin6_scope_id = NET_INTERFACE;
    void *bytes = family == AF_INET ? (void *)&in4->sin_addr : (void *)&address->sin6_addr;
    return inet_pton(family, text, bytes) == 1;
}

/* Pairs, and what was granted, are connected to something that has no address. */
static int no_address(int fd, struct sockaddr *address, socklen_t *len)
{
    static const struct sockaddr_in6 none = {.sin6_family = AF_UNIX};
    cloudabi_fdstat_t st;

    if (result(cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st)) < 0)
        return -1;
    if (st.fs_filetype != CLOUDABI_FILETYPE_SOCKET_STREAM &&
        st.fs_filetype != CLOUDABI_FILETYPE_SOCKET_DGRAM)
        return result(ENOTSOCK);
    __net_give(AF_UNIX, &none, address, len);
    return 0;
}

int getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
    struct net_socket socket;

    if (!__net_copy(fd, &socket) || socket.family == AF_UNIX)
        return no_address(fd, address, len);
    if (socket.state != SOCKET_CONNECTED)
        return result(ENOTCONN);
    __net_give(socket.family, &socket.peer, address, len);
    return 0;
}

int getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
    struct net_socket *socket = __net_get(fd);
    char text[96];

    if (socket == NULL || socket->family == AF_UNIX) {
        if (socket != NULL)
            __net_put();
        return no_address(fd, address, len);
    }
    if (socket->state == SOCKET_BOUND)
        (void)__net_settle_port(fd, socket);
    struct net_socket now = *socket;
    __net_put();
    bool chosen = now.state == SOCKET_CONNECTED && now.connection >= 0;
    if (chosen && read_status(now.connection, "local", text, sizeof(text)))
        (void)parse_endpoint(text, &now.local);
    if (now.local.sin6_family == 0)
        now.local.sin6_family = (sa_family_t)now.family;
    __net_give(now.family, &now.local, address, len);
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
    case SO_DOMAIN:
        *number = socket->family != 0 ? socket->family : AF_UNIX;
        return true;
    case SO_PROTOCOL:
        *number = socket->type == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
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

static bool tcp_option(int option, const struct net_socket *socket, int *number)
{
    switch (option) {
    case TCP_MAXSEG:
        *number = 1460;
        return true;
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL:
        *number = socket->idle != 0 ? (int)socket->idle : KEEPALIVE_SECONDS;
        return true;
    case TCP_KEEPCNT:
        *number = 9;
        return true;
    default:
        return false;
    }
}

static bool any_option(int level, int option, const struct net_socket *socket, int type,
                       int *number)
{
    unsigned bit = kept_bit(level, option);

    if (bit != 0) {
        *number = (socket->options & bit) != 0;
        return true;
    }
    return (level == SOL_SOCKET && socket_option(option, socket, type, number)) ||
           (level == IPPROTO_TCP && tcp_option(option, socket, number));
}

static struct timeval limit_of(const struct net_socket *socket, bool write)
{
    cloudabi_timestamp_t limit = socket->patience[write];

    return (struct timeval){(time_t)(limit / 1000000000), (suseconds_t)(limit % 1000000000 / 1000)};
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    cloudabi_fdstat_t st;
    struct net_socket socket;
    int number = 0;

    if (result(cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st)) < 0)
        return -1;
    if (!__net_copy(fd, &socket) && st.fs_filetype != CLOUDABI_FILETYPE_SOCKET_STREAM &&
        st.fs_filetype != CLOUDABI_FILETYPE_SOCKET_DGRAM)
        return result(ENOTSOCK);
    int type = socket.type != 0 ? socket.type : st.fs_filetype;
    if (level == SOL_SOCKET && option == SO_LINGER) {
        struct linger linger = {.l_onoff = (socket.options & NET_LINGER_ZERO) != 0};
        give(&linger, sizeof(linger), value, len);
    } else if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO)) {
        struct timeval limit = limit_of(&socket, option == SO_SNDTIMEO);
        give(&limit, sizeof(limit), value, len);
    } else if (any_option(level, option, &socket, type, &number)) {
        give(&number, sizeof(number), value, len);
    } else {
        return result(ENOPROTOOPT);
    }
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

cloudabi_errno_t __net_apply(const struct net_socket *socket, unsigned which)
{
    cloudabi_errno_t error = 0;
    int idle = socket->idle != 0 ? (int)socket->idle : KEEPALIVE_SECONDS;

    if ((which & NET_NODELAY) != 0)
        error = control(socket->connection, "nodelay %d", (socket->options & NET_NODELAY) != 0);
    if (error == 0 && (which & NET_KEEPALIVE) != 0)
        error = control(socket->connection, "keepalive %d",
                        (socket->options & NET_KEEPALIVE) != 0 ? idle : 0);
    if (error == 0 && (which & socket->options & NET_LINGER_ZERO) != 0)
        error = control(socket->connection, "linger %d", 0);
    return error;
}

/* Keeps the option, and tells the connection of it if there is one already. */
static int keep_option(int fd, unsigned bit, bool on)
{
    struct net_socket *socket = __net_get(fd);

    if (socket == NULL)
        return result(ENOTSOCK);
    socket->options = on ? socket->options | bit : socket->options & ~bit;
    struct net_socket now = *socket;
    __net_put();
    return now.connection < 0 ? 0 : result(__net_apply(&now, bit));
}

static int keep_idle(int fd, int seconds)
{
    struct net_socket *socket = __net_get(fd);

    if (socket == NULL)
        return result(ENOTSOCK);
    if (seconds >= 1 && seconds <= IDLE_MAX)
        socket->idle = (unsigned)seconds;
    struct net_socket now = *socket;
    __net_put();
    if (seconds < 1 || seconds > IDLE_MAX)
        return result(EINVAL);
    bool tell = now.connection >= 0 && (now.options & NET_KEEPALIVE) != 0;
    return tell ? result(__net_apply(&now, NET_KEEPALIVE)) : 0;
}

static int keep_limit(int fd, bool write, const void *value, socklen_t len)
{
    struct timeval limit;
    struct net_socket *socket;

    if (len < sizeof(limit))
        return result(EINVAL);
    memcpy(&limit, value, sizeof(limit));
    if (limit.tv_usec < 0 || limit.tv_usec >= 1000000)
        return result(EDOM);
    socket = __net_get(fd);
    if (socket == NULL)
        return result(ENOTSOCK);
    socket->patience[write] = limit.tv_sec < 0 ? 1
                                               : (cloudabi_timestamp_t)limit.tv_sec * 1000000000 +
                                                     (cloudabi_timestamp_t)limit.tv_usec * 1000;
    __socket_special = true;
    __net_put();
    return 0;
}

/* Wishes that nothing here depends on. */
static bool without_effect(int level, int option)
{
    return (level == SOL_SOCKET && (option == SO_SNDBUF || option == SO_RCVBUF)) ||
           (level == IPPROTO_TCP && (option == TCP_KEEPINTVL || option == TCP_KEEPCNT)) ||
           (level == IPPROTO_IP && (option == IP_TOS || option == IP_TTL)) ||
           (level == IPPROTO_IPV6 && (option == IPV6_UNICAST_HOPS || option == IPV6_TCLASS));
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    int number = 0;
    unsigned bit = kept_bit(level, option);

    if (result(__net_adopt(fd)) < 0)
        return -1;
    if (level == SOL_SOCKET && option == SO_LINGER) {
        const struct linger *linger = value;
        if (len < sizeof(*linger))
            return result(EINVAL);
        return keep_option(fd, NET_LINGER_ZERO, linger->l_onoff && linger->l_linger == 0);
    }
    if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO))
        return keep_limit(fd, option == SO_SNDTIMEO, value, len);
    if (len < sizeof(number))
        return result(EINVAL);
    memcpy(&number, value, sizeof(number));
    if (bit != 0)
        return keep_option(fd, bit, number != 0);
    if (level == IPPROTO_TCP && option == TCP_KEEPIDLE)
        return keep_idle(fd, number);
    return without_effect(level, option) ? 0 : result(ENOPROTOOPT);
}
