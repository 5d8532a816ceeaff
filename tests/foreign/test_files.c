/* SPDX-License-Identifier: BSD-2-Clause */
/* Files as a C library above the calls uses them: rights at opening, positions, times, names, listings, sparse
 * files. */
#include "tests/foreign/foreign.h"

static cloudabi_fd_t dir;

static cloudabi_errno_t stat_of(const char *path, cloudabi_filestat_t *stat)
{
    return cloudabi_sys_file_stat_get((cloudabi_lookup_t){.fd = dir}, path, strlen(path), stat);
}

static cloudabi_filestat_t attributes(const char *path)
{
    cloudabi_filestat_t stat = {.st_nlink = 12345};

    CHECK_IS(stat_of(path, &stat), 0);
    return stat;
}

static cloudabi_errno_t mkdir(const char *path)
{
    return cloudabi_sys_file_create(dir, path, strlen(path), CLOUDABI_FILETYPE_DIRECTORY);
}

static cloudabi_errno_t unlink(const char *path)
{
    return cloudabi_sys_file_unlink(dir, path, strlen(path), 0);
}

static cloudabi_errno_t rmdir(const char *path)
{
    return cloudabi_sys_file_unlink(dir, path, strlen(path), CLOUDABI_UNLINK_REMOVEDIR);
}

static cloudabi_errno_t rename(const char *from, const char *to)
{
    return cloudabi_sys_file_rename(dir, from, strlen(from), dir, to, strlen(to));
}

static cloudabi_errno_t link(const char *from, const char *to, uint32_t flags)
{
    return cloudabi_sys_file_link((cloudabi_lookup_t){.fd = dir, .flags = flags}, from,
                                  strlen(from), dir, to, strlen(to));
}

static cloudabi_errno_t symlink(const char *target, const char *path)
{
    return cloudabi_sys_file_symlink(target, strlen(target), dir, path, strlen(path));
}

static void make(const char *path, const char *text)
{
    cloudabi_fd_t fd;
    size_t done;

    CHECK_IS(open_at(dir, path, O_WRITE | O_MAKE | O_CUT, &fd), 0);
    CHECK_IS(put(fd, text, strlen(text), &done), 0);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
}

/* --- opening and what F_GETFL makes of the rights ------------------------------------------------- */

static void test_rights(void)
{
    cloudabi_fdstat_t stat;
    cloudabi_fd_t fd, below;
    size_t done;
    char byte;

    make("file", "hello");
    CHECK_IS(cloudabi_sys_fd_stat_get(dir, &stat), 0);
    CHECK_IS(stat.fs_filetype, CLOUDABI_FILETYPE_DIRECTORY);
    CHECK_IS(stat.fs_rights_base, 0x13eff698);
    CHECK_IS(stat.fs_rights_inheriting & 0x11ffff7ff, 0x11ffff7ff);
    CHECK_IS(open_at(dir, "file", O_READ | O_WRITE, &fd), 0);
    CHECK_IS(cloudabi_sys_fd_stat_get(fd, &stat), 0);
    CHECK_IS(stat.fs_filetype, CLOUDABI_FILETYPE_REGULAR_FILE);
    CHECK_IS(stat.fs_rights_base, 0x11c3801ff);
    CHECK_IS(stat.fs_rights_inheriting, 0);
    CHECK_IS(stat.fs_flags, 0);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(open_at(dir, "file", O_READ, &fd), 0);
    CHECK_IS(cloudabi_sys_fd_stat_get(fd, &stat), 0);
    CHECK_IS(stat.fs_rights_base &
                 (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_DATASYNC |
                  CLOUDABI_RIGHT_FILE_ALLOCATE | CLOUDABI_RIGHT_FILE_STAT_FPUT_SIZE),
             CLOUDABI_RIGHT_FD_READ);
    CHECK_IS(put(fd, "x", 1, &done) != 0, true);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(open_at(dir, "file", O_WRITE, &fd), 0);
    CHECK_IS(cloudabi_sys_fd_stat_get(fd, &stat), 0);
    CHECK_IS(stat.fs_rights_base & (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE),
             CLOUDABI_RIGHT_FD_WRITE);
    CHECK_IS(get(fd, &byte, 1, &done) != 0, true);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(open_at(dir, "file", O_EXEC, &fd), 0);
    CHECK_IS(cloudabi_sys_fd_stat_get(fd, &stat), 0);
    CHECK((stat.fs_rights_base & CLOUDABI_RIGHT_PROC_EXEC) != 0);
    CHECK_IS(open_at(fd, "x", O_READ, &below), CLOUDABI_ENOTDIR);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(open_at(NO_FD, "x", O_READ, &below), CLOUDABI_EBADF);
    CHECK_IS(open_at(dir, "absent", O_READ, &fd), CLOUDABI_ENOENT);
    CHECK_IS(open_at(dir, "file", O_READ | O_MAKE | O_ONLY, &fd), CLOUDABI_EEXIST);
    CHECK_IS(open_at(dir, "file", O_READ | O_DIR, &fd), CLOUDABI_ENOTDIR);
    CHECK_IS(open_at(dir, "file/x", O_READ, &fd), CLOUDABI_ENOTDIR);
    CHECK_IS(open_at(dir, "/file", O_READ, &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_IS(open_at(dir, "../file", O_READ, &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_IS(open_at(dir, "", O_READ, &fd), CLOUDABI_ENOENT);
    CHECK_IS(open_at(dir, ".", O_READ, &fd), 0);
    CHECK_IS(cloudabi_sys_fd_stat_get(fd, &stat), 0);
    CHECK_IS(stat.fs_filetype, CLOUDABI_FILETYPE_DIRECTORY);
    CHECK_IS(get(fd, &byte, 1, &done) != 0, true);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(open_at(dir, ".", O_WRITE, &fd), CLOUDABI_EISDIR);
    CHECK_IS(open_at(dir, ".", O_READ | O_MAKE, &fd) == 0 || true, true);
}

/* --- positions --------------------------------------------------------------------------------------- */

static void test_positions(void)
{
    cloudabi_fd_t fd, other, copy;
    uint64_t at = 99;
    char buf[32];
    size_t done;

    CHECK_IS(open_at(dir, "pos", O_READ | O_WRITE | O_MAKE | O_CUT, &fd), 0);
    CHECK_IS(put(fd, "0123456789", 10, &done), 0);
    CHECK_IS(cloudabi_sys_fd_seek(fd, 0, CLOUDABI_WHENCE_CUR, &at), 0);
    CHECK_IS(at, 10);
    CHECK_IS(cloudabi_sys_fd_seek(fd, -3, CLOUDABI_WHENCE_END, &at), 0);
    CHECK_IS(at, 7);
    CHECK_IS(cloudabi_sys_fd_dup(fd, &copy), 0);
    CHECK(get(copy, buf, 2, &done) == 0 && done == 2 && buf[0] == '7');
    CHECK_IS(cloudabi_sys_fd_seek(fd, 0, CLOUDABI_WHENCE_CUR, &at), 0);
    CHECK_IS(at, 9);
    CHECK_IS(cloudabi_sys_fd_seek(fd, -10, CLOUDABI_WHENCE_CUR, &at), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_fd_seek(fd, -1, CLOUDABI_WHENCE_SET, &at), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_fd_seek(fd, 0, 0, &at), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_fd_seek(fd, 0, 4, &at), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_fd_seek(fd, INT64_MAX, CLOUDABI_WHENCE_END, &at), CLOUDABI_EOVERFLOW);
    CHECK_IS(cloudabi_sys_fd_seek(fd, 100, CLOUDABI_WHENCE_SET, &at), 0);
    CHECK(get(fd, buf, 8, &done) == 0 && done == 0);
    CHECK_IS(attributes("pos").st_size, 10);
    CHECK_IS(put(fd, "end", 3, &done), 0);
    CHECK_IS(attributes("pos").st_size, 103);
    CHECK_IS(open_at(dir, "pos", O_READ | O_WRITE | O_APPENDING, &other), 0);
    cloudabi_fdstat_t stat;
    CHECK_IS(cloudabi_sys_fd_stat_get(other, &stat), 0);
    CHECK_IS(stat.fs_flags, CLOUDABI_FDFLAG_APPEND);
    CHECK_IS(put(other, "tail", 4, &done), 0);
    CHECK_IS(cloudabi_sys_fd_seek(other, 0, CLOUDABI_WHENCE_CUR, &at), 0);
    CHECK_IS(at, 107);
    CHECK_IS(cloudabi_sys_fd_seek(other, 0, CLOUDABI_WHENCE_SET, &at), 0);
    CHECK(get(other, buf, 4, &done) == 0 && memcmp(buf, "0123", 4) == 0);
    CHECK_IS(put(other, "more", 4, &done), 0);
    CHECK_IS(attributes("pos").st_size, 111);
    stat.fs_flags = 0;
    CHECK_IS(cloudabi_sys_fd_stat_put(other, &stat, CLOUDABI_FDSTAT_FLAGS), 0);
    CHECK_IS(cloudabi_sys_fd_seek(other, 2, CLOUDABI_WHENCE_SET, &at), 0);
    CHECK_IS(put(other, "xy", 2, &done), 0);
    CHECK_IS(attributes("pos").st_size, 111);
    cloudabi_iovec_t parts[3] = {{buf, 3}, {buf + 8, 0}, {buf + 16, 5}};
    CHECK_IS(cloudabi_sys_fd_pread(fd, parts, 3, 0, &done), 0);
    CHECK(done == 8 && memcmp(buf, "01x", 3) == 0 && memcmp(buf + 16, "y4567", 5) == 0);
    CHECK_IS(cloudabi_sys_fd_pread(fd, parts, 3, UINT64_MAX, &done), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_fd_pread(fd, parts, 3, 1000000, &done), 0);
    CHECK_IS(done, 0);
    CHECK_IS(cloudabi_sys_fd_read(fd, parts, 0, &done), 0);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(cloudabi_sys_fd_close(other), 0);
    CHECK_IS(cloudabi_sys_fd_close(copy), 0);
    CHECK_IS(cloudabi_sys_fd_close(copy), CLOUDABI_EBADF);
}

static void test_sparse(void)
{
    const uint64_t far = UINT64_C(5) << 30;
    cloudabi_ciovec_t out = {"far away", 8};
    char buf[16];
    cloudabi_iovec_t in = {buf, 16};
    cloudabi_filestat_t stat;
    cloudabi_fd_t fd;
    size_t done;
    void *at;

    CHECK_IS(open_at(dir, "sparse", O_READ | O_WRITE | O_MAKE | O_CUT, &fd), 0);
    CHECK_IS(cloudabi_sys_fd_pwrite(fd, &out, 1, far - 4, &done), 0);
    CHECK_IS(attributes("sparse").st_size, far + 4);
    CHECK_IS(cloudabi_sys_fd_pread(fd, &in, 1, far - 10, &done), 0);
    CHECK(done == 14 && memcmp(buf, "\0\0\0\0\0\0far away", 14) == 0);
    CHECK_IS(
        cloudabi_sys_mem_map(NULL, PAGE, CLOUDABI_PROT_READ, CLOUDABI_MAP_SHARED, fd, far, &at), 0);
    CHECK(memcmp(at, "away\0", 5) == 0);
    CHECK_IS(cloudabi_sys_mem_unmap(at, PAGE), 0);
    stat.st_size = 0;
    CHECK_IS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    stat.st_size = UINT64_C(1) << 40;
    CHECK_IS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    CHECK_IS(attributes("sparse").st_size, UINT64_C(1) << 40);
    stat.st_size = UINT64_C(1) << 63;
    CHECK_IS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), CLOUDABI_EFBIG);
    stat.st_size = 5;
    CHECK_IS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    CHECK_IS(cloudabi_sys_file_allocate(fd, 10, 20), 0);
    CHECK_IS(attributes("sparse").st_size, 30);
    CHECK_IS(cloudabi_sys_file_allocate(fd, 0, 5), 0);
    CHECK_IS(attributes("sparse").st_size, 30);
    CHECK_IS(cloudabi_sys_file_allocate(fd, 0, 0), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_file_allocate(fd, UINT64_C(1) << 62, UINT64_C(1) << 62), CLOUDABI_EFBIG);
    CHECK_IS(cloudabi_sys_file_advise(fd, 0, 0, CLOUDABI_ADVICE_WILLNEED), 0);
    CHECK_IS(cloudabi_sys_file_advise(fd, 0, 10, 9), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_fd_sync(fd), 0);
    CHECK_IS(cloudabi_sys_fd_datasync(fd), 0);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
}

/* --- times -------------------------------------------------------------------------------------------- */

static void test_times(void)
{
    cloudabi_filestat_t stat = {.st_atim = UINT64_C(123456789012345678), .st_mtim = 987654321}, got;
    cloudabi_timestamp_t before, after;
    cloudabi_fd_t fd;
    size_t done;
    char byte;

    (void)cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_REALTIME, 0, &before);
    make("times", "x");
    (void)cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_REALTIME, 0, &after);
    got = attributes("times");
    CHECK(got.st_mtim >= before && got.st_mtim <= after);
    CHECK(got.st_ctim >= before && got.st_ctim <= after);
    CHECK(got.st_atim >= before && got.st_atim <= after);
    CHECK_IS(cloudabi_sys_file_stat_put((cloudabi_lookup_t){.fd = dir}, "times", 5, &stat,
                                        CLOUDABI_FILESTAT_ATIM | CLOUDABI_FILESTAT_MTIM),
             0);
    got = attributes("times");
    CHECK_IS(got.st_atim, stat.st_atim);
    CHECK_IS(got.st_mtim, stat.st_mtim);
    CHECK(got.st_ctim >= after);
    CHECK_IS(open_at(dir, "times", O_READ | O_WRITE, &fd), 0);
    CHECK_IS(
        cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_ATIM_NOW | CLOUDABI_FILESTAT_MTIM),
        0);
    got = attributes("times");
    CHECK(got.st_atim >= after && got.st_mtim == stat.st_mtim);
    CHECK_IS(
        cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_ATIM_NOW | CLOUDABI_FILESTAT_ATIM),
        CLOUDABI_EINVAL);
    CHECK_IS(
        cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_MTIM_NOW | CLOUDABI_FILESTAT_SIZE),
        CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_ATIM), 0);
    CHECK_IS(put(fd, "y", 1, &done), 0);
    got = attributes("times");
    CHECK(got.st_mtim > stat.st_mtim && got.st_mtim >= after);
    CHECK_IS(got.st_atim, stat.st_atim);
    CHECK_IS(get(fd, &byte, 1, &done), 0);
    CHECK_IS(cloudabi_sys_file_stat_fget(fd, &got), 0);
    CHECK_IS(got.st_filetype, CLOUDABI_FILETYPE_REGULAR_FILE);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    /* A directory's time changes with its names. */
    CHECK_IS(mkdir("timed"), 0);
    CHECK_IS(cloudabi_sys_file_stat_put((cloudabi_lookup_t){.fd = dir}, "timed", 5, &stat,
                                        CLOUDABI_FILESTAT_MTIM),
             0);
    make("timed/a", "");
    CHECK(attributes("timed").st_mtim > stat.st_mtim);
    CHECK_IS(cloudabi_sys_file_stat_put((cloudabi_lookup_t){.fd = dir}, "timed", 5, &stat,
                                        CLOUDABI_FILESTAT_MTIM),
             0);
    CHECK_IS(unlink("timed/a"), 0);
    CHECK(attributes("timed").st_mtim > stat.st_mtim);
    CHECK_IS(rmdir("timed"), 0);
    CHECK_IS(symlink("times", "times-link"), 0);
    CHECK_IS(cloudabi_sys_file_stat_put((cloudabi_lookup_t){.fd = dir}, "times-link", 10, &stat,
                                        CLOUDABI_FILESTAT_MTIM),
             0);
    CHECK_IS(attributes("times-link").st_mtim, stat.st_mtim);
    CHECK(attributes("times").st_mtim > stat.st_mtim);
    CHECK_IS(unlink("times-link"), 0);
}

/* --- names --------------------------------------------------------------------------------------------- */

static void test_links(void)
{
    cloudabi_filestat_t a, b;
    cloudabi_fd_t fd;
    char buf[16];
    size_t done;

    make("a", "text");
    CHECK_IS(link("a", "b", 0), 0);
    a = attributes("a");
    b = attributes("b");
    CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_nlink == 2 && b.st_nlink == 2);
    CHECK_IS(link("a", "b", 0), CLOUDABI_EEXIST);
    CHECK_IS(link("absent", "c", 0), CLOUDABI_ENOENT);
    CHECK_IS(rename("a", "b"), 0);
    CHECK(stat_of("a", &a) == 0 && a.st_nlink == 2); /* two names of one file: nothing happens */
    CHECK_IS(unlink("b"), 0);
    CHECK_IS(attributes("a").st_nlink, 1);
    CHECK_IS(mkdir("d"), 0);
    CHECK(link("d", "e", 0) != 0);
    CHECK_IS(attributes("d").st_nlink, 2);
    CHECK_IS(mkdir("d/sub"), 0);
    CHECK_IS(attributes("d").st_nlink, 3);
    CHECK_IS(mkdir("d"), CLOUDABI_EEXIST);
    CHECK_IS(mkdir("absent/d"), CLOUDABI_ENOENT);
    CHECK_IS(mkdir("a/d"), CLOUDABI_ENOTDIR);
    CHECK_IS(rmdir("d"), CLOUDABI_ENOTEMPTY);
    CHECK_IS(rmdir("a"), CLOUDABI_ENOTDIR);
    CHECK_IS(unlink("d"), CLOUDABI_EPERM);
    CHECK_IS(rmdir("d/sub"), 0);
    CHECK_IS(attributes("d").st_nlink, 2);
    CHECK_IS(symlink("a", "s"), 0);
    CHECK_IS(symlink("b", "s"), CLOUDABI_EEXIST);
    CHECK_IS(attributes("s").st_filetype, CLOUDABI_FILETYPE_SYMBOLIC_LINK);
    CHECK_IS(attributes("s").st_size, 1);
    CHECK_IS(cloudabi_sys_file_readlink(dir, "s", 1, buf, 16, &done), 0);
    CHECK(done == 1 && buf[0] == 'a');
    CHECK_IS(cloudabi_sys_file_readlink(dir, "a", 1, buf, 16, &done), CLOUDABI_EINVAL);
    CHECK_IS(open_at(dir, "s", O_READ | O_NOLINK, &fd), CLOUDABI_ELOOP);
    CHECK_IS(open_at(dir, "s", O_READ, &fd), 0);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(open_at(dir, "s", O_READ | O_MAKE | O_ONLY, &fd), CLOUDABI_EEXIST);
    CHECK_IS(link("s", "hard-symlink", 0), 0);
    CHECK_IS(attributes("hard-symlink").st_filetype, CLOUDABI_FILETYPE_SYMBOLIC_LINK);
    CHECK_IS(link("s", "hard-file", CLOUDABI_LOOKUP_SYMLINK_FOLLOW), 0);
    CHECK_IS(attributes("hard-file").st_filetype, CLOUDABI_FILETYPE_REGULAR_FILE);
    CHECK(unlink("hard-file") == 0 && unlink("hard-symlink") == 0 && unlink("s") == 0);
    CHECK_IS(symlink("loop2", "loop1"), 0);
    CHECK_IS(symlink("loop1", "loop2"), 0);
    CHECK_IS(open_at(dir, "loop1", O_READ, &fd), CLOUDABI_ELOOP);
    CHECK_IS(open_at(dir, "loop1/x", O_READ, &fd), CLOUDABI_ELOOP);
    CHECK(unlink("loop1") == 0 && unlink("loop2") == 0);
    CHECK_IS(symlink("made-by-link", "dangling"), 0);
    CHECK_IS(open_at(dir, "dangling", O_READ, &fd), CLOUDABI_ENOENT);
    CHECK_IS(open_at(dir, "dangling", O_WRITE | O_MAKE | O_ONLY, &fd), CLOUDABI_EEXIST);
    CHECK_IS(open_at(dir, "dangling", O_WRITE | O_MAKE, &fd), 0);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(attributes("made-by-link").st_size, 0);
    CHECK_IS(symlink("/etc", "out"), 0);
    CHECK_IS(open_at(dir, "out", O_READ, &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_IS(symlink("..", "up"), 0);
    CHECK_IS(open_at(dir, "up/x", O_READ, &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_IS(symlink("", "nothing") == 0 || true, true);
    CHECK_IS(rmdir("d"), 0);
}

static void test_renames(void)
{
    cloudabi_fd_t fd;
    cloudabi_filestat_t stat;

    make("one", "1");
    make("two", "22");
    CHECK_IS(open_at(dir, "two", O_READ, &fd), 0);
    CHECK_IS(rename("one", "two"), 0);
    CHECK_IS(stat_of("one", &stat), CLOUDABI_ENOENT);
    CHECK_IS(attributes("two").st_size, 1);
    CHECK_IS(cloudabi_sys_file_stat_fget(fd, &stat), 0);
    CHECK(stat.st_size == 2 && stat.st_nlink == 0);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK(mkdir("x") == 0 && mkdir("x/y") == 0 && mkdir("z") == 0);
    CHECK_IS(rename("two", "x"), CLOUDABI_EISDIR);
    CHECK_IS(rename("x", "two"), CLOUDABI_ENOTDIR);
    CHECK_IS(rename("z", "x"), CLOUDABI_ENOTEMPTY);
    CHECK_IS(rename("x", "x/y/w"), CLOUDABI_EINVAL);
    CHECK_IS(rename("x", "x"), 0);
    CHECK_IS(rename("absent", "x"), CLOUDABI_ENOENT);
    CHECK_IS(rename("x", "z"), 0);
    CHECK_IS(attributes("z").st_nlink, 3);
    CHECK_IS(rename("z/y", "y"), 0);
    CHECK(attributes("z").st_nlink == 2 && attributes("y").st_nlink == 2);
    CHECK_IS(rename("two", "y/two"), 0);
    CHECK_IS(rename("y/.", "q"), CLOUDABI_EINVAL);
    CHECK_IS(rename("y", "q/."), CLOUDABI_ENOENT);
    CHECK_IS(rename(".", "q"), CLOUDABI_EINVAL);
    CHECK_IS(rename("y/..", "q"), CLOUDABI_EINVAL);
    CHECK_IS(rmdir("y/."), CLOUDABI_EINVAL);
    CHECK_IS(rmdir("."), CLOUDABI_EINVAL);
    CHECK_IS(mkdir("fresh/."), CLOUDABI_ENOENT);
    CHECK_IS(mkdir("y/."), CLOUDABI_EEXIST);
    CHECK_IS(rmdir("y/two/."), CLOUDABI_ENOTDIR);
    CHECK_IS(rename("y/two/", "y/three"), CLOUDABI_ENOTDIR);
    CHECK_IS(open_at(dir, "y/two/", O_READ, &fd), CLOUDABI_ENOTDIR);
    CHECK_IS(mkdir("slash/"), 0);
    CHECK_IS(rmdir("slash/"), 0);
    CHECK_IS(open_at(dir, "newslash/", O_WRITE | O_MAKE, &fd) != 0, true);
    CHECK_IS(open_at(dir, "y//.//two", O_READ, &fd), 0);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(unlink("y/two"), 0);
    CHECK_IS(unlink("y/two"), CLOUDABI_ENOENT);
    CHECK(rmdir("y") == 0 && rmdir("z") == 0);
    CHECK_IS(rmdir("y"), CLOUDABI_ENOENT);
}

static void test_long_names(void)
{
    static char name[1100];
    cloudabi_fd_t fd;

    memset(name, 'n', sizeof(name) - 1);
    CHECK_IS(open_at(dir, name, O_WRITE | O_MAKE, &fd), CLOUDABI_ENAMETOOLONG);
    name[256] = 0;
    CHECK_IS(open_at(dir, name, O_WRITE | O_MAKE, &fd), CLOUDABI_ENAMETOOLONG);
    name[255] = 0;
    CHECK_IS(open_at(dir, name, O_WRITE | O_MAKE, &fd), 0);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    CHECK_IS(unlink(name), 0);
    CHECK_IS(cloudabi_sys_file_unlink(dir, "a\0b", 3, 0), CLOUDABI_EINVAL);
}

/* --- listings -------------------------------------------------------------------------------------------- */

/* As a readdir() does it: whole records out of a small buffer, the cut one read again from its cookie. */
static unsigned list(cloudabi_fd_t fd, size_t size, bool *dots)
{
    static char buf[4096];
    cloudabi_dircookie_t cookie = 0;
    unsigned count = 0;

    *dots = false;
    for (unsigned turns = 0; turns < 10000; turns++) {
        size_t used = 0, at = 0;
        if (cloudabi_sys_file_readdir(fd, buf, size, cookie, &used) != 0 || used > size)
            return 99999;
        while (used - at >= 24) {
            cloudabi_dirent_t entry;
            memcpy(&entry, buf + at, 24);
            if (used - at - 24 < entry.d_namlen)
                break;
            count++;
            cookie = entry.d_next;
            *dots |= entry.d_namlen == 2 && buf[at + 24] == '.' && buf[at + 25] == '.';
            at += 24 + entry.d_namlen;
        }
        if (used < size)
            return count;
    }
    return 88888;
}

static void test_listing(void)
{
    char name[] = "list/entry-000";
    cloudabi_fd_t fd;
    bool dots;

    CHECK_IS(mkdir("list"), 0);
    for (int i = 0; i < 200; i++) {
        name[11] = (char)('0' + i / 100);
        name[12] = (char)('0' + i / 10 % 10);
        name[13] = (char)('0' + i % 10);
        cloudabi_fd_t file;
        if (open_at(dir, name, O_WRITE | O_MAKE, &file) != 0)
            CHECK(false);
        (void)cloudabi_sys_fd_close(file);
    }
    CHECK_IS(open_at(dir, "list", O_READ | O_DIR, &fd), 0);
    for (size_t size = 40; size <= 4096; size = size * 2 + 3) {
        CHECK_IS(list(fd, size, &dots), 202);
        CHECK(dots);
    }
    size_t used = 77;
    CHECK_IS(cloudabi_sys_file_readdir(fd, name, 10, 0, &used), 0);
    CHECK_IS(used, 10);
    for (int i = 0; i < 200; i++) {
        name[0] = 'l', name[1] = 'i', name[2] = 's', name[3] = 't', name[4] = '/';
        memcpy(name + 5, "entry-", 6);
        name[11] = (char)('0' + i / 100);
        name[12] = (char)('0' + i / 10 % 10);
        name[13] = (char)('0' + i % 10);
        if (unlink(name) != 0)
            CHECK(false);
    }
    CHECK_IS(list(fd, 4096, &dots), 2);
    CHECK_IS(rmdir("list"), 0);
    CHECK(list(fd, 4096, &dots) <= 2);
    cloudabi_fd_t inside;
    CHECK_IS(open_at(fd, "new", O_WRITE | O_MAKE, &inside), CLOUDABI_ENOENT);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
}

static void test_replace(void)
{
    cloudabi_fd_t a = NO_FD, b = NO_FD;
    char byte;
    size_t done;
    uint64_t at;

    make("ra", "aaaa");
    make("rb", "bbbb");
    CHECK(open_at(dir, "ra", O_READ, &a) == 0 && open_at(dir, "rb", O_READ, &b) == 0);
    CHECK_IS(cloudabi_sys_fd_replace(a, b), 0);
    CHECK(get(b, &byte, 1, &done) == 0 && byte == 'a');
    CHECK(cloudabi_sys_fd_seek(a, 0, CLOUDABI_WHENCE_CUR, &at) == 0 && at == 1);
    CHECK_IS(cloudabi_sys_fd_replace(a, NO_FD), CLOUDABI_EBADF);
    CHECK_IS(cloudabi_sys_fd_replace(NO_FD, a), CLOUDABI_EBADF);
    CHECK_IS(cloudabi_sys_fd_replace(a, a), 0);
    CHECK_IS(cloudabi_sys_fd_close(a), 0);
    CHECK(get(b, &byte, 1, &done) == 0 && byte == 'a');
    CHECK_IS(cloudabi_sys_fd_close(b), 0);
}

void program(void)
{
    dir = arg_tmpdir;
    test_rights();
    test_positions();
    test_sparse();
    test_times();
    test_links();
    test_renames();
    test_long_names();
    test_listing();
    test_replace();
}
