/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/hold.h"

#include <stdlib.h>
#include <string.h>

#include "services/net/dns_message.h"

struct held {
    struct held *next;
    struct port_request request;
    struct name name;
    char host[DNS_NAME_MAX];
    hold_function *open;
};

cloudabi_errno_t hold_call(struct net *net, const struct call *call, const struct name *name,
                           hold_function *open)
{
    if (!config_is_pending(net) || (call->request.fdflags & CLOUDABI_FDFLAG_NONBLOCK) != 0 ||
        name->host_length > DNS_NAME_MAX)
        return CLOUDABI_ENETUNREACH;
    struct held *held = calloc(1, sizeof(*held));
    if (held == NULL)
        return CLOUDABI_ENETUNREACH;
    *held = (struct held){.request = call->request, .name = *name, .open = open};
    if (name->host_length > 0) {
        memcpy(held->host, name->host, name->host_length);
        held->name.host = held->host;
    }
    struct held **end = &net->held;
    while (*end != NULL)
        end = &(*end)->next;
    *end = held;
    return CALL_DEFERRED;
}

void hold_run(struct net *net)
{
    if (net->held == NULL || config_is_pending(net))
        return;
    struct held *list = net->held;
    net->held = NULL;
    while (list != NULL) {
        struct held *held = list;
        struct call call;
        list = held->next;
        call_resume(&net->server, held->request.tag, &call);
        call.request = held->request;
        cloudabi_errno_t error = held->open(net, &call, &held->name);
        if (error != CALL_DEFERRED)
            call_finish(&call, error);
        free(held);
    }
}

void hold_flush(struct net *net, uint64_t ticket)
{
    struct held **link = &net->held;
    struct call call;
    while (*link != NULL && (*link)->request.tag != ticket)
        link = &(*link)->next;
    struct held *held = *link;
    if (held == NULL)
        return;
    *link = held->next;
    free(held);
    call_resume(&net->server, ticket, &call);
    call_finish(&call, CLOUDABI_EINTR);
}
