/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Duplicate acknowledgements whose window differs.  Three duplicates are what tells of a lost segment (RFC 5681, 3.2), and
 * lwIP counts one only if it leaves the window as it was.  Linux however opens its window while it keeps what came out of order,
 * so none of its duplicates would count, and every loss would wait for the timer.  Such a segment tells in a
 * selective acknowledgement what it has (RFC 2018): so one with that option is a duplicate whatever its
 * window (RFC 6675, 2), and the window is taken over before lwIP compares.
 */
#include "lwip/opt.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip_hooks.h"
#include "ports/lwip/cookie.h"
#include "ports/lwip/options.h"

static err_t (*admission)(struct tcp_pcb *pcb, uint32_t sequence);

void lwip_port_admission(err_t (*function)(struct tcp_pcb *pcb, uint32_t sequence))
{
    admission = function;
}

err_t lwip_port_segment(struct tcp_pcb *pcb, struct tcp_hdr *header, uint16_t options_len,
                        uint16_t first_len, const uint8_t *second, struct pbuf *pbuf)
{
    const struct options options = {(const uint8_t *)(header + 1), second, first_len, options_len};
    if (pcb->state == LISTEN)
        return cookie_segment((const struct tcp_pcb_listen *)pcb, header, &options, pbuf);
    if (admission != NULL && pbuf->tot_len > 0 && pcb->state >= ESTABLISHED &&
        pcb->state != TIME_WAIT && admission(pcb, header->seqno) != ERR_OK)
        return ERR_MEM;
    if (pcb->state < ESTABLISHED || pcb->state == TIME_WAIT || pcb->unacked == NULL)
        return ERR_OK;
    if (header->ackno == pcb->lastack && option_find(&options, OPTION_SACK) >= 0) {
        pcb->snd_wnd = SND_WND_SCALE(pcb, header->wnd);
        pcb->snd_wl1 = header->seqno;
        pcb->snd_wl2 = header->ackno;
    }
    return ERR_OK;
}
