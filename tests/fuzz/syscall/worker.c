/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker: objects of all kinds, and threads that make calls until the supervisor ends them. */
#include "tests/fuzz/syscall/fuzz.h"

#define STACK (16 * PAGE)

static cloudabi_fd_t fault_file;

/* Threads have no TLS: compiled without the safe stack, and nothing of the library's state is used. */
static void work(struct random *random, uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++) {
        if (once_in(random, 20)) {
            make_raw_call(random);
        } else if (once_in(random, 500) && fault_file != NO_FD) {
            char digits[2] = {(char)('0' + below(random, 10)), (char)('0' + below(random, 10))};
            put(fault_file, digits, 2, &(size_t){0});
        } else if (make_call(random)) {
            random->state ^= UINT64_C(0x5851f42d4c957f2d); /* the child goes another way */
        }
    }
}

void guest_thread(cloudabi_tid_t tid, void *argument)
{
    struct random random = {(uint64_t)argument};

    (void)tid;
    work(&random, 3); /* its stack may be gone at any time, as everybody's */
    cloudabi_sys_thread_exit((_Atomic(cloudabi_lock_t) *)any_pointer(&random),
                             CLOUDABI_SCOPE_PRIVATE);
}

static void thread_entry(cloudabi_tid_t tid, void *argument)
{
    struct random random = {(uint64_t)argument};

    (void)tid;
    work(&random, UINT64_MAX);
}

static void start_thread(uint64_t seed)
{
    cloudabi_threadattr_t attr = {
        .entry_point = thread_entry, .stack_len = STACK, .argument = (void *)seed};
    cloudabi_tid_t tid;

    if (cloudabi_sys_mem_map(NULL, STACK, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                             CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE, CLOUDABI_MAP_ANON_FD, 0,
                             &attr.stack) == 0)
        cloudabi_sys_thread_create(&attr, &tid);
}

static void make_files(cloudabi_fd_t directory)
{
    static const char *const names[] = {"a", "b", "c", "a"};
    cloudabi_fdstat_t append = {.fs_flags = CLOUDABI_FDFLAG_APPEND};

    make_dir(directory, "d");
    symlink_at(directory, "d", "l");
    symlink_at(directory, "../..", "d/l");
    for (size_t i = 0; i < OF_KIND; i++) {
        objects[DIRECTORIES][i] = directory;
        if (i % 2 == 1)
            open_dir(directory, "d", &objects[DIRECTORIES][i]);
        if (i >= 4)
            cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &objects[FILES][i]);
        else if (open_file(directory, names[i], CLOUDABI_O_CREAT, &objects[FILES][i]) == 0)
            put(objects[FILES][i], names, sizeof(names) - i, &(size_t){0});
    }
    cloudabi_sys_fd_stat_put(objects[FILES][3], &append, CLOUDABI_FDSTAT_FLAGS);
}

/* Most do not block, or all threads would soon wait for each other. */
static void make_sockets(struct random *random)
{
    cloudabi_fdstat_t nonblocking = {.fs_flags = CLOUDABI_FDFLAG_NONBLOCK};
    cloudabi_fd_t *fds = objects[SOCKETS];

    for (size_t i = 0; i < OF_KIND; i += 2)
        cloudabi_sys_fd_create2(i == 4 ? CLOUDABI_FILETYPE_SOCKET_DGRAM
                                       : CLOUDABI_FILETYPE_SOCKET_STREAM,
                                &fds[i], &fds[i + 1]);
    for (size_t i = 0; i < OF_KIND; i++)
        if (!once_in(random, 12))
            cloudabi_sys_fd_stat_put(fds[i], &nonblocking, CLOUDABI_FDSTAT_FLAGS);
}

static void make_objects(struct random *random, cloudabi_fd_t directory)
{
    cloudabi_fd_t fd, port;
    cloudabi_tid_t tid;

    make_files(directory);
    make_sockets(random);
    if (once_in(random, 4)) /* what is asked of it is answered by nobody */
        cloudabi_sys_fd_create2(0xe0, &port, &fd);
    if (cloudabi_sys_proc_fork(&fd, &tid) == 0 && fd == CLOUDABI_PROCESS_CHILD)
        for (;;)
            nap(1000000000);
}

_Noreturn void worker_run(uint64_t seed, cloudabi_fd_t directory, cloudabi_fd_t fault,
                          unsigned threads)
{
    struct random random = {seed};

    fault_file = once_in(&random, 3) ? fault : NO_FD;
    values_init();
    make_objects(&random, directory);
    for (unsigned i = 1; i < threads; i++)
        start_thread(random_next(&random));
    work(&random, UINT64_MAX);
    for (;;)
        cloudabi_sys_proc_exit(0);
}
