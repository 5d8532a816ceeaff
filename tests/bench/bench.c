/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/cloudabi_syscalls.h"

uint64_t bench_now(void)
{
    cloudabi_timestamp_t now = 0;
    cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_MONOTONIC, 0, &now);
    return now;
}

void bench_check(int error, const char *what)
{
    if (error == 0)
        return;
    printf("# %s: error %d\n", what, error);
    exit(1);
}

void bench_run(const struct bench *benches, unsigned count, const char *only)
{
    for (unsigned i = 0; i < count; i++) {
        const struct bench *bench = &benches[i];
        if (only != NULL && strcmp(only, bench->name) != 0)
            continue;
        if (bench->setup != NULL)
            bench->setup();
        bench->run(bench->rounds / 10 + 1); /* warm up */
        uint64_t start = bench_now();
        bench->run(bench->rounds);
        uint64_t time = bench_now() - start;
        printf("%-28s %8llu", bench->name, (unsigned long long)(time / bench->rounds));
        if (bench->asked != 0)
            printf("  asked %6u", bench->asked);
        printf("\n");
        fflush(stdout);
    }
}
