/* SPDX-License-Identifier: BSD-2-Clause */
/* sendto and recvfrom of a program that may talk to some peers and has no port: the first is its only one. */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <tessera/grants.h>
#include <unistd.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

#define RIGHTS (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_POLL_FD_READWRITE)

static ssize_t say(int fd, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to));
}

int main(void)
{
    cloudabi_fd_t server;
    struct sockaddr_in from;
    socklen_t length = sizeof(from);
    char text[64];
    size_t done = 0;
    CHECK_RETURNS(
        open_with((cloudabi_fd_t)grant_fd("server"), "127.0.0.1!7220", 0, RIGHTS, 0, &server), 0);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_ERRNO(say(fd, 7219), EACCES);
    CHECK(say(fd, 7220) == 5);
    CHECK(get(server, text, sizeof(text), &done) == 0 && done == 29);
    CHECK(put(server, text, 29, &done) == 0);
    CHECK(recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &length) == 5);
    CHECK(from.sin_family == AF_INET && ntohs(from.sin_port) == 7220);
    CHECK(say(fd, 7220) == 5 && send(fd, "x", 1, 0) == 1);
    CHECK_ERRNO(say(fd, 7221), EISCONN);
    CHECK(close(fd) == 0);
    /* What cannot be: streams, listening, names. */
    fd = socket(AF_INET, SOCK_STREAM, 0);
    from.sin_port = htons(7220);
    CHECK_ERRNO(connect(fd, (struct sockaddr *)&from, sizeof(from)), EACCES);
    CHECK_ERRNO(bind(fd, (struct sockaddr *)&from, sizeof(from)), EACCES);
    CHECK_ERRNO(listen(fd, 1), EACCES);
    return tap_end();
}
