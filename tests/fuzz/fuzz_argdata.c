/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Argument data from anybody: every getter on every value within bounds; and what argdata_check() accepts,
 * written again value by value, has the same meaning and is accepted again.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/argdata/argdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(struct argdata value)
{
    const void *bytes;
    const char *text;
    size_t len;
    bool boolean;
    cloudabi_fd_t fd;
    double number;
    int64_t integer;
    uint64_t natural;

    if (argdata_get_binary(value, &bytes, &len) == 0 && len != value.len - 1)
        abort();
    if (argdata_get_str(value, &text, &len) == 0 && text[len] != '\0')
        abort();
    if (argdata_get_str(value, &text, NULL) == 0 && strlen(text) != value.len - 2)
        abort();
    (void)!argdata_get_bool(value, &boolean);
    (void)!argdata_get_fd(value, &fd);
    (void)!argdata_get_float(value, &number);
    if (argdata_get_int(value, &integer) == 0 && integer >= 0 &&
        (argdata_get_uint(value, &natural) != 0 || natural != (uint64_t)integer))
        abort();
    (void)!argdata_get_timestamp(value, &integer);
    (void)!argdata_map_get(value, "key", &value);
}

static void copy(struct argdata_writer *writer, struct argdata value)
{
    struct argdata_iter iter;
    struct argdata key;

    look_at(value);
    switch (argdata_type(value)) {
    case ARGDATA_MAP:
        argdata_write_map_begin(writer);
        for (iter = argdata_map_iter(value); argdata_map_next(&iter, &key, &value);) {
            copy(writer, key);
            copy(writer, value);
        }
        argdata_write_map_end(writer);
        break;
    case ARGDATA_SEQ:
        argdata_write_seq_begin(writer);
        for (iter = argdata_seq_iter(value); argdata_seq_next(&iter, &value);)
            copy(writer, value);
        argdata_write_seq_end(writer);
        break;
    default:
        argdata_write_value(writer, value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct argdata value = argdata_from(data, size), again;
    struct argdata_writer writer;

    look_at(value);
    if (argdata_check(value) != 0)
        return 0;
    argdata_write_begin(&writer, NULL, 0);
    copy(&writer, value);
    /* Only needlessly long lengths are not written again as they were. */
    if (argdata_write_end(&writer, &again) != 0 || again.len > size || argdata_check(again) != 0)
        abort();
    argdata_write_free(&writer);
    return 0;
}
