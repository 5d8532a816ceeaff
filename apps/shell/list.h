/* SPDX-License-Identifier: BSD-2-Clause */
/* The names in a directory, sorted. */
#ifndef APPS_SHELL_LIST_H
#define APPS_SHELL_LIST_H

#include <stddef.h>

#include "abi/cloudabi_types.h"

struct listing {
    char **names;
    size_t count, room;
};

/* Adds all names of the directory FD but `.` and `..`. To be freed even after an error. */
cloudabi_errno_t listing_read(struct listing *list, int fd);
void listing_free(struct listing *list);

#endif
