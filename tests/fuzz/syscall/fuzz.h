/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fuzzer of system calls that runs inside the system.
 *
 * main.c is the supervisor: it starts worker processes, replaces those that die or have had their time, and
 * looks at the end whether everything was returned. worker.c is a worker: some objects, and threads that make
 * calls. values.c makes arguments, calls.c knows which call takes which.
 *
 * What thread T of worker W does depends on the seed, W, T and what the system answered, so a seed repeats the same
 * choices; with one thread and one worker they are the same calls.
 */
#ifndef TESTS_FUZZ_SYSCALL_FUZZ_H
#define TESTS_FUZZ_SYSCALL_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/guest/call.h"

#define CALLS   49u
#define PAGE    4096u
#define THREADS 8u /* at most in a worker */

/* Shared with all workers; they may scribble on it, so it is only told, not believed. */
struct statistics {
    _Atomic uint64_t made[CALLS + 1], failed[CALLS + 1]; /* the last: raw system calls */
};
extern struct statistics *statistics;

/* --- values.c ------------------------------------------------------------------------------------- */

struct random {
    uint64_t state;
};

uint64_t random_next(struct random *random);
/* Below N. */
static inline uint64_t below(struct random *random, uint64_t n)
{
    return random_next(random) % n;
}
/* Once in N times. */
static inline bool once_in(struct random *random, uint64_t n)
{
    return below(random, n) == 0;
}

/* Makes the memory from which arguments are taken. */
void values_init(void);
uint64_t any_number(struct random *random);
uint64_t any_length(struct random *random);
uint64_t any_pointer(struct random *random);
uint64_t any_flags(struct random *random);
uint64_t any_fd(struct random *random);
/* A page that may be mapped in any way, or not at all. */
void *any_page(struct random *random);
/* Memory that can be written, of LEN bytes (at most a page), filled by the caller. */
void *good_memory(struct random *random, size_t len);
/* An address of a good structure of LEN bytes at FROM, or now and then a hostile one. */
uint64_t some_place(struct random *random, const void *from, size_t len);

/* --- calls.c --------------------------------------------------------------------------------------- */

/* One call with arguments of its kinds. True in the child if that was a fork. */
bool make_call(struct random *random);
/* The instruction itself, with anything in the registers. */
void make_raw_call(struct random *random);
const char *call_name(unsigned number);

/* What the worker has at the start, by kind: calls mostly get descriptors that fit them. */
enum kind { DIRECTORIES, FILES, SOCKETS, KINDS };
#define OF_KIND 6u
extern cloudabi_fd_t objects[KINDS][OF_KIND];

/* --- worker.c -------------------------------------------------------------------------------------- */

/* Does not return. */
_Noreturn void worker_run(uint64_t seed, cloudabi_fd_t directory, cloudabi_fd_t fault,
                          unsigned threads);
/* What a thread made by the fuzzed thread_create runs: a few calls. */
void guest_thread(cloudabi_tid_t tid, void *argument);

#endif
