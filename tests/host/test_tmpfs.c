/* SPDX-License-Identifier: BSD-2-Clause */
/* tmpfs through its requests, as the kernel sends them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/tmpfs/ops.h"
#include "tests/host/fake_port.h"

#define DIRECTORY CLOUDABI_FILETYPE_DIRECTORY
#define CREAT     CLOUDABI_O_CREAT

static struct fake_port port;
static struct tree tree;
static uint64_t now = 1000;

static int start(void **state)
{
    (void)state;
    assert_true(tree_init(&tree, 77, 1000));
    fake_port_start(&port, &tmpfs_ops, &tree);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fake_port_stop(&port);
    tree_free(&tree);
    return 0;
}

/* --- requests in short -------------------------------------------------------------------- */

static cloudabi_errno_t call_full(struct port_request request, const char *path, const char *more)
{
    request.time = ++now;
    return fake_port_call(&port, &request, path, more, strlen(more));
}

static cloudabi_errno_t name_call(enum port_op op, uint64_t dir, const char *path, uint64_t a,
                                  uint16_t flags)
{
    return call_full((struct port_request){.op = op, .node = dir, .a = a, .flags = flags}, path,
                     "");
}

static cloudabi_errno_t open_at(uint64_t dir, const char *path, cloudabi_oflags_t oflags,
                                uint16_t flags)
{
    return call_full(
        (struct port_request){.op = PORT_OPEN, .node = dir, .oflags = oflags, .flags = flags}, path,
        "");
}

static cloudabi_errno_t mkdir_at(uint64_t dir, const char *path)
{
    return name_call(PORT_MKDIR, dir, path, 0, 0);
}

static cloudabi_errno_t unlink_at(uint64_t dir, const char *path)
{
    return name_call(PORT_UNLINK, dir, path, 0, 0);
}

static cloudabi_errno_t rmdir_at(uint64_t dir, const char *path)
{
    return name_call(PORT_UNLINK, dir, path, 1, 0);
}

static cloudabi_errno_t symlink_at(const char *target, const char *path)
{
    return call_full((struct port_request){.op = PORT_SYMLINK, .node = 1}, path, target);
}

static uint64_t node_of(const char *path)
{
    assert_int_equal(name_call(PORT_WALK, 1, path, 0, 0), 0);
    assert_int_equal(port.reply.kind, PORT_REPLY_NODE);
    return port.reply.node;
}

static void forget(uint64_t node, uint64_t count)
{
    assert_int_equal(
        call_full((struct port_request){.op = PORT_FORGET, .node = node, .a = count}, "", ""), 0);
}

/* Both paths have at most one slash; their parents are walked to as the kernel does. */
static cloudabi_errno_t two(enum port_op op, const char *from, const char *to, uint16_t flags)
{
    struct port_request request = {.op = op, .node = 1, .node2 = 1, .flags = flags};
    const char *slash = strchr(from, '/');
    char dir[64];
    if (slash != NULL) {
        snprintf(dir, sizeof(dir), "%.*s", (int)(slash - from), from);
        request.node = node_of(dir);
        from = slash + 1;
    }
    slash = strchr(to, '/');
    if (slash != NULL) {
        snprintf(dir, sizeof(dir), "%.*s", (int)(slash - to), to);
        request.node2 = node_of(dir);
        to = slash + 1;
    }
    return call_full(request, from, to);
}

static struct port_attr stat_of(const char *path)
{
    assert_int_equal(name_call(PORT_STAT, 1, path, 0, 0), 0);
    assert_int_equal(port.reply.kind, PORT_REPLY_DONE);
    return port.reply.attr;
}

static cloudabi_errno_t stat_error(const char *path)
{
    return name_call(PORT_STAT, 1, path, 0, 0);
}

/* --- tests -------------------------------------------------------------------------------- */

static void test_create_and_open(void **state)
{
    (void)state;
    assert_int_equal(open_at(1, "f", 0, 0), CLOUDABI_ENOENT);
    assert_int_equal(open_at(1, "f", CREAT, 0), 0);
    assert_int_equal(port.reply.form, PORT_FORM_PAGED);
    assert_int_equal(port.reply.flags, PORT_REPLY_KEEP | PORT_REPLY_CREATED);
    uint64_t node = port.reply.node;
    assert_int_equal(open_at(1, "f", 0, 0), 0);
    assert_int_equal(port.reply.node, node);
    assert_int_equal(port.reply.flags, PORT_REPLY_KEEP);
    assert_int_equal(open_at(1, "f", CREAT | CLOUDABI_O_EXCL, 0), CLOUDABI_EEXIST);
    assert_int_equal(open_at(1, "f", CLOUDABI_O_DIRECTORY, 0), CLOUDABI_ENOTDIR);
    assert_int_equal(open_at(1, "f", 0, PORT_FLAG_MUSTDIR), CLOUDABI_ENOTDIR);
    assert_int_equal(open_at(1, "f/x", 0, 0), CLOUDABI_ENOTDIR);
    assert_int_equal(open_at(1, "g/x", CREAT, 0), CLOUDABI_ENOENT);
    assert_int_equal(open_at(1, "g", CREAT, PORT_FLAG_MUSTDIR), CLOUDABI_EISDIR);
    assert_int_equal(stat_of("f").nlink, 1);
    assert_int_equal(port.reply.node, node);
    assert_int_equal(open_at(1, "", 0, 0), 0);
    assert_int_equal(port.reply.node, PORT_ROOT_NODE);
    assert_int_equal(open_at(12345, "f", 0, 0), CLOUDABI_ESTALE);
}

static void test_names(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'n', sizeof(name));
    name[256] = '\0';
    assert_int_equal(open_at(1, name, CREAT, 0), CLOUDABI_ENAMETOOLONG);
    name[255] = '\0';
    assert_int_equal(open_at(1, name, CREAT, 0), 0);
    assert_int_equal(open_at(1, name, 0, 0), 0);
    assert_int_equal(mkdir_at(1, "\xc3\xa4 b"), 0);
    assert_int_equal(stat_of("\xc3\xa4 b").type, DIRECTORY);
}

static void test_directories(void **state)
{
    (void)state;
    assert_int_equal(mkdir_at(1, "a"), 0);
    assert_int_equal(mkdir_at(1, "a"), CLOUDABI_EEXIST);
    assert_int_equal(mkdir_at(1, ""), CLOUDABI_EINVAL);
    assert_int_equal(mkdir_at(1, "a/b"), 0);
    assert_int_equal(mkdir_at(1, "x/b"), CLOUDABI_ENOENT);
    assert_int_equal(stat_of("").nlink, 3);
    assert_int_equal(stat_of("a").nlink, 3);
    assert_int_equal(unlink_at(1, "a"), CLOUDABI_EPERM);
    assert_int_equal(rmdir_at(1, "a"), CLOUDABI_ENOTEMPTY);
    assert_int_equal(open_at(1, "a/f", CREAT, 0), 0);
    assert_int_equal(rmdir_at(1, "a/f"), CLOUDABI_ENOTDIR);
    assert_int_equal(name_call(PORT_UNLINK, 1, "a/f", 0, PORT_FLAG_MUSTDIR), CLOUDABI_ENOTDIR);
    assert_int_equal(unlink_at(1, "a/f"), 0);
    assert_int_equal(rmdir_at(1, "a/b"), 0);
    assert_int_equal(stat_of("a").nlink, 2);
    uint64_t a = node_of("a");
    assert_int_equal(rmdir_at(1, "a"), 0);
    assert_int_equal(rmdir_at(1, "a"), CLOUDABI_ENOENT);
    assert_int_equal(open_at(a, "f", CREAT, 0), CLOUDABI_ENOENT); /* removed while in use */
    assert_int_equal(name_call(PORT_GETATTR, a, "", 0, 0), 0);
    assert_int_equal(port.reply.attr.nlink, 0);
    forget(a, 1);
    assert_int_equal(name_call(PORT_GETATTR, a, "", 0, 0), CLOUDABI_ESTALE);
    assert_int_equal(open_at(1, "", CLOUDABI_O_TRUNC, 0), CLOUDABI_EISDIR);
}

static void test_unlink_revokes(void **state)
{
    (void)state;
    assert_int_equal(open_at(1, "f", CREAT, 0), 0);
    uint64_t f = port.reply.node;
    assert_int_equal(open_at(1, "f", 0, 0), 0);
    assert_int_equal(unlink_at(1, "f"), 0);
    assert_int_equal(port.commands_count, 0); /* still open twice */
    forget(f, 1);
    assert_int_equal(port.commands_count, 0);
    forget(f, 1);
    assert_int_equal(port.commands_count, 1);
    assert_int_equal(port.commands[0].op, PORT_CMD_REVOKE);
    assert_int_equal(port.commands[0].node, f);
    assert_int_equal(open_at(1, "g", CREAT, 0), 0);
    uint64_t g = port.reply.node;
    assert_int_not_equal(f, g);
    forget(g, 1);
    assert_int_equal(port.commands_count, 1); /* has a name: its pages stay */
    assert_int_equal(unlink_at(1, "g"), 0);
    assert_int_equal(port.commands_count, 2);
    assert_int_equal(port.commands[1].node, g);
    forget(g, 5);
}

static void test_symlinks(void **state)
{
    (void)state;
    assert_int_equal(mkdir_at(1, "d"), 0);
    assert_int_equal(symlink_at("../elsewhere", "d/link"), 0);
    assert_int_equal(symlink_at("x", "d/link"), CLOUDABI_EEXIST);
    assert_int_equal(symlink_at("", "d/empty"), CLOUDABI_ENOENT);
    assert_int_equal(stat_of("d/link").type, CLOUDABI_FILETYPE_SYMBOLIC_LINK);
    assert_int_equal(port.reply.attr.size, 12);
    assert_int_equal(port.reply.node, 0);
    assert_int_equal(name_call(PORT_STAT, 1, "d/link", 0, PORT_FLAG_FOLLOW), 0);
    assert_int_equal(port.reply.kind, PORT_REPLY_LINK);
    assert_int_equal(port.reply.consumed, 6);
    assert_int_equal(port.reply.len, 12);
    assert_memory_equal(port.payload, "../elsewhere", 12);
    assert_int_equal(open_at(1, "d/link/rest", 0, 0), 0);
    assert_int_equal(port.reply.kind, PORT_REPLY_LINK);
    assert_int_equal(port.reply.consumed, 6);
    assert_int_equal(open_at(1, "d/link", 0, 0), CLOUDABI_ELOOP);
    assert_int_equal(mkdir_at(1, "d/link/new"), 0);
    assert_int_equal(port.reply.kind, PORT_REPLY_LINK);
    assert_int_equal(name_call(PORT_READLINK, 1, "d/link", 0, 0), 0);
    assert_int_equal(port.reply.len, 12);
    assert_int_equal(name_call(PORT_READLINK, 1, "d", 0, 0), CLOUDABI_EINVAL);
    assert_int_equal(two(PORT_LINK, "d/link", "hard", 0), 0);
    assert_int_equal(stat_of("hard").nlink, 2);
    assert_int_equal(two(PORT_LINK, "d/link", "other", PORT_FLAG_FOLLOW), 0);
    assert_int_equal(port.reply.kind, PORT_REPLY_LINK);
    assert_int_equal(port.reply.consumed, 4);
    assert_int_equal(unlink_at(1, "d/link"), 0);
    assert_int_equal(stat_of("hard").nlink, 1);
}

static void test_hard_links(void **state)
{
    (void)state;
    assert_int_equal(mkdir_at(1, "d"), 0);
    assert_int_equal(open_at(1, "f", CREAT, 0), 0);
    uint64_t f = port.reply.node;
    assert_int_equal(two(PORT_LINK, "f", "d/g", 0), 0);
    assert_int_equal(stat_of("d/g").ino, f);
    assert_int_equal(port.reply.attr.nlink, 2);
    assert_int_equal(two(PORT_LINK, "f", "d/g", 0), CLOUDABI_EEXIST);
    assert_int_equal(two(PORT_LINK, "d", "e", 0), CLOUDABI_EPERM);
    assert_int_equal(two(PORT_LINK, "none", "e", 0), CLOUDABI_ENOENT);
    assert_int_equal(two(PORT_LINK, "f", "", 0), CLOUDABI_EINVAL);
    assert_int_equal(two(PORT_RENAME, "f", "d/g", 0), 0); /* the same file: nothing happens */
    assert_int_equal(stat_of("f").nlink, 2);
    forget(f, 1);
    assert_int_equal(unlink_at(1, "f"), 0);
    assert_int_equal(port.commands_count, 0);
    assert_int_equal(unlink_at(1, "d/g"), 0);
    assert_int_equal(port.commands_count, 1);
}

static void test_rename(void **state)
{
    (void)state;
    assert_int_equal(mkdir_at(1, "a"), 0);
    assert_int_equal(mkdir_at(1, "b"), 0);
    assert_int_equal(mkdir_at(1, "a/sub"), 0);
    assert_int_equal(open_at(1, "f", CREAT, 0), 0);
    uint64_t f = port.reply.node;
    assert_int_equal(open_at(1, "g", CREAT, 0), 0);
    uint64_t g = port.reply.node;
    forget(g, 1);
    assert_int_equal(two(PORT_RENAME, "none", "x", 0), CLOUDABI_ENOENT);
    assert_int_equal(two(PORT_RENAME, "f", "g", 0), 0); /* replaces g */
    assert_int_equal(port.commands[0].node, g);
    assert_int_equal(stat_of("g").ino, f);
    assert_int_equal(stat_error("f"), CLOUDABI_ENOENT);
    assert_int_equal(two(PORT_RENAME, "g", "a", 0), CLOUDABI_EISDIR);
    assert_int_equal(two(PORT_RENAME, "a", "g", 0), CLOUDABI_ENOTDIR);
    assert_int_equal(two(PORT_RENAME, "g", "h", PORT_FLAG_MUSTDIR), CLOUDABI_ENOTDIR);
    assert_int_equal(two(PORT_RENAME, "a", "a/x", 0), CLOUDABI_EINVAL);
    assert_int_equal(two(PORT_RENAME, "a", "a", 0), 0);
    assert_int_equal(two(PORT_RENAME, "b", "a", 0), CLOUDABI_ENOTEMPTY);
    assert_int_equal(two(PORT_RENAME, "a", "b", 0), 0); /* over an empty directory */
    assert_int_equal(stat_of("").nlink, 3);
    assert_int_equal(stat_of("b").nlink, 3);
    assert_int_equal(two(PORT_RENAME, "b/sub", "moved", PORT_FLAG_MUSTDIR), 0);
    assert_int_equal(stat_of("b").nlink, 2);
    assert_int_equal(stat_of("").nlink, 4);
    assert_int_equal(two(PORT_RENAME, "b", "moved/deep", 0), 0);
    assert_int_equal(stat_of("moved/deep").nlink, 2);
    assert_int_equal(two(PORT_RENAME, "moved", "moved/deep", 0), CLOUDABI_EINVAL);
    uint64_t deep = node_of("moved/deep");
    struct port_request inside = {.op = PORT_RENAME, .node = 1, .node2 = deep};
    assert_int_equal(call_full(inside, "moved", "x"), CLOUDABI_EINVAL);
}

static void test_times_and_attributes(void **state)
{
    (void)state;
    assert_int_equal(open_at(1, "f", CREAT, 0), 0);
    uint64_t f = port.reply.node;
    uint64_t made = now;
    assert_int_equal(port.reply.attr.mtim, made);
    assert_int_equal(stat_of("").mtim, made);
    struct port_request request = {.op = PORT_PUTATTR,
                                   .node = 1,
                                   .a = CLOUDABI_FILESTAT_ATIM | CLOUDABI_FILESTAT_MTIM_NOW,
                                   .attr = {.atim = 5}};
    assert_int_equal(call_full(request, "f", ""), 0);
    assert_int_equal(port.reply.node, f);
    assert_int_equal(port.reply.attr.atim, 5);
    assert_int_equal(port.reply.attr.mtim, now);
    request = (struct port_request){
        .op = PORT_SETATTR, .node = f, .a = CLOUDABI_FILESTAT_SIZE, .attr = {.size = 99}};
    assert_int_equal(call_full(request, "", ""), 0);
    assert_int_equal(stat_of("f").size, 99);
    assert_int_equal(open_at(1, "f", CLOUDABI_O_TRUNC, 0), 0);
    assert_int_equal(port.reply.attr.size, 0);
    request.node = 1;
    assert_int_equal(call_full(request, "", ""), CLOUDABI_EISDIR);
}

/* Reads a directory with small replies and checks that each of COUNT names comes once. */
static void test_readdir(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    char name[32];
    bool seen[COUNT] = {false};
    unsigned dots = 0, total = 0;
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "file-%d", i);
        assert_int_equal(open_at(1, name, CREAT, 0), 0);
        if (i % 5 == 0)
            assert_int_equal(unlink_at(1, name), 0);
    }
    uint64_t cookie = 0;
    bool end = false;
    while (!end) {
        struct port_request request = {.op = PORT_READDIR, .node = 1, .a = cookie, .len = 200};
        assert_int_equal(call_full(request, "", ""), 0);
        end = (port.reply.flags & PORT_REPLY_END) != 0;
        assert_true(port.reply.len <= 200 && (end || port.reply.len > 0));
        for (size_t at = 0; at < port.reply.len;) {
            cloudabi_dirent_t entry;
            memcpy(&entry, port.payload + at, sizeof(entry));
            snprintf(name, sizeof(name), "%.*s", (int)entry.d_namlen,
                     (char *)port.payload + at + sizeof(entry));
            at += sizeof(entry) + entry.d_namlen;
            cookie = entry.d_next;
            total++;
            if (name[0] == '.') {
                dots++;
                continue;
            }
            unsigned i = (unsigned)atoi(name + 5);
            assert_true(i < COUNT && !seen[i] && i % 5 != 0);
            seen[i] = true;
        }
        /* What is removed meanwhile disturbs nothing. */
        if (total == 50)
            assert_int_equal(unlink_at(1, "file-1"), 0);
    }
    assert_int_equal(dots, 2);
    assert_int_equal(total, COUNT - COUNT / 5 + 2);
}

static cloudabi_errno_t reopen(const void *cookie, size_t len)
{
    struct port_request request = {.op = PORT_REOPEN, .time = now};
    return fake_port_call(&port, &request, "", cookie, len);
}

static void test_reopen(void **state)
{
    (void)state;
    uint8_t first[64], second[64], other[64];
    assert_int_equal(mkdir_at(1, "home"), 0);
    assert_int_equal(mkdir_at(1, "home/sub"), 0);
    assert_int_equal(open_at(1, "home/sub", 0, 0), 0);
    size_t first_len = port.reply.cookie_len;
    memcpy(first, port.payload, sizeof(first));
    assert_int_equal(reopen(first, first_len), CLOUDABI_ESTALE); /* of this instance */
    assert_int_equal(two(PORT_RENAME, "home/sub", "home/old", 0), 0);
    assert_int_equal(mkdir_at(1, "home/sub"), 0);
    assert_int_equal(open_at(1, "home/sub", 0, 0), 0);
    size_t other_len = port.reply.cookie_len;
    memcpy(other, port.payload, sizeof(other));
    fake_port_stop(&port);
    tree_free(&tree);

    assert_true(tree_init(&tree, 78, now));
    fake_port_start(&port, &tmpfs_ops, &tree);
    assert_int_equal(reopen(first, first_len), 0);
    uint64_t node = port.reply.node;
    assert_int_equal(port.reply.form, PORT_FORM_DIRECTORY);
    assert_int_equal(reopen(first, first_len), 0);
    assert_int_equal(port.reply.node, node);
    assert_int_equal(reopen(other, other_len),
                     CLOUDABI_ESTALE); /* another directory of that path */
    assert_int_equal(node_of("home/sub"), node);
    assert_int_equal(open_at(1, "home/sub", 0, 0), 0);
    assert_int_equal(port.reply.cookie_len, first_len);
    memcpy(second, port.payload, sizeof(second));
    assert_memory_equal(first, second, first_len); /* it stays the same directory */
    assert_int_equal(reopen(first, 16), CLOUDABI_ESTALE);
    assert_int_equal(reopen(first, 3), CLOUDABI_ESTALE);
    assert_int_equal(reopen(first, 0), CLOUDABI_ESTALE);
}

/* Many random operations: nothing leaks, nothing breaks (the sanitizers look on). */
static void test_random(void **state)
{
    (void)state;
    unsigned seed = 12345;
    for (int i = 0; i < 20000; i++) {
        char a[32], b[32];
        seed = seed * 1103515245u + 12345u;
        unsigned r = seed >> 8;
        snprintf(a, sizeof(a), r & 1 ? "n%u" : "n%u/n%u", r >> 4 & 7, r >> 7 & 7);
        snprintf(b, sizeof(b), "n%u", r >> 10 & 7);
        switch (r >> 13 & 7) {
        case 0:
            mkdir_at(1, a);
            break;
        case 1:
            open_at(1, a, CREAT, 0);
            break;
        case 2:
            unlink_at(1, a);
            break;
        case 3:
            rmdir_at(1, a);
            break;
        case 4:
            symlink_at(b, a);
            break;
        case 5:
        case 6: {
            struct port_request request = {
                .op = r >> 13 & 1 ? PORT_LINK : PORT_RENAME, .node = 1, .node2 = 1};
            if (name_call(PORT_WALK, 1, b, 0, 0) == 0 && port.reply.kind == PORT_REPLY_NODE)
                request.node2 = port.reply.node;
            snprintf(a, sizeof(a), "n%u", r >> 4 & 7);
            call_full(request, a, b);
            break;
        }
        default:
            if (name_call(PORT_WALK, 1, a, 0, 0) == 0 && port.reply.kind == PORT_REPLY_NODE)
                forget(port.reply.node, 3);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(test_create_and_open), TEST(test_names),
        TEST(test_directories),     TEST(test_unlink_revokes),
        TEST(test_symlinks),        TEST(test_hard_links),
        TEST(test_rename),          TEST(test_times_and_attributes),
        TEST(test_readdir),         TEST(test_reopen),
        TEST(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
