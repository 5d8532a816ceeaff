/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two TCP ends that check each other, with BSD sockets alone: the same source runs here and in a Linux guest at
 * the other end of a bad cable (tests/scenario/test_peer.py).
 *
 *   peer serve PORT                       answers one connection after the other until one says QUIT
 *   peer call ADDRESS PORT KIB            goes through all exercises as the client; TAP
 *
 * A connection begins with what the client wants: an exercise and a length.  Bytes are a sequence of numbers that
 * both know.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum exercise {
    QUIT,
    UPLOAD,       /* the client sends, then reads the server's judgement */
    DOWNLOAD,     /* the server sends */
    HALF_CLOSE,   /* the client sends and shuts down; the server sends as much back after the end */
    RESET,        /* the server resets the connection */
    ZERO_WINDOW,  /* the server does not read for a while */
    SIMULTANEOUS, /* both close at the same time, several times over */
    EXERCISES
};

struct wish {
    uint32_t exercise, length; /* both ends are little-endian */
};

static const char *const names[EXERCISES] = {
    "quit", "upload", "download", "half-close", "reset", "zero window", "simultaneous close"};

static uint32_t next_number(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#define PIECE 16384u

static void fill(uint32_t *numbers, uint32_t *state)
{
    for (unsigned i = 0; i < PIECE / 4; i++)
        numbers[i] = next_number(state);
}

/* LENGTH is a multiple of PIECE. */
static bool send_all(int fd, const void *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = send(fd, (const char *)bytes + done, len - done, 0);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool read_all(int fd, void *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = recv(fd, (char *)bytes + done, len - done, 0);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool send_numbers(int fd, uint32_t length)
{
    static uint32_t numbers[PIECE / 4];
    uint32_t state = 2463534242u;
    for (uint32_t done = 0; done < length; done += PIECE) {
        fill(numbers, &state);
        if (!send_all(fd, numbers, PIECE))
            return false;
    }
    return true;
}

static bool read_numbers(int fd, uint32_t length)
{
    static uint32_t numbers[PIECE / 4], got[PIECE / 4];
    uint32_t state = 2463534242u;
    for (uint32_t done = 0; done < length; done += PIECE) {
        fill(numbers, &state);
        if (!read_all(fd, got, PIECE) || memcmp(numbers, got, PIECE) != 0)
            return false;
    }
    return true;
}

static bool at_end(int fd)
{
    char byte;
    return recv(fd, &byte, 1, 0) == 0;
}

static bool say(int fd, uint32_t word)
{
    return send_all(fd, &word, sizeof(word));
}

static bool hear(int fd, uint32_t expected)
{
    uint32_t word = 0;
    return read_all(fd, &word, sizeof(word)) && word == expected;
}

/* --- the server --------------------------------------------------------------------------------- */

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void serve(int fd, const struct wish *wish)
{
    switch (wish->exercise) {
    case ZERO_WINDOW:
        sleep(4);
        (void)say(fd, read_numbers(fd, wish->length));
        break;
    case UPLOAD:
        (void)say(fd, read_numbers(fd, wish->length));
        break;
    case DOWNLOAD:
        (void)send_numbers(fd, wish->length);
        break;
    case HALF_CLOSE:
        if (read_numbers(fd, wish->length) && at_end(fd))
            (void)send_numbers(fd, wish->length);
        break;
    case RESET:
        reset(fd);
        break;
    default:
        (void)say(fd, 1);
        break;
    }
}

static int listen_at(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 16) != 0) {
        perror("peer: listen");
        exit(1);
    }
    return fd;
}

static int serve_all(uint16_t port)
{
    int listener = listen_at(port);
    printf("peer: listening\n");
    fflush(stdout);
    for (;;) {
        struct wish wish;
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return 1;
        bool known = read_all(fd, &wish, sizeof(wish)) && wish.exercise < EXERCISES;
        if (known)
            serve(fd, &wish);
        close(fd);
        if (known && wish.exercise == QUIT)
            return 0;
    }
}

/* --- the client ----------------------------------------------------------------------------------- */

static struct sockaddr_in server;

static int call(enum exercise exercise, uint32_t length)
{
    struct wish wish = {exercise, length};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    for (unsigned tries = 0; connect(fd, (struct sockaddr *)&server, sizeof(server)) != 0;
         tries++) {
        close(fd);
        if (tries == 30)
            return -1; /* it, or the address, is not there */
        sleep(1);
        fd = socket(AF_INET, SOCK_STREAM, 0);
    }
    return send_all(fd, &wish, sizeof(wish)) ? fd : -1;
}

static bool exercise_one(enum exercise exercise, uint32_t length)
{
    int fd = call(exercise, length);
    char byte;
    if (fd < 0)
        return false;
    bool fine = false;
    switch (exercise) {
    case UPLOAD:
    case ZERO_WINDOW:
        fine = send_numbers(fd, length) && hear(fd, 1) && at_end(fd);
        break;
    case DOWNLOAD:
        fine = read_numbers(fd, length) && at_end(fd);
        break;
    case HALF_CLOSE:
        fine = send_numbers(fd, length) && shutdown(fd, SHUT_WR) == 0 && read_numbers(fd, length) &&
               at_end(fd);
        break;
    case RESET:
        errno = 0;
        fine = recv(fd, &byte, 1, 0) < 0 && errno == ECONNRESET;
        break;
    default:
        fine = true; /* without reading: both ends close */
        break;
    }
    close(fd);
    return fine;
}

/* What is about an end or a window needs no more than this. */
#define ENOUGH (1024u * 1024)

static bool exercise_all(enum exercise exercise, uint32_t length)
{
    unsigned rounds = exercise == SIMULTANEOUS ? 20 : 1;
    if (exercise != UPLOAD && exercise != DOWNLOAD && length > ENOUGH)
        length = ENOUGH;
    while (rounds-- > 0)
        if (!exercise_one(exercise, length))
            return false;
    return true;
}

static int call_all(uint32_t length)
{
    unsigned failed = 0;
    for (unsigned i = UPLOAD; i < EXERCISES; i++) {
        time_t begin = time(NULL);
        bool fine = exercise_all((enum exercise)i, length);
        printf("%sok %u - %s # %u s\n", fine ? "" : "not ", i, names[i],
               (unsigned)(time(NULL) - begin));
        fflush(stdout);
        failed += !fine;
    }
    printf("1..%u\n", EXERCISES - 1);
    (void)exercise_one(QUIT, 0);
    return failed != 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return serve_all((uint16_t)atoi(argv[2]));
    if (argc != 5 || strcmp(argv[1], "call") != 0)
        return 2;
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(argv[3]));
    server.sin_addr.s_addr = inet_addr(argv[2]);
    return call_all((uint32_t)atoi(argv[4]) << 10);
}
