/* SPDX-License-Identifier: BSD-2-Clause */
/* Argument data whose descriptors get other numbers, or are not there after all. */
#ifndef SERVICES_INIT_ARGS_H
#define SERVICES_INIT_ARGS_H

#include "abi/argdata/argdata.h"

#define ARGS_MISSING UINT32_MAX

/* Appends VALUE to WRITER with descriptor I as NUMBER[I]. A missing one disappears: from a map with its key, elsewhere
 * as a null. EBADMSG: a descriptor that is not below COUNT, or malformed. */
cloudabi_errno_t args_renumber(struct argdata value, const cloudabi_fd_t *number, size_t count,
                               struct argdata_writer *writer) ARGDATA_CHECKED;

#endif
