/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network card as lwIP's interface "eth0".
 *
 * Received frames are used where the device put them; when most of its buffers are held by the stack (readers that do
 * not read), frames are copied instead, so that the card never runs dry. Segments of a stream that come in one after
 * the other reach lwIP as one (receive.c). Frames to send are copied once, into the device's buffer, and TCP's checksum
 * is made there.
 */
#ifndef SERVICES_NET_CARD_H
#define SERVICES_NET_CARD_H

#include "drivers/e1000/e1000.h"
#include "drivers/pci/pci_fd.h"
#include "drivers/virtio_net/virtio_net.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "services/net/merge.h"

#define CARD_BUFFERS 256

struct card;

/* A received buffer that the stack holds. */
struct card_buffer {
    struct pbuf_custom pbuf; /* first: lwIP hands it back as a struct pbuf */
    struct card *card;
    uint16_t index;
};

struct card_stats {
    uint64_t received, received_bytes, received_copied, received_dropped, received_merged;
    uint64_t sent, sent_bytes, send_stalled;
};

struct net;

struct card {
    struct net *net;
    struct nic nic; /* over one of the two drivers */
    union {
        struct virtio_net virtio;
        struct e1000 e1000;
    };
    struct netif netif;
    int irq;
    bool present;
    bool stalled; /* a frame found no buffer: TCP must be asked again */
    bool failed;  /* the device broke the protocol */
    struct card_stats stats;
    struct pbuf *gathered; /* a frame that the next may go on, and its headers */
    struct merge_part whole;
    struct card_buffer buffers[CARD_BUFFERS];
};

/* The functions that there are drivers for. */
#define CARD_MATCHES 3
extern const struct pci_match card_matches[CARD_MATCHES];

/* Brings the card and its interface up. `card` is zeroed before. Returns an errno value. */
int card_open(struct card *card, struct pci_function *function, const char *hostname);

/* After an interrupt. */
void card_acknowledge(struct card *card);

/* Handles what the device has finished. True if it stopped at its budget with more to do. */
bool card_poll(struct card *card);

/* receive.c: a frame's first piece, as the driver gave it; the others are fetched. EIO: the device broke the
 * protocol. */
int card_receive(struct card *card, struct nic_frame *frame);
/* Nothing is held back any longer. */
void card_received_all(struct card *card);

/* Before netif_poll_all: packets to this machine's own address are taken as they are. */
void card_trust_loop(struct card *card);

/* Shows what was queued to the device; then, if nothing is there to be done, asks for an interrupt.
 * True: do not wait. */
bool card_settle(struct card *card);

/* Follows the state of the link. */
void card_check_link(struct card *card);

#endif
