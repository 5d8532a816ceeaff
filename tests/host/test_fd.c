/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptor tables, rights, socket pairs, descriptors in messages, and the collector of their cycles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/kernel_calls.h"
#include "kernel/fd/numbers.h"
#include "kernel/fd/pass.h"
#include "kernel/fd/ring.h"
#include "kernel/fd/stream.h"
#include "kernel/proc/process.h"
#include "tests/host/fd_mock.h"

#define RW (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE)

static int setup(void **state)
{
    (void)state;
    mock_reset();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mock_end();
    return 0;
}

/* --- calls by descriptor, as a program makes them ----------------------------------------------- */

static void make_pair(cloudabi_filetype_t type, cloudabi_fd_t fd[2])
{
    struct file *a, *b;
    cloudabi_errno_t error = type == CLOUDABI_FILETYPE_SOCKET_STREAM
                                 ? stream_create(&job_root, &a, &b)
                                 : dgram_create(&job_root, &a, &b);
    assert_int_equal(error, 0);
    assert_int_equal(fd_install(a, rights_of_type(type), &fd[0]), 0);
    assert_int_equal(fd_install(b, rights_of_type(type), &fd[1]), 0);
}

static cloudabi_errno_t do_write(cloudabi_fd_t fd, const void *data, size_t len, size_t *done)
{
    struct fd_grant grant;
    struct user_buf buf = {user_addr((uint64_t)data), len};
    struct user_vec vec;
    cloudabi_errno_t error = fd_get(fd, CLOUDABI_RIGHT_FD_WRITE, &grant);
    if (error != 0)
        return error;
    user_vec_copyin(&vec, user_addr((uint64_t)&buf), 1);
    error = file_write(grant.file, &vec, NULL, done);
    fd_put(&grant);
    return error;
}

static cloudabi_errno_t do_read(cloudabi_fd_t fd, void *data, size_t len, size_t *done)
{
    struct fd_grant grant;
    struct user_buf buf = {user_addr((uint64_t)data), len};
    struct user_vec vec;
    cloudabi_errno_t error = fd_get(fd, CLOUDABI_RIGHT_FD_READ, &grant);
    if (error != 0)
        return error;
    user_vec_copyin(&vec, user_addr((uint64_t)&buf), 1);
    error = file_read(grant.file, &vec, NULL, done);
    fd_put(&grant);
    return error;
}

static cloudabi_errno_t do_send(cloudabi_fd_t fd, const char *data, const cloudabi_fd_t *fds,
                                size_t count)
{
    struct fd_grant grant;
    cloudabi_ciovec_t buf = {data, strlen(data)};
    cloudabi_send_in_t in = {&buf, 1, fds, count, 0};
    cloudabi_send_out_t out;
    cloudabi_errno_t error = fd_get(fd, CLOUDABI_RIGHT_FD_WRITE, &grant);
    if (error != 0)
        return error;
    error = sys_sock_send(&grant, &in, &out);
    if (error == 0)
        assert_int_equal(out.so_datalen, strlen(data));
    fd_put(&grant);
    return error;
}

static cloudabi_errno_t do_recv(cloudabi_fd_t fd, void *data, size_t len, cloudabi_fd_t *fds,
                                size_t room, cloudabi_riflags_t flags, cloudabi_recv_out_t *out)
{
    struct fd_grant grant;
    cloudabi_iovec_t buf = {data, len};
    cloudabi_recv_in_t in = {&buf, 1, fds, room, flags};
    cloudabi_errno_t error = fd_get(fd, CLOUDABI_RIGHT_FD_READ, &grant);
    if (error != 0)
        return error;
    memset(out, 0, sizeof(*out));
    error = sys_sock_recv(&grant, &in, out);
    fd_put(&grant);
    return error;
}

static void set_nonblock(cloudabi_fd_t fd)
{
    struct fd_grant grant;
    assert_int_equal(fd_get(fd, 0, &grant), 0);
    grant.file->flags = CLOUDABI_FDFLAG_NONBLOCK;
    fd_put(&grant);
}

static struct poll_state do_poll(cloudabi_fd_t fd, bool write)
{
    struct fd_grant grant;
    struct poll_state state;
    assert_int_equal(fd_get(fd, 0, &grant), 0);
    file_poll(grant.file, write, NULL, &state);
    fd_put(&grant);
    return state;
}

static void expect_bytes(cloudabi_fd_t fd, size_t room, const char *text)
{
    char buf[256];
    size_t n = 999;
    assert_int_equal(do_read(fd, buf, room, &n), 0);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(buf, text, n);
}

/* --- pure parts --------------------------------------------------------------------------------- */

static void numbers_are_lowest_first(void **state)
{
    (void)state;
    static struct fd_numbers numbers;
    uint32_t n;
    memset(&numbers, 0, sizeof(numbers));
    for (uint32_t i = 0; i < FD_NUMBERS; i++) {
        assert_true(fd_number_lowest(&numbers, &n));
        assert_int_equal(n, i);
        fd_number_take(&numbers, n);
    }
    assert_false(fd_number_lowest(&numbers, &n));
    fd_number_free(&numbers, 4095);
    fd_number_free(&numbers, 65);
    assert_true(fd_number_lowest(&numbers, &n));
    assert_int_equal(n, 65);
    fd_number_take(&numbers, n);
    assert_true(fd_number_lowest(&numbers, &n));
    assert_int_equal(n, 4095);
}

static void rights_only_shrink(void **state)
{
    (void)state;
    struct rights have = rights_of_type(CLOUDABI_FILETYPE_DIRECTORY);
    struct rights less = {CLOUDABI_RIGHT_FILE_OPEN, CLOUDABI_RIGHT_FD_READ};
    assert_int_equal(rights_narrow(&have, &less), 0);
    struct rights more = {CLOUDABI_RIGHT_FILE_OPEN, RW};
    assert_int_equal(rights_narrow(&have, &more), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(have.inheriting, CLOUDABI_RIGHT_FD_READ);
    more = (struct rights){CLOUDABI_RIGHT_FILE_OPEN | CLOUDABI_RIGHT_FILE_UNLINK, 0};
    assert_int_equal(rights_narrow(&have, &more), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(rights_check(have.base, 0), 0);
}

static void rights_of_opened_files(void **state)
{
    (void)state;
    struct rights asked = {RW | CLOUDABI_RIGHT_FILE_OPEN, RW};
    struct rights given = {CLOUDABI_RIGHT_FD_READ, 0};
    struct rights got = rights_of_open(&asked, RW, NULL, CLOUDABI_FILETYPE_REGULAR_FILE);
    assert_int_equal(got.base, RW);
    assert_int_equal(got.inheriting, 0);
    got = rights_of_open(&asked, RW, &given, CLOUDABI_FILETYPE_SOCKET_STREAM);
    assert_int_equal(got.base, CLOUDABI_RIGHT_FD_READ);
    assert_int_equal(rights_of_type(CLOUDABI_FILETYPE_PROCESS).base, 0x40080000);
    assert_int_equal(rights_of_type(CLOUDABI_FILETYPE_SYMBOLIC_LINK).base, 0);
}

static void ring_rewinds_and_keeps_few_pages(void **state)
{
    (void)state;
    struct ring ring = {.head = 70000, .tail = 70000, .count = RING_PAGES};
    assert_int_equal(ring_rewind(&ring), RING_KEEP);
    assert_int_equal(ring.tail, 0);
    ring.head = ring.tail = 1;
    assert_int_equal(ring_rewind(&ring), RING_KEEP); /* the large use was the last but one */
    ring.head = ring.tail = 1;
    assert_int_equal(ring_rewind(&ring), 1);
    ring.tail = RING_CAPACITY;
    assert_int_equal(ring_room(&ring), 0);
}

/* --- tables ------------------------------------------------------------------------------------- */

static void table_gives_lowest_and_charges(void **state)
{
    (void)state;
    cloudabi_fd_t fd[2], more[2];
    struct fd_grant grant;
    assert_int_equal(fd_get(0, 0, &grant), CLOUDABI_EBADF);
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
    assert_int_equal(fd[0], 0);
    assert_int_equal(fd[1], 1);
    assert_int_equal(fd_get(0, CLOUDABI_RIGHT_FD_SEEK, &grant), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(fd_get(0xffffffff, 0, &grant), CLOUDABI_EBADF);
    assert_int_equal(fd_close(0), 0);
    assert_int_equal(fd_close(0), CLOUDABI_EBADF);
    assert_int_equal(fd_reserve(more, 2), 0);
    assert_int_equal(more[0], 0);
    assert_int_equal(more[1], 2);
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 3);
    assert_int_equal(fd_close(2), CLOUDABI_EBADF); /* reserved is not open */
    assert_int_equal(fd_replace(1, 2), CLOUDABI_EBADF);
    fd_unreserve(more, 2);
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 1);
}

static void table_full_and_over_budget(void **state)
{
    (void)state;
    static cloudabi_fd_t fds[FD_MAX + 1];
    cloudabi_fd_t one;
    assert_int_equal(fd_reserve(fds, FD_MAX + 1), CLOUDABI_EMFILE);
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 0);
    assert_int_equal(fd_reserve(fds, FD_MAX), 0);
    assert_int_equal(fd_reserve(&one, 1), CLOUDABI_EMFILE);
    fd_unreserve(fds, FD_MAX);
    mock.limit[JOB_DESCRIPTORS] = 5;
    assert_int_equal(fd_reserve(fds, 6), CLOUDABI_ENOMEM);
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 0);
}

static void table_copies_and_selects(void **state)
{
    (void)state;
    cloudabi_fd_t fd[2], reserved;
    struct fd_table *copy;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
    assert_int_equal(fd_reserve(&reserved, 1), 0);
    assert_int_equal(fd_table_copy(process_self()->fds, &job_root, &copy), 0);
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 3 + 2);
    fd_table_destroy(copy);
    const cloudabi_fd_t list[] = {1, 1, 0}, bad[] = {0, reserved};
    assert_int_equal(fd_table_select(process_self()->fds, &job_root, list, 3, &copy), 0);
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 3 + 3);
    fd_table_destroy(copy);
    assert_int_equal(fd_table_select(process_self()->fds, &job_root, bad, 2, &copy),
                     CLOUDABI_EBADF);
    assert_int_equal(fd_table_select(process_self()->fds, &job_root, NULL, 0, &copy), 0);
    fd_table_destroy(copy);
    fd_unreserve(&reserved, 1);
}

static void replace_closes_the_old(void **state)
{
    (void)state;
    cloudabi_fd_t a[2], b[2];
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, a);
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, b);
    assert_int_equal(fd_replace(a[0], b[0]), 0);
    assert_int_equal(fd_replace(a[0], a[0]), 0);
    expect_bytes(b[1], 10, ""); /* its peer is gone */
    assert_int_equal(fd_replace(a[0], 77), CLOUDABI_EBADF);
    assert_int_equal(fd_replace(77, a[0]), CLOUDABI_EBADF);
    struct rights none = {0, 0};
    size_t n;
    assert_int_equal(fd_narrow(a[0], &none), 0);
    assert_int_equal(do_write(a[0], "x", 1, &n), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(do_write(b[0], "x", 1, &n), 0); /* the copy keeps its rights */
    expect_bytes(a[1], 10, "x");
}

/* --- streams ------------------------------------------------------------------------------------ */

static void stream_moves_bytes_both_ways(void **state)
{
    (void)state;
    cloudabi_fd_t fd[2];
    size_t n;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(do_write(fd[i & 1], "a", 1, &n), 0);
        assert_int_equal(n, 1);
        expect_bytes(fd[(i & 1) ^ 1], 8, "a");
    }
    assert_int_equal(mock.frames, 2);
    assert_int_equal(do_write(fd[0], "hello", 5, &n), 0);
    expect_bytes(fd[1], 2, "he");
    assert_int_equal(do_poll(fd[1], false).nbytes, 3);
    assert_int_equal(fd_close(fd[0]), 0);
    assert_true(do_poll(fd[1], false).flags & CLOUDABI_EVENT_FD_READWRITE_HANGUP);
    expect_bytes(fd[1], 9, "llo"); /* what was written before the close */
    expect_bytes(fd[1], 9, "");
    assert_int_equal(do_write(fd[1], "x", 1, &n), CLOUDABI_EPIPE);
    assert_true(do_poll(fd[1], true).flags & CLOUDABI_EVENT_FD_READWRITE_HANGUP);
}

static void stream_content_survives_any_pieces(void **state)
{
    (void)state;
    static uint8_t out[200000], in[200000];
    cloudabi_fd_t fd[2];
    size_t written = 0, read = 0, n;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
    set_nonblock(fd[0]);
    set_nonblock(fd[1]);
    srand(1);
    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)rand();
    while (read < sizeof(in)) {
        size_t len = (size_t)rand() % 30000;
        mock.fault_after = rand() % 4 ? SIZE_MAX : (size_t)rand() % 9000;
        if (len > sizeof(out) - written)
            len = sizeof(out) - written;
        if (do_write(fd[0], out + written, len, &n) == 0)
            written += n;
        mock.fault_after = rand() % 4 ? SIZE_MAX : (size_t)rand() % 9000;
        len = (size_t)rand() % 20000;
        if (len > sizeof(in) - read)
            len = sizeof(in) - read;
        if (do_read(fd[1], in + read, len, &n) == 0)
            read += n;
    }
    assert_memory_equal(in, out, sizeof(in));
    assert_true(mock.touches > 0);
    assert_true(mock.frames <= RING_KEEP);
}

static cloudabi_fd_t drained;
static size_t drained_bytes;

static cloudabi_errno_t drain_some(void)
{
    static char buf[20000];
    size_t n;
    assert_int_equal(do_read(drained, buf, sizeof(buf), &n), 0);
    drained_bytes += n;
    return 0;
}

static void stream_long_writes_block_piecewise(void **state)
{
    (void)state;
    static char big[300000];
    cloudabi_fd_t fd[2];
    size_t n;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
    drained = fd[1];
    drained_bytes = 0;
    mock.park = drain_some;
    assert_int_equal(do_write(fd[0], big, sizeof(big), &n), 0);
    assert_int_equal(n, sizeof(big));
    assert_true(mock.parks > 5);
    while (drained_bytes < sizeof(big))
        drain_some();
    assert_int_equal(drained_bytes, sizeof(big));
}

static void stream_nonblock_and_small_writes_whole(void **state)
{
    (void)state;
    static char big[70000];
    cloudabi_fd_t fd[2];
    size_t n;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
    set_nonblock(fd[0]);
    set_nonblock(fd[1]);
    assert_int_equal(do_read(fd[1], big, 1, &n), CLOUDABI_EAGAIN);
    assert_true(do_poll(fd[0], true).ready);
    assert_int_equal(do_write(fd[0], big, 65000, &n), 0);
    assert_int_equal(n, 65000);
    assert_false(do_poll(fd[0], true).ready);
    assert_int_equal(do_write(fd[0], big, 4096, &n), CLOUDABI_EAGAIN); /* not split */
    assert_int_equal(do_write(fd[0], big, 5000, &n), 0);
    assert_int_equal(n, 536);
    assert_int_equal(do_write(fd[0], big, 1, &n), CLOUDABI_EAGAIN);
    assert_int_equal(do_read(fd[1], big, sizeof(big), &n), 0);
    assert_int_equal(n, 65536);
    assert_true(do_poll(fd[0], true).ready);
    assert_false(do_poll(fd[1], false).ready);
}

static void stream_bad_memory_moves_nothing(void **state)
{
    (void)state;
    char buf[64];
    cloudabi_fd_t fd[2];
    size_t n = 0;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
    mock.fault_after = 3;
    mock.touch_fails = true;
    assert_int_equal(do_write(fd[0], "abcdef", 6, &n), CLOUDABI_EFAULT);
    mock.fault_after = SIZE_MAX;
    assert_int_equal(do_write(fd[0], "ghi", 3, &n), 0);
    mock.fault_after = 0;
    assert_int_equal(do_read(fd[1], buf, 3, &n), CLOUDABI_EFAULT);
    mock.fault_after = SIZE_MAX;
    expect_bytes(fd[1], 9, "ghi");
    mock.limit[JOB_MEMORY] = 0;
    for (int i = 0; i < 1; i++)
        assert_int_equal(do_write(fd[1], "x", 1, &n), CLOUDABI_ENOMEM);
    mock.limit[JOB_MEMORY] = UINT64_MAX;
}

static void stream_shutdown_each_way(void **state)
{
    (void)state;
    cloudabi_fd_t fd[2];
    struct fd_grant grant;
    size_t n;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
    assert_int_equal(do_write(fd[0], "ab", 2, &n), 0);
    assert_int_equal(fd_get(fd[0], 0, &grant), 0);
    assert_int_equal(file_shutdown(grant.file, CLOUDABI_SHUT_WR), 0);
    assert_int_equal(do_write(fd[0], "c", 1, &n), CLOUDABI_EPIPE);
    expect_bytes(fd[1], 9, "ab");
    expect_bytes(fd[1], 9, "");
    assert_int_equal(do_write(fd[1], "back", 4, &n), 0);
    expect_bytes(fd[0], 9, "back");
    assert_int_equal(do_write(fd[1], "lost", 4, &n), 0);
    assert_int_equal(file_shutdown(grant.file, CLOUDABI_SHUT_RD), 0);
    expect_bytes(fd[0], 9, "");
    assert_int_equal(do_write(fd[1], "x", 1, &n), CLOUDABI_EPIPE);
    assert_int_equal(fd_close(fd[1]), 0);
    assert_int_equal(file_shutdown(grant.file, CLOUDABI_SHUT_RD), CLOUDABI_ENOTCONN);
    fd_put(&grant);
}

static void stream_peek_and_waitall(void **state)
{
    (void)state;
    char buf[16];
    cloudabi_fd_t fd[2];
    cloudabi_recv_out_t out;
    size_t n;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
    assert_int_equal(do_write(fd[0], "abcd", 4, &n), 0);
    assert_int_equal(do_recv(fd[1], buf, 16, NULL, 0, CLOUDABI_SOCK_RECV_PEEK, &out), 0);
    assert_int_equal(out.ro_datalen, 4);
    mock.parks = 0;
    assert_int_equal(do_recv(fd[1], buf, 16, NULL, 0, CLOUDABI_SOCK_RECV_WAITALL, &out), 0);
    assert_int_equal(out.ro_datalen, 4); /* killed while it waited for more */
    assert_int_equal(mock.parks, 1);
}

/* --- descriptors in messages -------------------------------------------------------------------- */

static void reads_stop_before_descriptors(void **state)
{
    (void)state;
    char buf[16];
    cloudabi_fd_t fd[2], other[2], got[4];
    cloudabi_recv_out_t out;
    size_t n;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, other);
    assert_int_equal(do_write(fd[0], "A", 1, &n), 0);
    assert_int_equal(do_send(fd[0], "BC", other, 2), 0);
    assert_int_equal(do_write(fd[0], "DE", 2, &n), 0);
    assert_int_equal(do_send(fd[0], "F", other, 1), 0);
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 4 + 3);
    expect_bytes(fd[1], 16, "A");
    assert_int_equal(do_recv(fd[1], buf, 16, got, 4, CLOUDABI_SOCK_RECV_PEEK, &out),
                     CLOUDABI_ENOTSUP);
    assert_int_equal(do_recv(fd[1], buf, 16, got, 4, CLOUDABI_SOCK_RECV_WAITALL, &out), 0);
    assert_int_equal(out.ro_datalen, 4);
    assert_int_equal(out.ro_fdslen, 2);
    assert_int_equal(out.ro_flags, 0);
    assert_memory_equal(buf, "BCDE", 4);
    assert_int_equal(do_write(got[0], "!", 1, &n), 0);
    expect_bytes(other[1], 9, "!");
    expect_bytes(fd[1], 16, "F"); /* its descriptor is dropped */
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 6);
}

static void descriptors_are_cut_and_refused(void **state)
{
    (void)state;
    char buf[16];
    cloudabi_fd_t fd[2], got[4];
    const cloudabi_fd_t bad[] = {0, 99};
    cloudabi_recv_out_t out;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
    assert_int_equal(do_send(fd[0], "x", bad, 2), CLOUDABI_EBADF);
    assert_int_equal(do_send(fd[0], "", fd, 1), CLOUDABI_EMSGSIZE);
    assert_int_equal(do_send(fd[0], "x", fd, 2), 0);
    assert_int_equal(do_recv(fd[1], buf, 16, got, 1, 0, &out), 0);
    assert_int_equal(out.ro_fdslen, 1);
    assert_int_equal(out.ro_flags, CLOUDABI_SOCK_RECV_FDS_TRUNCATED);
    assert_int_equal(do_send(fd[0], "x", fd, 2), 0);
    assert_int_equal(do_recv(fd[1], buf, 16, NULL, 0, 0, &out), 0);
    assert_int_equal(out.ro_flags, 0);
    mock.limit[JOB_DESCRIPTORS] = mock.used[JOB_DESCRIPTORS];
    assert_int_equal(do_send(fd[0], "x", fd, 1), CLOUDABI_ENOMEM);
}

static void dgram_keeps_boundaries(void **state)
{
    (void)state;
    static char big[65537];
    char buf[16];
    cloudabi_fd_t fd[2], got[2];
    cloudabi_recv_out_t out;
    size_t n;
    make_pair(CLOUDABI_FILETYPE_SOCKET_DGRAM, fd);
    set_nonblock(fd[0]);
    set_nonblock(fd[1]);
    assert_int_equal(do_write(fd[0], big, 65537, &n), CLOUDABI_EMSGSIZE);
    assert_int_equal(do_write(fd[0], "one", 3, &n), 0);
    assert_int_equal(do_write(fd[0], "", 0, &n), 0);
    assert_int_equal(do_send(fd[0], "four", fd, 1), 0);
    assert_int_equal(do_write(fd[0], "last", 4, &n), 0);
    assert_int_equal(do_recv(fd[1], buf, 2, got, 2, 0, &out), 0);
    assert_int_equal(out.ro_datalen, 2);
    assert_int_equal(out.ro_flags, CLOUDABI_SOCK_RECV_DATA_TRUNCATED);
    assert_int_equal(out.ro_fdslen, 0);
    expect_bytes(fd[1], 9, "");
    mock.fault_after = 1;
    assert_int_equal(do_recv(fd[1], buf, 16, got, 2, 0, &out), 0);
    assert_int_equal(out.ro_datalen, 4);
    assert_int_equal(out.ro_fdslen, 1);
    assert_int_equal(fd_close(fd[0]), 0);
    assert_int_equal(fd_close(got[0]), 0);
    expect_bytes(fd[1], 9, "last");
    expect_bytes(fd[1], 9, "");
    assert_int_equal(do_write(fd[1], "x", 1, &n), CLOUDABI_EPIPE);
}

static void dgram_queue_is_bounded(void **state)
{
    (void)state;
    cloudabi_fd_t fd[2];
    size_t n, sent = 0;
    make_pair(CLOUDABI_FILETYPE_SOCKET_DGRAM, fd);
    set_nonblock(fd[0]);
    while (do_write(fd[0], "x", 1, &n) == 0)
        sent++;
    assert_int_equal(sent, 128);
    assert_false(do_poll(fd[0], true).ready);
    expect_bytes(fd[1], 9, "x");
    assert_true(do_poll(fd[0], true).ready);
}

/* --- cycles ------------------------------------------------------------------------------------- */

static void an_end_in_its_own_pair_is_freed(void **state)
{
    (void)state;
    cloudabi_fd_t fd[2];
    int64_t before = mock.objects;
    for (int type = 0; type < 2; type++) {
        make_pair(type ? CLOUDABI_FILETYPE_SOCKET_STREAM : CLOUDABI_FILETYPE_SOCKET_DGRAM, fd);
        assert_int_equal(do_send(fd[0], "x", &fd[1], 1), 0);
        assert_int_equal(fd_close(fd[1]), 0);
        assert_int_equal(fd_close(fd[0]), 0);
        assert_int_equal(mock.used[JOB_DESCRIPTORS], 0);
    }
    assert_true(mock.objects <= before + 1); /* the table's array */
}

static void two_pairs_in_each_other_are_freed(void **state)
{
    (void)state;
    cloudabi_fd_t a[2], b[2];
    size_t n;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, a);
    make_pair(CLOUDABI_FILETYPE_SOCKET_DGRAM, b);
    assert_int_equal(do_send(a[0], "x", &b[1], 1), 0); /* b1 waits at a1 */
    assert_int_equal(do_send(b[0], "y", &a[1], 1), 0); /* a1 waits at b1 */
    assert_int_equal(fd_close(a[1]), 0);
    assert_int_equal(do_write(a[0], "z", 1, &n), 0); /* b1 is still open, so a1 lives */
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 3 + 2);
    assert_int_equal(fd_close(b[1]), 0);
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 2);
    assert_int_equal(do_write(a[0], "z", 1, &n), CLOUDABI_EPIPE); /* now they are gone */
    assert_int_equal(do_write(b[0], "z", 1, &n), CLOUDABI_EPIPE);
}

static void what_can_be_received_is_kept(void **state)
{
    (void)state;
    char buf[4];
    cloudabi_fd_t a[2], b[2], c[2], got;
    cloudabi_recv_out_t out;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, a);
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, b);
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, c);
    assert_int_equal(do_send(c[0], "c", &a[0], 1), 0); /* a0 waits at c1 */
    assert_int_equal(do_send(b[0], "b", &c[1], 1), 0); /* c1 waits at b1 */
    assert_int_equal(do_send(a[0], "a", &b[1], 1), 0); /* b1 waits at a1, which stays open */
    assert_int_equal(fd_close(a[0]), 0);
    assert_int_equal(fd_close(b[1]), 0);
    assert_int_equal(fd_close(c[1]), 0);
    assert_int_equal(do_recv(a[1], buf, 4, &got, 1, 0, &out), 0);
    assert_int_equal(do_recv(got, buf, 4, &got, 1, 0, &out), 0);
    assert_int_equal(do_recv(got, buf, 4, &got, 1, 0, &out), 0);
    assert_int_equal(out.ro_fdslen, 1);
    assert_memory_equal(buf, "c", 1);
}

static void long_chains_close_without_nesting(void **state)
{
    (void)state;
    cloudabi_fd_t last[2], next[2];
    mock.tick = 1000000;
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, last);
    for (int i = 0; i < 4000; i++) {
        make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, next);
        assert_int_equal(do_send(next[0], "x", last, 2), 0);
        assert_int_equal(fd_close(last[0]), 0);
        assert_int_equal(fd_close(last[1]), 0);
        last[0] = next[0];
        last[1] = next[1];
    }
    assert_int_equal(fd_close(last[0]), 0);
    assert_int_equal(fd_close(last[1]), 0);
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 0);
}

static void dear_searches_are_put_off_not_forgotten(void **state)
{
    (void)state;
    cloudabi_fd_t all[200][2], fd[2];
    for (int i = 0; i < 200; i++) { /* loaded, reached */
        make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, all[i]);
        assert_int_equal(do_send(all[i][0], "x", all[i], 1), 0);
    }
    mock.tick = 1000000;
    for (int i = 0; i < 3; i++) {
        make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, fd);
        assert_int_equal(do_send(fd[0], "x", &fd[1], 1), 0);
        assert_int_equal(fd_close(fd[1]), 0); /* a search, or a reason for one */
        assert_int_equal(fd_close(fd[0]), 0);
    }
    assert_true(mock.used[JOB_DESCRIPTORS] > 600);
    mock.now += 1000000000;
    assert_int_equal(fd_close(all[0][0]), 0);
    assert_int_equal(fd_close(all[0][1]), 0);
    assert_int_equal(mock.used[JOB_DESCRIPTORS], 199 * 3);
}

/* --- anything in any order -------------------------------------------------------------------- */

#define CROWD 24
static cloudabi_fd_t crowd[CROWD];
static unsigned crowd_count;

static void crowd_add(cloudabi_fd_t fd)
{
    set_nonblock(fd);
    crowd[crowd_count++] = fd;
}

static void crowd_make(cloudabi_filetype_t type)
{
    struct file *file[2];
    cloudabi_fd_t fd;
    if (crowd_count + 2 > CROWD)
        return;
    if ((type == CLOUDABI_FILETYPE_SOCKET_STREAM ? stream_create : dgram_create)(
            &job_root, &file[0], &file[1]) != 0)
        return;
    for (int i = 0; i < 2; i++) {
        if (fd_install(file[i], rights_of_type(type), &fd) == 0)
            crowd_add(fd);
        else
            file_put(file[i]);
    }
}

static cloudabi_fd_t crowd_any(void)
{
    return crowd[(unsigned)rand() % crowd_count];
}

static void crowd_close(unsigned i)
{
    assert_int_equal(fd_close(crowd[i]), 0);
    crowd[i] = crowd[--crowd_count];
}

static void crowd_send(void)
{
    cloudabi_fd_t fds[] = {crowd_any(), crowd_any(), crowd_any()};
    cloudabi_errno_t error = do_send(crowd_any(), "data", fds, (unsigned)rand() % 4);
    assert_true(error == 0 || error == CLOUDABI_EPIPE || error == CLOUDABI_EAGAIN ||
                error == CLOUDABI_ENOMEM);
}

static void crowd_receive(void)
{
    char buf[8];
    cloudabi_fd_t got[3];
    cloudabi_recv_out_t out;
    size_t room = (unsigned)rand() % 3, done;
    if (crowd_count + room > CROWD)
        return;
    if (room == 0)
        (void)do_read(crowd_any(), buf, sizeof(buf), &done);
    else if (do_recv(crowd_any(), buf, 1 + (unsigned)rand() % 8, got, room, 0, &out) == 0)
        for (size_t i = 0; i < out.ro_fdslen; i++)
            crowd_add(got[i]);
}

static void crowd_step(void)
{
    int what = rand() % 16;
    if (crowd_count == 0 || what == 0)
        crowd_make(rand() % 2 ? CLOUDABI_FILETYPE_SOCKET_STREAM : CLOUDABI_FILETYPE_SOCKET_DGRAM);
    else if (what < 7)
        crowd_send();
    else if (what < 11)
        crowd_receive();
    else if (what < 14)
        crowd_close((unsigned)rand() % crowd_count);
}

static void nothing_is_left_of_any_crowd(void **state)
{
    (void)state;
    crowd_count = 0;
    for (int round = 0; round < 300; round++) {
        srand((unsigned)round);
        for (int i = 0; i < 200; i++) {
            if (round % 3 == 0 && i % 16 == 0)
                mock.fail_in = 1 + (unsigned)rand() % 8;
            crowd_step();
        }
        mock.fail_in = 0;
        while (crowd_count > 0)
            crowd_close(crowd_count - 1);
        assert_int_equal(mock.used[JOB_DESCRIPTORS], 0);
        assert_int_equal(mock.frames, 0);
        assert_true(mock.objects <= 2); /* the table and its array */
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_lowest_first),
        cmocka_unit_test(rights_only_shrink),
        cmocka_unit_test(rights_of_opened_files),
        cmocka_unit_test(ring_rewinds_and_keeps_few_pages),
        TEST(table_gives_lowest_and_charges),
        TEST(table_full_and_over_budget),
        TEST(table_copies_and_selects),
        TEST(replace_closes_the_old),
        TEST(stream_moves_bytes_both_ways),
        TEST(stream_content_survives_any_pieces),
        TEST(stream_long_writes_block_piecewise),
        TEST(stream_nonblock_and_small_writes_whole),
        TEST(stream_bad_memory_moves_nothing),
        TEST(stream_shutdown_each_way),
        TEST(stream_peek_and_waitall),
        TEST(reads_stop_before_descriptors),
        TEST(descriptors_are_cut_and_refused),
        TEST(dgram_keeps_boundaries),
        TEST(dgram_queue_is_bounded),
        TEST(an_end_in_its_own_pair_is_freed),
        TEST(two_pairs_in_each_other_are_freed),
        TEST(what_can_be_received_is_kept),
        TEST(long_chains_close_without_nesting),
        TEST(dear_searches_are_put_off_not_forgotten),
        TEST(nothing_is_left_of_any_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
