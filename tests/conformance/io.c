/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading, writing, seeking and synchronising files; sockets are in sockets.c, services in served.c. */
#include "tests/conformance/call.h"
#include "tests/conformance/platform.h"
#include "tests/conformance/suite.h"

#define TEXT "0123456789"

/* The four calls behind one face. For those that use the position it is moved to OFFSET before. */
enum how { READ_HERE, READ_AT, WRITE_HERE, WRITE_AT };

static cloudabi_errno_t transfer(enum how how, cloudabi_fd_t fd, const void *vecs, size_t count,
                                 uint64_t offset, size_t *done)
{
    switch (how) {
    case READ_HERE:
        return cloudabi_sys_fd_read(fd, vecs, count, done);
    case READ_AT:
        return cloudabi_sys_fd_pread(fd, vecs, count, offset, done);
    case WRITE_HERE:
        return cloudabi_sys_fd_write(fd, vecs, count, done);
    default:
        return cloudabi_sys_fd_pwrite(fd, vecs, count, offset, done);
    }
}

static cloudabi_errno_t simple(enum how how, cloudabi_fd_t fd, void *buf, size_t len)
{
    cloudabi_iovec_t vec = {.buf = buf, .buf_len = len};
    size_t done;

    return transfer(how, fd, &vec, 1, 0, &done);
}

/* --- errors that the four have in common ------------------------------------------------------------ */

static void *const bad_places[] = {NULL, BAD, BAD_HIGH, BAD_SHAPE,
                                   (void *)UINT64_C(0x7fffffffffff)};
static const cloudabi_fd_t not_open[] = {0xffffffff, 0x80000000, 9999, 4095};

static void bad_vector(enum how how, unsigned row)
{
    size_t done = 77;

    DESCRIBE("%p", bad_places[row]);
    REFUSED(transfer(how, file_with("f", TEXT), bad_places[row], 1, 0, &done));
    REFUSED(transfer(how, file_with("f", TEXT), bad_places[row], 3, 0, &done));
    CHECK(done == 77);
}

static void bad_piece(enum how how, unsigned row)
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    DESCRIBE("%p", bad_places[row]);
    REFUSED(simple(how, fd, bad_places[row], 5));
    CHECK(holds(fd, TEXT) && position_of(fd) == 0);
}

/* Reading needs memory that can be written. */
static void wrong_protection(enum how how, unsigned row)
{
    bool reads = how == READ_HERE || how == READ_AT;
    cloudabi_fd_t fd = file_with("f", TEXT);
    char *mem = new_pages(1);

    (void)row;
    OK(cloudabi_sys_mem_protect(mem, PAGE, reads ? READ : 0));
    REFUSED(simple(how, fd, mem, 5));
    CHECK(holds(fd, TEXT));
}

static void too_many(enum how how, unsigned row)
{
    static const size_t counts[] = {1025, 65536, (size_t)1 << 32, SIZE_MAX / 16, SIZE_MAX};
    cloudabi_iovec_t vec = {0};
    size_t done;

    DESCRIBE("%llu pieces", (unsigned long long)counts[row]);
    REFUSED(transfer(how, file_with("f", TEXT), &vec, counts[row], 0, &done));
}

static void lengths_overflow(enum how how, unsigned row)
{
    static const size_t lengths[][2] = {
        {SIZE_MAX, 0},     {SIZE_MAX, 1}, {SIZE_MAX / 2, SIZE_MAX / 2},
        {SIZE_MAX / 2, 1}, {1, SIZE_MAX}, {SIZE_MAX / 2 + 1, 0}};
    char byte;
    cloudabi_iovec_t vec[2] = {{.buf = &byte, .buf_len = lengths[row][0]},
                               {.buf = &byte, .buf_len = lengths[row][1]}};
    size_t done;

    DESCRIBE("%llu + %llu", (unsigned long long)lengths[row][0],
             (unsigned long long)lengths[row][1]);
    REFUSED(transfer(how, file_with("f", TEXT), vec, 2, 0, &done));
}

static void closed(enum how how, unsigned row)
{
    char byte = 'x';

    DESCRIBE("%#x", (unsigned)not_open[row]);
    REFUSED(simple(how, not_open[row], &byte, 1));
}

/* Many pieces need memory of the kernel's. */
static void no_memory(enum how how, unsigned row)
{
    static cloudabi_iovec_t vecs[500];
    cloudabi_fd_t fd = file_with("f", TEXT);
    size_t done;

    (void)row;
    SHORTAGE(transfer(how, fd, vecs, ROWS(vecs), 0, &done), (void)0);
}

#define SAME_ERRORS(call, how)                                           \
    TEST_ROWS(call, EFAULT, "the vector is no memory", ROWS(bad_places)) \
    {                                                                    \
        bad_vector(how, row);                                            \
    }                                                                    \
    TEST_ROWS(call, EFAULT, "a piece is no memory", ROWS(bad_places))    \
    {                                                                    \
        bad_piece(how, row);                                             \
    }                                                                    \
    TEST(call, EFAULT, "a piece is protected")                           \
    {                                                                    \
        wrong_protection(how, row);                                      \
    }                                                                    \
    TEST_ROWS(call, EINVAL, "too many pieces", 5)                        \
    {                                                                    \
        too_many(how, row);                                              \
    }                                                                    \
    TEST_ROWS(call, EINVAL, "lengths overflow", 6)                       \
    {                                                                    \
        lengths_overflow(how, row);                                      \
    }                                                                    \
    TEST_ROWS(call, EBADF, "not open", ROWS(not_open))                   \
    {                                                                    \
        closed(how, row);                                                \
    }                                                                    \
    TEST(call, ENOMEM, "no memory for many pieces")                      \
    {                                                                    \
        no_memory(how, row);                                             \
    }

SAME_ERRORS(fd_read, READ_HERE)
SAME_ERRORS(fd_pread, READ_AT)
SAME_ERRORS(fd_write, WRITE_HERE)
SAME_ERRORS(fd_pwrite, WRITE_AT)

static const uint64_t no_offsets[] = {UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 4095};

TEST_ROWS(fd_pread, EINVAL, "an offset over 2^63-1", ROWS(no_offsets))
{
    char byte;

    DESCRIBE("%#llx", (unsigned long long)no_offsets[row]);
    REFUSED(get_at(file_with("f", TEXT), &byte, 1, no_offsets[row], &(size_t){0}));
}

TEST_ROWS(fd_pwrite, EINVAL, "an offset over 2^63-1", ROWS(no_offsets))
{
    DESCRIBE("%#llx", (unsigned long long)no_offsets[row]);
    REFUSED(put_at(file_with("f", TEXT), "x", 1, no_offsets[row]));
}

/* --- reading ------------------------------------------------------------------------------------------- */

static const struct {
    uint64_t offset;
    size_t len, done;
} reads[] = {{0, 10, 10},       {0, 0, 0},
             {0, 1, 1},         {3, 4, 4},
             {9, 1, 1},         {9, 2, 1},
             {10, 1, 0},        {11, 1, 0},
             {0, 11, 10},       {0, 64, 10},
             {5, 64, 5},        {1u << 30, 5, 0},
             {INT64_MAX, 1, 0}, {INT64_MAX - 1, 64, 0}};

TEST_ROWS(fd_pread, OK, "just what is there, and the position stays", ROWS(reads))
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    char buf[64];
    size_t done = 99;

    DESCRIBE("%u bytes at %llu", (unsigned)reads[row].len, (unsigned long long)reads[row].offset);
    memset(buf, '#', sizeof(buf));
    OK(seek(fd, 2, CLOUDABI_WHENCE_SET, &(uint64_t){0}));
    OK(get_at(fd, buf, reads[row].len, reads[row].offset, &done));
    CHECK(done == reads[row].done && position_of(fd) == 2);
    for (size_t i = 0; i < sizeof(buf); i++)
        CHECK(buf[i] == (i < done ? TEXT[reads[row].offset + i] : '#'));
}

TEST_ROWS(fd_read, OK, "from the position on, which moves by what was read", ROWS(reads))
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    char buf[64];
    size_t done = 99;

    DESCRIBE("%u bytes at %llu", (unsigned)reads[row].len, (unsigned long long)reads[row].offset);
    memset(buf, '#', sizeof(buf));
    OK(seek(fd, (int64_t)reads[row].offset, CLOUDABI_WHENCE_SET, &(uint64_t){0}));
    OK(get(fd, buf, reads[row].len, &done));
    CHECK(done == reads[row].done && position_of(fd) == reads[row].offset + done);
    for (size_t i = 0; i < sizeof(buf); i++)
        CHECK(buf[i] == (i < done ? TEXT[reads[row].offset + i] : '#'));
}

/* Where pieces begin and end in "0123456789". */
static const size_t splits[][4] = {{10, 0, 0, 0}, {0, 10, 0, 0}, {5, 5, 0, 0}, {1, 2, 3, 4},
                                   {3, 0, 0, 7},  {0, 0, 0, 10}, {9, 1, 0, 0}, {2, 2, 2, 2}};

static void scatter(enum how how, unsigned row)
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    char buf[4][16];
    cloudabi_iovec_t vecs[4];
    size_t done = 0, at = 0, sum = 0;

    DESCRIBE("%u + %u + %u + %u", (unsigned)splits[row][0], (unsigned)splits[row][1],
             (unsigned)splits[row][2], (unsigned)splits[row][3]);
    for (int i = 0; i < 4; i++) {
        vecs[i] = (cloudabi_iovec_t){.buf = buf[i], .buf_len = splits[row][i]};
        sum += splits[row][i];
    }
    OK(transfer(how, fd, vecs, 4, 0, &done));
    CHECK(done == sum);
    for (int i = 0; i < 4; at += splits[row][i++])
        CHECK(memcmp(buf[i], &TEXT[at], splits[row][i]) == 0);
}

TEST_ROWS(fd_read, OK, "into several pieces", ROWS(splits))
{
    scatter(READ_HERE, row);
}
TEST_ROWS(fd_pread, OK, "into several pieces", ROWS(splits))
{
    scatter(READ_AT, row);
}

static void gather(enum how how, unsigned row)
{
    cloudabi_fd_t fd = new_file("f");
    cloudabi_ciovec_t vecs[4];
    char text[16];
    size_t done = 0, at = 0;

    DESCRIBE("%u + %u + %u + %u", (unsigned)splits[row][0], (unsigned)splits[row][1],
             (unsigned)splits[row][2], (unsigned)splits[row][3]);
    for (int i = 0; i < 4; at += splits[row][i++])
        vecs[i] = (cloudabi_ciovec_t){.buf = &TEXT[at], .buf_len = splits[row][i]};
    OK(transfer(how, fd, vecs, 4, 0, &done));
    CHECK(done == at);
    memcpy(text, TEXT, at);
    text[at] = '\0';
    CHECK(holds(fd, text));
}

TEST_ROWS(fd_write, OK, "from several pieces", ROWS(splits))
{
    gather(WRITE_HERE, row);
}
TEST_ROWS(fd_pwrite, OK, "from several pieces", ROWS(splits))
{
    gather(WRITE_AT, row);
}

static void no_pieces(enum how how)
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    size_t done = 99;

    OK(transfer(how, fd, NULL, 0, 3, &done));
    CHECK(done == 0 && holds(fd, TEXT) && position_of(fd) == 0);
}

TEST(fd_read, OK, "into no pieces")
{
    no_pieces(READ_HERE);
}
TEST(fd_pread, OK, "into no pieces")
{
    no_pieces(READ_AT);
}
TEST(fd_write, OK, "from no pieces")
{
    no_pieces(WRITE_HERE);
}
TEST(fd_pwrite, OK, "from no pieces")
{
    no_pieces(WRITE_AT);
}

static void most_pieces(enum how how)
{
    static cloudabi_iovec_t vecs[1024];
    static char bytes[1024];
    cloudabi_fd_t fd = new_file("f");
    size_t done = 0;

    for (size_t i = 0; i < ROWS(vecs); i++)
        vecs[i] = (cloudabi_iovec_t){.buf = &bytes[i], .buf_len = 1};
    OK(put_at(fd, bytes, sizeof(bytes), 0));
    OK(transfer(how, fd, vecs, ROWS(vecs), 0, &done));
    CHECK(done == sizeof(bytes));
}

TEST(fd_read, OK, "into 1024 pieces")
{
    most_pieces(READ_HERE);
}
TEST(fd_pread, OK, "into 1024 pieces")
{
    most_pieces(READ_AT);
}
TEST(fd_write, OK, "from 1024 pieces")
{
    most_pieces(WRITE_HERE);
}
TEST(fd_pwrite, OK, "from 1024 pieces")
{
    most_pieces(WRITE_AT);
}

static uint32_t reads_three(void *fd)
{
    char buf[3];

    return (uint32_t)get(*(cloudabi_fd_t *)fd, buf, 3, &(size_t){0});
}

TEST(fd_read, OK, "the position is shared with a child")
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    CHECK(child_result(reads_three, &fd) == 0);
    CHECK(position_of(fd) == 3);
}

TEST(fd_read, OK, "two opens of a file have positions of their own")
{
    cloudabi_fd_t a = file_with("f", TEXT), b;
    char buf[4];

    OK(open_file(dir, "f", 0, &b));
    OK(get(a, buf, 4, &(size_t){0}));
    CHECK(position_of(a) == 4 && position_of(b) == 0);
}

TEST(fd_read, OK, "up to a place where memory ends gives what there was room for, or nothing")
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    char *mem = edge(4);
    size_t done = 0;
    cloudabi_errno_t error = get(fd, mem, 10, &done);

    CHECK(error == CLOUDABI_EFAULT || (error == 0 && done <= 4));
    CHECK(position_of(fd) == (error == 0 ? done : 0));
}

/* --- writing ------------------------------------------------------------------------------------------- */

static const struct {
    uint64_t offset;
    size_t len;
} writes[] = {{0, 1},  {0, 10},    {0, 20},      {5, 3},    {5, 10},       {10, 1},
              {15, 5}, {4090, 12}, {4096, 4096}, {8191, 2}, {100000, 100}, {12345, 0}};

/* The file afterwards is the old text, then zeros, with the new bytes at their place. */
static void check_written(cloudabi_fd_t fd, uint64_t offset, size_t len)
{
    static char buf[110000];
    size_t done = 0, size = len > 0 && offset + len > 10 ? offset + len : 10;

    CHECK(stat_of(fd).st_size == size);
    OK(get_at(fd, buf, sizeof(buf), 0, &done));
    CHECK(done == size);
    for (size_t i = 0; i < size; i++) {
        char old = i < 10 ? TEXT[i] : 0;
        CHECK(buf[i] == (i >= offset && i < offset + len ? 'w' : old));
    }
}

TEST_ROWS(fd_pwrite, OK, "at an offset: grows the file, holes are zeros, the position stays",
          ROWS(writes))
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    static char bytes[5000];

    DESCRIBE("%u bytes at %llu", (unsigned)writes[row].len, (unsigned long long)writes[row].offset);
    memset(bytes, 'w', sizeof(bytes));
    OK(put_at(fd, bytes, writes[row].len, writes[row].offset));
    check_written(fd, writes[row].offset, writes[row].len);
    CHECK(position_of(fd) == 0);
}

TEST_ROWS(fd_write, OK, "at the position, which moves: grows the file, holes are zeros",
          ROWS(writes))
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    static char bytes[5000];
    size_t done = 99;

    DESCRIBE("%u bytes at %llu", (unsigned)writes[row].len, (unsigned long long)writes[row].offset);
    memset(bytes, 'w', sizeof(bytes));
    OK(seek(fd, (int64_t)writes[row].offset, CLOUDABI_WHENCE_SET, &(uint64_t){0}));
    OK(put(fd, bytes, writes[row].len, &done));
    CHECK(done == writes[row].len);
    check_written(fd, writes[row].offset, writes[row].len);
    CHECK(position_of(fd) == writes[row].offset + writes[row].len);
}

TEST(fd_write, OK, "with FDFLAG_APPEND always at the end")
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    OK(set_flags(fd, CLOUDABI_FDFLAG_APPEND));
    OK(put(fd, "ab", 2, &(size_t){0}));
    CHECK(position_of(fd) == 12);
    OK(seek(fd, 3, CLOUDABI_WHENCE_SET, &(uint64_t){0}));
    OK(put(fd, "cd", 2, &(size_t){0}));
    CHECK(holds(fd, TEXT "abcd") && position_of(fd) == 14);
}

static uint32_t appends(void *fd)
{
    for (int i = 0; i < 200; i++)
        if (put(*(cloudabi_fd_t *)fd, "line\n", 5, &(size_t){0}) != 0)
            return 1;
    return 0;
}

TEST(fd_write, OK, "appending processes do not overwrite each other")
{
    cloudabi_fd_t fd = new_file("f"), children[3];
    static char buf[4000];
    size_t done = 0;

    OK(set_flags(fd, CLOUDABI_FDFLAG_APPEND));
    for (int i = 0; i < 3; i++)
        children[i] = start_child(appends, &fd);
    for (int i = 0; i < 3; i++)
        CHECK(finish_child(children[i]) == 0);
    OK(get_at(fd, buf, sizeof(buf), 0, &done));
    CHECK(done == 3000);
    for (size_t i = 0; i < done; i += 5)
        CHECK(memcmp(buf + i, "line\n", 5) == 0);
}

static const cloudabi_fdflags_t sync_flags[] = {CLOUDABI_FDFLAG_SYNC, CLOUDABI_FDFLAG_DSYNC,
                                                CLOUDABI_FDFLAG_RSYNC, CLOUDABI_FDFLAG_NONBLOCK};

TEST_ROWS(fd_write, OK, "with flags that say how", ROWS(sync_flags))
{
    cloudabi_fd_t fd = new_file("f");
    size_t done = 0;

    DESCRIBE("%#x", sync_flags[row]);
    OK(set_flags(fd, sync_flags[row]));
    OK(put(fd, TEXT, 10, &done));
    CHECK(done == 10 && holds(fd, TEXT));
}

TEST_ROWS(fd_write, OK, "large files in pieces of all sizes", 5)
{
    static const size_t sizes[] = {1, 1000, 4096, 65536, 100000};
    static char bytes[100000];
    cloudabi_fd_t fd = new_file("f");
    size_t done = 0, total = 0, most = sizes[row] * 50 < 400000 ? sizes[row] * 50 : 400000;

    DESCRIBE("%u", (unsigned)sizes[row]);
    memset(bytes, 'x', sizeof(bytes));
    for (; total < most; total += done)
        OK(put(fd, bytes, sizes[row], &done));
    CHECK(stat_of(fd).st_size == total);
}

TEST(fd_write, EFBIG, "the position is at the largest size")
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    size_t done = 77;

    OK(seek(fd, INT64_MAX, CLOUDABI_WHENCE_SET, &(uint64_t){0}));
    REFUSED(put(fd, "x", 1, &done));
    CHECK(done == 77 && stat_of(fd).st_size == 10);
}

TEST(fd_pwrite, EFBIG, "the offset is the largest size")
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    REFUSED(put_at(fd, "x", 1, INT64_MAX));
    CHECK(stat_of(fd).st_size == 10);
}

TEST(fd_write, ENOSPC, "no place for the data")
{
    cloudabi_fd_t fd = new_file("f");

    SHORTAGE_ELSE(put(fd, "x", 1, &(size_t){0}),
                  seek(fd, 4096, CLOUDABI_WHENCE_CUR, &(uint64_t){0}),
                  SKIP("this file system finds memory elsewhere"));
}

TEST(fd_pwrite, ENOSPC, "no place for the data")
{
    cloudabi_fd_t fd = new_file("f");
    uint64_t at = 0;

    SHORTAGE_ELSE(put_at(fd, "x", 1, at), at += 8192,
                  SKIP("this file system finds memory elsewhere"));
}

/* --- what can not be read or written ------------------------------------------------------------------- */

TEST(fd_read, EBADF, "a device that is only written")
{
    cloudabi_fd_t device = platform_grant("fault");
    char byte;

    if (device == NO_GRANT || (rights_of(device) & CLOUDABI_RIGHT_FD_READ) == 0)
        SKIP("no such device");
    REFUSED(get(device, &byte, 1, &(size_t){0}));
}

TEST(fd_write, EBADF, "a device that is only read")
{
    cloudabi_fd_t jobs = platform_grant("jobs"), file;

    if (jobs == NO_GRANT)
        SKIP("no such device");
    OK(open_with(jobs, "usage", 0, CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_SEEK, 0, &file));
    REFUSED(put(file, "x", 1, &(size_t){0}));
}

TEST_ROWS(fd_read, ENOTCAPABLE, "what has no right to read", 2)
{
    cloudabi_fd_t fd = row == 0 ? dir : narrowed(new_file("f"), CLOUDABI_RIGHT_FD_WRITE, 0);
    char byte;

    DESCRIBE(row == 0 ? "a directory" : "a file");
    REFUSED(get(fd, &byte, 1, &(size_t){0}));
}

TEST_ROWS(fd_write, ENOTCAPABLE, "what has no right to write", 2)
{
    cloudabi_fd_t fd = row == 0 ? dir : narrowed(file_with("f", "x"), CLOUDABI_RIGHT_FD_READ, 0);

    DESCRIBE(row == 0 ? "a directory" : "a file");
    REFUSED(put(fd, "x", 1, &(size_t){0}));
}

TEST_ROWS(fd_pread, ENOTCAPABLE, "a socket has no positions", 2)
{
    cloudabi_fd_t pair[2];
    char byte;

    new_pair(row == 0 ? CLOUDABI_FILETYPE_SOCKET_STREAM : CLOUDABI_FILETYPE_SOCKET_DGRAM, pair);
    REFUSED(get_at(pair[0], &byte, 1, 0, &(size_t){0}));
}

TEST_ROWS(fd_pwrite, ENOTCAPABLE, "a socket has no positions", 2)
{
    cloudabi_fd_t pair[2];

    new_pair(row == 0 ? CLOUDABI_FILETYPE_SOCKET_STREAM : CLOUDABI_FILETYPE_SOCKET_DGRAM, pair);
    REFUSED(put_at(pair[0], "x", 1, 0));
}

/* --- fd_seek --------------------------------------------------------------------------------------------- */

static const struct {
    uint64_t from;
    int64_t delta;
    cloudabi_whence_t whence;
    uint64_t to;
} seeks[] = {{0, 0, CLOUDABI_WHENCE_SET, 0},
             {5, 0, CLOUDABI_WHENCE_SET, 0},
             {5, 3, CLOUDABI_WHENCE_SET, 3},
             {0, 100, CLOUDABI_WHENCE_SET, 100},
             {0, INT64_MAX, CLOUDABI_WHENCE_SET, INT64_MAX},
             {5, 0, CLOUDABI_WHENCE_CUR, 5},
             {5, 3, CLOUDABI_WHENCE_CUR, 8},
             {5, -5, CLOUDABI_WHENCE_CUR, 0},
             {5, -1, CLOUDABI_WHENCE_CUR, 4},
             {5, INT64_MAX - 5, CLOUDABI_WHENCE_CUR, INT64_MAX},
             {5, 0, CLOUDABI_WHENCE_END, 10},
             {5, -10, CLOUDABI_WHENCE_END, 0},
             {5, 7, CLOUDABI_WHENCE_END, 17},
             {5, INT64_MAX - 10, CLOUDABI_WHENCE_END, INT64_MAX}};

TEST_ROWS(fd_seek, OK, "moves the position", ROWS(seeks))
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    uint64_t at = 77;

    DESCRIBE("%lld from %u at %llu", (long long)seeks[row].delta, seeks[row].whence,
             (unsigned long long)seeks[row].from);
    OK(seek(fd, (int64_t)seeks[row].from, CLOUDABI_WHENCE_SET, &at));
    OK(seek(fd, seeks[row].delta, seeks[row].whence, &at));
    CHECK(at == seeks[row].to && position_of(fd) == at && stat_of(fd).st_size == 10);
}

static const struct {
    int64_t delta;
    cloudabi_whence_t whence;
} no_seeks[] = {{-1, CLOUDABI_WHENCE_SET},
                {INT64_MIN, CLOUDABI_WHENCE_SET},
                {-6, CLOUDABI_WHENCE_CUR},
                {INT64_MIN, CLOUDABI_WHENCE_CUR},
                {-11, CLOUDABI_WHENCE_END},
                {INT64_MIN, CLOUDABI_WHENCE_END},
                {1, 0},
                {1, 4},
                {1, 255},
                {0, 0},
                {0, 4}};

TEST_ROWS(fd_seek, EINVAL, "to nowhere, or from nowhere", ROWS(no_seeks))
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    uint64_t at = 77;

    DESCRIBE("%lld from %u", (long long)no_seeks[row].delta, no_seeks[row].whence);
    OK(seek(fd, 5, CLOUDABI_WHENCE_SET, &at));
    at = 77;
    REFUSED(seek(fd, no_seeks[row].delta, no_seeks[row].whence, &at));
    CHECK(at == 77 && position_of(fd) == 5);
}

TEST_ROWS(fd_seek, EOVERFLOW, "farther than a file can be", 2)
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    uint64_t at = 77;

    DESCRIBE("from the %s", row == 0 ? "position" : "end");
    OK(seek(fd, 5, CLOUDABI_WHENCE_SET, &at));
    at = 77;
    REFUSED(seek(fd, INT64_MAX, row == 0 ? CLOUDABI_WHENCE_CUR : CLOUDABI_WHENCE_END, &at));
    CHECK(at == 77 && position_of(fd) == 5);
}

TEST_ROWS(fd_seek, EBADF, "not open", ROWS(not_open))
{
    DESCRIBE("%#x", (unsigned)not_open[row]);
    REFUSED(seek(not_open[row], 0, CLOUDABI_WHENCE_CUR, &(uint64_t){0}));
}

TEST_ROWS(fd_seek, ENOTCAPABLE, "what has no position", 3)
{
    cloudabi_fd_t pair[2];

    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    cloudabi_fd_t fd = row == 0 ? pair[0] : row == 1 ? new_memory(1) : dir;
    REFUSED(seek(fd, 1, CLOUDABI_WHENCE_SET, &(uint64_t){0}));
}

/* --- fd_sync, fd_datasync -------------------------------------------------------------------------------- */

TEST(fd_sync, OK, "a file")
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    OK(cloudabi_sys_fd_sync(fd));
    CHECK(holds(fd, TEXT));
}

TEST(fd_sync, OK, "a directory")
{
    OK(cloudabi_sys_fd_sync(dir));
}

TEST(fd_datasync, OK, "a file")
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    OK(cloudabi_sys_fd_datasync(fd));
    CHECK(holds(fd, TEXT));
}

TEST_ROWS(fd_sync, EBADF, "not open", ROWS(not_open))
{
    REFUSED(cloudabi_sys_fd_sync(not_open[row]));
}

TEST_ROWS(fd_datasync, EBADF, "not open", ROWS(not_open))
{
    REFUSED(cloudabi_sys_fd_datasync(not_open[row]));
}

static cloudabi_fd_t text_of_kernel(cloudabi_rights_t rights)
{
    cloudabi_fd_t jobs = platform_grant("jobs"), file;

    if (jobs == NO_GRANT)
        SKIP("nothing that can not be synchronised");
    cloudabi_errno_t error = open_with(jobs, "usage", 0, rights, 0, &file);
    if (error == CLOUDABI_ENOTCAPABLE)
        SKIP("the grant does not allow it");
    OK(error);
    return file;
}

TEST(fd_sync, EINVAL, "a text that the kernel makes")
{
    REFUSED(cloudabi_sys_fd_sync(text_of_kernel(CLOUDABI_RIGHT_FD_SYNC)));
}

TEST(fd_datasync, EINVAL, "a text that the kernel makes")
{
    REFUSED(cloudabi_sys_fd_datasync(
        text_of_kernel(CLOUDABI_RIGHT_FD_DATASYNC | CLOUDABI_RIGHT_FD_SEEK)));
}
