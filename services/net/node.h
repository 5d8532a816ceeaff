/* SPDX-License-Identifier: BSD-2-Clause */
/* What the nodes of net->nodes have in common. */
#ifndef SERVICES_NET_NODE_H
#define SERVICES_NET_NODE_H

#include <stdint.h>

/* Roles of node numbers in net->nodes. */
enum node_role { NODE_SET, NODE_CONNECTION, NODE_DATA, NODE_CTL, NODE_STATUS, NODE_ANSWER };

/* First member of every object in net->nodes. */
struct node {
    enum node_role role;
    uint64_t number; /* with role 0 */
    uint64_t holders;
};

static inline uint64_t node_number(const struct node *node, enum node_role role)
{
    return node->number | role;
}

#endif
