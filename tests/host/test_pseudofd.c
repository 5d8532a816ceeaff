/* SPDX-License-Identifier: BSD-2-Clause */
/* The server library above a port that is plain memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/host/fake_port.h"

static struct fake_port port;

static cloudabi_errno_t ask(enum port_op op, const char *path)
{
    struct port_request request = {.op = (uint16_t)op, .node = PORT_ROOT_NODE};
    return fake_port_call(&port, &request, path, "", 0);
}

static void test_missing_functions(void **state)
{
    (void)state;
    static const struct server_ops none;
    static const struct {
        enum port_op op;
        cloudabi_errno_t error;
    } cases[] = {
        {PORT_OPEN, CLOUDABI_ENOENT},
        {PORT_WALK, CLOUDABI_ENOENT},
        {PORT_STAT, CLOUDABI_ENOENT},
        {PORT_PUTATTR, CLOUDABI_EPERM},
        {PORT_MKDIR, CLOUDABI_EROFS},
        {PORT_SYMLINK, CLOUDABI_EROFS},
        {PORT_UNLINK, CLOUDABI_EROFS},
        {PORT_READLINK, CLOUDABI_EINVAL},
        {PORT_LINK, CLOUDABI_EROFS},
        {PORT_RENAME, CLOUDABI_EROFS},
        {PORT_GETATTR, CLOUDABI_EIO},
        {PORT_SETATTR, CLOUDABI_EPERM},
        {PORT_READDIR, 0},
        {PORT_READ, CLOUDABI_EBADF},
        {PORT_WRITE, CLOUDABI_EBADF},
        {PORT_SYNC, 0},
        {PORT_REOPEN, CLOUDABI_ESTALE},
        {PORT_FORGET, 0},
        {PORT_OPS, CLOUDABI_ENOSYS},
        {PORT_OP_NONE, CLOUDABI_ENOSYS},
        {(enum port_op)9999, CLOUDABI_ENOSYS},
    };
    fake_port_start(&port, &none, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(ask(cases[i].op, "x"), cases[i].error);
    fake_port_stop(&port);
}

/* A channel that was released is not handed out before the kernel has taken the command: it discards its pages. */
static void test_released_channels(void **state)
{
    (void)state;
    static const struct server_ops none;
    fake_port_start(&port, &none, NULL);
    struct server *server = &port.server;
    int first = channel_open(server, 4096, 4096);
    channel_release(server, (unsigned)first);
    int second = channel_open(server, 4096, 4096);
    assert_int_not_equal(second, first);
    fake_port_commands(&port);
    assert_int_equal(channel_open(server, 4096, 4096), first);
    for (unsigned i = 2; i < PORT_CHANNELS; i++)
        assert_true(channel_open(server, 4096, 4096) >= 0);
    assert_int_equal(channel_open(server, 4096, 4096), -1);
    channel_release(server, 77);
    fake_port_commands(&port);
    assert_int_equal(channel_open(server, 4096, 4096), 77);
    fake_port_stop(&port);
}

static void test_more_commands_than_fit(void **state)
{
    (void)state;
    static const struct server_ops none;
    fake_port_start(&port, &none, NULL);
    for (unsigned i = 0; i < 3 * PORT_COMMANDS; i++)
        server_ready(&port.server, i, PORT_EVENT_READ);
    fake_port_commands(&port);
    assert_int_equal(port.commands_count, 3 * PORT_COMMANDS);
    for (unsigned i = 0; i < 3 * PORT_COMMANDS; i++)
        assert_int_equal(port.commands[i].node, i);
    fake_port_stop(&port);
}

static cloudabi_errno_t fill(struct server *server, struct call *call)
{
    (void)server;
    uint64_t next = call->request.a;
    while (call_dirent(call, "name", 4, next, CLOUDABI_FILETYPE_REGULAR_FILE, next + 1))
        next++;
    return 0;
}

static void test_listing_fits(void **state)
{
    (void)state;
    static const struct server_ops ops = {.readdir = fill};
    size_t record = sizeof(cloudabi_dirent_t) + 4;
    fake_port_start(&port, &ops, NULL);
    for (uint32_t room = 0; room < 3 * record; room++) {
        struct port_request request = {.op = PORT_READDIR, .len = room};
        assert_int_equal(fake_port_call(&port, &request, "", "", 0), 0);
        assert_int_equal(port.reply.len, room / record * record);
    }
    struct port_request request = {.op = PORT_READDIR, .len = UINT32_MAX};
    assert_int_equal(fake_port_call(&port, &request, "", "", 0), 0);
    assert_int_equal(port.reply.len, PORT_PAYLOAD / record * record);
    fake_port_stop(&port);
}

static void test_path_next(void **state)
{
    (void)state;
    const char *path = "ab/c/def", *name;
    size_t len = strlen(path), name_len;
    static const char *const parts[] = {"ab", "c", "def"};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(path_next(&path, &len, &name, &name_len));
        assert_int_equal(name_len, strlen(parts[i]));
        assert_memory_equal(name, parts[i], name_len);
    }
    assert_false(path_next(&path, &len, &name, &name_len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_functions),
        cmocka_unit_test(test_released_channels),
        cmocka_unit_test(test_more_commands_than_fit),
        cmocka_unit_test(test_listing_fits),
        cmocka_unit_test(test_path_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
