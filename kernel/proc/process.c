/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a process.
 *
 *   created (no thread) -> running <-> stopped
 *                             '--terminate--> exiting --last thread--> exited --last reference--> freed
 *
 * Whoever ends a process only marks its threads; each ends itself on its way back to user mode, and the
 * last one closes the descriptors, leaves the address space and announces the end.  So nothing of a
 * process is taken apart while a thread of it is still in a call.
 *
 * References: each thread, each process descriptor.  Lock key: p process->lock.
 */
#include "kernel/job/job.h"
#include "kernel/lib/random.h"
#include "kernel/lib/refcount.h"
#include "kernel/mm/slab.h"
#include "kernel/proc/process_priv.h"
#include "kernel/proc/trace.h"
#include "kernel/sched/sched.h"

static struct slab_cache process_cache = SLAB_CACHE(process_cache, struct process, OBJECT_PROCESS);
static void (*exit_hooks[PROCESS_EXIT_HOOKS])(struct process *, bool);
static unsigned exit_hook_count;

struct process *process_self(void)
{
    return thread_self()->process;
}

struct process *process_get(struct process *process)
{
    refcount_get(&process->references);
    return process;
}

void process_put(struct process *process)
{
    if (!refcount_put(&process->references))
        return;
    struct job *job = process->job;
    spinlock_lock(&job_tree_lock);
    list_remove(&process->job_link);
    spinlock_unlock(&job_tree_lock);
    job_uncharge(job, JOB_PROCESSES, 1);
    slab_free(&process_cache, process);
    job_put(job);
}

/* A random UUID of version 4 (RFC 9562 section 5.4). */
void process_new_uuid(uint8_t uuid[16])
{
    random_bytes(uuid, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

struct process *process_create(struct job *job)
{
    if (!job_charge(job, JOB_PROCESSES, 1))
        return NULL;
    struct process *process = slab_alloc(&process_cache, job);
    if (process == NULL) {
        job_uncharge(job, JOB_PROCESSES, 1);
        return NULL;
    }
    atomic_init(&process->references, 1);
    spinlock_init(&process->lock, RANK_PROCESS);
    list_init(&process->threads);
    waitq_init(&process->exit_waiters);
    waitq_init(&process->state_waiters);
    process->job = job_get(job);
    process->start_time = arch_clock_monotonic();
    process_new_uuid(process->uuid);
    spinlock_lock(&job_tree_lock);
    list_append(&job->processes, &process->job_link);
    spinlock_unlock(&job_tree_lock);
    return process;
}

/* ENOENT: the job has been removed meanwhile. */
static cloudabi_errno_t move_process(struct process *process, struct job *job)
{
    spinlock_lock(&job_tree_lock);
    bool there = job->named;
    if (there) {
        list_remove(&process->job_link);
        list_append(&job->processes, &process->job_link);
        process->job = job_get(job);
    }
    spinlock_unlock(&job_tree_lock);
    return there ? 0 : CLOUDABI_ENOENT;
}

cloudabi_errno_t process_enter_job(struct job *job)
{
    struct process *process = process_self();
    struct job *old = process->job;
    if (!job_within(job, old))
        return CLOUDABI_EPERM;
    if (process->thread_count != 1) /* nobody but this thread could change it */
        return CLOUDABI_EBUSY;
    if (!job_charge(job, JOB_PROCESSES, 1))
        return CLOUDABI_EAGAIN;
    cloudabi_errno_t error = fd_table_enter_job(process->fds, job);
    if (error == 0 && (error = thread_enter_job(job)) != 0)
        (void)fd_table_enter_job(process->fds,
                                 old); /* if that fails, the descriptors are counted below */
    if (error == 0 && (error = move_process(process, job)) != 0) {
        (void)thread_enter_job(old);
        (void)fd_table_enter_job(process->fds, old);
    }
    if (error != 0) {
        job_uncharge(job, JOB_PROCESSES, 1);
        return error;
    }
    vmspace_enter_job(process->vmspace, job);
    job_uncharge(old, JOB_PROCESSES, 1);
    job_put(old);
    return 0;
}

/* Gives back what fork, exec or creation had put in. */
static void drop_parts(struct process *process)
{
    if (process->fds != NULL)
        fd_table_destroy(process->fds);
    process->fds = NULL;
    if (process->vmspace != NULL)
        vmspace_put(process->vmspace);
    process->vmspace = NULL;
    if (process->executable != NULL)
        image_executable_put(process->executable);
    process->executable = NULL;
}

void process_discard(struct process *process)
{
    drop_parts(process);
    process_put(process);
}

void process_add_exit_hook(void (*hook)(struct process *, bool exec))
{
    kverify(exit_hook_count < PROCESS_EXIT_HOOKS);
    exit_hooks[exit_hook_count++] = hook;
}

void process_run_hooks(struct process *process, bool exec)
{
    for (unsigned i = 0; i < exit_hook_count; i++)
        exit_hooks[i](process, exec);
}

cloudabi_errno_t process_add_thread(struct process *process, struct thread *thread)
{
    spinlock_lock(&process->lock);
    bool closed = process->exiting || process->exec_owner != NULL;
    if (!closed) {
        process_get(process);
        thread->vmspace = process->vmspace;
        thread->fds = process->fds;
        list_append(&process->threads, &thread->process_link);
        process->thread_count++;
        if (process->stopped)
            atomic_fetch_or(&thread->work, WORK_STOPPED);
        if (process->trace != NULL)
            atomic_fetch_or(&thread->work, WORK_TRACED);
    }
    spinlock_unlock(&process->lock);
    return closed ? CLOUDABI_EAGAIN : 0;
}

static void kill_threads_locked(struct process *process, const struct thread *but)
{
    list_for_each(link, &process->threads)
    {
        struct thread *thread = container_of(link, struct thread, process_link);
        if (thread != but)
            thread_kill(thread);
    }
}

void process_terminate(struct process *process, uint8_t signal, uint32_t exit_code)
{
    spinlock_lock(&process->lock);
    if (!process->exiting) {
        process->exiting = true;
        process->signal = signal;
        process->exit_code = exit_code;
        kill_threads_locked(process, NULL);
    }
    spinlock_unlock(&process->lock);
}

cloudabi_errno_t process_become_single(struct process *process)
{
    struct thread *self = thread_self();
    struct waiter waiter;
    cloudabi_errno_t error = 0;
    spinlock_lock(&process->lock);
    if (process->exec_owner != NULL || process->exiting)
        error = CLOUDABI_EINTR;
    else
        process->exec_owner = self;
    if (error == 0)
        kill_threads_locked(process, self);
    spinlock_unlock(&process->lock);
    if (error != 0)
        return error;
    waitq_add(&process->state_waiters, &waiter);
    for (;;) {
        spinlock_lock(&process->lock);
        bool alone = process->thread_count == 1;
        spinlock_unlock(&process->lock);
        if (alone || (error = thread_park(UINT64_MAX)) != 0)
            break;
    }
    waitq_remove(&waiter);
    spinlock_lock(&process->lock);
    if (process->exiting)
        error = CLOUDABI_EINTR;
    process->exec_owner = NULL;
    spinlock_unlock(&process->lock);
    return error;
}

/* In the last thread. */
static void end(struct process *process)
{
    trace_process_ends(process);
    fault_forget(process);
    process_run_hooks(process, false);
    thread_self()->vmspace = NULL;
    drop_parts(process);
    spinlock_lock(&process->lock);
    process->exited = true;
    spinlock_unlock(&process->lock);
    waitq_wake_all(&process->exit_waiters);
}

void process_leave(void)
{
    struct thread *self = thread_self();
    struct process *process = self->process;
    spinlock_lock(&process->lock);
    bool last = process->thread_count == 1;
    process->exiting |= last; /* the last thread's end is the process's, with code 0 */
    if (!last) {
        self->vmspace = NULL; /* before the last thread can drop it */
        list_remove(&self->process_link);
        process->thread_count--;
        process->cpu_time += thread_cpu_time(self);
    }
    spinlock_unlock(&process->lock);
    if (last)
        end(process);
    else
        waitq_wake_all(&process->state_waiters);
    if (last) {
        spinlock_lock(&process->lock);
        list_remove(&self->process_link);
        process->thread_count = 0;
        process->cpu_time += thread_cpu_time(self);
        spinlock_unlock(&process->lock);
    }
    self->process = NULL;
    process_put(process);
    thread_exit_current();
}

uint64_t process_cpu_time(struct process *process)
{
    spinlock_lock(&process->lock);
    uint64_t time = process->cpu_time;
    list_for_each(link, &process->threads) time +=
        thread_cpu_time(container_of(link, struct thread, process_link));
    spinlock_unlock(&process->lock);
    return time;
}

bool process_exited(struct process *process, uint8_t *signal, uint32_t *exit_code)
{
    spinlock_lock(&process->lock);
    bool exited = process->exited;
    *signal = process->signal;
    *exit_code = process->exit_code;
    spinlock_unlock(&process->lock);
    return exited;
}
