/* SPDX-License-Identifier: BSD-2-Clause */
/* BSD sockets over narrow parts of the network directory: what is let through, and EACCES for the rest. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/guest/tap.h"

static struct sockaddr_in at(const char *address, uint16_t port)
{
    struct sockaddr_in made = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &made.sin_addr);
    return made;
}

static int bind_to(int fd, const char *address, uint16_t port)
{
    struct sockaddr_in made = at(address, port);
    return bind(fd, (struct sockaddr *)&made, sizeof(made));
}

static int connect_to(int fd, const char *address, uint16_t port)
{
    struct sockaddr_in made = at(address, port);
    return connect(fd, (struct sockaddr *)&made, sizeof(made));
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof(value);
    return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in name = {0};
    socklen_t length = sizeof(name);
    return getsockname(fd, (struct sockaddr *)&name, &length) == 0 ? ntohs(name.sin_port) : 0;
}

static void refused(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct addrinfo *list = NULL;
    CHECK(fd >= 0);
    CHECK_ERRNO(connect_to(fd, "127.0.0.1", 80), EACCES);
    CHECK_ERRNO(connect_to(fd, "10.0.2.2", 7200), EACCES);
    CHECK_ERRNO(connect_to(fd, "127.0.0.1", 7300), EACCES);
    CHECK_ERRNO(connect_to(fd, "127.0.0.1", 7210), ECONNREFUSED);
    CHECK_ERRNO(connect_to(fd, "127.1.2.3", 7210), ENETUNREACH);
    CHECK_ERRNO(bind_to(fd, "127.0.0.1", 80), EACCES);
    CHECK_ERRNO(bind_to(fd, "0.0.0.0", 8080), EACCES);
    CHECK(close(fd) == 0);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_ERRNO(bind_to(fd, "127.0.0.1", 53), EACCES);
    CHECK_ERRNO(connect_to(fd, "127.0.0.1", 7200), EACCES);
    CHECK(close(fd) == 0);
    CHECK(getaddrinfo("www.localhost", "80", NULL, &list) == 0);
    freeaddrinfo(list);
    CHECK(getaddrinfo("example.org", "80", NULL, &list) == EAI_SYSTEM && errno == EACCES);
    CHECK(getaddrinfo("LOCALHOST", "80", NULL, &list) == EAI_SYSTEM && errno == EACCES);
}

static void ports(void)
{
    int first = socket(AF_INET, SOCK_STREAM, 0);
    int second = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind_to(first, "127.0.0.1", 7201) == 0 && port_of(first) == 7201);
    CHECK_ERRNO(bind_to(first, "127.0.0.1", 7202), EINVAL);
    CHECK_ERRNO(bind_to(second, "127.0.0.1", 7201), EADDRINUSE);
    CHECK(listen(first, 1) == 0 && option(first, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    CHECK(listen(first, 5) == 0);
    CHECK(close(first) == 0);
    CHECK(bind_to(second, "127.0.0.1", 7201) == 0 && close(second) == 0);
    /* No port of the dynamic range is granted: the directory chooses among those that are. */
    first = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind_to(first, "127.0.0.1", 0) == 0 && listen(first, 1) == 0);
    CHECK(close(first) == 0);
}

/* The service hears of a socket's end later than of the next bind. */
static bool bind_again(int type, int times)
{
    while (times-- > 0) {
        int fd = socket(AF_INET, type, 0);
        if (bind_to(fd, "127.0.0.1", 7201) != 0 || (type == SOCK_STREAM && listen(fd, 1) != 0) ||
            close(fd) != 0)
            return false;
    }
    return true;
}

static void options(int client)
{
    int one = 1;
    struct linger linger = {1, 0};
    socklen_t length = sizeof(linger);
    CHECK(option(client, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
    CHECK(option(client, SOL_SOCKET, SO_ERROR) == 0);
    CHECK(option(client, SOL_SOCKET, SO_ACCEPTCONN) == 0);
    CHECK(option(client, IPPROTO_TCP, TCP_NODELAY) == 0);
    CHECK(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
    CHECK(option(client, IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) == 0);
    CHECK(option(client, SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(client, SOL_SOCKET, SO_RCVBUF) > 0);
    CHECK(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    CHECK(getsockopt(client, SOL_SOCKET, SO_LINGER, &linger, &length) == 0 && linger.l_onoff);
    CHECK_ERRNO(setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &one, 1), EINVAL);
    CHECK_ERRNO(setsockopt(client, 12345, 1, &one, sizeof(one)), ENOPROTOOPT);
    CHECK_ERRNO(setsockopt(1000, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)), EBADF);
}

/* 1: readable, 2: writable; waits at most so long. */
static int look(int fd, int seconds)
{
    fd_set readable, writable;
    struct timeval time = {seconds, 0};
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(fd, &readable);
    FD_SET(fd, &writable);
    if (select(fd + 1, &readable, &writable, NULL, &time) < 0)
        return -1;
    return (FD_ISSET(fd, &readable) ? 1 : 0) | (FD_ISSET(fd, &writable) ? 2 : 0);
}

static void streams(void)
{
    char text[64];
    int server = socket(AF_INET, SOCK_STREAM, 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in peer;
    socklen_t length = sizeof(peer);
    CHECK_ERRNO(getpeername(client, (struct sockaddr *)&peer, &length), ENOTCONN);
    CHECK(bind_to(server, "127.0.0.1", 7203) == 0 && listen(server, 4) == 0);
    struct pollfd entry = {.fd = server, .events = POLLIN};
    CHECK(poll(&entry, 1, 0) == 0);
    CHECK(connect_to(client, "127.0.0.1", 7203) == 0);
    CHECK(poll(&entry, 1, 5000) == 1);
    int accepted = accept4(server, NULL, NULL, SOCK_NONBLOCK);
    CHECK(accepted >= 0 && (fcntl(accepted, F_GETFL) & O_NONBLOCK) != 0);
    options(client);
    CHECK(look(client, 0) == 2);
    CHECK_ERRNO(read(accepted, text, sizeof(text)), EAGAIN);
    CHECK(send(client, "one two", 7, MSG_NOSIGNAL) == 7);
    entry.fd = accepted;
    CHECK(poll(&entry, 1, 5000) == 1 && entry.revents == POLLIN);
    CHECK(recv(accepted, text, 3, MSG_PEEK) == 3 && recv(accepted, text, sizeof(text), 0) == 7);
    CHECK(send(accepted, "reply", 5, 0) == 5);
    CHECK(recv(client, text, 5, MSG_WAITALL) == 5);
    CHECK(shutdown(accepted, SHUT_WR) == 0 && read(client, text, 1) == 0);
    CHECK(look(client, 0) == 3);
    CHECK(write(client, "late", 4) == 4);
    CHECK(poll(&entry, 1, 5000) == 1 && read(accepted, text, sizeof(text)) == 4);
    /* The option from before makes the close a reset. */
    CHECK(close(client) == 0);
    CHECK(poll(&entry, 1, 5000) == 1);
    CHECK_ERRNO(read(accepted, text, 1), ECONNRESET);
    CHECK(close(accepted) == 0 && close(server) == 0);
}

static void nonblocking(void)
{
    struct pollfd entry = {.events = POLLOUT};
    entry.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    /* On this machine itself the refusal may be there at once. */
    CHECK(connect_to(entry.fd, "127.0.0.1", 7211) == -1);
    if (errno == EINPROGRESS) {
        CHECK(poll(&entry, 1, 5000) == 1 && entry.revents != 0);
        CHECK(option(entry.fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    }
    CHECK_ERRNO(connect_to(entry.fd, "127.0.0.1", 7211), ECONNREFUSED);
    CHECK(close(entry.fd) == 0);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind_to(server, "127.0.0.1", 7204) == 0 && listen(server, 4) == 0);
    CHECK_ERRNO(accept(server, NULL, NULL), EAGAIN);
    entry.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK_ERRNO(connect_to(entry.fd, "127.0.0.1", 7204), EINPROGRESS);
    CHECK(poll(&entry, 1, 5000) == 1 && entry.revents == POLLOUT);
    CHECK(option(entry.fd, SOL_SOCKET, SO_ERROR) == 0);
    CHECK_ERRNO(connect_to(entry.fd, "127.0.0.1", 7204), EISCONN);
    CHECK(close(entry.fd) == 0 && close(server) == 0);
}

static void datagrams(void)
{
    struct sockaddr_in to = at("127.0.0.1", 7205), from = {0};
    socklen_t length = sizeof(from);
    char text[16];
    int a = socket(AF_INET, SOCK_DGRAM, 0);
    int b = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(bind_to(a, "127.0.0.1", 7205) == 0 && bind_to(b, "127.0.0.1", 7206) == 0);
    CHECK(option(a, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM);
    CHECK(sendto(b, "", 0, 0, (struct sockaddr *)&to, sizeof(to)) == 0);
    CHECK(sendto(b, "abcdef", 6, 0, (struct sockaddr *)&to, sizeof(to)) == 6);
    CHECK(recvfrom(a, text, sizeof(text), 0, (struct sockaddr *)&from, &length) == 0);
    CHECK(ntohs(from.sin_port) == 7206);
    CHECK(recvfrom(a, text, 3, 0, NULL, NULL) == 3 && memcmp(text, "abc", 3) == 0);
    CHECK(look(a, 0) == 2);
    CHECK_ERRNO(listen(a, 1), EOPNOTSUPP);
    CHECK(close(a) == 0 && close(b) == 0);
}

/* What was sent before the close arrives. */
static void parting_words(void)
{
    struct sockaddr_in to = at("127.0.0.1", 7205);
    char text[16];
    int a = socket(AF_INET, SOCK_DGRAM, 0);
    int b = socket(AF_INET, SOCK_DGRAM, 0);
    bool sent = bind_to(a, "127.0.0.1", 7205) == 0 && bind_to(b, "127.0.0.1", 7206) == 0;
    for (int i = 0; i < 20; i++)
        sent &= sendto(b, &i, sizeof(i), 0, (struct sockaddr *)&to, sizeof(to)) == sizeof(i);
    CHECK(sent && close(b) == 0);
    struct pollfd entry = {.fd = a, .events = POLLIN};
    int got = 0;
    while (got < 20 && poll(&entry, 1, 5000) == 1 &&
           recvfrom(a, text, sizeof(text), 0, NULL, NULL) == sizeof(int))
        got++;
    CHECK(got == 20);
    CHECK(close(a) == 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    refused();
    ports();
    CHECK(bind_again(SOCK_STREAM, 100));
    CHECK(bind_again(SOCK_DGRAM, 100));
    streams();
    nonblocking();
    datagrams();
    parting_words();
    return tap_end();
}
