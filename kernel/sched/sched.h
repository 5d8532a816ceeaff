/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: one run queue per CPU, round robin in three levels (busy, normal, kernel), an idle thread
 * that steals from the longest queue, no tick while at most one thread is ready.
 *
 * Lock key: r cpu->lock; o only the CPU itself, with interrupts off; c constant.
 */
#ifndef KERNEL_SCHED_SCHED_H
#define KERNEL_SCHED_SCHED_H

#include "kernel/sched/thread.h"
#include "kernel/sync/spinlock.h"

#define SCHED_SLICE_NS 4000000ul

/* Queues of a CPU, by rising urgency. */
enum sched_level { LEVEL_IDLE, LEVEL_BUSY, LEVEL_NORMAL, LEVEL_KERNEL, SCHED_LEVELS };

struct cpu {
    struct arch_cpu arch;            /* first: assembly knows its offsets (self pointer, stacks) */
    struct thread *current;          /* o */
    struct thread *previous;         /* o: who ran before the switch that is under way */
    unsigned number;                 /* c */
    struct spinlock lock;            /* RANK_RUNQ */
    struct list ready[SCHED_LEVELS]; /* r */
    unsigned picks;                  /* r: from above LEVEL_BUSY while somebody waits there */
    _Atomic unsigned ready_count;    /* r to change; others look */
    struct list timers;              /* r: threads parked here with a deadline, soonest first */
    _Atomic uint64_t timer_armed;    /* o to change; others look. UINT64_MAX: off */
    struct thread *idle;             /* c */
};

extern struct cpu *cpus[MAX_CPUS];
extern unsigned cpu_count;
extern bool sched_ready; /* the first CPU's thread_self() is valid */
extern _Atomic uint32_t
    sched_idle_mask; /* CPUs that wait for an interrupt, and nobody has poked them */

void sched_init_cpu(struct cpu *cpu); /* called on each CPU; its calling context becomes idle */
_Noreturn void sched_run_idle(void);
void sched_yield(void); /* to the end of the queue */
/* The same, and if nothing is ready here, to who waits for another CPU: it may be slow to wake, and the
 * caller may be waiting in a loop for just that thread. */
void sched_yield_all(void);
void sched_point(void); /* in long kernel loops: interrupts in, switch if due. No locks held */
/* Switches straight to NEXT, which was parked and was taken off its queue with waitq_take_one(); the
 * caller parks (as thread_park). NEXT inherits the rest of the caller's slice. Falls back to
 * unpark + park when something of higher priority is ready or the slice is over. */
cloudabi_errno_t sched_handoff_and_park(struct thread *next, uint64_t deadline);
/* The limits of a job's CPU time have changed: threads that run are looked at now, others when they run. */
void sched_meter_all(void);
uint64_t sched_running_time(
    const struct job *job); /* ns of present turns, not in its cpu_time yet */
/* Same for the replying side: switch to NEXT now, the caller stays runnable. */
void sched_handoff(struct thread *next);

/* Called by the machine. */
void sched_timer_interrupt(void);   /* from the timer: expire, maybe set WORK_RESCHED */
void sched_resched_interrupt(void); /* from arch_ipi_resched() of another CPU */
void sched_return_to_user(void);    /* from entry code when work != 0: resched, stop, die */
void sched_switched(void);          /* first thing on a new thread's stack: ends the switch to it */

/* What the process layer does with threads on their way back to user mode. */
struct sched_process_ops {
    void (*killed)(void);  /* WORK_KILLED: does not return */
    void (*stopped)(void); /* WORK_STOPPED: returns when it was continued or killed */
};
void sched_set_process_ops(const struct sched_process_ops *ops);

#endif
