/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reader of argument bytes (contract of the ABI, section 12) for the start-up code, which must work
 * before malloc does and without the argdata library. Every view stays inside the bytes it was
 * made from; malformed bytes end an iteration or fail a conversion, and nothing else.
 */
#ifndef LIBC_START_ARGBYTES_H
#define LIBC_START_ARGBYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARG_BINARY = 1, ARG_BOOL, ARG_FD, ARG_FLOAT, ARG_INT, ARG_MAP, ARG_SEQ, ARG_STR, ARG_TIME };

struct arg_view {
    const unsigned char *data;
    size_t len;
};

/* The elements of a map (keys and values in turn) or of a sequence; empty for any other type. */
static inline struct arg_view arg_elements(struct arg_view v, int type)
{
    if (v.len == 0 || v.data[0] != type)
        return (struct arg_view){NULL, 0};
    return (struct arg_view){v.data + 1, v.len - 1};
}

/* Take the next element off REST; false at the end or if its length runs past the end. */
static inline bool arg_next(struct arg_view *rest, struct arg_view *element)
{
    size_t len = 0;
    size_t i = 0;

    do {
        if (i >= rest->len || i >= 8)
            return false;
        len = len << 7 | (rest->data[i] & 0x7f);
    } while ((rest->data[i++] & 0x80) == 0);
    if (len > rest->len - i)
        return false;
    *element = (struct arg_view){rest->data + i, len};
    *rest = (struct arg_view){rest->data + i + len, rest->len - i - len};
    return true;
}

/* A string, NUL-terminated in place; NULL if it is none or holds another NUL. */
static inline const char *arg_str(struct arg_view v)
{
    if (v.len < 2 || v.data[0] != ARG_STR || v.data[v.len - 1] != '\0')
        return NULL;
    for (size_t i = 1; i < v.len - 1; i++) {
        if (v.data[i] == '\0')
            return NULL;
    }
    return (const char *)v.data + 1;
}

/* A descriptor; -1 if it is none. */
static inline int arg_fd(struct arg_view v)
{
    if (v.len != 5 || v.data[0] != ARG_FD || v.data[1] > 0x7f)
        return -1;
    return v.data[1] << 24 | v.data[2] << 16 | v.data[3] << 8 | v.data[4];
}

#endif
