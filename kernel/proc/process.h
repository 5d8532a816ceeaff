/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process: an address space, a descriptor table, threads, a job.  It is named by nothing but its process
 * descriptor, whose last close kills it.
 *
 * References: the process descriptor, each thread, each caller. Lock key: p `lock` (RANK_PROCESS).
 */
#ifndef KERNEL_PROC_PROCESS_H
#define KERNEL_PROC_PROCESS_H

#include "kernel/fd/table.h"
#include "kernel/mm/vmspace.h"
#include "kernel/sched/thread.h"

struct process {
    _Atomic uint32_t references;
    struct spinlock lock;
    struct list threads;           /* p */
    unsigned thread_count;         /* p */
    struct vmspace *vmspace;       /* changed only by exec of its single thread */
    struct fd_table *fds;          /* likewise; its own lock inside */
    struct job *job;               /* c; referenced */
    struct list job_link;          /* job tree lock */
    uint8_t uuid[16];              /* random v4, new at exec */
    bool exiting, stopped;         /* p */
    bool exited;                   /* p: all gone, status valid */
    uint8_t signal;                /* p: 0 = by proc_exit */
    uint32_t exit_code;            /* p */
    uint64_t start_time, cpu_time; /* ns; p */
    struct waitq exit_waiters;     /* poll PROC_TERMINATE */
    struct waitq state_waiters;    /* stopped threads; exec that waits for the others to end */
    struct thread *exec_owner;     /* p: the thread that ends all others to exec */
    struct trace *trace;           /* p: referenced (trace.h) */
    struct memobj *executable;     /* like vmspace; referenced, writing denied */
    void *ports_served; /* port layer: list of ports whose ring this process has mapped; p */
};

struct file;

struct process *process_self(void);
struct process *process_get(struct process *process);
void process_put(struct process *process);
/* First process: image from OBJECT, descriptor table FDS (consumed), argument data. */
cloudabi_errno_t process_create_first(struct memobj *object, struct fd_table *fds,
                                      const void *argdata, size_t argdata_len,
                                      struct process **out);
/* Ends the whole process: by exit code (signal 0) or by signal. Returns to the caller, whose thread dies on
 * its way back to user mode. First caller wins. */
void process_terminate(struct process *process, uint8_t signal, uint32_t exit_code);
/* What a signal does: nothing, stop, continue, or end. EINVAL: not a signal. */
cloudabi_errno_t process_raise(struct process *process, cloudabi_signal_t signal);
/* The calling process, which must have one thread, is paid for by JOB, a descendant of its present job, for what
 * it takes from now on. EPERM: not a descendant; EBUSY: several threads; ENOENT: removed; EAGAIN, ENOMEM. */
cloudabi_errno_t process_enter_job(struct job *job);
uint64_t process_cpu_time(struct process *process); /* ns, all threads */

/* The process behind a process descriptor, not referenced; NULL: FILE is something else. */
struct process *process_of_file(const struct file *file);
/* Has it ended, and how? */
bool process_exited(struct process *process, uint8_t *signal, uint32_t *exit_code);

/* Others hook in here without proc knowing them (pseudo-fd ports, PCI claims): called once, in the context
 * of the last thread, before the address space goes. kind: exit or exec. */
#define PROCESS_EXIT_HOOKS 4
void process_add_exit_hook(void (*hook)(struct process *, bool exec));

#endif
