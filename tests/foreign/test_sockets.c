/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes, socket pairs, descriptors that travel, and poll as poll(3), select and libuv use it. */
#include "tests/foreign/foreign.h"

static cloudabi_fd_t a, b;

static void pair(cloudabi_filetype_t type)
{
    CHECK_IS(cloudabi_sys_fd_create2(type, &a, &b), 0);
}

static void close_pair(void)
{
    CHECK_IS(cloudabi_sys_fd_close(a), 0);
    CHECK_IS(cloudabi_sys_fd_close(b), 0);
}

static cloudabi_errno_t send_fds(cloudabi_fd_t to, const char *text, size_t len,
                                 const cloudabi_fd_t *fds, size_t count)
{
    cloudabi_ciovec_t vec = {text, len};
    cloudabi_send_in_t in = {.si_data = &vec, .si_data_len = 1, .si_fds = fds, .si_fds_len = count};
    cloudabi_send_out_t out = {99};
    cloudabi_errno_t error = cloudabi_sys_sock_send(to, &in, &out);

    return error != 0 ? error : out.so_datalen == len ? 0 : 9999;
}

static cloudabi_recv_out_t recv_out;

static cloudabi_errno_t recv_fds(cloudabi_fd_t from, char *buf, size_t len, cloudabi_fd_t *fds,
                                 size_t count, cloudabi_riflags_t flags)
{
    cloudabi_iovec_t vec = {buf, len};
    cloudabi_recv_in_t in = {
        .ri_data = &vec, .ri_data_len = 1, .ri_fds = fds, .ri_fds_len = count, .ri_flags = flags};

    memset(&recv_out, 0x77, sizeof(recv_out));
    return cloudabi_sys_sock_recv(from, &in, &recv_out);
}

static void set_flags(cloudabi_fd_t fd, cloudabi_fdflags_t flags)
{
    cloudabi_fdstat_t stat = {.fs_flags = flags};

    CHECK_IS(cloudabi_sys_fd_stat_put(fd, &stat, CLOUDABI_FDSTAT_FLAGS), 0);
}

static void test_stream(void)
{
    cloudabi_fdstat_t stat;
    cloudabi_filestat_t file;
    char buf[16];
    size_t done;
    uint64_t at;

    pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    CHECK(a < 1024 && b < 1024);
    CHECK_IS(cloudabi_sys_fd_stat_get(a, &stat), 0);
    CHECK_IS(stat.fs_filetype, CLOUDABI_FILETYPE_SOCKET_STREAM);
    CHECK_IS(stat.fs_rights_base, 0x801008004a);
    CHECK_IS(cloudabi_sys_file_stat_fget(a, &file), 0);
    CHECK_IS(file.st_filetype, CLOUDABI_FILETYPE_SOCKET_STREAM);
    CHECK(cloudabi_sys_fd_seek(a, 0, CLOUDABI_WHENCE_CUR, &at) != 0);
    set_flags(a, CLOUDABI_FDFLAG_NONBLOCK);
    CHECK_IS(get(a, buf, 1, &done), CLOUDABI_EAGAIN);
    CHECK_IS(recv_fds(a, buf, 1, NULL, 0, 0), CLOUDABI_EAGAIN);
    CHECK_IS(put(b, "hello", 5, &done), 0);
    CHECK(get(a, buf, 3, &done) == 0 && done == 3 && memcmp(buf, "hel", 3) == 0);
    CHECK_IS(recv_fds(a, buf, 16, NULL, 0, CLOUDABI_SOCK_RECV_PEEK), 0);
    CHECK(recv_out.ro_datalen == 2 && recv_out.ro_fdslen == 0 && recv_out.ro_flags == 0);
    CHECK(get(a, buf, 16, &done) == 0 && done == 2 && memcmp(buf, "lo", 2) == 0);
    CHECK_IS(cloudabi_sys_sock_shutdown(b, CLOUDABI_SHUT_WR), 0);
    CHECK(get(a, buf, 16, &done) == 0 && done == 0);
    CHECK_IS(put(b, "x", 1, &done), CLOUDABI_EPIPE);
    CHECK(put(a, "y", 1, &done) == 0 && get(b, buf, 1, &done) == 0 && buf[0] == 'y');
    CHECK_IS(cloudabi_sys_sock_shutdown(b, CLOUDABI_SHUT_RD), 0);
    CHECK_IS(put(a, "y", 1, &done), CLOUDABI_EPIPE);
    close_pair();
    pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    CHECK_IS(put(a, "last", 4, &done), 0);
    CHECK_IS(cloudabi_sys_fd_close(a), 0);
    CHECK_IS(put(b, "x", 1, &done), CLOUDABI_EPIPE);
    CHECK(get(b, buf, 16, &done) == 0 && done == 4);
    CHECK(get(b, buf, 16, &done) == 0 && done == 0);
    CHECK_IS(cloudabi_sys_fd_close(b), 0);
    CHECK_IS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_REGULAR_FILE, &a, &b), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_REGULAR_FILE, &a), CLOUDABI_EINVAL);
}

static void test_full(void)
{
    static char block[65536];
    size_t done = 1, total = 0;

    pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    set_flags(a, CLOUDABI_FDFLAG_NONBLOCK);
    while (put(a, block, sizeof(block), &done) == 0 && done > 0 && total < 100000000)
        total += done;
    CHECK(total >= 4096 && total < 100000000);
    CHECK_IS(put(a, block, 1, &done), CLOUDABI_EAGAIN);
    while (total > 0 && get(b, block, sizeof(block), &done) == 0 && done > 0)
        total -= done;
    CHECK_IS(total, 0);
    CHECK_IS(put(a, block, 1, &done), 0);
    close_pair();
}

static void test_dgram(void)
{
    char buf[16];
    size_t done;

    pair(CLOUDABI_FILETYPE_SOCKET_DGRAM);
    CHECK(put(a, "first", 5, &done) == 0 && put(a, "", 0, &done) == 0 &&
          put(a, "third", 5, &done) == 0);
    CHECK(get(b, buf, 2, &done) == 0 && done == 2);
    CHECK(get(b, buf, 16, &done) == 0 && done == 0);
    CHECK_IS(recv_fds(b, buf, 2, NULL, 0, 0), 0);
    CHECK(recv_out.ro_datalen == 2 && recv_out.ro_flags == CLOUDABI_SOCK_RECV_DATA_TRUNCATED);
    close_pair();
}

static void test_merging(void)
{
    char buf[16];
    size_t done;
    cloudabi_fd_t got[4];

    pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    CHECK_IS(put(a, "A", 1, &done), 0);
    CHECK_IS(send_fds(a, "BC", 2, &arg_tmpdir, 1), 0);
    CHECK_IS(put(a, "DE", 2, &done), 0);
    CHECK(get(b, buf, 16, &done) == 0 && done == 1 && buf[0] == 'A');
    CHECK(get(b, buf, 16, &done) == 0 && done == 4 && memcmp(buf, "BCDE", 4) == 0);
    CHECK_IS(put(a, "A", 1, &done), 0);
    CHECK_IS(send_fds(a, "BC", 2, (cloudabi_fd_t[]){arg_tmpdir, a}, 2), 0);
    CHECK_IS(send_fds(a, "DE", 2, &arg_tmpdir, 1), 0);
    CHECK_IS(recv_fds(b, buf, 16, got, 4, 0), 0);
    CHECK(recv_out.ro_datalen == 1 && recv_out.ro_fdslen == 0);
    CHECK_IS(recv_fds(b, buf, 16, got, 4, 0), 0);
    CHECK(recv_out.ro_datalen == 2 && recv_out.ro_fdslen == 2 && recv_out.ro_flags == 0);
    cloudabi_fdstat_t had, has;
    CHECK_IS(cloudabi_sys_fd_stat_get(arg_tmpdir, &had), 0);
    CHECK_IS(cloudabi_sys_fd_stat_get(got[0], &has), 0);
    CHECK(memcmp(&had, &has, sizeof(had)) == 0);
    CHECK(got[0] != arg_tmpdir && got[1] != a);
    CHECK(cloudabi_sys_fd_close(got[0]) == 0 && cloudabi_sys_fd_close(got[1]) == 0);
    CHECK_IS(recv_fds(b, buf, 16, got, 4, 0), 0);
    CHECK(recv_out.ro_datalen == 2 && recv_out.ro_fdslen == 1);
    CHECK_IS(cloudabi_sys_fd_close(got[0]), 0);
    /* Less room than descriptors; none at all. */
    CHECK_IS(send_fds(a, "x", 1, (cloudabi_fd_t[]){arg_tmpdir, a, b}, 3), 0);
    CHECK_IS(recv_fds(b, buf, 16, got, 1, 0), 0);
    CHECK(recv_out.ro_fdslen == 1 && recv_out.ro_flags == CLOUDABI_SOCK_RECV_FDS_TRUNCATED);
    CHECK_IS(cloudabi_sys_fd_close(got[0]), 0);
    CHECK_IS(send_fds(a, "x", 1, (cloudabi_fd_t[]){arg_tmpdir, a, b}, 3), 0);
    CHECK_IS(recv_fds(b, buf, 16, NULL, 0, 0), 0);
    CHECK(recv_out.ro_datalen == 1 && recv_out.ro_fdslen == 0 && recv_out.ro_flags == 0);
    CHECK_IS(send_fds(a, "x", 1, (cloudabi_fd_t[]){arg_tmpdir, NO_FD}, 2), CLOUDABI_EBADF);
    CHECK_IS(send_fds(arg_tmpdir, "x", 1, NULL, 0) != 0, true);
    CHECK_IS(recv_fds(arg_logfile, buf, 1, NULL, 0, 0) != 0, true);
    close_pair();
}

/* --- poll -------------------------------------------------------------------------------------------- */

#define SLOTS 40
static cloudabi_subscription_t in[SLOTS];
static cloudabi_event_t out[SLOTS];
static size_t events;

static size_t wanted;

static void want(cloudabi_eventtype_t type, cloudabi_fd_t fd)
{
    in[wanted] = (cloudabi_subscription_t){.userdata = 100 + wanted, .type = type};
    if (type == CLOUDABI_EVENTTYPE_PROC_TERMINATE) {
        in[wanted].proc_terminate.fd = fd;
    } else {
        in[wanted].fd_readwrite.fd = fd;
        in[wanted].fd_readwrite.flags = CLOUDABI_SUBSCRIPTION_FD_READWRITE_POLL;
    }
    wanted++;
}

static void want_clock(uint64_t timeout)
{
    in[wanted] = (cloudabi_subscription_t){
        .userdata = 100 + wanted,
        .type = CLOUDABI_EVENTTYPE_CLOCK,
        .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = timeout}};
    wanted++;
}

static cloudabi_errno_t run_poll(void)
{
    memset(out, 0, sizeof(out));
    events = 999;
    cloudabi_errno_t error = cloudabi_sys_poll(in, out, wanted, &events);
    wanted = 0;
    return error;
}

static const cloudabi_event_t *event_of(size_t index)
{
    static const cloudabi_event_t none = {.error = 7777, .type = 99};

    for (size_t i = 0; i < events && i < SLOTS; i++)
        if (out[i].userdata == 100 + index)
            return &out[i];
    return &none;
}

static void test_poll(void)
{
    cloudabi_fd_t file, closed, narrow;
    size_t done;

    CHECK_IS(open_at(arg_tmpdir, "polled", O_READ | O_WRITE | O_MAKE | O_CUT, &file), 0);
    CHECK_IS(put(file, "1234567", 7, &done), 0);
    CHECK_IS(open_at(arg_tmpdir, "polled", O_READ, &closed), 0);
    CHECK_IS(cloudabi_sys_fd_dup(file, &narrow), 0);
    cloudabi_fdstat_t stat = {.fs_rights_base = CLOUDABI_RIGHT_FD_READ};
    CHECK_IS(cloudabi_sys_fd_stat_put(narrow, &stat, CLOUDABI_FDSTAT_RIGHTS), 0);
    CHECK_IS(cloudabi_sys_fd_close(closed), 0);
    closed = NO_FD;
    pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    want(CLOUDABI_EVENTTYPE_FD_READ, closed);
    want(CLOUDABI_EVENTTYPE_FD_WRITE, closed);
    want(CLOUDABI_EVENTTYPE_FD_READ, narrow);
    want(CLOUDABI_EVENTTYPE_FD_READ, file);
    want(CLOUDABI_EVENTTYPE_FD_WRITE, file);
    want(CLOUDABI_EVENTTYPE_FD_READ, a);
    want(CLOUDABI_EVENTTYPE_FD_WRITE, a);
    want(CLOUDABI_EVENTTYPE_PROC_TERMINATE, a);
    want(CLOUDABI_EVENTTYPE_PROC_TERMINATE, closed);
    want(CLOUDABI_EVENTTYPE_FD_WRITE, arg_logfile);
    want_clock(UINT64_C(1000000000));
    CHECK_IS(run_poll(), 0);
    CHECK_IS(event_of(0)->error, CLOUDABI_EBADF);
    CHECK_IS(event_of(0)->type, CLOUDABI_EVENTTYPE_FD_READ);
    CHECK_IS(event_of(1)->error, CLOUDABI_EBADF);
    CHECK_IS(event_of(2)->error, CLOUDABI_ENOTCAPABLE);
    CHECK_IS(event_of(3)->error, 0);
    CHECK_IS(event_of(4)->error, 0);
    CHECK_IS(event_of(5)->error, 7777);
    CHECK_IS(event_of(6)->error, 0);
    CHECK(event_of(7)->error != 0 && event_of(7)->error != 7777);
    CHECK_IS(event_of(8)->error, CLOUDABI_EBADF);
    CHECK_IS(event_of(9)->error, 0);
    CHECK_IS(event_of(10)->error, 7777);
    CHECK_IS(put(b, "abc", 3, &done), 0);
    want(CLOUDABI_EVENTTYPE_FD_READ, a);
    CHECK_IS(run_poll(), 0);
    CHECK(events == 1 && out[0].fd_readwrite.nbytes == 3 && out[0].fd_readwrite.flags == 0);
    CHECK_IS(cloudabi_sys_fd_close(b), 0);
    want(CLOUDABI_EVENTTYPE_FD_READ, a);
    want(CLOUDABI_EVENTTYPE_FD_WRITE, a);
    CHECK_IS(run_poll(), 0);
    CHECK_IS(events, 2);
    CHECK_IS(event_of(0)->fd_readwrite.nbytes, 3);
    CHECK_IS(event_of(0)->fd_readwrite.flags, CLOUDABI_EVENT_FD_READWRITE_HANGUP);
    CHECK(event_of(1)->error == CLOUDABI_EPIPE ||
          event_of(1)->fd_readwrite.flags == CLOUDABI_EVENT_FD_READWRITE_HANGUP);
    CHECK_IS(cloudabi_sys_fd_close(a), 0);
    CHECK_IS(cloudabi_sys_fd_close(file), 0);
    CHECK_IS(cloudabi_sys_fd_close(narrow), 0);
    CHECK_IS(run_poll(), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_poll((void *)8, out, 1, &events), CLOUDABI_EFAULT);
}

/* As a loop of libuv: pipes of four children, their ends, a timer. */
static void test_loop(void)
{
    cloudabi_fd_t pipes[4], children[4];
    unsigned ended = 0, bytes = 0, closed = 0, timers = 0, turns = 0, codes = 0;

    for (unsigned i = 0; i < 4; i++) {
        pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
        if (fork_child(&children[i])) {
            size_t done;
            for (unsigned k = 0; k < 3; k++) {
                nap((i + 1) * 3000000);
                (void)put(b, "xyz", 3, &done);
            }
            cloudabi_sys_proc_exit(40 + i);
        }
        (void)cloudabi_sys_fd_close(b);
        pipes[i] = a;
        set_flags(a, CLOUDABI_FDFLAG_NONBLOCK);
    }
    while ((ended < 4 || closed < 4) && turns++ < 500) {
        size_t which[12], count = 0;
        for (unsigned i = 0; i < 4; i++) {
            if (pipes[i] != NO_FD)
                which[count++] = i, want(CLOUDABI_EVENTTYPE_FD_READ, pipes[i]);
            if (children[i] != NO_FD)
                which[count++] = 4 + i, want(CLOUDABI_EVENTTYPE_PROC_TERMINATE, children[i]);
        }
        want_clock(2000000);
        if (run_poll() != 0 || events == 0 || events > count + 1)
            break;
        for (size_t i = 0; i < events; i++) {
            size_t index = out[i].userdata - 100;
            if (index == count) {
                timers++;
            } else if (which[index] < 4) {
                char buf[64];
                size_t done = 0;
                cloudabi_errno_t error = get(pipes[which[index]], buf, sizeof(buf), &done);
                bytes += (unsigned)done;
                if (error == 0 && done == 0) {
                    closed++;
                    (void)cloudabi_sys_fd_close(pipes[which[index]]);
                    pipes[which[index]] = NO_FD;
                }
            } else {
                cloudabi_fd_t *child = &children[which[index] - 4];
                codes += out[i].proc_terminate.exitcode + out[i].proc_terminate.signal * 1000u;
                if (wait_child(*child).proc_terminate.exitcode != out[i].proc_terminate.exitcode)
                    codes += 5000;
                (void)cloudabi_sys_fd_close(*child);
                *child = NO_FD;
                ended++;
            }
        }
    }
    CHECK_IS(ended, 4);
    CHECK_IS(closed, 4);
    CHECK_IS(bytes, 36);
    CHECK_IS(codes, 40 + 41 + 42 + 43);
    CHECK(timers > 0);
}

/* A descriptor that sits in its own socket, and its end. */
static void test_cycles(void)
{
    cloudabi_fd_t again[2];

    for (int i = 0; i < 300; i++) {
        if (cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &again[0], &again[1]) != 0 ||
            send_fds(again[0], "c", 1, again, 2) != 0)
            CHECK(false);
        (void)cloudabi_sys_fd_close(again[0]);
        (void)cloudabi_sys_fd_close(again[1]);
    }
    CHECK(true);
}

static void test_process_descriptor(void)
{
    cloudabi_fd_t process;
    cloudabi_fdstat_t stat;
    cloudabi_filestat_t file;
    size_t done;
    char byte;

    pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    if (fork_child(&process)) {
        (void)cloudabi_sys_fd_close(a);
        nap(UINT64_C(100000000000));
        cloudabi_sys_proc_exit(1);
    }
    CHECK_IS(cloudabi_sys_fd_stat_get(process, &stat), 0);
    CHECK_IS(stat.fs_filetype, CLOUDABI_FILETYPE_PROCESS);
    CHECK_IS(stat.fs_rights_base, 0x40080000);
    CHECK_IS(stat.fs_rights_inheriting, 0);
    CHECK_IS(cloudabi_sys_file_stat_fget(process, &file), 0);
    CHECK_IS(file.st_filetype, CLOUDABI_FILETYPE_PROCESS);
    CHECK(get(process, &byte, 1, &done) != 0);
    (void)cloudabi_sys_fd_close(b);
    cloudabi_fd_t copy;
    CHECK_IS(cloudabi_sys_fd_dup(process, &copy), 0);
    CHECK_IS(cloudabi_sys_fd_close(process), 0);
    want(CLOUDABI_EVENTTYPE_PROC_TERMINATE, copy);
    want_clock(3000000);
    CHECK_IS(run_poll(), 0);
    CHECK(events == 1 && out[0].type == CLOUDABI_EVENTTYPE_CLOCK);
    CHECK_IS(cloudabi_sys_fd_close(copy), 0);
    CHECK(get(a, &byte, 1, &done) == 0 && done == 0);
    (void)cloudabi_sys_fd_close(a);
}

void program(void)
{
    test_stream();
    test_full();
    test_dgram();
    test_merging();
    test_poll();
    test_loop();
    test_cycles();
    test_process_descriptor();
}
