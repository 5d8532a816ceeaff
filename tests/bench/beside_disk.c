/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk's file system in wall time: the same source runs here and in the Linux guest beside it (beside.py).
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "beside.h"

#define PIECE  (1u << 20)
#define PIECES 32u
#define SYNCS  64u

static char buffer[PIECE];

static void write_all(int dir)
{
    double start = now();
    int fd = openat(dir, "bench", O_RDWR | O_CREAT | O_TRUNC, 0666);
    must(fd >= 0, "create");
    for (unsigned i = 0; i < PIECES; i++)
        must(write(fd, buffer, PIECE) == PIECE, "write");
    must(fsync(fd) == 0, "fsync");
    printf("sequential write and fsync: %.1f MB/s\n", PIECES * PIECE / (now() - start) / 1e6);
    close(fd);
}

/* Nothing of the file is in memory when the time begins. */
static void read_cold(int dir)
{
    int fd = openat(dir, "bench", O_RDONLY);
    must(fd >= 0, "open");
    must(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "fadvise");
    double start = now();
    for (unsigned i = 0; i < PIECES; i++)
        must(read(fd, buffer, PIECE) == PIECE, "read");
    printf("cold sequential read: %.1f MB/s\n", PIECES * PIECE / (now() - start) / 1e6);
    close(fd);
}

static void write_small(int dir)
{
    int fd = openat(dir, "bench", O_WRONLY);
    must(fd >= 0, "open");
    double start = now();
    for (unsigned i = 0; i < SYNCS; i++)
        must(pwrite(fd, buffer, 4096, i * 65536) == 4096 && fsync(fd) == 0, "write and fsync");
    printf("4 KiB write and fsync: %.0f us\n", (now() - start) / SYNCS * 1e6);
    close(fd);
}

int main(int argc, char **argv)
{
    int dir = work_directory(argc, argv);
    for (unsigned i = 0; i < PIECE; i++)
        buffer[i] = (char)(i * 2654435761u >> 13);
    write_all(dir);
    read_cold(dir);
    write_small(dir);
    must(unlinkat(dir, "bench", 0) == 0, "unlink");
    return 0;
}
