/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/httpd/request.h"

#include <string.h>
#include <strings.h>

/* What the header lines have said so far. */
struct fields {
    unsigned minor; /* of the version: 1.0 or 1.1 */
    unsigned hosts;
    bool close, keep_alive;
    bool bad;
};

size_t http_head_length(const char *bytes, size_t length)
{
    const char *at = bytes;
    const char *end = bytes + length;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL)
            return 0;
        size_t line = (size_t)(line_end - at);
        if (at != bytes && (line == 0 || (line == 1 && *at == '\r')))
            return (size_t)(line_end + 1 - bytes);
        at = line_end + 1;
    }
    return 0;
}

static bool text_is(struct http_text text, const char *wanted)
{
    return text.length == strlen(wanted) && memcmp(text.bytes, wanted, text.length) == 0;
}

static bool text_is_word(struct http_text text, const char *wanted)
{
    return text.length == strlen(wanted) && strncasecmp(text.bytes, wanted, text.length) == 0;
}

/* The next line without its end; false after the last. */
static bool next_line(struct http_text *rest, struct http_text *line)
{
    const char *end = memchr(rest->bytes, '\n', rest->length);
    if (end == NULL)
        return false;
    size_t length = (size_t)(end - rest->bytes);
    *line = (struct http_text){rest->bytes, length};
    if (length > 0 && line->bytes[length - 1] == '\r')
        line->length--;
    rest->bytes += length + 1;
    rest->length -= length + 1;
    return true;
}

/* Splits off what stands before the first `separator`; all of it if there is none. */
static struct http_text split(struct http_text *rest, char separator)
{
    const char *at = memchr(rest->bytes, separator, rest->length);
    size_t length = at != NULL ? (size_t)(at - rest->bytes) : rest->length;
    struct http_text part = {rest->bytes, length};
    size_t used = length + (at != NULL);
    rest->bytes += used;
    rest->length -= used;
    return part;
}

static struct http_text trim(struct http_text text)
{
    while (text.length > 0 && (*text.bytes == ' ' || *text.bytes == '\t'))
        text.bytes++, text.length--;
    while (text.length > 0 &&
           (text.bytes[text.length - 1] == ' ' || text.bytes[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* --- the target --------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of the path, decoded; -1: none that may be in a name. */
static int next_byte(struct http_text *path)
{
    int byte = (unsigned char)*path->bytes;
    size_t used = 1;
    if (byte == '%') {
        if (path->length < 3 || hex_digit(path->bytes[1]) < 0 || hex_digit(path->bytes[2]) < 0)
            return -1;
        byte = hex_digit(path->bytes[1]) << 4 | hex_digit(path->bytes[2]);
        used = 3;
        if (byte == '/')
            return -1; /* a slash that was hidden is no separator and nothing else either */
    }
    path->bytes += used;
    path->length -= used;
    return byte < 0x20 || byte == 0x7f ? -1 : byte;
}

/* Ends a component that began at `start`; false: it leads out. */
static bool end_component(char *path, size_t start, size_t *length)
{
    size_t size = *length - start;
    if (size == 2 && memcmp(path + start, "..", 2) == 0)
        return false;
    if (size == 1 && path[start] == '.')
        *length = start;
    return true;
}

static unsigned read_path(struct http_text raw, struct http_request *request)
{
    size_t length = 0, start = 0;
    bool slash = true;
    while (raw.length > 0) {
        int byte = next_byte(&raw);
        if (byte < 0 || (byte == '/' && !end_component(request->path, start, &length)))
            return 400;
        slash = byte == '/';
        if (slash && length == start)
            continue;
        if (length == HTTP_PATH_MAX)
            return 414;
        request->path[length++] = (char)byte;
        if (slash)
            start = length;
    }
    if (!end_component(request->path, start, &length))
        return 400;
    request->directory = slash || length == start;
    if (length > 0 && request->path[length - 1] == '/')
        length--;
    request->path[length] = '\0';
    return 0;
}

/* "/path?query", "http://host/path?query". */
static unsigned read_target(struct http_text target, struct http_request *request)
{
    static const char scheme[] = "http://";
    const size_t size = sizeof(scheme) - 1;
    if (target.length > size && strncasecmp(target.bytes, scheme, size) == 0) {
        struct http_text rest = {target.bytes + size, target.length - size};
        const char *slash = memchr(rest.bytes, '/', rest.length);
        if (slash == NULL)
            return 400;
        target = (struct http_text){slash, rest.length - (size_t)(slash - rest.bytes)};
    }
    if (target.length == 0 || *target.bytes != '/')
        return 400;
    return read_path(split(&target, '?'), request);
}

static unsigned read_method(struct http_text method, struct http_request *request)
{
    static const char *const known[] = {"POST",    "PUT",   "DELETE", "CONNECT",
                                        "OPTIONS", "TRACE", "PATCH"};
    request->head_only = text_is(method, "HEAD");
    if (request->head_only || text_is(method, "GET"))
        return 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (text_is(method, known[i]))
            return 405;
    }
    return 501;
}

static unsigned read_request_line(struct http_text line, struct http_request *request,
                                  struct fields *fields)
{
    struct http_text method = split(&line, ' ');
    struct http_text target = split(&line, ' ');
    if (line.length != 8 || memcmp(line.bytes, "HTTP/", 5) != 0 || line.bytes[6] != '.')
        return 400;
    if (line.bytes[5] != '1' || line.bytes[7] < '0' || line.bytes[7] > '9')
        return 505;
    fields->minor = line.bytes[7] == '0' ? 0 : 1;
    unsigned status = read_method(method, request);
    return status != 0 ? status : read_target(target, request);
}

/* --- the fields --------------------------------------------------------------------------------- */

/* A number that ends the text or stands before something else; false: none, or too large. */
static bool read_number(struct http_text *text, uint64_t *number)
{
    uint64_t value = 0;
    size_t digits = 0;
    while (text->length > 0 && *text->bytes >= '0' && *text->bytes <= '9') {
        if (++digits > 18)
            return false;
        value = value * 10 + (uint64_t)(*text->bytes - '0');
        text->bytes++;
        text->length--;
    }
    *number = value;
    return digits > 0;
}

/* A range that is not understood, or more than one, is as good as none. */
static struct http_range read_range(struct http_text value)
{
    static const char unit[] = "bytes=";
    const size_t size = sizeof(unit) - 1;
    struct http_range range = {.kind = HTTP_RANGE_NONE}, none = range;
    if (value.length < size || strncasecmp(value.bytes, unit, size) != 0)
        return none;
    struct http_text text = {value.bytes + size, value.length - size};
    bool has_first = read_number(&text, &range.first);
    if (text.length == 0 || *text.bytes != '-')
        return none;
    text.bytes++;
    text.length--;
    bool has_last = read_number(&text, &range.last);
    if (text.length != 0 || (!has_first && !has_last) ||
        (has_first && has_last && range.last < range.first))
        return none;
    range.kind = !has_first ? HTTP_RANGE_LAST : has_last ? HTTP_RANGE_BETWEEN : HTTP_RANGE_FROM;
    return range;
}

static void read_connection(struct http_text value, struct fields *fields)
{
    while (value.length > 0) {
        struct http_text word = trim(split(&value, ','));
        fields->close |= text_is_word(word, "close");
        fields->keep_alive |= text_is_word(word, "keep-alive");
    }
}

static void read_field(struct http_text name, struct http_text value, struct http_request *request,
                       struct fields *fields)
{
    if (text_is_word(name, "host"))
        fields->hosts++;
    else if (text_is_word(name, "connection"))
        read_connection(value, fields);
    else if (text_is_word(name, "transfer-encoding"))
        request->has_body = true;
    else if (text_is_word(name, "content-length"))
        request->has_body |= !text_is(value, "0");
    else if (text_is_word(name, "range"))
        request->range = read_range(value);
    else if (text_is_word(name, "if-none-match"))
        request->if_none_match = value;
    else if (text_is_word(name, "if-modified-since"))
        request->if_modified_since = value;
    else if (text_is_word(name, "if-range"))
        request->if_range = value;
}

static bool is_token(struct http_text text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.bytes[i] <= ' ' || text.bytes[i] > '~' ||
            strchr("\"(),/:;<=>?@[\\]{}", text.bytes[i]) != NULL)
            return false;
    }
    return text.length > 0;
}

static bool has_control(struct http_text text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.bytes[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static unsigned read_fields(struct http_text rest, struct http_request *request,
                            struct fields *fields)
{
    struct http_text line;
    while (next_line(&rest, &line) && line.length > 0) {
        struct http_text value = line;
        struct http_text name = split(&value, ':');
        if (name.length == line.length || !is_token(name) || has_control(value))
            return 400;
        read_field(name, trim(value), request, fields);
    }
    return fields->hosts > 1 || (fields->minor == 1 && fields->hosts == 0) ? 400 : 0;
}

unsigned http_parse(const char *head, size_t length, struct http_request *request)
{
    struct http_text rest = {head, length}, line;
    struct fields fields = {.minor = 0};
    memset(request, 0, sizeof(*request));
    if (!next_line(&rest, &line) || has_control(line))
        return 400;
    unsigned status = read_request_line(line, request, &fields);
    if (status == 0)
        status = read_fields(rest, request, &fields);
    if (status == 0)
        request->keep_alive =
            !fields.close && !request->has_body && (fields.minor == 1 || fields.keep_alive);
    return status;
}

/* --- what they mean for a file ------------------------------------------------------------------ */

bool http_range_resolve(const struct http_range *range, uint64_t size, uint64_t *first,
                        uint64_t *count)
{
    uint64_t from = range->first, last = size - 1;
    if (range->kind == HTTP_RANGE_LAST) {
        if (range->last == 0)
            return false;
        from = range->last < size ? size - range->last : 0;
    } else if (range->kind == HTTP_RANGE_BETWEEN && range->last < last) {
        last = range->last;
    }
    if (size == 0 || from >= size)
        return false;
    *first = from;
    *count = last - from + 1;
    return true;
}

bool http_tag_matches(struct http_text list, const char *tag)
{
    if (list.bytes == NULL)
        return false;
    while (list.length > 0) {
        struct http_text one = trim(split(&list, ','));
        if (one.length > 2 && memcmp(one.bytes, "W/", 2) == 0)
            one = (struct http_text){one.bytes + 2, one.length - 2};
        if (text_is(one, "*") || text_is(one, tag))
            return true;
    }
    return false;
}
