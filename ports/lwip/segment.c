/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Duplicate acknowledgements whose window differs.  Three duplicates are what tells of a lost segment (RFC 5681, 3.2), and
 * lwIP counts one only if it leaves the window as it was.  Linux however opens its window while it keeps what came out of order,
 * so none of its duplicates would count, and every loss would wait for the timer.  Such a segment tells in a
 * selective acknowledgement what it has (RFC 2018): so one with that option is a duplicate whatever its
 * window (RFC 6675, 2), and the window is taken over before lwIP compares.
 */
#include <stdbool.h>

#include "lwip/opt.h"

#include "lwip/priv/tcp_priv.h"

#define OPTION_END  0
#define OPTION_NONE 1
#define OPTION_SACK 5

struct options {
    const uint8_t *first, *second;
    uint16_t first_len, len;
};

static uint8_t option_byte(const struct options *options, uint16_t at)
{
    if (at < options->first_len)
        return options->first[at];
    return options->second != NULL ? options->second[at - options->first_len] : OPTION_END;
}

static bool has_sack(const struct options *options)
{
    for (uint16_t at = 0; at < options->len;) {
        uint8_t kind = option_byte(options, at);
        if (kind == OPTION_SACK)
            return true;
        if (kind == OPTION_END)
            return false;
        if (kind == OPTION_NONE) {
            at++;
            continue;
        }
        uint8_t len = at + 1 < options->len ? option_byte(options, (uint16_t)(at + 1)) : 0;
        if (len < 2)
            return false;
        at = (uint16_t)(at + len);
    }
    return false;
}

err_t lwip_port_segment(struct tcp_pcb *pcb, const struct tcp_hdr *header, uint16_t options_len,
                        uint16_t first_len, const uint8_t *second)
{
    const struct options options = {(const uint8_t *)(header + 1), second, first_len, options_len};
    if (pcb->state < ESTABLISHED || pcb->state == TIME_WAIT || pcb->unacked == NULL)
        return ERR_OK;
    if (header->ackno == pcb->lastack && has_sack(&options)) {
        pcb->snd_wnd = SND_WND_SCALE(pcb, header->wnd);
        pcb->snd_wl1 = header->seqno;
        pcb->snd_wl2 = header->ackno;
    }
    return ERR_OK;
}
