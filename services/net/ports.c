/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/ports.h"

#include <stdbool.h>
#include <string.h>

#include "arch/cc.h"
#include "lwip/priv/tcp_priv.h"

/* Ports that are tried before all are looked at: one is enough while most are free. */
#define GUESSES 4

static uint64_t taken[65536 / 64];

static bool is_taken(unsigned port)
{
    return (taken[port / 64] >> port % 64 & 1) != 0;
}

static void take(unsigned port)
{ /* 0 stands for none */
    taken[port / 64] |= 1ull << port % 64;
}

/* The local port that a connection to PEER can not have because of this one, or 0: it has the same peer, or is the
 * peer's end of one from this machine to itself. */
static unsigned port_of(const struct tcp_pcb *pcb, const struct endpoint *peer)
{
    if (pcb->remote_port == peer->port && ip_addr_cmp(&pcb->remote_ip, &peer->address))
        return pcb->local_port;
    if (pcb->local_port == peer->port && ip_addr_cmp(&pcb->local_ip, &peer->address))
        return pcb->remote_port;
    return 0;
}

/* What can not be had back: all but TIME_WAIT. */
static void take_used(const struct endpoint *peer, unsigned low, unsigned high)
{
    memset(&taken[low / 64], 0, (high / 64 - low / 64 + 1) * sizeof(taken[0]));
    for (const struct tcp_pcb *pcb = tcp_bound_pcbs; pcb != NULL; pcb = pcb->next)
        take(pcb->local_port);
    for (const struct tcp_pcb_listen *pcb = tcp_listen_pcbs.listen_pcbs; pcb != NULL;
         pcb = pcb->next)
        take(pcb->local_port);
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        take(port_of(pcb, peer));
}

/* Takes what TIME_WAIT keeps; the port of those that has been kept longest, or 0. */
static unsigned take_waiting(const struct endpoint *peer, unsigned low, unsigned high)
{
    unsigned oldest = 0;
    uint32_t age = 0;
    for (const struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
        unsigned port = port_of(pcb, peer);
        if (port < low || port > high || is_taken(port))
            continue;
        take(port);
        if (oldest == 0 || tcp_ticks - pcb->tmr >= age) {
            oldest = port;
            age = tcp_ticks - pcb->tmr;
        }
    }
    return oldest;
}

/* In TIME_WAIT an abort sends nothing. */
static void give_up_waiting(const struct endpoint *peer, unsigned port)
{
    struct tcp_pcb *next;
    for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = next) {
        next = pcb->next;
        if (port_of(pcb, peer) == port)
            tcp_abort(pcb);
    }
}

static bool keeps(const struct tcp_pcb *pcb, const struct endpoint *peer, unsigned port)
{
    return (pcb->local_port == port || pcb->remote_port == port) && port_of(pcb, peer) == port;
}

/* Is there anything that keeps a connection to PEER from this port? */
static bool is_used(const struct endpoint *peer, unsigned port)
{
    for (const struct tcp_pcb *pcb = tcp_bound_pcbs; pcb != NULL; pcb = pcb->next)
        if (pcb->local_port == port)
            return true;
    for (const struct tcp_pcb_listen *pcb = tcp_listen_pcbs.listen_pcbs; pcb != NULL;
         pcb = pcb->next)
        if (pcb->local_port == port)
            return true;
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        if (keeps(pcb, peer, port))
            return true;
    for (const struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next)
        if (keeps(pcb, peer, port))
            return true;
    return false;
}

/* From the account of all ports; 0: none can be had. */
static uint16_t choose_of_few(const struct endpoint *peer, unsigned low, unsigned high)
{
    unsigned count = high - low + 1;
    unsigned first = lwip_port_random() % count;
    take_used(peer, low, high);
    unsigned oldest = take_waiting(peer, low, high);
    for (unsigned i = 0; i < count; i++) {
        unsigned port = low + (first + i) % count;
        if (!is_taken(port))
            return (uint16_t)port;
    }
    if (oldest != 0)
        give_up_waiting(peer, oldest);
    return (uint16_t)oldest;
}

uint16_t ports_choose(const struct endpoint *peer, uint16_t low, uint16_t high)
{
    unsigned count = (unsigned)high - low + 1;
    for (unsigned i = 0; i < GUESSES; i++) {
        unsigned port = low + lwip_port_random() % count;
        if (!is_used(peer, port))
            return (uint16_t)port;
    }
    return choose_of_few(peer, low, high);
}

/* The list begins with the youngest. */
void ports_trim(void)
{
    unsigned count = 0;
    struct tcp_pcb *pcb = tcp_tw_pcbs;
    while (pcb != NULL) {
        struct tcp_pcb *next = pcb->next;
        if (++count > PORTS_WAITING_MAX)
            tcp_abort(pcb);
        pcb = next;
    }
}
