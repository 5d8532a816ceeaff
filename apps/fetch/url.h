/* SPDX-License-Identifier: BSD-2-Clause */
/* URLs and the heads of HTTP answers. Pure: what is read comes from anybody. */
#ifndef APPS_FETCH_URL_H
#define APPS_FETCH_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_MAX 2048

struct url {
    char host[256];
    char port[6];
    char target[URL_MAX]; /* begins with a slash */
};

/* Reads `http://HOST[:PORT][/TARGET]`. */
bool url_parse(const char *text, struct url *url);
/* Where a Location leads from `base`: a whole URL, or a target of the same host. False: nowhere that is known. */
bool url_follow(const struct url *base, const char *location, struct url *url);

struct reply_head {
    unsigned status;
    bool chunked;
    bool has_length;
    uint64_t length;
    char location[URL_MAX]; /* empty: none */
};

/* Reads a whole head. False: it is none. */
bool reply_parse(const char *head, size_t length, struct reply_head *reply);

/* The size in the line "1a2f[;...]" that begins a chunk. False: it is none. */
bool chunk_parse(const char *line, size_t length, uint64_t *size);

#endif
