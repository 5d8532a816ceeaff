/* SPDX-License-Identifier: BSD-2-Clause */
/* Replacing the program of the calling process. */
#ifndef KERNEL_PROC_EXEC_H
#define KERNEL_PROC_EXEC_H

#include "kernel/fd/table.h"

struct exec_request {
    struct file *file; /* a regular file, not open for writing */
    void *argdata;     /* from kmalloc */
    size_t argdata_len;
    cloudabi_fd_t *fds; /* from kmalloc */
    size_t fds_count;
};
/* On success it does not return: it frees what REQUEST owns, puts FILE (the reference of the caller's
 * caller, who never runs again) and enters the new program. On failure all that is the caller's. */
cloudabi_errno_t process_exec(struct exec_request *request);

#endif
