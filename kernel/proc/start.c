/* SPDX-License-Identifier: BSD-2-Clause */
/* How processes and threads come into being: the first process, fork, and new threads. */
#include "kernel/proc/start.h"

#include "kernel/job/job.h"
#include "kernel/lib/string.h"
#include "kernel/proc/process_priv.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/tid.h"

#define RIGHTS_PROCESS (CLOUDABI_RIGHT_FILE_STAT_FGET | CLOUDABI_RIGHT_POLL_PROC_TERMINATE)

extern const struct sched_process_ops process_sched_ops; /* signal.c */

void process_enter_user(void *argument)
{
    const struct thread *self = argument;
    arch_enter_user(&self->start);
}

/* A thread that will enter user mode at START. It is not running yet. */
static cloudabi_errno_t create_user_thread(struct process *process, struct thread **out)
{
    struct thread *thread;
    cloudabi_errno_t error =
        thread_create(process, process->job, process_enter_user, NULL, &thread);
    if (error != 0)
        return error;
    thread->entry_arg = thread;
    error = process_add_thread(process, thread);
    if (error != 0) {
        thread_discard(thread);
        return error;
    }
    *out = thread;
    return 0;
}

cloudabi_errno_t process_create_first(struct memobj *object, struct fd_table *fds,
                                      const void *argdata, size_t argdata_len, struct process **out)
{
    struct image_args args = {.executable = object, .argdata = argdata, .argdata_len = argdata_len};
    struct image image;
    struct thread *thread;
    tid_init();
    sched_set_process_ops(&process_sched_ops);
    struct process *process = process_create(&job_root);
    if (process == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = create_user_thread(process, &thread);
    if (error != 0) {
        process_discard(process);
        return error;
    }
    args.tid = thread->tid;
    memcpy(args.uuid, process->uuid, sizeof(args.uuid));
    error = image_build(process->job, &args, &image);
    kverify(error != CLOUDABI_ENOMEM); /* at boot */
    if (error != 0)
        return error; /* the machine has nothing to run: the caller panics */
    process->vmspace = thread->vmspace = image.space;
    process->executable = image.executable;
    process->fds = thread->fds = fds;
    thread->start = image.start;
    *out = process;
    thread_start(thread);
    return 0;
}

cloudabi_errno_t process_fork(struct file **out, struct rights *rights)
{
    struct process *parent = process_self();
    struct process *child = process_create(parent->job);
    struct thread *thread;
    if (child == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = fd_table_copy(parent->fds, child->job, &child->fds);
    if (error == 0)
        error = vmspace_fork(parent->vmspace, child->job, &child->vmspace);
    if (error != 0)
        goto fail;
    child->executable = parent->executable;
    image_executable_get(child->executable);
    struct file *file = process_file_create(child, parent->job);
    if (file == NULL) {
        error = CLOUDABI_ENOMEM;
        goto fail;
    }
    error = create_user_thread(child, &thread);
    if (error != 0) {
        error = CLOUDABI_ENOMEM; /* over the job's limit of threads, too */
        file_put(file);
        goto fail;
    }
    arch_thread_init_fork(thread, CLOUDABI_PROCESS_CHILD, thread->tid);
    *out = file;
    *rights = (struct rights){.base = RIGHTS_PROCESS};
    process_put(child); /* its thread and its descriptor hold it now */
    thread_start(thread);
    return 0;
fail:
    process_discard(child);
    return error;
}

/* Room for W and the TCB at the top, and a little for the first calls. */
#define STACK_MIN 256

static bool user_range(uint64_t start, uint64_t len)
{
    return start >= USER_BASE && start < USER_END && len <= USER_END - start;
}

cloudabi_errno_t process_create_thread(const struct thread_request *request, cloudabi_tid_t *tid)
{
    uint64_t block[2];
    struct thread *thread;
    if (request->stack_len < STACK_MIN || !user_range(request->stack, request->stack_len) ||
        !user_range(request->entry, 1))
        return CLOUDABI_EINVAL;
    uint64_t tcb = (request->stack + request->stack_len - 8) & ~7ul;
    uint64_t w = tcb - 8;
    image_tcb_block(block, w);
    cloudabi_errno_t error = copy_to_user(user_addr(w), block, sizeof(block));
    if (error == 0)
        error = create_user_thread(process_self(), &thread);
    if (error != 0)
        return error;
    thread->start = (struct arch_user_entry){
        .pc = request->entry,
        .sp = image_stack_pointer(w),
        .arg0 = thread->tid,
        .arg1 = request->argument,
        .thread_pointer = w,
    };
    *tid = thread->tid;
    thread_start(thread);
    return 0;
}
