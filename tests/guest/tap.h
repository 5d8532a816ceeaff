/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TAP for tests that run inside the system: each check prints one line to standard output.
 *
 *     int main(void)
 *     {
 *         CHECK(1 + 1 == 2);
 *         CHECK_ERRNO(close(-1), EBADF);
 *         return tap_end();
 *     }
 *
 * The plan is printed at the end, so a program that dies on the way is noticed by its absence.
 */
#ifndef TESTS_GUEST_TAP_H
#define TESTS_GUEST_TAP_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

/* One result; returns OK, so that a test can stop where going on makes no sense. */
static inline bool tap_ok(bool ok, const char *text, const char *file, int line)
{
    tap_count++;
    tap_failed += !ok;
    printf("%s %d - %s\n", ok ? "ok" : "not ok", tap_count, text);
    if (!ok)
        printf("# at %s:%d, errno %d (%s)\n", file, line, errno, strerror(errno));
    fflush(stdout);
    return ok;
}

/* Prints the plan; the exit status of the program. */
static inline int tap_end(void)
{
    printf("1..%d\n", tap_count);
    fflush(stdout);
    return tap_failed ? 1 : 0;
}

#define CHECK(expression) tap_ok((expression), #expression, __FILE__, __LINE__)

/* The call fails (with -1 or a null pointer's worth) and sets errno to WANTED. */
#define CHECK_ERRNO(call, wanted)                                                         \
    tap_ok((errno = 0, (long)(call) == -1) && errno == (wanted), #call " gives " #wanted, \
           __FILE__, __LINE__)

/* The call returns the errno value WANTED itself (cloudabi_sys_*, pthread_*). */
#define CHECK_RETURNS(call, wanted) \
    tap_ok((errno = (call)) == (wanted), #call " returns " #wanted, __FILE__, __LINE__)

#endif
