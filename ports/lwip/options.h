/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of a TCP segment as lwIP's hook shows them: they may lie in two pieces. */
#ifndef LWIP_PORT_OPTIONS_H
#define LWIP_PORT_OPTIONS_H

#include <stdint.h>

#define OPTION_END          0
#define OPTION_NONE         1
#define OPTION_SIZE         2
#define OPTION_SACK_ALLOWED 4
#define OPTION_SACK         5

struct options {
    const uint8_t *first, *second;
    uint16_t first_len, len;
};

static inline uint8_t option_byte(const struct options *options, uint32_t at)
{
    if (at >= options->len)
        return OPTION_END;
    if (at < options->first_len)
        return options->first[at];
    return options->second != NULL ? options->second[at - options->first_len] : OPTION_END;
}

/* Where the option KIND begins, or -1. */
static inline int option_find(const struct options *options, uint8_t wanted)
{
    for (uint32_t at = 0; at < options->len;) {
        uint8_t kind = option_byte(options, at);
        if (kind == wanted)
            return (int)at;
        if (kind == OPTION_END)
            return -1;
        uint8_t len = kind == OPTION_NONE ? 1 : option_byte(options, at + 1);
        if (len == 0 || (kind != OPTION_NONE && len < 2))
            return -1;
        at += len;
    }
    return -1;
}

#endif
