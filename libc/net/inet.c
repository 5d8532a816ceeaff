/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet addresses as text. Pure functions; IPv6 is written in the canonical form of RFC 5952, which is also
 * the form in which a network directory wants it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

/* Dotted quad without leading zeros. */
static bool parse4(const char *text, unsigned char out[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned value = 0;
        int digits = 0;
        while (*text >= '0' && *text <= '9' && digits < 4) {
            if (digits > 0 && value == 0)
                return false;
            value = value * 10 + (unsigned)(*text++ - '0');
            digits++;
        }
        if (digits == 0 || value > 255 || (i < 3 && *text++ != '.'))
            return false;
        out[i] = (unsigned char)value;
    }
    return *text == '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One group of up to four hex digits; the number of digits. */
static int parse_group(const char **text, unsigned *value)
{
    int digits = 0;

    *value = 0;
    while (digits < 4 && hex_digit(**text) >= 0) {
        *value = *value << 4 | (unsigned)hex_digit(*(*text)++);
        digits++;
    }
    return digits;
}

static bool parse6(const char *text, unsigned char out[16])
{
    unsigned char bytes[16] = {0};
    int used = 0;
    int gap = -1;

    if (text[0] == ':' && text[1] != ':')
        return false;
    if (text[0] == ':')
        text++;
    while (*text != '\0') {
        unsigned value;
        const char *group = text;
        if (*text == ':') {
            if (gap >= 0)
                return false;
            gap = used;
            text++;
            continue;
        }
        if (parse_group(&text, &value) == 0 || used > 14)
            return false;
        if (*text == '.') {
            if (used > 12 || !parse4(group, bytes + used))
                return false;
            used += 4;
            break;
        }
        bytes[used++] = (unsigned char)(value >> 8);
        bytes[used++] = (unsigned char)value;
        if (*text == ':' && *++text == '\0')
            return false;
        if (*text != '\0' && text[-1] != ':')
            return false;
    }
    if ((gap < 0) != (used == 16))
        return false;
    memset(out, 0, 16);
    if (gap < 0)
        gap = 16;
    memcpy(out, bytes, (size_t)(gap < used ? gap : used));
    if (used > gap)
        memcpy(out + 16 - (used - gap), bytes + gap, (size_t)(used - gap));
    return true;
}

int inet_pton(int family, const char *text, void *out)
{
    unsigned char bytes[16];
    size_t size = family == AF_INET ? 4 : 16;

    if (family != AF_INET && family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (!(family == AF_INET ? parse4(text, bytes) : parse6(text, bytes)))
        return 0;
    memcpy(out, bytes, size);
    return 1;
}

/* The longest run of two or more zero groups; its length, 0 if there is none. */
static int longest_gap(const unsigned groups[8], int *start)
{
    int best = 0;

    for (int i = 0; i < 8; i++) {
        int n = 0;
        while (i + n < 8 && groups[i + n] == 0)
            n++;
        if (n > best && n > 1) {
            best = n;
            *start = i;
        }
        i += n;
    }
    return best;
}

static void format6(const unsigned char *bytes, char text[INET6_ADDRSTRLEN])
{
    unsigned groups[8];
    int start = 0;
    char *at = text;

    for (int i = 0; i < 8; i++)
        groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    int gap = longest_gap(groups, &start);
    if (gap == 5 && start == 0 && groups[5] == 0xffff) {
        sprintf(text, "::ffff:%u.%u.%u.%u", bytes[12], bytes[13], bytes[14], bytes[15]);
        return;
    }
    for (int i = 0; i < 8; i++) {
        if (gap > 0 && i == start) {
            at += sprintf(at, i == 0 ? "::" : ":");
            i += gap - 1;
            continue;
        }
        at += sprintf(at, i < 7 ? "%x:" : "%x", groups[i]);
    }
    *at = '\0';
}

const char *inet_ntop(int family, const void *address, char *out, socklen_t size)
{
    char text[INET6_ADDRSTRLEN];
    const unsigned char *bytes = address;

    if (family == AF_INET) {
        sprintf(text, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
    } else if (family == AF_INET6) {
        format6(bytes, text);
    } else {
        errno = EAFNOSUPPORT;
        return NULL;
    }
    if (strlen(text) >= size) {
        errno = ENOSPC;
        return NULL;
    }
    return strcpy(out, text);
}

int inet_aton(const char *text, struct in_addr *address)
{
    unsigned char bytes[4];

    if (!parse4(text, bytes))
        return 0;
    memcpy(address, bytes, sizeof(bytes));
    return 1;
}

in_addr_t inet_addr(const char *text)
{
    struct in_addr address;

    return inet_aton(text, &address) ? address.s_addr : INADDR_NONE;
}

char *inet_ntoa(struct in_addr address)
{
    static char text[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &address, text, sizeof(text));
    return text;
}
