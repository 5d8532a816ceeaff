/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors: numbers, rights that only shrink, socket pairs, and descriptors that travel over them. */
#include "tests/guest/call.h"
#include "tests/guest/tap.h"

static void test_numbers(void)
{
    cloudabi_fd_t a, b, c;
    cloudabi_fdstat_t stat;

    CHECK_RETURNS(cloudabi_sys_fd_close(NO_FD), CLOUDABI_EBADF);
    CHECK_RETURNS(cloudabi_sys_fd_close(0xffffffff), CLOUDABI_EBADF);
    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b), 0);
    CHECK(a != b);
    CHECK_RETURNS(cloudabi_sys_fd_dup(a, &c), 0);
    CHECK(c != a && c != b);
    CHECK_RETURNS(cloudabi_sys_fd_replace(a, NO_FD), CLOUDABI_EBADF);
    CHECK_RETURNS(cloudabi_sys_fd_replace(NO_FD, a), CLOUDABI_EBADF);
    CHECK_RETURNS(cloudabi_sys_fd_replace(b, c), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(b), 0);
    CHECK_RETURNS(cloudabi_sys_fd_stat_get(c, &stat), 0);
    CHECK(stat.fs_filetype == CLOUDABI_FILETYPE_SOCKET_STREAM);
    CHECK_RETURNS(cloudabi_sys_fd_close(a), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(a), CLOUDABI_EBADF);
    CHECK_RETURNS(cloudabi_sys_fd_close(c), 0);
    CHECK_RETURNS(cloudabi_sys_fd_create2(77, &a, &b), CLOUDABI_EINVAL);
}

static void test_rights_only_shrink(void)
{
    cloudabi_fd_t a, b;
    cloudabi_fdstat_t stat;
    size_t done;
    char byte = 'x';

    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b), 0);
    CHECK_RETURNS(cloudabi_sys_fd_stat_get(a, &stat), 0);
    CHECK(stat.fs_rights_base == UINT64_C(0x801008004a));
    CHECK_RETURNS(narrow(a, CLOUDABI_RIGHT_FD_READ, 0), 0);
    CHECK_RETURNS(put(a, &byte, 1, &done), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(narrow(a, CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE, 0),
                  CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(narrow(a, 0, CLOUDABI_RIGHT_FD_READ), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(narrow(a, 0, 0), 0);
    CHECK_RETURNS(get(a, &byte, 1, &done), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(cloudabi_sys_fd_stat_put(b, &stat, 0), CLOUDABI_EINVAL);
    CHECK_RETURNS(cloudabi_sys_fd_stat_put(b, &stat, 3), CLOUDABI_EINVAL);
    cloudabi_sys_fd_close(a);
    cloudabi_sys_fd_close(b);
}

static void test_streams(void)
{
    cloudabi_fd_t a, b;
    size_t done = 0;
    char buf[16];

    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b), 0);
    CHECK_RETURNS(put(a, (void *)8, 1, &done), CLOUDABI_EFAULT);
    CHECK_RETURNS(put(a, "hello", 5, &done), 0);
    CHECK(done == 5);
    CHECK_RETURNS(get(b, buf, 3, &done), 0);
    CHECK(done == 3 && memcmp(buf, "hel", 3) == 0);
    CHECK_RETURNS(get(b, buf, 16, &done), 0);
    CHECK(done == 2 && memcmp(buf, "lo", 2) == 0);
    CHECK_RETURNS(cloudabi_sys_sock_shutdown(a, CLOUDABI_SHUT_WR), 0);
    CHECK_RETURNS(get(b, buf, 16, &done), 0);
    CHECK(done == 0);
    CHECK_RETURNS(put(b, "x", 1, &done), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(a), 0);
    CHECK_RETURNS(put(b, "x", 1, &done), CLOUDABI_EPIPE);
    cloudabi_sys_fd_close(b);
}

static void test_nonblocking(void)
{
    cloudabi_fd_t a, b;
    cloudabi_fdstat_t flags = {.fs_flags = CLOUDABI_FDFLAG_NONBLOCK};
    static char big[65536];
    size_t done = 0, total = 0;
    cloudabi_errno_t error;

    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b), 0);
    /* Sockets do not have the right to change flags by the mask of their type; then this is refused. */
    error = cloudabi_sys_fd_stat_put(a, &flags, CLOUDABI_FDSTAT_FLAGS);
    CHECK(error == 0 || error == CLOUDABI_ENOTCAPABLE);
    if (error == 0) {
        CHECK_RETURNS(get(a, big, 1, &done), CLOUDABI_EAGAIN);
        while ((error = put(a, big, sizeof(big), &done)) == 0 && total < (64u << 20))
            total += done;
        CHECK(error == CLOUDABI_EAGAIN && total > 0);
    }
    cloudabi_sys_fd_close(a);
    cloudabi_sys_fd_close(b);
}

static cloudabi_errno_t send_fd(cloudabi_fd_t sock, cloudabi_fd_t fd)
{
    cloudabi_ciovec_t vec = {.buf = "d", .buf_len = 1};
    cloudabi_send_in_t in = {.si_data = &vec, .si_data_len = 1, .si_fds = &fd, .si_fds_len = 1};
    cloudabi_send_out_t out;

    return cloudabi_sys_sock_send(sock, &in, &out);
}

static cloudabi_errno_t receive_fd(cloudabi_fd_t sock, cloudabi_fd_t *fd, size_t *count)
{
    char byte;
    cloudabi_iovec_t vec = {.buf = &byte, .buf_len = 1};
    cloudabi_recv_in_t in = {.ri_data = &vec, .ri_data_len = 1, .ri_fds = fd, .ri_fds_len = 1};
    cloudabi_recv_out_t out = {0};
    cloudabi_errno_t error = cloudabi_sys_sock_recv(sock, &in, &out);

    *count = out.ro_fdslen;
    return error;
}

static void test_passing(cloudabi_filetype_t type)
{
    cloudabi_fd_t a, b, c, d, got = NO_FD;
    cloudabi_fdstat_t stat;
    size_t count = 0, done;
    char byte = 0;

    CHECK_RETURNS(cloudabi_sys_fd_create2(type, &a, &b), 0);
    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &c, &d), 0);
    CHECK_RETURNS(narrow(d, CLOUDABI_RIGHT_FD_READ, 0), 0);
    CHECK_RETURNS(send_fd(a, d), 0);
    CHECK_RETURNS(send_fd(a, NO_FD), CLOUDABI_EBADF);
    CHECK_RETURNS(cloudabi_sys_fd_close(d), 0);
    CHECK_RETURNS(put(c, "y", 1, &done), 0);
    CHECK_RETURNS(receive_fd(b, &got, &count), 0);
    CHECK(count == 1);
    CHECK_RETURNS(cloudabi_sys_fd_stat_get(got, &stat), 0);
    CHECK(stat.fs_rights_base == CLOUDABI_RIGHT_FD_READ);
    CHECK_RETURNS(get(got, &byte, 1, &done), 0);
    CHECK(byte == 'y');
    /* One that is on its way when both ends close is given up with them. */
    CHECK_RETURNS(send_fd(a, got), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(got), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(a), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(b), 0);
    CHECK_RETURNS(put(c, "z", 1, &done), CLOUDABI_EPIPE);
    cloudabi_sys_fd_close(c);
}

static void test_datagrams(void)
{
    cloudabi_fd_t a, b;
    size_t done = 0;
    char buf[16];

    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_DGRAM, &a, &b), 0);
    CHECK_RETURNS(put(a, "one", 3, &done), 0);
    CHECK_RETURNS(put(a, "three", 5, &done), 0);
    CHECK_RETURNS(get(b, buf, 16, &done), 0);
    CHECK(done == 3 && memcmp(buf, "one", 3) == 0);
    CHECK_RETURNS(get(b, buf, 2, &done), 0);
    CHECK(done == 2 && memcmp(buf, "th", 2) == 0);
    cloudabi_sys_fd_close(a);
    cloudabi_sys_fd_close(b);
}

static void test_poll(void)
{
    cloudabi_fd_t a, b;
    cloudabi_event_t out[2];
    size_t count = 0, done;

    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b), 0);
    cloudabi_subscription_t in[2] = {
        {.userdata = 1, .type = CLOUDABI_EVENTTYPE_FD_READ, .fd_readwrite = {.fd = b, .flags = 1}},
        {.userdata = 2,
         .type = CLOUDABI_EVENTTYPE_CLOCK,
         .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = 20000000}},
    };
    CHECK_RETURNS(cloudabi_sys_poll(in, out, 2, &count), 0);
    CHECK(count == 1 && out[0].userdata == 2 && out[0].error == 0);
    CHECK_RETURNS(put(a, "abc", 3, &done), 0);
    CHECK_RETURNS(cloudabi_sys_poll(in, out, 2, &count), 0);
    CHECK(count == 1 && out[0].userdata == 1 && out[0].fd_readwrite.nbytes == 3);
    CHECK_RETURNS(cloudabi_sys_fd_close(a), 0);
    CHECK_RETURNS(cloudabi_sys_poll(in, out, 2, &count), 0);
    CHECK((out[0].fd_readwrite.flags & CLOUDABI_EVENT_FD_READWRITE_HANGUP) != 0);
    in[0].fd_readwrite.fd = NO_FD;
    CHECK_RETURNS(cloudabi_sys_poll(in, out, 1, &count), 0);
    CHECK(count == 1 && out[0].error == CLOUDABI_EBADF);
    cloudabi_sys_fd_close(b);
}

int main(void)
{
    test_numbers();
    test_rights_only_shrink();
    test_streams();
    test_nonblocking();
    test_passing(CLOUDABI_FILETYPE_SOCKET_STREAM);
    test_passing(CLOUDABI_FILETYPE_SOCKET_DGRAM);
    test_datagrams();
    test_poll();
    return tap_end();
}
