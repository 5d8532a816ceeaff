/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: one run queue per CPU, round robin in two classes (normal, kernel), an idle thread
 * that steals from the longest queue, no tick while at most one thread is ready.
 */
#ifndef KERNEL_SCHED_SCHED_H
#define KERNEL_SCHED_SCHED_H

#include "kernel/sched/thread.h"
#include "kernel/sync/spinlock.h"

#define SCHED_SLICE_NS 4000000ul

struct cpu {
    struct arch_cpu arch;        /* first: assembly knows its offsets (self pointer, stacks) */
    struct thread *current;      /* only this CPU */
    unsigned number;
    struct spinlock lock;        /* RANK_RUNQ */
    struct list ready[3];        /* by priority; lock */
    _Atomic unsigned ready_count;
    struct thread *idle;
    struct thread *zombie;       /* died here; freed after the switch away from its stack */
    struct spinlock timer_lock;  /* RANK_TIMER */
    struct list timers;          /* threads with a deadline, soonest first; timer_lock */
    _Atomic bool idling;
};

extern struct cpu *cpus[MAX_CPUS];
extern unsigned cpu_count;

void sched_init_cpu(struct cpu *cpu); /* called on each CPU; its calling context becomes idle */
_Noreturn void sched_run_idle(void);
void sched_yield(void);              /* to the end of the queue */
void sched_point(void);              /* in long kernel loops: interrupts in, switch if due. No locks held */
/* Switches straight to NEXT, which was parked and was taken off its queue with waitq_take_one(); the
 * caller parks (as thread_park). NEXT inherits the rest of the caller's slice. Falls back to
 * unpark + park when NEXT is bound to run elsewhere or something of higher priority is ready. */
cloudabi_errno_t sched_handoff_and_park(struct thread *next, uint64_t deadline);
/* Same for the replying side: switch to NEXT now, the caller stays runnable. */
void sched_handoff(struct thread *next);
void sched_timer_interrupt(void);    /* from the machine's timer: expire, maybe set WORK_RESCHED */
void sched_return_to_user(void);     /* from entry code when work != 0: resched, stop, die */

#endif
