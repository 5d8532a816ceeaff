/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process descriptor: the only name a process has.  It can be waited for and looked at; its last
 * close kills the process (docs/executables.md section 9).
 */
#include "kernel/lib/string.h"
#include "kernel/proc/process_priv.h"

static void close_process(struct file *file)
{
    struct process *process = file->data;
    process_terminate(process, CLOUDABI_SIGKILL, 0);
    process_put(process);
}

static cloudabi_errno_t stat_process(struct file *file, cloudabi_filestat_t *out)
{
    memset(out, 0, sizeof(*out));
    out->st_filetype = file->type;
    return 0;
}

static const struct file_ops process_file_ops = {.close = close_process, .stat = stat_process};

struct file *process_file_create(struct process *process, struct job *job)
{
    struct file *file = file_create(job, CLOUDABI_FILETYPE_PROCESS, &process_file_ops, 0, process);
    if (file != NULL)
        process_get(process);
    return file;
}

struct process *process_of_file(const struct file *file)
{
    return file->ops == &process_file_ops ? file->data : NULL;
}
