/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tmpfs against a model of what a tree of names is. Each three bytes of the input are an operation; both must agree
 * whether it succeeds, what is found under each name, link counts of files, and which inodes are left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/tmpfs/ops.h"
#include "tests/host/fake_port.h"

#define NODES     40
#define NAMES     5
#define NONE      (-1)
#define DIRECTORY CLOUDABI_FILETYPE_DIRECTORY
#define FILE_TYPE CLOUDABI_FILETYPE_REGULAR_FILE
#define LINK_TYPE CLOUDABI_FILETYPE_SYMBOLIC_LINK

struct node {
    bool live;
    cloudabi_filetype_t type;
    unsigned names, references;
    uint64_t id; /* 0: not seen yet */
    int parent;  /* directory */
    int child[NAMES];
};

static const char *const name_of[NAMES] = {"a", "b", "long", "a name", "..."};
static struct node node[NODES];
static struct fake_port port;
static struct tree tree;

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: " #condition "\n", __FILE__, __LINE__); \
            abort();                                                        \
        }                                                                   \
    } while (0)

/* --- the model -------------------------------------------------------------------------------- */

static int node_new(cloudabi_filetype_t type, int parent)
{
    for (int i = 1; i < NODES; i++) {
        if (node[i].live)
            continue;
        node[i] = (struct node){.live = true, .type = type, .names = 1, .parent = parent};
        for (int j = 0; j < NAMES; j++)
            node[i].child[j] = NONE;
        return i;
    }
    return NONE;
}

static bool is_empty(const struct node *directory)
{
    for (int i = 0; i < NAMES; i++)
        if (directory->child[i] != NONE)
            return false;
    return true;
}

static void settle(int i)
{
    if (i != 0 && node[i].names == 0 && node[i].references == 0)
        node[i].live = false;
}

static bool is_below(int directory, int ancestor)
{
    while (directory != ancestor && directory != 0)
        directory = node[directory].parent;
    return directory == ancestor;
}

/* --- requests --------------------------------------------------------------------------------- */

static bool ask(struct port_request request, const char *path, const char *more)
{
    static uint64_t now = 1000;
    request.time = ++now;
    port.commands_count = 0;
    return fake_port_call(&port, &request, path, more, strlen(more)) == 0;
}

/* The node that was answered is I. */
static void saw(int i)
{
    CHECK(port.reply.kind == PORT_REPLY_NODE);
    CHECK(node[i].id == 0 || node[i].id == port.reply.node);
    node[i].id = port.reply.node;
    node[i].references += i != 0;
}

static void forget(int i, unsigned count)
{
    if (i == 0 || node[i].references < count || count == 0)
        return;
    CHECK(ask((struct port_request){.op = PORT_FORGET, .node = node[i].id, .a = count}, "", ""));
    node[i].references -= count;
    bool revoked = node[i].references == 0 && node[i].names == 0 && node[i].type == FILE_TYPE;
    CHECK(port.commands_count == revoked);
    settle(i);
}

/* D has no name any more, or is one that the test does not hold: then there is nothing to ask. */
static bool can_ask(int d)
{
    return node[d].live && node[d].type == DIRECTORY && (d == 0 || node[d].references > 0);
}

static void make(enum port_op op, int d, int name)
{
    cloudabi_filetype_t type = op == PORT_MKDIR     ? DIRECTORY
                               : op == PORT_SYMLINK ? LINK_TYPE
                                                    : FILE_TYPE;
    int found = node[d].child[name];
    struct port_request request = {.op = op, .node = node[d].id, .oflags = CLOUDABI_O_CREAT};
    bool may = found == NONE && node[d].names != 0;
    if (op == PORT_OPEN && found != NONE)
        may = node[found].type == FILE_TYPE;
    int fresh = found == NONE && may ? node_new(type, d) : NONE;
    if (found == NONE && may && fresh == NONE)
        return; /* the model is full */
    CHECK(ask(request, name_of[name], op == PORT_SYMLINK ? "target" : "") == may);
    if (fresh != NONE)
        node[d].child[name] = fresh;
    if (may && op == PORT_OPEN)
        saw(node[d].child[name]);
}

static void walk(int d, int name)
{
    int found = node[d].child[name];
    struct port_request request = {.op = PORT_WALK, .node = node[d].id};
    bool link = found != NONE && node[found].type == LINK_TYPE;
    bool may = found != NONE && node[found].type == DIRECTORY;
    CHECK(ask(request, name_of[name], "") == (may || link));
    CHECK(!link || port.reply.kind == PORT_REPLY_LINK);
    if (may)
        saw(found);
}

static void drop_name(int i)
{
    node[i].names--;
    bool revoked = node[i].names == 0 && node[i].references == 0 && node[i].type == FILE_TYPE;
    CHECK(port.commands_count == revoked);
    settle(i);
}

static void unlink_name(int d, int name, bool directory)
{
    int found = node[d].child[name];
    struct port_request request = {.op = PORT_UNLINK, .node = node[d].id, .a = directory};
    bool may = found != NONE && (node[found].type == DIRECTORY) == directory;
    if (may && directory)
        may = is_empty(&node[found]);
    CHECK(ask(request, name_of[name], "") == may);
    if (!may)
        return;
    node[d].child[name] = NONE;
    drop_name(found);
}

static void link_name(int d, int name, int d2, int name2)
{
    int found = node[d].child[name];
    struct port_request request = {.op = PORT_LINK, .node = node[d].id, .node2 = node[d2].id};
    bool may = found != NONE && node[found].type != DIRECTORY && node[d2].names != 0 &&
               node[d2].child[name2] == NONE;
    CHECK(ask(request, name_of[name], name_of[name2]) == may);
    if (!may)
        return;
    node[d2].child[name2] = found;
    node[found].names++;
}

static bool may_rename(int moved, int d2, int replaced)
{
    if (moved == NONE || node[d2].names == 0)
        return false;
    bool directory = node[moved].type == DIRECTORY;
    if (directory && is_below(d2, moved))
        return false;
    if (replaced == NONE || replaced == moved)
        return true;
    if (directory != (node[replaced].type == DIRECTORY))
        return false;
    return !directory || is_empty(&node[replaced]);
}

static void rename_name(int d, int name, int d2, int name2)
{
    int moved = node[d].child[name], replaced = node[d2].child[name2];
    struct port_request request = {.op = PORT_RENAME, .node = node[d].id, .node2 = node[d2].id};
    bool may = may_rename(moved, d2, replaced);
    CHECK(ask(request, name_of[name], name_of[name2]) == may);
    if (!may || moved == replaced)
        return;
    node[d].child[name] = NONE;
    node[d2].child[name2] = moved;
    if (node[moved].type == DIRECTORY)
        node[moved].parent = d2;
    if (replaced != NONE)
        drop_name(replaced);
}

/* --- comparison ------------------------------------------------------------------------------- */

static void compare_names(int d)
{
    for (int i = 0; i < NAMES; i++) {
        int found = node[d].child[i];
        struct port_request request = {.op = PORT_STAT, .node = node[d].id};
        CHECK(ask(request, name_of[i], "") == (found != NONE));
        if (found == NONE)
            continue;
        CHECK(port.reply.attr.type == node[found].type);
        CHECK(node[found].type == DIRECTORY || port.reply.attr.nlink == node[found].names);
        CHECK(node[found].id == 0 || port.reply.attr.ino == node[found].id);
        node[found].id = port.reply.attr.ino;
    }
}

static void compare_listing(int d)
{
    struct port_request request = {.op = PORT_READDIR, .node = node[d].id, .len = PORT_PAYLOAD};
    unsigned expected = 2, seen = 0;
    for (int i = 0; i < NAMES; i++)
        expected += node[d].child[i] != NONE;
    CHECK(ask(request, "", "") && (port.reply.flags & PORT_REPLY_END) != 0);
    for (size_t at = 0; at < port.reply.len; seen++) {
        cloudabi_dirent_t entry;
        memcpy(&entry, port.payload + at, sizeof(entry));
        at += sizeof(entry) + entry.d_namlen;
    }
    CHECK(seen == expected);
}

static void compare(void)
{
    unsigned live = 0;
    for (int i = 0; i < NODES; i++) {
        live += node[i].live;
        if (can_ask(i)) {
            compare_names(i);
            compare_listing(i);
        }
    }
    CHECK(live == tree.count);
}

static void step(const uint8_t *input)
{
    int d = input[1] % NODES, d2 = input[2] % NODES;
    int name = input[1] / NODES % NAMES, name2 = input[2] / NODES % NAMES;
    if (input[0] % 11 == 10) {
        if (node[d].live)
            forget(d, 1 + input[2] % 3);
        return;
    }
    if (!can_ask(d)) /* so that short inputs do something */
        d = 0;
    if (!can_ask(d2))
        d2 = 0;
    switch (input[0] % 11) {
    case 0:
        make(PORT_MKDIR, d, name);
        break;
    case 1:
    case 2:
        make(PORT_OPEN, d, name);
        break;
    case 3:
        make(PORT_SYMLINK, d, name);
        break;
    case 4:
    case 5:
        walk(d, name);
        break;
    case 6:
        unlink_name(d, name, (input[0] & 16) != 0);
        break;
    case 7:
        link_name(d, name, d2, name2);
        break;
    case 8:
        rename_name(d, name, d2, name2);
        break;
    default:
        compare();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t left)
{
    if (!tree_init(&tree, 77, 1000))
        abort();
    fake_port_start(&port, &tmpfs_ops, &tree);
    memset(node, 0, sizeof(node));
    node[0] = (struct node){.live = true, .type = DIRECTORY, .names = 1, .id = PORT_ROOT_NODE};
    for (int j = 0; j < NAMES; j++)
        node[0].child[j] = NONE;
    for (; left >= 3; input += 3, left -= 3)
        step(input);
    compare();
    fake_port_stop(&port);
    tree_free(&tree);
    return 0;
}
