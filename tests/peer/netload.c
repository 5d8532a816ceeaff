/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many connections at once, with BSD sockets alone (tests/scenario/test_load.py).
 *
 *   netload serve           one process that listens on the ports below and says so
 *   netload exhaust LIMIT   connects to port 9 of 127.0.0.1 until that fails; then what it says goes, TAP
 *   netload fast MS         a connection to itself that is kept busy for so long: "rate N"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 1900
#define PIECE       4096

enum port {
    ECHO = 7,    /* sends back what it gets */
    DISCARD = 9, /* reads and forgets */
    HOLD = 10,   /* never reads */
    DROP = 11,   /* who connects here makes HOLD close all that it has */
    SOURCE = 19, /* sends without end */
    FAST = 20    /* for `fast` itself */
};

static const uint16_t ports[] = {ECHO, DISCARD, HOLD, DROP, SOURCE};
#define PORTS (sizeof(ports) / sizeof(ports[0]))

struct client {
    int fd;
    enum port port;
    size_t pending; /* bytes of `bytes` that the peer has not taken yet */
    char *bytes;
};

static struct client clients[CLIENTS_MAX];
static size_t client_count;
static int listeners[PORTS];
static struct pollfd entries[PORTS + CLIENTS_MAX];

static int listen_at(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 64) != 0) {
        perror("netload: listen");
        exit(1);
    }
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void drop(size_t i)
{
    close(clients[i].fd);
    free(clients[i].bytes);
    clients[i] = clients[--client_count];
}

static void drop_held(void)
{
    for (size_t i = client_count; i-- > 0;)
        if (clients[i].port == HOLD)
            drop(i);
}

/* False: nobody waits. */
static bool take(size_t which)
{
    int fd = accept(listeners[which], NULL, NULL);
    if (fd < 0 && errno == EAGAIN)
        return false;
    if (fd < 0) {
        perror("netload: accept");
        exit(1); /* the service has ended: a fresh listener is needed */
    }
    char *bytes = client_count < CLIENTS_MAX ? malloc(PIECE) : NULL;
    if (ports[which] == DROP)
        drop_held();
    if (bytes == NULL || ports[which] == DROP) {
        free(bytes);
        close(fd);
        return true;
    }
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    clients[client_count++] = (struct client){.fd = fd, .port = ports[which], .bytes = bytes};
    return true;
}

static short wanted(const struct client *client)
{
    return client->pending > 0 || client->port == SOURCE ? POLLOUT : POLLIN;
}

/* False: it is over. */
static bool send_pending(struct client *client)
{
    ssize_t n = send(client->fd, client->bytes, client->pending, 0);
    if (n < 0)
        return errno == EAGAIN;
    client->pending -= (size_t)n;
    memmove(client->bytes, client->bytes + n, client->pending);
    return true;
}

static bool serve_one(struct client *client)
{
    if (client->port == SOURCE)
        client->pending = PIECE;
    if (client->pending == 0) {
        ssize_t n = recv(client->fd, client->bytes, PIECE, 0);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        if (client->port == ECHO)
            client->pending = (size_t)n;
    }
    return client->pending == 0 || send_pending(client);
}

static void serve_round(void)
{
    size_t count = 0;
    for (size_t i = 0; i < PORTS; i++)
        entries[count++] = (struct pollfd){.fd = listeners[i], .events = POLLIN};
    for (size_t i = 0; i < client_count; i++)
        entries[count++] = (struct pollfd){.fd = clients[i].port == HOLD ? -1 : clients[i].fd,
                                           .events = wanted(&clients[i])};
    if (poll(entries, (nfds_t)count, -1) < 0) {
        perror("netload: poll");
        exit(1);
    }
    /* From the last on: one that goes is replaced by the last, which has been looked at. */
    for (size_t i = count - PORTS; i-- > 0;)
        if (entries[PORTS + i].revents != 0 && clients[i].port != HOLD && !serve_one(&clients[i]))
            drop(i);
    for (size_t i = 0; i < PORTS; i++)
        if (entries[i].revents != 0)
            while (take(i))
                continue;
}

static int serve(void)
{
    for (size_t i = 0; i < PORTS; i++)
        listeners[i] = listen_at(ports[i]);
    printf("netload: listening\n");
    fflush(stdout);
    for (;;)
        serve_round();
}

/* --- inside ------------------------------------------------------------------------------------ */

static int call(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

static bool check(unsigned number, bool fine, const char *what)
{
    printf("%sok %u - %s\n", fine ? "" : "not ", number, what);
    fflush(stdout);
    return fine;
}

/* The other side has to close, too, before a port is free: that takes it a moment. */
static int call_again(uint16_t port)
{
    struct timespec moment = {.tv_nsec = 1000000};
    int fd = call(port);
    for (unsigned tries = 0; fd < 0 && errno == EADDRNOTAVAIL && tries < 5000; tries++) {
        nanosleep(&moment, NULL);
        fd = call(port);
    }
    return fd;
}

static int exhaust(unsigned limit)
{
    int *fds = calloc(limit + 1, sizeof(*fds)), other;
    unsigned count = 0;
    bool fine = true;
    while (count <= limit && (fds[count] = call(DISCARD)) >= 0)
        count++;
    printf("# %u connections, then errno %d\n", count, errno);
    fine &= check(1, count == limit && errno == EADDRNOTAVAIL,
                  "as many as there are ports, then EADDRNOTAVAIL");
    other = call(ECHO);
    fine &= check(2, other >= 0, "another destination can be reached");
    close(other);
    close(fds[0]);
    fds[0] = call_again(DISCARD);
    fine &= check(3, fds[0] >= 0, "a port that was closed can be used again");
    fine &= check(4, call(DISCARD) < 0 && errno == EADDRNOTAVAIL, "and there is one only");
    for (unsigned i = 0; i < count; i++)
        close(fds[i]);
    for (unsigned round = 0; round < 3 * limit; round++) { /* through TIME_WAIT, again and again */
        int fd = call_again(DISCARD);
        if (fd < 0) {
            fine &= check(5, false, "all can be used again");
            return 1;
        }
        close(fd);
    }
    fine &= check(5, true, "all can be used again");
    printf("1..5\n");
    return fine ? 0 : 1;
}

static uint64_t microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void *read_all(void *listener)
{
    static char piece[65536];
    int fd = accept(*(int *)listener, NULL, NULL);
    while (fd >= 0 && recv(fd, piece, sizeof(piece), 0) > 0)
        continue;
    return NULL;
}

/* What it carries is compared with what the processor does meanwhile: the host has others to serve. */
#define SLICE 4000 /* microseconds */
#define SPINS 500000

static int fast(unsigned duration)
{
    static char piece[65536];
    pthread_t reader;
    int listener = listen_at(FAST);
    (void)fcntl(listener, F_SETFL, 0);
    if (pthread_create(&reader, NULL, read_all, &listener) != 0)
        return 1;
    int fd = call(FAST);
    if (fd < 0) {
        perror("netload: connect");
        return 1;
    }
    uint64_t begin = microseconds(), sending = 0, spinning = 0, spins = 0, sent = 0;
    while (sending + spinning < duration * 1000u) {
        do {
            ssize_t n = send(fd, piece, sizeof(piece), 0);
            if (n <= 0) {
                perror("netload: send");
                return 1;
            }
            sent += (uint64_t)n;
        } while (microseconds() - begin < SLICE);
        uint64_t middle = microseconds();
        for (volatile unsigned i = 0; i < SPINS; i++)
            continue;
        uint64_t end = microseconds();
        sending += middle - begin;
        spinning += end - middle;
        spins += SPINS;
        begin = end;
    }
    printf("rate %llu, %llu KiB/s\n",
           (unsigned long long)(sent * 1000 / sending * spinning / (spins / 1000)),
           (unsigned long long)(sent * 1000 / 1024 * 1000 / sending));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "serve") == 0)
        return serve();
    if (argc == 3 && strcmp(argv[1], "exhaust") == 0)
        return exhaust((unsigned)atoi(argv[2]));
    if (argc == 3 && strcmp(argv[1], "fast") == 0)
        return fast((unsigned)atoi(argv[2]));
    return 2;
}
