/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a conformance test is written.
 *
 *     TEST(file_open, ENOENT, "a name that is missing")
 *     {
 *         REFUSED(open_file(dir, "none", 0, &fd));
 *     }
 *
 * A test belongs to a call and to one error of it, or to OK for what the call does when it works. The build
 * compares the declared pairs with the definition and fails if a listed error has no test. TEST_ROWS is the same
 * body for several rows of a table; DESCRIBE says what the row is.
 *
 * Each test runs in a process of its own with an empty directory `dir`, so it needs no cleaning up, may die,
 * and may change everything. The first check that fails ends it. A test of an error in which no REFUSED was
 * reached is a failure: it has not seen its error.
 */
#ifndef TESTS_CONFORMANCE_SUITE_H
#define TESTS_CONFORMANCE_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "abi/cloudabi_syscalls.h"

#define CLOUDABI_OK CLOUDABI_ESUCCESS

struct test {
    const char *name; /* "@pair CALL ERROR": also read by check.py from the program */
    const char *what;
    cloudabi_errno_t error;
    unsigned rows;
    void (*run)(unsigned row);
    struct test *next;
};

/* In the order of the calls' names, then as declared. */
void suite_register(struct test *test);

#define TEST_NAMED(id, pair, error_, what_, rows_)                               \
    static void run_##id(unsigned row);                                          \
    static struct test test_##id = {pair, what_, error_, rows_, run_##id, NULL}; \
    __attribute__((constructor)) static void register_##id(void)                 \
    {                                                                            \
        suite_register(&test_##id);                                              \
    }                                                                            \
    static void run_##id(__attribute__((unused)) unsigned row)
#define TEST_PASTE(id, pair, error_, what_, rows_) TEST_NAMED(id, pair, error_, what_, rows_)
#define TEST_ROWS(call, error, what, rows) \
    TEST_PASTE(__COUNTER__, "@pair " #call " " #error, CLOUDABI_##error, what, rows)
#define TEST(call, error, what) TEST_ROWS(call, error, what, 1)

/* What the running test has: an empty directory with all rights, and what it is about. */
extern cloudabi_fd_t dir;
extern cloudabi_errno_t wanted;
extern const struct test *running;

/* --- checks ------------------------------------------------------------------------------------- */

#define CHECK(condition) check_true((condition), #condition, __FILE__, __LINE__)
/* The call returns this error; 0 for OK. */
#define RETURNS(call, error) check_error((call), (error), #call, __FILE__, __LINE__)
#define OK(call)             RETURNS(call, 0)
/* The call returns the error that the test has declared. */
#define REFUSED(call) check_refused((call), #call, __FILE__, __LINE__)
/* The test can not be done here. */
#define SKIP(reason) test_skip(reason)
#define ROWS(table)  (sizeof(table) / sizeof((table)[0]))

void check_true(bool good, const char *text, const char *file, int line);
void check_error(cloudabi_errno_t got, cloudabi_errno_t want, const char *text, const char *file,
                 int line);
void check_refused(cloudabi_errno_t got, const char *text, const char *file, int line);
_Noreturn void test_skip(const char *reason);
void test_describe(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define DESCRIBE(...) test_describe(__VA_ARGS__)

/* Ends a helper process of the test quietly; checks work in it as in the test itself. */
_Noreturn void child_exit(uint32_t code);

/* --- shortage: errors that do not happen by themselves ------------------------------------------ */

/* The Nth allocation of this process from now on fails; 0 ends that. Skips where there is no way to do so. */
void shortage(unsigned n);
/* CALL with each of its first allocations failing in turn; UNDO after each success. All failures must be of
 * the kinds that mean shortage, and the declared error must be among them. */
#define SHORTAGE(call, undo) SHORTAGE_ELSE(call, undo, CHECK(seen_))
/* The same for what may do without: ELSE is done if nothing failed. */
#define SHORTAGE_ELSE(call, undo, otherwise)    \
    do {                                        \
        bool seen_ = false;                     \
        for (unsigned n_ = 1; n_ <= 16; n_++) { \
            shortage(n_);                       \
            cloudabi_errno_t error_ = (call);   \
            shortage(0);                        \
            if (error_ == 0) {                  \
                undo;                           \
            } else if (error_ == wanted) {      \
                seen_ = true;                   \
                REFUSED(error_);                \
            } else {                            \
                CHECK(means_shortage(error_));  \
            }                                   \
        }                                       \
        if (!seen_)                             \
            otherwise;                          \
    } while (0)
bool means_shortage(cloudabi_errno_t error);

/* --- names ---------------------------------------------------------------------------------------- */

const char *errno_name(cloudabi_errno_t error);

#endif
