/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/conformance/service.h"

#include <stdio.h>

#ifdef CONFORMANCE_SERVICES

#include "pseudofd/server/server.h"

#define DIGITS "0123456789"

/* A node's number: its kind, and the errno that its operations give. */
static uint64_t node_of(char kind, unsigned error)
{
    return 0x10000 + ((uint64_t)(uint8_t)kind << 32) + error;
}

static cloudabi_errno_t error_of(uint64_t node)
{
    return node == PORT_ROOT_NODE ? 0 : (cloudabi_errno_t)(node & 0xffff);
}

/* The last component of a path: its first letter and its number. */
static char parse(const char *path, size_t len, unsigned *number)
{
    size_t start = len;

    while (start > 0 && path[start - 1] != '/')
        start--;
    *number = 0;
    for (size_t i = start + 1; i < len; i++)
        *number = *number * 10 + (unsigned)(path[i] - '0');
    return start < len ? path[start] : 'd';
}

static char name_of(const struct call *call, unsigned *number)
{
    char kind = parse(call->path, call->path_len, number);

    if (kind == 'x')
        cloudabi_sys_proc_exit(0);
    return kind;
}

static struct port_attr attr_of(char kind, uint64_t node)
{
    cloudabi_filetype_t type = kind == 'd'   ? CLOUDABI_FILETYPE_DIRECTORY
                               : kind == 'c' ? CLOUDABI_FILETYPE_CHARACTER_DEVICE
                                             : CLOUDABI_FILETYPE_REGULAR_FILE;

    return (struct port_attr){
        .ino = node, .size = kind == 'p' ? 8192 : 10, .nlink = 1, .type = type};
}

static cloudabi_errno_t open_stream(struct server *server, struct call *call, unsigned error)
{
    int channel = channel_open(server, 4096, 4096);

    if (channel < 0)
        return CLOUDABI_ENFILE;
    call_stream(call, node_of('s', (unsigned)channel), (unsigned)channel);
    if (error != 0)
        channel_abort(server, (unsigned)channel, (cloudabi_errno_t)error);
    return 0;
}

static cloudabi_errno_t serve_open(struct server *server, struct call *call)
{
    unsigned number;
    char kind = name_of(call, &number);
    uint64_t node = node_of(kind, number);
    struct port_attr attr = attr_of(kind, node);

    switch (kind) {
    case 'e':
        return (cloudabi_errno_t)number;
    case 'f':
    case 'c':
        call_node(call, node, PORT_FORM_SYNTHETIC, &attr);
        return 0;
    case 'd':
        call_node(call, node, PORT_FORM_DIRECTORY, &attr);
        call_cookie(call, &node, sizeof(node));
        return 0;
    case 'p':
        call_node(call, node, PORT_FORM_PAGED, &attr);
        return 0;
    case 's':
        return open_stream(server, call, number);
    default:
        return CLOUDABI_ENOENT;
    }
}

/* Any other operation on a name. */
static cloudabi_errno_t serve_name(struct server *server, struct call *call)
{
    unsigned number;
    char kind = name_of(call, &number);
    struct port_attr attr = attr_of(kind, node_of(kind, number));

    (void)server;
    if (kind == 'e')
        return (cloudabi_errno_t)number;
    if (kind != 'f' && kind != 'd' && kind != 'c' && kind != 'p')
        return CLOUDABI_ENOENT;
    if (call->request.op == PORT_WALK)
        call_node(call, node_of(kind, number),
                  kind == 'd' ? PORT_FORM_DIRECTORY : PORT_FORM_SYNTHETIC, &attr);
    else
        call_attr(call, 0, &attr);
    return 0;
}

static cloudabi_errno_t serve_node(struct server *server, struct call *call)
{
    char kind = (char)(call->request.node >> 32);
    struct port_attr attr =
        attr_of(call->request.node == PORT_ROOT_NODE ? 'd' : kind, call->request.node);
    cloudabi_errno_t error = error_of(call->request.node);

    (void)server;
    /* The size of a file that only tells errors can be asked, or it could not be tested further. */
    if (error != 0)
        return error;
    if (call->request.op == PORT_GETATTR)
        call_attr(call, 0, &attr);
    return 0;
}

static cloudabi_errno_t serve_read(struct server *server, struct call *call)
{
    uint64_t at = call->request.a;
    size_t len = at < 10 ? 10 - at : 0;
    cloudabi_errno_t error = error_of(call->request.node);

    (void)server;
    len = len < call->request.len ? len : call->request.len;
    if (error != 0)
        return error;
    memcpy(call->payload, &DIGITS[at < 10 ? at : 0], len);
    call_length(call, len);
    return 0;
}

static cloudabi_errno_t serve_write(struct server *server, struct call *call)
{
    (void)server;
    call_length(call, call->data_len);
    return error_of(call->request.node);
}

/* A directory of an earlier instance, by its cookie. */
static cloudabi_errno_t serve_reopen(struct server *server, struct call *call)
{
    uint64_t node;

    (void)server;
    if (call->data_len != sizeof(node))
        return CLOUDABI_ESTALE;
    memcpy(&node, call->data, sizeof(node));
    struct port_attr attr = attr_of('d', node);
    call_node(call, node, PORT_FORM_DIRECTORY, &attr);
    return 0;
}

static const struct server_ops ops = {
    .open = serve_open,
    .walk = serve_name,
    .stat = serve_name,
    .put_attr = serve_name,
    .mkdir = serve_name,
    .symlink = serve_name,
    .unlink = serve_name,
    .readlink = serve_name,
    .link = serve_name,
    .rename = serve_name,
    .get_attr = serve_node,
    .set_attr = serve_node,
    .readdir = serve_node,
    .read = serve_read,
    .write = serve_write,
    .sync = serve_node,
    .reopen = serve_reopen,
};

static struct server server;

void make_port(cloudabi_fd_t *port, cloudabi_fd_t *root)
{
    cloudabi_errno_t error = cloudabi_sys_fd_create2(PORT_FILETYPE, port, root);

    if (error == CLOUDABI_EINVAL)
        SKIP("no services here");
    OK(error);
}

void serve_here(cloudabi_fd_t *port, cloudabi_fd_t *root)
{
    make_port(port, root);
    OK(server_init(&server, (int)*port, &ops, NULL, true));
}

void serve_some(cloudabi_fd_t port, unsigned count)
{
    (void)port;
    for (unsigned served = 0; served < count; served += server_step(&server))
        OK(server_wait(&server));
    server_flush(&server);
}

static uint32_t serve(void *arg)
{
    if (server_init(&server, (int)*(cloudabi_fd_t *)arg, &ops, NULL, true) != 0)
        return 1;
    server_run(&server);
    return 2;
}

void start_server(cloudabi_fd_t port)
{
    start_child(serve, &port); /* its descriptor stays open: it lives as long as the test */
}

#else

void make_port(cloudabi_fd_t *port, cloudabi_fd_t *root)
{
    (void)port, (void)root;
    SKIP("no services here");
}

void serve_here(cloudabi_fd_t *port, cloudabi_fd_t *root)
{
    make_port(port, root);
}

void serve_some(cloudabi_fd_t port, unsigned count)
{
    (void)port, (void)count;
}

void start_server(cloudabi_fd_t port)
{
    (void)port;
}

#endif

cloudabi_fd_t start_service(void)
{
    cloudabi_fd_t port, root;

    make_port(&port, &root);
    start_server(port);
    OK(cloudabi_sys_fd_close(port));
    return root;
}

cloudabi_fd_t open_served(cloudabi_fd_t root, const char *name)
{
    cloudabi_fdstat_t own;
    cloudabi_fd_t fd;

    OK(cloudabi_sys_fd_stat_get(root, &own));
    OK(open_with(root, name, name[0] == 'd' ? CLOUDABI_O_DIRECTORY : 0, own.fs_rights_inheriting,
                 own.fs_rights_inheriting, &fd));
    return fd;
}

const char *served_name(char kind, cloudabi_errno_t error)
{
    static char name[8];

    snprintf(name, sizeof(name), "%c%u", kind, error);
    return name;
}

void stop_service(cloudabi_fd_t root)
{
    RETURNS(stat_at(root, "x", 0, &(cloudabi_filestat_t){0}), CLOUDABI_EIO);
}
