/* SPDX-License-Identifier: BSD-2-Clause */
/* Files in the granted directory `tmpdir`, which tmpfs serves. */
#include <tessera/grants.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

static cloudabi_fd_t dir;

static void test_read_write(void)
{
    cloudabi_fd_t fd;
    cloudabi_filesize_t at = 0;
    cloudabi_filestat_t stat;
    char buf[64];
    size_t done = 0;

    CHECK_RETURNS(open_file(dir, "f", 0, &fd), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_file(dir, "f", CLOUDABI_O_CREAT, &fd), 0);
    CHECK_RETURNS(put(fd, "hello world", 11, &done), 0);
    CHECK(done == 11);
    CHECK_RETURNS(cloudabi_sys_fd_seek(fd, 6, CLOUDABI_WHENCE_SET, &at), 0);
    CHECK(at == 6);
    CHECK_RETURNS(get(fd, buf, sizeof(buf), &done), 0);
    CHECK(done == 5 && memcmp(buf, "world", 5) == 0);
    CHECK_RETURNS(get(fd, buf, sizeof(buf), &done), 0);
    CHECK(done == 0);
    CHECK_RETURNS(get_at(fd, buf, 5, 0, &done), 0);
    CHECK(done == 5 && memcmp(buf, "hello", 5) == 0);
    CHECK_RETURNS(cloudabi_sys_fd_seek(fd, -100, CLOUDABI_WHENCE_CUR, &at), CLOUDABI_EINVAL);
    CHECK_RETURNS(cloudabi_sys_file_stat_fget(fd, &stat), 0);
    CHECK(stat.st_size == 11 && stat.st_filetype == CLOUDABI_FILETYPE_REGULAR_FILE &&
          stat.st_nlink == 1);
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    CHECK_RETURNS(open_file(dir, "f", CLOUDABI_O_CREAT | CLOUDABI_O_EXCL, &fd), CLOUDABI_EEXIST);
    CHECK_RETURNS(open_file(dir, "f", CLOUDABI_O_TRUNC, &fd), 0);
    CHECK_RETURNS(cloudabi_sys_file_stat_fget(fd, &stat), 0);
    CHECK(stat.st_size == 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    CHECK_RETURNS(open_file(dir, "f/x", 0, &fd), CLOUDABI_ENOTDIR);
    CHECK_RETURNS(open_dir(dir, "f", &fd), CLOUDABI_ENOTDIR);
    CHECK_RETURNS(unlink_at(dir, "f"), 0);
    CHECK_RETURNS(unlink_at(dir, "f"), CLOUDABI_ENOENT);
}

static void test_append_and_sparse(void)
{
    cloudabi_fdstat_t want = {.fs_flags = CLOUDABI_FDFLAG_APPEND, .fs_rights_base = FILE_BASE};
    cloudabi_lookup_t at = {.fd = dir};
    cloudabi_fd_t fd;
    cloudabi_filestat_t stat = {0};
    char buf[16];
    size_t done;

    CHECK_RETURNS(cloudabi_sys_file_open(at, "log", 3, CLOUDABI_O_CREAT, &want, &fd), 0);
    CHECK_RETURNS(put(fd, "one", 3, &done), 0);
    CHECK_RETURNS(cloudabi_sys_fd_seek(fd, 0, CLOUDABI_WHENCE_SET, &(cloudabi_filesize_t){0}), 0);
    CHECK_RETURNS(put(fd, "two", 3, &done), 0);
    CHECK_RETURNS(get_at(fd, buf, 16, 0, &done), 0);
    CHECK(done == 6 && memcmp(buf, "onetwo", 6) == 0);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(unlink_at(dir, "log"), 0);

    CHECK_RETURNS(open_file(dir, "sparse", CLOUDABI_O_CREAT, &fd), 0);
    CHECK_RETURNS(put_at(fd, "end", 3, 1000000), 0);
    CHECK_RETURNS(get_at(fd, buf, 16, 500000, &done), 0);
    CHECK(done == 16 && buf[0] == 0 && buf[15] == 0);
    stat.st_size = 1000001;
    CHECK_RETURNS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    stat.st_size = 1000003;
    CHECK_RETURNS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    CHECK_RETURNS(get_at(fd, buf, 16, 1000000, &done), 0);
    CHECK(done == 3 && memcmp(buf, "e\0\0", 3) == 0);
    CHECK_RETURNS(cloudabi_sys_file_allocate(fd, 0, 1100000), 0);
    CHECK_RETURNS(cloudabi_sys_file_stat_fget(fd, &stat), 0);
    CHECK(stat.st_size == 1100000);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(unlink_at(dir, "sparse"), 0);
}

static void test_directories(void)
{
    cloudabi_fd_t sub, fd;
    cloudabi_filestat_t stat;
    char name[] = "file-0";

    CHECK_RETURNS(make_dir(dir, "sub"), 0);
    CHECK_RETURNS(make_dir(dir, "sub"), CLOUDABI_EEXIST);
    CHECK_RETURNS(make_dir(dir, "none/sub"), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_dir(dir, "sub", &sub), 0);
    for (int i = 0; i < 10; i++) {
        name[5] = (char)('0' + i);
        CHECK_RETURNS(open_file(sub, name, CLOUDABI_O_CREAT, &fd), 0);
        cloudabi_sys_fd_close(fd);
    }
    CHECK_RETURNS(stat_at(dir, "sub/file-3", 0, &stat), 0);
    CHECK(stat.st_filetype == CLOUDABI_FILETYPE_REGULAR_FILE);
    CHECK_RETURNS(rmdir_at(dir, "sub"), CLOUDABI_ENOTEMPTY);
    CHECK(unlink_at(dir, "sub") != 0);
    for (int i = 0; i < 10; i++) {
        name[5] = (char)('0' + i);
        CHECK_RETURNS(unlink_at(sub, name), 0);
    }
    CHECK_RETURNS(rmdir_at(dir, "sub"), 0);
    CHECK_RETURNS(open_file(sub, "late", CLOUDABI_O_CREAT, &fd), CLOUDABI_ENOENT);
    cloudabi_sys_fd_close(sub);
}

/* Reads a whole directory with a small buffer; the number of names, of which MARKED begin with 'e'. */
static int list(cloudabi_fd_t fd, int *marked)
{
    cloudabi_dircookie_t cookie = CLOUDABI_DIRCOOKIE_START;
    cloudabi_dirent_t entry;
    int count = 0;
    char buf[200];

    for (;;) {
        size_t used = 0, at = 0;
        if (cloudabi_sys_file_readdir(fd, buf, sizeof(buf), cookie, &used) != 0)
            return -1;
        for (; at + sizeof(entry) <= used; at += sizeof(entry) + entry.d_namlen) {
            memcpy(&entry, buf + at, sizeof(entry));
            if (at + sizeof(entry) + entry.d_namlen > used)
                break;
            cookie = entry.d_next;
            count++;
            *marked += buf[at + sizeof(entry)] == 'e';
        }
        if (used < sizeof(buf))
            return count;
    }
}

static void test_readdir(void)
{
    cloudabi_fd_t sub, fd;
    char name[] = "entry-00";
    int marked = 0;

    CHECK_RETURNS(make_dir(dir, "many"), 0);
    CHECK_RETURNS(open_dir(dir, "many", &sub), 0);
    CHECK(list(sub, &marked) == 2 && marked == 0);
    for (int i = 0; i < 100; i++) {
        name[6] = (char)('0' + i / 10);
        name[7] = (char)('0' + i % 10);
        if (open_file(sub, name, CLOUDABI_O_CREAT, &fd) == 0)
            cloudabi_sys_fd_close(fd);
    }
    CHECK(list(sub, &marked) == 102 && marked == 100);
    for (int i = 0; i < 100; i++) {
        name[6] = (char)('0' + i / 10);
        name[7] = (char)('0' + i % 10);
        unlink_at(sub, name);
    }
    cloudabi_sys_fd_close(sub);
    CHECK_RETURNS(rmdir_at(dir, "many"), 0);
}

static void test_names(void)
{
    cloudabi_fd_t fd;
    cloudabi_filestat_t stat;
    char buf[16];
    size_t done;

    CHECK_RETURNS(open_file(dir, "a", CLOUDABI_O_CREAT, &fd), 0);
    CHECK_RETURNS(put(fd, "A", 1, &done), 0);
    CHECK_RETURNS(rename_at(dir, "a", "b"), 0);
    CHECK_RETURNS(stat_at(dir, "a", 0, &stat), CLOUDABI_ENOENT);
    CHECK_RETURNS(cloudabi_sys_file_link((cloudabi_lookup_t){.fd = dir}, "b", 1, dir, "c", 1), 0);
    CHECK_RETURNS(stat_at(dir, "c", 0, &stat), 0);
    CHECK(stat.st_nlink == 2 && stat.st_size == 1);
    CHECK_RETURNS(unlink_at(dir, "b"), 0);
    CHECK_RETURNS(unlink_at(dir, "c"), 0);
    /* Without a name it is still there for those who have it open. */
    CHECK_RETURNS(get_at(fd, buf, 16, 0, &done), 0);
    CHECK(done == 1 && buf[0] == 'A');
    CHECK_RETURNS(cloudabi_sys_file_stat_fget(fd, &stat), 0);
    CHECK(stat.st_nlink == 0);
    cloudabi_sys_fd_close(fd);

    CHECK_RETURNS(make_dir(dir, "d1"), 0);
    CHECK_RETURNS(make_dir(dir, "d1/d2"), 0);
    CHECK(rename_at(dir, "d1", "d1/d2/d3") == CLOUDABI_EINVAL);
    CHECK_RETURNS(rename_at(dir, "d1/d2", "d4"), 0);
    CHECK_RETURNS(rmdir_at(dir, "d1"), 0);
    CHECK_RETURNS(rmdir_at(dir, "d4"), 0);
}

static void test_mapping(void)
{
    cloudabi_fd_t fd;
    char *mem = NULL, buf[8];
    size_t done;

    CHECK_RETURNS(open_file(dir, "m", CLOUDABI_O_CREAT, &fd), 0);
    CHECK_RETURNS(put_at(fd, "start", 5, 0), 0);
    CHECK_RETURNS(put_at(fd, "!", 1, 8191), 0);
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, 8192, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                       CLOUDABI_MAP_SHARED, fd, 0, (void **)&mem),
                  0);
    CHECK(memcmp(mem, "start", 5) == 0 && mem[8191] == '!');
    mem[0] = 'S';
    CHECK_RETURNS(get_at(fd, buf, 5, 0, &done), 0);
    CHECK(memcmp(buf, "Start", 5) == 0);
    CHECK_RETURNS(put_at(fd, "X", 1, 1), 0);
    CHECK(mem[1] == 'X');
    CHECK_RETURNS(cloudabi_sys_mem_sync(mem, 8192, CLOUDABI_MS_SYNC), 0);
    CHECK_RETURNS(cloudabi_sys_mem_unmap(mem, 8192), 0);
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, 8192, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                       CLOUDABI_MAP_PRIVATE, fd, 0, (void **)&mem),
                  0);
    mem[0] = 'P';
    CHECK_RETURNS(get_at(fd, buf, 5, 0, &done), 0);
    CHECK(buf[0] == 'S');
    CHECK_RETURNS(cloudabi_sys_mem_unmap(mem, 8192), 0);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(unlink_at(dir, "m"), 0);
}

static void test_rights(void)
{
    cloudabi_fd_t sub, fd;
    cloudabi_fdstat_t stat;
    size_t done;

    CHECK_RETURNS(make_dir(dir, "ro"), 0);
    CHECK_RETURNS(open_file(dir, "ro/f", CLOUDABI_O_CREAT, &fd), 0);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(open_dir(dir, "ro", &sub), 0);
    CHECK_RETURNS(narrow(sub, CLOUDABI_RIGHT_FILE_OPEN, CLOUDABI_RIGHT_FD_READ), 0);
    CHECK_RETURNS(open_file(sub, "f", 0, &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(open_with(sub, "f", 0, CLOUDABI_RIGHT_FD_READ, 0, &fd), 0);
    CHECK_RETURNS(cloudabi_sys_fd_stat_get(fd, &stat), 0);
    CHECK(stat.fs_rights_base == CLOUDABI_RIGHT_FD_READ);
    CHECK_RETURNS(put(fd, "x", 1, &done), CLOUDABI_ENOTCAPABLE);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(open_with(sub, "g", CLOUDABI_O_CREAT, CLOUDABI_RIGHT_FD_READ, 0, &fd),
                  CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(unlink_at(sub, "f"), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(make_dir(sub, "x"), CLOUDABI_ENOTCAPABLE);
    cloudabi_sys_fd_close(sub);
    CHECK_RETURNS(unlink_at(dir, "ro/f"), 0);
    CHECK_RETURNS(rmdir_at(dir, "ro"), 0);
}

int main(void)
{
    dir = (cloudabi_fd_t)grant_fd("tmpdir");
    test_read_write();
    test_append_and_sparse();
    test_directories();
    test_readdir();
    test_names();
    test_mapping();
    test_rights();
    return tap_end();
}
