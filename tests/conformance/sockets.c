/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets: streams and datagrams, messages with descriptors, shutting down. */
#include "tests/conformance/call.h"
#include "tests/conformance/suite.h"

#define STREAM CLOUDABI_FILETYPE_SOCKET_STREAM
#define DGRAM  CLOUDABI_FILETYPE_SOCKET_DGRAM
#define PEEK   CLOUDABI_SOCK_RECV_PEEK
#define ALL    CLOUDABI_SOCK_RECV_WAITALL

static const cloudabi_filetype_t kinds[] = {STREAM, DGRAM};
static const char *const kind_names[] = {"stream", "datagrams"};
static const cloudabi_fd_t not_open[] = {0xffffffff, 9999, 0x80000000};
static void *const bad_places[] = {NULL, BAD, BAD_HIGH, BAD_SHAPE, (void *)UINT64_MAX};

static cloudabi_fd_t pair[2];

static void make_pair(unsigned kind)
{
    DESCRIBE("%s", kind_names[kind]);
    new_pair(kinds[kind], pair);
}

static void make_nonblocking(unsigned kind)
{
    make_pair(kind);
    for (int i = 0; i < 2; i++)
        OK(set_flags(pair[i], CLOUDABI_FDFLAG_NONBLOCK));
}

static cloudabi_errno_t write_text(cloudabi_fd_t fd, const char *text)
{
    return put(fd, text, strlen(text), &(size_t){0});
}

static bool reads_text(cloudabi_fd_t fd, size_t room, const char *text)
{
    char buf[64];
    size_t done = 99;

    return get(fd, buf, room, &done) == 0 && done == strlen(text) && memcmp(buf, text, done) == 0;
}

/* --- reading and writing -------------------------------------------------------------------------------- */

TEST_ROWS(fd_read, EAGAIN, "nothing is there", 2)
{
    make_nonblocking(row);
    REFUSED(get(pair[0], &(char){0}, 1, &(size_t){0}));
}

TEST_ROWS(sock_recv, EAGAIN, "nothing is there", 4)
{
    cloudabi_recv_out_t out;

    make_nonblocking(row / 2);
    REFUSED(receive(pair[0], &(char){0}, 1, NULL, 0, row % 2 ? PEEK : 0, &out));
}

static cloudabi_errno_t fill(cloudabi_errno_t (*send)(cloudabi_fd_t, const void *, size_t,
                                                      size_t *))
{
    static char bytes[4096];
    size_t done, total = 0;
    cloudabi_errno_t error;

    while ((error = send(pair[0], bytes, sizeof(bytes), &done)) == 0) {
        total += done;
        CHECK(total < 64u << 20);
    }
    CHECK(total > 0);
    return error;
}

static cloudabi_errno_t send_plain(cloudabi_fd_t fd, const void *data, size_t len, size_t *done)
{
    return send_to(fd, data, len, NULL, 0, done);
}

TEST_ROWS(fd_write, EAGAIN, "there is no room", 2)
{
    make_nonblocking(row);
    REFUSED(fill(put));
}

TEST_ROWS(sock_send, EAGAIN, "there is no room", 2)
{
    make_nonblocking(row);
    REFUSED(fill(send_plain));
}

static uint32_t writes_late(void *arg)
{
    (void)arg;
    nap(20 * MILLI);
    return write_text(pair[0], "late");
}

TEST_ROWS(fd_read, OK, "waits for data", 2)
{
    make_pair(row);
    cloudabi_fd_t child = start_child(writes_late, NULL);
    CHECK(reads_text(pair[1], 64, "late"));
    CHECK(finish_child(child) == 0);
}

static uint32_t drains(void *arg)
{
    static char buf[65536];
    size_t done = 1, total = 0;

    (void)arg;
    cloudabi_sys_fd_close(pair[0]);
    nap(20 * MILLI);
    while (get(pair[1], buf, sizeof(buf), &done) == 0 && done > 0)
        total += done;
    return (uint32_t)total;
}

TEST(fd_write, OK, "waits for room and writes all")
{
    static char bytes[1000000];
    size_t done = 0;

    make_pair(0);
    cloudabi_fd_t child = start_child(drains, NULL);
    OK(cloudabi_sys_fd_close(pair[1]));
    OK(put(pair[0], bytes, sizeof(bytes), &done));
    CHECK(done == sizeof(bytes));
    OK(cloudabi_sys_fd_close(pair[0]));
    CHECK(finish_child(child) == sizeof(bytes));
}

TEST_ROWS(fd_read, OK, "what was written before the other end closed, then the end", 2)
{
    make_pair(row);
    OK(write_text(pair[0], "last"));
    OK(cloudabi_sys_fd_close(pair[0]));
    CHECK(reads_text(pair[1], 64, "last") && reads_text(pair[1], 64, "") &&
          reads_text(pair[1], 64, ""));
}

TEST(fd_read, OK, "a stream has no boundaries")
{
    make_pair(0);
    OK(write_text(pair[0], "abc"));
    OK(write_text(pair[0], "def"));
    CHECK(reads_text(pair[1], 2, "ab") && reads_text(pair[1], 64, "cdef"));
}

TEST(fd_read, OK, "datagrams have, and what does not fit is lost")
{
    make_pair(1);
    OK(write_text(pair[0], "abc"));
    OK(write_text(pair[0], ""));
    OK(write_text(pair[0], "def"));
    CHECK(reads_text(pair[1], 2, "ab") && reads_text(pair[1], 64, "") &&
          reads_text(pair[1], 64, "def"));
}

TEST_ROWS(fd_write, EPIPE, "the other end is closed; no signal", 2)
{
    make_pair(row);
    OK(cloudabi_sys_fd_close(pair[1]));
    REFUSED(write_text(pair[0], "x"));
    REFUSED(write_text(pair[0], "x"));
}

TEST_ROWS(sock_send, EPIPE, "the other end is closed; no signal", 2)
{
    make_pair(row);
    OK(cloudabi_sys_fd_close(pair[1]));
    REFUSED(send_plain(pair[0], "x", 1, &(size_t){0}));
}

TEST_ROWS(fd_write, EMSGSIZE, "a datagram that is too long", 2)
{
    static char bytes[1 << 20];

    make_pair(1);
    REFUSED(put(pair[0], bytes, row == 0 ? sizeof(bytes) : 65537, &(size_t){0}));
    OK(put(pair[0], bytes, 65536, &(size_t){0}));
}

TEST(sock_send, EMSGSIZE, "a datagram that is too long")
{
    static char bytes[1 << 20];

    make_pair(1);
    REFUSED(send_plain(pair[0], bytes, sizeof(bytes), &(size_t){0}));
}

TEST_ROWS(fd_write, OK, "from memory that can not be read nothing is sent", 2)
{
    make_nonblocking(row);
    RETURNS(put(pair[0], BAD, 5, &(size_t){0}), CLOUDABI_EFAULT);
    RETURNS(get(pair[1], &(char){0}, 1, &(size_t){0}), CLOUDABI_EAGAIN);
}

TEST_ROWS(fd_read, OK, "into memory that can not be written nothing is lost", 2)
{
    make_pair(row);
    OK(write_text(pair[0], "abc"));
    RETURNS(get(pair[1], BAD, 3, &(size_t){0}), CLOUDABI_EFAULT);
    CHECK(reads_text(pair[1], 64, "abc"));
}

/* --- sock_recv ------------------------------------------------------------------------------------------ */

TEST_ROWS(sock_recv, OK, "PEEK leaves the data", 2)
{
    cloudabi_recv_out_t out;
    char buf[8];

    make_pair(row);
    OK(write_text(pair[0], "abc"));
    for (int i = 0; i < 2; i++) {
        OK(receive(pair[1], buf, 8, NULL, 0, PEEK, &out));
        CHECK(out.ro_datalen == 3 && memcmp(buf, "abc", 3) == 0);
    }
    CHECK(reads_text(pair[1], 8, "abc"));
}

static uint32_t writes_in_two(void *arg)
{
    (void)arg;
    write_text(pair[0], "ab");
    nap(20 * MILLI);
    return write_text(pair[0], "cd");
}

TEST(sock_recv, OK, "WAITALL waits until the buffer is full")
{
    cloudabi_recv_out_t out;
    char buf[4];

    make_pair(0);
    cloudabi_fd_t child = start_child(writes_in_two, NULL);
    OK(receive(pair[1], buf, 4, NULL, 0, ALL, &out));
    CHECK(out.ro_datalen == 4 && memcmp(buf, "abcd", 4) == 0);
    CHECK(finish_child(child) == 0);
}

TEST(sock_recv, OK, "WAITALL ends with the stream")
{
    cloudabi_recv_out_t out;
    char buf[4];

    make_pair(0);
    OK(write_text(pair[0], "ab"));
    OK(cloudabi_sys_fd_close(pair[0]));
    OK(receive(pair[1], buf, 4, NULL, 0, ALL, &out));
    CHECK(out.ro_datalen == 2);
}

TEST(sock_recv, OK, "DATA_TRUNCATED when a datagram is cut")
{
    cloudabi_recv_out_t out;
    char buf[4];

    make_pair(1);
    OK(write_text(pair[0], "abcdef"));
    OK(receive(pair[1], buf, 4, NULL, 0, 0, &out));
    CHECK(out.ro_datalen == 4 && out.ro_flags == CLOUDABI_SOCK_RECV_DATA_TRUNCATED);
}

TEST_ROWS(sock_recv, OK, "no byte of the result is left as it was by chance", 2)
{
    cloudabi_recv_out_t a, b;
    char byte;

    memset(&a, 0, sizeof(a));
    memset(&b, 0xff, sizeof(b));
    make_pair(row);
    OK(write_text(pair[0], "a"));
    OK(write_text(pair[0], "b"));
    OK(receive(pair[1], &byte, 1, NULL, 0, 0, &a));
    OK(receive(pair[1], &byte, 1, NULL, 0, 0, &b));
    CHECK(memcmp(&a, &b, sizeof(a)) == 0);
}

TEST_ROWS(sock_recv, EINVAL, "flags that do not exist", 6)
{
    static const cloudabi_riflags_t flags[] = {1, 2, 8, 0x20, 0x8000, 0xffff};
    cloudabi_recv_out_t out;
    char byte;

    make_pair(0);
    DESCRIBE("%#x", flags[row]);
    OK(write_text(pair[0], "abc"));
    REFUSED(receive(pair[1], &byte, 1, NULL, 0, flags[row], &out));
    CHECK(reads_text(pair[1], 8, "abc"));
}

TEST_ROWS(sock_recv, EINVAL, "too many pieces", 2)
{
    cloudabi_iovec_t vec = {0};
    cloudabi_recv_in_t in = {.ri_data = &vec, .ri_data_len = row == 0 ? 1025 : SIZE_MAX};
    cloudabi_recv_out_t out;

    make_pair(0);
    REFUSED(cloudabi_sys_sock_recv(pair[1], &in, &out));
}

TEST_ROWS(sock_recv, EFAULT, "in is no memory", ROWS(bad_places))
{
    cloudabi_recv_out_t out;

    make_pair(0);
    REFUSED(cloudabi_sys_sock_recv(pair[1], bad_places[row], &out));
}

TEST_ROWS(sock_recv, EFAULT, "out is no memory", ROWS(bad_places))
{
    cloudabi_recv_in_t in = {0};

    make_pair(0);
    OK(write_text(pair[0], "abc"));
    REFUSED(cloudabi_sys_sock_recv(pair[1], &in, bad_places[row]));
}

TEST_ROWS(sock_recv, EFAULT, "a piece, or the pieces, are no memory", 2)
{
    cloudabi_iovec_t vec = {.buf = BAD, .buf_len = 3};
    cloudabi_recv_in_t in = {.ri_data = row == 0 ? &vec : BAD, .ri_data_len = 1};
    cloudabi_recv_out_t out;

    make_pair(0);
    OK(write_text(pair[0], "abc"));
    REFUSED(cloudabi_sys_sock_recv(pair[1], &in, &out));
    CHECK(reads_text(pair[1], 8, "abc"));
}

TEST_ROWS(sock_recv, EBADF, "not open", ROWS(not_open))
{
    REFUSED(receive(not_open[row], &(char){0}, 1, NULL, 0, 0, &(cloudabi_recv_out_t){0}));
}

TEST_ROWS(sock_recv, ENOTSOCK, "not a socket", 2)
{
    cloudabi_fd_t fd = row == 0 ? file_with("f", "x") : new_memory(1);

    DESCRIBE(row == 0 ? "a file" : "shared memory");
    REFUSED(receive(fd, &(char){0}, 1, NULL, 0, 0, &(cloudabi_recv_out_t){0}));
}

TEST(sock_recv, ENOMEM, "no memory for descriptors")
{
    cloudabi_fd_t fds[20];
    cloudabi_recv_out_t out;

    make_pair(0);
    OK(write_text(pair[0], "0123456789abcdefghijklmnop"));
    SHORTAGE(receive(pair[1], &(char){0}, 1, fds, ROWS(fds), 0, &out), (void)0);
}

/* --- descriptors ------------------------------------------------------------------------------------------- */

static cloudabi_recv_out_t got;

static cloudabi_errno_t take(cloudabi_fd_t *fds, size_t room, cloudabi_riflags_t flags)
{
    static char buf[64];

    return receive(pair[1], buf, sizeof(buf), fds, room, flags, &got);
}

TEST_ROWS(sock_send, OK, "a descriptor arrives, with its rights and its position", 2)
{
    cloudabi_fd_t fd =
        narrowed(file_with("f", "0123456789"), CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_TELL, 0);
    cloudabi_fd_t in = NO_FD;

    make_pair(row);
    OK(send_to(pair[0], "x", 1, &fd, 1, &(size_t){0}));
    OK(get(fd, &(char[3]){0}, 3, &(size_t){0}));
    OK(cloudabi_sys_fd_close(fd));
    OK(take(&in, 1, 0));
    CHECK(got.ro_datalen == 1 && got.ro_fdslen == 1 && got.ro_flags == 0);
    CHECK(rights_of(in) == (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_TELL) &&
          position_of(in) == 3);
}

TEST_ROWS(sock_send, OK, "rights do not grow on the way", 2)
{
    cloudabi_fd_t fd = narrowed(dir, 0, 0), in;

    make_pair(row);
    OK(send_to(pair[0], "x", 1, &fd, 1, &(size_t){0}));
    OK(take(&in, 1, 0));
    CHECK(rights_of(in) == 0);
    RETURNS(narrow(in, CLOUDABI_RIGHT_FILE_OPEN, 0), CLOUDABI_ENOTCAPABLE);
}

static const size_t counts[] = {1, 2, 10, 100, 253};

TEST_ROWS(sock_send, OK, "many descriptors at once, in order", ROWS(counts))
{
    static cloudabi_fd_t out[253], in[253];
    cloudabi_fd_t one = new_file("one"), two = new_directory("two");

    make_pair(0);
    DESCRIBE("%u", (unsigned)counts[row]);
    for (size_t i = 0; i < counts[row]; i++)
        out[i] = i % 3 == 0 ? one : two;
    OK(send_to(pair[0], "x", 1, out, counts[row], &(size_t){0}));
    OK(take(in, counts[row], 0));
    CHECK(got.ro_fdslen == counts[row]);
    for (size_t i = 0; i < counts[row]; i++)
        CHECK(stat_of(in[i]).st_ino == stat_of(out[i]).st_ino);
}

TEST_ROWS(sock_recv, OK, "FDS_TRUNCATED when there was room for fewer", 2)
{
    cloudabi_fd_t out[3] = {dir, dir, dir}, in[3];

    make_pair(row);
    OK(send_to(pair[0], "x", 1, out, 3, &(size_t){0}));
    OK(take(in, 2, 0));
    CHECK(got.ro_fdslen == 2 && got.ro_flags == CLOUDABI_SOCK_RECV_FDS_TRUNCATED);
}

TEST_ROWS(sock_recv, OK, "without room for any they are dropped and closed", 2)
{
    cloudabi_fd_t other[2], in;

    new_pair(STREAM, other);
    make_pair(row);
    OK(send_to(pair[0], "x", 1, &other[1], 1, &(size_t){0}));
    OK(cloudabi_sys_fd_close(other[1]));
    OK(take(&in, 0, 0));
    CHECK(got.ro_fdslen == 0 && got.ro_flags == 0);
    RETURNS(write_text(other[0], "x"), CLOUDABI_EPIPE);
}

TEST_ROWS(fd_read, OK, "drops descriptors", 2)
{
    cloudabi_fd_t other[2];

    new_pair(STREAM, other);
    make_pair(row);
    OK(send_to(pair[0], "x", 1, &other[1], 1, &(size_t){0}));
    OK(cloudabi_sys_fd_close(other[1]));
    CHECK(reads_text(pair[1], 8, "x"));
    RETURNS(write_text(other[0], "x"), CLOUDABI_EPIPE);
}

TEST(sock_recv, OK, "a read stops before data that carries descriptors")
{
    cloudabi_fd_t in;

    make_pair(0);
    OK(write_text(pair[0], "A"));
    OK(send_to(pair[0], "BC", 2, &dir, 1, &(size_t){0}));
    OK(write_text(pair[0], "DE"));
    CHECK(reads_text(pair[1], 64, "A"));
    OK(take(&in, 1, 0));
    CHECK(got.ro_fdslen == 1 && (got.ro_datalen == 2 || got.ro_datalen == 4));
}

TEST_ROWS(sock_recv, ENOTSUP, "PEEK where descriptors would arrive", 2)
{
    cloudabi_fd_t in;

    make_pair(row);
    OK(send_to(pair[0], "x", 1, &dir, 1, &(size_t){0}));
    REFUSED(take(&in, 1, PEEK));
    OK(take(&in, 1, 0));
    CHECK(got.ro_fdslen == 1);
}

TEST(sock_recv, EMFILE, "no numbers for what arrives")
{
    cloudabi_fd_t in[2];

    make_pair(0);
    OK(send_to(pair[0], "x", 1, &dir, 1, &(size_t){0}));
    CHECK(use_up_descriptors(1));
    REFUSED(take(in, 2, 0));
    OK(take(in, 1, 0));
    CHECK(got.ro_fdslen == 1);
}

TEST(sock_recv, EFAULT, "the room for descriptors is no memory")
{
    make_pair(0);
    OK(send_to(pair[0], "x", 1, &dir, 1, &(size_t){0}));
    REFUSED(take(BAD, 1, 0));
}

TEST_ROWS(sock_send, EBADF, "one of si_fds is not open", 3)
{
    cloudabi_fd_t out[3] = {dir, dir, dir};

    make_nonblocking(0);
    DESCRIBE("number %u", row);
    out[row] = NO_FD;
    REFUSED(send_to(pair[0], "x", 1, out, 3, &(size_t){0}));
    RETURNS(get(pair[1], &(char){0}, 1, &(size_t){0}), CLOUDABI_EAGAIN);
}

TEST_ROWS(sock_send, EBADF, "not open", ROWS(not_open))
{
    REFUSED(send_plain(not_open[row], "x", 1, &(size_t){0}));
}

TEST_ROWS(sock_send, EINVAL, "flags", 3)
{
    static const cloudabi_siflags_t flags[] = {1, 0x8000, 0xffff};
    cloudabi_send_in_t in = {.si_flags = flags[row]};

    make_pair(0);
    DESCRIBE("%#x", flags[row]);
    REFUSED(cloudabi_sys_sock_send(pair[0], &in, &(cloudabi_send_out_t){0}));
}

TEST_ROWS(sock_send, EINVAL, "too many pieces or descriptors", 4)
{
    cloudabi_ciovec_t vec = {0};
    cloudabi_send_in_t in = {.si_data = &vec, .si_data_len = 1};

    make_pair(0);
    if (row < 2)
        in.si_data_len = row == 0 ? 1025 : SIZE_MAX;
    else
        in.si_fds_len = row == 2 ? 254 : SIZE_MAX;
    REFUSED(cloudabi_sys_sock_send(pair[0], &in, &(cloudabi_send_out_t){0}));
}

TEST_ROWS(sock_send, EFAULT, "in is no memory", ROWS(bad_places))
{
    make_pair(0);
    REFUSED(cloudabi_sys_sock_send(pair[0], bad_places[row], &(cloudabi_send_out_t){0}));
}

TEST_ROWS(sock_send, EFAULT, "out is no memory", ROWS(bad_places))
{
    cloudabi_ciovec_t vec = {.buf = "x", .buf_len = 1};
    cloudabi_send_in_t in = {.si_data = &vec, .si_data_len = 1};

    make_pair(0);
    REFUSED(cloudabi_sys_sock_send(pair[0], &in, bad_places[row]));
}

TEST_ROWS(sock_send, EFAULT, "pieces or descriptors are no memory", 3)
{
    cloudabi_ciovec_t vec = {.buf = row == 0 ? BAD : "x", .buf_len = 1};
    cloudabi_send_in_t in = {.si_data = row == 1 ? BAD : &vec, .si_data_len = 1};

    make_pair(0);
    if (row == 2) {
        in.si_fds = BAD;
        in.si_fds_len = 1;
    }
    REFUSED(cloudabi_sys_sock_send(pair[0], &in, &(cloudabi_send_out_t){0}));
}

TEST_ROWS(sock_send, ENOTSOCK, "not a socket", 2)
{
    REFUSED(send_plain(row == 0 ? new_file("f") : new_memory(1), "x", 1, &(size_t){0}));
}

TEST_ROWS(sock_send, ENOMEM, "no memory for descriptors", 2)
{
    make_pair(row);
    SHORTAGE(send_to(pair[0], "x", 1, &dir, 1, &(size_t){0}), (void)0);
}

/* --- sock_shutdown ------------------------------------------------------------------------------------------- */

TEST_ROWS(sock_shutdown, OK, "SHUT_WR: the other end reads what there is, then the end", 2)
{
    make_pair(row);
    OK(write_text(pair[0], "abc"));
    OK(cloudabi_sys_sock_shutdown(pair[0], CLOUDABI_SHUT_WR));
    CHECK(reads_text(pair[1], 64, "abc") && reads_text(pair[1], 64, ""));
    RETURNS(write_text(pair[0], "x"), CLOUDABI_EPIPE);
    OK(write_text(pair[1], "back"));
    CHECK(reads_text(pair[0], 64, "back"));
}

TEST_ROWS(sock_shutdown, OK, "SHUT_RD: the other end can not write", 2)
{
    make_pair(row);
    OK(cloudabi_sys_sock_shutdown(pair[0], CLOUDABI_SHUT_RD));
    RETURNS(write_text(pair[1], "x"), CLOUDABI_EPIPE);
    CHECK(reads_text(pair[0], 64, ""));
    OK(write_text(pair[0], "on"));
    CHECK(reads_text(pair[1], 64, "on"));
}

TEST_ROWS(sock_shutdown, OK, "both, and twice", 2)
{
    make_pair(row);
    for (int i = 0; i < 2; i++)
        OK(cloudabi_sys_sock_shutdown(pair[0], CLOUDABI_SHUT_RD | CLOUDABI_SHUT_WR));
    RETURNS(write_text(pair[0], "x"), CLOUDABI_EPIPE);
    RETURNS(write_text(pair[1], "x"), CLOUDABI_EPIPE);
}

static const cloudabi_sdflags_t no_ways[] = {0, 4, 8, 0x80, 0xff, 7};

TEST_ROWS(sock_shutdown, EINVAL, "no way, or one that does not exist", ROWS(no_ways) * 2)
{
    make_pair(row % 2);
    DESCRIBE("%#x, %s", no_ways[row / 2], kind_names[row % 2]);
    REFUSED(cloudabi_sys_sock_shutdown(pair[0], no_ways[row / 2]));
    OK(write_text(pair[0], "x"));
}

TEST_ROWS(sock_shutdown, ENOTCONN, "the other end is closed", 2)
{
    make_pair(row);
    OK(cloudabi_sys_fd_close(pair[1]));
    REFUSED(cloudabi_sys_sock_shutdown(pair[0], CLOUDABI_SHUT_WR));
}

TEST_ROWS(sock_shutdown, EBADF, "not open", ROWS(not_open))
{
    REFUSED(cloudabi_sys_sock_shutdown(not_open[row], CLOUDABI_SHUT_WR));
}

TEST(sock_shutdown, ENOTCAPABLE, "a file has no such right")
{
    REFUSED(cloudabi_sys_sock_shutdown(new_file("f"), CLOUDABI_SHUT_WR));
}
