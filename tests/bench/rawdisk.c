/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk without a file system, from its first byte on, in wall time: the same source runs here, where the device was
 * granted as `disk`, and in the Linux guest beside it, with the device's path as the first argument (O_DIRECT, since
 * here nothing is cached either). A second argument `write` writes as well: the disk's content is lost.
 *
 *     tools/vm exec --disk FILE --grants tests/bench/rawdisk.yaml build/user/rawdisk [write]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __CloudABI__
#include <tessera/grants.h>
#endif

#define MIB  (1ul << 20)
#define MOST (256 * MIB)

static char memory[MIB + 4096];

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void must(int ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(1);
}

/* From the first byte to the end of the disk, or MOST bytes of it, in pieces of LEN. */
static void run(int fd, const char *what, char *buffer, size_t len, int writing, unsigned rounds)
{
    double start = now();
    size_t moved = 0;
    for (unsigned i = 0; i < rounds; i++) {
        for (off_t at = 0; (size_t)at < MOST; at += (off_t)len) {
            ssize_t n = writing ? pwrite(fd, buffer, len, at) : pread(fd, buffer, len, at);
            must(n >= 0 || (writing && at > 0), what);
            if (n > 0)
                moved += (size_t)n;
            if (n < (ssize_t)len)
                break;
        }
    }
    if (writing)
        must(fsync(fd) == 0, "fsync");
    double seconds = now() - start;
    printf("%-28s %8.1f MB/s %8.1f us each\n", what, (double)moved / seconds / 1e6,
           seconds * 1e6 * (double)len / (double)moved);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char *aligned = memory + (4096 - (size_t)memory % 4096) % 4096;
    int writing = argc > 1 && strcmp(argv[argc - 1], "write") == 0;
#ifdef __CloudABI__
    int fd = grant_fd("disk");
#else
    must(argc > 1, "the device's path");
    int fd = open(argv[1], (writing ? O_RDWR : O_RDONLY) | O_DIRECT);
#endif
    must(fd >= 0, "disk");
    memset(memory, 'x', sizeof(memory));
    run(fd, "read, 1 MiB", aligned, MIB, 0, 4);
    run(fd, "read, 128 KiB", aligned, 128 << 10, 0, 2);
    run(fd, "read, 4 KiB", aligned, 4096, 0, 1);
#ifdef __CloudABI__
    run(fd, "read, 1 MiB, not aligned", aligned + 1, MIB - 4096, 0, 2);
#endif
    if (writing)
        run(fd, "write, 1 MiB", aligned, MIB, 1, 2);
    return 0;
}
