/* SPDX-License-Identifier: BSD-2-Clause */
/* file_open: how a file is opened, made, cut; with what rights; what is refused. */
#include "tests/conformance/call.h"
#include "tests/conformance/platform.h"
#include "tests/conformance/suite.h"

#define CREAT     CLOUDABI_O_CREAT
#define EXCL      CLOUDABI_O_EXCL
#define TRUNC     CLOUDABI_O_TRUNC
#define DIRECTORY CLOUDABI_O_DIRECTORY
#define R(name)   CLOUDABI_RIGHT_##name

static cloudabi_fd_t got;

static cloudabi_errno_t open_plain(const char *name, cloudabi_oflags_t how)
{
    return open_how(dir, 0, name, how, 0, FILE_BASE, 0, &got);
}

TEST(file_open, OK, "a file that is there keeps what it holds")
{
    file_with("f", "text");
    OK(open_plain("f", 0));
    CHECK(holds(got, "text") && position_of(got) == 0);
}

TEST(file_open, OK, "O_CREAT makes an empty file")
{
    OK(open_plain("f", CREAT));
    CHECK(stat_of(got).st_size == 0 && stat_of(got).st_nlink == 1);
    CHECK(stat_of(got).st_filetype == CLOUDABI_FILETYPE_REGULAR_FILE);
}

TEST(file_open, OK, "O_CREAT opens what is there")
{
    file_with("f", "text");
    OK(open_plain("f", CREAT));
    CHECK(holds(got, "text"));
}

TEST(file_open, OK, "O_TRUNC cuts to nothing")
{
    cloudabi_fd_t other = file_with("f", "text");

    OK(open_plain("f", TRUNC));
    CHECK(stat_of(got).st_size == 0 && stat_of(other).st_size == 0);
}

TEST(file_open, OK, "O_CREAT and O_EXCL make what was not there")
{
    OK(open_plain("f", CREAT | EXCL));
}

TEST(file_open, OK, "O_EXCL alone means nothing")
{
    file_with("f", "text");
    OK(open_plain("f", EXCL));
}

TEST(file_open, OK, "a file that is made is there after its descriptor is closed")
{
    OK(open_plain("f", CREAT));
    OK(cloudabi_sys_fd_close(got));
    OK(open_plain("f", 0));
}

static const cloudabi_fdflags_t flags[] = {CLOUDABI_FDFLAG_APPEND, CLOUDABI_FDFLAG_DSYNC,
                                           CLOUDABI_FDFLAG_NONBLOCK, CLOUDABI_FDFLAG_RSYNC,
                                           CLOUDABI_FDFLAG_SYNC};

TEST_ROWS(file_open, OK, "with a flag", ROWS(flags))
{
    cloudabi_fdstat_t stat;

    DESCRIBE("%#x", flags[row]);
    OK(open_how(dir, 0, "f", CREAT, flags[row], FILE_BASE, 0, &got));
    OK(cloudabi_sys_fd_stat_get(got, &stat));
    CHECK(stat.fs_flags == flags[row]);
}

#define RIGHT_ROW(name, value) value,
static const cloudabi_rights_t each_right[] = {CLOUDABI_ALL_RIGHTS(RIGHT_ROW)};

/* What was asked for, and what a type can have: no more. FD_SEEK is free for those who may ask for it. */
TEST_ROWS(file_open, OK, "gives the rights that were asked for and that a file can have",
          ROWS(each_right))
{
    cloudabi_rights_t right = each_right[row];
    bool inheritable = (DIR_BELOW & right) != 0;

    DESCRIBE("%#llx", (unsigned long long)right);
    file_with("f", "text");
    cloudabi_errno_t error = open_how(dir, 0, "f", 0, 0, right, 0, &got);
    if (!inheritable && error == CLOUDABI_ENOTCAPABLE)
        return;
    OK(error);
    CHECK(rights_of(got) == (right & FILE_BASE));
}

TEST_ROWS(file_open, OK, "gives the rights that were asked for and that a directory can have",
          ROWS(each_right))
{
    cloudabi_rights_t right = each_right[row];
    bool inheritable = (DIR_BELOW & right) != 0;

    DESCRIBE("%#llx", (unsigned long long)right);
    OK(make_dir(dir, "d"));
    cloudabi_errno_t error = open_how(dir, 0, "d", DIRECTORY, 0, right, right, &got);
    if (!inheritable && error == CLOUDABI_ENOTCAPABLE)
        return;
    OK(error);
    cloudabi_fdstat_t stat;
    OK(cloudabi_sys_fd_stat_get(got, &stat));
    CHECK(stat.fs_rights_base == (right & DIR_BASE));
    CHECK((stat.fs_rights_inheriting & ~right) == 0);
}

TEST_ROWS(file_open, ENOTCAPABLE, "a right that the directory does not hand on (base)",
          ROWS(each_right))
{
    cloudabi_rights_t right = each_right[row];
    cloudabi_fd_t less = narrowed(dir, DIR_BASE, DIR_BELOW & ~right);

    DESCRIBE("%#llx", (unsigned long long)right);
    file_with("f", "text");
    REFUSED(open_how(less, 0, "f", 0, 0, right, 0, &got));
}

TEST_ROWS(file_open, ENOTCAPABLE, "a right that the directory does not hand on (inheriting)",
          ROWS(each_right))
{
    cloudabi_rights_t right = each_right[row];
    cloudabi_fd_t less = narrowed(dir, DIR_BASE, DIR_BELOW & ~right);

    DESCRIBE("%#llx", (unsigned long long)right);
    OK(make_dir(dir, "d"));
    REFUSED(open_how(less, 0, "d", DIRECTORY, 0, 0, right, &got));
}

TEST(file_open, ENOTCAPABLE, "O_TRUNC where the size may not be set")
{
    cloudabi_fd_t less = narrowed(dir, DIR_BASE, DIR_BELOW & ~R(FILE_STAT_FPUT_SIZE)),
                  fd = file_with("f", "text");

    REFUSED(open_how(less, 0, "f", TRUNC, 0, R(FD_WRITE), 0, &got));
    CHECK(holds(fd, "text"));
}

static const cloudabi_rights_t writing[] = {R(FD_WRITE), R(FD_DATASYNC), R(FILE_ALLOCATE),
                                            R(FILE_STAT_FPUT_SIZE)};

TEST_ROWS(file_open, ENOTCAPABLE, "writing anywhere where only appending is allowed", ROWS(writing))
{
    cloudabi_fd_t less = narrowed(dir, DIR_BASE, DIR_BELOW & ~R(FD_SEEK));

    DESCRIBE("%#llx", (unsigned long long)writing[row]);
    file_with("f", "text");
    REFUSED(open_how(less, 0, "f", 0, 0, writing[row], 0, &got));
    OK(open_how(less, 0, "f", 0, CLOUDABI_FDFLAG_APPEND, writing[row], 0, &got));
}

TEST(file_open, ENOTCAPABLE, "O_CREAT without the right to make files")
{
    cloudabi_fd_t less = narrowed(dir, DIR_BASE & ~R(FILE_CREATE_FILE), DIR_BELOW);

    REFUSED(open_how(less, 0, "f", CREAT, 0, 0, 0, &got));
    RETURNS(open_plain("f", 0), CLOUDABI_ENOENT);
}

TEST(file_open, OK, "rights shrink on the way down and never grow")
{
    cloudabi_fd_t a, b;
    cloudabi_rights_t below = R(FILE_OPEN) | R(FD_READ) | R(FILE_STAT_FGET);

    OK(make_dir(dir, "a"));
    OK(make_dir(dir, "a/b"));
    file_with("a/b/f", "text");
    OK(open_with(dir, "a", DIRECTORY, R(FILE_OPEN), below, &a));
    RETURNS(open_with(a, "b", DIRECTORY, R(FILE_OPEN), below | R(FD_WRITE), &b),
            CLOUDABI_ENOTCAPABLE);
    OK(open_with(a, "b", DIRECTORY, R(FILE_OPEN), R(FD_READ), &b));
    RETURNS(open_with(b, "f", 0, R(FILE_STAT_FGET), 0, &got), CLOUDABI_ENOTCAPABLE);
    OK(open_with(b, "f", 0, R(FD_READ), 0, &got));
    CHECK(rights_of(got) == R(FD_READ));
}

/* --- errors ------------------------------------------------------------------------------------------- */

TEST(file_open, ENOENT, "no such name")
{
    REFUSED(open_plain("none", 0));
}

TEST(file_open, ENOENT, "in a directory that was removed")
{
    cloudabi_fd_t sub = new_directory("d");

    OK(rmdir_at(dir, "d"));
    REFUSED(open_file(sub, "f", CREAT, &got));
}

TEST_ROWS(file_open, EEXIST, "O_CREAT and O_EXCL, and there is", 4)
{
    static const char *const what[] = {"a file", "a directory", "a link", "a link to nothing"};

    DESCRIBE("%s", what[row]);
    if (row == 0)
        file_with("x", "");
    else if (row == 1)
        OK(make_dir(dir, "x"));
    else
        OK(symlink_at(dir, row == 2 ? "." : "none", "x"));
    cloudabi_errno_t error = open_plain("x", CREAT | EXCL);
    /* What a link is refused with is the order of two checks. */
    if (row >= 2 && error == CLOUDABI_ELOOP)
        error = CLOUDABI_EEXIST;
    REFUSED(error);
}

static const cloudabi_oflags_t dir_ways[] = {0, CREAT, TRUNC, CREAT | TRUNC};

TEST_ROWS(file_open, EISDIR, "a directory is opened for writing", ROWS(dir_ways))
{
    DESCRIBE("oflags %#x", dir_ways[row]);
    OK(make_dir(dir, "d"));
    REFUSED(open_plain("d", dir_ways[row]));
}

TEST_ROWS(file_open, ENOTDIR, "O_DIRECTORY, and the name is", 2)
{
    DESCRIBE(row == 0 ? "a file" : "a link to a file");
    file_with("f", "text");
    OK(symlink_at(dir, "f", "l"));
    REFUSED(open_how(dir, FOLLOW, row == 0 ? "f" : "l", DIRECTORY, 0, 0, 0, &got));
}

TEST_ROWS(file_open, ENOTDIR, "a slash behind a file", 2)
{
    file_with("f", "text");
    REFUSED(open_how(dir, FOLLOW, row == 0 ? "f/" : "f/.", 0, 0, 0, 0, &got));
}

TEST_ROWS(file_open, ELOOP, "a final link is not to be followed", 2)
{
    DESCRIBE(row == 0 ? "to a file" : "to nothing");
    file_with("f", "text");
    OK(symlink_at(dir, row == 0 ? "f" : "none", "l"));
    REFUSED(open_plain("l", 0));
}

TEST(file_open, OK, "a final link is followed when asked for")
{
    file_with("f", "text");
    OK(symlink_at(dir, "f", "l"));
    OK(open_how(dir, FOLLOW, "l", 0, 0, FILE_BASE, 0, &got));
    CHECK(holds(got, "text"));
}

TEST(file_open, OK, "O_CREAT through a link to nothing makes its target")
{
    OK(symlink_at(dir, "target", "l"));
    OK(open_how(dir, FOLLOW, "l", CREAT, 0, FILE_BASE, 0, &got));
    OK(stat_at(dir, "target", 0, &(cloudabi_filestat_t){0}));
}

static const cloudabi_oflags_t no_oflags[] = {0x10, 0x80, 0x1000, 0x8000, 0xffff};

TEST_ROWS(file_open, EINVAL, "oflags that do not exist", ROWS(no_oflags))
{
    DESCRIBE("%#x", no_oflags[row]);
    REFUSED(open_plain("f", no_oflags[row]));
    RETURNS(open_plain("f", 0), CLOUDABI_ENOENT);
}

static const cloudabi_fdflags_t no_fdflags[] = {0x20, 0x40, 0x8000, 0xffff};

TEST_ROWS(file_open, EINVAL, "fs_flags that do not exist", ROWS(no_fdflags))
{
    DESCRIBE("%#x", no_fdflags[row]);
    REFUSED(open_how(dir, 0, "f", CREAT, no_fdflags[row], 0, 0, &got));
    RETURNS(open_plain("f", 0), CLOUDABI_ENOENT);
}

static const cloudabi_lookupflags_t no_lookup[] = {2, 4, 0x80000000, 0xffffffff};

TEST_ROWS(file_open, EINVAL, "lookup flags that do not exist", ROWS(no_lookup))
{
    DESCRIBE("%#x", (unsigned)no_lookup[row]);
    file_with("f", "text");
    REFUSED(open_how(dir, no_lookup[row], "f", 0, 0, 0, 0, &got));
}

static void *const bad_places[] = {NULL, BAD, BAD_HIGH, BAD_SHAPE, (void *)UINT64_MAX};

TEST_ROWS(file_open, EFAULT, "fds is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    REFUSED(cloudabi_sys_file_open((cloudabi_lookup_t){.fd = dir}, "f", 1, CREAT, bad_places[row],
                                   &got));
    RETURNS(open_plain("f", 0), CLOUDABI_ENOENT);
}

TEST(file_open, EMFILE, "the table is full")
{
    file_with("f", "text");
    CHECK(use_up_descriptors(0));
    REFUSED(open_plain("f", 0));
    REFUSED(open_plain("g", CREAT));
    OK(cloudabi_sys_fd_close(100));
    RETURNS(open_plain("g", 0), CLOUDABI_ENOENT); /* a refused call has made nothing */
}

TEST(file_open, ENOMEM, "no memory for an open file")
{
    file_with("f", "text");
    SHORTAGE(open_plain("f", 0), cloudabi_sys_fd_close(got));
}

TEST(file_open, ETXTBSY, "writing to a program that runs")
{
    cloudabi_fd_t self = platform_grant("self"), fd, pair[2], process;
    static char bytes[65536];
    size_t done = 1;
    cloudabi_tid_t tid;

    if (self == NO_GRANT)
        SKIP("the program's own file was not granted");
    fd = new_file("program");
    for (uint64_t at = 0; done > 0; at += done) {
        OK(get_at(self, bytes, sizeof(bytes), at, &done));
        OK(put_at(fd, bytes, done, at));
    }
    OK(cloudabi_sys_fd_close(fd));
    OK(open_with(dir, "program", 0, R(PROC_EXEC) | R(FD_READ), 0, &fd));
    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    OK(cloudabi_sys_proc_fork(&process, &tid));
    if (process == CLOUDABI_PROCESS_CHILD) {
        cloudabi_sys_fd_close(pair[0]);
        child_exit(cloudabi_sys_proc_exec(fd, "\1\2", 2, &pair[1], 1)); /* CHILD_READS */
    }
    OK(cloudabi_sys_fd_close(pair[1]));
    for (int i = 0; i < 500 && open_plain("program", 0) == 0; i++) {
        OK(cloudabi_sys_fd_close(got)); /* not yet */
        OK(nap(2 * MILLI));
    }
    REFUSED(open_plain("program", 0));
    REFUSED(open_plain("program", TRUNC));
    OK(put(pair[0], "\7", 1, &done));
    CHECK(finish_child(process) == 7);
    OK(open_plain("program", 0)); /* it runs no more */
}
