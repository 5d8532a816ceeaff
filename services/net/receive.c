/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames on their way from the card to lwIP. A frame is one pbuf for each piece of it, in the device's buffer or
 * copied. What can be part of a longer segment (merge.h) is held back until a frame comes that does not go on where it
 * ends, or none.
 */
#include <errno.h>
#include <string.h>

#include "services/net/card.h"
#include "services/net/forged.h"
#include "services/net/reuse.h"

#define FRAME_MIN 60
/* What a pbuf can count. */
#define LENGTH_MAX 0xffff

static void buffer_free(struct pbuf *pbuf)
{
    struct card_buffer *buffer = (struct card_buffer *)pbuf;
    struct nic *nic = &buffer->card->nic;
    nic->ops->recycle(nic->driver, buffer->index);
}

static struct pbuf *piece_copied(struct card *card, const struct nic_frame *piece)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_RAW, (u16_t)piece->length, PBUF_RAM);
    if (pbuf != NULL) {
        memcpy(pbuf->payload, piece->data, piece->length);
        card->stats.received_copied++;
    }
    card->nic.ops->recycle(card->nic.driver, piece->index);
    return pbuf;
}

static struct pbuf *piece_in_place(struct card *card, const struct nic_frame *piece)
{
    struct card_buffer *buffer = &card->buffers[piece->index];
    buffer->pbuf.custom_free_function = buffer_free;
    buffer->card = card;
    buffer->index = piece->index;
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)piece->length, PBUF_REF, &buffer->pbuf, piece->data,
                               (u16_t)piece->length);
}

static struct pbuf *piece_pbuf(struct card *card, const struct nic_frame *piece)
{
    bool scarce = card->nic.ops->receive_room(card->nic.driver) < card->nic.receive_buffers / 2;
    return scarce ? piece_copied(card, piece) : piece_in_place(card, piece);
}

/* Ethernet has no shorter frames, and lwIP relies on that; a virtual card delivers them unpadded. */
static void pad(struct nic_frame *frame)
{
    if (frame->length >= FRAME_MIN || frame->more != 0)
        return;
    memset(frame->data + frame->length, 0, FRAME_MIN - frame->length);
    frame->length = FRAME_MIN;
}

/* Hands a frame to lwIP. CHECKED: its checksums need no look. */
static void deliver(struct card *card, struct pbuf *pbuf, u16_t checked)
{
    const u16_t checks =
        NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
    card->netif.chksum_flags = (u16_t)((card->netif.chksum_flags | checks) & ~checked);
    if (card->netif.input(pbuf, &card->netif) != ERR_OK)
        pbuf_free(pbuf);
}

void card_received_all(struct card *card)
{
    struct pbuf *pbuf = card->gathered;
    card->gathered = NULL;
    if (pbuf != NULL)
        deliver(card, pbuf, NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP);
}

/* PBUF, whose headers PART describes, goes on the frame that is held back, or is held back in its place. */
static void gather(struct card *card, struct pbuf *pbuf, const struct merge_part *part)
{
    if (card->gathered != NULL && merge_follows(&card->whole, part)) {
        merge_join(&card->whole, part);
        pbuf_remove_header(pbuf, part->headers);
        pbuf_cat(card->gathered, pbuf);
        card->stats.received_merged++;
        return;
    }
    card_received_all(card);
    card->gathered = pbuf;
    card->whole = *part;
}

static void drop(struct card *card, struct pbuf *pbuf)
{
    card->stats.received_dropped++;
    if (pbuf != NULL)
        pbuf_free(pbuf);
}

/* All pieces of a frame, in *PBUF; NULL: dropped. Returns 0, or EIO. */
static int collect(struct card *card, const struct nic_frame *first, struct pbuf **pbuf)
{
    struct nic_frame piece = *first;
    struct pbuf *whole = piece_pbuf(card, &piece);
    bool lost = whole == NULL;
    int error = 0;
    while (piece.more != 0 && error == 0) {
        error = card->nic.ops->receive(card->nic.driver, &piece);
        struct pbuf *part = error == 0 ? piece_pbuf(card, &piece) : NULL;
        lost = lost || part == NULL || whole->tot_len + part->len > LENGTH_MAX;
        if (!lost)
            pbuf_cat(whole, part);
        else if (part != NULL)
            pbuf_free(part);
    }
    if (lost) {
        drop(card, whole);
        whole = NULL;
    }
    *pbuf = whole;
    return error;
}

int card_receive(struct card *card, struct nic_frame *frame)
{
    struct merge_part part;
    struct pbuf *pbuf;
    pad(frame);
    int error = collect(card, frame, &pbuf);
    if (pbuf == NULL)
        return error;
    card->stats.received++;
    card->stats.received_bytes += pbuf->tot_len;
    if (forged(&card->netif, pbuf->payload, pbuf->len)) {
        drop(card, pbuf);
        return error;
    }
    if (merge_find(pbuf->payload, pbuf->len, pbuf->tot_len, frame->checksum_good, &part)) {
        gather(card, pbuf, &part);
        return 0;
    }
    card_received_all(card);
    reuse_check(pbuf->payload, pbuf->len);
    deliver(card, pbuf,
            frame->checksum_good ? NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP : 0);
    return 0;
}
