/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many threads of one process, each a test program of its own: files, sockets, memory, processes and locks at the same
 * time, in one table of descriptors and one address space. `nthreads` of them (4).
 */
#include "tests/foreign/foreign.h"

#define ROUNDS 40

static _Atomic unsigned problems;
static _Atomic unsigned forks, files, maps;

#define WANT(expression) want((expression), #expression, __LINE__)

static lock_t report;

static void want(bool ok, const char *text, int line)
{
    if (ok)
        return;
    lock_write(&report, PRIVATE, 0);
    if (problems++ < 10)
        tap_ok(false, text, line, 0);
    lock_release(&report, PRIVATE);
}

static void name_of(char *name, unsigned who, unsigned round)
{
    memcpy(name, "stress-xx-yyyy", 15);
    name[7] = (char)('a' + who % 26);
    name[8] = (char)('a' + who / 26);
    for (int i = 13; i > 9; i--, round /= 10)
        name[i] = (char)('0' + round % 10);
}

static void use_files(unsigned who, unsigned round)
{
    char name[16], other[16], buf[64];
    cloudabi_fd_t fd = NO_FD, dir = NO_FD;
    size_t done = 0;
    cloudabi_filestat_t stat = {.st_size = 0};

    name_of(name, who, round);
    name_of(other, who, 5000 + round);
    WANT(open_at(arg_tmpdir, name, O_READ | O_WRITE | O_MAKE | O_ONLY, &fd) == 0);
    WANT(put(fd, name, 14, &done) == 0 && done == 14);
    WANT(cloudabi_sys_file_rename(arg_tmpdir, name, 14, arg_tmpdir, other, 14) == 0);
    cloudabi_iovec_t vec = {buf, 64};
    WANT(cloudabi_sys_fd_pread(fd, &vec, 1, 0, &done) == 0 && done == 14 &&
         memcmp(buf, name, 14) == 0);
    WANT(cloudabi_sys_file_stat_fget(fd, &stat) == 0 && stat.st_size == 14 && stat.st_nlink == 1);
    WANT(cloudabi_sys_file_unlink(arg_tmpdir, other, 14, 0) == 0);
    WANT(cloudabi_sys_file_stat_fget(fd, &stat) == 0 && stat.st_nlink == 0);
    WANT(cloudabi_sys_fd_close(fd) == 0);
    WANT(cloudabi_sys_file_create(arg_tmpdir, name, 14, CLOUDABI_FILETYPE_DIRECTORY) == 0);
    WANT(open_at(arg_tmpdir, name, O_READ | O_DIR, &dir) == 0);
    WANT(open_at(dir, "inner", O_WRITE | O_MAKE, &fd) == 0);
    WANT(cloudabi_sys_fd_close(fd) == 0);
    WANT(cloudabi_sys_file_unlink(arg_tmpdir, name, 14, CLOUDABI_UNLINK_REMOVEDIR) ==
         CLOUDABI_ENOTEMPTY);
    WANT(cloudabi_sys_file_unlink(dir, "inner", 5, 0) == 0);
    WANT(cloudabi_sys_file_unlink(arg_tmpdir, name, 14, CLOUDABI_UNLINK_REMOVEDIR) == 0);
    WANT(cloudabi_sys_fd_close(dir) == 0);
    files++;
}

static void use_sockets(unsigned who)
{
    cloudabi_fd_t pair[2] = {NO_FD, NO_FD}, got = NO_FD;
    char buf[8];
    size_t done;
    cloudabi_fdstat_t stat;

    WANT(cloudabi_sys_fd_create2(who % 2 ? CLOUDABI_FILETYPE_SOCKET_STREAM
                                         : CLOUDABI_FILETYPE_SOCKET_DGRAM,
                                 &pair[0], &pair[1]) == 0);
    cloudabi_ciovec_t out = {"message", 7};
    cloudabi_send_in_t send = {
        .si_data = &out, .si_data_len = 1, .si_fds = &arg_tmpdir, .si_fds_len = 1};
    cloudabi_send_out_t sent;
    WANT(cloudabi_sys_sock_send(pair[0], &send, &sent) == 0 && sent.so_datalen == 7);
    cloudabi_iovec_t in = {buf, 8};
    cloudabi_recv_in_t recv = {.ri_data = &in, .ri_data_len = 1, .ri_fds = &got, .ri_fds_len = 1};
    cloudabi_recv_out_t received;
    WANT(cloudabi_sys_sock_recv(pair[1], &recv, &received) == 0 && received.ro_datalen == 7 &&
         received.ro_fdslen == 1);
    WANT(cloudabi_sys_fd_stat_get(got, &stat) == 0 &&
         stat.fs_filetype == CLOUDABI_FILETYPE_DIRECTORY);
    WANT(cloudabi_sys_fd_close(got) == 0);
    WANT(cloudabi_sys_fd_close(pair[0]) == 0);
    if (who % 2)
        WANT(get(pair[1], buf, 8, &done) == 0 && done == 0);
    WANT(cloudabi_sys_fd_close(pair[1]) == 0);
}

static void use_memory(unsigned who)
{
    size_t len = (1 + who % 7) * 8 * PAGE;
    unsigned char *at = pages_map(len, 6);

    WANT(at != NULL);
    if (at == NULL)
        return;
    memset(at, (int)who, len);
    WANT(cloudabi_sys_mem_protect(at + PAGE, PAGE, CLOUDABI_PROT_READ) == 0);
    WANT(at[PAGE] == (unsigned char)who && at[len - 1] == (unsigned char)who);
    WANT(cloudabi_sys_mem_advise(at + 2 * PAGE, PAGE, CLOUDABI_ADVICE_DONTNEED) == 0);
    WANT(at[2 * PAGE] == 0);
    WANT(cloudabi_sys_mem_unmap(at + 4 * PAGE, PAGE) == 0);
    WANT(at[3 * PAGE] == (unsigned char)who && at[5 * PAGE] == (unsigned char)who);
    WANT(cloudabi_sys_mem_unmap(at, len) == 0);
    unsigned char *block = heap_get(who * 321 % 5000);
    memset(block, 1, who * 321 % 5000);
    heap_put(block);
    maps++;
}

/* Only calls in the child: another thread may have held any lock. */
static void use_processes(unsigned who, unsigned round)
{
    cloudabi_fd_t process = NO_FD;
    cloudabi_tid_t parent = own_tid;
    volatile unsigned mine = who;

    if (fork_child(&process)) {
        mine = 99;
        if (round % 3 == 0)
            (void)cloudabi_sys_proc_raise(CLOUDABI_SIGKILL);
        cloudabi_sys_proc_exit(who * 1000 + round + (own_tid == parent));
    }
    cloudabi_event_t event = wait_child(process);
    WANT(event.error == 0);
    if (round % 3 == 0)
        WANT(event.proc_terminate.signal == CLOUDABI_SIGKILL);
    else
        WANT(event.proc_terminate.exitcode == who * 1000 + round);
    WANT(mine == who && own_tid == parent);
    WANT(cloudabi_sys_fd_close(process) == 0);
    forks++;
}

static void *nothing(void *arg)
{
    return arg;
}

static void *work(void *arg)
{
    unsigned who = (unsigned)(uintptr_t)arg;

    for (unsigned round = 0; round < ROUNDS; round++) {
        use_files(who, round);
        use_sockets(who + round);
        use_memory(who + round);
        if (round % 2 == who % 2)
            use_processes(who, round);
        struct thread *thread = thread_start(nothing, arg);
        WANT(thread != NULL && thread_join(thread) == arg);
    }
    return NULL;
}

void program(void)
{
    struct thread *threads[64];
    unsigned count = arg_nthreads > 0 && arg_nthreads <= 64 ? (unsigned)arg_nthreads : 4;
    cloudabi_fdstat_t stat;
    unsigned open = 0;

    for (uintptr_t i = 0; i < count; i++)
        threads[i] = thread_start(work, (void *)i);
    for (unsigned i = 0; i < count; i++)
        thread_join(threads[i]);
    CHECK_IS(problems, 0);
    CHECK_IS(files, ROUNDS * count);
    CHECK_IS(maps, ROUNDS * count);
    CHECK_IS(forks, ROUNDS / 2 * count);
    for (cloudabi_fd_t fd = 0; fd < 1024; fd++)
        open += cloudabi_sys_fd_stat_get(fd, &stat) == 0;
    CHECK_IS(open, arg_self != NO_FD ? 3 : 2);
}
