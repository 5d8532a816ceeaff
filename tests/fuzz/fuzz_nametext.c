/* SPDX-License-Identifier: BSD-2-Clause */
/* A path, then links found on the way, one a line: whatever is done to a text, it stays what its header says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/fd/nametext.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check(const struct name_text *text)
{
    require(text->len <= NAME_TEXT_MAX);
    require(memchr(text->bytes, '\0', text->len) == NULL);
    struct name_text rest = *text;
    bool dotdot = false;
    while (rest.len > 0) {
        size_t part = name_text_first(&rest), before = rest.len;
        require(part > 0 && !(part == 1 && rest.bytes[0] == '.'));
        require(name_ends_component(rest.bytes, rest.len, part));
        require(part == rest.len || part + 1 < rest.len); /* nothing ends in a slash */
        dotdot = dotdot || (part == 2 && memcmp(rest.bytes, "..", 2) == 0);
        name_text_drop(&rest, part);
        require(rest.len < before);
    }
    require(text->has_dotdot == dotdot);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const char *at = (const char *)input;
    struct name_text text;
    name_text_set(&text, "", 0);
    for (bool first = true; size > 0; first = false) {
        const char *end = memchr(at, '\n', size);
        size_t len = end != NULL ? (size_t)(end - at) : size;
        if (first) {
            if (memchr(at, '\0', len) != NULL || name_text_set(&text, at, len) != 0)
                return 0;
        } else if (len > 0) { /* the first byte says which component is the link */
            size_t consumed = (unsigned char)at[0];
            struct name_text before = text;
            if (name_ends_component(text.bytes, text.len, consumed) &&
                name_text_replace(&text, consumed, at + 1, len - 1) != 0)
                require(text.len == before.len && memcmp(text.bytes, before.bytes, text.len) == 0);
        }
        check(&text);
        size -= end != NULL ? len + 1 : len;
        at += len + 1;
    }
    return 0;
}
