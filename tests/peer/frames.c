/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many system calls the network service makes for how many frames, while it moves many bytes in either direction
 * (tests/scenario/test_frames.py). The frames are those of if/eth0/stats, the calls those of the service's trace.
 *
 *   frames PORT     with the peer at 10.0.2.2:PORT as tests/bench/beside_net.c has it
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tessera/grants.h>

#define HOST  "10.0.2.2"
#define PIECE 65536
#define BYTES (16 << 20)

static char buffer[PIECE];
static atomic_ulong calls;

static void must(int ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(1);
}

static int open_at(int dir, const char *path)
{
    int fd = openat(dir, path, O_RDONLY);
    must(fd >= 0, path);
    return fd;
}

/* The trace of the one process of the service. */
static int open_trace(void)
{
    char path[300] = "";
    DIR *procs = fdopendir(open_at(grant_fd("jobs"), "net/procs"));
    must(procs != NULL, "net/procs");
    for (struct dirent *entry; (entry = readdir(procs)) != NULL;)
        if (strlen(entry->d_name) == 36)
            snprintf(path, sizeof(path), "%s/trace", entry->d_name);
    return open_at(dirfd(procs), path);
}

/* A line is a call, or `lost N` of them. */
static void *count_calls(void *unused)
{
    char *line = NULL;
    size_t room = 0;
    FILE *trace = fdopen(open_trace(), "r");
    (void)unused;
    must(trace != NULL, "trace");
    atomic_store(&calls, 1);
    while (getline(&line, &room, trace) > 0) {
        unsigned long lost;
        atomic_fetch_add(&calls, sscanf(line, "lost %lu", &lost) == 1 ? lost : 1);
    }
    return NULL;
}

static unsigned long frames(void)
{
    char text[1024];
    unsigned long received, sent;
    int fd = open_at(grant_fd("net"), "if/eth0/stats");
    ssize_t length = read(fd, text, sizeof(text) - 1);
    must(length > 0, "stats");
    close(fd);
    text[length] = '\0';
    const char *first = strstr(text, "received "), *second = strstr(text, "\nsent ");
    must(first != NULL && second != NULL, "stats");
    received = strtoul(first + 9, NULL, 10);
    sent = strtoul(second + 6, NULL, 10);
    return received + sent;
}

static int call(const char *port, char what)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd;
    inet_pton(AF_INET, HOST, &address.sin_addr);
    for (;;) { /* until there is a lease */
        fd = socket(AF_INET, SOCK_STREAM, 0);
        must(fd >= 0, "socket");
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            break;
        must(errno == ENETUNREACH, "connect");
        close(fd);
        usleep(10000);
    }
    must(write(fd, &what, 1) == 1, "write");
    return fd;
}

static void move(const char *name, int fd, int out)
{
    unsigned long frames_before = frames(), calls_before = atomic_load(&calls);
    for (int left = BYTES; left > 0;) {
        ssize_t n = out ? write(fd, buffer, PIECE) : read(fd, buffer, PIECE);
        must(n > 0, name);
        left -= (int)n;
    }
    unsigned long moved = frames() - frames_before;
    printf("%s: %lu frames, %lu calls\n", name, moved, atomic_load(&calls) - calls_before);
    close(fd);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    must(argc == 2, "which port");
    must(pthread_create(&thread, NULL, count_calls, NULL) == 0, "thread");
    while (atomic_load(&calls) == 0)
        usleep(1000);
    move("out", call(argv[1], 'o'), 1);
    move("in", call(argv[1], 'i'), 0);
    return 0;
}
