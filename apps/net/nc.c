/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nc [-u] HOST PORT: connects; nc -l [ADDRESS] PORT: waits for one connection; nc -l -u [ADDRESS] PORT: shows
 * datagrams. What comes is copied to stdout, what is on stdin is sent; the end of stdin ends the sending side
 * only. Needs: net, stdout, stdin if there is something to send; with a grant `listener` (a listener of the
 * network directory) `nc -l` uses that and needs no `net`.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tessera/grants.h>

static struct {
    bool listen, datagram;
} options;

static int fail(const char *what)
{
    fprintf(stderr, "nc: %s: %s\n", what, strerror(errno));
    return -1;
}

static int try_address(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, info->ai_socktype, 0);
    if (fd < 0)
        return -1;
    int failed = options.listen ? bind(fd, info->ai_addr, info->ai_addrlen)
                                : connect(fd, info->ai_addr, info->ai_addrlen);
    if (failed == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* A socket that is connected, or bound. */
static int open_socket(const char *host, const char *port)
{
    /* Without an address it listens at those of both families. */
    const struct addrinfo hints = {.ai_family = host == NULL ? AF_INET6 : AF_UNSPEC,
                                   .ai_socktype = options.datagram ? SOCK_DGRAM : SOCK_STREAM,
                                   .ai_flags = options.listen ? AI_PASSIVE : 0};
    struct addrinfo *list;
    int fd = -1;
    int error = getaddrinfo(host, port, &hints, &list);
    if (error != 0) {
        fprintf(stderr, "nc: %s: %s\n", host != NULL ? host : port,
                error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
        return -1;
    }
    for (const struct addrinfo *i = list; i != NULL && fd < 0; i = i->ai_next)
        fd = try_address(i);
    freeaddrinfo(list);
    return fd < 0 ? fail(host != NULL ? host : port) : fd;
}

static int accept_one(int listener)
{
    int fd = accept(listener, NULL, NULL);
    int saved = errno;
    close(listener);
    errno = saved;
    return fd < 0 ? fail("accept") : fd;
}

static bool copy_all(int to, const char *bytes, ssize_t count)
{
    while (count > 0) {
        ssize_t done = write(to, bytes, (size_t)count);
        if (done < 0)
            return fail("write") == 0;
        bytes += done;
        count -= done;
    }
    return true;
}

/* One piece from one side to the other. False at its end. */
static bool copy_piece(int from, int to)
{
    static char bytes[16384];
    ssize_t got = read(from, bytes, sizeof(bytes));
    if (got < 0)
        (void)fail("read");
    return got > 0 && copy_all(to, bytes, got);
}

static int copy_both(int fd)
{
    struct pollfd entries[2] = {{.fd = fd, .events = POLLIN},
                                {.fd = grant_fd("stdin") < 0 ? -1 : 0, .events = POLLIN}};
    for (;;) {
        if (poll(entries, 2, -1) < 0)
            return fail("poll") != 0;
        if (entries[1].revents != 0 && !copy_piece(0, fd)) {
            shutdown(fd, SHUT_WR);
            entries[1].fd = -1;
        }
        if (entries[0].revents != 0 && !copy_piece(fd, 1))
            return 0;
    }
}

/* Datagrams from anybody; they are not answered. */
static int show_datagrams(int fd)
{
    static char bytes[65536];
    for (;;) {
        struct sockaddr_storage peer;
        socklen_t length = sizeof(peer);
        ssize_t got = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&peer, &length);
        if (got < 0)
            return fail("receive") != 0;
        if (!copy_all(1, bytes, got))
            return 1;
    }
}

int main(int argc, char **argv)
{
    int option, fd = -1;
    while ((option = getopt(argc, argv, "lu")) != -1) {
        options.listen |= option == 'l';
        options.datagram |= option == 'u';
    }
    int left = argc - optind;
    int granted = options.listen ? grant_fd("listener") : -1;
    if (granted < 0 && (left > 2 || left < (options.listen ? 1 : 2))) {
        fprintf(stderr, "usage: nc [-u] HOST PORT | nc -l [-u] [ADDRESS] PORT\n");
        return 2;
    }
    if (granted >= 0)
        fd = granted;
    else
        fd = open_socket(left == 2 ? argv[optind] : NULL, argv[argc - 1]);
    if (fd >= 0 && options.listen && options.datagram)
        return show_datagrams(fd);
    if (fd >= 0 && options.listen)
        fd = granted < 0 && listen(fd, 1) < 0 ? fail("listen") : accept_one(fd);
    return fd < 0 ? 1 : copy_both(fd);
}
