/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc_exec.  All that can fail happens first, beside the running program: the image is read and built in
 * a space of its own, the new descriptor table is filled.  Then the other threads end; after that the
 * thread is alone and only swaps pointers.
 */
#include "kernel/proc/exec.h"

#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"
#include "kernel/proc/process_priv.h"
#include "kernel/proc/trace.h"

static cloudabi_errno_t build(struct process *process, const struct exec_request *request,
                              const uint8_t uuid[16], struct image *image)
{
    struct image_args args = {.argdata = request->argdata,
                              .argdata_len = request->argdata_len,
                              .tid = thread_self()->tid};
    uint64_t offset;
    bool no_fork;
    cloudabi_errno_t error =
        file_map(request->file, 0, PAGE_SIZE, false, &args.executable, &offset, &no_fork);
    if (error != 0)
        return error == CLOUDABI_ENODEV ? CLOUDABI_EACCES : error;
    memcpy(args.uuid, uuid, sizeof(args.uuid));
    error = image_build(process->job, &args, image);
    memobj_put(args.executable);
    return error;
}

static void release(struct exec_request *request)
{
    kfree(request->argdata);
    kfree(request->fds);
    file_put(request->file);
}

/* Cannot fail. */
static void swap(struct process *process, const struct image *image, struct fd_table *fds)
{
    struct vmspace *old_space = process->vmspace;
    struct fd_table *old_fds = process->fds;
    struct memobj *old_executable = process->executable;
    process_run_hooks(process, true);
    process->fds = thread_self()->fds = fds;
    process->vmspace = thread_self()->vmspace = image->space;
    process->executable = image->executable;
    arch_pt_activate(&image->space->pt);
    fd_table_destroy(old_fds);
    vmspace_put(old_space);
    image_executable_put(old_executable);
}

cloudabi_errno_t process_exec(struct exec_request *request)
{
    struct process *process = process_self();
    struct fd_table *fds;
    struct image image;
    uint8_t uuid[16];
    process_new_uuid(uuid);
    cloudabi_errno_t error =
        fd_table_select(process->fds, process->job, request->fds, request->fds_count, &fds);
    if (error != 0)
        return error;
    error = build(process, request, uuid, &image);
    if (error != 0)
        goto no_image;
    error = process_become_single(process);
    if (error != 0)
        goto not_single;
    swap(process, &image, fds);
    memcpy(process->uuid, uuid, sizeof(uuid));
    release(request);
    trace_last_call();
    struct arch_user_entry start = image.start;
    arch_enter_user(&start);
not_single:
    image_discard(&image);
no_image:
    fd_table_destroy(fds);
    return error;
}
