/* SPDX-License-Identifier: BSD-2-Clause */
/* A tiny frame for measuring: a named function that does something N times; printed as nanoseconds (under
 * `tools/vm exec --icount`: instructions) for each time, with what is asked for. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdint.h>

struct bench {
    const char *name;
    void (*run)(unsigned rounds);
    unsigned rounds;
    void (*setup)(void); /* may be NULL */
    unsigned asked;      /* the number to stay below, in instructions; 0: none */
};

uint64_t bench_now(void);
void bench_run(const struct bench *benches, unsigned count, const char *only);
void bench_check(int error, const char *what); /* ends the program when ERROR is not 0 */

#endif
