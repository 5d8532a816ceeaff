/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths: what leads out of a directory is refused, whatever it is made of; what stays inside works. */
#include <tessera/grants.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

static cloudabi_fd_t dir;
static cloudabi_fd_t jail;

static cloudabi_errno_t try(const char *path)
{
    cloudabi_fd_t fd;
    cloudabi_errno_t error = open_with(jail, path, 0, CLOUDABI_RIGHT_FILE_STAT_FGET, 0, &fd);

    if (error == 0)
        cloudabi_sys_fd_close(fd);
    return error;
}

static void set_up(void)
{
    cloudabi_fd_t fd;

    dir = (cloudabi_fd_t)grant_fd("tmpdir");
    CHECK_RETURNS(make_dir(dir, "jail"), 0);
    CHECK_RETURNS(make_dir(dir, "jail/a"), 0);
    CHECK_RETURNS(make_dir(dir, "jail/a/b"), 0);
    CHECK_RETURNS(open_file(dir, "secret", CLOUDABI_O_CREAT, &fd), 0);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(open_file(dir, "jail/f", CLOUDABI_O_CREAT, &fd), 0);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(open_dir(dir, "jail", &jail), 0);
}

static void test_inside(void)
{
    CHECK_RETURNS(try("f"), 0);
    CHECK_RETURNS(try("./f"), 0);
    CHECK_RETURNS(try("a/../f"), 0);
    CHECK_RETURNS(try("a/b/../../f"), 0);
    CHECK_RETURNS(try("a//b/.././../f"), 0);
    CHECK_RETURNS(try("."), 0);
    CHECK_RETURNS(try("a/.."), 0);
    CHECK_RETURNS(try("a/"), 0);
    CHECK_RETURNS(try("f/"), CLOUDABI_ENOTDIR);
    CHECK_RETURNS(try("f/../f"), CLOUDABI_ENOTDIR);
    CHECK_RETURNS(try("none/../f"), CLOUDABI_ENOENT);
}

static void test_outside(void)
{
    static const char *const paths[] = {
        "..",
        "../secret",
        "/",
        "/secret",
        "a/../../secret",
        "a/b/../../../secret",
        "./../secret",
        "//secret",
        "a/../..",
        "../jail/f",
        "../../../../../../../secret",
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        tap_ok(try(paths[i]) == CLOUDABI_ENOTCAPABLE, paths[i], __FILE__, __LINE__);
}

static void test_symlinks(void)
{
    static const struct {
        const char *target;
        cloudabi_errno_t wanted;
    } links[] = {
        {"f", 0},
        {"a/../f", 0},
        {"../secret", CLOUDABI_ENOTCAPABLE},
        {"/secret", CLOUDABI_ENOTCAPABLE},
        {"a/../../secret", CLOUDABI_ENOTCAPABLE},
        {"..", CLOUDABI_ENOTCAPABLE},
        {"none", CLOUDABI_ENOENT},
        {"link", CLOUDABI_ELOOP},
    };

    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        CHECK_RETURNS(symlink_at(jail, links[i].target, "link"), 0);
        tap_ok(try("link") == links[i].wanted, links[i].target, __FILE__, __LINE__);
        CHECK_RETURNS(unlink_at(jail, "link"), 0);
    }
    /* A link in a subdirectory is resolved from there, and may go up as far as the start. */
    CHECK_RETURNS(symlink_at(jail, "../f", "a/up"), 0);
    CHECK_RETURNS(try("a/up"), 0);
    CHECK_RETURNS(unlink_at(jail, "a/up"), 0);
    CHECK_RETURNS(symlink_at(jail, "../../secret", "a/up"), 0);
    CHECK_RETURNS(try("a/up"), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(try("a/up/x"), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(unlink_at(jail, "a/up"), 0);
    CHECK_RETURNS(symlink_at(jail, "a/b", "deep"), 0);
    CHECK_RETURNS(try("deep/../../f"), 0);
    CHECK_RETURNS(try("deep/../../../secret"), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(unlink_at(jail, "deep"), 0);
}

static void test_not_followed(void)
{
    cloudabi_filestat_t stat;
    char buf[32];
    size_t done = 0;

    CHECK_RETURNS(symlink_at(jail, "../secret", "link"), 0);
    CHECK_RETURNS(stat_at(jail, "link", 0, &stat), 0);
    CHECK(stat.st_filetype == CLOUDABI_FILETYPE_SYMBOLIC_LINK && stat.st_size == 9);
    CHECK_RETURNS(stat_at(jail, "link", CLOUDABI_LOOKUP_SYMLINK_FOLLOW, &stat),
                  CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(cloudabi_sys_file_readlink(jail, "link", 4, buf, sizeof(buf), &done), 0);
    CHECK(done == 9 && memcmp(buf, "../secret", 9) == 0);
    CHECK_RETURNS(cloudabi_sys_file_readlink(jail, "link", 4, buf, 2, &done), 0);
    CHECK(done == 2);
    CHECK_RETURNS(cloudabi_sys_file_readlink(jail, "f", 1, buf, 2, &done), CLOUDABI_EINVAL);
    CHECK_RETURNS(unlink_at(jail, "link"), 0);
}

static void test_other_calls(void)
{
    CHECK_RETURNS(make_dir(jail, "../new"), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(unlink_at(jail, "../secret"), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(rename_at(jail, "f", "../f"), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(rename_at(jail, "../secret", "f"), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(symlink_at(jail, "x", "../x"), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(stat_at(jail, "..", 0, &(cloudabi_filestat_t){0}), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(
        cloudabi_sys_file_link((cloudabi_lookup_t){.fd = jail}, "../secret", 9, jail, "g", 1),
        CLOUDABI_ENOTCAPABLE);
}

static void test_malformed(void)
{
    static char path[5000];
    cloudabi_lookup_t at = {.fd = jail};
    cloudabi_fdstat_t want = {.fs_rights_base = CLOUDABI_RIGHT_FILE_STAT_FGET};
    cloudabi_fd_t fd;

    CHECK_RETURNS(cloudabi_sys_file_open(at, "a\0b", 3, 0, &want, &fd), CLOUDABI_EINVAL);
    memset(path, 'x', sizeof(path));
    CHECK_RETURNS(cloudabi_sys_file_open(at, path, 1024, 0, &want, &fd), CLOUDABI_ENAMETOOLONG);
    CHECK_RETURNS(cloudabi_sys_file_open(at, path, 5000, 0, &want, &fd), CLOUDABI_ENAMETOOLONG);
    CHECK_RETURNS(cloudabi_sys_file_open(at, (char *)8, 5, 0, &want, &fd), CLOUDABI_EFAULT);
    CHECK_RETURNS(cloudabi_sys_file_open(at, path, SIZE_MAX, 0, &want, &fd), CLOUDABI_ENAMETOOLONG);
    CHECK(cloudabi_sys_file_open(at, "", 0, 0, &want, &fd) == CLOUDABI_ENOENT);
    at.fd = NO_FD;
    CHECK_RETURNS(cloudabi_sys_file_open(at, "f", 1, 0, &want, &fd), CLOUDABI_EBADF);
}

/* Renaming what one stands in does not help either. */
static void test_moved_away(void)
{
    cloudabi_fd_t sub;

    CHECK_RETURNS(open_dir(jail, "a/b", &sub), 0);
    CHECK_RETURNS(rename_at(dir, "jail/a/b", "b"), 0);
    CHECK_RETURNS(open_with(sub, "..", 0, CLOUDABI_RIGHT_FILE_STAT_FGET, 0, &sub),
                  CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(rename_at(dir, "b", "jail/a/b"), 0);
    cloudabi_sys_fd_close(sub);
}

int main(void)
{
    set_up();
    test_inside();
    test_outside();
    test_symlinks();
    test_not_followed();
    test_other_calls();
    test_malformed();
    test_moved_away();
    return tap_end();
}
