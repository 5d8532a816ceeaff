/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors themselves: made, closed, copied, replaced; their flags and rights. */
#include "tests/conformance/call.h"
#include "tests/conformance/suite.h"

#define SOCKET_RIGHTS UINT64_C(0x801008004a)
#define MEMORY_RIGHTS UINT64_C(0x0c180042)

static const cloudabi_fd_t never_open[] = {0xffffffff, 0xfffffffe, 0x80000000,
                                           0x7fffffff, 100000,     4095};

/* --- fd_close ------------------------------------------------------------------------------------ */

TEST_ROWS(fd_close, EBADF, "a number that was never open", ROWS(never_open))
{
    DESCRIBE("%#x", (unsigned)never_open[row]);
    REFUSED(cloudabi_sys_fd_close(never_open[row]));
}

TEST(fd_close, EBADF, "twice")
{
    cloudabi_fd_t fd = new_file("f");

    OK(cloudabi_sys_fd_close(fd));
    REFUSED(cloudabi_sys_fd_close(fd));
}

TEST(fd_close, OK, "other descriptors of the file stay")
{
    cloudabi_fd_t fd = file_with("f", "text"), copy;

    OK(cloudabi_sys_fd_dup(fd, &copy));
    OK(cloudabi_sys_fd_close(fd));
    CHECK(holds(copy, "text"));
}

TEST(fd_close, OK, "the number can be used again")
{
    cloudabi_fd_t fd = new_file("f"), next;

    for (int i = 0; i < 5000; i++) {
        OK(cloudabi_sys_fd_close(fd));
        OK(cloudabi_sys_fd_dup(dir, &next));
        fd = next;
    }
}

TEST(fd_close, OK, "a file without names is gone after the last descriptor only")
{
    cloudabi_fd_t fd = file_with("f", "text");

    OK(unlink_at(dir, "f"));
    CHECK(holds(fd, "text"));
    OK(cloudabi_sys_fd_close(fd));
    RETURNS(open_file(dir, "f", 0, &fd), CLOUDABI_ENOENT);
}

TEST(fd_close, OK, "upper bits of the register mean nothing")
{
    cloudabi_fd_t fd = new_file("f");
    cloudabi_errno_t (*wide)(uint64_t) = (cloudabi_errno_t(*)(uint64_t))cloudabi_sys_fd_close;

    OK(wide(fd | UINT64_C(0xdeadbeef00000000)));
    RETURNS(cloudabi_sys_fd_close(fd), CLOUDABI_EBADF);
}

/* --- fd_create1 ------------------------------------------------------------------------------------ */

TEST(fd_create1, OK, "shared memory: type, rights, size 0")
{
    cloudabi_fdstat_t stat;
    cloudabi_fd_t fd;

    OK(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &fd));
    OK(cloudabi_sys_fd_stat_get(fd, &stat));
    CHECK(stat.fs_filetype == CLOUDABI_FILETYPE_SHARED_MEMORY);
    CHECK(stat.fs_rights_base == MEMORY_RIGHTS && stat.fs_rights_inheriting == 0);
    CHECK(stat_of(fd).st_size == 0 && stat_of(fd).st_filetype == CLOUDABI_FILETYPE_SHARED_MEMORY);
}

TEST(fd_create1, OK, "two objects are different")
{
    cloudabi_fd_t a = new_memory(1), b = new_memory(1);
    char *at_a, *at_b;

    OK(map(PAGE, READ | WRITE, CLOUDABI_MAP_SHARED, a, 0, &at_a));
    OK(map(PAGE, READ | WRITE, CLOUDABI_MAP_SHARED, b, 0, &at_b));
    at_a[0] = 1;
    CHECK(at_b[0] == 0);
}

static const cloudabi_filetype_t not_one[] = {0,
                                              1,
                                              CLOUDABI_FILETYPE_BLOCK_DEVICE,
                                              CLOUDABI_FILETYPE_CHARACTER_DEVICE,
                                              CLOUDABI_FILETYPE_DIRECTORY,
                                              CLOUDABI_FILETYPE_PROCESS,
                                              CLOUDABI_FILETYPE_REGULAR_FILE,
                                              CLOUDABI_FILETYPE_SOCKET_DGRAM,
                                              CLOUDABI_FILETYPE_SOCKET_STREAM,
                                              CLOUDABI_FILETYPE_SYMBOLIC_LINK,
                                              0xe0,
                                              0xff};

TEST_ROWS(fd_create1, EINVAL, "a type that is not for this call", ROWS(not_one))
{
    cloudabi_fd_t fd = 77;

    DESCRIBE("%#x", not_one[row]);
    REFUSED(cloudabi_sys_fd_create1(not_one[row], &fd));
    CHECK(fd == 77);
}

TEST(fd_create1, EMFILE, "the table is full")
{
    cloudabi_fd_t fd;

    CHECK(use_up_descriptors(0));
    REFUSED(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &fd));
}

TEST(fd_create1, ENOMEM, "no memory")
{
    cloudabi_fd_t fd;

    SHORTAGE(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &fd),
             cloudabi_sys_fd_close(fd));
}

/* --- fd_create2 ------------------------------------------------------------------------------------ */

static const cloudabi_filetype_t sockets[] = {CLOUDABI_FILETYPE_SOCKET_STREAM,
                                              CLOUDABI_FILETYPE_SOCKET_DGRAM};

TEST_ROWS(fd_create2, OK, "a pair: types and rights", ROWS(sockets))
{
    cloudabi_fdstat_t stat;
    cloudabi_fd_t pair[2];

    DESCRIBE("%#x", sockets[row]);
    new_pair(sockets[row], pair);
    CHECK(pair[0] != pair[1]);
    for (int i = 0; i < 2; i++) {
        OK(cloudabi_sys_fd_stat_get(pair[i], &stat));
        CHECK(stat.fs_filetype == sockets[row] && stat.fs_flags == 0);
        CHECK(stat.fs_rights_base == SOCKET_RIGHTS);
    }
}

TEST_ROWS(fd_create2, OK, "what is written at one end is read at the other", ROWS(sockets) * 2)
{
    cloudabi_fd_t pair[2];
    char buf[4] = "";
    size_t done = 0;

    DESCRIBE("%#x, from end %u", sockets[row / 2], row % 2);
    new_pair(sockets[row / 2], pair);
    OK(put(pair[row % 2], "abc", 3, &done));
    CHECK(done == 3);
    OK(get(pair[1 - row % 2], buf, sizeof(buf), &done));
    CHECK(done == 3 && memcmp(buf, "abc", 3) == 0);
}

static const cloudabi_filetype_t not_two[] = {0,
                                              1,
                                              CLOUDABI_FILETYPE_BLOCK_DEVICE,
                                              CLOUDABI_FILETYPE_CHARACTER_DEVICE,
                                              CLOUDABI_FILETYPE_DIRECTORY,
                                              CLOUDABI_FILETYPE_PROCESS,
                                              CLOUDABI_FILETYPE_REGULAR_FILE,
                                              CLOUDABI_FILETYPE_SHARED_MEMORY,
                                              CLOUDABI_FILETYPE_SYMBOLIC_LINK,
                                              0xff};

TEST_ROWS(fd_create2, EINVAL, "a type that is not for this call", ROWS(not_two))
{
    cloudabi_fd_t a = 77, b = 78;

    DESCRIBE("%#x", not_two[row]);
    REFUSED(cloudabi_sys_fd_create2(not_two[row], &a, &b));
    CHECK(a == 77 && b == 78);
}

TEST_ROWS(fd_create2, EMFILE, "the table has fewer than two places", 2)
{
    cloudabi_fd_t a, b;

    DESCRIBE("%u left", row);
    CHECK(use_up_descriptors(row));
    REFUSED(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b));
    for (unsigned i = 0; i < row; i++)
        OK(cloudabi_sys_fd_dup(dir, &a)); /* the place is still free */
    RETURNS(cloudabi_sys_fd_dup(dir, &a), CLOUDABI_EMFILE);
}

TEST_ROWS(fd_create2, ENOMEM, "no memory", ROWS(sockets))
{
    cloudabi_fd_t pair[2];

    DESCRIBE("%#x", sockets[row]);
    SHORTAGE(cloudabi_sys_fd_create2(sockets[row], &pair[0], &pair[1]),
             (cloudabi_sys_fd_close(pair[0]), cloudabi_sys_fd_close(pair[1])));
}

/* --- fd_dup ---------------------------------------------------------------------------------------- */

TEST(fd_dup, OK, "another number, the same open file: position and flags are shared")
{
    cloudabi_fd_t fd = file_with("f", "0123456789"), copy;
    cloudabi_fdstat_t stat;

    OK(cloudabi_sys_fd_dup(fd, &copy));
    CHECK(copy != fd);
    OK(seek(fd, 5, CLOUDABI_WHENCE_SET, &(uint64_t){0}));
    CHECK(position_of(copy) == 5);
    OK(set_flags(copy, CLOUDABI_FDFLAG_APPEND));
    OK(cloudabi_sys_fd_stat_get(fd, &stat));
    CHECK(stat.fs_flags == CLOUDABI_FDFLAG_APPEND);
}

TEST(fd_dup, OK, "the rights are the same, not more")
{
    cloudabi_fd_t fd = narrowed(new_file("f"), CLOUDABI_RIGHT_FD_READ, 0), copy;

    OK(cloudabi_sys_fd_dup(fd, &copy));
    CHECK(rights_of(copy) == CLOUDABI_RIGHT_FD_READ);
}

TEST(fd_dup, OK, "a descriptor without rights can be copied")
{
    cloudabi_fd_t fd = narrowed(dir, 0, 0), copy;

    OK(cloudabi_sys_fd_dup(fd, &copy));
    CHECK(rights_of(copy) == 0);
}

TEST(fd_dup, OK, "rights of the copy shrink without those of the original")
{
    cloudabi_fd_t fd = new_file("f"), copy;
    cloudabi_rights_t before = rights_of(fd);

    OK(cloudabi_sys_fd_dup(fd, &copy));
    OK(narrow(copy, 0, 0));
    CHECK(rights_of(fd) == before);
}

TEST_ROWS(fd_dup, EBADF, "not open", ROWS(never_open))
{
    cloudabi_fd_t fd;

    DESCRIBE("%#x", (unsigned)never_open[row]);
    REFUSED(cloudabi_sys_fd_dup(never_open[row], &fd));
}

TEST(fd_dup, EMFILE, "the table is full")
{
    cloudabi_fd_t fd;

    CHECK(use_up_descriptors(0));
    REFUSED(cloudabi_sys_fd_dup(dir, &fd));
}

TEST(fd_dup, ENOMEM, "no memory")
{
    cloudabi_fd_t fd;

    SHORTAGE(cloudabi_sys_fd_dup(dir, &fd), cloudabi_sys_fd_close(fd));
}

/* --- fd_replace ------------------------------------------------------------------------------------ */

TEST(fd_replace, OK, "the number stands for the other file")
{
    cloudabi_fd_t a = file_with("a", "A"), b = file_with("b", "B");

    OK(cloudabi_sys_fd_replace(a, b));
    CHECK(holds(b, "A") && holds(a, "A"));
}

TEST(fd_replace, OK, "with its rights")
{
    cloudabi_fd_t a = narrowed(new_file("a"), CLOUDABI_RIGHT_FD_WRITE, 0), b = new_file("b");

    OK(cloudabi_sys_fd_replace(a, b));
    CHECK(rights_of(b) == CLOUDABI_RIGHT_FD_WRITE);
}

TEST(fd_replace, OK, "what the number stood for is closed")
{
    cloudabi_fd_t pair[2];
    size_t done = 1;
    char byte;

    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    OK(cloudabi_sys_fd_replace(dir, pair[1]));
    OK(get(pair[0], &byte, 1, &done));
    CHECK(done == 0);
}

TEST(fd_replace, OK, "by itself changes nothing")
{
    cloudabi_fd_t fd = file_with("f", "x");
    cloudabi_rights_t before = rights_of(fd);

    OK(cloudabi_sys_fd_replace(fd, fd));
    CHECK(holds(fd, "x") && rights_of(fd) == before);
}

TEST_ROWS(fd_replace, EBADF, "from is not open", ROWS(never_open))
{
    cloudabi_fd_t fd = file_with("f", "x");

    DESCRIBE("%#x", (unsigned)never_open[row]);
    REFUSED(cloudabi_sys_fd_replace(never_open[row], fd));
    CHECK(holds(fd, "x"));
}

TEST_ROWS(fd_replace, EBADF, "to is not open", ROWS(never_open))
{
    DESCRIBE("%#x", (unsigned)never_open[row]);
    REFUSED(cloudabi_sys_fd_replace(dir, never_open[row]));
    RETURNS(cloudabi_sys_fd_close(never_open[row]), CLOUDABI_EBADF);
}

/* --- fd_stat_get ------------------------------------------------------------------------------------ */

TEST(fd_stat_get, OK, "needs no right")
{
    cloudabi_fd_t fd = narrowed(dir, 0, 0);
    cloudabi_fdstat_t stat;

    OK(cloudabi_sys_fd_stat_get(fd, &stat));
    CHECK(stat.fs_filetype == CLOUDABI_FILETYPE_DIRECTORY);
    CHECK(stat.fs_rights_base == 0 && stat.fs_rights_inheriting == 0);
}

TEST(fd_stat_get, OK, "of a regular file: all rights that the type has")
{
    cloudabi_fdstat_t stat;

    OK(cloudabi_sys_fd_stat_get(new_file("f"), &stat));
    CHECK(stat.fs_filetype == CLOUDABI_FILETYPE_REGULAR_FILE);
    CHECK(stat.fs_rights_base == FILE_BASE && stat.fs_rights_inheriting == 0);
}

TEST(fd_stat_get, OK, "of a directory: all rights that the type has")
{
    cloudabi_fdstat_t stat;

    OK(cloudabi_sys_fd_stat_get(new_directory("d"), &stat));
    CHECK(stat.fs_filetype == CLOUDABI_FILETYPE_DIRECTORY);
    CHECK(stat.fs_rights_base == DIR_BASE && stat.fs_rights_inheriting == DIR_BELOW);
}

TEST(fd_stat_get, OK, "no byte of the structure is left as it was by chance")
{
    cloudabi_fdstat_t a, b;

    memset(&a, 0x00, sizeof(a));
    memset(&b, 0xff, sizeof(b));
    OK(cloudabi_sys_fd_stat_get(dir, &a));
    OK(cloudabi_sys_fd_stat_get(dir, &b));
    CHECK(memcmp(&a, &b, sizeof(a)) == 0);
}

TEST_ROWS(fd_stat_get, EBADF, "not open", ROWS(never_open))
{
    cloudabi_fdstat_t stat;

    DESCRIBE("%#x", (unsigned)never_open[row]);
    REFUSED(cloudabi_sys_fd_stat_get(never_open[row], &stat));
}

static void *const bad_places[] = {
    NULL, BAD, BAD_HIGH, BAD_SHAPE, (void *)UINT64_MAX, (void *)UINT64_C(0x7fffffffffff)};

TEST_ROWS(fd_stat_get, EFAULT, "buf is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    REFUSED(cloudabi_sys_fd_stat_get(dir, bad_places[row]));
}

TEST(fd_stat_get, EFAULT, "buf crosses the end of memory")
{
    REFUSED(cloudabi_sys_fd_stat_get(dir, (void *)edge(sizeof(cloudabi_fdstat_t) - 1)));
    OK(cloudabi_sys_fd_stat_get(dir, (void *)edge(sizeof(cloudabi_fdstat_t))));
}

TEST(fd_stat_get, EFAULT, "buf is read-only")
{
    char *mem = new_pages(1);

    OK(cloudabi_sys_mem_protect(mem, PAGE, READ));
    REFUSED(cloudabi_sys_fd_stat_get(dir, (void *)mem));
}

/* --- fd_stat_put ------------------------------------------------------------------------------------ */

static const cloudabi_fdflags_t flag[] = {CLOUDABI_FDFLAG_APPEND, CLOUDABI_FDFLAG_DSYNC,
                                          CLOUDABI_FDFLAG_NONBLOCK, CLOUDABI_FDFLAG_RSYNC,
                                          CLOUDABI_FDFLAG_SYNC};

TEST_ROWS(fd_stat_put, OK, "a flag is set, seen, and cleared", ROWS(flag))
{
    cloudabi_fd_t fd = new_file("f");
    cloudabi_fdstat_t stat;

    DESCRIBE("%#x", flag[row]);
    OK(set_flags(fd, flag[row]));
    OK(cloudabi_sys_fd_stat_get(fd, &stat));
    CHECK(stat.fs_flags == flag[row]);
    OK(set_flags(fd, 0));
    OK(cloudabi_sys_fd_stat_get(fd, &stat));
    CHECK(stat.fs_flags == 0);
}

TEST(fd_stat_put, OK, "flags leave the rights alone, and rights the flags")
{
    cloudabi_fd_t fd = new_file("f");
    cloudabi_fdstat_t stat;

    OK(set_flags(fd, CLOUDABI_FDFLAG_APPEND));
    CHECK(rights_of(fd) == FILE_BASE);
    OK(narrow(fd, CLOUDABI_RIGHT_FD_READ, 0));
    OK(cloudabi_sys_fd_stat_get(fd, &stat));
    CHECK(stat.fs_flags == CLOUDABI_FDFLAG_APPEND && stat.fs_rights_base == CLOUDABI_RIGHT_FD_READ);
}

#define RIGHT_ROW(name, value) value,
static const cloudabi_rights_t each_right[] = {CLOUDABI_ALL_RIGHTS(RIGHT_ROW)};

TEST_ROWS(fd_stat_put, ENOTCAPABLE, "a right that was given up does not come back",
          ROWS(each_right))
{
    cloudabi_rights_t right = each_right[row], all = rights_of(dir);
    cloudabi_fd_t fd;

    DESCRIBE("%#llx", (unsigned long long)right);
    OK(cloudabi_sys_fd_dup(dir, &fd));
    OK(narrow(fd, all & ~right, DIR_BELOW));
    REFUSED(narrow(fd, all | right, DIR_BELOW));
    CHECK(rights_of(fd) == (all & ~right));
}

TEST_ROWS(fd_stat_put, ENOTCAPABLE, "the same of an inheriting right", ROWS(each_right))
{
    cloudabi_rights_t right = each_right[row];
    cloudabi_fd_t fd;

    DESCRIBE("%#llx", (unsigned long long)right);
    OK(cloudabi_sys_fd_dup(dir, &fd));
    OK(narrow(fd, DIR_BASE, DIR_BELOW & ~right));
    REFUSED(narrow(fd, DIR_BASE, DIR_BELOW | right));
}

static const cloudabi_rights_t undefined_rights[] = {UINT64_C(1) << 63, UINT64_C(1) << 40, 1u << 11,
                                                     1u << 29, UINT64_MAX};

TEST_ROWS(fd_stat_put, ENOTCAPABLE, "rights that do not exist", ROWS(undefined_rights))
{
    DESCRIBE("%#llx", (unsigned long long)undefined_rights[row]);
    REFUSED(narrow(dir, undefined_rights[row], 0));
    REFUSED(narrow(dir, 0, undefined_rights[row]));
}

TEST_ROWS(fd_stat_put, EINVAL, "not exactly one of the two", 6)
{
    static const cloudabi_fdsflags_t how[] = {0, 3, 4, 8, 0x8000, 0xffff};
    cloudabi_fdstat_t stat = {.fs_rights_base = CLOUDABI_RIGHT_FD_READ};
    cloudabi_fd_t fd = new_file("f");

    DESCRIBE("%#x", how[row]);
    REFUSED(cloudabi_sys_fd_stat_put(fd, &stat, how[row]));
    CHECK(rights_of(fd) == FILE_BASE);
}

TEST_ROWS(fd_stat_put, EINVAL, "flags that do not exist", 4)
{
    static const cloudabi_fdflags_t undefined[] = {0x20, 0x100, 0x8000, 0xffff};
    cloudabi_fd_t fd = new_file("f");
    cloudabi_fdstat_t stat;

    DESCRIBE("%#x", undefined[row]);
    REFUSED(set_flags(fd, undefined[row]));
    OK(cloudabi_sys_fd_stat_get(fd, &stat));
    CHECK(stat.fs_flags == 0);
}

TEST_ROWS(fd_stat_put, EFAULT, "buf is no memory", ROWS(bad_places) * 2)
{
    cloudabi_fdsflags_t how = row % 2 == 0 ? CLOUDABI_FDSTAT_FLAGS : CLOUDABI_FDSTAT_RIGHTS;

    DESCRIBE("%p, %u", bad_places[row / 2], how);
    REFUSED(cloudabi_sys_fd_stat_put(new_file("f"), bad_places[row / 2], how));
}

TEST_ROWS(fd_stat_put, EBADF, "not open", ROWS(never_open))
{
    DESCRIBE("%#x", (unsigned)never_open[row]);
    REFUSED(set_flags(never_open[row], 0));
    REFUSED(narrow(never_open[row], 0, 0));
}
