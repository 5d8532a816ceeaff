/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Node numbers: 1 + kind for the fixed directories and files; else an object of net->nodes (a set that
 * was narrowed, a connection, an answer) with a role. Fixed nodes live for ever, objects while the kernel
 * holds references, which are counted here and given back by FORGET.
 */
#ifndef SERVICES_NET_TREE_PRIV_H
#define SERVICES_NET_TREE_PRIV_H

#include "services/net/connection.h"
#include "services/net/name.h"
#include "services/net/net.h"

/* A directory for a narrowed set. */
struct set_node {
    struct node node;
    struct name name;
};

static inline struct net *tree_net(struct server *server)
{
    return server->context;
}

static inline uint64_t tree_fixed_number(enum name_kind kind)
{
    return PORT_ROOT_NODE + kind;
}

static inline bool tree_is_fixed(uint64_t number)
{
    return number >= PORT_ROOT_NODE && number < PORT_ROOT_NODE + NAME_KINDS;
}

/* The object behind a number; NULL if there is none. */
struct node *tree_node(struct net *net, uint64_t number);
struct connection *tree_connection(struct net *net, uint64_t number);
/* The name that a directory's node stands for. ESTALE: no such node. ENOTDIR: it has no name. */
cloudabi_errno_t tree_name_of(struct net *net, uint64_t number, struct name *name);
/* The name that a request's path leads to. */
cloudabi_errno_t tree_resolve(struct net *net, struct call *call, struct name *name);
/* Names in a connection's directory; -1: none. */
int tree_connection_role(const char *path, size_t length);
cloudabi_filetype_t tree_type(uint64_t number);
void tree_describe(uint64_t number, cloudabi_filetype_t type, struct port_attr *attr);

/* tree_info.c: what is asked about names and nodes that exist. */
call_function tree_stat, tree_get_attr, tree_readdir, tree_read, tree_write;

#endif
