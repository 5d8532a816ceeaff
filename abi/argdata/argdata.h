/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Argument data: the bytes with which a program is started, a tree of values in the manner of YAML.
 *
 * A value is one type byte and a payload; no bytes at all are null. Each element of a map or a sequence is
 * preceded by its length, 7 bits a byte, most significant first, the last byte with bit 7 set. Integers are
 * big-endian two's complement without needless bytes (zero has none). A descriptor is its number.
 *
 * Reading copies nothing: a value is a view of the caller's bytes, which may come from anybody. Every
 * function stays within the view. What is looked at is checked; argdata_check() checks a whole tree.
 *
 * Errors: EINVAL the value has another type; EBADMSG it is malformed; ERANGE it is well-formed but does not
 * fit the result; ENOENT no such key; ENOMEM. Results are stored only on success.
 */
#ifndef ABI_ARGDATA_H
#define ABI_ARGDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/cloudabi_types.h"

#define ARGDATA_DEPTH_MAX 32 /* of maps and sequences within each other */
#define ARGDATA_CHECKED   __attribute__((warn_unused_result))

enum argdata_type {
    ARGDATA_NULL,
    ARGDATA_BINARY,
    ARGDATA_BOOL,
    ARGDATA_FD,
    ARGDATA_FLOAT,
    ARGDATA_INT,
    ARGDATA_MAP,
    ARGDATA_SEQ,
    ARGDATA_STR,
    ARGDATA_TIMESTAMP,
    ARGDATA_TYPES /* also stands for a type byte that is none */
};

/* A value: a view, passed by value. */
struct argdata {
    const uint8_t *data;
    size_t len;
};

static inline struct argdata argdata_from(const void *data, size_t len)
{
    return (struct argdata){data, len};
}

enum argdata_type argdata_type(struct argdata value);
/* The whole tree: types, payloads, UTF-8, keys with values, depth. 0 or EBADMSG. */
cloudabi_errno_t argdata_check(struct argdata value) ARGDATA_CHECKED;

cloudabi_errno_t argdata_get_binary(struct argdata value, const void **data,
                                    size_t *len) ARGDATA_CHECKED;
cloudabi_errno_t argdata_get_bool(struct argdata value, bool *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_get_fd(struct argdata value, cloudabi_fd_t *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_get_float(struct argdata value, double *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_get_int(struct argdata value, int64_t *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_get_uint(struct argdata value, uint64_t *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_get_map(struct argdata value, struct argdata *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_get_null(struct argdata value) ARGDATA_CHECKED;
cloudabi_errno_t argdata_get_seq(struct argdata value, struct argdata *result) ARGDATA_CHECKED;
/* A NUL-terminated string inside the view. LEN may be NULL; then a NUL inside is ERANGE. */
cloudabi_errno_t argdata_get_str(struct argdata value, const char **result,
                                 size_t *len) ARGDATA_CHECKED;
/* Nanoseconds since 1970; what 64 bits do not hold is ERANGE. */
cloudabi_errno_t argdata_get_timestamp(struct argdata value, int64_t *ns) ARGDATA_CHECKED;

/* The elements of a map or sequence, in their order. */
struct argdata_iter {
    struct argdata rest;
    cloudabi_errno_t error; /* after the last element: 0, or EBADMSG */
};

/* If the value is no map (sequence) there are no elements and `error` is EINVAL. */
struct argdata_iter argdata_map_iter(struct argdata map);
struct argdata_iter argdata_seq_iter(struct argdata seq);
/* False at the end. */
bool argdata_map_next(struct argdata_iter *iter, struct argdata *key,
                      struct argdata *value) ARGDATA_CHECKED;
bool argdata_seq_next(struct argdata_iter *iter, struct argdata *element) ARGDATA_CHECKED;

/* The value of the first key that is this string. */
cloudabi_errno_t argdata_map_get(struct argdata map, const char *key,
                                 struct argdata *value) ARGDATA_CHECKED;
/* The same, then as above. */
cloudabi_errno_t argdata_map_get_binary(struct argdata map, const char *key, const void **data,
                                        size_t *len) ARGDATA_CHECKED;
cloudabi_errno_t argdata_map_get_bool(struct argdata map, const char *key,
                                      bool *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_map_get_fd(struct argdata map, const char *key,
                                    cloudabi_fd_t *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_map_get_float(struct argdata map, const char *key,
                                       double *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_map_get_int(struct argdata map, const char *key,
                                     int64_t *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_map_get_uint(struct argdata map, const char *key,
                                      uint64_t *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_map_get_map(struct argdata map, const char *key,
                                     struct argdata *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_map_get_null(struct argdata map, const char *key) ARGDATA_CHECKED;
cloudabi_errno_t argdata_map_get_seq(struct argdata map, const char *key,
                                     struct argdata *result) ARGDATA_CHECKED;
cloudabi_errno_t argdata_map_get_str(struct argdata map, const char *key, const char **result,
                                     size_t *len) ARGDATA_CHECKED;
cloudabi_errno_t argdata_map_get_timestamp(struct argdata map, const char *key,
                                           int64_t *ns) ARGDATA_CHECKED;

/*
 * Writing. Calls append one value each; within a map, keys and values in turn. The first error stays and
 * makes the rest do nothing, so that it is enough to look at what argdata_write_end() returns.
 */
struct argdata_writer {
    uint8_t *data;
    size_t len, capacity;
    bool grows; /* data is ours, from malloc */
    cloudabi_errno_t error;
    unsigned depth;
    bool done; /* the one value at the top is complete */
    struct {
        size_t start; /* of the type byte */
        size_t count; /* elements so far */
    } open[ARGDATA_DEPTH_MAX];
};

/* Write to BUFFER (too small: ERANGE), or if it is NULL to memory that grows. */
void argdata_write_begin(struct argdata_writer *writer, void *buffer, size_t capacity);
/* The complete value, valid until argdata_write_free(). EINVAL: unbalanced, no value, a key without a
 * value, two values at the top, or a string that is not UTF-8. */
cloudabi_errno_t argdata_write_end(struct argdata_writer *writer,
                                   struct argdata *value) ARGDATA_CHECKED;
void argdata_write_free(struct argdata_writer *writer);

void argdata_write_binary(struct argdata_writer *writer, const void *data, size_t len);
void argdata_write_bool(struct argdata_writer *writer, bool value);
void argdata_write_fd(struct argdata_writer *writer, cloudabi_fd_t value);
void argdata_write_float(struct argdata_writer *writer, double value);
void argdata_write_int(struct argdata_writer *writer, int64_t value);
void argdata_write_uint(struct argdata_writer *writer, uint64_t value);
void argdata_write_null(struct argdata_writer *writer);
void argdata_write_str(struct argdata_writer *writer, const char *value);
void argdata_write_str_len(struct argdata_writer *writer, const char *value, size_t len);
void argdata_write_timestamp(struct argdata_writer *writer, int64_t ns);
/* A value that was read elsewhere, as it is. */
void argdata_write_value(struct argdata_writer *writer, struct argdata value);

void argdata_write_map_begin(struct argdata_writer *writer);
void argdata_write_map_end(struct argdata_writer *writer);
void argdata_write_seq_begin(struct argdata_writer *writer);
void argdata_write_seq_end(struct argdata_writer *writer);

#endif
