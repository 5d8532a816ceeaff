/* SPDX-License-Identifier: BSD-2-Clause */
#include "abi/kernel_calls.h"
#include "kernel/job/job.h"
#include "kernel/mm/slab.h"
#include "kernel/proc/exec.h"
#include "kernel/proc/process_priv.h"
#include "kernel/proc/start.h"
#include "kernel/proc/trace.h"

void sys_proc_exit(cloudabi_exitcode_t rval)
{
    trace_last_call();
    process_terminate(process_self(), 0, rval);
    process_leave();
}

cloudabi_errno_t sys_proc_raise(cloudabi_signal_t sig)
{
    return process_raise(process_self(), sig);
}

cloudabi_errno_t sys_proc_fork(cloudabi_fd_t *fd, cloudabi_tid_t *tid)
{
    struct file *file;
    struct rights rights;
    cloudabi_errno_t error = fd_reserve(fd, 1);
    if (error != 0)
        return error;
    error = process_fork(&file, &rights);
    if (error != 0) {
        fd_unreserve(fd, 1);
        return error;
    }
    fd_commit(*fd, file, rights);
    *tid = 0; /* undefined in the parent */
    return 0;
}

/* A copy of LEN bytes of the program's, to be freed with kfree; *COPY is NULL if LEN is 0. */
static cloudabi_errno_t copy_in(user_addr_t from, size_t len, void **copy)
{
    *copy = NULL;
    if (len == 0)
        return 0;
    void *to = kmalloc(process_self()->job, len);
    if (to == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = copy_from_user(to, from, len);
    if (error != 0)
        kfree(to);
    else
        *copy = to;
    return error;
}

static cloudabi_errno_t executable_check(const struct file *file)
{
    if (file->write_open)
        return CLOUDABI_EBADF;
    return file->type == CLOUDABI_FILETYPE_REGULAR_FILE ? 0 : CLOUDABI_EACCES;
}

cloudabi_errno_t sys_proc_exec(const struct fd_grant *fd, user_addr_t data, size_t data_len,
                               user_addr_t fds, size_t fds_len)
{
    struct exec_request request = {.file = fd->file, .argdata_len = data_len, .fds_count = fds_len};
    void *numbers;
    cloudabi_errno_t error = executable_check(fd->file);
    if (error != 0)
        return error;
    if (data_len > IMAGE_ARGDATA_MAX)
        return CLOUDABI_E2BIG;
    if (fds_len > FD_MAX)
        return CLOUDABI_EINVAL;
    error = copy_in(data, data_len, &request.argdata);
    if (error != 0)
        return error;
    error = copy_in(fds, fds_len * sizeof(cloudabi_fd_t), &numbers);
    if (error == 0) {
        request.fds = numbers;
        error = process_exec(&request);
        kfree(numbers);
    }
    kfree(request.argdata);
    return error;
}
