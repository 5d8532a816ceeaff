/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Canonical form is enforced by reading generously, writing the one name, and comparing: so there is one
 * place that knows what canonical means, the writer.
 */
#include "services/net/netset.h"

#include <string.h>

struct cursor {
    const char *at;
    const char *end;
};

static bool cursor_take(struct cursor *cursor, char wanted)
{
    if (cursor->at == cursor->end || *cursor->at != wanted)
        return false;
    cursor->at++;
    return true;
}

static bool read_number(struct cursor *cursor, uint32_t limit, uint32_t *number)
{
    const char *start = cursor->at;
    uint32_t value = 0;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        value = value * 10 + (uint32_t)(*cursor->at - '0');
        if (value > limit)
            return false;
        cursor->at++;
    }
    if (cursor->at == start || (*start == '0' && cursor->at - start > 1))
        return false;
    *number = value;
    return true;
}

bool net_port_parse(const char *text, size_t length, uint16_t *port)
{
    struct cursor cursor = {text, text + length};
    uint32_t number;
    if (!read_number(&cursor, NET_PORT_LAST, &number) || cursor.at != cursor.end)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool read_ipv4(struct cursor *cursor, uint8_t *address)
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t number;
        if (i > 0 && !cursor_take(cursor, '.'))
            return false;
        if (!read_number(cursor, 255, &number))
            return false;
        address[i] = (uint8_t)number;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static bool read_group(struct cursor *cursor, uint8_t *group)
{
    unsigned value = 0;
    unsigned digits = 0;
    while (digits < 4 && cursor->at < cursor->end && hex_digit(*cursor->at) >= 0) {
        value = value << 4 | (unsigned)hex_digit(*cursor->at++);
        digits++;
    }
    group[0] = (uint8_t)(value >> 8);
    group[1] = (uint8_t)value;
    return digits > 0;
}

/* Moves the groups after "::" (from `gap` on, of `count` read) to the end. */
static void expand_gap(uint8_t *address, unsigned gap, unsigned count)
{
    unsigned tail = count - gap;
    memmove(address + 2 * (8 - tail), address + 2 * gap, 2 * tail);
    memset(address + 2 * gap, 0, 2 * (8 - count));
}

static bool read_ipv6(struct cursor *cursor, uint8_t *address)
{
    unsigned count = 0;
    unsigned gap = 9; /* none */
    if (cursor_take(cursor, ':')) {
        if (!cursor_take(cursor, ':'))
            return false;
        gap = 0;
    }
    while (count < 8 && read_group(cursor, address + 2 * count)) {
        count++;
        if (count == 8 || !cursor_take(cursor, ':'))
            break;
        if (gap == 9 && cursor_take(cursor, ':'))
            gap = count;
        else if (cursor->at == cursor->end || hex_digit(*cursor->at) < 0)
            return false;
    }
    if (gap != 9)
        expand_gap(address, gap, count);
    return gap != 9 || count == 8;
}

static bool link_local(const struct net_set *set)
{
    return set->family == 6 && set->bits >= 10 && set->address[0] == 0xfe &&
           (set->address[1] & 0xc0) == 0x80;
}

static bool mapped(const struct net_set *set)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return set->family == 6 && set->bits >= 96 && memcmp(set->address, prefix, sizeof(prefix)) == 0;
}

static bool zone_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool read_zone(struct cursor *cursor, char *zone)
{
    size_t length = 0;
    if (!cursor_take(cursor, '%'))
        return true;
    while (cursor->at < cursor->end && zone_character(*cursor->at)) {
        if (length == NET_ZONE_MAX - 1)
            return false;
        zone[length++] = *cursor->at++;
    }
    return length > 0;
}

static bool read_bits(struct cursor *cursor, struct net_set *set)
{
    uint32_t whole = set->family == 4 ? 32 : 128;
    uint32_t number = whole;
    if (cursor_take(cursor, '~') && !read_number(cursor, whole, &number))
        return false;
    set->bits = (uint8_t)number;
    return true;
}

static bool has_colon(const struct cursor *cursor)
{
    return memchr(cursor->at, ':', (size_t)(cursor->end - cursor->at)) != NULL;
}

static bool read_hosts(struct cursor *cursor, struct net_set *set)
{
    if (cursor_take(cursor, '*'))
        return true;
    set->family = has_colon(cursor) ? 6 : 4;
    bool read = set->family == 4 ? read_ipv4(cursor, set->address)
                                 : read_ipv6(cursor, set->address) && read_zone(cursor, set->zone);
    if (!read || !read_bits(cursor, set) || mapped(set))
        return false;
    if (link_local(set))
        return set->zone[0] != '\0' || !net_set_one_host(set);
    return set->zone[0] == '\0';
}

static bool read_ports(struct cursor *cursor, struct net_set *set)
{
    uint32_t low, high;
    if (cursor_take(cursor, '*'))
        return true;
    if (!read_number(cursor, NET_PORT_LAST, &low))
        return false;
    high = low;
    if (cursor_take(cursor, '-') && (!read_number(cursor, NET_PORT_LAST, &high) || high <= low))
        return false;
    if (low == 0) {
        set->port_free = true;
        return high == 0;
    }
    set->port_low = (uint16_t)low;
    set->port_high = (uint16_t)high;
    return true;
}

bool net_set_parse(const char *text, size_t length, struct net_set *set)
{
    struct cursor cursor = {text, text + length};
    struct net_set read = net_set_all;
    char canonical[NET_SET_TEXT_MAX];
    if (!read_hosts(&cursor, &read))
        return false;
    bool all_ports = false;
    if (cursor_take(&cursor, '!')) {
        all_ports = cursor.at < cursor.end && *cursor.at == '*';
        if (!read_ports(&cursor, &read))
            return false;
    }
    if (cursor.at != cursor.end)
        return false;
    size_t expected = length - (all_ports ? 2 : 0);
    if (net_set_format(&read, canonical) != expected || memcmp(canonical, text, expected) != 0)
        return false;
    *set = read;
    return true;
}

static char *write_number(char *out, uint32_t number)
{
    char digits[10];
    unsigned count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (count > 0)
        *out++ = digits[--count];
    return out;
}

static char *write_ipv4(char *out, const uint8_t *address)
{
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            *out++ = '.';
        out = write_number(out, address[i]);
    }
    return out;
}

static unsigned group_at(const uint8_t *address, unsigned index)
{
    return (unsigned)address[2 * index] << 8 | address[2 * index + 1];
}

/* RFC 5952, 4.2: the first of the longest runs of at least two zero groups. */
static void longest_gap(const uint8_t *address, unsigned *start, unsigned *length)
{
    *start = 8;
    *length = 1;
    for (unsigned i = 0; i < 8; i++) {
        unsigned run = 0;
        while (i + run < 8 && group_at(address, i + run) == 0)
            run++;
        if (run > *length) {
            *start = i;
            *length = run;
        }
    }
}

static char *write_group(char *out, unsigned group)
{
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = group >> shift & 15;
        started |= digit != 0 || shift == 0;
        if (started)
            *out++ = "0123456789abcdef"[digit];
    }
    return out;
}

static char *write_ipv6(char *out, const uint8_t *address)
{
    unsigned gap, length;
    longest_gap(address, &gap, &length);
    for (unsigned i = 0; i < 8; i++) {
        if (i == gap) {
            *out++ = ':';
            *out++ = ':';
            i += length - 1;
            continue;
        }
        if (i > 0 && out[-1] != ':')
            *out++ = ':';
        out = write_group(out, group_at(address, i));
    }
    return out;
}

/* Bits beyond the prefix are left out, so that a name which sets them does not compare equal. */
static void masked_address(const struct net_set *set, uint8_t *address)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = set->bits > 8 * i ? set->bits - 8 * i : 0;
        address[i] = keep >= 8 ? set->address[i] : set->address[i] & (uint8_t)(0xff00 >> keep);
    }
}

static char *write_hosts(char *out, const struct net_set *set)
{
    uint8_t address[16];
    if (set->family == 0) {
        *out++ = '*';
        return out;
    }
    masked_address(set, address);
    out = set->family == 4 ? write_ipv4(out, address) : write_ipv6(out, address);
    if (set->zone[0] != '\0') {
        *out++ = '%';
        for (const char *c = set->zone; *c != '\0'; c++)
            *out++ = *c;
    }
    if (!net_set_one_host(set)) {
        *out++ = '~';
        out = write_number(out, set->bits);
    }
    return out;
}

size_t net_set_format(const struct net_set *set, char *text)
{
    char *out = write_hosts(text, set);
    bool all = set->port_low == 1 && set->port_high == NET_PORT_LAST;
    if (!all || set->port_free) {
        *out++ = '!';
        out = write_number(out, all ? 0 : set->port_low);
        if (!all && set->port_high != set->port_low) {
            *out++ = '-';
            out = write_number(out, set->port_high);
        }
    }
    *out = '\0';
    return (size_t)(out - text);
}
