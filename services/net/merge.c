/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/merge.h"

#include <string.h>

#include "services/net/frame.h"

uint16_t lwip_port_checksum(const void *data, int length);

#define ETHERNET        14
#define IPV4            20
#define IPV6            40
#define TCP             20
#define IPV4_PLAIN      0x45 /* version 4, no options */
#define PROTOCOL_TCP    6
#define IPV4_LENGTH     2
#define IPV4_FRAGMENT   6 /* flags and offset; 0x4000: may not be fragmented */
#define IPV4_PROTOCOL   9
#define IPV6_LENGTH     4
#define IPV6_NEXT       6
#define TCP_SEQUENCE    4
#define TCP_ACKNOWLEDGE 8
#define TCP_OFFSET      12
#define TCP_FLAGS       13
#define TCP_WINDOW      14
#define FLAG_PSH        0x08
#define FLAG_ACK        0x10

static uint32_t get(const uint8_t *at, unsigned bytes)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static bool is_ipv4(const uint8_t *frame)
{
    return get(frame + 12, 2) == 0x0800;
}

static uint8_t *tcp_of(const struct merge_part *part)
{
    return part->frame + part->headers - TCP;
}

/* The length of the IP header of a plain TCP packet that fills its frame; 0: it is something else. */
static size_t plain_ip(const uint8_t *frame, size_t length, size_t total)
{
    const uint8_t *ip = frame + ETHERNET;
    if (length < ETHERNET + IPV4 + TCP)
        return 0;
    if (is_ipv4(frame)) {
        bool plain = ip[0] == IPV4_PLAIN && ip[IPV4_PROTOCOL] == PROTOCOL_TCP &&
                     (get(ip + IPV4_FRAGMENT, 2) & 0xbfff) == 0 &&
                     get(ip + IPV4_LENGTH, 2) == total - ETHERNET;
        return plain && lwip_port_checksum(ip, IPV4) == 0xffff ? IPV4 : 0;
    }
    bool plain = get(frame + 12, 2) == 0x86dd && length >= ETHERNET + IPV6 + TCP &&
                 ip[0] >> 4 == 6 && ip[IPV6_NEXT] == PROTOCOL_TCP &&
                 get(ip + IPV6_LENGTH, 2) == total - ETHERNET - IPV6;
    return plain ? IPV6 : 0;
}

bool merge_find(uint8_t *frame, size_t length, size_t total, bool checked, struct merge_part *part)
{
    size_t header = plain_ip(frame, length, total);
    size_t headers = ETHERNET + header + TCP;
    if (header == 0 || total == headers)
        return false;
    *part = (struct merge_part){.frame = frame, .headers = headers, .data = total - headers};
    const uint8_t *tcp = tcp_of(part);
    return tcp[TCP_OFFSET] == TCP / 4 << 4 &&
           (tcp[TCP_FLAGS] | FLAG_PSH) == (FLAG_PSH | FLAG_ACK) &&
           (checked || (length == total && frame_sum_right(frame, length)));
}

/* The same two ends, and the same treatment on the way. */
static bool same_stream(const struct merge_part *a, const struct merge_part *b)
{
    const uint8_t *ours = a->frame + ETHERNET, *theirs = b->frame + ETHERNET;
    if (a->headers != b->headers || memcmp(tcp_of(a), tcp_of(b), 4) != 0)
        return false;
    if (is_ipv4(a->frame) != is_ipv4(b->frame))
        return false;
    if (is_ipv4(a->frame))
        return ours[1] == theirs[1] && memcmp(ours + 12, theirs + 12, 8) == 0;
    return memcmp(ours, theirs, 4) == 0 && memcmp(ours + 8, theirs + 8, 32) == 0;
}

bool merge_follows(const struct merge_part *whole, const struct merge_part *next)
{
    const uint8_t *a = tcp_of(whole), *b = tcp_of(next);
    uint32_t end = get(a + TCP_SEQUENCE, 4) + (uint32_t)whole->data;
    uint32_t newly = get(b + TCP_ACKNOWLEDGE, 4) - get(a + TCP_ACKNOWLEDGE, 4);
    return whole->data + next->data <= MERGE_MAX && get(b + TCP_SEQUENCE, 4) == end &&
           newly < UINT32_C(1) << 31 && same_stream(whole, next);
}

void merge_join(struct merge_part *whole, const struct merge_part *next)
{
    uint8_t *ip = whole->frame + ETHERNET, *a = tcp_of(whole), *b = tcp_of(next);
    whole->data += next->data;
    memcpy(a + TCP_ACKNOWLEDGE, b + TCP_ACKNOWLEDGE, 4);
    memcpy(a + TCP_WINDOW, b + TCP_WINDOW, 2);
    a[TCP_FLAGS] |= b[TCP_FLAGS];
    if (is_ipv4(whole->frame))
        put16(ip + IPV4_LENGTH, whole->headers + whole->data - ETHERNET);
    else
        put16(ip + IPV6_LENGTH, whole->headers + whole->data - ETHERNET - IPV6);
}
