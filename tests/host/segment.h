/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP segments in Ethernet frames, for tests. Each byte of data is the low byte of its sequence number. */
#ifndef TESTS_HOST_SEGMENT_H
#define TESTS_HOST_SEGMENT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "services/net/frame.h"

uint16_t lwip_port_checksum(const void *data, int length);

#define HEADERS4 54
#define HEADERS6 74

struct segment {
    uint8_t bytes[1600];
    size_t length;
};

static inline void put(uint8_t *at, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static inline uint8_t *ip_of(struct segment *segment)
{
    return segment->bytes + 14;
}

static inline uint8_t *tcp_of(struct segment *segment)
{
    return ip_of(segment) + (segment->bytes[12] == 8 ? 20 : 40);
}

/* Its checksums, after a change. */
static inline void finish(struct segment *segment)
{
    if (segment->bytes[12] == 8) {
        put(ip_of(segment) + 10, 0, 2);
        uint16_t sum = (uint16_t)~lwip_port_checksum(ip_of(segment), 20);
        memcpy(ip_of(segment) + 10, &sum, 2);
    }
    memset(tcp_of(segment) + 16, 0, 2);
    (void)frame_finish_tcp(segment->bytes, segment->length, false);
}

/* A segment of a stream whose bytes are their sequence numbers. */
static inline struct segment segment_of(int family, uint32_t sequence, size_t data)
{
    struct segment segment = {.length = (family == 4 ? HEADERS4 : HEADERS6) + data};
    uint8_t *ip = ip_of(&segment);
    if (family == 4) {
        static const uint8_t start[20] = {0x45, 0, 0,  0, 0, 0, 0x40, 0, 64, 6,
                                          0,    0, 10, 0, 2, 2, 10,   0, 2,  15};
        put(segment.bytes + 12, 0x0800, 2);
        memcpy(ip, start, sizeof(start));
        put(ip + 2, (uint32_t)(40 + data), 2);
    } else {
        put(segment.bytes + 12, 0x86dd, 2);
        ip[0] = 0x60;
        put(ip + 4, (uint32_t)(20 + data), 2);
        ip[6] = 6;
        ip[8] = ip[24] = 0xfe;
        ip[39] = 1;
    }
    uint8_t *tcp = tcp_of(&segment);
    put(tcp, 80, 2);
    put(tcp + 2, 49152, 2);
    put(tcp + 4, sequence, 4);
    put(tcp + 8, 1000, 4);
    put(tcp + 12, 0x5010, 2);
    put(tcp + 14, 512, 2);
    for (size_t i = 0; i < data; i++)
        tcp[20 + i] = (uint8_t)(sequence + i);
    finish(&segment);
    return segment;
}

#endif
