/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing that a program can observe without a jobs directory identifies or counts other processes: thread ids neither
 * grow nor lie close together, what the kernel makes has no numbers, and a service's device number is random.
 */
#include <tessera/grants.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

#define COUNT 16
#define CLOSE \
    4096u /* 16 tids out of 2^30 all far apart: once in a million runs some pair is not, so some may */

static cloudabi_tid_t tids[COUNT];

static uint32_t distance(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

/* The tid that a child gets, told over a stream. */
static void take_child(unsigned i, const cloudabi_fd_t pair[2])
{
    cloudabi_fd_t process = 0;
    cloudabi_tid_t tid = 0;
    size_t done = 0;
    CHECK_RETURNS(cloudabi_sys_proc_fork(&process, &tid), 0);
    if (process == CLOUDABI_PROCESS_CHILD) {
        (void)put(pair[0], &tid, sizeof(tid), &done);
        cloudabi_sys_proc_exit(0);
    }
    CHECK_RETURNS(get(pair[1], &tids[i], sizeof(tids[i]), &done), 0);
    CHECK(done == sizeof(tids[i]));
    cloudabi_sys_fd_close(process);
}

static void test_tids(void)
{
    cloudabi_fd_t pair[2];
    unsigned close = 0, same = 0, rising = 0;
    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &pair[0], &pair[1]), 0);
    for (unsigned i = 0; i < COUNT; i++)
        take_child(i, pair);
    for (unsigned i = 0; i < COUNT; i++)
        for (unsigned j = 0; j < i; j++) {
            same += tids[i] == tids[j];
            close += distance(tids[i], tids[j]) < CLOSE;
        }
    for (unsigned i = 1; i < COUNT; i++)
        rising += tids[i] > tids[i - 1];
    CHECK(same == 0);
    CHECK(close <= 1);
    CHECK(rising > 0 && rising < COUNT - 1);
    cloudabi_sys_fd_close(pair[0]);
    cloudabi_sys_fd_close(pair[1]);
}

static void check_no_numbers(cloudabi_fd_t fd)
{
    cloudabi_filestat_t stat;
    CHECK_RETURNS(cloudabi_sys_file_stat_fget(fd, &stat), 0);
    CHECK(stat.st_dev == 0 && stat.st_ino == 0);
}

static void test_numbers(void)
{
    cloudabi_fd_t pair[2], process;
    cloudabi_tid_t tid;
    cloudabi_filestat_t stat;
    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &pair[0], &pair[1]), 0);
    check_no_numbers(pair[0]);
    check_no_numbers(pair[1]);
    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_DGRAM, &pair[0], &pair[1]), 0);
    check_no_numbers(pair[0]);
    CHECK_RETURNS(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &pair[0]), 0);
    check_no_numbers(pair[0]);
    CHECK_RETURNS(cloudabi_sys_proc_fork(&process, &tid), 0);
    if (process == CLOUDABI_PROCESS_CHILD)
        cloudabi_sys_proc_exit(0);
    check_no_numbers(process);
    (void)wait_process(process);
    check_no_numbers(process);
    CHECK_RETURNS(cloudabi_sys_file_stat_fget((cloudabi_fd_t)grant_fd("tmp"), &stat), 0);
    CHECK(stat.st_dev > UINT64_C(1) << 32); /* random 64 bits */
}

int main(void)
{
    test_tids();
    test_numbers();
    return tap_end();
}
