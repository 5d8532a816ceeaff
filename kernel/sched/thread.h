/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread: a kernel stack, a user context, a place in the scheduler.
 *
 * Lock key: c constant after creation; r the run-queue lock of thread->cpu; s only the thread itself;
 * a atomic; p process lock.
 */
#ifndef KERNEL_SCHED_THREAD_H
#define KERNEL_SCHED_THREAD_H

#include <stdatomic.h>

#include "abi/cloudabi_types.h"
#include "kernel/arch/arch.h"
#include "kernel/lib/list.h"

struct fd_table;
struct process;
struct job;

enum thread_state { THREAD_NEW, THREAD_RUNNABLE, THREAD_RUNNING, THREAD_PARKED, THREAD_DEAD };

/* Reasons to look before going back to user mode. */
#define WORK_KILLED  1u /* the thread must end */
#define WORK_RESCHED 2u /* its slice is over, or something better is ready */
#define WORK_STOPPED 4u /* the process is stopped */
#define WORK_TRACED  8u /* its calls are recorded as they return (kernel/proc/trace.c); stays set */

#define KERNEL_STACK_PAGES 4

struct thread {
    struct arch_thread arch; /* first: assembly knows its offsets */
    _Atomic uint32_t work;   /* a: WORK_*; tested by the return path */
    cloudabi_tid_t tid;      /* c: random, unique among live threads */
    struct process *process; /* c: NULL for kernel threads (idle, reaper ...) */
    struct vmspace *vmspace; /* s: whose page table is active while it runs; NULL = any */
    struct fd_table *fds;    /* s: its process's, where descriptor numbers are looked up */
    struct job *job;         /* c: who pays for its stack and time */
    void *stack;             /* c: lowest address of the kernel stack */
    paddr_t stack_frames[KERNEL_STACK_PAGES]; /* c */
    struct list process_link;                 /* p: process lock */

    _Atomic uint32_t state;  /* r to change: enum thread_state; unpark looks without the lock */
    _Atomic bool unparked;   /* a: the token of thread_park() */
    struct cpu *_Atomic cpu; /* r: where it runs or ran last; never NULL */
    struct list run_link;    /* r */
    struct list timer_link;  /* r: only while parked with a deadline */
    uint64_t deadline;       /* r */
    uint64_t slice_end;      /* s: monotonic ns */
    uint64_t cpu_time;       /* s: ns, up to switched_in */
    uint64_t cpu_reported;   /* s: of cpu_time, what its job knows */
    uint64_t switched_in;    /* s: monotonic ns of the last switch to it */
    uint16_t wakes;          /* s: threads it woke since it last parked */
    uint16_t spreads;        /* s: so many more wakes go to idle CPUs at once (sched/place.c) */
    int64_t credit;   /* r: ns it may run ahead of threads that never sleep (sched/switch.c) */
    uint8_t level;    /* r: of the queue that it is in, or was taken from */
    bool metered;     /* s: its job has a share of CPU time (kernel/job/cpu.c) */
    uint8_t priority; /* c: 0 idle, 1 normal, 2 kernel */

    void *closing; /* fd/file: files that lost their last reference inside a close; s */

    void (*entry)(void *); /* c: first function, its argument */
    void *entry_arg;
    struct arch_user_entry start; /* c: proc: where it enters user mode */
};

/* The memory of struct thread is never given back or used for anything else, only for other threads: so a
 * stale pointer handed to thread_unpark() or sched_handoff() costs a spurious wake-up and nothing more. */

struct thread *thread_self(void);

/* Sleep until unparked, killed or DEADLINE (monotonic ns, UINT64_MAX = none). Returns 0 when
 * unparked (the token is consumed), CLOUDABI_ETIMEDOUT, or CLOUDABI_EINTR when the thread is being
 * killed (never seen by programs: the caller unwinds and the thread ends). */
cloudabi_errno_t thread_park(uint64_t deadline);
/* The same, but kill does not interrupt it: for mutexes. */
void thread_park_uninterruptible(void);
void thread_unpark(struct thread *thread); /* under any spinlock below RANK_RUNQ */
bool thread_killed(const struct thread *thread);
void thread_kill(struct thread *thread); /* sets WORK_KILLED, wakes, pokes its CPU */
void thread_interrupt(struct thread *thread, uint32_t work); /* sets WORK bits, pokes its CPU */

/* Creates a parked thread of PROCESS (or kernel thread) that will run FN(ARG) in the kernel.
 * ENOMEM / EAGAIN by the job's budget. The caller starts it with thread_start(). */
cloudabi_errno_t thread_create(struct process *process, struct job *job, void (*fn)(void *),
                               void *arg, struct thread **out);
void thread_start(struct thread *thread);
void thread_discard(struct thread *thread); /* created, but not to be started after all */
_Noreturn void thread_exit_current(void);   /* the scheduler frees it after the last switch */
/* The calling thread is paid for by JOB from now on. EAGAIN, ENOMEM. */
cloudabi_errno_t thread_enter_job(struct job *job);
/* The Nth of all struct threads that there are, dead ones too; NULL: no more. For dumps. */
const struct thread *thread_nth(unsigned n);
uint64_t thread_cached_frames(void); /* in stacks that nobody uses: as good as free */
uint64_t thread_cpu_time(const struct thread *thread);

#endif
