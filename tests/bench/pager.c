/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel's part of paging costs: a pager that only says where pages lie on a disk in memory.
 * `tools/vm exec --icount build/user/bench-pager`.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "pseudofd/server/server.h"
#include "tests/bench/bench.h"

#define NODE  7
#define PAGE  4096u
#define PIECE 65536u
#define MIB   (1024u * 1024)

#define MIB_AT(mbps) ((unsigned)((uint64_t)MIB * 1000 / (mbps)))

static int root, file;
static cloudabi_fd_t disk;
static char piece[PIECE];

/* --- the pager -------------------------------------------------------------------------------- */

static cloudabi_errno_t serve_open(struct server *server, struct call *call)
{
    struct port_attr attr = {
        .ino = NODE, .nlink = 1, .size = MIB, .type = CLOUDABI_FILETYPE_REGULAR_FILE};
    (void)server;
    call_node(call, NODE, PORT_FORM_PAGED, &attr);
    call_pager(call);
    return 0;
}

static cloudabi_errno_t serve_places(struct server *server, struct call *call)
{
    struct port_extent extent = {call->request.a, call->request.len};
    (void)server;
    call_extents(call, (int)disk, &extent, 1);
    return 0;
}

static cloudabi_errno_t serve_reserve(struct server *server, struct call *call)
{
    (void)server;
    call_granted(call, call->request.b);
    return 0;
}

static cloudabi_errno_t serve_nothing(struct server *server, struct call *call)
{
    (void)server;
    (void)call;
    return 0;
}

static const struct server_ops ops = {.open = serve_open,
                                      .page_in = serve_places,
                                      .page_out = serve_places,
                                      .reserve = serve_reserve,
                                      .set_attr = serve_nothing};

static void serve(int port)
{
    static struct server server;
    bench_check(server_init(&server, port, &ops, NULL, false), "server_init");
    server_run(&server);
    cloudabi_sys_proc_exit(0);
}

/* --- what is measured ------------------------------------------------------------------------- */

static void cold(void)
{
    bench_check(cloudabi_sys_file_advise((cloudabi_fd_t)file, 0, 0, CLOUDABI_ADVICE_DONTNEED),
                "advise");
}

static void read_page(unsigned rounds)
{
    while (rounds-- > 0)
        bench_check(pread(file, piece, PAGE, 0) != PAGE, "pread");
}

static void write_page(unsigned rounds)
{
    while (rounds-- > 0)
        bench_check(pwrite(file, piece, PAGE, 0) != PAGE, "pwrite");
}

static void write_sync(unsigned rounds)
{
    while (rounds-- > 0) {
        bench_check(pwrite(file, piece, PAGE, 0) != PAGE, "pwrite");
        bench_check(fsync(file), "fsync");
    }
}

static void read_cold(unsigned rounds)
{
    while (rounds-- > 0) {
        cold();
        for (unsigned at = 0; at < MIB; at += PIECE)
            bench_check(pread(file, piece, PIECE, at) != PIECE, "pread");
    }
}

static void write_out(unsigned rounds)
{
    while (rounds-- > 0) {
        for (unsigned at = 0; at < MIB; at += PIECE)
            bench_check(pwrite(file, piece, PIECE, at) != PIECE, "pwrite");
        bench_check(fsync(file), "fsync");
    }
}

static void write_new(unsigned rounds)
{
    while (rounds-- > 0) {
        bench_check(ftruncate(file, 0), "ftruncate");
        for (unsigned at = 0; at < MIB; at += PIECE)
            bench_check(pwrite(file, piece, PIECE, at) != PIECE, "pwrite");
        bench_check(fsync(file), "fsync");
    }
}

static void fault_cold(unsigned rounds)
{
    volatile char *map = mmap(NULL, MIB, PROT_READ, MAP_SHARED, file, 0);
    bench_check(map == MAP_FAILED, "mmap");
    while (rounds-- > 0) {
        cold();
        for (unsigned at = 0; at < MIB; at += PAGE)
            (void)map[at];
    }
    munmap((char *)(uintptr_t)map, MIB);
}

static const struct bench benches[] = {
    {"paged_read_4096_cached", read_page, 2000, NULL, 1000},
    {"paged_write_4096", write_page, 2000, NULL, 1200},
    {"paged_write_4096_fsync", write_sync, 500, NULL, 5000},
    {"paged_read_1mib_cold", read_cold, 10, NULL, MIB_AT(2000)},
    {"paged_fault_1mib_cold", fault_cold, 10, NULL, 0},
    {"paged_write_1mib_fsync", write_out, 10, NULL, MIB_AT(1200)},
    {"paged_new_1mib_fsync", write_new, 10, NULL, MIB_AT(1200)},
};

int main(int argc, char **argv)
{
    cloudabi_fd_t port, top, process;
    cloudabi_tid_t tid;
    cloudabi_filestat_t stat = {.st_size = MIB};
    bench_check(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &disk), "fd_create1");
    bench_check(cloudabi_sys_file_stat_fput(disk, &stat, CLOUDABI_FILESTAT_SIZE), "ftruncate");
    bench_check(cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &top), "fd_create2");
    bench_check(cloudabi_sys_proc_fork(&process, &tid), "fork");
    if (process == CLOUDABI_PROCESS_CHILD)
        serve((int)port);
    void *bytes = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, (int)disk, 0);
    bench_check(bytes == MAP_FAILED, "mmap");
    memset(bytes, 1, MIB);
    munmap(bytes, MIB);
    root = (int)top;
    file = openat(root, "file", O_RDWR);
    bench_check(file < 0, "openat");
    bench_run(benches, sizeof(benches) / sizeof(benches[0]), argc > 1 ? argv[1] : NULL);
    return 0;
}
