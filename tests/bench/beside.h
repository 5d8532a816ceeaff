/* SPDX-License-Identifier: BSD-2-Clause */
/* Common parts of the programs that run here and in the Linux guest beside it (beside.py): each is one source file. */
#ifndef TESTS_BENCH_BESIDE_H
#define TESTS_BENCH_BESIDE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef __CloudABI__
#include <tessera/grants.h>
#endif

/* Seconds since some time. */
static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void must(int ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(1);
}

/* The directory to work in: the descriptor `dir` that was granted, on Linux the path in the first argument. */
static inline int work_directory(int argc, char **argv)
{
#ifdef __CloudABI__
    (void)argc, (void)argv;
    int dir = grant_fd("dir");
#else
    int dir = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
#endif
    must(dir >= 0, "directory");
    return dir;
}

#endif
