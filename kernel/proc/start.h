/* SPDX-License-Identifier: BSD-2-Clause */
/* New processes and threads, as the system calls make them. */
#ifndef KERNEL_PROC_START_H
#define KERNEL_PROC_START_H

#include "kernel/proc/process.h"

/* Copies the calling process with the calling thread. The child runs already when this returns its
 * descriptor, referenced, with the rights that it is to have. ENOMEM. */
cloudabi_errno_t process_fork(struct file **file, struct rights *rights);

struct thread_request {
    uint64_t entry, argument, stack, stack_len; /* addresses of the program */
};
/* A new thread of the calling process. EINVAL, EFAULT (the stack), EAGAIN, ENOMEM. */
cloudabi_errno_t process_create_thread(const struct thread_request *request, cloudabi_tid_t *tid);

#endif
