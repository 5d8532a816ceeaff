/* SPDX-License-Identifier: BSD-2-Clause */
/* What a request to a service in another process costs: `tools/vm exec --icount build/user/bench-port`. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "pseudofd/server/server.h"
#include "tests/bench/bench.h"

#define NODE 7

static int root, file;

static cloudabi_errno_t serve_open(struct server *server, struct call *call)
{
    (void)server;
    call_node(call, NODE, PORT_FORM_SYNTHETIC, NULL);
    return 0;
}

static cloudabi_errno_t serve_stat(struct server *server, struct call *call)
{
    (void)server;
    struct port_attr attr = {.ino = NODE, .nlink = 1, .type = CLOUDABI_FILETYPE_CHARACTER_DEVICE};
    call_attr(call, 0, &attr);
    return 0;
}

static cloudabi_errno_t serve_read(struct server *server, struct call *call)
{
    (void)server;
    call->payload[0] = 'x';
    call_length(call, 1);
    return 0;
}

static const struct server_ops ops = {
    .open = serve_open, .stat = serve_stat, .get_attr = serve_stat, .read = serve_read};

static void serve(int port)
{
    static struct server server;
    bench_check(server_init(&server, port, &ops, NULL, false), "server_init");
    server_run(&server);
    cloudabi_sys_proc_exit(0);
}

static void read_byte(unsigned rounds)
{
    char byte;
    while (rounds-- > 0)
        if (read(file, &byte, 1) != 1)
            bench_check(1, "read");
}

static void stat_name(unsigned rounds)
{
    cloudabi_filestat_t stat;
    cloudabi_lookup_t lookup = {.fd = (cloudabi_fd_t)root};
    while (rounds-- > 0)
        bench_check(cloudabi_sys_file_stat_get(lookup, "name", 4, &stat), "file_stat_get");
}

static void open_close(unsigned rounds)
{
    while (rounds-- > 0) {
        int fd = openat(root, "name", O_RDONLY);
        if (fd < 0)
            bench_check(1, "openat");
        close(fd);
    }
}

static const struct bench benches[] = {
    {"port_read_byte", read_byte, 5000, NULL, 1500},
    {"port_stat", stat_name, 2000, NULL, 0},
    {"port_open_close", open_close, 2000, NULL, 0},
};

int main(int argc, char **argv)
{
    cloudabi_fd_t port, directory, process;
    cloudabi_tid_t tid;
    bench_check(cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &directory), "fd_create2");
    bench_check(cloudabi_sys_proc_fork(&process, &tid), "proc_fork");
    if (process == CLOUDABI_PROCESS_CHILD)
        serve((int)port);
    root = (int)directory;
    file = openat(root, "name", O_RDONLY);
    if (file < 0)
        bench_check(1, "openat");
    bench_run(benches, sizeof(benches) / sizeof(benches[0]), argc > 1 ? argv[1] : NULL);
    return 0;
}
