/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/resolver.h"

#include <stdlib.h>
#include <string.h>

#include "arch/cc.h"
#include "lwip/timeouts.h"
#include "services/net/answer.h"
#include "services/net/config.h"

#define ATTEMPTS 4
/* Milliseconds for one attempt, times its number. */
#define PATIENCE 1000
/* For the other kind of address, once one is known. */
#define COURTESY      1000
#define ALIASES_MAX   8
#define UDP_MAX       1536
#define PORT_FIRST    49152u
#define PORT_COUNT    16384u
#define PORT_ATTEMPTS 16

static void on_time(void *argument)
{
    struct lookup *lookup = argument;
    lookup->expired = lookup->changed = true;
}

static void set_timer(struct lookup *lookup, uint32_t milliseconds)
{
    sys_untimeout(on_time, lookup);
    sys_timeout(milliseconds, on_time, lookup);
}

static bool any_found(const struct lookup *lookup)
{
    return lookup->asks[0].verdict == DNS_FOUND || lookup->asks[1].verdict == DNS_FOUND;
}

/* --- asking ------------------------------------------------------------------------------------- */

static void send_question(struct ask *ask)
{
    uint8_t message[DNS_QUERY_MAX];
    struct udp_pcb *pcb = ask->lookup->pcb;
    ask->question.id = (uint16_t)lwip_port_random();
    ask->state = ASK_OPEN;
    size_t length = dns_query(&ask->question, message);
    struct pbuf *pbuf = pbuf_alloc(PBUF_TRANSPORT, (u16_t)length, PBUF_RAM);
    if (pcb == NULL || pbuf == NULL) {
        ask->state = ASK_FAILED;
    } else {
        (void)pbuf_take(pbuf, message, (u16_t)length);
        if (udp_send(pcb, pbuf) != ERR_OK)
            ask->state = ASK_FAILED;
    }
    if (pbuf != NULL)
        pbuf_free(pbuf);
}

/* An alias without its addresses: the question is put again with the other name. */
static void ask_alias(struct ask *ask)
{
    if (++ask->aliases > ALIASES_MAX) {
        ask->state = ASK_FAILED;
        return;
    }
    memcpy(ask->question.name, ask->answer.alias, sizeof(ask->question.name));
    /* A limit of none is written as zero. */
    ask->question.ttl_limit = ask->answer.alias_ttl != 0 ? ask->answer.alias_ttl : 1;
    send_question(ask);
}

static void settle(struct ask *ask, enum dns_verdict verdict)
{
    ask->state = ASK_SETTLED;
    ask->verdict = verdict;
    if (verdict == DNS_FOUND)
        set_timer(ask->lookup, COURTESY);
}

void resolver_take(struct ask *ask, const uint8_t *message, size_t length)
{
    enum dns_verdict verdict = dns_parse(&ask->question, message, length, &ask->answer);
    if (verdict == DNS_FOREIGN)
        return;
    ask->lookup->changed = true;
    if (verdict == DNS_FOUND || verdict == DNS_NO_DATA || verdict == DNS_NO_NAME)
        settle(ask, verdict);
    else if (verdict == DNS_ALIAS)
        ask_alias(ask);
    else if (verdict == DNS_TRUNCATED && ask->state == ASK_OPEN)
        resolver_tcp_start(ask);
    else
        ask->state = ASK_FAILED;
}

static void on_received(void *argument, struct udp_pcb *pcb, struct pbuf *pbuf,
                        const ip_addr_t *address, u16_t port)
{
    struct lookup *lookup = argument;
    uint8_t message[UDP_MAX];
    (void)pcb, (void)address, (void)port; /* lwIP has compared them */
    size_t length = pbuf_copy_partial(pbuf, message, sizeof(message), 0);
    pbuf_free(pbuf);
    for (unsigned i = 0; i < LOOKUP_ASKS; i++) {
        if (lookup->asks[i].state == ASK_OPEN)
            resolver_take(&lookup->asks[i], message, length);
    }
}

/* A socket on a port that nobody can guess, for this server only. */
static struct udp_pcb *open_socket(struct lookup *lookup)
{
    struct udp_pcb *pcb = udp_new_ip_type(IP_GET_TYPE(&lookup->server.address));
    err_t error = ERR_USE;
    if (pcb == NULL)
        return NULL;
    for (unsigned i = 0; i < PORT_ATTEMPTS && error == ERR_USE; i++)
        error = udp_bind(pcb, IP46_ADDR_ANY(IP_GET_TYPE(&lookup->server.address)),
                         (u16_t)(PORT_FIRST + lwip_port_random() % PORT_COUNT));
    if (error == ERR_OK)
        error = udp_connect(pcb, &lookup->server.address, lookup->server.port);
    if (error != ERR_OK) {
        udp_remove(pcb);
        return NULL;
    }
    udp_recv(pcb, on_received, lookup);
    return pcb;
}

static void stop_asking(struct lookup *lookup)
{
    for (unsigned i = 0; i < LOOKUP_ASKS; i++)
        resolver_tcp_stop(&lookup->asks[i]);
    if (lookup->pcb != NULL)
        udp_remove(lookup->pcb);
    lookup->pcb = NULL;
}

static void attempt(struct lookup *lookup)
{
    stop_asking(lookup);
    lookup->expired = false;
    set_timer(lookup, ++lookup->attempt * PATIENCE);
    if (config_name_server(&lookup->net->config, lookup->attempt - 1, &lookup->server))
        lookup->pcb = open_socket(lookup);
    for (unsigned i = 0; i < LOOKUP_ASKS; i++) {
        if (lookup->asks[i].state != ASK_SETTLED)
            send_question(&lookup->asks[i]);
    }
}

/* --- the life of a lookup ----------------------------------------------------------------------- */

cloudabi_errno_t resolver_start(struct net *net, struct call *call, const char *name, size_t length)
{
    static const enum dns_type types[LOOKUP_ASKS] = {DNS_TYPE_A, DNS_TYPE_AAAA};
    struct endpoint server;
    if (!config_name_server(&net->config, 0, &server))
        return CLOUDABI_ENETUNREACH;
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL)
        return CLOUDABI_ENOMEM;
    lookup->net = net;
    lookup->ticket = call->request.tag;
    for (unsigned i = 0; i < LOOKUP_ASKS; i++) {
        struct ask *ask = &lookup->asks[i];
        ask->lookup = lookup;
        ask->question.type = types[i];
        memcpy(ask->question.name, name, length);
    }
    lookup->next = net->lookups;
    net->lookups = lookup;
    attempt(lookup);
    return CALL_DEFERRED;
}

static void finish(struct lookup *lookup, cloudabi_errno_t error)
{
    struct lookup **link = &lookup->net->lookups;
    struct call call;
    while (*link != lookup)
        link = &(*link)->next;
    *link = lookup->next;
    call_resume(&lookup->net->server, lookup->ticket, &call);
    if (error == 0)
        error = answer_reply(lookup->net, &call, &lookup->asks[0].answer, &lookup->asks[1].answer);
    call_finish(&call, error);
    sys_untimeout(on_time, lookup);
    stop_asking(lookup);
    free(lookup);
}

/* An unsettled question has nothing in its answer. */
static void drop_unsettled(struct lookup *lookup)
{
    for (unsigned i = 0; i < LOOKUP_ASKS; i++) {
        if (lookup->asks[i].verdict != DNS_FOUND)
            lookup->asks[i].answer.count = 0;
    }
}

static bool waits(const struct ask *ask)
{
    return ask->state == ASK_OPEN || ask->state == ASK_STREAM;
}

static void look_at(struct lookup *lookup)
{
    const struct ask *a = &lookup->asks[0], *b = &lookup->asks[1];
    bool settled = a->state == ASK_SETTLED && b->state == ASK_SETTLED;
    bool no_name = a->verdict == DNS_NO_NAME || b->verdict == DNS_NO_NAME;
    lookup->changed = false;
    if (settled || no_name ||
        (any_found(lookup) && (lookup->expired || (!waits(a) && !waits(b))))) {
        drop_unsettled(lookup);
        finish(lookup, any_found(lookup) ? 0 : CLOUDABI_ENOENT);
    } else if (!lookup->expired && (waits(a) || waits(b))) {
        return;
    } else if (lookup->attempt < ATTEMPTS) {
        attempt(lookup);
    } else {
        finish(lookup, lookup->expired ? CLOUDABI_ETIMEDOUT : CLOUDABI_EIO);
    }
}

void resolver_run(struct net *net)
{
    struct lookup *next;
    for (struct lookup *lookup = net->lookups; lookup != NULL; lookup = next) {
        next = lookup->next;
        if (lookup->changed)
            look_at(lookup);
    }
}

void resolver_flush(struct net *net, uint64_t ticket)
{
    struct lookup *lookup = net->lookups;
    while (lookup != NULL && lookup->ticket != ticket)
        lookup = lookup->next;
    if (lookup != NULL)
        finish(lookup, CLOUDABI_EINTR);
}
