/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP from anybody: the input is a request to httpd, and an answer to fetch. A path that is let through must
 * stay where it is put.
 */
#include <stdlib.h>
#include <string.h>

#include "apps/fetch/url.h"
#include "apps/httpd/request.h"

static void check_path(const char *path)
{
    for (const char *at = path; *at != '\0';) {
        size_t length = strcspn(at, "/");
        if (length == 0 || (length == 1 && at[0] == '.') ||
            (length == 2 && memcmp(at, "..", 2) == 0))
            abort();
        at += length;
        if (*at == '/' && *++at == '\0')
            abort();
    }
}

static void try_request(const char *head, size_t length)
{
    struct http_request request;
    uint64_t first, count;
    if (http_parse(head, length, &request) != 0)
        return;
    check_path(request.path);
    if (request.range.kind != HTTP_RANGE_NONE &&
        http_range_resolve(&request.range, length, &first, &count) &&
        (count == 0 || first >= length || count > length - first))
        abort();
    (void)http_tag_matches(request.if_none_match, "\"x\"");
}

static void try_answer(const char *head, size_t length)
{
    struct reply_head reply;
    struct url base, next;
    uint64_t size;
    if (!url_parse("http://host/", &base))
        abort();
    if (reply_parse(head, length, &reply) && url_follow(&base, reply.location, &next) &&
        next.target[0] != '/')
        abort();
    (void)chunk_parse(head, length, &size);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    char *bytes = malloc(size + 1);
    memcpy(bytes, input, size);
    bytes[size] = '\0';
    size_t head = http_head_length(bytes, size);
    if (head > size)
        abort();
    struct url url;
    (void)url_parse(bytes, &url);
    char *exact = malloc(size != 0 ? size : 1);
    memcpy(exact, bytes, size);
    try_request(exact, head != 0 ? head : size);
    try_answer(exact, size);
    free(exact);
    free(bytes);
    return 0;
}
