/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/net/netset.h"

/* "AAAA ", an address, a blank, ten digits, the end of the line. */
#define LINE_MAX_BYTES (5 + NET_SET_TEXT_MAX + 1 + 10 + 2)
#define LOCAL_TTL      86400

static size_t add_lines(char *text, size_t size, const struct dns_answer *answer, uint8_t family)
{
    size_t length = 0;
    for (unsigned i = 0; i < answer->count && size - length >= LINE_MAX_BYTES; i++) {
        struct net_set set = net_set_all;
        char address[NET_SET_TEXT_MAX];
        set.family = family;
        set.bits = family == 4 ? 32 : 128;
        memcpy(set.address, answer->addresses[i].bytes, sizeof(set.address));
        net_set_format(&set, address);
        length +=
            (size_t)snprintf(text + length, size - length, "%s %s %u\n", family == 4 ? "A" : "AAAA",
                             address, (unsigned)answer->addresses[i].ttl);
    }
    return length;
}

static cloudabi_errno_t reply(struct net *net, struct call *call, struct answer_node *answer)
{
    answer->node.role = NODE_ANSWER;
    answer->node.number = table_add(&net->nodes, answer);
    if (answer->node.number == 0) {
        free(answer);
        return CLOUDABI_ENOMEM;
    }
    answer->node.holders = 1;
    struct port_attr attr = {.ino = node_number(&answer->node, NODE_ANSWER),
                             .nlink = 1,
                             .size = answer->length,
                             .type = CLOUDABI_FILETYPE_REGULAR_FILE};
    call_node(call, attr.ino, PORT_FORM_SYNTHETIC, &attr);
    return 0;
}

cloudabi_errno_t answer_reply(struct net *net, struct call *call, const struct dns_answer *a,
                              const struct dns_answer *aaaa)
{
    size_t room = (size_t)(a->count + aaaa->count) * LINE_MAX_BYTES;
    struct answer_node *answer = calloc(1, sizeof(*answer) + room);
    if (answer == NULL)
        return CLOUDABI_ENOMEM;
    answer->length = add_lines(answer->text, room, a, 4);
    answer->length += add_lines(answer->text + answer->length, room - answer->length, aaaa, 6);
    return reply(net, call, answer);
}

bool answer_is_local(const char *name, size_t length)
{
    static const char local[] = "localhost";
    const size_t size = sizeof(local) - 1;
    if (length < size || memcmp(name + length - size, local, size) != 0)
        return false;
    return length == size || name[length - size - 1] == '.';
}

cloudabi_errno_t answer_local(struct net *net, struct call *call)
{
    struct dns_answer a = {.addresses = {{{127, 0, 0, 1}, LOCAL_TTL}}, .count = 1};
    struct dns_answer aaaa = {.addresses = {{{[15] = 1}, LOCAL_TTL}}, .count = 1};
    return answer_reply(net, call, &a, &aaaa);
}
