/* SPDX-License-Identifier: BSD-2-Clause */
/* BSD sockets over the network directory, on its loopback addresses. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/guest/tap.h"

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int listener(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;

    CHECK(fd >= 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(listen(fd, 5) == 0);
    return fd;
}

static void streams(void)
{
    struct sockaddr_in address = loopback(7100);
    struct sockaddr_in peer;
    struct sockaddr_in name;
    socklen_t len = sizeof(peer);
    char text[64];
    int one = 1;
    int server = listener(7100);
    int client = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK_ERRNO(connect(client, (struct sockaddr *)&address, sizeof(address)), EISCONN);
    struct pollfd p = {.fd = server, .events = POLLIN};
    CHECK(poll(&p, 1, 5000) == 1 && p.revents == POLLIN);
    int accepted = accept(server, (struct sockaddr *)&peer, &len);
    if (!CHECK(accepted >= 0))
        return;
    CHECK(len == sizeof(peer) && peer.sin_family == AF_INET &&
          peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    len = sizeof(name);
    CHECK(getsockname(client, (struct sockaddr *)&name, &len) == 0 &&
          name.sin_port == peer.sin_port);
    CHECK(getpeername(client, (struct sockaddr *)&name, &len) == 0 && name.sin_port == htons(7100));
    CHECK(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
    CHECK(setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) == 0);
    CHECK(send(client, "request", 7, 0) == 7);
    CHECK(recv(accepted, text, sizeof(text), 0) == 7 && memcmp(text, "request", 7) == 0);
    CHECK(write(accepted, "answer", 6) == 6);
    CHECK(read(client, text, sizeof(text)) == 6);
    CHECK(shutdown(client, SHUT_WR) == 0 && read(accepted, text, 1) == 0);
    CHECK(close(accepted) == 0 && read(client, text, 1) == 0 && close(client) == 0);
    CHECK(close(server) == 0);
    client = socket(AF_INET, SOCK_STREAM, 0);
    address = loopback(7101);
    CHECK_ERRNO(connect(client, (struct sockaddr *)&address, sizeof(address)), ECONNREFUSED);
    CHECK(close(client) == 0);
}

/* A connection that is made without waiting: writable when it is settled. */
static void nonblocking(void)
{
    struct sockaddr_in address = loopback(7102);
    int server = listener(7102);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int error = -1;
    socklen_t len = sizeof(error);

    CHECK((fcntl(client, F_GETFL) & O_NONBLOCK) != 0);
    CHECK_ERRNO(connect(client, (struct sockaddr *)&address, sizeof(address)), EINPROGRESS);
    struct pollfd p = {.fd = client, .events = POLLOUT};
    CHECK(poll(&p, 1, 5000) == 1 && (p.revents & POLLOUT) != 0);
    CHECK(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0);
    CHECK(close(client) == 0 && close(server) == 0);
}

static void datagrams(void)
{
    struct sockaddr_in address = loopback(7103);
    struct sockaddr_in from = {0};
    socklen_t len = sizeof(from);
    char text[64];
    int server = socket(AF_INET, SOCK_DGRAM, 0);
    int client = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK(bind(server, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(send(client, "ping", 4, 0) == 4);
    CHECK(recvfrom(server, text, sizeof(text), 0, (struct sockaddr *)&from, &len) == 4 &&
          memcmp(text, "ping", 4) == 0);
    CHECK(from.sin_family == AF_INET && from.sin_port != 0);
    CHECK(sendto(server, "pong!", 5, 0, (struct sockaddr *)&from, len) == 5);
    CHECK(recv(client, text, sizeof(text), 0) == 5);
    CHECK(close(client) == 0 && close(server) == 0);
}

static void names(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *list = NULL;
    char host[64];
    char service[16];

    CHECK(getaddrinfo("127.0.0.1", "80", &hints, &list) == 0 && list->ai_family == AF_INET);
    CHECK(getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof(host), service, sizeof(service),
                      0) == 0 &&
          strcmp(host, "127.0.0.1") == 0 && strcmp(service, "80") == 0);
    freeaddrinfo(list);
    CHECK(getaddrinfo("fe80::1", "80", &hints, &list) == 0 && list->ai_family == AF_INET6);
    freeaddrinfo(list);
    CHECK(getaddrinfo("no address", "80", &hints, &list) == EAI_NONAME);
    CHECK(getaddrinfo("127.0.0.1", "nonsense", &hints, &list) == EAI_SERVICE);
    CHECK(getaddrinfo("127.0.0.1", "http", &hints, &list) == 0 &&
          ((struct sockaddr_in *)list->ai_addr)->sin_port == htons(80));
    freeaddrinfo(list);
    CHECK(getaddrinfo("localhost", "80", NULL, &list) == 0 && list->ai_next != NULL);
    freeaddrinfo(list);
    struct hostent *entry = gethostbyname("localhost");
    CHECK(entry != NULL && entry->h_length == 4 && entry->h_addr_list[1] == NULL &&
          memcmp(entry->h_addr, "\x7f\0\0\1", 4) == 0);
    CHECK(gethostbyname("no such name") == NULL && h_errno == HOST_NOT_FOUND);
    struct servent *port = getservbyname("domain", "udp");
    CHECK(port != NULL && port->s_port == htons(53) && strcmp(port->s_proto, "udp") == 0);
    CHECK(getservbyname("http", "udp") == NULL && getservbyport(htons(443), NULL) != NULL);
    CHECK(getprotobyname("tcp")->p_proto == 6 && getprotobynumber(200) == NULL);
    CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(bind(0, (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET},
                     sizeof(struct sockaddr_in)),
                ENOTSOCK);
}

int main(void)
{
    streams();
    nonblocking();
    datagrams();
    names();
    return tap_end();
}
