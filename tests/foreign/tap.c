/* SPDX-License-Identifier: BSD-2-Clause */
/* TAP on the stream `logfile`. */
#include "tests/foreign/foreign.h"

static uint64_t count, failed;
static char line[2048];
static size_t used;

void say(const char *text)
{
    while (*text != 0 && used < sizeof(line))
        line[used++] = *text++;
}

void say_number(uint64_t number)
{
    char digits[21];
    size_t at = sizeof(digits) - 1;

    digits[at] = 0;
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    say(digits + at);
}

static void flush(void)
{
    size_t done = 0;

    for (size_t at = 0; at < used; at += done)
        if (put(arg_logfile, line + at, used - at, &done) != 0)
            cloudabi_sys_proc_exit(126);
    used = 0;
}

bool tap_ok(bool ok, const char *text, int at, uint64_t got)
{
    count++;
    failed += !ok;
    say(ok ? "ok " : "not ok ");
    say_number(count);
    say(" - ");
    say(text);
    if (!ok) {
        say("\n# at line ");
        say_number((uint64_t)at);
        say(", got ");
        say_number(got);
    }
    say("\n");
    flush();
    return ok;
}

_Noreturn void tap_end(void)
{
    say("1..");
    say_number(count);
    say("\n");
    flush();
    cloudabi_sys_proc_exit(failed != 0);
}
