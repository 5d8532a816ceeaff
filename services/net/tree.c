/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Node numbers: 1 + kind for the fixed directories and files; else an object of net->nodes (a set that
 * was narrowed, or a connection) with a role. Fixed nodes live for ever, objects while the kernel holds
 * references, which are counted here and given back by FORGET.
 */
#include "services/net/tree.h"

#include <stdlib.h>
#include <string.h>

#include "services/net/connection.h"
#include "services/net/datagram.h"
#include "services/net/interface.h"
#include "services/net/listener.h"
#include "services/net/name.h"

#define STATUS_MAX 256

/* A directory for a narrowed set of endpoints. */
struct set_node {
    struct node node;
    struct name name;
};

static struct net *net_of(struct server *server)
{
    return server->context;
}

static uint64_t fixed_number(enum name_kind kind)
{
    return PORT_ROOT_NODE + kind;
}

static bool is_fixed(uint64_t number)
{
    return number >= PORT_ROOT_NODE && number < PORT_ROOT_NODE + NAME_KINDS;
}

/* A set of everything needs no object. */
static bool has_fixed_number(const struct name *name)
{
    return !name_is_set(name->kind) || memcmp(&name->set, &net_set_all, sizeof(net_set_all)) == 0;
}

/* The name that a directory's node stands for. ESTALE: no such node. ENOTDIR: it has no name. */
static cloudabi_errno_t name_of(struct net *net, uint64_t number, struct name *name)
{
    if (is_fixed(number)) {
        *name =
            (struct name){.kind = (enum name_kind)(number - PORT_ROOT_NODE), .set = net_set_all};
        return 0;
    }
    struct node *node = table_find(&net->nodes, number);
    if (node == NULL)
        return CLOUDABI_ESTALE;
    if (node->role != NODE_SET)
        return CLOUDABI_ENOTDIR;
    *name = ((struct set_node *)node)->name;
    return 0;
}

static cloudabi_errno_t resolve(struct net *net, struct call *call, struct name *name)
{
    struct name from;
    cloudabi_errno_t error = name_of(net, call->request.node, &from);
    if (error != 0)
        return error;
    return name_resolve(&from, call->path, call->path_len, name);
}

static struct connection *connection_of(struct net *net, uint64_t number)
{
    struct node *node = is_fixed(number) ? NULL : table_find(&net->nodes, number);
    return node != NULL && node->role == NODE_CONNECTION ? (struct connection *)node : NULL;
}

static void describe(uint64_t number, cloudabi_filetype_t type, struct port_attr *attr)
{
    *attr = (struct port_attr){.ino = number, .nlink = 1, .type = type};
}

/* --- opening ------------------------------------------------------------------------------------ */

static void reply_directory(struct call *call, uint64_t number, const struct name *name)
{
    uint8_t cookie[NAME_COOKIE_SIZE];
    struct port_attr attr;
    describe(number, CLOUDABI_FILETYPE_DIRECTORY, &attr);
    call_node(call, number, PORT_FORM_DIRECTORY, &attr);
    if (name != NULL) {
        name_encode(name, cookie);
        call_cookie(call, cookie, sizeof(cookie));
    }
}

static cloudabi_errno_t open_directory(struct net *net, struct call *call, const struct name *name)
{
    if (has_fixed_number(name)) {
        reply_directory(call, fixed_number(name->kind), name);
        return 0;
    }
    struct set_node *set = calloc(1, sizeof(*set));
    if (set == NULL)
        return CLOUDABI_ENOMEM;
    set->node.role = NODE_SET;
    set->name = *name;
    set->node.number = table_add(&net->nodes, set);
    if (set->node.number == 0) {
        free(set);
        return CLOUDABI_ENOMEM;
    }
    set->node.holders = 1;
    reply_directory(call, set->node.number, name);
    return 0;
}

static cloudabi_errno_t open_connection(struct net *net, struct call *call,
                                        const struct net_set *set, bool directory)
{
    struct connection *connection;
    cloudabi_errno_t error = connection_start(net, set, &connection);
    if (error != 0)
        return error;
    connection_queue(connection);
    if (directory) {
        connection_hold(connection);
        reply_directory(call, node_number(&connection->node, NODE_CONNECTION), NULL);
        return 0;
    }
    bool wait = (call->request.fdflags & CLOUDABI_FDFLAG_NONBLOCK) == 0;
    return connection_open_data(connection, call, wait);
}

/* The loop's poll has room for so many sockets. */
static bool may_wait_for_more(const struct net *net)
{
    unsigned count = 0;
    for (const struct listener *l = net->listeners; l != NULL; l = l->next)
        count++;
    for (const struct datagram *d = net->datagrams; d != NULL; d = d->next)
        count++;
    return count < NET_SOCKETS_MAX;
}

static cloudabi_errno_t open_endpoint(struct net *net, struct call *call, const struct name *name,
                                      bool directory)
{
    cloudabi_fd_t fd;
    cloudabi_errno_t error;
    if (name->kind == NAME_TCP_CONNECT)
        return open_connection(net, call, &name->set, directory);
    if (directory)
        return open_directory(net, call, name);
    if (!may_wait_for_more(net))
        return CLOUDABI_ENFILE;
    if (name->kind == NAME_TCP_LISTEN)
        error = listener_start(net, &name->set, &fd);
    else if (name->kind == NAME_UDP_CONNECT)
        error = datagram_connect(net, &name->set, &fd);
    else
        error = datagram_bind(net, &name->set, &fd);
    if (error == 0)
        net_give(net, call, (int)fd);
    return error;
}

static void reply_file(struct call *call, uint64_t number)
{
    struct port_attr attr;
    describe(number, CLOUDABI_FILETYPE_CHARACTER_DEVICE, &attr);
    call_node(call, number, PORT_FORM_SYNTHETIC, &attr);
}

/* Names in a connection's directory; -1: none. */
static int connection_role(const char *path, size_t length)
{
    if (length == 4 && memcmp(path, "data", 4) == 0)
        return NODE_DATA;
    if (length == 3 && memcmp(path, "ctl", 3) == 0)
        return NODE_CTL;
    if (length == 6 && memcmp(path, "status", 6) == 0)
        return NODE_STATUS;
    return length == 0 ? NODE_CONNECTION : -1;
}

static cloudabi_errno_t open_in_connection(struct connection *connection, struct call *call,
                                           bool directory)
{
    int role = connection_role(call->path, call->path_len);
    if (role < 0)
        return CLOUDABI_ENOENT;
    if (directory && role != NODE_CONNECTION)
        return CLOUDABI_ENOTDIR;
    if (role == NODE_DATA) {
        bool wait = (call->request.fdflags & CLOUDABI_FDFLAG_NONBLOCK) == 0;
        return connection_open_data(connection, call, wait);
    }
    connection_hold(connection);
    uint64_t number = node_number(&connection->node, (enum node_role)role);
    if (role == NODE_CONNECTION)
        reply_directory(call, number, NULL);
    else
        reply_file(call, number);
    return 0;
}

static bool wants_directory(const struct call *call)
{
    return (call->request.oflags & CLOUDABI_O_DIRECTORY) != 0 ||
           (call->request.flags & PORT_FLAG_MUSTDIR) != 0;
}

static cloudabi_errno_t tree_open(struct server *server, struct call *call)
{
    struct net *net = net_of(server);
    struct name name;
    bool directory = wants_directory(call);
    struct connection *connection = connection_of(net, call->request.node);
    if (connection != NULL)
        return open_in_connection(connection, call, directory);
    cloudabi_errno_t error = resolve(net, call, &name);
    if (error != 0)
        return error;
    if ((call->request.oflags & CLOUDABI_O_EXCL) != 0)
        return CLOUDABI_EEXIST;
    if (name.kind >= NAME_FILES) {
        if (directory)
            return CLOUDABI_ENOTDIR;
        reply_file(call, fixed_number(name.kind));
        return 0;
    }
    if (name_is_endpoint(&name))
        return open_endpoint(net, call, &name, directory);
    return open_directory(net, call, &name);
}

/* A walk's end is a directory: of an endpoint, the set with only this endpoint in it. */
static cloudabi_errno_t tree_walk(struct server *server, struct call *call)
{
    struct net *net = net_of(server);
    struct name name;
    struct connection *connection = connection_of(net, call->request.node);
    if (connection != NULL)
        return open_in_connection(connection, call, true);
    cloudabi_errno_t error = resolve(net, call, &name);
    if (error != 0)
        return error;
    return name.kind >= NAME_FILES ? CLOUDABI_ENOTDIR : open_directory(net, call, &name);
}

static cloudabi_errno_t tree_reopen(struct server *server, struct call *call)
{
    struct name name;
    if (!name_decode(call->data, call->data_len, &name))
        return CLOUDABI_ESTALE;
    return open_directory(net_of(server), call, &name);
}

static cloudabi_errno_t tree_forget(struct server *server, struct call *call)
{
    struct net *net = net_of(server);
    uint64_t number = call->request.node;
    uint64_t count = call->request.a;
    struct node *node = is_fixed(number) ? NULL : table_find(&net->nodes, number);
    /* A stream's life is its channel's. */
    if (node == NULL || table_role(number) == NODE_DATA)
        return 0;
    if (node->role == NODE_CONNECTION) {
        connection_release((struct connection *)node, count);
        return 0;
    }
    node->holders = count < node->holders ? node->holders - count : 0;
    if (node->holders == 0) {
        table_remove(&net->nodes, number);
        free(node);
    }
    return 0;
}

/* --- attributes --------------------------------------------------------------------------------- */

static cloudabi_filetype_t endpoint_type(enum name_kind kind)
{
    return kind == NAME_TCP_CONNECT ? CLOUDABI_FILETYPE_SOCKET_STREAM
                                    : CLOUDABI_FILETYPE_SOCKET_DGRAM;
}

static cloudabi_filetype_t role_type(int role)
{
    if (role == NODE_CONNECTION || role == NODE_SET)
        return CLOUDABI_FILETYPE_DIRECTORY;
    return role == NODE_DATA ? CLOUDABI_FILETYPE_SOCKET_STREAM : CLOUDABI_FILETYPE_CHARACTER_DEVICE;
}

static cloudabi_errno_t tree_stat(struct server *server, struct call *call)
{
    struct net *net = net_of(server);
    struct port_attr attr;
    struct name name;
    struct connection *connection = connection_of(net, call->request.node);
    if (connection != NULL) {
        int role = connection_role(call->path, call->path_len);
        if (role < 0)
            return CLOUDABI_ENOENT;
        describe(node_number(&connection->node, (enum node_role)role), role_type(role), &attr);
        call_attr(call, 0, &attr);
        return 0;
    }
    cloudabi_errno_t error = resolve(net, call, &name);
    if (error != 0)
        return error;
    cloudabi_filetype_t type = CLOUDABI_FILETYPE_DIRECTORY;
    if (name_is_endpoint(&name))
        type = endpoint_type(name.kind);
    else if (name.kind >= NAME_FILES)
        type = CLOUDABI_FILETYPE_CHARACTER_DEVICE;
    describe(fixed_number(name.kind), type, &attr);
    call_attr(call, 0, &attr);
    return 0;
}

static cloudabi_errno_t tree_get_attr(struct server *server, struct call *call)
{
    struct net *net = net_of(server);
    uint64_t number = call->request.node;
    struct port_attr attr;
    cloudabi_filetype_t type = CLOUDABI_FILETYPE_DIRECTORY;
    if (is_fixed(number)) {
        if (number - PORT_ROOT_NODE >= NAME_FILES)
            type = CLOUDABI_FILETYPE_CHARACTER_DEVICE;
    } else if (table_find(&net->nodes, number) == NULL) {
        return CLOUDABI_ESTALE;
    } else {
        type = role_type(table_role(number));
    }
    describe(number, type, &attr);
    call_attr(call, number, &attr);
    return 0;
}

/* --- reading ------------------------------------------------------------------------------------ */

/* Entry `index` of a directory; the first two are itself. NULL: no more. */
static const char *entry_at(struct net *net, uint64_t directory, uint64_t index, uint64_t *number,
                            cloudabi_filetype_t *type)
{
    static const char *const files[] = {"data", "ctl", "status"};
    enum name_kind kind;
    struct name name;
    *number = directory;
    *type = CLOUDABI_FILETYPE_DIRECTORY;
    if (index < 2)
        return index == 0 ? "." : "..";
    index -= 2;
    struct connection *connection = connection_of(net, directory);
    if (connection != NULL && index < 3) {
        *number = node_number(&connection->node, NODE_DATA + (enum node_role)index);
        *type = role_type(NODE_DATA + (int)index);
        return files[index];
    }
    if (connection != NULL || name_of(net, directory, &name) != 0 || index >= NAME_KINDS)
        return NULL;
    const char *entry = name_entry(name.kind, (unsigned)index, &kind);
    if (entry != NULL) {
        *number = fixed_number(kind);
        if (kind >= NAME_FILES)
            *type = CLOUDABI_FILETYPE_CHARACTER_DEVICE;
    }
    return entry;
}

static cloudabi_errno_t tree_readdir(struct server *server, struct call *call)
{
    struct net *net = net_of(server);
    uint64_t number;
    cloudabi_filetype_t type;
    const char *name;
    uint64_t index = call->request.a;
    while ((name = entry_at(net, call->request.node, index, &number, &type)) != NULL) {
        if (!call_dirent(call, name, strlen(name), number, type, index + 1))
            return 0;
        index++;
    }
    call_dir_end(call);
    return 0;
}

static cloudabi_errno_t tree_read(struct server *server, struct call *call)
{
    struct net *net = net_of(server);
    uint64_t number = call->request.node;
    char text[INTERFACE_TEXT_MAX];
    size_t length;
    struct connection *connection = connection_of(net, number);
    if (connection != NULL && table_role(number) == NODE_STATUS)
        length = connection_status(connection, text, sizeof(text));
    else if (is_fixed(number) && number - PORT_ROOT_NODE >= NAME_FILES)
        length = interface_text(net, (enum name_kind)(number - PORT_ROOT_NODE), text);
    else
        return CLOUDABI_EBADF;
    uint64_t offset = call->request.a < length ? call->request.a : length;
    length -= offset;
    if (length > call->request.len)
        length = call->request.len;
    memcpy(call->payload, text + offset, length);
    call_length(call, length);
    return 0;
}

static cloudabi_errno_t tree_write(struct server *server, struct call *call)
{
    struct connection *connection = connection_of(net_of(server), call->request.node);
    if (connection == NULL || table_role(call->request.node) != NODE_CTL)
        return CLOUDABI_EBADF;
    cloudabi_errno_t error =
        connection_control(connection, (const char *)call->data, call->data_len);
    if (error == 0)
        call_length(call, call->data_len);
    return error;
}

const struct server_ops tree_ops = {
    .open = tree_open,
    .walk = tree_walk,
    .stat = tree_stat,
    .get_attr = tree_get_attr,
    .readdir = tree_readdir,
    .read = tree_read,
    .write = tree_write,
    .reopen = tree_reopen,
    .forget = tree_forget,
    .flush = connection_flush,
    .channel = connection_channel_event,
};
