/* SPDX-License-Identifier: BSD-2-Clause */
/* What the system calls cost: `tools/vm exec --icount build/user/bench-calls`. */
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "abi/cloudabi_syscalls.h"
#include "tests/bench/bench.h"

#define NO_FD 1000

static cloudabi_fd_t stream[2];

static void close_bad(unsigned rounds)
{
    while (rounds-- > 0)
        cloudabi_sys_fd_close(NO_FD);
}

static void fstat_bad(unsigned rounds)
{
    struct stat stat;
    while (rounds-- > 0)
        fstat(NO_FD, &stat);
}

static void gettime(unsigned rounds)
{
    struct timespec now;
    while (rounds-- > 0)
        clock_gettime(CLOCK_MONOTONIC, &now);
}

static void stream_setup(void)
{
    bench_check(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &stream[0], &stream[1]),
                "fd_create2");
}

static void stream_byte(unsigned rounds)
{
    char byte = 'x';
    cloudabi_ciovec_t out = {.buf = &byte, .buf_len = 1};
    cloudabi_iovec_t in = {.buf = &byte, .buf_len = 1};
    size_t done;
    while (rounds-- > 0) {
        bench_check(cloudabi_sys_fd_write(stream[0], &out, 1, &done), "fd_write");
        bench_check(cloudabi_sys_fd_read(stream[1], &in, 1, &done), "fd_read");
    }
}

static void map_touch_unmap(unsigned rounds)
{
    while (rounds-- > 0) {
        void *page;
        bench_check(cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                         CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE,
                                         CLOUDABI_MAP_ANON_FD, 0, &page),
                    "mem_map");
        *(volatile char *)page = 1;
        bench_check(cloudabi_sys_mem_unmap(page, 4096), "mem_unmap");
    }
}

static void page_fault(unsigned rounds)
{
    char *pages;
    size_t size = rounds * 4096ul;
    bench_check(cloudabi_sys_mem_map(NULL, size, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                     CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE, CLOUDABI_MAP_ANON_FD,
                                     0, (void **)&pages),
                "mem_map");
    for (unsigned i = 0; i < rounds; i++)
        *(volatile char *)(pages + i * 4096ul) = 1;
    bench_check(cloudabi_sys_mem_unmap(pages, size), "mem_unmap");
}

/* The child's fd is CLOUDABI_PROCESS_CHILD; waits for the process descriptor and closes it. */
static void fork_exit_wait(unsigned rounds)
{
    while (rounds-- > 0) {
        cloudabi_fd_t process;
        cloudabi_tid_t tid;
        bench_check(cloudabi_sys_proc_fork(&process, &tid), "proc_fork");
        if (process == CLOUDABI_PROCESS_CHILD)
            cloudabi_sys_proc_exit(0);
        cloudabi_subscription_t wait = {.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE,
                                        .proc_terminate.fd = process};
        cloudabi_event_t event;
        size_t events;
        bench_check(cloudabi_sys_poll(&wait, &event, 1, &events), "poll");
        cloudabi_sys_fd_close(process);
    }
}

static const struct bench benches[] = {
    {"fd_close_bad", close_bad, 20000, NULL, 100},
    {"fstat_bad", fstat_bad, 20000, NULL, 115},
    {"clock_gettime", gettime, 20000, NULL, 55},
    {"stream_byte_one_process", stream_byte, 5000, stream_setup, 1000},
    {"map_touch_unmap", map_touch_unmap, 2000, NULL, 1200},
    {"page_fault", page_fault, 1000, NULL, 1000},
    {"fork_exit_wait", fork_exit_wait, 200, NULL, 40000},
};

int main(int argc, char **argv)
{
    bench_run(benches, sizeof(benches) / sizeof(benches[0]), argc > 1 ? argv[1] : NULL);
    return 0;
}
