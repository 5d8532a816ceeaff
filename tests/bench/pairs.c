/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What threads and processes cost that work together:
 * `tools/vm exec --icount --grants tests/bench/bench-pairs.yaml build/user/bench-pairs`.
 *
 * Without argument data it ends at once: that is the program which it spawns itself.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "abi/cloudabi_syscalls.h"
#include "tests/bench/bench.h"

static void pair_create(cloudabi_filetype_t type, cloudabi_fd_t ends[2])
{
    bench_check(cloudabi_sys_fd_create2(type, &ends[0], &ends[1]), "fd_create2");
}

static cloudabi_fd_t fork_child(void)
{
    cloudabi_fd_t process;
    cloudabi_tid_t tid;
    bench_check(cloudabi_sys_proc_fork(&process, &tid), "proc_fork");
    return process;
}

/* --- a byte to another process and back ------------------------------------------------------- */

static cloudabi_fd_t echo[2];

static void echo_setup(void)
{
    char byte;
    pair_create(CLOUDABI_FILETYPE_SOCKET_STREAM, echo);
    if (fork_child() != CLOUDABI_PROCESS_CHILD)
        return; /* the process descriptor stays open */
    while (read((int)echo[1], &byte, 1) == 1)
        write((int)echo[1], &byte, 1);
    cloudabi_sys_proc_exit(0);
}

static void stream_round_trip(unsigned rounds)
{
    char byte = 'x';
    while (rounds-- > 0)
        if (write((int)echo[0], &byte, 1) != 1 || read((int)echo[0], &byte, 1) != 1)
            bench_check(1, "echo");
}

/* --- threads ------------------------------------------------------------------------------------ */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static enum { OURS, THEIRS } turn;

/* Waits for its turn and gives it back. Mutex held. */
static void take_turn(int mine)
{
    while ((int)turn != mine)
        pthread_cond_wait(&changed, &mutex);
    turn = mine == OURS ? THEIRS : OURS;
    pthread_cond_signal(&changed);
}

static void *partner(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&mutex);
    for (;;)
        take_turn(THEIRS);
    return NULL;
}

static void partner_setup(void)
{
    pthread_t thread;
    bench_check(pthread_create(&thread, NULL, partner, NULL), "pthread_create");
}

static void condvar_round_trip(unsigned rounds)
{
    pthread_mutex_lock(&mutex);
    while (rounds-- > 0)
        take_turn(OURS);
    pthread_mutex_unlock(&mutex);
}

static void *end_at_once(void *arg)
{
    return arg;
}

static void create_join(unsigned rounds)
{
    while (rounds-- > 0) {
        pthread_t thread;
        bench_check(pthread_create(&thread, NULL, end_at_once, NULL), "pthread_create");
        bench_check(pthread_join(thread, NULL), "pthread_join");
    }
}

/* --- a program ---------------------------------------------------------------------------------- */

static void spawn(unsigned rounds)
{
    cloudabi_fd_t self = (cloudabi_fd_t)grant_fd("self");
    while (rounds-- > 0) {
        cloudabi_fd_t process = fork_child();
        if (process == CLOUDABI_PROCESS_CHILD)
            bench_check(cloudabi_sys_proc_exec(self, NULL, 0, NULL, 0), "proc_exec");
        cloudabi_subscription_t wait = {.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE,
                                        .proc_terminate.fd = process};
        cloudabi_event_t event;
        size_t events;
        bench_check(cloudabi_sys_poll(&wait, &event, 1, &events), "poll");
        bench_check((int)event.proc_terminate.exitcode, "the program spawned");
        cloudabi_sys_fd_close(process);
    }
}

/* --- a descriptor to oneself ---------------------------------------------------------------------- */

static cloudabi_fd_t messages[2];

static void messages_setup(void)
{
    pair_create(CLOUDABI_FILETYPE_SOCKET_DGRAM, messages);
}

static void pass_descriptor(unsigned rounds)
{
    char byte = 'x';
    cloudabi_fd_t received;
    cloudabi_ciovec_t out = {.buf = &byte, .buf_len = 1};
    cloudabi_iovec_t in = {.buf = &byte, .buf_len = 1};
    cloudabi_send_in_t send = {
        .si_data = &out, .si_data_len = 1, .si_fds = &messages[0], .si_fds_len = 1};
    cloudabi_recv_in_t receive = {
        .ri_data = &in, .ri_data_len = 1, .ri_fds = &received, .ri_fds_len = 1};
    cloudabi_send_out_t sent;
    cloudabi_recv_out_t got;
    while (rounds-- > 0) {
        bench_check(cloudabi_sys_sock_send(messages[0], &send, &sent), "sock_send");
        bench_check(cloudabi_sys_sock_recv(messages[1], &receive, &got), "sock_recv");
        bench_check(cloudabi_sys_fd_close(received), "fd_close");
    }
}

static const struct bench benches[] = {
    {"stream_round_trip", stream_round_trip, 2000, echo_setup, 3200},
    {"condvar_round_trip", condvar_round_trip, 2000, partner_setup, 3800},
    {"thread_create_join", create_join, 500, NULL, 8000},
    {"spawn", spawn, 50, NULL, 100000},
    {"pass_descriptor", pass_descriptor, 2000, messages_setup, 1500},
};

int main(int argc, char **argv)
{
    size_t len;
    program_argbytes(&len);
    if (len == 0)
        return 0;
    bench_run(benches, sizeof(benches) / sizeof(benches[0]), argc > 1 ? argv[1] : NULL);
    exit(0);
}
