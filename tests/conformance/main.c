/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the tests: each row of each test in a child process, one TAP line each, and the table by calls at the end.
 * The child tells what it found through a page that is shared with it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "tests/conformance/call.h"
#include "tests/conformance/child.h"
#include "tests/conformance/matrix.h"
#include "tests/conformance/platform.h"
#include "tests/conformance/suite.h"
#include "tests/guest/remove.h"

#define SECOND     UINT64_C(1000000000)
#define TEST_LIMIT (30 * SECOND)
#define CALLS_MAX  64

enum verdict { UNDECIDED, PASSED, FAILED, SKIPPED };

struct report {
    _Atomic uint32_t verdict;
    _Atomic uint32_t refusals; /* REFUSED that were as wanted */
    char row[96];
    char why[256];
};

struct count {
    const char *call;
    size_t len;
    unsigned tests, passed, skipped, failed;
};

cloudabi_fd_t dir;
cloudabi_errno_t wanted;
const struct test *running;

static struct test *tests;
static struct report *report;
static struct count counts[CALLS_MAX];
static cloudabi_fd_t output, temporary, fault;
static unsigned number, matrix_rows;

/* --- registration --------------------------------------------------------------------------------- */

void suite_register(struct test *test)
{
    struct test **at = &tests;

    while (*at != NULL && strcmp((*at)->name, test->name) <= 0)
        at = &(*at)->next;
    test->next = *at;
    *at = test;
}

static const char *pair_of(const struct test *test)
{
    return test->name + sizeof("@pair ") - 1;
}

/* --- output ------------------------------------------------------------------------------------------ */

static void print(const char *format, ...)
{
    char text[600];
    size_t at = 0, done;
    va_list list;

    va_start(list, format);
    int len = vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    while (len > 0 && at < (size_t)len && put(output, text + at, (size_t)len - at, &done) == 0)
        at += done;
}

#define NAME(name, value) {value, #name},
static const struct {
    cloudabi_errno_t value;
    const char *name;
} names[] = {CLOUDABI_ALL_ERRNO(NAME)};

const char *errno_name(cloudabi_errno_t error)
{
    for (size_t i = 0; i < ROWS(names); i++)
        if (names[i].value == error)
            return names[i].name;
    return "an undefined error";
}

/* --- checks, in the processes of a test -------------------------------------------------------------- */

static _Noreturn void end(enum verdict verdict)
{
    uint32_t none = UNDECIDED;

    /* The first word counts, whichever process says it. */
    __atomic_compare_exchange_n((uint32_t *)&report->verdict, &none, verdict, false,
                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    cloudabi_sys_proc_exit(verdict == FAILED);
    __builtin_unreachable();
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

void check_true(bool good, const char *text, const char *file, int line)
{
    if (good)
        return;
    if (report->verdict == UNDECIDED)
        snprintf(report->why, sizeof(report->why), "%s:%d: %s", base_name(file), line, text);
    end(FAILED);
}

void check_error(cloudabi_errno_t got, cloudabi_errno_t want, const char *text, const char *file,
                 int line)
{
    if (got == want)
        return;
    if (report->verdict == UNDECIDED)
        snprintf(report->why, sizeof(report->why), "%s:%d: %s gives %s, not %s", base_name(file),
                 line, text, errno_name(got), errno_name(want));
    end(FAILED);
}

void check_refused(cloudabi_errno_t got, const char *text, const char *file, int line)
{
    check_error(got, wanted, text, file, line);
    report->refusals++;
}

_Noreturn void test_skip(const char *reason)
{
    snprintf(report->why, sizeof(report->why), "%s", reason);
    end(SKIPPED);
}

void test_describe(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(report->row, sizeof(report->row), format, list);
    va_end(list);
}

_Noreturn void child_exit(uint32_t code)
{
    cloudabi_sys_proc_exit(code);
    __builtin_unreachable();
}

/* --- shortage ------------------------------------------------------------------------------------------ */

void shortage(unsigned n)
{
    char text[16];
    size_t done;

    if (fault == NO_GRANT)
        SKIP("no way to inject faults");
    int len = snprintf(text, sizeof(text), "%u", n);
    /* Ending it is a write that may itself meet the fault. */
    cloudabi_errno_t error = put(fault, text, (size_t)len, &done);
    if (error != 0)
        error = put(fault, text, (size_t)len, &done);
    CHECK(error == 0);
}

bool means_shortage(cloudabi_errno_t error)
{
    return error == CLOUDABI_ENOMEM || error == CLOUDABI_ENOSPC || error == CLOUDABI_EAGAIN;
}

/* --- running --------------------------------------------------------------------------------------------- */

static struct count *count_of(const char *call)
{
    size_t len = strcspn(call, " ");

    for (size_t i = 0; i < CALLS_MAX; i++) {
        struct count *count = &counts[i];
        if (count->call == NULL)
            *count = (struct count){.call = call, .len = len};
        if (count->len == len && memcmp(count->call, call, len) == 0)
            return count;
    }
    return &counts[CALLS_MAX - 1];
}

static void run_in_child(const struct test *test, unsigned row)
{
    running = test;
    wanted = test->error;
    test->run(row);
    if (wanted != 0 && report->refusals == 0) {
        snprintf(report->why, sizeof(report->why), "the error was not seen");
        end(FAILED);
    }
    end(PASSED);
}

/* Waits for the child; what is wrong with how it ended. */
static enum verdict judge(cloudabi_fd_t process)
{
    cloudabi_subscription_t in[2] = {
        {.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE, .proc_terminate.fd = process},
        {.type = CLOUDABI_EVENTTYPE_CLOCK,
         .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = TEST_LIMIT}},
    };
    cloudabi_event_t out[2];
    size_t count = 0;
    cloudabi_errno_t error = cloudabi_sys_poll(in, out, 2, &count);

    if (error != 0 || count == 0 || out[0].type != CLOUDABI_EVENTTYPE_PROC_TERMINATE) {
        snprintf(report->why, sizeof(report->why), "no end after %u s",
                 (unsigned)(TEST_LIMIT / SECOND));
        return FAILED;
    }
    if (out[0].proc_terminate.signal != 0) {
        snprintf(report->why, sizeof(report->why), "ended by signal %u",
                 out[0].proc_terminate.signal);
        return FAILED;
    }
    if (report->verdict == UNDECIDED) {
        snprintf(report->why, sizeof(report->why), "ended early with %u",
                 (unsigned)out[0].proc_terminate.exitcode);
        return FAILED;
    }
    return (enum verdict)report->verdict;
}

static void tell(const struct test *test, enum verdict verdict, struct count *count)
{
    const char *between = report->row[0] != '\0' ? ": " : "";

    number++;
    matrix_rows += strcmp(test->what, MATRIX_MARK) == 0;
    count->tests++;
    count->passed += verdict == PASSED;
    count->skipped += verdict == SKIPPED;
    count->failed += verdict == FAILED;
    print("%sok %u - %s: %s%s%s%s%s\n", verdict == FAILED ? "not " : "", number, pair_of(test),
          test->what, between, report->row, verdict == SKIPPED ? " # SKIP " : "",
          verdict == SKIPPED ? report->why : "");
    if (verdict == FAILED)
        print("# %s\n", report->why);
}

static void run_row(const struct test *test, unsigned row)
{
    enum verdict verdict = FAILED;
    cloudabi_fd_t process = 0;
    cloudabi_tid_t tid;
    char name[16];

    memset(report, 0, sizeof(*report));
    snprintf(name, sizeof(name), "t%u", number);
    snprintf(report->why, sizeof(report->why), "could not be started");
    if (make_dir(temporary, name) == 0 && open_dir(temporary, name, &dir) == 0 &&
        cloudabi_sys_proc_fork(&process, &tid) == 0) {
        if (process == CLOUDABI_PROCESS_CHILD)
            run_in_child(test, row);
        verdict = judge(process);
        cloudabi_sys_fd_close(process);
    }
    tell(test, verdict, count_of(pair_of(test)));
    remove_all(dir);
    cloudabi_sys_fd_close(dir);
    rmdir_at(temporary, name);
}

/* --- the end ------------------------------------------------------------------------------------------------ */

static uint32_t print_table(void)
{
    struct count all = {0};

    print("1..%u\n#\n# %-18s %6s %6s %7s %6s\n", number, "call", "tests", "passed", "skipped",
          "failed");
    for (size_t i = 0; i < CALLS_MAX && counts[i].call != NULL; i++) {
        const struct count *count = &counts[i];
        print("# %-18.*s %6u %6u %7u %6u\n", (int)count->len, count->call, count->tests,
              count->passed, count->skipped, count->failed);
        all.tests += count->tests;
        all.passed += count->passed;
        all.skipped += count->skipped;
        all.failed += count->failed;
    }
    print("# %-18s %6u %6u %7u %6u\n", "all", all.tests, all.passed, all.skipped, all.failed);
    print("# %u of them are rows of the refusal matrix\n", matrix_rows);
    return all.failed != 0;
}

static uint32_t set_up(void)
{
    void *page = NULL;

    output = platform_grant("stdout");
    temporary = platform_grant("tmpdir");
    fault = platform_grant("fault");
    if (cloudabi_sys_mem_map(NULL, sizeof(*report), CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                             CLOUDABI_MAP_ANON | CLOUDABI_MAP_SHARED, CLOUDABI_MAP_ANON_FD, 0,
                             &page) != 0)
        return 2;
    report = page;
    if (temporary == NO_GRANT) {
        print("1..0 # SKIP no directory `tmpdir` was granted\n");
        return 2;
    }
    remove_all(temporary); /* what an interrupted run left */
    return 0;
}

uint32_t suite_main(void)
{
    size_t len = 0;
    const uint8_t *argdata = platform_argdata(&len);

    if (child_is_meant(argdata, len))
        return child_main(argdata, len);
    uint32_t error = set_up();
    if (error != 0)
        return error;
    const char *only = platform_argument(0);
    for (const struct test *test = tests; test != NULL; test = test->next) {
        if (only != NULL && strstr(test->name, only) == NULL)
            continue;
        for (unsigned row = 0; row < test->rows; row++)
            run_row(test, row);
    }
    return print_table();
}
