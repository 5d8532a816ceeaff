/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests of any content to the server library, with tmpfs above it. Only what the kernel vouches for holds: paths and
 * data lie in the payload. The answer must be one that the kernel takes: the tag, a known errno, lengths in bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "services/tmpfs/ops.h"
#include "tests/host/fake_port.h"

struct shape { /* what the input says of a request */
    uint8_t op, oflags, fdflags, flags;
    uint8_t node, node2, mask, path_len, path2_len, more;
    uint16_t data_len;
    uint64_t a;
};

static struct fake_port port;
static struct tree tree;

/* Takes LEN bytes off the input; zeros when it is at its end. */
static void take(const uint8_t **input, size_t *left, void *to, size_t len)
{
    size_t have = len < *left ? len : *left;
    memset(to, 0, len);
    memcpy(to, *input, have);
    *input += have;
    *left -= have;
}

static size_t take_text(const uint8_t **input, size_t *left, char *to, size_t len)
{
    if (len > *left)
        len = *left;
    memcpy(to, *input, len);
    for (size_t i = 0; i < len; i++) /* paths come without NUL */
        to[i] = to[i] != '\0' ? to[i] : 'z';
    to[len] = '\0';
    *input += len;
    *left -= len;
    return len;
}

static void check_reply(const struct port_request *request)
{
    const struct port_reply *reply = &port.reply;
    bool good = reply->error <= CLOUDABI_ENOTCAPABLE;
    if (good && reply->error == 0)
        good = reply->kind < PORT_REPLY_KINDS && reply->form < PORT_FORMS &&
               reply->cookie_len <= PORT_COOKIE_MAX && reply->len <= PORT_PAYLOAD &&
               reply->consumed <= request->path_len + PORT_PATH_MAX;
    if (!good)
        abort();
}

static void one_request(const uint8_t **input, size_t *left)
{
    struct shape shape;
    static char path[256], more[4096];
    take(input, left, &shape, sizeof(shape));
    struct port_request request = {
        .op = shape.op % (PORT_OPS + 2),
        .flags = shape.flags,
        .node = shape.node % 16,
        .node2 = shape.node2 % 16,
        .a = shape.mask & 1 ? shape.a : shape.a & 0xff,
        .b = shape.a >> 32,
        .len = shape.data_len,
        .oflags = shape.oflags,
        .fdflags = shape.fdflags,
        .rights = shape.a,
        .time = shape.a ^ shape.mask,
    };
    memset(&request.attr, shape.mask, sizeof(request.attr));
    size_t path_len = take_text(input, left, path, shape.path_len);
    size_t more_len = take_text(input, left, more, shape.path2_len % 300);
    /* A symbolic link's target is at most a path long; the kernel sees to it. */
    request.path_len = (uint16_t)path_len;
    fake_port_call(&port, &request, path, more, more_len);
    check_reply(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t left)
{
    if (!tree_init(&tree, 77, 1000))
        abort();
    fake_port_start(&port, &tmpfs_ops, &tree);
    for (unsigned i = 0; left > 0 && i < 200; i++)
        one_request(&input, &left);
    fake_port_stop(&port);
    tree_free(&tree);
    return 0;
}
