/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all calls that take a path have in common: paths that are refused, and that nothing leads out of the
 * directory. Each operation is one function of (directory, path, length); `dir/jail` is the directory that is given,
 * `dir/secret` lies outside.
 */
#include "tests/conformance/call.h"
#include "tests/conformance/suite.h"

typedef cloudabi_errno_t operation(cloudabi_fd_t fd, const char *path, size_t len);

#define AT(fd_) ((cloudabi_lookup_t){.fd = (fd_)})

static cloudabi_errno_t op_create(cloudabi_fd_t fd, const char *path, size_t len)
{
    return cloudabi_sys_file_create(fd, path, len, CLOUDABI_FILETYPE_DIRECTORY);
}

static cloudabi_errno_t op_link_from(cloudabi_fd_t fd, const char *path, size_t len)
{
    return cloudabi_sys_file_link(AT(fd), path, len, fd, "new", 3);
}

static cloudabi_errno_t op_link_to(cloudabi_fd_t fd, const char *path, size_t len)
{
    return cloudabi_sys_file_link(AT(fd), "file", 4, fd, path, len);
}

static cloudabi_errno_t op_open(cloudabi_fd_t fd, const char *path, size_t len)
{
    cloudabi_fdstat_t want = {.fs_rights_base = CLOUDABI_RIGHT_FILE_STAT_FGET};
    cloudabi_fd_t got;
    cloudabi_errno_t error = cloudabi_sys_file_open(AT(fd), path, len, 0, &want, &got);

    if (error == 0)
        OK(cloudabi_sys_fd_close(got));
    return error;
}

static cloudabi_errno_t op_open_new(cloudabi_fd_t fd, const char *path, size_t len)
{
    cloudabi_fdstat_t want = {.fs_rights_base = CLOUDABI_RIGHT_FILE_STAT_FGET};
    cloudabi_fd_t got;
    cloudabi_errno_t error =
        cloudabi_sys_file_open(AT(fd), path, len, CLOUDABI_O_CREAT, &want, &got);

    if (error == 0)
        OK(cloudabi_sys_fd_close(got));
    return error;
}

static cloudabi_errno_t op_readlink(cloudabi_fd_t fd, const char *path, size_t len)
{
    char buf[100];
    size_t used;

    return cloudabi_sys_file_readlink(fd, path, len, buf, sizeof(buf), &used);
}

static cloudabi_errno_t op_rename_from(cloudabi_fd_t fd, const char *path, size_t len)
{
    return cloudabi_sys_file_rename(fd, path, len, fd, "new", 3);
}

static cloudabi_errno_t op_rename_to(cloudabi_fd_t fd, const char *path, size_t len)
{
    return cloudabi_sys_file_rename(fd, "file", 4, fd, path, len);
}

static cloudabi_errno_t op_stat_get(cloudabi_fd_t fd, const char *path, size_t len)
{
    cloudabi_filestat_t stat;

    return cloudabi_sys_file_stat_get(AT(fd), path, len, &stat);
}

static cloudabi_errno_t op_stat_put(cloudabi_fd_t fd, const char *path, size_t len)
{
    cloudabi_filestat_t stat = {0};

    return cloudabi_sys_file_stat_put(AT(fd), path, len, &stat, CLOUDABI_FILESTAT_MTIM_NOW);
}

static cloudabi_errno_t op_symlink(cloudabi_fd_t fd, const char *path, size_t len)
{
    return cloudabi_sys_file_symlink("target", 6, fd, path, len);
}

static cloudabi_errno_t op_unlink(cloudabi_fd_t fd, const char *path, size_t len)
{
    return cloudabi_sys_file_unlink(fd, path, len, 0);
}

/* --- the scene --------------------------------------------------------------------------------------- */

static cloudabi_fd_t jail;

static void set_up(void)
{
    cloudabi_fd_t fd;

    jail = new_directory("jail");
    file_with("secret", "secret");
    OK(make_dir(jail, "sub"));
    OK(open_file(jail, "file", CLOUDABI_O_CREAT, &fd));
    OK(symlink_at(jail, "loop2", "loop1"));
    OK(symlink_at(jail, "loop1", "loop2"));
    OK(symlink_at(jail, "../secret", "out"));
    OK(symlink_at(jail, "..", "up"));
    OK(symlink_at(jail, "/secret", "absolute"));
    OK(symlink_at(jail, "sub", "in"));
}

static cloudabi_errno_t try(operation *op, const char *path)
{
    return op(jail, path, strlen(path));
}

/* --- the same for each operation ------------------------------------------------------------------------ */

static const char *const outside[] = {"..",
                                      "../secret",
                                      "/",
                                      "/secret",
                                      "//",
                                      "//secret",
                                      "./..",
                                      "./../secret",
                                      "sub/../..",
                                      "sub/../../secret",
                                      "sub/../../../../../secret",
                                      "../jail/file",
                                      "../jail/sub/../file",
                                      "up/secret",
                                      "up/jail/file",
                                      "out/x",
                                      "absolute/x",
                                      "in/../../secret",
                                      "sub/./.././../x"};

/* A final link is not followed by any of these calls, so "up" alone would stay inside. */
static void leads_out(operation *op, unsigned row)
{
    DESCRIBE("%s", outside[row]);
    set_up();
    REFUSED(try(op, outside[row]));
}

static const char *const missing[] = {"none/x", "sub/none/x", "in/none/x", "sub/../none/x",
                                      "none/../x"};

static void component_missing(operation *op, unsigned row)
{
    DESCRIBE("%s", missing[row]);
    set_up();
    REFUSED(try(op, missing[row]));
}

static void empty_path(operation *op)
{
    set_up();
    REFUSED(op(jail, "", 0));
    REFUSED(op(jail, NULL, 0));
}

static const char *const no_directory[] = {"file/x", "file/..", "file/../x", "file/./x", "file//x"};

static void component_no_directory(operation *op, unsigned row)
{
    DESCRIBE("%s", no_directory[row]);
    set_up();
    REFUSED(try(op, no_directory[row]));
}

/* The descriptor has all rights, but is a directory's no more: there is no such thing, so rights must say so. */
static void descriptor_no_directory(operation *op)
{
    set_up();
    RETURNS(op(new_file("f"), "x", 1), CLOUDABI_ENOTCAPABLE);
    REFUSED(try(op, "file/x"));
}

static void links_loop(operation *op, unsigned row)
{
    char name[8] = "l00", target[8] = "l00";

    set_up();
    DESCRIBE(row == 0 ? "a circle" : "a chain of 40");
    if (row == 0) {
        REFUSED(try(op, "loop1/x"));
        return;
    }
    OK(symlink_at(jail, "sub", "l00"));
    for (int i = 1; i < 40; i++) {
        memcpy(target, name, sizeof(name));
        name[1] = (char)('0' + i / 10);
        name[2] = (char)('0' + i % 10);
        OK(symlink_at(jail, target, name));
    }
    REFUSED(try(op, "l39/x"));
}

static const size_t long_paths[] = {1024, 1025, 4096, 100000, (size_t)1 << 40, SIZE_MAX};

static void path_too_long(operation *op, unsigned row)
{
    static char path[100000];

    DESCRIBE("%llu bytes", (unsigned long long)long_paths[row]);
    set_up();
    for (size_t i = 0; i < sizeof(path); i++)
        path[i] = i % 2 ? '/' : 'a';
    REFUSED(op(jail, path, long_paths[row]));
}

static void component_too_long(operation *op)
{
    char path[400];

    set_up();
    memset(path, 'x', sizeof(path));
    REFUSED(op(jail, path, 300));
    memcpy(path, "sub/", 4);
    REFUSED(op(jail, path, 300));
}

static const struct {
    const char *bytes;
    size_t len;
} nuls[] = {{"\0", 1}, {"file\0", 5}, {"fi\0le", 5}, {"\0file", 5}, {"sub/\0", 5}, {"sub\0/x", 6}};

static void path_with_nul(operation *op, unsigned row)
{
    set_up();
    REFUSED(op(jail, nuls[row].bytes, nuls[row].len));
}

static void *const bad_places[] = {
    NULL, BAD, BAD_HIGH, BAD_SHAPE, (void *)UINT64_MAX, (void *)UINT64_C(0x7fffffffffff)};

static void path_no_memory(operation *op, unsigned row)
{
    DESCRIBE("%p", bad_places[row]);
    set_up();
    REFUSED(op(jail, bad_places[row], 10));
}

static void path_crosses_end(operation *op)
{
    char *at = edge(4);

    set_up();
    memcpy(at, "none", 4);
    REFUSED(op(jail, at, 5));
}

static void closed(operation *op, unsigned row)
{
    static const cloudabi_fd_t fds[] = {0xffffffff, 9999, 0x80000000};

    set_up();
    REFUSED(op(fds[row], "x", 1));
}

/* A path that goes deep and comes back makes the kernel remember where it was. */
static void no_memory(operation *op)
{
    static const char deep[] = "d/d/d/d/d/d/d/d/d/d/d/d";
    char path[40] = "d";

    set_up();
    for (size_t len = 1; len <= sizeof(deep) - 1; len += 2) {
        memcpy(path, deep, len);
        path[len] = '\0';
        OK(make_dir(jail, path));
    }
    memcpy(path, deep, sizeof(deep));
    strcat(path, "/../x");
    bool seen = false;
    for (unsigned n = 1; n <= 16; n++) {
        shortage(n);
        cloudabi_errno_t error = try(op, path);
        shortage(0);
        seen |= error == wanted;
        unlink_at(jail, path);
        rmdir_at(jail, path);
    }
    CHECK(seen);
    REFUSED(wanted);
}

#define LOOKUP_TESTS(call, op, which)                                                 \
    TEST_ROWS(call, ENOTCAPABLE, "leads out" which, ROWS(outside))                    \
    {                                                                                 \
        leads_out(op, row);                                                           \
    }                                                                                 \
    TEST_ROWS(call, ENOENT, "a component is missing" which, ROWS(missing))            \
    {                                                                                 \
        component_missing(op, row);                                                   \
    }                                                                                 \
    TEST(call, ENOENT, "an empty path" which)                                         \
    {                                                                                 \
        empty_path(op);                                                               \
    }                                                                                 \
    TEST_ROWS(call, ENOTDIR, "a component is no directory" which, ROWS(no_directory)) \
    {                                                                                 \
        component_no_directory(op, row);                                              \
    }                                                                                 \
    TEST(call, ENOTDIR, "a file in place of the directory" which)                     \
    {                                                                                 \
        descriptor_no_directory(op);                                                  \
    }                                                                                 \
    TEST_ROWS(call, ELOOP, "links without end" which, 2)                              \
    {                                                                                 \
        links_loop(op, row);                                                          \
    }                                                                                 \
    TEST_ROWS(call, ENAMETOOLONG, "the path is too long" which, ROWS(long_paths))     \
    {                                                                                 \
        path_too_long(op, row);                                                       \
    }                                                                                 \
    TEST(call, ENAMETOOLONG, "a component is too long" which)                         \
    {                                                                                 \
        component_too_long(op);                                                       \
    }                                                                                 \
    TEST_ROWS(call, EINVAL, "a NUL in the path" which, ROWS(nuls))                    \
    {                                                                                 \
        path_with_nul(op, row);                                                       \
    }                                                                                 \
    TEST_ROWS(call, EFAULT, "the path is no memory" which, ROWS(bad_places))          \
    {                                                                                 \
        path_no_memory(op, row);                                                      \
    }                                                                                 \
    TEST(call, EFAULT, "the path crosses the end of memory" which)                    \
    {                                                                                 \
        path_crosses_end(op);                                                         \
    }                                                                                 \
    TEST_ROWS(call, EBADF, "not open" which, 3)                                       \
    {                                                                                 \
        closed(op, row);                                                              \
    }                                                                                 \
    TEST(call, ENOMEM, "no memory to walk" which)                                     \
    {                                                                                 \
        no_memory(op);                                                                \
    }

LOOKUP_TESTS(file_create, op_create, "")
LOOKUP_TESTS(file_link, op_link_from, " (path1)")
LOOKUP_TESTS(file_link, op_link_to, " (path2)")
LOOKUP_TESTS(file_open, op_open, "")
LOOKUP_TESTS(file_open, op_open_new, " (O_CREAT)")
LOOKUP_TESTS(file_readlink, op_readlink, "")
LOOKUP_TESTS(file_rename, op_rename_from, " (path1)")
LOOKUP_TESTS(file_rename, op_rename_to, " (path2)")
LOOKUP_TESTS(file_stat_get, op_stat_get, "")
LOOKUP_TESTS(file_stat_put, op_stat_put, "")
LOOKUP_TESTS(file_symlink, op_symlink, "")
LOOKUP_TESTS(file_unlink, op_unlink, "")

/* --- what stays inside works ----------------------------------------------------------------------------- */

static const char *const inside[] = {"file",
                                     "./file",
                                     "././file",
                                     ".//file",
                                     "sub/../file",
                                     "sub/./../file",
                                     "in/../file",
                                     "sub//..//file",
                                     "sub/../sub/../file",
                                     "in/../in/../file",
                                     "sub/deep/../../file",
                                     "sub/back/file"};

TEST_ROWS(file_stat_get, OK, "paths that stay inside", ROWS(inside))
{
    cloudabi_filestat_t a, b;

    DESCRIBE("%s", inside[row]);
    set_up();
    OK(make_dir(jail, "sub/deep"));
    OK(symlink_at(jail, "../../jail/sub/..", "sub/wrong"));
    OK(symlink_at(jail, "..", "sub/back"));
    OK(stat_at(jail, "file", 0, &a));
    OK(stat_at(jail, inside[row], 0, &b));
    CHECK(a.st_ino == b.st_ino && a.st_filetype == CLOUDABI_FILETYPE_REGULAR_FILE);
    RETURNS(stat_at(jail, "sub/wrong/file", 0, &b), CLOUDABI_ENOTCAPABLE);
}

static const char *const directories[] = {".",       "./",       "./.",  "sub/..",
                                          "sub/../", "sub/../.", "in/.."};

TEST_ROWS(file_stat_get, OK, "names of the directory itself", ROWS(directories))
{
    cloudabi_filestat_t stat;

    DESCRIBE("%s", directories[row]);
    set_up();
    OK(stat_at(jail, directories[row], 0, &stat));
    CHECK(stat.st_filetype == CLOUDABI_FILETYPE_DIRECTORY && stat.st_ino == stat_of(jail).st_ino);
}

TEST_ROWS(file_stat_get, OK, "a slash behind a name follows the link, and wants a directory", 3)
{
    static const char *const paths[] = {"in/", "sub/", "in//"};
    cloudabi_filestat_t stat;

    set_up();
    DESCRIBE("%s", paths[row]);
    OK(stat_at(jail, paths[row], 0, &stat));
    CHECK(stat.st_filetype == CLOUDABI_FILETYPE_DIRECTORY);
}

TEST(file_stat_get, ENOTDIR, "a slash behind a file")
{
    set_up();
    REFUSED(stat_at(jail, "file/", 0, &(cloudabi_filestat_t){0}));
}

TEST(file_stat_get, OK, "a path and a name of the greatest length")
{
    static char path[1023];
    cloudabi_filestat_t stat;

    set_up();
    for (size_t i = 0; i < sizeof(path); i += 2)
        memcpy(path + i, "./", i + 1 < sizeof(path) ? 2 : 1);
    OK(symlink_at(jail, "file", "files"));
    memcpy(path + sizeof(path) - 5, "files", 5);
    OK(cloudabi_sys_file_stat_get(AT(jail), path, sizeof(path), &stat));
    memset(path, 'n', 255);
    OK(op_create(jail, path, 255));
    OK(cloudabi_sys_file_stat_get(AT(jail), path, 255, &stat));
}

static const struct {
    const char *name;
    cloudabi_errno_t error;
} followed[] = {{"out", CLOUDABI_ENOTCAPABLE},
                {"up", CLOUDABI_ENOTCAPABLE},
                {"absolute", CLOUDABI_ENOTCAPABLE},
                {"loop1", CLOUDABI_ELOOP},
                {"in", 0},
                {"chain", 0},
                {"dangling", CLOUDABI_ENOENT},
                {"empty", CLOUDABI_ENOENT}};

TEST_ROWS(file_stat_get, OK, "LOOKUP_SYMLINK_FOLLOW follows a final link, inside only",
          ROWS(followed))
{
    const char *name = followed[row].name;
    cloudabi_filestat_t stat;

    DESCRIBE("%s", name);
    set_up();
    OK(symlink_at(jail, "in", "chain"));
    OK(symlink_at(jail, "none", "dangling"));
    if (strcmp(name, "empty") == 0)
        name = "dangling";
    OK(stat_at(jail, name, 0, &stat));
    CHECK(stat.st_filetype == CLOUDABI_FILETYPE_SYMBOLIC_LINK);
    RETURNS(stat_at(jail, name, FOLLOW, &stat), followed[row].error);
}

TEST(file_stat_get, OK, "31 links are followed")
{
    char name[8] = "l00", target[8];

    set_up();
    OK(symlink_at(jail, "file", name));
    for (int i = 1; i < 31; i++) {
        memcpy(target, name, sizeof(name));
        name[1] = (char)('0' + i / 10);
        name[2] = (char)('0' + i % 10);
        OK(symlink_at(jail, target, name));
    }
    OK(stat_at(jail, name, FOLLOW, &(cloudabi_filestat_t){0}));
}

TEST(file_open, ENOTCAPABLE, "a directory that was moved does not lead elsewhere")
{
    cloudabi_fd_t sub;

    set_up();
    OK(open_dir(jail, "sub", &sub));
    OK(rename_at(dir, "jail/sub", "moved"));
    REFUSED(op_open(sub, "..", 2));
    REFUSED(op_open(sub, "../secret", 9));
}

TEST(file_open, ENOTCAPABLE, "a chain of links that ends outside")
{
    set_up();
    OK(symlink_at(jail, "out", "a"));
    OK(symlink_at(jail, "a", "b"));
    cloudabi_fd_t fd;
    REFUSED(open_how(jail, FOLLOW, "b", 0, 0, 0, 0, &fd));
}
