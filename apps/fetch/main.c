/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fetch [-i] URL: writes what an http:// URL stands for to standard output; -i with the head of the answer. Needs: net
 * (with tcp/connect, and dns/ for names), stdout, stderr. Exits with 0 if the answer was 2xx and whole.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apps/fetch/url.h"

#define REDIRECTS_MAX 8
#define HEAD_MAX      16384

static struct {
    char bytes[65536];
    size_t from, to;
    int fd;
} input;

static bool show_head;

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "fetch: %s: %s\n", what, why);
    return false;
}

static bool connect_to(const struct url *url)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    int error = getaddrinfo(url->host, url->port, &hints, &list);
    if (error != 0)
        return fail(url->host, error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    input.from = input.to = 0;
    input.fd = -1;
    for (const struct addrinfo *i = list; i != NULL && input.fd < 0; i = i->ai_next) {
        int fd = socket(i->ai_family, SOCK_STREAM, 0);
        if (fd >= 0 && connect(fd, i->ai_addr, i->ai_addrlen) == 0)
            input.fd = fd;
        else if (fd >= 0)
            error = errno, close(fd), errno = error;
    }
    freeaddrinfo(list);
    return input.fd >= 0 || fail(url->host, strerror(errno));
}

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t done = write(fd, bytes, length);
        if (done <= 0)
            return fail("write", strerror(errno));
        bytes += done;
        length -= (size_t)done;
    }
    return true;
}

static bool send_request(const struct url *url)
{
    char request[URL_MAX + 512];
    bool brackets = strchr(url->host, ':') != NULL;
    int length = snprintf(request, sizeof(request),
                          "GET %s HTTP/1.1\r\nHost: %s%s%s%s%s\r\nUser-Agent: tessera-fetch\r\n"
                          "Accept: */*\r\nConnection: close\r\n\r\n",
                          url->target, brackets ? "[" : "", url->host, brackets ? "]" : "",
                          strcmp(url->port, "80") != 0 ? ":" : "",
                          strcmp(url->port, "80") != 0 ? url->port : "");
    return write_all(input.fd, request, (size_t)length);
}

/* More input behind what is there; false at the end. */
static bool fill(void)
{
    if (input.from > 0) {
        memmove(input.bytes, input.bytes + input.from, input.to - input.from);
        input.to -= input.from;
        input.from = 0;
    }
    if (input.to == sizeof(input.bytes))
        return false;
    ssize_t got = read(input.fd, input.bytes + input.to, sizeof(input.bytes) - input.to);
    if (got < 0)
        return fail("read", strerror(errno));
    input.to += (size_t)got;
    return got > 0;
}

/* Length of the first line with its end; 0: the input ended before. */
static size_t line_length(size_t most)
{
    for (;;) {
        const char *start = input.bytes + input.from;
        const char *end = memchr(start, '\n', input.to - input.from);
        if (end != NULL)
            return (size_t)(end + 1 - start);
        if (input.to - input.from > most || !fill())
            return 0;
    }
}

/* Length of the head with its empty line; 0: none. */
static size_t head_length(void)
{
    for (;;) {
        const char *start = input.bytes + input.from;
        for (size_t i = 1; i < input.to - input.from; i++) {
            if (start[i] == '\n' &&
                (start[i - 1] == '\n' || (i >= 2 && start[i - 1] == '\r' && start[i - 2] == '\n')))
                return i + 1;
        }
        if (input.to - input.from > HEAD_MAX || !fill())
            return 0;
    }
}

/* Copies so many bytes out, or all there are. False: the input ended before. */
static bool copy_out(uint64_t left)
{
    while (left > 0) {
        if (input.from == input.to && !fill())
            return false;
        size_t piece = input.to - input.from;
        if (piece > left)
            piece = (size_t)left;
        if (!write_all(1, input.bytes + input.from, piece))
            return false;
        input.from += piece;
        left -= piece;
    }
    return true;
}

static bool copy_chunks(void)
{
    uint64_t size;
    for (;;) {
        size_t line = line_length(256);
        if (line == 0 || !chunk_parse(input.bytes + input.from, line - 1, &size))
            return fail("answer", "a chunk makes no sense");
        input.from += line;
        if (size == 0)
            return true;
        if (!copy_out(size))
            return fail("answer", "it ended early");
        line = line_length(2);
        if (line == 0 || line > 2)
            return fail("answer", "a chunk makes no sense");
        input.from += line;
    }
}

static bool copy_body(const struct reply_head *reply)
{
    if (reply->status == 204 || reply->status == 304)
        return true;
    if (reply->chunked)
        return copy_chunks();
    if (reply->has_length)
        return copy_out(reply->length) || fail("answer", "it ended early");
    (void)copy_out(UINT64_MAX);
    return true;
}

static bool is_redirect(const struct reply_head *reply)
{
    return reply->location[0] != '\0' &&
           (reply->status == 301 || reply->status == 302 || reply->status == 303 ||
            reply->status == 307 || reply->status == 308);
}

/* The head of the final answer: what comes before (1xx) is passed over. */
static bool read_head(struct reply_head *reply)
{
    do {
        size_t length = head_length();
        if (length == 0 || !reply_parse(input.bytes + input.from, length, reply))
            return fail("answer", "it is not HTTP");
        if (show_head && !write_all(1, input.bytes + input.from, length))
            return false;
        input.from += length;
    } while (reply->status < 200);
    return true;
}

static bool fetch(const char *text)
{
    struct url url, next;
    struct reply_head reply;
    if (!url_parse(text, &url))
        return fail(text, "not a URL of http://");
    for (int i = 0; i < REDIRECTS_MAX; i++) {
        if (!connect_to(&url) || !send_request(&url) || !read_head(&reply))
            return false;
        if (!is_redirect(&reply)) {
            bool whole = copy_body(&reply);
            if (reply.status >= 300)
                fprintf(stderr, "fetch: the server says %u\n", reply.status);
            return whole && reply.status < 300;
        }
        close(input.fd);
        if (!url_follow(&url, reply.location, &next))
            return fail(reply.location, "not a URL of http://");
        url = next;
    }
    return fail(text, "too many redirects");
}

int main(int argc, char **argv)
{
    show_head = argc == 3 && strcmp(argv[1], "-i") == 0;
    if (argc != (show_head ? 3 : 2)) {
        fprintf(stderr, "usage: fetch [-i] URL\n");
        return 2;
    }
    return fetch(argv[argc - 1]) ? 0 : 1;
}
