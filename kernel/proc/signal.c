/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a signal does to a process.  There are no handlers: it ends, stops, goes on, or nothing happens
 * (docs/executables.md section 9).
 */
#include "kernel/proc/process_priv.h"
#include "kernel/sched/sched.h"

static void stop(struct process *process)
{
    spinlock_lock(&process->lock);
    process->stopped = true;
    list_for_each(link, &process->threads)
        thread_interrupt(container_of(link, struct thread, process_link), WORK_STOPPED);
    spinlock_unlock(&process->lock);
}

static void go_on(struct process *process)
{
    spinlock_lock(&process->lock);
    process->stopped = false;
    spinlock_unlock(&process->lock);
    waitq_wake_all(&process->state_waiters);
}

cloudabi_errno_t process_raise(struct process *process, cloudabi_signal_t signal)
{
    switch (signal) {
    case 0:
    case CLOUDABI_SIGCHLD:
    case CLOUDABI_SIGPIPE:
    case CLOUDABI_SIGURG:
        return 0;
    case CLOUDABI_SIGCONT:
        go_on(process);
        return 0;
    case CLOUDABI_SIGSTOP:
    case CLOUDABI_SIGTSTP:
    case CLOUDABI_SIGTTIN:
    case CLOUDABI_SIGTTOU:
        stop(process);
        return 0;
    default:
        if (signal > CLOUDABI_SIGXFSZ)
            return CLOUDABI_EINVAL;
        process_terminate(process, signal, 0);
        return 0;
    }
}

/* The calling thread, on its way to user mode: waits while the process is stopped. */
static void stopped(void)
{
    struct thread *self = thread_self();
    struct process *process = self->process;
    struct waiter waiter;
    waitq_add(&process->state_waiters, &waiter);
    for (;;) {
        spinlock_lock(&process->lock);
        bool on = process->stopped;
        if (!on)
            atomic_fetch_and(&self->work, ~WORK_STOPPED);
        spinlock_unlock(&process->lock);
        if (!on || thread_park(UINT64_MAX) != 0)
            break;
    }
    waitq_remove(&waiter);
}

const struct sched_process_ops process_sched_ops = {.killed = process_leave, .stopped = stopped};
