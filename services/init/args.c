/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/init/args.h"

struct renumber {
    const cloudabi_fd_t *number;
    size_t count;
    struct argdata_writer *writer;
};

static cloudabi_errno_t copy(const struct renumber *to, struct argdata value);

/* The new number of a descriptor. False: VALUE is something else. */
static bool new_number(const struct renumber *to, struct argdata value, cloudabi_fd_t *number,
                       cloudabi_errno_t *error)
{
    cloudabi_fd_t old;
    if (argdata_type(value) != ARGDATA_FD)
        return false;
    *error = argdata_get_fd(value, &old);
    if (*error == 0 && old >= to->count)
        *error = CLOUDABI_EBADMSG;
    *number = *error == 0 ? to->number[old] : ARGS_MISSING;
    return true;
}

static cloudabi_errno_t copy_map(const struct renumber *to, struct argdata map)
{
    struct argdata_iter iter = argdata_map_iter(map);
    struct argdata key, value;
    cloudabi_errno_t error = 0;
    argdata_write_map_begin(to->writer);
    while (error == 0 && argdata_map_next(&iter, &key, &value)) {
        cloudabi_fd_t number = 0;
        if (new_number(to, value, &number, &error) && number == ARGS_MISSING)
            continue;
        argdata_write_value(to->writer, key);
        error = copy(to, value);
    }
    argdata_write_map_end(to->writer);
    return error != 0 ? error : iter.error;
}

static cloudabi_errno_t copy_seq(const struct renumber *to, struct argdata seq)
{
    struct argdata_iter iter = argdata_seq_iter(seq);
    struct argdata value;
    cloudabi_errno_t error = 0;
    argdata_write_seq_begin(to->writer);
    while (error == 0 && argdata_seq_next(&iter, &value))
        error = copy(to, value);
    argdata_write_seq_end(to->writer);
    return error != 0 ? error : iter.error;
}

static cloudabi_errno_t copy(const struct renumber *to, struct argdata value)
{
    cloudabi_errno_t error = 0;
    cloudabi_fd_t number;
    if (new_number(to, value, &number, &error)) {
        if (number == ARGS_MISSING)
            argdata_write_null(to->writer);
        else
            argdata_write_fd(to->writer, number);
        return error;
    }
    if (to->writer->error != 0) /* also: too deep, so that this ends */
        return to->writer->error;
    if (argdata_type(value) == ARGDATA_MAP)
        return copy_map(to, value);
    if (argdata_type(value) == ARGDATA_SEQ)
        return copy_seq(to, value);
    argdata_write_value(to->writer, value);
    return 0;
}

cloudabi_errno_t args_renumber(struct argdata value, const cloudabi_fd_t *number, size_t count,
                               struct argdata_writer *writer)
{
    const struct renumber to = {number, count, writer};
    return copy(&to, value);
}
