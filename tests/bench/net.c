/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What TCP costs over the loopback address:
 * `tools/vm exec --icount --grants tests/bench/bench-net.yaml build/user/bench-net`.
 *
 * The other end is a process of its own, except where a connection is only made and closed.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "tests/bench/bench.h"

#define PORT  7000
#define PIECE 65536
#define MIB   (1024 * 1024)

/* So many nanoseconds are a MiB at MBPS million bytes a second. */
#define MIB_AT(mbps) ((unsigned)((uint64_t)MIB * 1000 / (mbps)))

static int listener = -1, stream = -1;
static char piece[PIECE];

static struct sockaddr_in here(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void listen_here(void)
{
    struct sockaddr_in address = here();
    if (listener >= 0)
        return;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    bench_check(listener < 0, "socket");
    bench_check(bind(listener, (struct sockaddr *)&address, sizeof(address)), "bind");
    bench_check(listen(listener, 16), "listen");
}

static int connect_here(void)
{
    struct sockaddr_in address = here();
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bench_check(fd < 0, "socket");
    bench_check(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
    return fd;
}

static int accept_one(void)
{
    int fd = accept(listener, NULL, NULL);
    bench_check(fd < 0, "accept");
    return fd;
}

/* A process that runs SERVE with the other end of `stream`. */
static void partner_start(void (*serve)(int fd))
{
    cloudabi_fd_t process; /* stays open: closing it would end the process */
    cloudabi_tid_t tid;
    listen_here();
    bench_check(cloudabi_sys_proc_fork(&process, &tid), "proc_fork");
    if (process == CLOUDABI_PROCESS_CHILD) {
        serve(accept_one());
        cloudabi_sys_proc_exit(0);
    }
    stream = connect_here();
}

/* --- a byte there and back ------------------------------------------------------------------------ */

static void echo(int fd)
{
    char byte;
    while (read(fd, &byte, 1) == 1)
        write(fd, &byte, 1);
}

static void echo_setup(void)
{
    partner_start(echo);
}

static void round_trip(unsigned rounds)
{
    char byte = 'x';
    while (rounds-- > 0)
        if (write(stream, &byte, 1) != 1 || read(stream, &byte, 1) != 1)
            bench_check(1, "echo");
}

/* --- connections --------------------------------------------------------------------------------- */

static void connect_accept_close(unsigned rounds)
{
    while (rounds-- > 0) {
        int client = connect_here();
        int server = accept_one();
        close(client);
        close(server);
    }
}

/* --- many bytes ------------------------------------------------------------------------------------ */

static void pour(int fd)
{
    while (write(fd, piece, PIECE) > 0)
        continue;
}

static void pour_setup(void)
{
    partner_start(pour);
}

static void receive(unsigned rounds)
{
    for (uint64_t left = (uint64_t)rounds * MIB; left > 0;) {
        ssize_t got = read(stream, piece, left < PIECE ? left : PIECE);
        bench_check(got <= 0, "read");
        left -= (uint64_t)got;
    }
}

static void listen_setup(void)
{
    listen_here();
}

static const struct bench benches[] = {
    {"byte over TCP and back", round_trip, 2000, echo_setup, 20000},
    {"connect, accept, close", connect_accept_close, 300, listen_setup, 60000},
    {"MiB over TCP", receive, 32, pour_setup, MIB_AT(1000)},
};

int main(int argc, char **argv)
{
    bench_run(benches, sizeof(benches) / sizeof(benches[0]), argc > 1 ? argv[1] : NULL);
    return 0;
}
