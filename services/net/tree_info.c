/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "services/net/answer.h"
#include "services/net/interface.h"
#include "services/net/tree.h"
#include "services/net/tree_priv.h"

struct node *tree_node(struct net *net, uint64_t number)
{
    return tree_is_fixed(number) ? NULL : table_find(&net->nodes, number);
}

struct connection *tree_connection(struct net *net, uint64_t number)
{
    struct node *node = tree_node(net, number);
    return node != NULL && node->role == NODE_CONNECTION ? (struct connection *)node : NULL;
}

cloudabi_errno_t tree_name_of(struct net *net, uint64_t number, struct name *name)
{
    if (tree_is_fixed(number)) {
        *name =
            (struct name){.kind = (enum name_kind)(number - PORT_ROOT_NODE), .set = net_set_all};
        return 0;
    }
    struct node *node = tree_node(net, number);
    if (node == NULL)
        return CLOUDABI_ESTALE;
    if (node->role != NODE_SET)
        return CLOUDABI_ENOTDIR;
    *name = ((struct set_node *)node)->name;
    return 0;
}

cloudabi_errno_t tree_resolve(struct net *net, struct call *call, struct name *name)
{
    struct name from;
    cloudabi_errno_t error = tree_name_of(net, call->request.node, &from);
    if (error != 0)
        return error;
    return name_resolve(&from, call->path, call->path_len, name);
}

int tree_connection_role(const char *path, size_t length)
{
    if (length == 4 && memcmp(path, "data", 4) == 0)
        return NODE_DATA;
    if (length == 3 && memcmp(path, "ctl", 3) == 0)
        return NODE_CTL;
    if (length == 6 && memcmp(path, "status", 6) == 0)
        return NODE_STATUS;
    return length == 0 ? NODE_CONNECTION : -1;
}

void tree_describe(uint64_t number, cloudabi_filetype_t type, struct port_attr *attr)
{
    *attr = (struct port_attr){.ino = number, .nlink = 1, .type = type};
}

/* --- attributes --------------------------------------------------------------------------------- */

static cloudabi_filetype_t endpoint_type(enum name_kind kind)
{
    return kind == NAME_TCP_CONNECT ? CLOUDABI_FILETYPE_SOCKET_STREAM
                                    : CLOUDABI_FILETYPE_SOCKET_DGRAM;
}

/* What is read has an end, so it is a file; what only takes commands is a device. */
static cloudabi_filetype_t kind_type(enum name_kind kind)
{
    if (name_is_directory(kind))
        return CLOUDABI_FILETYPE_DIRECTORY;
    return kind == NAME_IF_CTL ? CLOUDABI_FILETYPE_CHARACTER_DEVICE
                               : CLOUDABI_FILETYPE_REGULAR_FILE;
}

static cloudabi_filetype_t role_type(int role)
{
    switch (role) {
    case NODE_SET:
    case NODE_CONNECTION:
        return CLOUDABI_FILETYPE_DIRECTORY;
    case NODE_DATA:
        return CLOUDABI_FILETYPE_SOCKET_STREAM;
    case NODE_CTL:
        return CLOUDABI_FILETYPE_CHARACTER_DEVICE;
    default:
        return CLOUDABI_FILETYPE_REGULAR_FILE;
    }
}

cloudabi_filetype_t tree_type(uint64_t number)
{
    return tree_is_fixed(number) ? kind_type((enum name_kind)(number - PORT_ROOT_NODE))
                                 : role_type(table_role(number));
}

cloudabi_errno_t tree_stat(struct server *server, struct call *call)
{
    struct net *net = tree_net(server);
    struct port_attr attr;
    struct name name;
    struct connection *connection = tree_connection(net, call->request.node);
    if (connection != NULL) {
        int role = tree_connection_role(call->path, call->path_len);
        if (role < 0)
            return CLOUDABI_ENOENT;
        tree_describe(node_number(&connection->node, (enum node_role)role), role_type(role), &attr);
        call_attr(call, 0, &attr);
        return 0;
    }
    cloudabi_errno_t error = tree_resolve(net, call, &name);
    if (error != 0)
        return error;
    cloudabi_filetype_t type =
        name_is_endpoint(&name) ? endpoint_type(name.kind) : kind_type(name.kind);
    tree_describe(tree_fixed_number(name.kind), type, &attr);
    call_attr(call, 0, &attr);
    return 0;
}

cloudabi_errno_t tree_get_attr(struct server *server, struct call *call)
{
    struct net *net = tree_net(server);
    uint64_t number = call->request.node;
    struct port_attr attr;
    if (!tree_is_fixed(number) && tree_node(net, number) == NULL)
        return CLOUDABI_ESTALE;
    tree_describe(number, tree_type(number), &attr);
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
    struct connection *connection = tree_connection(net, directory);
    if (connection != NULL && index < 3) {
        *number = node_number(&connection->node, NODE_DATA + (enum node_role)index);
        *type = role_type(NODE_DATA + (int)index);
        return files[index];
    }
    if (connection != NULL || tree_name_of(net, directory, &name) != 0 || index >= NAME_KINDS)
        return NULL;
    const char *entry = name_entry(name.kind, (unsigned)index, &kind);
    if (entry != NULL) {
        *number = tree_fixed_number(kind);
        *type = kind_type(kind);
    }
    return entry;
}

cloudabi_errno_t tree_readdir(struct server *server, struct call *call)
{
    struct net *net = tree_net(server);
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

/* The contents of a file at this moment; NULL: the node is none. `text` is room for them. */
static const char *contents(struct net *net, uint64_t number, char text[INTERFACE_TEXT_MAX],
                            size_t *length)
{
    struct node *node = tree_node(net, number);
    *length = 0;
    if (tree_is_fixed(number) && number - PORT_ROOT_NODE >= NAME_FILES) {
        *length = interface_text(net, (enum name_kind)(number - PORT_ROOT_NODE), text);
        return text;
    }
    if (node != NULL && node->role == NODE_CONNECTION && table_role(number) == NODE_STATUS) {
        *length = connection_status((struct connection *)node, text, INTERFACE_TEXT_MAX);
        return text;
    }
    if (node == NULL || node->role != NODE_ANSWER)
        return NULL;
    *length = ((struct answer_node *)node)->length;
    return ((struct answer_node *)node)->text;
}

cloudabi_errno_t tree_read(struct server *server, struct call *call)
{
    char room[INTERFACE_TEXT_MAX];
    size_t length;
    const char *text = contents(tree_net(server), call->request.node, room, &length);
    if (text == NULL)
        return CLOUDABI_EBADF;
    uint64_t offset = call->request.a < length ? call->request.a : length;
    length -= offset;
    if (length > call->request.len)
        length = call->request.len;
    memcpy(call->payload, text + offset, length);
    call_length(call, length);
    return 0;
}

cloudabi_errno_t tree_write(struct server *server, struct call *call)
{
    struct net *net = tree_net(server);
    uint64_t number = call->request.node;
    struct connection *connection = tree_connection(net, number);
    const char *text = (const char *)call->data;
    cloudabi_errno_t error = CLOUDABI_EBADF;
    if (connection != NULL && table_role(number) == NODE_CTL)
        error = connection_control(connection, text, call->data_len);
    else if (number == tree_fixed_number(NAME_IF_CTL))
        error = interface_control(net, text, call->data_len);
    if (error == 0)
        call_length(call, call->data_len);
    return error;
}
