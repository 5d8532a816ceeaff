/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socket programs as others write them, over both families: servers by select and by poll, time limits, messages that
 * must not wait, datagrams with and without a peer, duplicated descriptors, and what the calls say of their mistakes.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/guest/tap.h"

#define LIMIT 10000 /* ms: much longer than anything here takes */

typedef struct sockaddr_storage storage;

/* The address of this machine in a family; port 0: none in particular. */
static socklen_t home(int family, uint16_t port, storage *address)
{
    struct sockaddr_in *in4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof(*address));
    address->ss_family = (sa_family_t)family;
    in4->sin_port = htons(port);
    if (family == AF_INET)
        in4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        in6->sin6_addr = in6addr_loopback;
    return family == AF_INET ? sizeof(*in4) : sizeof(*in6);
}

static int bound(int family, int type, uint16_t port)
{
    storage address;
    socklen_t size = home(family, port, &address);
    int one = 1, fd = socket(family, type, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
        ((type & 0xff) == SOCK_STREAM && listen(fd, 8) < 0))
        return -1;
    return fd;
}

static int called(int family, int type, uint16_t port)
{
    storage address;
    socklen_t size = home(family, port, &address);
    int fd = socket(family, type, 0);
    int done = connect(fd, (struct sockaddr *)&address, size);
    return done == 0 || errno == EINPROGRESS ? fd : -1;
}

/* Both ends of a connection. */
static bool connection(int family, uint16_t port, int ends[2])
{
    int listener = bound(family, SOCK_STREAM, port);
    ends[0] = called(family, SOCK_STREAM, port);
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
    return listener >= 0 && ends[0] >= 0 && ends[1] >= 0;
}

static long milliseconds(void)
{
    struct timeval time;
    gettimeofday(&time, NULL);
    return time.tv_sec * 1000 + time.tv_usec / 1000;
}

static short events_of(int fd, short events)
{
    struct pollfd entry = {.fd = fd, .events = events};
    return poll(&entry, 1, LIMIT) == 1 ? entry.revents : 0;
}

/* --- servers --------------------------------------------------------------------------------------------------- */

/* Answers what it gets, until all of its clients have gone. */
static int echo_by_select(int listener, int clients)
{
    char text[64];
    fd_set all, ready;
    int top = listener, gone = 0;
    FD_ZERO(&all);
    FD_SET(listener, &all);
    while (gone < clients) {
        ready = all;
        if (select(top + 1, &ready, NULL, NULL, NULL) < 0)
            return 1;
        if (FD_ISSET(listener, &ready)) {
            int client = accept(listener, NULL, NULL);
            FD_SET(client, &all);
            top = client > top ? client : top;
        }
        for (int fd = 0; fd <= top; fd++) {
            if (fd == listener || !FD_ISSET(fd, &ready))
                continue;
            ssize_t got = recv(fd, text, sizeof(text), 0);
            if (got > 0 && send(fd, text, (size_t)got, MSG_NOSIGNAL) == got)
                continue;
            FD_CLR(fd, &all);
            close(fd);
            gone++;
        }
    }
    return 0;
}

static void select_server(int family, uint16_t port)
{
    enum { CLIENTS = 100 }; /* more descriptors than 64 */
    static int clients[CLIENTS];
    char text[16];
    int status = -1, right = 0;
    int listener = bound(family, SOCK_STREAM, port);
    pid_t child = fork();
    if (child == 0)
        _exit(echo_by_select(listener, CLIENTS));
    close(listener);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = called(family, SOCK_STREAM, port);
    for (int i = 0; i < CLIENTS; i++)
        right += dprintf(clients[i], "client %d", i) > 0;
    for (int i = 0; i < CLIENTS; i++) {
        char wanted[16];
        int size = snprintf(wanted, sizeof(wanted), "client %d", i);
        right += recv(clients[i], text, (size_t)size, MSG_WAITALL) == size &&
                 memcmp(text, wanted, (size_t)size) == 0;
    }
    CHECK(right == 2 * CLIENTS);
    int one = 1, kept = 0;
    socklen_t length = sizeof(kept);
    CHECK(clients[CLIENTS - 1] >= 64 &&
          setsockopt(clients[CLIENTS - 1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0 &&
          getsockopt(clients[CLIENTS - 1], IPPROTO_TCP, TCP_NODELAY, &kept, &length) == 0 && kept);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* What one says goes to all others: ends when the last has gone. */
static int chat_by_poll(int listener)
{
    struct pollfd entries[8] = {{.fd = listener, .events = POLLIN}};
    char text[64];
    nfds_t used = 1;
    do {
        if (poll(entries, used, -1) < 0)
            return 1;
        for (nfds_t i = 1; i < used; i++) {
            if (entries[i].revents == 0)
                continue;
            ssize_t got = read(entries[i].fd, text, sizeof(text));
            if (got <= 0) {
                close(entries[i].fd);
                entries[i--] = entries[--used];
                continue;
            }
            for (nfds_t to = 1; to < used; to++) {
                if (to != i && write(entries[to].fd, text, (size_t)got) != got)
                    return 2;
            }
        }
        if (entries[0].revents != 0) {
            int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (client < 0 || (fcntl(client, F_GETFD) & FD_CLOEXEC) == 0 ||
                write(client, "hi", 2) != 2)
                return 3;
            entries[used++] = (struct pollfd){.fd = client, .events = POLLIN};
        }
    } while (used > 1);
    return 0;
}

static void poll_server(int family, uint16_t port)
{
    int clients[3], status = -1;
    char text[64];
    int listener = bound(family, SOCK_STREAM | SOCK_NONBLOCK, port);
    pid_t child = fork();
    if (child == 0)
        _exit(chat_by_poll(listener));
    close(listener);
    for (int i = 0; i < 3; i++) {
        clients[i] = called(family, SOCK_STREAM, port);
        CHECK(recv(clients[i], text, 2, MSG_WAITALL) == 2);
    }
    CHECK(write(clients[0], "to all", 6) == 6);
    for (int i = 1; i < 3; i++)
        CHECK(recv(clients[i], text, 6, MSG_WAITALL) == 6 && memcmp(text, "to all", 6) == 0);
    CHECK(close(clients[0]) == 0 && write(clients[1], "still", 5) == 5);
    CHECK(recv(clients[2], text, 5, MSG_WAITALL) == 5);
    CHECK(close(clients[1]) == 0 && close(clients[2]) == 0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* --- streams --------------------------------------------------------------------------------------------------- */

static int pending(int fd)
{
    int error = -1;
    socklen_t length = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : -1;
}

static void nonblocking_connect(int family, uint16_t port)
{
    int listener = bound(family, SOCK_STREAM, port);
    int client = called(family, SOCK_STREAM | SOCK_NONBLOCK, port);
    CHECK(client >= 0 && events_of(client, POLLOUT) == POLLOUT && pending(client) == 0);
    close(client);
    close(listener);
    client = called(family, SOCK_STREAM | SOCK_NONBLOCK, port);
    if (client >= 0) {
        CHECK((events_of(client, POLLOUT) & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP));
        CHECK(pending(client) == ECONNREFUSED);
        close(client);
    }
}

static void addresses(int family, uint16_t port)
{
    storage names[3];
    socklen_t length;
    int ends[2];
    CHECK(connection(family, port, ends));
    length = sizeof(storage);
    CHECK(getsockname(ends[0], (struct sockaddr *)&names[0], &length) == 0);
    CHECK(getpeername(ends[1], (struct sockaddr *)&names[1], &length) == 0);
    CHECK(names[0].ss_family == family && memcmp(&names[0], &names[1], length) == 0);
    CHECK(home(family, port, &names[2]) == length);
    CHECK(getpeername(ends[0], (struct sockaddr *)&names[0], &length) == 0 &&
          memcmp(&names[0], &names[2], length) == 0);
    CHECK(getsockname(ends[1], (struct sockaddr *)&names[0], &length) == 0 &&
          memcmp(&names[0], &names[2], length) == 0);
    /* A copy is the same socket, under either number. */
    int copy = dup(ends[0]), other = dup2(ends[0], 300), one = 1;
    CHECK(setsockopt(copy, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
    close(ends[0]);
    close(copy);
    CHECK(getpeername(other, (struct sockaddr *)&names[0], &length) == 0 &&
          memcmp(&names[0], &names[2], length) == 0);
    one = 0;
    CHECK(getsockopt(other, IPPROTO_TCP, TCP_NODELAY, &one, &length) == 0 && one == 1);
    close(other);
    CHECK(read(ends[1], &one, 1) == 0);
    close(ends[1]);
}

static void half_closed(int family, uint16_t port)
{
    int ends[2];
    char text[8];
    CHECK(connection(family, port, ends));
    CHECK(shutdown(ends[0], SHUT_WR) == 0);
    /* The peer can still be answered: that is no hangup. */
    CHECK(events_of(ends[1], POLLIN) == POLLIN && read(ends[1], text, 1) == 0);
    CHECK(events_of(ends[1], POLLIN | POLLOUT | POLLRDHUP) == (POLLIN | POLLOUT | POLLRDHUP));
    CHECK(write(ends[1], "bye", 3) == 3 && close(ends[1]) == 0);
    CHECK(recv(ends[0], text, 8, MSG_WAITALL) == 3);
    CHECK((events_of(ends[0], POLLIN) & POLLHUP) != 0 && read(ends[0], text, 1) == 0);
    close(ends[0]);
}

static void without_waiting(int family, uint16_t port)
{
    static char block[65536];
    int ends[2], count = -1;
    char text[8];
    size_t sent = 0, got = 0;
    CHECK(connection(family, port, ends));
    CHECK_ERRNO(recv(ends[0], text, 1, MSG_DONTWAIT), EAGAIN);
    CHECK(ioctl(ends[0], FIONREAD, &count) == 0 && count == 0);
    CHECK(send(ends[1], "12345", 5, 0) == 5 && recv(ends[0], text, 8, MSG_PEEK) == 5);
    CHECK(ioctl(ends[0], FIONREAD, &count) == 0 && count == 5);
    CHECK(recv(ends[0], text, 8, MSG_DONTWAIT) == 5);
    count = 1;
    CHECK(ioctl(ends[0], FIONBIO, &count) == 0 && (fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
    CHECK_ERRNO(read(ends[0], text, 1), EAGAIN);
    count = 0;
    CHECK(ioctl(ends[0], FIONBIO, &count) == 0 && (fcntl(ends[0], F_GETFL) & O_NONBLOCK) == 0);
    CHECK_ERRNO(ioctl(ends[0], TIOCGWINSZ, &count), ENOTTY);
    /* Nobody reads: the sender is told so when no more fits, and nothing is lost. */
    for (ssize_t done; (done = send(ends[0], block, sizeof(block), MSG_DONTWAIT)) > 0;)
        sent += (size_t)done;
    CHECK(errno == EAGAIN && sent > 0);
    shutdown(ends[0], SHUT_WR);
    for (ssize_t done; (done = recv(ends[1], block, sizeof(block), 0)) > 0;)
        got += (size_t)done;
    CHECK(got == sent);
    close(ends[0]);
    close(ends[1]);
}

static int limit(int fd, int option, long ms)
{
    struct timeval time = {ms / 1000, ms % 1000 * 1000};
    return setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

static void time_limits(int family, uint16_t port)
{
    static char block[65536];
    int ends[2];
    char text[8];
    struct timeval time;
    socklen_t length = sizeof(time);
    CHECK(connection(family, port, ends));
    CHECK(limit(ends[0], SO_RCVTIMEO, 1250) == 0 &&
          getsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &time, &length) == 0);
    CHECK(time.tv_sec == 1 && time.tv_usec == 250000);
    CHECK(limit(ends[0], SO_RCVTIMEO, 60) == 0);
    long start = milliseconds();
    CHECK_ERRNO(read(ends[0], text, 1), EAGAIN);
    CHECK_ERRNO(recv(ends[0], text, 1, 0), EAGAIN);
    CHECK(milliseconds() - start >= 119);
    CHECK(write(ends[1], "abc", 3) == 3 && recv(ends[0], text, 8, MSG_WAITALL) == 3);
    CHECK(limit(ends[0], SO_RCVTIMEO, 0) == 0 && limit(ends[0], SO_SNDTIMEO, 60) == 0);
    ssize_t done;
    while ((done = write(ends[0], block, sizeof(block))) > 0)
        continue;
    CHECK(done == -1 && errno == EAGAIN);
    struct timeval wrong = {0, 1000000};
    CHECK_ERRNO(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &wrong, sizeof(wrong)), EDOM);
    close(ends[0]);
    close(ends[1]);
    int listener = bound(family, SOCK_STREAM, port);
    CHECK(limit(listener, SO_RCVTIMEO, 30) == 0);
    CHECK_ERRNO(accept(listener, NULL, NULL), EAGAIN);
    close(listener);
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && limit(pair[0], SO_RCVTIMEO, 30) == 0);
    CHECK_ERRNO(recv(pair[0], text, 1, 0), EAGAIN);
    length = sizeof(storage);
    storage name;
    CHECK(getpeername(pair[0], (struct sockaddr *)&name, &length) == 0 &&
          name.ss_family == AF_UNIX);
    close(pair[0]);
    close(pair[1]);
}

static void unconnected(int family)
{
    char byte = 0;
    storage address;
    socklen_t size = home(family, 7501, &address);
    int fd = socket(family, SOCK_STREAM, 0);
    CHECK_ERRNO(send(fd, "x", 1, MSG_NOSIGNAL), ENOTCONN);
    CHECK_ERRNO(recv(fd, &byte, 1, 0), ENOTCONN);
    CHECK_ERRNO(shutdown(fd, SHUT_WR), ENOTCONN);
    CHECK_ERRNO(accept(fd, NULL, NULL), EINVAL);
    address.ss_family = family == AF_INET ? AF_INET6 : AF_INET;
    CHECK_ERRNO(connect(fd, (struct sockaddr *)&address, sizeof(address)), EAFNOSUPPORT);
    CHECK_ERRNO(connect(fd, (struct sockaddr *)&address, 4), EINVAL);
    /* What was refused can be tried again. */
    size = home(family, 7501, &address);
    CHECK_ERRNO(connect(fd, (struct sockaddr *)&address, size), ECONNREFUSED);
    int listener = bound(family, SOCK_STREAM, 7501);
    CHECK(connect(fd, (struct sockaddr *)&address, size) == 0);
    CHECK_ERRNO(socket(family, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    close(listener);
    close(fd);
}

static void options(int family)
{
    int one = 1, value = 0, fd = socket(family, SOCK_STREAM, 0);
    socklen_t length = sizeof(value);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) == 0);
    value = 77;
    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof(value)) == 0);
    value = 0;
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &length) == 0 && value == 77);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &length) == 0 && value == family);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length) == 0 && value == SOCK_STREAM);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &length) == 0 && value == IPPROTO_TCP);
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    int name = family == AF_INET ? IP_TOS : IPV6_TCLASS;
    CHECK(setsockopt(fd, level, name, &one, sizeof(one)) == 0);
    close(fd);
}

/* A server for both families, by one socket and by two. */
static void dual(uint16_t port)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)}, peer;
    struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t length = sizeof(peer);
    char text[INET6_ADDRSTRLEN];
    int one = 1, server = socket(AF_INET6, SOCK_STREAM, 0);
    CHECK(bind(server, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(server, 4) == 0);
    int client = called(AF_INET, SOCK_STREAM, port);
    int accepted = accept(server, (struct sockaddr *)&peer, &length);
    CHECK(client >= 0 && accepted >= 0 && length == sizeof(peer) && peer.sin6_family == AF_INET6);
    inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof(text));
    CHECK(strcmp(text, "::ffff:127.0.0.1") == 0);
    close(client);
    close(accepted);
    client = socket(AF_INET6, SOCK_STREAM, 0);
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &any.sin6_addr);
    CHECK(connect(client, (struct sockaddr *)&any, sizeof(any)) == 0);
    close(client);
    close(server);
    /* One for each. */
    server = socket(AF_INET6, SOCK_STREAM, 0);
    int server4 = socket(AF_INET, SOCK_STREAM, 0);
    any.sin6_addr = in6addr_any;
    CHECK(setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0);
    CHECK(bind(server, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(server, 4) == 0);
    CHECK(called(AF_INET, SOCK_STREAM, port) == -1 && errno == ECONNREFUSED);
    CHECK(bind(server4, (struct sockaddr *)&any4, sizeof(any4)) == 0 && listen(server4, 4) == 0);
    client = called(AF_INET, SOCK_STREAM, port);
    length = sizeof(peer);
    accepted = accept(server4, (struct sockaddr *)&peer, &length);
    CHECK(accepted >= 0 && length == sizeof(any4) && peer.sin6_family == AF_INET);
    close(accepted);
    close(client);
    close(server);
    close(server4);
}

/* --- datagrams ------------------------------------------------------------------------------------------------- */

static void datagrams(int family, uint16_t port)
{
    storage to, from;
    socklen_t size = home(family, port, &to);
    char text[16], rest[16];
    struct iovec pieces[2] = {{text, 3}, {rest, sizeof(rest)}};
    struct msghdr msg = {.msg_name = &to, .msg_namelen = size, .msg_iov = pieces, .msg_iovlen = 2};
    int count, server = bound(family, SOCK_DGRAM, port), client = socket(family, SOCK_DGRAM, 0);
    memcpy(text, "one", 3);
    pieces[1] = (struct iovec){(char *)"two", 3};
    CHECK(sendmsg(client, &msg, 0) == 6);
    pieces[1] = (struct iovec){rest, sizeof(rest)};
    msg.msg_name = &from;
    msg.msg_namelen = sizeof(from);
    CHECK(events_of(server, POLLIN) == POLLIN);
    CHECK(ioctl(server, FIONREAD, &count) == 0 && count == 6);
    CHECK(recvmsg(server, &msg, MSG_PEEK) == 6 && recvmsg(server, &msg, 0) == 6);
    CHECK(msg.msg_namelen == size && from.ss_family == family && memcmp(text, "one", 3) == 0 &&
          memcmp(rest, "two", 3) == 0);
    CHECK_ERRNO(recv(server, text, 1, MSG_DONTWAIT), EAGAIN);
    CHECK(limit(server, SO_RCVTIMEO, 30) == 0);
    CHECK_ERRNO(recv(server, text, 1, 0), EAGAIN);
    CHECK_ERRNO(send(server, "x", 1, 0), EDESTADDRREQ);
    CHECK(sendto(server, "answer", 6, 0, (struct sockaddr *)&from, size) == 6);
    /* The reader sees its bytes alone, whatever it reads them with; what does not fit is cut and said so. */
    CHECK(read(client, text, sizeof(text)) == 6 && memcmp(text, "answer", 6) == 0);
    CHECK(sendto(server, "answer", 6, 0, (struct sockaddr *)&from, size) == 6);
    msg.msg_iovlen = 1;
    msg.msg_name = NULL;
    CHECK(recvmsg(client, &msg, 0) == 3 && (msg.msg_flags & MSG_TRUNC) != 0);
    CHECK(sendto(server, "", 0, 0, (struct sockaddr *)&from, size) == 0);
    CHECK(recv(client, text, 1, 0) == 0);
    close(server);
    close(client);
}

static uint16_t port_of(int fd)
{
    storage name;
    socklen_t length = sizeof(name);
    int done = getsockname(fd, (struct sockaddr *)&name, &length);
    return done == 0 ? ntohs(((struct sockaddr_in *)&name)->sin_port) : 0;
}

/* A bound socket that is connected keeps its port, and hears its peer alone. */
static void peers(int family, uint16_t port)
{
    storage address;
    char text[8];
    int mine = bound(family, SOCK_DGRAM, port), peer = bound(family, SOCK_DGRAM, port + 1);
    int other = bound(family, SOCK_DGRAM, port + 2);
    socklen_t size = home(family, port + 1, &address);
    CHECK(connect(mine, (struct sockaddr *)&address, size) == 0 && port_of(mine) == port);
    CHECK(send(mine, "hello", 5, 0) == 5);
    CHECK(recvfrom(peer, text, 8, 0, (struct sockaddr *)&address, &size) == 5);
    CHECK(ntohs(((struct sockaddr_in *)&address)->sin_port) == port);
    CHECK(sendto(other, "lies", 4, 0, (struct sockaddr *)&address, size) == 4);
    CHECK(sendto(peer, "truth", 5, 0, (struct sockaddr *)&address, size) == 5);
    CHECK(recv(mine, text, 8, MSG_PEEK) == 5 && recv(mine, text, 8, 0) == 5);
    CHECK(memcmp(text, "truth", 5) == 0);
    /* Another peer, and none. */
    size = home(family, port + 2, &address);
    CHECK(connect(mine, (struct sockaddr *)&address, size) == 0 && write(mine, "you", 3) == 3);
    CHECK(recv(other, text, 8, 0) == 3);
    address.ss_family = AF_UNSPEC;
    CHECK(connect(mine, (struct sockaddr *)&address, size) == 0);
    CHECK_ERRNO(send(mine, "x", 1, 0), EDESTADDRREQ);
    size = sizeof(address);
    CHECK_ERRNO(getpeername(mine, (struct sockaddr *)&address, &size), ENOTCONN);
    close(mine);
    close(peer);
    close(other);
}

/* --- names ----------------------------------------------------------------------------------------------------- */

/* The client that everybody writes. */
static int client_of(const char *host, const char *service)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;
    int fd = -1;
    if (getaddrinfo(host, service, &hints, &list) != 0)
        return -1;
    for (struct addrinfo *i = list; i != NULL && fd < 0; i = i->ai_next) {
        fd = socket(i->ai_family, i->ai_socktype, i->ai_protocol);
        if (fd >= 0 && connect(fd, i->ai_addr, i->ai_addrlen) < 0)
            close(fd), fd = -1;
    }
    freeaddrinfo(list);
    return fd;
}

static int types_of(const char *host, const struct addrinfo *hints)
{
    struct addrinfo *list;
    int types = 0;
    if (getaddrinfo(host, "80", hints, &list) != 0)
        return -1;
    for (struct addrinfo *i = list; i != NULL; i = i->ai_next)
        types |= i->ai_socktype == SOCK_STREAM ? 1 : 2;
    freeaddrinfo(list);
    return types;
}

static void names(void)
{
    struct addrinfo hints = {0}, *list = NULL;
    char host[64], port[16];
    int listener = bound(AF_INET6, SOCK_STREAM, 7510), fd = client_of("localhost", "7510");
    CHECK(fd >= 0);
    close(fd);
    close(listener);
    CHECK(types_of("127.0.0.1", NULL) == 3);
    hints.ai_protocol = IPPROTO_UDP;
    CHECK(types_of("::1", &hints) == 2);
    hints.ai_socktype = SOCK_STREAM;
    CHECK(getaddrinfo("::1", "80", &hints, &list) == EAI_SOCKTYPE);
    hints = (struct addrinfo){.ai_flags = AI_CANONNAME | AI_NUMERICHOST};
    CHECK(getaddrinfo("fe80::1%eth0", "80", &hints, &list) == 0 &&
          strcmp(list->ai_canonname, "fe80::1%eth0") == 0);
    CHECK(((struct sockaddr_in6 *)list->ai_addr)->sin6_scope_id == if_nametoindex("eth0"));
    CHECK(getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof(host), port, sizeof(port),
                      NI_NUMERICHOST | NI_NUMERICSERV) == 0 &&
          strcmp(host, "fe80::1%eth0") == 0 && strcmp(port, "80") == 0);
    CHECK(getnameinfo(list->ai_addr, list->ai_addrlen, host, 5, NULL, 0, 0) == EAI_OVERFLOW);
    freeaddrinfo(list);
    hints.ai_flags = 1 << 20;
    CHECK(getaddrinfo("::1", "80", &hints, &list) == EAI_BADFLAGS);
    CHECK(getaddrinfo("fe80::1%eth7", "80", NULL, &list) == EAI_NONAME);
    CHECK(getaddrinfo("::1", "-1", NULL, &list) == EAI_SERVICE);
    CHECK(getaddrinfo(NULL, NULL, NULL, &list) == EAI_NONAME);
}

static void interfaces(void)
{
    char name[IF_NAMESIZE];
    struct ifaddrs *list;
    int loopback = 0, others = 0;
    CHECK(if_nametoindex("lo") == 1 && strcmp(if_indextoname(2, name), "eth0") == 0);
    CHECK(if_nametoindex("eth1") == 0 && if_indextoname(3, name) == NULL);
    CHECK(getifaddrs(&list) == 0);
    for (struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        bool lo = (i->ifa_flags & IFF_LOOPBACK) != 0;
        loopback += lo;
        others += !lo && strcmp(i->ifa_name, "eth0") == 0 && i->ifa_netmask != NULL;
    }
    freeifaddrs(list);
    CHECK(loopback == 2 && others >= 0);
}

int main(void)
{
    static const int families[] = {AF_INET, AF_INET6};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < 2; i++) {
        printf("# family %d\n", i);
        select_server(families[i], 7502);
        poll_server(families[i], 7503);
        nonblocking_connect(families[i], 7504);
        addresses(families[i], 7505);
        half_closed(families[i], 7506);
        without_waiting(families[i], 7507);
        time_limits(families[i], 7508);
        unconnected(families[i]);
        options(families[i]);
        datagrams(families[i], 7520);
        peers(families[i], 7521);
    }
    dual(7509);
    names();
    interfaces();
    return tap_end();
}
