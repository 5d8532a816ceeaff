/* SPDX-License-Identifier: BSD-2-Clause */
/* Reader of argument data (argdata.h). The bytes are hostile: no length is believed before it is compared. */
#include <string.h>

#include "abi/argdata/codec_priv.h"

enum argdata_type argdata_type(struct argdata value)
{
    if (value.len == 0)
        return ARGDATA_NULL;
    if (value.data[0] < ARGDATA_BINARY || value.data[0] > ARGDATA_TIMESTAMP)
        return ARGDATA_TYPES;
    return (enum argdata_type)value.data[0];
}

/* EINVAL unless the value has this type (not null); else its payload. */
static cloudabi_errno_t payload_of(struct argdata value, enum argdata_type type,
                                   struct argdata *payload)
{
    if (argdata_type(value) == ARGDATA_TYPES)
        return CLOUDABI_EBADMSG;
    if (argdata_type(value) != type)
        return CLOUDABI_EINVAL;
    *payload = argdata_from(value.data + 1, value.len - 1);
    return 0;
}

/* Big-endian; at most 8 bytes. */
static uint64_t read_bytes(const uint8_t *data, size_t len)
{
    uint64_t result = 0;

    for (size_t i = 0; i < len; i++)
        result = result << 8 | data[i];
    return result;
}

/* Take the next element off; EBADMSG if its length is cut off or reaches beyond the rest. */
static cloudabi_errno_t take(struct argdata *rest, struct argdata *element)
{
    size_t len = 0, i = 0;

    do {
        if (i == rest->len || len > SIZE_MAX >> 7)
            return CLOUDABI_EBADMSG;
        len = len << 7 | (rest->data[i] & 0x7f);
    } while (!(rest->data[i++] & 0x80));
    if (len > rest->len - i)
        return CLOUDABI_EBADMSG;
    *element = argdata_from(rest->data + i, len);
    *rest = argdata_from(rest->data + i + len, rest->len - i - len);
    return 0;
}

cloudabi_errno_t argdata_get_binary(struct argdata value, const void **data, size_t *len)
{
    struct argdata payload;
    cloudabi_errno_t error = payload_of(value, ARGDATA_BINARY, &payload);

    if (error != 0)
        return error;
    *data = payload.data;
    *len = payload.len;
    return 0;
}

cloudabi_errno_t argdata_get_bool(struct argdata value, bool *result)
{
    struct argdata payload;
    cloudabi_errno_t error = payload_of(value, ARGDATA_BOOL, &payload);

    if (error != 0)
        return error;
    if (payload.len > 1 || (payload.len == 1 && payload.data[0] != 1))
        return CLOUDABI_EBADMSG;
    *result = payload.len == 1;
    return 0;
}

cloudabi_errno_t argdata_get_fd(struct argdata value, cloudabi_fd_t *result)
{
    struct argdata payload;
    cloudabi_errno_t error = payload_of(value, ARGDATA_FD, &payload);

    if (error != 0)
        return error;
    if (payload.len != 4)
        return CLOUDABI_EBADMSG;
    *result = (cloudabi_fd_t)read_bytes(payload.data, 4);
    return 0;
}

cloudabi_errno_t argdata_get_float(struct argdata value, double *result)
{
    struct argdata payload;
    cloudabi_errno_t error = payload_of(value, ARGDATA_FLOAT, &payload);
    uint64_t bits;

    if (error != 0)
        return error;
    if (payload.len != sizeof(bits))
        return CLOUDABI_EBADMSG;
    bits = read_bytes(payload.data, sizeof(bits));
    memcpy(result, &bits, sizeof(bits));
    return 0;
}

/* The payload of an integer, which must have no needless byte: zero has none at all. */
static cloudabi_errno_t integer(struct argdata value, enum argdata_type type,
                                struct argdata *payload)
{
    cloudabi_errno_t error = payload_of(value, type, payload);
    const uint8_t *data = payload->data;

    if (error != 0 || payload->len == 0)
        return error;
    if (payload->len == 1)
        return data[0] == 0 ? CLOUDABI_EBADMSG : 0;
    if ((data[0] == 0x00 && data[1] < 0x80) || (data[0] == 0xff && data[1] >= 0x80))
        return CLOUDABI_EBADMSG;
    return 0;
}

static cloudabi_errno_t get_signed(struct argdata value, enum argdata_type type, int64_t *result)
{
    struct argdata payload = {NULL, 0};
    cloudabi_errno_t error = integer(value, type, &payload);
    uint64_t bits;

    if (error != 0)
        return error;
    if (payload.len > 8)
        return CLOUDABI_ERANGE;
    bits = read_bytes(payload.data, payload.len);
    if (payload.len > 0 && payload.len < 8 && payload.data[0] >= 0x80)
        bits |= UINT64_MAX << (8 * payload.len);
    *result = (int64_t)bits;
    return 0;
}

cloudabi_errno_t argdata_get_int(struct argdata value, int64_t *result)
{
    return get_signed(value, ARGDATA_INT, result);
}

cloudabi_errno_t argdata_get_timestamp(struct argdata value, int64_t *ns)
{
    return get_signed(value, ARGDATA_TIMESTAMP, ns);
}

cloudabi_errno_t argdata_get_uint(struct argdata value, uint64_t *result)
{
    struct argdata payload = {NULL, 0};
    cloudabi_errno_t error = integer(value, ARGDATA_INT, &payload);

    if (error != 0)
        return error;
    /* A ninth byte is there only to say that the number is not negative. */
    if (payload.len > 9 || (payload.len == 9 && payload.data[0] != 0))
        return CLOUDABI_ERANGE;
    if (payload.len > 0 && payload.data[0] >= 0x80)
        return CLOUDABI_ERANGE;
    *result = read_bytes(payload.data, payload.len);
    return 0;
}

cloudabi_errno_t argdata_get_null(struct argdata value)
{
    return value.len == 0 ? 0 : CLOUDABI_EINVAL;
}

cloudabi_errno_t argdata_get_str(struct argdata value, const char **result, size_t *len)
{
    struct argdata payload;
    cloudabi_errno_t error = payload_of(value, ARGDATA_STR, &payload);

    if (error != 0)
        return error;
    if (payload.len == 0 || payload.data[payload.len - 1] != 0)
        return CLOUDABI_EBADMSG;
    if (!argdata_utf8_valid(payload.data, payload.len - 1))
        return CLOUDABI_EBADMSG;
    if (len == NULL && memchr(payload.data, 0, payload.len - 1) != NULL)
        return CLOUDABI_ERANGE;
    *result = (const char *)payload.data;
    if (len != NULL)
        *len = payload.len - 1;
    return 0;
}

cloudabi_errno_t argdata_get_map(struct argdata value, struct argdata *result)
{
    if (argdata_type(value) != ARGDATA_MAP)
        return CLOUDABI_EINVAL;
    *result = value;
    return 0;
}

cloudabi_errno_t argdata_get_seq(struct argdata value, struct argdata *result)
{
    if (argdata_type(value) != ARGDATA_SEQ)
        return CLOUDABI_EINVAL;
    *result = value;
    return 0;
}

static struct argdata_iter iter_of(struct argdata value, enum argdata_type type)
{
    struct argdata_iter iter = {{NULL, 0}, 0};

    iter.error = payload_of(value, type, &iter.rest);
    return iter;
}

struct argdata_iter argdata_map_iter(struct argdata map)
{
    return iter_of(map, ARGDATA_MAP);
}

struct argdata_iter argdata_seq_iter(struct argdata seq)
{
    return iter_of(seq, ARGDATA_SEQ);
}

bool argdata_seq_next(struct argdata_iter *iter, struct argdata *element)
{
    if (iter->error != 0 || iter->rest.len == 0)
        return false;
    iter->error = take(&iter->rest, element);
    return iter->error == 0;
}

bool argdata_map_next(struct argdata_iter *iter, struct argdata *key, struct argdata *value)
{
    if (!argdata_seq_next(iter, key))
        return false;
    iter->error = take(&iter->rest, value);
    return iter->error == 0;
}
