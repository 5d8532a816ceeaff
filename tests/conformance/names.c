/* SPDX-License-Identifier: BSD-2-Clause */
/* Names: directories made, listed and removed; links, renaming, symbolic links. */
#include "tests/conformance/call.h"
#include "tests/conformance/suite.h"

#define AT(fd_) ((cloudabi_lookup_t){.fd = (fd_)})

static bool exists(const char *path)
{
    cloudabi_filestat_t stat;

    return stat_at(dir, path, 0, &stat) == 0;
}

static cloudabi_filestat_t at(const char *path)
{
    cloudabi_filestat_t stat;

    OK(stat_at(dir, path, 0, &stat));
    return stat;
}

static void *const bad_places[] = {NULL, BAD, BAD_HIGH, BAD_SHAPE, (void *)UINT64_MAX};

/* --- file_create ------------------------------------------------------------------------------------ */

TEST(file_create, OK, "an empty directory with two names")
{
    OK(make_dir(dir, "d"));
    CHECK(at("d").st_filetype == CLOUDABI_FILETYPE_DIRECTORY && at("d").st_nlink == 2);
    OK(make_dir(dir, "d/e"));
    CHECK(at("d").st_nlink == 3);
}

TEST_ROWS(file_create, OK, "with slashes and dots around", 4)
{
    static const char *const paths[] = {"d/", "./d", "d//", "x/../d"};

    DESCRIBE("%s", paths[row]);
    OK(make_dir(dir, "x"));
    OK(make_dir(dir, paths[row]));
    CHECK(exists("d"));
}

TEST_ROWS(file_create, EEXIST, "the name is", 5)
{
    static const char *const what[] = {"a file", "a directory", "a link", "a link to nothing", "."};

    DESCRIBE("%s", what[row]);
    if (row == 0)
        new_file("x");
    else if (row == 1)
        OK(make_dir(dir, "x"));
    else if (row < 4)
        OK(symlink_at(dir, row == 2 ? "." : "none", "x"));
    REFUSED(make_dir(dir, row == 4 ? "." : "x"));
}

static const cloudabi_filetype_t no_types[] = {0,
                                               CLOUDABI_FILETYPE_REGULAR_FILE,
                                               CLOUDABI_FILETYPE_SYMBOLIC_LINK,
                                               CLOUDABI_FILETYPE_SOCKET_STREAM,
                                               CLOUDABI_FILETYPE_CHARACTER_DEVICE,
                                               CLOUDABI_FILETYPE_PROCESS,
                                               0xe0,
                                               0xff};

TEST_ROWS(file_create, EINVAL, "a type that is not made by this call", ROWS(no_types))
{
    DESCRIBE("%#x", no_types[row]);
    REFUSED(cloudabi_sys_file_create(dir, "x", 1, no_types[row]));
    CHECK(!exists("x"));
}

TEST(file_create, ENOENT, "in a directory that was removed")
{
    cloudabi_fd_t sub = new_directory("d");

    OK(rmdir_at(dir, "d"));
    REFUSED(make_dir(sub, "x"));
}

/* --- file_readdir ------------------------------------------------------------------------------------- */

struct listing {
    unsigned count, dots, wrong_type;
    uint64_t names; /* bit n: "e" followed by n in two digits */
};

static void note(struct listing *listing, const cloudabi_dirent_t *entry, const char *name)
{
    listing->count++;
    if (name[0] == '.') {
        listing->dots++;
        listing->wrong_type += entry->d_type != CLOUDABI_FILETYPE_DIRECTORY;
    } else if (name[0] == 'e' && entry->d_namlen == 3) {
        listing->names |= UINT64_C(1) << ((name[1] - '0') * 10 + name[2] - '0');
        listing->wrong_type += entry->d_type != CLOUDABI_FILETYPE_REGULAR_FILE;
    }
}

/* The whole directory through a buffer of SIZE bytes. */
static struct listing list(cloudabi_fd_t fd, size_t size)
{
    struct listing listing = {0};
    cloudabi_dircookie_t cookie = CLOUDABI_DIRCOOKIE_START;
    static char buf[8192];
    cloudabi_dirent_t entry;
    size_t used = size;

    while (used == size) {
        OK(cloudabi_sys_file_readdir(fd, buf, size, cookie, &used));
        CHECK(used <= size);
        for (size_t i = 0; i + sizeof(entry) <= used; i += sizeof(entry) + entry.d_namlen) {
            memcpy(&entry, buf + i, sizeof(entry));
            if (i + sizeof(entry) + entry.d_namlen > used)
                break;
            cookie = entry.d_next;
            note(&listing, &entry, buf + i + sizeof(entry));
        }
        CHECK(listing.count < 1000);
    }
    return listing;
}

static void make_entries(unsigned count)
{
    char name[4] = "e00";

    for (unsigned i = 0; i < count; i++) {
        name[1] = (char)('0' + i / 10);
        name[2] = (char)('0' + i % 10);
        OK(cloudabi_sys_fd_close(new_file(name)));
    }
}

TEST(file_readdir, OK, "an empty directory has . and ..")
{
    struct listing listing = list(dir, 1000);

    CHECK(listing.count == 2 && listing.dots == 2 && listing.wrong_type == 0);
}

static const size_t buffers[] = {8192, 1000, 300, 100, 64, 51, 50, 28, 27};

TEST_ROWS(file_readdir, OK, "each name once, whatever the buffer", ROWS(buffers))
{
    DESCRIBE("%u bytes", (unsigned)buffers[row]);
    make_entries(40);
    struct listing listing = list(dir, buffers[row]);
    CHECK(listing.count == 42 && listing.dots == 2 && listing.wrong_type == 0);
    CHECK(listing.names == (UINT64_C(1) << 40) - 1);
}

TEST(file_readdir, OK, "the last record may be cut")
{
    char buf[30];
    size_t used = 0;

    memset(buf, '#', sizeof(buf));
    OK(cloudabi_sys_file_readdir(dir, buf, 10, CLOUDABI_DIRCOOKIE_START, &used));
    CHECK(used == 10 && buf[10] == '#');
    OK(cloudabi_sys_file_readdir(dir, buf, 0, CLOUDABI_DIRCOOKIE_START, &used));
    CHECK(used == 0);
}

TEST(file_readdir, OK, "numbers of files are those of their attributes")
{
    char buf[1000];
    cloudabi_dirent_t entry;
    size_t used = 0;

    make_entries(1);
    OK(cloudabi_sys_file_readdir(dir, buf, sizeof(buf), CLOUDABI_DIRCOOKIE_START, &used));
    for (size_t i = 0; i < used; i += sizeof(entry) + entry.d_namlen) {
        memcpy(&entry, buf + i, sizeof(entry));
        if (buf[i + sizeof(entry)] == 'e')
            CHECK(entry.d_ino == at("e00").st_ino);
    }
}

TEST(file_readdir, OK, "names that are removed while listing do no harm")
{
    cloudabi_dircookie_t cookie = CLOUDABI_DIRCOOKIE_START;
    cloudabi_dirent_t entry;
    unsigned removed = 0;
    char buf[60];

    make_entries(30);
    for (size_t used = sizeof(buf); used == sizeof(buf);) {
        OK(cloudabi_sys_file_readdir(dir, buf, sizeof(buf), cookie, &used));
        memcpy(&entry, buf, sizeof(entry));
        if (used < sizeof(entry) + 3)
            break;
        cookie = entry.d_next;
        if (buf[sizeof(entry)] == 'e') {
            OK(cloudabi_sys_file_unlink(dir, buf + sizeof(entry), 3, 0));
            removed++;
        }
    }
    CHECK(removed >= 29 && list(dir, 1000).count <= 3);
}

TEST(file_readdir, OK, "of a directory that was removed")
{
    cloudabi_fd_t sub = new_directory("d");
    char buf[100];
    size_t used;

    OK(rmdir_at(dir, "d"));
    cloudabi_errno_t error = cloudabi_sys_file_readdir(sub, buf, sizeof(buf), 0, &used);
    CHECK(error == 0 || error == CLOUDABI_ENOENT);
}

TEST_ROWS(file_readdir, EFAULT, "the buffer is no memory", ROWS(bad_places))
{
    size_t used = 77;

    DESCRIBE("%p", bad_places[row]);
    REFUSED(cloudabi_sys_file_readdir(dir, bad_places[row], 100, CLOUDABI_DIRCOOKIE_START, &used));
    CHECK(used == 77);
}

TEST_ROWS(file_readdir, EBADF, "not open", 2)
{
    char buf[100];

    REFUSED(cloudabi_sys_file_readdir(row == 0 ? NO_FD : 0xffffffff, buf, sizeof(buf), 0,
                                      &(size_t){0}));
}

TEST(file_readdir, ENOTCAPABLE, "not a directory")
{
    char buf[100];

    REFUSED(cloudabi_sys_file_readdir(new_file("f"), buf, sizeof(buf), 0, &(size_t){0}));
}

/* --- file_link ------------------------------------------------------------------------------------------ */

TEST(file_link, OK, "two names of one file")
{
    cloudabi_fd_t fd = file_with("a", "text");

    OK(link_at(dir, "a", "b"));
    CHECK(at("a").st_ino == at("b").st_ino && at("b").st_nlink == 2);
    OK(unlink_at(dir, "a"));
    CHECK(at("b").st_nlink == 1 && holds(fd, "text"));
}

TEST(file_link, OK, "from one directory to another")
{
    cloudabi_fd_t sub = new_directory("d");

    new_file("a");
    OK(cloudabi_sys_file_link(AT(dir), "a", 1, sub, "b", 1));
    CHECK(at("d/b").st_ino == at("a").st_ino);
}

TEST_ROWS(file_link, OK, "of a symbolic link: the link itself, or with FOLLOW its target", 2)
{
    cloudabi_lookup_t from = {.fd = dir, .flags = row == 0 ? 0 : FOLLOW};

    DESCRIBE(row == 0 ? "itself" : "its target");
    new_file("f");
    OK(symlink_at(dir, "f", "l"));
    OK(cloudabi_sys_file_link(from, "l", 1, dir, "new", 3));
    CHECK(at("new").st_ino == at(row == 0 ? "l" : "f").st_ino);
}

TEST_ROWS(file_link, EEXIST, "the new name is", 4)
{
    static const char *const what[] = {"a file", "a directory", "a link to nothing",
                                       "the file itself"};

    DESCRIBE("%s", what[row]);
    new_file("f");
    if (row == 0)
        new_file("x");
    else if (row == 1)
        OK(make_dir(dir, "x"));
    else if (row == 2)
        OK(symlink_at(dir, "none", "x"));
    REFUSED(link_at(dir, "f", row == 3 ? "f" : "x"));
    CHECK(at("f").st_nlink == 1);
}

TEST(file_link, EPERM, "a directory")
{
    OK(make_dir(dir, "d"));
    REFUSED(link_at(dir, "d", "x"));
    CHECK(!exists("x"));
}

TEST(file_link, ENOENT, "no such file")
{
    REFUSED(link_at(dir, "none", "x"));
}

TEST_ROWS(file_link, EINVAL, "lookup flags that do not exist", 3)
{
    static const cloudabi_lookupflags_t flags[] = {2, 0x80000000, 0xffffffff};

    DESCRIBE("%#x", (unsigned)flags[row]);
    new_file("f");
    REFUSED(cloudabi_sys_file_link((cloudabi_lookup_t){.fd = dir, .flags = flags[row]}, "f", 1, dir,
                                   "x", 1));
    CHECK(!exists("x"));
}

/* --- file_rename ------------------------------------------------------------------------------------------ */

TEST(file_rename, OK, "a file")
{
    cloudabi_fd_t fd = file_with("a", "text");

    OK(rename_at(dir, "a", "b"));
    CHECK(!exists("a") && at("b").st_ino == stat_of(fd).st_ino);
}

TEST(file_rename, OK, "over another file, which goes")
{
    cloudabi_fd_t a = file_with("a", "A"), b = file_with("b", "B");

    OK(rename_at(dir, "a", "b"));
    CHECK(at("b").st_ino == stat_of(a).st_ino && stat_of(b).st_nlink == 0 && holds(b, "B"));
}

TEST(file_rename, OK, "a directory with what is in it, to another place")
{
    OK(make_dir(dir, "a"));
    OK(make_dir(dir, "a/x"));
    OK(make_dir(dir, "b"));
    OK(rename_at(dir, "a", "b/c"));
    CHECK(exists("b/c/x") && !exists("a") && at("b").st_nlink == 3);
}

TEST(file_rename, OK, "a directory over an empty one")
{
    OK(make_dir(dir, "a"));
    OK(make_dir(dir, "a/x"));
    OK(make_dir(dir, "b"));
    OK(rename_at(dir, "a", "b"));
    CHECK(exists("b/x"));
}

TEST_ROWS(file_rename, OK, "to itself, or to another name of the file", 2)
{
    file_with("a", "text");
    OK(link_at(dir, "a", "b"));
    OK(rename_at(dir, "a", row == 0 ? "a" : "b"));
    CHECK(exists("a") && exists("b"));
}

TEST(file_rename, OK, "a symbolic link itself")
{
    new_file("f");
    OK(symlink_at(dir, "f", "l"));
    OK(rename_at(dir, "l", "m"));
    CHECK(at("m").st_filetype == CLOUDABI_FILETYPE_SYMBOLIC_LINK && exists("f"));
}

TEST_ROWS(file_rename, EINVAL, "a directory below itself", 3)
{
    static const char *const to[] = {"a/b", "a/b/c", "a/x/y"};

    DESCRIBE("%s", to[row]);
    OK(make_dir(dir, "a"));
    OK(make_dir(dir, row == 2 ? "a/x" : "a/b"));
    REFUSED(rename_at(dir, "a", row == 0 ? "a/new" : row == 1 ? "a/b/new" : "a/x/y"));
    CHECK(exists("a"));
}

TEST_ROWS(file_rename, EINVAL, "no name of its own", 4)
{
    static const char *const paths[][2] = {{".", "x"}, {"a", "."}, {"a/..", "x"}, {"a", "a/.."}};

    DESCRIBE("%s to %s", paths[row][0], paths[row][1]);
    OK(make_dir(dir, "a"));
    REFUSED(rename_at(dir, paths[row][0], paths[row][1]));
}

TEST(file_rename, EISDIR, "a file over a directory")
{
    new_file("f");
    OK(make_dir(dir, "d"));
    REFUSED(rename_at(dir, "f", "d"));
    CHECK(exists("f") && exists("d"));
}

TEST(file_rename, ENOTDIR, "a directory over a file")
{
    new_file("f");
    OK(make_dir(dir, "d"));
    REFUSED(rename_at(dir, "d", "f"));
    CHECK(exists("f") && exists("d"));
}

TEST(file_rename, ENOTEMPTY, "over a directory that is not empty")
{
    OK(make_dir(dir, "a"));
    OK(make_dir(dir, "b"));
    OK(make_dir(dir, "b/x"));
    REFUSED(rename_at(dir, "a", "b"));
    CHECK(exists("a") && exists("b/x"));
}

TEST(file_rename, ENOENT, "no such name")
{
    REFUSED(rename_at(dir, "none", "x"));
}

/* --- file_symlink, file_readlink ---------------------------------------------------------------------------- */

static const char *const targets[] = {"x", "a/b/c", "..",   "/absolute",
                                      ".", "none",  "a//b", "\xff\xfe"};

TEST_ROWS(file_symlink, OK, "the target is kept as it is", ROWS(targets))
{
    char buf[100];
    size_t used = 0;

    DESCRIBE("%u", row);
    OK(symlink_at(dir, targets[row], "l"));
    OK(readlink_at(dir, "l", buf, sizeof(buf), &used));
    CHECK(used == strlen(targets[row]) && memcmp(buf, targets[row], used) == 0);
    CHECK(at("l").st_size == used && at("l").st_filetype == CLOUDABI_FILETYPE_SYMBOLIC_LINK);
}

TEST_ROWS(file_symlink, EEXIST, "the name is", 3)
{
    if (row == 0)
        new_file("x");
    else if (row == 1)
        OK(make_dir(dir, "x"));
    else
        OK(symlink_at(dir, "none", "x"));
    REFUSED(symlink_at(dir, "t", "x"));
}

TEST(file_symlink, ENOENT, "an empty target")
{
    REFUSED(cloudabi_sys_file_symlink("", 0, dir, "x", 1));
    CHECK(!exists("x"));
}

TEST(file_symlink, ENAMETOOLONG, "a target of 1024 bytes")
{
    char target[1024];

    memset(target, 't', sizeof(target));
    REFUSED(cloudabi_sys_file_symlink(target, sizeof(target), dir, "x", 1));
    OK(cloudabi_sys_file_symlink(target, sizeof(target) - 1, dir, "x", 1));
}

TEST_ROWS(file_symlink, EFAULT, "the target is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    REFUSED(cloudabi_sys_file_symlink(bad_places[row], 5, dir, "x", 1));
}

TEST(file_symlink, EINVAL, "a NUL in the target")
{
    REFUSED(cloudabi_sys_file_symlink("a\0b", 3, dir, "x", 1));
}

static const size_t rooms[] = {0, 1, 5, 6, 7, 100};

TEST_ROWS(file_readlink, OK, "cut at the buffer's length, without a NUL", ROWS(rooms))
{
    char buf[101];
    size_t used = 99, want = rooms[row] < 6 ? rooms[row] : 6;

    DESCRIBE("%u of 6", (unsigned)rooms[row]);
    memset(buf, '#', sizeof(buf));
    OK(symlink_at(dir, "target", "l"));
    OK(readlink_at(dir, "l", buf, rooms[row], &used));
    CHECK(used == want && memcmp(buf, "target", want) == 0 && buf[want] == '#');
}

TEST_ROWS(file_readlink, EINVAL, "not a symbolic link", 3)
{
    static const char *const what[] = {"f", "d", "."};
    char buf[10];

    DESCRIBE("%s", what[row]);
    new_file("f");
    OK(make_dir(dir, "d"));
    REFUSED(readlink_at(dir, what[row], buf, sizeof(buf), &(size_t){0}));
}

TEST_ROWS(file_readlink, EFAULT, "the buffer is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    OK(symlink_at(dir, "target", "l"));
    REFUSED(readlink_at(dir, "l", bad_places[row], 10, &(size_t){0}));
}

TEST(file_readlink, ENOENT, "no such name")
{
    REFUSED(readlink_at(dir, "none", (char[10]){0}, 10, &(size_t){0}));
}

/* --- file_unlink -------------------------------------------------------------------------------------------- */

TEST(file_unlink, OK, "a file")
{
    new_file("f");
    OK(unlink_at(dir, "f"));
    CHECK(!exists("f"));
}

TEST(file_unlink, OK, "a symbolic link, not its target")
{
    new_file("f");
    OK(symlink_at(dir, "f", "l"));
    OK(unlink_at(dir, "l"));
    CHECK(exists("f") && !exists("l"));
}

TEST(file_unlink, OK, "an empty directory with UNLINK_REMOVEDIR")
{
    OK(make_dir(dir, "d"));
    OK(rmdir_at(dir, "d"));
    CHECK(!exists("d"));
}

TEST(file_unlink, EPERM, "a directory without UNLINK_REMOVEDIR")
{
    OK(make_dir(dir, "d"));
    REFUSED(unlink_at(dir, "d"));
    CHECK(exists("d"));
}

TEST_ROWS(file_unlink, ENOTDIR, "UNLINK_REMOVEDIR of", 2)
{
    DESCRIBE(row == 0 ? "a file" : "a link to a directory");
    OK(make_dir(dir, "d"));
    if (row == 0)
        new_file("x");
    else
        OK(symlink_at(dir, "d", "x"));
    REFUSED(rmdir_at(dir, "x"));
    CHECK(exists("x"));
}

TEST_ROWS(file_unlink, ENOTEMPTY, "the directory holds", 3)
{
    DESCRIBE(row == 0 ? "a file" : row == 1 ? "a directory" : "a link");
    OK(make_dir(dir, "d"));
    if (row == 0)
        new_file("d/x");
    else if (row == 1)
        OK(make_dir(dir, "d/x"));
    else
        OK(symlink_at(dir, "none", "d/x"));
    REFUSED(rmdir_at(dir, "d"));
    CHECK(exists("d/x"));
}

TEST_ROWS(file_unlink, EINVAL, "flags that do not exist", 4)
{
    static const cloudabi_ulflags_t flags[] = {2, 4, 0x80, 0xff};

    DESCRIBE("%#x", flags[row]);
    new_file("f");
    REFUSED(cloudabi_sys_file_unlink(dir, "f", 1, flags[row]));
    CHECK(exists("f"));
}

TEST_ROWS(file_unlink, EINVAL, "no name of its own", 3)
{
    static const char *const paths[] = {".", "d/..", "./"};

    DESCRIBE("%s", paths[row]);
    OK(make_dir(dir, "d"));
    REFUSED(rmdir_at(dir, paths[row]));
}

TEST(file_unlink, ENOENT, "no such name")
{
    REFUSED(unlink_at(dir, "none"));
}
