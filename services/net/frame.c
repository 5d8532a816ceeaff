/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/frame.h"

#include <string.h>

uint16_t lwip_port_checksum(const void *data, int length);

#define ETHERNET_HEADER 14
#define IPV4_HEADER     20
#define IPV6_HEADER     40
#define PROTOCOL_TCP    6
#define TCP_HEADER      20
#define TCP_CHECKSUM    16

/* Where the parts lie that go into the checksum. */
struct tcp_place {
    size_t start, length; /* the TCP header with its data */
    size_t addresses, addresses_length;
};

static bool find_ipv4(const uint8_t *frame, size_t length, struct tcp_place *place)
{
    const uint8_t *ip = frame + ETHERNET_HEADER;
    if (length < ETHERNET_HEADER + IPV4_HEADER || ip[9] != PROTOCOL_TCP)
        return false;
    size_t header = 4 * (size_t)(ip[0] & 15);
    size_t total = (size_t)ip[2] << 8 | ip[3];
    if (header < IPV4_HEADER || total < header || total > length - ETHERNET_HEADER)
        return false;
    *place = (struct tcp_place){ETHERNET_HEADER + header, total - header, ETHERNET_HEADER + 12, 8};
    return true;
}

static bool find_ipv6(const uint8_t *frame, size_t length, struct tcp_place *place)
{
    const uint8_t *ip = frame + ETHERNET_HEADER;
    if (length < ETHERNET_HEADER + IPV6_HEADER || ip[6] != PROTOCOL_TCP)
        return false;
    size_t payload = (size_t)ip[4] << 8 | ip[5];
    if (payload > length - ETHERNET_HEADER - IPV6_HEADER)
        return false;
    *place = (struct tcp_place){ETHERNET_HEADER + IPV6_HEADER, payload, ETHERNET_HEADER + 8, 32};
    return true;
}

static bool find_tcp(const uint8_t *frame, size_t length, struct tcp_place *place)
{
    if (length < ETHERNET_HEADER)
        return false;
    unsigned type = (unsigned)frame[12] << 8 | frame[13];
    bool found = (type == 0x0800 && find_ipv4(frame, length, place)) ||
                 (type == 0x86dd && find_ipv6(frame, length, place));
    return found && place->length >= TCP_HEADER;
}

/* Sums are of 16-bit words in memory order, as lwip_port_checksum gives them. */
static uint16_t fold(uint32_t sum)
{
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

/* The folded sum of the pseudo header. */
static uint16_t pseudo_sum(const uint8_t *frame, const struct tcp_place *place)
{
    uint32_t sum = lwip_port_checksum(frame + place->addresses, (int)place->addresses_length);
    sum += __builtin_bswap16(PROTOCOL_TCP);
    sum += __builtin_bswap16((uint16_t)place->length);
    return fold(sum);
}

bool frame_sum_right(const uint8_t *frame, size_t length)
{
    struct tcp_place place;
    if (!find_tcp(frame, length, &place))
        return false;
    uint32_t sum = pseudo_sum(frame, &place);
    return fold(sum + lwip_port_checksum(frame + place.start, (int)place.length)) == 0xffff;
}

struct frame_checksum frame_finish_tcp(uint8_t *frame, size_t length, bool partial)
{
    struct tcp_place place;
    if (!find_tcp(frame, length, &place))
        return (struct frame_checksum){0};
    uint16_t checksum = pseudo_sum(frame, &place);
    if (!partial) {
        uint32_t sum = checksum + lwip_port_checksum(frame + place.start, (int)place.length);
        checksum = (uint16_t)~fold(sum);
    }
    memcpy(frame + place.start + TCP_CHECKSUM, &checksum, sizeof(checksum));
    return (struct frame_checksum){(uint16_t)place.start, TCP_CHECKSUM};
}

#define TCP_SEQUENCE 4
#define TCP_FLAGS    13
#define FLAG_SYN     0x02
#define FLAG_ACK     0x10

static uint32_t big_endian(const uint8_t *bytes, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

bool frame_find_syn(const uint8_t *frame, size_t length, struct frame_syn *syn)
{
    struct tcp_place place;
    if (!find_tcp(frame, length, &place))
        return false;
    const uint8_t *tcp = frame + place.start;
    if ((tcp[TCP_FLAGS] & (FLAG_SYN | FLAG_ACK)) != FLAG_SYN)
        return false;
    size_t half = place.addresses_length / 2;
    *syn = (struct frame_syn){
        .family = half == 4 ? 4 : 6,
        .source = frame + place.addresses,
        .destination = frame + place.addresses + half,
        .source_port = (uint16_t)big_endian(tcp, 2),
        .destination_port = (uint16_t)big_endian(tcp + 2, 2),
        .sequence = big_endian(tcp + TCP_SEQUENCE, 4),
    };
    return true;
}
