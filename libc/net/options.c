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

static int connection_of(int fd, int *type)
{
    struct net_socket *socket = __net_get(fd);
    int connection = -1;

    if (socket != NULL) {
        *type = socket->type;
        connection = socket->connection;
        __net_put();
    }
    return connection;
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    cloudabi_fdstat_t st;
    int number = 0;
    int type = 0;

    if (result(cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st)) < 0)
        return -1;
    int connection = connection_of(fd, &type);
    if (level == SOL_SOCKET && option == SO_TYPE)
        number = type != 0 ? type : st.fs_filetype;
    else if (level == SOL_SOCKET && option == SO_ERROR)
        number = pending_error(connection);
    else if (level == SOL_SOCKET && (option == SO_SNDBUF || option == SO_RCVBUF))
        number = 65536;
    else if (level != SOL_SOCKET && !(level == IPPROTO_TCP && option == TCP_NODELAY))
        return result(ENOPROTOOPT);
    socklen_t size = *len < sizeof(number) ? *len : (socklen_t)sizeof(number);
    memcpy(value, &number, size);
    *len = size;
    return 0;
}

static int control(int connection, const char *format, int value)
{
    char line[32];
    cloudabi_fd_t fd;

    /* Before the connection there is nothing to tell; it begins with the settings that suit most. */
    if (connection < 0)
        return 0;
    cloudabi_errno_t error = __net_open(connection, "ctl", 0, 0, &fd);
    if (error != 0)
        return result(error);
    int len = snprintf(line, sizeof(line), format, value);
    ssize_t done = write((int)fd, line, (size_t)len);
    int saved = errno;
    close((int)fd);
    errno = saved;
    return done < 0 ? -1 : 0;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    int number = 0;
    int type = 0;
    int connection = connection_of(fd, &type);

    memcpy(&number, value, len < sizeof(number) ? len : sizeof(number));
    if (level == IPPROTO_TCP && option == TCP_NODELAY)
        return control(connection, "nodelay %d", number != 0);
    if (level == SOL_SOCKET && option == SO_KEEPALIVE)
        return control(connection, "keepalive %d", number != 0 ? 7200 : 0);
    if (level == SOL_SOCKET && option == SO_LINGER) {
        const struct linger *linger = value;
        return linger->l_onoff && linger->l_linger == 0 ? control(connection, "linger %d", 0) : 0;
    }
    if (level == SOL_SOCKET &&
        (option == SO_REUSEADDR || option == SO_REUSEPORT || option == SO_SNDBUF ||
         option == SO_RCVBUF || option == SO_BROADCAST))
        return 0;
    if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY)
        return 0;
    return result(ENOPROTOOPT);
}
