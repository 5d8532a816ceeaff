/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests that make objects, and their end. */
#include "services/net/tree.h"

#include <stdlib.h>
#include <string.h>

#include "services/net/answer.h"
#include "services/net/datagram.h"
#include "services/net/echo.h"
#include "services/net/hold.h"
#include "services/net/listener.h"
#include "services/net/local.h"
#include "services/net/resolver.h"
#include "services/net/tree_priv.h"

/* A set of everything needs no object. */
static bool has_fixed_number(const struct name *name)
{
    if (name->kind == NAME_DNS_SUFFIX)
        return false;
    return !name_is_set(name->kind) || memcmp(&name->set, &net_set_all, sizeof(net_set_all)) == 0;
}

static void reply_directory(struct call *call, uint64_t number, const struct name *name)
{
    uint8_t cookie[NAME_COOKIE_MAX];
    struct port_attr attr;
    tree_describe(number, CLOUDABI_FILETYPE_DIRECTORY, &attr);
    call_node(call, number, PORT_FORM_DIRECTORY, &attr);
    if (name != NULL)
        call_cookie(call, cookie, name_encode(name, cookie));
}

static cloudabi_errno_t open_directory(struct net *net, struct call *call, const struct name *name)
{
    if (has_fixed_number(name)) {
        reply_directory(call, tree_fixed_number(name->kind), name);
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
    for (const struct echo *e = net->echoes; e != NULL; e = e->next)
        count++;
    return count < NET_SOCKETS_MAX;
}

static cloudabi_errno_t start_socket(struct net *net, const struct name *name,
                                     cloudabi_rights_t rights, cloudabi_fd_t *fd)
{
    if (!may_wait_for_more(net))
        return CLOUDABI_ENFILE;
    switch (name->kind) {
    case NAME_TCP_LISTEN:
        return listener_start(net, &name->set, rights, fd);
    case NAME_UDP_CONNECT:
        return datagram_connect(net, &name->set, fd);
    case NAME_ICMP_ECHO:
        return echo_start(net, &name->set, fd);
    default:
        return datagram_bind(net, &name->set, fd);
    }
}

static cloudabi_errno_t open_endpoint(struct net *net, struct call *call, const struct name *name,
                                      bool directory)
{
    cloudabi_fd_t fd;
    if (name->kind == NAME_TCP_CONNECT)
        return open_connection(net, call, &name->set, directory);
    if (directory)
        return open_directory(net, call, name);
    cloudabi_errno_t error = start_socket(net, name, call->request.b, &fd);
    if (error == CLOUDABI_EADDRINUSE || error == CLOUDABI_ENFILE) {
        /* By one that was closed before this call, perhaps: the loop hears of that later. */
        listener_reap(net);
        datagram_reap(net);
        error = start_socket(net, name, call->request.b, &fd);
    }
    if (error == 0 && (call->request.fdflags & CLOUDABI_FDFLAG_NONBLOCK) != 0)
        error = local_nonblocking(fd);
    if (error == 0)
        net_give(net, call, (int)fd);
    return error;
}

static void reply_file(struct call *call, uint64_t number)
{
    struct port_attr attr;
    tree_describe(number, tree_type(number), &attr);
    call_node(call, number, PORT_FORM_SYNTHETIC, &attr);
}

static cloudabi_errno_t open_in_connection(struct connection *connection, struct call *call,
                                           bool directory)
{
    int role = tree_connection_role(call->path, call->path_len);
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

static cloudabi_errno_t open_host(struct net *net, struct call *call, const struct name *name)
{
    if (answer_is_local(name->host, name->host_length))
        return answer_local(net, call);
    return resolver_start(net, call, name->host, name->host_length);
}

static bool wants_directory(const struct call *call)
{
    return (call->request.oflags & CLOUDABI_O_DIRECTORY) != 0 ||
           (call->request.flags & PORT_FLAG_MUSTDIR) != 0;
}

/* A name that was found. */
static cloudabi_errno_t open_name(struct net *net, struct call *call, const struct name *name)
{
    if (name->kind == NAME_DNS_HOST)
        return open_host(net, call, name);
    if (name->kind >= NAME_FILES) {
        reply_file(call, tree_fixed_number(name->kind));
        return 0;
    }
    if (name_is_endpoint(name))
        return open_endpoint(net, call, name, wants_directory(call));
    return open_directory(net, call, name);
}

static cloudabi_errno_t tree_open(struct server *server, struct call *call)
{
    struct net *net = tree_net(server);
    struct name name;
    bool directory = wants_directory(call);
    struct connection *connection = tree_connection(net, call->request.node);
    if (connection != NULL)
        return open_in_connection(connection, call, directory);
    cloudabi_errno_t error = tree_resolve(net, call, &name);
    if (error != 0)
        return error;
    if ((call->request.oflags & CLOUDABI_O_EXCL) != 0)
        return CLOUDABI_EEXIST;
    if (directory && !name_is_directory(name.kind))
        return CLOUDABI_ENOTDIR;
    error = open_name(net, call, &name);
    return error == CLOUDABI_ENETUNREACH ? hold_call(net, call, &name, open_name) : error;
}

/* A walk's end is a directory: of an endpoint, the set with only this endpoint in it. */
static cloudabi_errno_t tree_walk(struct server *server, struct call *call)
{
    struct net *net = tree_net(server);
    struct name name;
    struct connection *connection = tree_connection(net, call->request.node);
    if (connection != NULL)
        return open_in_connection(connection, call, true);
    cloudabi_errno_t error = tree_resolve(net, call, &name);
    if (error != 0)
        return error;
    return name_is_directory(name.kind) ? open_directory(net, call, &name) : CLOUDABI_ENOTDIR;
}

static cloudabi_errno_t tree_reopen(struct server *server, struct call *call)
{
    struct name name;
    if (!name_decode(call->data, call->data_len, &name))
        return CLOUDABI_ESTALE;
    return open_directory(tree_net(server), call, &name);
}

static cloudabi_errno_t tree_forget(struct server *server, struct call *call)
{
    struct net *net = tree_net(server);
    uint64_t number = call->request.node;
    uint64_t count = call->request.a;
    struct node *node = tree_node(net, number);
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

static void tree_flush(struct server *server, uint64_t ticket)
{
    connection_flush(server, ticket);
    resolver_flush(tree_net(server), ticket);
    hold_flush(tree_net(server), ticket);
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
    .flush = tree_flush,
    .channel = connection_channel_event,
};
