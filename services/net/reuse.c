/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/reuse.h"

#include <string.h>

#include "lwip/priv/tcp_priv.h"
#include "services/net/frame.h"

static bool address_is(const ip_addr_t *address, uint8_t family, const uint8_t *bytes)
{
    if (family == 4)
        return IP_IS_V4(address) && memcmp(&ip_2_ip4(address)->addr, bytes, 4) == 0;
    return IP_IS_V6(address) && memcmp(ip_2_ip6(address)->addr, bytes, 16) == 0;
}

static bool is_again(const struct tcp_pcb *pcb, const struct frame_syn *syn)
{
    return pcb->remote_port == syn->source_port && pcb->local_port == syn->destination_port &&
           address_is(&pcb->remote_ip, syn->family, syn->source) &&
           address_is(&pcb->local_ip, syn->family, syn->destination) &&
           TCP_SEQ_GT(syn->sequence, pcb->rcv_nxt);
}

void reuse_check(const uint8_t *frame, size_t length)
{
    struct frame_syn syn;
    if (tcp_tw_pcbs == NULL || !frame_find_syn(frame, length, &syn))
        return;
    for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb != NULL; pcb = pcb->next) {
        if (is_again(pcb, &syn)) {
            tcp_abort(pcb); /* in this state nothing is sent */
            return;
        }
    }
}
