/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes of files: sizes and times; space and advice. */
#include "tests/conformance/call.h"
#include "tests/conformance/platform.h"
#include "tests/conformance/suite.h"

#define TEXT "0123456789"
#define SIZE CLOUDABI_FILESTAT_SIZE

static const cloudabi_fd_t not_open[] = {0xffffffff, 0x80000000, 9999, 4095};
static void *const bad_places[] = {NULL, BAD, BAD_HIGH, BAD_SHAPE, (void *)UINT64_MAX};

static cloudabi_timestamp_t wall(void)
{
    cloudabi_timestamp_t time = 0;

    OK(cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_REALTIME, 0, &time));
    return time;
}

/* --- reading attributes ------------------------------------------------------------------------------ */

TEST(file_stat_fget, OK, "of a file")
{
    cloudabi_timestamp_t before = wall();
    cloudabi_fd_t fd = file_with("f", TEXT);
    cloudabi_filestat_t stat = stat_of(fd);

    CHECK(stat.st_size == 10 && stat.st_nlink == 1);
    CHECK(stat.st_filetype == CLOUDABI_FILETYPE_REGULAR_FILE && stat.st_ino != 0);
    CHECK(stat.st_mtim >= before && stat.st_mtim <= wall());
    CHECK(stat.st_ctim >= before && stat.st_ctim <= wall());
    CHECK(stat.st_atim >= before && stat.st_atim <= wall());
}

TEST(file_stat_fget, OK, "of a directory")
{
    cloudabi_filestat_t stat = stat_of(new_directory("d"));

    CHECK(stat.st_filetype == CLOUDABI_FILETYPE_DIRECTORY && stat.st_nlink == 2);
}

TEST(file_stat_fget, OK, "files differ in their number, names of one file do not")
{
    cloudabi_fd_t a = new_file("a"), b = new_file("b"), again;

    OK(open_file(dir, "a", 0, &again));
    CHECK(stat_of(a).st_ino != stat_of(b).st_ino);
    CHECK(stat_of(a).st_ino == stat_of(again).st_ino && stat_of(a).st_dev == stat_of(again).st_dev);
}

TEST(file_stat_fget, OK, "the size follows every way of changing it")
{
    cloudabi_fd_t fd = new_file("f"), other;
    cloudabi_filestat_t stat = {.st_size = 5000};

    OK(open_file(dir, "f", 0, &other));
    OK(put_at(fd, "x", 1, 999));
    CHECK(stat_of(other).st_size == 1000);
    OK(cloudabi_sys_file_stat_fput(fd, &stat, SIZE));
    CHECK(stat_of(other).st_size == 5000);
    OK(cloudabi_sys_file_allocate(fd, 5000, 1000));
    CHECK(stat_of(other).st_size == 6000);
    OK(stat_at(dir, "f", 0, &stat));
    CHECK(stat.st_size == 6000);
}

TEST(file_stat_fget, OK, "no byte of the structure is left as it was by chance")
{
    cloudabi_filestat_t a, b;

    memset(&a, 0x00, sizeof(a));
    memset(&b, 0xff, sizeof(b));
    OK(cloudabi_sys_file_stat_fget(dir, &a));
    OK(cloudabi_sys_file_stat_fget(dir, &b));
    CHECK(memcmp(&a, &b, sizeof(a)) == 0);
}

static uint32_t nothing(void *arg)
{
    (void)arg;
    return 0;
}

TEST_ROWS(file_stat_fget, OK, "of what is no file: the type", 4)
{
    static const cloudabi_filetype_t types[] = {
        CLOUDABI_FILETYPE_SOCKET_STREAM, CLOUDABI_FILETYPE_SOCKET_DGRAM,
        CLOUDABI_FILETYPE_SHARED_MEMORY, CLOUDABI_FILETYPE_PROCESS};
    cloudabi_fd_t pair[2];

    DESCRIBE("%#x", types[row]);
    if (row < 2)
        new_pair(types[row], pair);
    else
        pair[0] = row == 2 ? new_memory(1) : start_child(nothing, NULL);
    CHECK(stat_of(pair[0]).st_filetype == types[row]);
}

TEST_ROWS(file_stat_fget, EFAULT, "buf is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    REFUSED(cloudabi_sys_file_stat_fget(new_file("f"), bad_places[row]));
}

TEST(file_stat_fget, EFAULT, "buf crosses the end of memory")
{
    REFUSED(cloudabi_sys_file_stat_fget(dir, (void *)edge(sizeof(cloudabi_filestat_t) - 1)));
    OK(cloudabi_sys_file_stat_fget(dir, (void *)edge(sizeof(cloudabi_filestat_t))));
}

TEST_ROWS(file_stat_fget, EBADF, "not open", ROWS(not_open))
{
    REFUSED(cloudabi_sys_file_stat_fget(not_open[row], &(cloudabi_filestat_t){0}));
}

TEST(file_stat_get, OK, "tells the same as file_stat_fget")
{
    cloudabi_filestat_t by_name, by_fd;

    by_fd = stat_of(file_with("f", TEXT));
    OK(stat_at(dir, "f", 0, &by_name));
    CHECK(memcmp(&by_name, &by_fd, sizeof(by_fd)) == 0);
}

TEST_ROWS(file_stat_get, EFAULT, "buf is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    new_file("f");
    REFUSED(stat_at(dir, "f", 0, bad_places[row]));
}

TEST(file_stat_get, ENOENT, "no such name")
{
    REFUSED(stat_at(dir, "none", 0, &(cloudabi_filestat_t){0}));
}

static const cloudabi_lookupflags_t no_lookup[] = {2, 4, 0x80000000, 0xffffffff};

TEST_ROWS(file_stat_get, EINVAL, "lookup flags that do not exist", ROWS(no_lookup))
{
    DESCRIBE("%#x", (unsigned)no_lookup[row]);
    new_file("f");
    REFUSED(stat_at(dir, "f", no_lookup[row], &(cloudabi_filestat_t){0}));
}

/* --- sizes -------------------------------------------------------------------------------------------------- */

static const uint64_t sizes[] = {
    0, 1, 9, 10, 11, 4095, 4096, 4097, 100000, UINT64_C(1) << 32, INT64_MAX};

TEST_ROWS(file_stat_fput, OK, "the size: what is cut off is gone, what is added is zeros",
          ROWS(sizes))
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    cloudabi_filestat_t stat = {.st_size = sizes[row]};
    char buf[32];
    size_t done = 0;

    DESCRIBE("%llu", (unsigned long long)sizes[row]);
    cloudabi_errno_t error = cloudabi_sys_file_stat_fput(fd, &stat, SIZE);
    if (error == CLOUDABI_EFBIG && sizes[row] > UINT64_C(1)
                                                    << 40) { /* files end earlier on some disks */
        CHECK(holds(fd, TEXT));
        return;
    }
    CHECK(error == 0);
    CHECK(stat_of(fd).st_size == sizes[row]);
    stat.st_size = sizes[row] > 20 ? sizes[row] : 20;
    OK(cloudabi_sys_file_stat_fput(fd, &stat, SIZE));
    OK(get_at(fd, buf, 20, 0, &done));
    CHECK(done == 20);
    for (size_t i = 0; i < done; i++)
        CHECK(buf[i] == (i < sizes[row] && i < 10 ? TEXT[i] : 0));
}

static const uint64_t no_sizes[] = {UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 4095};

TEST_ROWS(file_stat_fput, EFBIG, "a size over 2^63-1", ROWS(no_sizes))
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    cloudabi_filestat_t stat = {.st_size = no_sizes[row]};

    DESCRIBE("%#llx", (unsigned long long)no_sizes[row]);
    REFUSED(cloudabi_sys_file_stat_fput(fd, &stat, SIZE));
    CHECK(holds(fd, TEXT));
}

TEST(file_stat_fput, OK, "the size of shared memory")
{
    cloudabi_fd_t fd = new_memory(3);

    CHECK(stat_of(fd).st_size == 3 * PAGE);
}

TEST_ROWS(file_stat_fput, ENOTCAPABLE, "the size of what has none", 2)
{
    cloudabi_fd_t pair[2];

    new_pair(CLOUDABI_FILETYPE_SOCKET_DGRAM, pair);
    REFUSED(cloudabi_sys_file_stat_fput(row == 0 ? dir : pair[0], &(cloudabi_filestat_t){0}, SIZE));
}

/* --- times --------------------------------------------------------------------------------------------------- */

#define A     CLOUDABI_FILESTAT_ATIM
#define A_NOW CLOUDABI_FILESTAT_ATIM_NOW
#define M     CLOUDABI_FILESTAT_MTIM
#define M_NOW CLOUDABI_FILESTAT_MTIM_NOW

static const cloudabi_fsflags_t time_flags[] = {0,         A,         A_NOW,        M, M_NOW, A | M,
                                                A | M_NOW, A_NOW | M, A_NOW | M_NOW};

/* ATIM and MTIM of a file after they were set from 111 and 222, having been 333 and 444. */
static void check_times(const cloudabi_filestat_t *stat, cloudabi_fsflags_t flags,
                        cloudabi_timestamp_t before)
{
    cloudabi_timestamp_t now = wall();

    if (flags & A_NOW)
        CHECK(stat->st_atim >= before && stat->st_atim <= now);
    else
        CHECK(stat->st_atim == (flags & A ? 111 : 333));
    if (flags & M_NOW)
        CHECK(stat->st_mtim >= before && stat->st_mtim <= now);
    else
        CHECK(stat->st_mtim == (flags & M ? 222 : 444));
}

static const cloudabi_filestat_t first = {.st_atim = 333, .st_mtim = 444},
                                 second = {.st_atim = 111, .st_mtim = 222};

TEST_ROWS(file_stat_fput, OK, "times, to the nanosecond", ROWS(time_flags) * 2)
{
    cloudabi_fsflags_t flags = time_flags[row / 2];
    cloudabi_fd_t fd = row % 2 ? new_directory("x") : new_file("x");

    DESCRIBE("%#x, %s", flags, row % 2 ? "directory" : "file");
    OK(cloudabi_sys_file_stat_fput(fd, &first, A | M));
    cloudabi_timestamp_t before = wall();
    OK(cloudabi_sys_file_stat_fput(fd, &second, flags));
    cloudabi_filestat_t stat = stat_of(fd);
    check_times(&stat, flags, before);
}

TEST_ROWS(file_stat_put, OK, "times, to the nanosecond", ROWS(time_flags) * 3)
{
    cloudabi_fsflags_t flags = time_flags[row / 3];
    cloudabi_lookup_t at = {.fd = dir};
    cloudabi_filestat_t stat;

    DESCRIBE("%#x, %s", flags, row % 3 == 0 ? "file" : row % 3 == 1 ? "directory" : "link");
    if (row % 3 == 0)
        new_file("x");
    else if (row % 3 == 1)
        OK(make_dir(dir, "x"));
    else
        OK(symlink_at(dir, "none", "x"));
    OK(cloudabi_sys_file_stat_put(at, "x", 1, &first, A | M));
    cloudabi_timestamp_t before = wall();
    OK(cloudabi_sys_file_stat_put(at, "x", 1, &second, flags));
    OK(stat_at(dir, "x", 0, &stat));
    check_times(&stat, flags, before);
}

TEST_ROWS(file_stat_put, OK, "of a link itself, or with FOLLOW of its target", 2)
{
    cloudabi_lookup_t at = {.fd = dir, .flags = row == 0 ? 0 : FOLLOW};
    cloudabi_filestat_t file, link;

    DESCRIBE(row == 0 ? "itself" : "its target");
    new_file("f");
    OK(symlink_at(dir, "f", "l"));
    OK(cloudabi_sys_file_stat_put(at, "l", 1, &second, M));
    OK(stat_at(dir, "f", 0, &file));
    OK(stat_at(dir, "l", 0, &link));
    CHECK((file.st_mtim == 222) == (row == 1) && (link.st_mtim == 222) == (row == 0));
}

TEST(file_stat_fput, OK, "extreme times")
{
    cloudabi_fd_t fd = new_file("f");
    cloudabi_filestat_t stat = {.st_atim = UINT64_MAX, .st_mtim = 0};

    OK(cloudabi_sys_file_stat_fput(fd, &stat, A | M));
    CHECK(stat_of(fd).st_atim == UINT64_MAX && stat_of(fd).st_mtim == 0);
}

TEST(fd_write, OK, "sets the time of change")
{
    cloudabi_fd_t fd = new_file("f");

    OK(cloudabi_sys_file_stat_fput(fd, &first, A | M));
    cloudabi_timestamp_t before = wall();
    OK(put(fd, "x", 1, &(size_t){0}));
    CHECK(stat_of(fd).st_mtim >= before && stat_of(fd).st_ctim >= before);
}

TEST_ROWS(file_create, OK, "changes the times of the directory above", 4)
{
    cloudabi_filestat_t stat;

    DESCRIBE(row == 0 ? "mkdir" : row == 1 ? "symlink" : row == 2 ? "unlink" : "rename");
    OK(make_dir(dir, "d"));
    new_file("d/f");
    OK(cloudabi_sys_file_stat_put((cloudabi_lookup_t){.fd = dir}, "d", 1, &first, A | M));
    cloudabi_timestamp_t before = wall();
    if (row == 0)
        OK(make_dir(dir, "d/x"));
    else if (row == 1)
        OK(symlink_at(dir, "x", "d/x"));
    else if (row == 2)
        OK(unlink_at(dir, "d/f"));
    else
        OK(rename_at(dir, "d/f", "d/g"));
    OK(stat_at(dir, "d", 0, &stat));
    CHECK(stat.st_mtim >= before && stat.st_ctim >= before);
}

static const cloudabi_fsflags_t no_flags[] = {
    0x20, 0x8000, 0xffe0, A | A_NOW, M | M_NOW, A | A_NOW | M, SIZE | A, SIZE | M_NOW, SIZE | 0x20};

TEST_ROWS(file_stat_fput, EINVAL, "flags that do not exist or contradict each other",
          ROWS(no_flags))
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    cloudabi_filestat_t before = stat_of(fd), after;

    DESCRIBE("%#x", no_flags[row]);
    REFUSED(cloudabi_sys_file_stat_fput(fd, &second, no_flags[row]));
    after = stat_of(fd);
    CHECK(memcmp(&before, &after, sizeof(after)) == 0);
}

static const cloudabi_fsflags_t no_name_flags[] = {0x20,      0x8000, A | A_NOW,
                                                   M | M_NOW, SIZE,   SIZE | A};

TEST_ROWS(file_stat_put, EINVAL, "flags that do not exist or contradict each other, or the size",
          ROWS(no_name_flags))
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    DESCRIBE("%#x", no_name_flags[row]);
    REFUSED(cloudabi_sys_file_stat_put((cloudabi_lookup_t){.fd = dir}, "f", 1, &second,
                                       no_name_flags[row]));
    CHECK(holds(fd, TEXT) && stat_of(fd).st_mtim != 222);
}

TEST_ROWS(file_stat_put, EINVAL, "lookup flags that do not exist", ROWS(no_lookup))
{
    cloudabi_lookup_t at = {.fd = dir, .flags = no_lookup[row]};

    new_file("f");
    REFUSED(cloudabi_sys_file_stat_put(at, "f", 1, &second, M));
}

TEST_ROWS(file_stat_fput, EFAULT, "buf is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    REFUSED(cloudabi_sys_file_stat_fput(new_file("f"), bad_places[row], A));
}

TEST_ROWS(file_stat_put, EFAULT, "buf is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    new_file("f");
    REFUSED(cloudabi_sys_file_stat_put((cloudabi_lookup_t){.fd = dir}, "f", 1, bad_places[row], A));
}

TEST_ROWS(file_stat_fput, EBADF, "not open", ROWS(not_open))
{
    REFUSED(cloudabi_sys_file_stat_fput(not_open[row], &second, A));
}

TEST(file_stat_put, ENOENT, "no such name")
{
    REFUSED(cloudabi_sys_file_stat_put((cloudabi_lookup_t){.fd = dir}, "none", 4, &second, M));
}

/* --- file_advise ------------------------------------------------------------------------------------------------ */

static const cloudabi_advice_t advices[] = {CLOUDABI_ADVICE_DONTNEED,   CLOUDABI_ADVICE_NOREUSE,
                                            CLOUDABI_ADVICE_NORMAL,     CLOUDABI_ADVICE_RANDOM,
                                            CLOUDABI_ADVICE_SEQUENTIAL, CLOUDABI_ADVICE_WILLNEED};

TEST_ROWS(file_advise, OK, "changes nothing that can be seen", ROWS(advices))
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    DESCRIBE("advice %u", advices[row]);
    OK(cloudabi_sys_file_advise(fd, 0, 10, advices[row]));
    OK(cloudabi_sys_file_advise(fd, 0, 0, advices[row]));
    OK(cloudabi_sys_file_advise(fd, 1000000, 1000, advices[row]));
    CHECK(holds(fd, TEXT) && stat_of(fd).st_size == 10);
}

static const cloudabi_advice_t no_advices[] = {0, 7, 100, 255};

TEST_ROWS(file_advise, EINVAL, "advice that does not exist", ROWS(no_advices))
{
    REFUSED(cloudabi_sys_file_advise(file_with("f", TEXT), 0, 10, no_advices[row]));
}

static const uint64_t no_ranges[][2] = {{UINT64_C(1) << 63, 0}, {0, UINT64_C(1) << 63},
                                        {INT64_MAX, 1},         {UINT64_MAX, 1},
                                        {1, UINT64_MAX},        {UINT64_MAX, UINT64_MAX}};

TEST_ROWS(file_advise, EINVAL, "a range over 2^63-1", ROWS(no_ranges))
{
    DESCRIBE("%#llx + %#llx", (unsigned long long)no_ranges[row][0],
             (unsigned long long)no_ranges[row][1]);
    REFUSED(cloudabi_sys_file_advise(file_with("f", TEXT), no_ranges[row][0], no_ranges[row][1],
                                     CLOUDABI_ADVICE_NORMAL));
}

TEST(file_advise, ESPIPE, "a directory has no positions")
{
    REFUSED(cloudabi_sys_file_advise(dir, 0, 1, CLOUDABI_ADVICE_NORMAL));
}

TEST_ROWS(file_advise, EBADF, "not open", ROWS(not_open))
{
    REFUSED(cloudabi_sys_file_advise(not_open[row], 0, 1, CLOUDABI_ADVICE_NORMAL));
}

/* --- file_allocate ---------------------------------------------------------------------------------------------- */

static const uint64_t parts[][3] = {{0, 10, 10},         {0, 5, 10},    {5, 5, 10},
                                    {0, 11, 11},         {5, 100, 105}, {4096, 1, 4097},
                                    {100000, 50, 100050}};

TEST_ROWS(file_allocate, OK, "grows the file if need be, and keeps what it holds", ROWS(parts))
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    char buf[32];
    size_t done = 0;

    DESCRIBE("%llu + %llu", (unsigned long long)parts[row][0], (unsigned long long)parts[row][1]);
    OK(cloudabi_sys_file_allocate(fd, parts[row][0], parts[row][1]));
    CHECK(stat_of(fd).st_size == parts[row][2]);
    OK(get_at(fd, buf, sizeof(buf), 0, &done));
    CHECK(memcmp(buf, TEXT, 10) == 0 && (done <= 10 || buf[10] == 0));
}

TEST_ROWS(file_allocate, EINVAL, "a length of 0", 2)
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    REFUSED(cloudabi_sys_file_allocate(fd, row * 100, 0));
    CHECK(holds(fd, TEXT));
}

static const uint64_t no_parts[][2] = {{UINT64_C(1) << 63, 1},
                                       {0, UINT64_C(1) << 63},
                                       {UINT64_MAX, 1},
                                       {1, UINT64_MAX},
                                       {UINT64_MAX, UINT64_MAX}};

TEST_ROWS(file_allocate, EINVAL, "an offset or a length over 2^63-1", ROWS(no_parts))
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    DESCRIBE("%#llx + %#llx", (unsigned long long)no_parts[row][0],
             (unsigned long long)no_parts[row][1]);
    REFUSED(cloudabi_sys_file_allocate(fd, no_parts[row][0], no_parts[row][1]));
    CHECK(holds(fd, TEXT));
}

static const uint64_t far_parts[][2] = {
    {INT64_MAX, 1}, {1, INT64_MAX}, {INT64_MAX, INT64_MAX}, {UINT64_C(1) << 62, UINT64_C(1) << 62}};

TEST_ROWS(file_allocate, EFBIG, "an end over 2^63-1", ROWS(far_parts))
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    DESCRIBE("%#llx + %#llx", (unsigned long long)far_parts[row][0],
             (unsigned long long)far_parts[row][1]);
    REFUSED(cloudabi_sys_file_allocate(fd, far_parts[row][0], far_parts[row][1]));
    CHECK(holds(fd, TEXT));
}

TEST(file_allocate, ENOSPC, "no place")
{
    cloudabi_fd_t fd = file_with("f", TEXT);
    uint64_t at = PAGE;

    SHORTAGE_ELSE(cloudabi_sys_file_allocate(fd, at, PAGE), at += PAGE,
                  SKIP("this file system finds memory elsewhere"));
}

TEST(file_allocate, ENOSPC, "more than there can be")
{
    cloudabi_fd_t fd = file_with("f", TEXT);

    REFUSED(cloudabi_sys_file_allocate(fd, 0, UINT64_C(1) << 50));
    CHECK(holds(fd, TEXT));
}

TEST_ROWS(file_allocate, EBADF, "not open", ROWS(not_open))
{
    REFUSED(cloudabi_sys_file_allocate(not_open[row], 0, 1));
}
