/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/card.h"

#include <errno.h>
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/priv/tcp_priv.h"
#include "netif/ethernet.h"
#include "services/net/frame.h"
#include "services/net/reuse.h"

#define FRAME_MIN 60
/* Frames handled before other work gets its turn. */
#define POLL_BUDGET 64

static void buffer_free(struct pbuf *pbuf)
{
    struct card_buffer *buffer = (struct card_buffer *)pbuf;
    virtio_net_recycle(&buffer->card->device, buffer->index);
}

static struct pbuf *frame_copied(struct card *card, const struct virtio_net_frame *frame)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, (u16_t)frame->length, PBUF_RAM);
    if (pbuf != NULL) {
        memcpy(pbuf->payload, frame->data, frame->length);
        card->stats.received_copied++;
    }
    virtio_net_recycle(&card->device, frame->index);
    return pbuf;
}

static struct pbuf *frame_in_place(struct card *card, const struct virtio_net_frame *frame)
{
    struct card_buffer *buffer = &card->buffers[frame->index];
    buffer->pbuf.custom_free_function = buffer_free;
    buffer->card = card;
    buffer->index = frame->index;
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)frame->length, PBUF_REF, &buffer->pbuf, frame->data,
                               (u16_t)frame->length);
}

/* Ethernet has no shorter frames, and lwIP relies on that; a virtual card delivers them unpadded. */
static void pad(struct virtio_net_frame *frame)
{
    if (frame->length >= FRAME_MIN)
        return;
    memset(frame->data + frame->length, 0, FRAME_MIN - frame->length);
    frame->length = FRAME_MIN;
}

static void receive(struct card *card, struct virtio_net_frame *frame)
{
    pad(frame);
    reuse_check(frame->data, frame->length);
    bool scarce = virtio_net_receive_room(&card->device) < card->device.receive_pool.count / 2;
    struct pbuf *pbuf = scarce ? frame_copied(card, frame) : frame_in_place(card, frame);
    card->stats.received++;
    card->stats.received_bytes += frame->length;
    if (pbuf == NULL) {
        card->stats.received_dropped++;
        return;
    }
    u16_t checks = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
    if (frame->checksum_good)
        card->netif.chksum_flags &= (u16_t)~checks;
    else
        card->netif.chksum_flags |= checks;
    if (card->netif.input(pbuf, &card->netif) != ERR_OK)
        pbuf_free(pbuf);
}

static void fail(struct card *card)
{
    if (!card->failed) {
        card->failed = true;
        virtio_net_close(&card->device);
        netif_set_link_down(&card->netif);
    }
}

/* lwIP's linkoutput. */
static err_t send_frame(struct netif *netif, struct pbuf *pbuf)
{
    struct card *card = netif->state;
    uint8_t *data;
    uint16_t index;
    if (pbuf->tot_len > VIRTIO_NET_FRAME_MAX)
        return ERR_BUF;
    int error = virtio_net_prepare(&card->device, &data, &index);
    if (error != 0) {
        card->stalled = true;
        card->stats.send_stalled++;
        return error == EAGAIN ? ERR_MEM : ERR_IF;
    }
    uint32_t length = pbuf_copy_partial(pbuf, data, pbuf->tot_len, 0);
    struct frame_checksum tcp = frame_finish_tcp(data, length, card->device.checksum_offload);
    struct virtio_net_checksum checksum = {0};
    if (card->device.checksum_offload)
        checksum = (struct virtio_net_checksum){tcp.start, tcp.offset};
    if (length < FRAME_MIN) {
        memset(data + length, 0, FRAME_MIN - length);
        length = FRAME_MIN;
    }
    card->stats.sent++;
    card->stats.sent_bytes += length;
    return virtio_net_send(&card->device, index, length, checksum) == 0 ? ERR_OK : ERR_IF;
}

static err_t netif_setup(struct netif *netif)
{
    struct card *card = netif->state;
    netif->name[0] = 'e';
    netif->name[1] = 't';
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send_frame;
    netif->mtu = card->device.mtu;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, card->device.mac, ETH_HWADDR_LEN);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_ENABLE_ALL & ~NETIF_CHECKSUM_GEN_TCP);
    return ERR_OK;
}

int card_open(struct card *card, struct pci_function *function, const char *hostname)
{
    /* The first interrupt serves both queues; opening it lets the kernel choose MSI-X or INTx. */
    int error = function->ops->irq_open(function->context, 0, &card->irq);
    if (error != 0)
        return error;
    error = virtio_net_open(&card->device, function, CARD_BUFFERS);
    if (error != 0)
        return error;
    if (netif_add_noaddr(&card->netif, card, netif_setup, ethernet_input) == NULL)
        return ENOMEM;
    card->present = true;
    netif_set_hostname(&card->netif, hostname);
    netif_set_default(&card->netif);
    netif_set_up(&card->netif);
    card_check_link(card);
    netif_create_ip6_linklocal_address(&card->netif, 1);
    netif_set_ip6_autoconfig_enabled(&card->netif, 1);
    return 0;
}

void card_check_link(struct card *card)
{
    if (!card->present || card->failed)
        return;
    if (virtio_net_link(&card->device))
        netif_set_link_up(&card->netif);
    else
        netif_set_link_down(&card->netif);
}

/* Frames that found no buffer are TCP's to send again; other protocols lose them. */
static void resume_sending(struct card *card)
{
    if (!card->stalled || virtio_net_reap(&card->device) != 0 ||
        card->device.transmit_pool.free_count == 0)
        return;
    card->stalled = false;
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL && !card->stalled; pcb = pcb->next)
        tcp_output(pcb);
}

/* What is sent to the card's own address has no checksum yet, and has not been anywhere. */
void card_trust_loop(struct card *card)
{
    card->netif.chksum_flags &= (u16_t) ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP);
}

bool card_poll(struct card *card)
{
    struct virtio_net_frame frame;
    if (!card->present || card->failed)
        return false;
    for (int i = 0; i < POLL_BUDGET; i++) {
        int error = virtio_net_receive(&card->device, &frame);
        if (error == EAGAIN) {
            resume_sending(card);
            return false;
        }
        if (error != 0) {
            fail(card);
            return false;
        }
        receive(card, &frame);
    }
    resume_sending(card);
    return true;
}

bool card_settle(struct card *card)
{
    if (!card->present || card->failed)
        return false;
    virtio_net_flush(&card->device);
    return virtio_net_arm(&card->device, card->stalled);
}
