/* SPDX-License-Identifier: BSD-2-Clause */
#include "ports/lwip/cookie.h"

#include <string.h>

#include "lwip/opt.h"

#include "lwip/ethip6.h"
#include "lwip/etharp.h"
#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "netif/ethernet.h"
#include "ports/lwip/options.h"

/* An answer is good in the slot of time in which it was sent, and in the next one. */
#define SLOT_MILLISECONDS 32000
/* slot: 4 bits, selective acknowledgements: 1, segment size: 3, hash: 24. */
#define HASH_BITS   24
#define CHOICE_BITS 4
#define SACK_CHOICE 8u

static const uint16_t sizes[] = {536, 1220, 1340, 1380, 1400, 1440, 1452, 1460};

static struct {
    bool active;
    uint32_t sequence;
} replay;
static bool ever_sent;
static uint32_t last_sent; /* milliseconds */
static struct eth_addr reply_to;

bool cookie_replayed(uint32_t *sequence)
{
    *sequence = replay.sequence;
    return replay.active;
}

static uint32_t current_slot(void)
{
    return sys_now() / SLOT_MILLISECONDS;
}

/* What the segment HEADER, or the answer to it, would have as its cookie. THEIRS: the peer's first sequence number. */
static uint32_t cookie(const struct tcp_hdr *header, uint32_t theirs, uint32_t slot,
                       unsigned choice)
{
    uint64_t more = (uint64_t)theirs << 32 | (slot & 0xffffff) << CHOICE_BITS | choice;
    uint64_t hash = lwip_port_hash(ip_current_dest_addr(), header->dest, ip_current_src_addr(),
                                   header->src, more);
    return (slot << CHOICE_BITS | choice) << HASH_BITS | (uint32_t)(hash & ((1u << HASH_BITS) - 1));
}

/* The largest size that there is a number for and the peer can take. */
static unsigned size_choice(const struct options *options)
{
    int at = option_find(options, OPTION_SIZE);
    unsigned size = sizes[0];
    if (at >= 0)
        size = (unsigned)option_byte(options, (uint32_t)at + 2) << 8 |
               option_byte(options, (uint32_t)at + 3);
    unsigned choice = sizeof(sizes) / sizeof(sizes[0]) - 1;
    while (choice > 0 && sizes[choice] > size)
        choice--;
    if (option_find(options, OPTION_SACK_ALLOWED) >= 0)
        choice |= SACK_CHOICE;
    return choice;
}

/* A header with the options of a SYN, in network order but for what the caller fills in. */
static struct pbuf *make_syn(uint16_t size, bool sack, struct tcp_hdr **header)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_IP, TCP_HLEN + (sack ? 8 : 4), PBUF_RAM);
    if (pbuf == NULL)
        return NULL;
    *header = pbuf->payload;
    memset(*header, 0, pbuf->len);
    uint8_t *options = (uint8_t *)(*header + 1);
    options[0] = OPTION_SIZE;
    options[1] = 4;
    options[2] = (uint8_t)(size >> 8);
    options[3] = (uint8_t)size;
    if (sack)
        memcpy(options + 4, (uint8_t[]){OPTION_NONE, OPTION_NONE, OPTION_SACK_ALLOWED, 2}, 4);
    return pbuf;
}

/* --- answering -------------------------------------------------------------------------------- */

/* To where the frame came from: a flood must not push the neighbours out of ARP's table. */
static err_t reply_ipv4(struct netif *netif, struct pbuf *pbuf, const ip4_addr_t *unused)
{
    (void)unused;
    return ethernet_output(netif, pbuf, (struct eth_addr *)netif->hwaddr, &reply_to, ETHTYPE_IP);
}

static err_t reply_ipv6(struct netif *netif, struct pbuf *pbuf, const ip6_addr_t *unused)
{
    (void)unused;
    return ethernet_output(netif, pbuf, (struct eth_addr *)netif->hwaddr, &reply_to, ETHTYPE_IPV6);
}

static err_t swallow_ipv4(struct netif *netif, struct pbuf *pbuf, const ip4_addr_t *address)
{
    (void)netif, (void)pbuf, (void)address;
    return ERR_OK;
}

static err_t swallow_ipv6(struct netif *netif, struct pbuf *pbuf, const ip6_addr_t *address)
{
    (void)netif, (void)pbuf, (void)address;
    return ERR_OK;
}

/* True if the segment came in a frame from another machine: *SENDER is who sent it. */
static bool from_wire(struct eth_addr *sender)
{
    struct netif *netif = ip_current_input_netif();
    if ((netif->flags & NETIF_FLAG_ETHERNET) == 0)
        return false;
    const ip_addr_t *source = ip_current_src_addr();
    if (IP_IS_V4(source) ? ip4_addr_cmp(netif_ip4_addr(netif), ip_2_ip4(source))
                         : netif_get_ip6_addr_match(netif, ip_2_ip6(source)) >= 0)
        return false;
    const uint8_t *ip = ip_current_is_v6() ? (const uint8_t *)ip6_current_header()
                                           : (const uint8_t *)ip4_current_header();
    memcpy(sender, ((const struct eth_hdr *)(ip - SIZEOF_ETH_HDR))->src.addr, sizeof(*sender));
    return true;
}

static void answer(const struct tcp_hdr *syn, const struct options *options)
{
    struct netif *netif = ip_current_input_netif();
    unsigned choice = size_choice(options);
    struct tcp_hdr *header;
    if (!from_wire(&reply_to))
        return;
    uint16_t size = tcp_eff_send_mss_netif(TCP_MSS, netif, ip_current_src_addr());
    struct pbuf *pbuf = make_syn(size, (choice & SACK_CHOICE) != 0, &header);
    if (pbuf == NULL)
        return;
    header->src = lwip_htons(syn->dest);
    header->dest = lwip_htons(syn->src);
    header->seqno = lwip_htonl(cookie(syn, syn->seqno, current_slot(), choice));
    header->ackno = lwip_htonl(syn->seqno + 1);
    header->wnd = lwip_htons(TCPWND_MIN16(TCP_WND));
    TCPH_HDRLEN_FLAGS_SET(header, pbuf->len / 4, TCP_SYN | TCP_ACK);
    netif_output_fn output4 = netif->output;
    netif_output_ip6_fn output6 = netif->output_ip6;
    netif->output = reply_ipv4;
    netif->output_ip6 = reply_ipv6;
    ip_output_if(pbuf, ip_current_dest_addr(), ip_current_src_addr(), TCP_TTL, 0, IP_PROTO_TCP,
                 netif);
    netif->output = output4;
    netif->output_ip6 = output6;
    pbuf_free(pbuf);
    ever_sent = true;
    last_sent = sys_now();
}

/* --- showing again ---------------------------------------------------------------------------- */

/* Shows lwIP the SYN that HEADER's cookie is about; what it answers is not sent. */
static void show_syn(const struct tcp_hdr *header, unsigned choice, struct netif *netif)
{
    struct tcp_hdr *syn;
    struct pbuf *pbuf = make_syn(sizes[choice & ~SACK_CHOICE], (choice & SACK_CHOICE) != 0, &syn);
    if (pbuf == NULL)
        return;
    syn->src = lwip_htons(header->src);
    syn->dest = lwip_htons(header->dest);
    syn->seqno = lwip_htonl(header->seqno - 1);
    syn->wnd = lwip_htons(header->wnd);
    TCPH_HDRLEN_FLAGS_SET(syn, pbuf->len / 4, TCP_SYN);
    netif_output_fn output4 = netif->output;
    netif_output_ip6_fn output6 = netif->output_ip6;
    netif->output = swallow_ipv4;
    netif->output_ip6 = swallow_ipv6;
    tcp_input(pbuf, netif);
    netif->output = output4;
    netif->output_ip6 = output6;
}

/* Shows it the acknowledgement, as it came. */
static void show_again(struct tcp_hdr *header, struct pbuf *pbuf, struct netif *netif)
{
    if (pbuf_add_header_force(pbuf, TCPH_HDRLEN_BYTES(header)) != 0)
        return;
    header->src = lwip_htons(header->src);
    header->dest = lwip_htons(header->dest);
    header->seqno = lwip_htonl(header->seqno);
    header->ackno = lwip_htonl(header->ackno);
    header->wnd = lwip_htons(header->wnd);
    pbuf_ref(pbuf);
    tcp_input(pbuf, netif);
}

/* The addresses that lwIP goes by while it takes a segment stay as they are. */
static void admit(struct tcp_hdr *header, unsigned choice, struct pbuf *pbuf)
{
    struct netif *netif = ip_current_input_netif();
    u16_t checks = netif->chksum_flags;
    netif->chksum_flags &= (u16_t)~NETIF_CHECKSUM_CHECK_TCP;
    replay.active = true;
    replay.sequence = header->ackno - 1;
    show_syn(header, choice, netif);
    show_again(header, pbuf, netif);
    replay.active = false;
    netif->chksum_flags = checks;
}

/* Whether there may be answers to answers. */
static bool lately_sent(void)
{
    return ever_sent && sys_now() - last_sent <= 2 * SLOT_MILLISECONDS;
}

/* True if HEADER acknowledges an answer that was sent from here. */
static bool sound(const struct tcp_hdr *header, unsigned *choice)
{
    uint32_t given = header->ackno - 1, slot = current_slot();
    *choice = given >> HASH_BITS & ((1u << CHOICE_BITS) - 1);
    return given == cookie(header, header->seqno - 1, slot, *choice) ||
           given == cookie(header, header->seqno - 1, slot - 1, *choice);
}

err_t cookie_segment(const struct tcp_pcb_listen *listener, struct tcp_hdr *header,
                     const struct options *options, struct pbuf *pbuf)
{
    unsigned choice;
    struct eth_addr sender;
    uint16_t kind = TCPH_FLAGS(header) & (TCP_SYN | TCP_ACK | TCP_RST);
    if (replay
            .active) /* of a replay only the SYN is for the listener; otherwise the backlog is full */
        return kind == TCP_SYN ? ERR_OK : ERR_ABRT;
    if (kind == TCP_SYN && listener->accepts_pending >= listener->backlog / 2 &&
        listener->accepts_pending < listener->backlog && from_wire(&sender)) {
        answer(header, options);
        return ERR_ABRT;
    }
    if (kind != TCP_ACK || options->second != NULL || !lately_sent())
        return ERR_OK;
    if (sound(header, &choice)) {
        admit(header, choice, pbuf);
        return ERR_ABRT;
    }
    /* Data may have overtaken the segment that a connection begins with: no reset, it comes again. */
    return pbuf->tot_len > 0 ? ERR_ABRT : ERR_OK;
}
