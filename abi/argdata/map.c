/* SPDX-License-Identifier: BSD-2-Clause */
/* Argument data: values of a map by key, and the check of a whole tree (argdata.h). */
#include <string.h>

#include "abi/argdata/codec_priv.h"

static bool key_is(struct argdata key, const char *wanted, size_t len)
{
    const char *text;
    size_t text_len;

    return argdata_get_str(key, &text, &text_len) == 0 && text_len == len &&
           memcmp(text, wanted, len) == 0;
}

cloudabi_errno_t argdata_map_get(struct argdata map, const char *key, struct argdata *value)
{
    struct argdata_iter iter = argdata_map_iter(map);
    struct argdata name, found;
    size_t len = strlen(key);

    while (argdata_map_next(&iter, &name, &found)) {
        if (key_is(name, key, len)) {
            *value = found;
            return 0;
        }
    }
    return iter.error != 0 ? iter.error : CLOUDABI_ENOENT;
}

cloudabi_errno_t argdata_map_get_binary(struct argdata map, const char *key, const void **data,
                                        size_t *len)
{
    struct argdata value;
    cloudabi_errno_t error = argdata_map_get(map, key, &value);

    return error != 0 ? error : argdata_get_binary(value, data, len);
}

cloudabi_errno_t argdata_map_get_str(struct argdata map, const char *key, const char **result,
                                     size_t *len)
{
    struct argdata value;
    cloudabi_errno_t error = argdata_map_get(map, key, &value);

    return error != 0 ? error : argdata_get_str(value, result, len);
}

cloudabi_errno_t argdata_map_get_null(struct argdata map, const char *key)
{
    struct argdata value;
    cloudabi_errno_t error = argdata_map_get(map, key, &value);

    return error != 0 ? error : argdata_get_null(value);
}

/* The getters with one result differ in its type only. */
#define MAP_GETTER(name, type)                                                                 \
    cloudabi_errno_t argdata_map_get_##name(struct argdata map, const char *key, type *result) \
    {                                                                                          \
        struct argdata value;                                                                  \
        cloudabi_errno_t error = argdata_map_get(map, key, &value);                            \
                                                                                               \
        return error != 0 ? error : argdata_get_##name(value, result);                         \
    }

MAP_GETTER(bool, bool)
MAP_GETTER(fd, cloudabi_fd_t)
MAP_GETTER(float, double)
MAP_GETTER(int, int64_t)
MAP_GETTER(uint, uint64_t)
MAP_GETTER(map, struct argdata)
MAP_GETTER(seq, struct argdata)
MAP_GETTER(timestamp, int64_t)

static bool check_scalar(struct argdata value)
{
    union {
        bool boolean;
        cloudabi_fd_t fd;
        double number;
        int64_t integer;
    } any;
    const char *text;
    size_t len;
    cloudabi_errno_t error;

    switch (argdata_type(value)) {
    case ARGDATA_NULL:
    case ARGDATA_BINARY:
        return true;
    case ARGDATA_BOOL:
        return argdata_get_bool(value, &any.boolean) == 0;
    case ARGDATA_FD:
        return argdata_get_fd(value, &any.fd) == 0;
    case ARGDATA_FLOAT:
        return argdata_get_float(value, &any.number) == 0;
    case ARGDATA_STR:
        return argdata_get_str(value, &text, &len) == 0;
    case ARGDATA_INT:
        error = argdata_get_int(value, &any.integer);
        break;
    case ARGDATA_TIMESTAMP:
        error = argdata_get_timestamp(value, &any.integer);
        break;
    default:
        return false;
    }
    return error == 0 || error == CLOUDABI_ERANGE;
}

/*
 * Walks the tree without recursion. A map is walked as a sequence of keys and values, of which there must
 * be an even number.
 */
cloudabi_errno_t argdata_check(struct argdata value)
{
    struct argdata_iter open[ARGDATA_DEPTH_MAX];
    bool is_map[ARGDATA_DEPTH_MAX], odd[ARGDATA_DEPTH_MAX];
    unsigned depth = 0;

    for (;;) {
        enum argdata_type type = argdata_type(value);

        if (type == ARGDATA_MAP || type == ARGDATA_SEQ) {
            if (depth == ARGDATA_DEPTH_MAX)
                return CLOUDABI_EBADMSG;
            open[depth] = type == ARGDATA_MAP ? argdata_map_iter(value) : argdata_seq_iter(value);
            is_map[depth] = type == ARGDATA_MAP;
            odd[depth++] = false;
        } else if (!check_scalar(value)) {
            return CLOUDABI_EBADMSG;
        }
        while (depth > 0 && !argdata_seq_next(&open[depth - 1], &value)) {
            depth--;
            if (open[depth].error != 0 || (is_map[depth] && odd[depth]))
                return CLOUDABI_EBADMSG;
        }
        if (depth == 0)
            return 0;
        odd[depth - 1] = !odd[depth - 1];
    }
}
