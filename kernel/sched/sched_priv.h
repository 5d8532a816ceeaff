/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the scheduler. */
#ifndef KERNEL_SCHED_SCHED_PRIV_H
#define KERNEL_SCHED_SCHED_PRIV_H

#include "kernel/lib/assert.h"
#include "kernel/sched/sched.h"

#define NEVER UINT64_MAX

/* switch.c. `_locked`: the CPU's lock is held. */
void sched_enqueue_locked(struct cpu *cpu, struct thread *thread);
struct thread *sched_pick_locked(
    struct cpu *cpu); /* takes the next thread off the queue; NULL: none */
enum sched_level sched_best_locked(
    const struct cpu *cpu); /* the highest level where somebody is ready */

/* Credit of THREAD, which slept until NOW, since it was switched away from. */
#define CREDIT_MAX ((int64_t)SCHED_SLICE_NS)
static inline bool sched_earns(const struct thread *thread) /* else it has enough for now */
{
    return thread->credit <= CREDIT_MAX / 2;
}
static inline void sched_slept(struct thread *thread, uint64_t now)
{
    int64_t credit = thread->credit + ((int64_t)(now - thread->switched_in) >> 1);
    thread->credit = credit < CREDIT_MAX ? credit : CREDIT_MAX;
}

/* Ends SELF's turn at NOW (its state says why) and runs NEXT. Both give the lock back. SLICE_END 0: a new slice. */
void sched_switch_locked(struct cpu *cpu, struct thread *self, struct thread *next,
                         uint64_t slice_end, uint64_t now);
void sched_leave_locked(struct cpu *cpu, struct thread *self);

/* timer.c */
void sched_arm_locked(struct cpu *cpu); /* this CPU's timer is early enough for its next event */
void sched_timer_insert_locked(struct cpu *cpu, struct thread *thread, uint64_t deadline);

/* place.c */
/* THREAD was parked (or new) and is on no queue; HOME is its CPU and locked; unlocks it. */
void sched_make_ready(struct cpu *home, struct thread *thread);
struct cpu *sched_lock_cpu_of(struct thread *thread); /* its CPU, locked */
void sched_kick_locked(struct cpu *cpu, const struct thread *newcomer);
struct thread *sched_steal(struct cpu *thief);
void sched_poke_idle(void); /* one idle CPU comes and steals */
void sched_balance(struct cpu *cpu);

/* thread.c: the last switch away from a dead thread is over. */
void thread_release(struct thread *thread);

#endif
