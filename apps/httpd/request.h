/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading HTTP requests (RFC 9112): the head of one, as bytes from anybody, to what is to be done.
 *
 * Strict where leniency has let requests be smuggled: one Host, no folded lines, no blanks before a colon, no
 * control characters; lenient about lines that end in LF alone. Paths are decoded once; what then has `..`, a NUL or
 * a control character in it is refused, `.` and empty components are dropped. Pure.
 */
#ifndef APPS_HTTPD_REQUEST_H
#define APPS_HTTPD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX 8192
#define HTTP_PATH_MAX 1000

enum http_range_kind {
    HTTP_RANGE_NONE,
    HTTP_RANGE_BETWEEN, /* first to last */
    HTTP_RANGE_FROM,    /* first to the end */
    HTTP_RANGE_LAST,    /* the last `last` bytes */
};

struct http_range {
    enum http_range_kind kind;
    uint64_t first, last;
};

/* A piece of the head. */
struct http_text {
    const char *bytes; /* NULL: not there */
    size_t length;
};

struct http_request {
    bool head_only; /* HEAD; else GET */
    bool keep_alive;
    bool has_body;                /* one follows, which is not read: the connection ends */
    bool directory;               /* the path ended in a slash */
    char path[HTTP_PATH_MAX + 1]; /* relative to the root; "": the root */
    struct http_range range;
    struct http_text if_none_match, if_modified_since, if_range;
};

/* Length of the head with its empty line; 0: it has not all come. */
size_t http_head_length(const char *bytes, size_t length);

/* Reads a whole head. 0, or the status to answer with: 400, 405, 414, 501, 505. Then only `keep_alive` (false) and
 * `head_only` are of use. */
unsigned http_parse(const char *head, size_t length, struct http_request *request);

/* The bytes of a file of this size that a range means. False: none of them (416). */
bool http_range_resolve(const struct http_range *range, uint64_t size, uint64_t *first,
                        uint64_t *count);

/* True if the list of entity tags (or `*`) has this one. */
bool http_tag_matches(struct http_text list, const char *tag);

#endif
