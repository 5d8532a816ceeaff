/* SPDX-License-Identifier: BSD-2-Clause */
/* The files `dns/NAME`: a line "A|AAAA ADDRESS TTL" for each address. */
#ifndef SERVICES_NET_ANSWER_H
#define SERVICES_NET_ANSWER_H

#include "services/net/dns_message.h"
#include "services/net/net.h"
#include "services/net/node.h"

struct answer_node {
    struct node node;
    size_t length;
    char text[];
};

/* Answers an open with the addresses of both kinds. */
cloudabi_errno_t answer_reply(struct net *net, struct call *call, const struct dns_answer *a,
                              const struct dns_answer *aaaa);
/* `localhost` and what is below it are this machine (RFC 6761): no server is asked. */
bool answer_is_local(const char *name, size_t length);
cloudabi_errno_t answer_local(struct net *net, struct call *call);

#endif
