/* SPDX-License-Identifier: BSD-2-Clause */
/* fork, exec and spawn with another library's start-up code. The program runs itself again: `nthreads` says what
 * for. */
#include "tests/foreign/foreign.h"

enum { ROLE_FIRST = 0, ROLE_EXIT = 100, ROLE_TABLE = 101, ROLE_FAULT = 102 };

/* {logfile: fd 1, nthreads: role, tmpdir: fd 0}, with the role as its last byte's neighbour. */
static uint8_t role_data[] =
    "\x06\x89\x08logfile\0\x85\x03\0\0\0\1\x8a\x08nthreads\0\x82\x05\x64\x88\x08tmpdir\0\x85\x03\0\0\0";

static cloudabi_fd_t self;

static size_t data_with(uint8_t role)
{
    for (size_t i = 0; i + 2 < sizeof(role_data); i++)
        if (role_data[i] == 0x82 && role_data[i + 1] == 5)
            role_data[i + 2] = role;
    return sizeof(role_data);
}

static void copy_self(void)
{
    static char block[65536];
    cloudabi_fd_t to;
    size_t done, at = 0;

    CHECK_IS(open_at(arg_tmpdir, "copy", O_WRITE | O_MAKE | O_CUT, &to), 0);
    for (;;) {
        cloudabi_iovec_t vec = {block, sizeof(block)};
        if (cloudabi_sys_fd_pread(arg_self, &vec, 1, at, &done) != 0 || done == 0)
            break;
        at += done;
        for (size_t put_done = 0, off = 0; off < done; off += put_done)
            if (put(to, block + off, done - off, &put_done) != 0)
                cloudabi_sys_proc_exit(124);
    }
    CHECK(at > 4096);
    CHECK_IS(cloudabi_sys_fd_close(to), 0);
    CHECK_IS(open_at(arg_tmpdir, "copy", O_EXEC, &self), 0);
}

static cloudabi_event_t spawn_role(uint8_t role, const cloudabi_fd_t *fds, size_t count)
{
    cloudabi_fd_t process = NO_FD;
    cloudabi_errno_t error = spawn(self, role_data, data_with(role), fds, count, &process);
    cloudabi_event_t event = {.error = error};

    if (error == 0) {
        event = wait_child(process);
        (void)cloudabi_sys_fd_close(process);
    }
    return event;
}

/* --- the other roles -------------------------------------------------------------------------------------- */

/* Descriptors: tmpdir, logfile, a socket twice, and nothing else. */
static void role_table(void)
{
    cloudabi_fdstat_t stat;
    size_t done;

    for (cloudabi_fd_t fd = 4; fd < 1100; fd++)
        if (cloudabi_sys_fd_stat_get(fd, &stat) != CLOUDABI_EBADF)
            cloudabi_sys_proc_exit(1);
    if (cloudabi_sys_fd_stat_get(0, &stat) != 0 || stat.fs_filetype != CLOUDABI_FILETYPE_DIRECTORY)
        cloudabi_sys_proc_exit(2);
    if (cloudabi_sys_fd_stat_get(2, &stat) != 0 || cloudabi_sys_fd_stat_get(3, &stat) != 0)
        cloudabi_sys_proc_exit(3);
    if (put(2, "t", 1, &done) != 0 || cloudabi_sys_fd_close(2) != 0 || put(3, "w", 1, &done) != 0)
        cloudabi_sys_proc_exit(4);
    cloudabi_sys_proc_exit(0);
}

static void role(void)
{
    if (arg_nthreads == ROLE_TABLE)
        role_table();
    if (arg_nthreads == ROLE_FAULT)
        __builtin_trap();
    cloudabi_sys_proc_exit((uint32_t)arg_nthreads << 8 | 7);
}

/* --- the tests -------------------------------------------------------------------------------------------------- */

static void test_spawn(void)
{
    cloudabi_fd_t fds[4] = {arg_tmpdir, arg_logfile}, pair[2];
    char buf[8];
    size_t done;

    CHECK_IS(spawn_role(ROLE_EXIT, fds, 2).proc_terminate.exitcode, 100 << 8 | 7);
    CHECK_IS(spawn_role(ROLE_FAULT, fds, 2).proc_terminate.signal, CLOUDABI_SIGILL);
    CHECK_IS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &pair[0], &pair[1]), 0);
    fds[2] = fds[3] = pair[1];
    CHECK_IS(spawn_role(ROLE_TABLE, fds, 4).proc_terminate.exitcode, 0);
    CHECK(get(pair[0], buf, 8, &done) == 0 && done == 2 && buf[0] == 't' && buf[1] == 'w');
    CHECK_IS(cloudabi_sys_fd_close(pair[0]), 0);
    CHECK_IS(cloudabi_sys_fd_close(pair[1]), 0);
    for (int i = 0; i < 30; i++)
        if (spawn_role(ROLE_EXIT, fds, 2).proc_terminate.exitcode != (100 << 8 | 7))
            CHECK(false);
}

static cloudabi_errno_t exec(cloudabi_fd_t fd, const cloudabi_fd_t *fds, size_t count)
{
    return cloudabi_sys_proc_exec(fd, role_data, sizeof(role_data), fds, count);
}

static int kept;

static void *other_thread(void *stop)
{
    while (!atomic_load((_Atomic bool *)stop))
        nap(500000);
    return stop;
}

static void test_refused(void)
{
    cloudabi_fd_t fd, fds[2] = {arg_tmpdir, NO_FD}, pair[2], process;
    _Atomic bool stop = false;
    struct thread *thread = thread_start(other_thread, (void *)&stop);
    size_t done;

    kept = 42;
    CHECK_IS(exec(NO_FD, NULL, 0), CLOUDABI_EBADF);
    CHECK_IS(exec(self, fds, 2), CLOUDABI_EBADF);
    CHECK_IS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &pair[0], &pair[1]), 0);
    CHECK_IS(exec(pair[0], NULL, 0), CLOUDABI_ENOTCAPABLE);
    CHECK_IS(exec(arg_tmpdir, NULL, 0), CLOUDABI_ENOTCAPABLE);
    CHECK_IS(open_at(arg_tmpdir, "empty", O_WRITE | O_MAKE | O_CUT, &fd), 0);
    CHECK_IS(exec(fd, NULL, 0), CLOUDABI_EBADF); /* open for writing, whatever its rights */
    CHECK_IS(spawn(fd, NULL, 0, NULL, 0, &process), CLOUDABI_EBADF);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(open_at(arg_tmpdir, "empty", O_READ, &fd), 0);
    CHECK_IS(exec(fd, NULL, 0), CLOUDABI_ENOEXEC);
    CHECK_IS(spawn(fd, NULL, 0, NULL, 0, &process), CLOUDABI_ENOEXEC);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(open_at(arg_tmpdir, "copy", O_READ | O_WRITE, &fd), 0);
    CHECK_IS(exec(fd, NULL, 0), CLOUDABI_EBADF);
    CHECK_IS(exec(self, NULL, 0), CLOUDABI_ETXTBSY);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(open_at(arg_tmpdir, "script", O_WRITE | O_MAKE | O_CUT, &fd), 0);
    CHECK_IS(put(fd, "#!/bin/sh\nexit 0\n", 17, &done), 0);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(open_at(arg_tmpdir, "script", O_EXEC, &fd), 0);
    CHECK_IS(exec(fd, NULL, 0), CLOUDABI_ENOEXEC);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(cloudabi_sys_proc_exec(self, (void *)8, 10, NULL, 0), CLOUDABI_EFAULT);
    /* Nothing has changed. */
    CHECK_IS(kept, 42);
    CHECK_IS(put(pair[0], "x", 1, &done), 0);
    stop = true;
    CHECK(thread_join(thread) == (void *)&stop);
    CHECK(cloudabi_sys_fd_close(pair[0]) == 0 && cloudabi_sys_fd_close(pair[1]) == 0);
}

/* exec with other threads running: they end. */
static void exec_among_threads(void *unused)
{
    static _Atomic bool never;
    cloudabi_fd_t fds[2] = {arg_tmpdir, arg_logfile};

    (void)unused;
    for (int i = 0; i < 4; i++)
        thread_start(other_thread, (void *)&never);
    (void)cloudabi_sys_proc_exec(self, role_data, data_with(ROLE_EXIT), fds, 2);
    cloudabi_sys_proc_exit(1);
}

/* A running program can not be written. */
static void test_busy(void)
{
    cloudabi_fd_t fd, pair[2], process, fds[1];

    CHECK_IS(in_child(exec_among_threads, NULL).proc_terminate.exitcode, 100 << 8 | 7);
    CHECK_IS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &pair[0], &pair[1]), 0);
    (void)fds;
    (void)process;
    CHECK_IS(open_at(arg_tmpdir, "copy", O_WRITE, &fd), 0);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK(cloudabi_sys_fd_close(pair[0]) == 0 && cloudabi_sys_fd_close(pair[1]) == 0);
}

/* --- fork: offsets are shared, tables are copied ------------------------------------------------------------- */

static cloudabi_fd_t shared_file;

static void child_reads(void *unused)
{
    char buf[4];
    size_t done;

    (void)unused;
    if (get(shared_file, buf, 4, &done) != 0 || memcmp(buf, "0123", 4) != 0)
        cloudabi_sys_proc_exit(1);
    if (cloudabi_sys_fd_close(shared_file) != 0 || own_tid <= 1)
        cloudabi_sys_proc_exit(2);
    /* The child can make threads and wait for them. */
    _Atomic bool stop = true;
    struct thread *thread = thread_start(other_thread, (void *)&stop);
    if (thread == NULL || thread_join(thread) != (void *)&stop)
        cloudabi_sys_proc_exit(3);
}

static void test_fork(void)
{
    uint64_t at;
    char buf[4];
    size_t done;

    CHECK_IS(open_at(arg_tmpdir, "offsets", O_READ | O_WRITE | O_MAKE | O_CUT, &shared_file), 0);
    CHECK_IS(put(shared_file, "0123456789", 10, &done), 0);
    CHECK_IS(cloudabi_sys_fd_seek(shared_file, 0, CLOUDABI_WHENCE_SET, &at), 0);
    CHECK_IS(in_child(child_reads, NULL).proc_terminate.exitcode, 0);
    CHECK(get(shared_file, buf, 4, &done) == 0 && memcmp(buf, "4567", 4) == 0);
    CHECK_IS(cloudabi_sys_fd_close(shared_file), 0);
}

/* Many children at once, all ended by closing. */
static void test_crowd(void)
{
    cloudabi_fd_t children[40];
    unsigned good = 0;

    for (unsigned i = 0; i < 40; i++)
        if (fork_child(&children[i])) {
            if (i % 2 == 0)
                nap(UINT64_C(1000000000000));
            cloudabi_sys_proc_exit(i);
        }
    for (unsigned i = 1; i < 40; i += 2)
        good += wait_child(children[i]).proc_terminate.exitcode == i;
    CHECK_IS(good, 20);
    for (unsigned i = 0; i < 40; i++)
        good += cloudabi_sys_fd_close(children[i]) == 0;
    CHECK_IS(good, 60);
}

void program(void)
{
    if (arg_nthreads >= ROLE_EXIT)
        role();
    copy_self();
    test_spawn();
    test_refused();
    test_busy();
    test_fork();
    test_crowd();
}
