/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/card.h"

#include <errno.h>
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/priv/tcp_priv.h"
#include "netif/ethernet.h"
#include "services/net/frame.h"

#define FRAME_MIN 60
/* Frames handled before other work gets its turn. */
#define POLL_BUDGET 64

static void fail(struct card *card)
{
    if (!card->failed) {
        card->failed = true;
        card->nic.ops->close(card->nic.driver);
        netif_set_link_down(&card->netif);
    }
}

/* lwIP's linkoutput. */
static err_t send_frame(struct netif *netif, struct pbuf *pbuf)
{
    struct card *card = netif->state;
    uint8_t *data;
    uint16_t index;
    if (pbuf->tot_len > NIC_FRAME_MAX)
        return ERR_BUF;
    int error = card->nic.ops->prepare(card->nic.driver, &data, &index);
    if (error != 0) {
        card->stalled = true;
        card->stats.send_stalled++;
        return error == EAGAIN ? ERR_MEM : ERR_IF;
    }
    uint32_t length = pbuf_copy_partial(pbuf, data, pbuf->tot_len, 0);
    struct frame_checksum tcp = frame_finish_tcp(data, length, card->nic.checksum_offload);
    struct nic_checksum checksum = {0};
    if (card->nic.checksum_offload)
        checksum = (struct nic_checksum){tcp.start, tcp.offset};
    if (length < FRAME_MIN) {
        memset(data + length, 0, FRAME_MIN - length);
        length = FRAME_MIN;
    }
    card->stats.sent++;
    card->stats.sent_bytes += length;
    return card->nic.ops->send(card->nic.driver, index, length, checksum) == 0 ? ERR_OK : ERR_IF;
}

static err_t netif_setup(struct netif *netif)
{
    struct card *card = netif->state;
    netif->name[0] = 'e';
    netif->name[1] = 't';
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send_frame;
    netif->mtu = card->nic.mtu;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, card->nic.mac, ETH_HWADDR_LEN);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_ENABLE_ALL & ~NETIF_CHECKSUM_GEN_TCP);
    return ERR_OK;
}

/* The driver for a function, by its number; NULL: there is none. */
typedef int open_driver(struct card *card, struct pci_function *function);

static int open_virtio(struct card *card, struct pci_function *function)
{
    int error = virtio_net_open(&card->virtio, function, CARD_BUFFERS);
    if (error == 0)
        virtio_net_nic(&card->virtio, &card->nic);
    return error;
}

static int open_e1000(struct card *card, struct pci_function *function)
{
    int error = e1000_open(&card->e1000, function, CARD_BUFFERS);
    if (error == 0)
        e1000_nic(&card->e1000, &card->nic);
    return error;
}

const struct pci_match card_matches[CARD_MATCHES] = {
    {VIRTIO_VENDOR, VIRTIO_DEVICE_BASE + VIRTIO_TYPE_NET},
    {VIRTIO_VENDOR, VIRTIO_DEVICE_NET_TRANSITIONAL},
    {E1000_VENDOR, E1000_DEVICE_82540EM},
};

static open_driver *driver_of(struct pci_function *function)
{
    uint32_t vendor = 0;
    if (pci_config_read(function, PCI_VENDOR_ID, 2, &vendor) != 0)
        return NULL;
    return vendor == VIRTIO_VENDOR ? open_virtio : vendor == E1000_VENDOR ? open_e1000 : NULL;
}

int card_open(struct card *card, struct pci_function *function, const char *hostname)
{
    open_driver *open = driver_of(function);
    if (open == NULL)
        return ENODEV;
    /* The first interrupt serves both queues; opening it lets the kernel choose MSI-X or INTx. */
    int error = function->ops->irq_open(function->context, 0, &card->irq);
    if (error != 0)
        return error;
    error = open(card, function);
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
    if (card->nic.ops->link(card->nic.driver))
        netif_set_link_up(&card->netif);
    else
        netif_set_link_down(&card->netif);
}

/* Frames that found no buffer are TCP's to send again; other protocols lose them. */
static void resume_sending(struct card *card)
{
    bool room = false;
    if (!card->stalled || card->nic.ops->reap(card->nic.driver, &room) != 0 || !room)
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
    struct nic_frame frame;
    if (!card->present || card->failed)
        return false;
    int error = 0;
    for (int i = 0; error == 0 && i < POLL_BUDGET; i++) {
        error = card->nic.ops->receive(card->nic.driver, &frame);
        if (error == 0)
            error = card_receive(card, &frame);
    }
    card_received_all(card);
    if (error != 0 && error != EAGAIN)
        fail(card);
    else
        resume_sending(card);
    return error == 0;
}

void card_acknowledge(struct card *card)
{
    if (card->present && !card->failed)
        card->nic.ops->acknowledge(card->nic.driver);
}

bool card_settle(struct card *card)
{
    if (!card->present || card->failed)
        return false;
    card->nic.ops->flush(card->nic.driver);
    return card->nic.ops->arm(card->nic.driver, card->stalled);
}
