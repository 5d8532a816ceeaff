/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums of TCP in Ethernet frames, and what opens connections. Pure. */
#ifndef SERVICES_NET_FRAME_H
#define SERVICES_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame_checksum {
    uint16_t start;  /* of the TCP header in the frame; 0: not TCP */
    uint16_t offset; /* of the checksum field in it */
};

/*
 * Finds the TCP header of an Ethernet frame whose TCP checksum is zero so far. With `partial` puts in the
 * sum of the pseudo header, for a device to finish; else the whole checksum.
 */
struct frame_checksum frame_finish_tcp(uint8_t *frame, size_t length, bool partial);

/* Is it a whole TCP segment with the right checksum? */
bool frame_sum_right(const uint8_t *frame, size_t length);

/* A request to connect: a TCP segment with SYN and without ACK. */
struct frame_syn {
    uint8_t family; /* 4 or 6 */
    const uint8_t *source, *destination;
    uint16_t source_port, destination_port;
    uint32_t sequence;
};

bool frame_find_syn(const uint8_t *frame, size_t length, struct frame_syn *syn);

#endif
