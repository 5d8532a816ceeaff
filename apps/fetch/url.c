/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/fetch/url.h"

#include <string.h>
#include <strings.h>

static bool plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return false;
    }
    return true;
}

static bool copy_part(const char *from, size_t length, char *to, size_t size)
{
    if (length == 0 || length >= size || !plain(from, length))
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

static bool read_port(const char *text, size_t length, struct url *url)
{
    unsigned long port = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (unsigned long)(text[i] - '0');
        if (port > 65535)
            return false;
    }
    return port != 0 && copy_part(text, length, url->port, sizeof(url->port));
}

/* "HOST", "HOST:PORT", "[ADDRESS]:PORT". */
static bool read_authority(const char *text, size_t length, struct url *url)
{
    const char *end = text + length;
    const char *host_end, *rest;
    if (length > 0 && *text == '[') {
        host_end = memchr(++text, ']', length - 1);
        if (host_end == NULL)
            return false;
        rest = host_end + 1;
    } else {
        host_end = memchr(text, ':', length);
        rest = host_end = host_end != NULL ? host_end : end;
    }
    if (!copy_part(text, (size_t)(host_end - text), url->host, sizeof(url->host)) ||
        strchr(url->host, '@') != NULL)
        return false;
    strcpy(url->port, "80");
    if (rest == end)
        return true;
    return *rest == ':' && read_port(rest + 1, (size_t)(end - rest - 1), url);
}

static bool read_target(const char *text, struct url *url)
{
    size_t length = strcspn(text, "#");
    size_t slash = length == 0 || *text != '/';
    url->target[0] = '/';
    if (length + slash >= sizeof(url->target) || !plain(text, length))
        return false;
    memcpy(url->target + slash, text, length);
    url->target[length + slash] = '\0';
    return true;
}

bool url_parse(const char *text, struct url *url)
{
    static const char scheme[] = "http://";
    const size_t size = sizeof(scheme) - 1;
    if (strncasecmp(text, scheme, size) != 0)
        return false;
    text += size;
    size_t authority = strcspn(text, "/?#");
    return read_authority(text, authority, url) && read_target(text + authority, url);
}

bool url_follow(const struct url *base, const char *location, struct url *url)
{
    if (*location != '/')
        return url_parse(location, url);
    if (location[1] == '/')
        return false;
    *url = *base;
    return read_target(location, url);
}

/* --- answers ------------------------------------------------------------------------------------ */

static bool number(const char *text, size_t length, unsigned base, uint64_t *value)
{
    uint64_t sum = 0;
    if (length == 0 || length > 15)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i] | 0x20;
        unsigned digit = text[i] >= '0' && text[i] <= '9'     ? (unsigned)(text[i] - '0')
                         : base == 16 && c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                              : 99;
        if (digit >= base)
            return false;
        sum = sum * base + digit;
    }
    *value = sum;
    return true;
}

bool chunk_parse(const char *line, size_t length, uint64_t *size)
{
    size_t digits = 0;
    while (digits < length && line[digits] != ';' && line[digits] != ' ' && line[digits] != '\r')
        digits++;
    return number(line, digits, 16, size);
}

/* "HTTP/1.x NNN ..." */
static bool read_status(const char *line, size_t length, struct reply_head *reply)
{
    uint64_t status;
    if (length < 12 || memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ' ||
        !number(line + 9, 3, 10, &status))
        return false;
    reply->status = (unsigned)status;
    return length == 12 || line[12] == ' ';
}

static bool read_field(const char *line, size_t length, struct reply_head *reply)
{
    const char *colon = memchr(line, ':', length);
    if (colon == NULL)
        return false;
    size_t name = (size_t)(colon - line);
    const char *value = colon + 1;
    size_t size = length - name - 1;
    while (size > 0 && (*value == ' ' || *value == '\t'))
        value++, size--;
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    if (name == 14 && strncasecmp(line, "content-length", name) == 0)
        return reply->has_length = number(value, size, 10, &reply->length);
    if (name == 17 && strncasecmp(line, "transfer-encoding", name) == 0)
        return reply->chunked = size == 7 && strncasecmp(value, "chunked", 7) == 0;
    if (name == 8 && strncasecmp(line, "location", name) == 0)
        return copy_part(value, size, reply->location, sizeof(reply->location));
    return true;
}

bool reply_parse(const char *head, size_t length, struct reply_head *reply)
{
    memset(reply, 0, sizeof(*reply));
    for (bool first = true; length > 0; first = false) {
        const char *end = memchr(head, '\n', length);
        if (end == NULL)
            return false;
        size_t line = (size_t)(end - head);
        size_t content = line > 0 && head[line - 1] == '\r' ? line - 1 : line;
        if (content == 0)
            return !first;
        if (!(first ? read_status(head, content, reply) : read_field(head, content, reply)))
            return false;
        head += line + 1;
        length -= line + 1;
    }
    return false;
}
