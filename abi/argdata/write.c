/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writer of argument data (argdata.h). The length of a map or sequence is known only at its end: it is
 * then inserted before it, which moves what was written since.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/argdata/codec_priv.h"

#define LENGTH_MAX 10 /* bytes of an encoded length */

static void fail(struct argdata_writer *writer, cloudabi_errno_t error)
{
    if (writer->error == 0)
        writer->error = error;
}

/* Room for LEN more bytes. */
static bool reserve(struct argdata_writer *writer, size_t len)
{
    size_t capacity = writer->capacity;
    uint8_t *data;

    if (writer->error != 0)
        return false;
    if (len <= capacity - writer->len)
        return true;
    if (!writer->grows || len > SIZE_MAX / 4 || capacity > SIZE_MAX / 4) {
        fail(writer, writer->grows ? CLOUDABI_ENOMEM : CLOUDABI_ERANGE);
        return false;
    }
    capacity = 2 * capacity + len + 64;
    data = realloc(writer->data, capacity);
    if (data == NULL) {
        fail(writer, CLOUDABI_ENOMEM);
        return false;
    }
    writer->data = data;
    writer->capacity = capacity;
    return true;
}

static size_t encode_length(uint8_t out[LENGTH_MAX], size_t len)
{
    uint8_t reversed[LENGTH_MAX];
    size_t n = 0;

    reversed[n++] = (uint8_t)((len & 0x7f) | 0x80);
    while ((len >>= 7) != 0)
        reversed[n++] = len & 0x7f;
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    return n;
}

static void append(struct argdata_writer *writer, const void *data, size_t len)
{
    if (len > 0)
        memcpy(writer->data + writer->len, data, len);
    writer->len += len;
}

/* A value is about to come: count it. False: there must be none. */
static bool next_value(struct argdata_writer *writer)
{
    if (writer->depth == 0 && writer->done)
        fail(writer, CLOUDABI_EINVAL);
    if (writer->error != 0)
        return false;
    if (writer->depth == 0)
        writer->done = true;
    else
        writer->open[writer->depth - 1].count++;
    return true;
}

/* Make room for a complete value of LEN bytes, and write its length if it is an element. */
static bool begin_value(struct argdata_writer *writer, size_t len)
{
    uint8_t length[LENGTH_MAX];
    size_t length_len = 0;

    if (!next_value(writer))
        return false;
    if (writer->depth > 0)
        length_len = encode_length(length, len);
    if (len > SIZE_MAX - LENGTH_MAX || !reserve(writer, length_len + len)) {
        fail(writer, CLOUDABI_ENOMEM);
        return false;
    }
    append(writer, length, length_len);
    return true;
}

static void put(struct argdata_writer *writer, enum argdata_type type, const void *payload,
                size_t len)
{
    uint8_t byte = (uint8_t)type;

    if (len == SIZE_MAX)
        fail(writer, CLOUDABI_ENOMEM);
    if (!begin_value(writer, len + 1))
        return;
    append(writer, &byte, 1);
    append(writer, payload, len);
}

static void store(uint8_t *out, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

static void put_signed(struct argdata_writer *writer, enum argdata_type type, int64_t value)
{
    uint8_t bytes[8];
    size_t skip = 0;

    store(bytes, (uint64_t)value, 8);
    while (skip < 7 && ((bytes[skip] == 0x00 && bytes[skip + 1] < 0x80) ||
                        (bytes[skip] == 0xff && bytes[skip + 1] >= 0x80)))
        skip++;
    put(writer, type, bytes + skip, value == 0 ? 0 : 8 - skip);
}

void argdata_write_begin(struct argdata_writer *writer, void *buffer, size_t capacity)
{
    *writer = (struct argdata_writer){.data = buffer, .grows = buffer == NULL};
    writer->capacity = buffer == NULL ? 0 : capacity;
}

cloudabi_errno_t argdata_write_end(struct argdata_writer *writer, struct argdata *value)
{
    if (writer->depth != 0 || !writer->done)
        fail(writer, CLOUDABI_EINVAL);
    if (writer->error == 0)
        *value = argdata_from(writer->data, writer->len);
    return writer->error;
}

void argdata_write_free(struct argdata_writer *writer)
{
    if (writer->grows)
        free(writer->data);
    *writer = (struct argdata_writer){.error = CLOUDABI_EINVAL};
}

void argdata_write_binary(struct argdata_writer *writer, const void *data, size_t len)
{
    put(writer, ARGDATA_BINARY, data, len);
}

void argdata_write_bool(struct argdata_writer *writer, bool value)
{
    put(writer, ARGDATA_BOOL, "\1", value ? 1 : 0);
}

void argdata_write_fd(struct argdata_writer *writer, cloudabi_fd_t value)
{
    uint8_t bytes[4];

    store(bytes, value, sizeof(bytes));
    put(writer, ARGDATA_FD, bytes, sizeof(bytes));
}

void argdata_write_float(struct argdata_writer *writer, double value)
{
    uint64_t bits;
    uint8_t bytes[8];

    memcpy(&bits, &value, sizeof(bits));
    store(bytes, bits, sizeof(bytes));
    put(writer, ARGDATA_FLOAT, bytes, sizeof(bytes));
}

void argdata_write_int(struct argdata_writer *writer, int64_t value)
{
    put_signed(writer, ARGDATA_INT, value);
}

void argdata_write_uint(struct argdata_writer *writer, uint64_t value)
{
    uint8_t bytes[9] = {0};

    if (value <= INT64_MAX) {
        put_signed(writer, ARGDATA_INT, (int64_t)value);
        return;
    }
    store(bytes + 1, value, 8);
    put(writer, ARGDATA_INT, bytes, sizeof(bytes));
}

void argdata_write_timestamp(struct argdata_writer *writer, int64_t ns)
{
    put_signed(writer, ARGDATA_TIMESTAMP, ns);
}

void argdata_write_null(struct argdata_writer *writer)
{
    (void)begin_value(writer, 0);
}

void argdata_write_str_len(struct argdata_writer *writer, const char *value, size_t len)
{
    static const uint8_t type = ARGDATA_STR;

    if (!argdata_utf8_valid((const uint8_t *)value, len))
        fail(writer, CLOUDABI_EINVAL);
    if (len > SIZE_MAX - 2)
        fail(writer, CLOUDABI_ENOMEM);
    if (!begin_value(writer, len + 2))
        return;
    append(writer, &type, 1);
    append(writer, value, len);
    append(writer, "", 1);
}

void argdata_write_str(struct argdata_writer *writer, const char *value)
{
    argdata_write_str_len(writer, value, strlen(value));
}

void argdata_write_value(struct argdata_writer *writer, struct argdata value)
{
    if (argdata_check(value) != 0)
        fail(writer, CLOUDABI_EINVAL);
    if (begin_value(writer, value.len))
        append(writer, value.data, value.len);
}

static void open_container(struct argdata_writer *writer, enum argdata_type type)
{
    uint8_t byte = (uint8_t)type;

    if (writer->depth == ARGDATA_DEPTH_MAX)
        fail(writer, CLOUDABI_EINVAL);
    if (!next_value(writer) || !reserve(writer, 1))
        return;
    writer->open[writer->depth].start = writer->len;
    writer->open[writer->depth++].count = 0;
    append(writer, &byte, 1);
}

static void close_container(struct argdata_writer *writer, enum argdata_type type)
{
    uint8_t length[LENGTH_MAX];
    size_t start, length_len;

    if (writer->error == 0 &&
        (writer->depth == 0 || writer->data[writer->open[writer->depth - 1].start] != type))
        fail(writer, CLOUDABI_EINVAL);
    if (writer->error != 0)
        return;
    start = writer->open[--writer->depth].start;
    if (type == ARGDATA_MAP && writer->open[writer->depth].count % 2 != 0)
        fail(writer, CLOUDABI_EINVAL);
    if (writer->depth == 0)
        return;
    length_len = encode_length(length, writer->len - start);
    if (!reserve(writer, length_len))
        return;
    memmove(writer->data + start + length_len, writer->data + start, writer->len - start);
    memcpy(writer->data + start, length, length_len);
    writer->len += length_len;
}

void argdata_write_map_begin(struct argdata_writer *writer)
{
    open_container(writer, ARGDATA_MAP);
}

void argdata_write_map_end(struct argdata_writer *writer)
{
    close_container(writer, ARGDATA_MAP);
}

void argdata_write_seq_begin(struct argdata_writer *writer)
{
    open_container(writer, ARGDATA_SEQ);
}

void argdata_write_seq_end(struct argdata_writer *writer)
{
    close_container(writer, ARGDATA_SEQ);
}
