/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP segments that came one after the other and follow each other in one stream, seen as one: lwIP then looks at
 * one header instead of a dozen. Pure: this says which frames may be put together and makes the header of the
 * whole; whoever has the frames puts their data together.
 *
 * Only plain ones: checksums right, no options, no flags but ACK and PSH, no fragments. What the sender says about
 * acknowledgement and window is that of the last one.
 */
#ifndef SERVICES_NET_MERGE_H
#define SERVICES_NET_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of data after which the whole is let go: the sender waits for acknowledgements. */
#define MERGE_MAX 16384

/* A frame that can be part of a merged one. */
struct merge_part {
    uint8_t *frame;
    size_t headers; /* Ethernet, IP and TCP: the data begins behind them */
    size_t data;
};

/* Can it be a part? FRAME: its first LENGTH bytes, with all headers; TOTAL: its length. CHECKED: TCP's checksum is
 * known to be right; else the whole frame must be there. */
bool merge_find(uint8_t *frame, size_t length, size_t total, bool checked, struct merge_part *part);

/* Does NEXT go on where WHOLE ends? */
bool merge_follows(const struct merge_part *whole, const struct merge_part *next);

/* Makes the headers of WHOLE those of both together. Its checksums are not right any more. */
void merge_join(struct merge_part *whole, const struct merge_part *next);

#endif
