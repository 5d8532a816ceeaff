/* SPDX-License-Identifier: BSD-2-Clause */
/* Rewriting the text of a look-up. */
#include "kernel/fd/nametext.h"

#include "kernel/lib/string.h"

static size_t component_len(const char *text, size_t len)
{
    const char *slash = memchr(text, '/', len);
    return slash != NULL ? (size_t)(slash - text) : len;
}

static bool is_dotdot(const char *name, size_t len)
{
    return len == 2 && name[0] == '.' && name[1] == '.';
}

/* Appends one component. */
static cloudabi_errno_t append_one(struct name_text *text, const char *name, size_t len)
{
    size_t slash = text->len > 0;
    if (text->len + slash + len > NAME_TEXT_MAX)
        return CLOUDABI_ENAMETOOLONG;
    if (slash)
        text->bytes[text->len++] = '/';
    memcpy(text->bytes + text->len, name, len);
    text->len += len;
    text->has_dotdot |= is_dotdot(name, len);
    return 0;
}

/* Appends the components of PATH, dropping "." and empty ones. */
static cloudabi_errno_t append(struct name_text *text, const char *path, size_t path_len)
{
    while (path_len > 0) {
        size_t part = component_len(path, path_len);
        bool skip = part == 0 || (part == 1 && path[0] == '.');
        cloudabi_errno_t error = skip ? 0 : append_one(text, path, part);
        if (error != 0)
            return error;
        text->must_dir = skip || part < path_len; /* what counts is the end */
        text->ends_dot = part == 0 ? text->ends_dot : skip;
        size_t used = part < path_len ? part + 1 : part;
        path += used;
        path_len -= used;
    }
    return 0;
}

cloudabi_errno_t name_text_set(struct name_text *text, const char *path, size_t len)
{
    text->len = 0;
    text->must_dir = text->ends_dot = text->has_dotdot = false;
    return append(text, path, len);
}

size_t name_text_first(const struct name_text *text)
{
    return component_len(text->bytes, text->len);
}

bool name_text_first_is_dotdot(const struct name_text *text)
{
    return is_dotdot(text->bytes, name_text_first(text));
}

static bool find_dotdot(const char *at, size_t len)
{
    while (len > 0) {
        size_t part = component_len(at, len);
        if (is_dotdot(at, part))
            return true;
        size_t used = part < len ? part + 1 : part;
        at += used;
        len -= used;
    }
    return false;
}

void name_text_drop(struct name_text *text, size_t len)
{
    if (len < text->len)
        len++; /* the slash */
    text->len -= len;
    memmove(text->bytes, text->bytes + len, text->len);
    text->has_dotdot = text->has_dotdot && find_dotdot(text->bytes, text->len);
}

bool name_ends_component(const char *path, size_t path_len, size_t len)
{
    return len > 0 && len <= path_len && path[len - 1] != '/' &&
           (len == path_len || path[len] == '/');
}

cloudabi_errno_t name_text_replace(struct name_text *text, size_t consumed, const char *target,
                                   size_t target_len)
{
    if (target_len == 0)
        return CLOUDABI_ENOENT;
    if (target[0] == '/')
        return CLOUDABI_ENOTCAPABLE;
    if (memchr(target, '\0', target_len) != NULL)
        return CLOUDABI_EINVAL;
    struct name_text fresh;
    fresh.len = 0;
    fresh.must_dir = fresh.ends_dot = fresh.has_dotdot = false;
    size_t start = consumed;
    while (start > 0 && text->bytes[start - 1] != '/')
        start--;
    size_t rest = consumed < text->len ? text->len - consumed - 1 : 0;
    cloudabi_errno_t error = append(&fresh, text->bytes, start);
    if (error == 0)
        error = append(&fresh, target, target_len);
    if (error == 0)
        error = append(&fresh, text->bytes + text->len - rest, rest);
    if (error != 0)
        return error;
    /* The end is the target's only if nothing follows; and then what the text was said to be goes on. */
    fresh.must_dir = text->must_dir || (rest == 0 && fresh.must_dir);
    text->ends_dot = text->ends_dot || (rest == 0 && fresh.ends_dot);
    memcpy(text->bytes, fresh.bytes, fresh.len);
    text->len = fresh.len;
    text->must_dir = fresh.must_dir;
    text->has_dotdot = fresh.has_dotdot;
    return 0;
}
