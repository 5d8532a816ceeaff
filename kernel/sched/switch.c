/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Run queues and the switch between threads.
 *
 * A thread's state and place change under the lock of thread->cpu.  That lock is held across the switch
 * and given back by whoever runs next (sched_switched), so a thread that is seen PARKED or RUNNABLE under
 * the lock has left its stack and may be run by any CPU.
 *
 *   NEW --start--> RUNNABLE <--yield-- RUNNING --exit--> DEAD
 *                  |   ^  '--picked--->  |  ^
 *                  |   '----wake---- PARKED |
 *                  '-------handoff----------'
 */
#include "kernel/job/job.h"
#include "kernel/sched/sched_priv.h"

#define REPORT_NS 1000000ul /* CPU time is added to the job in steps of this */

struct cpu *cpus[MAX_CPUS];
unsigned cpu_count;
bool sched_ready;
_Atomic uint32_t sched_idle_mask;

static struct thread idle_threads[MAX_CPUS];
static const struct sched_process_ops *process_ops;

void sched_set_process_ops(const struct sched_process_ops *ops)
{
    process_ops = ops;
}

void sched_init_cpu(struct cpu *cpu)
{
    struct thread *idle = &idle_threads[cpu->number];
    spinlock_init(&cpu->lock, RANK_RUNQ);
    for (unsigned i = 0; i < SCHED_PRIORITIES; i++)
        list_init(&cpu->ready[i]);
    list_init(&cpu->timers);
    atomic_init(&cpu->timer_armed, NEVER);
    list_init(&idle->run_link);
    list_init(&idle->timer_link);
    list_init(&idle->process_link);
    atomic_init(&idle->cpu, cpu);
    atomic_init(&idle->state, THREAD_RUNNING);
    idle->priority = 0;
    idle->job = &job_root;
    idle->slice_end = NEVER;
    idle->switched_in = arch_clock_monotonic();
    cpu->idle = cpu->current = cpu->previous = idle;
    sched_ready = true;
}

struct thread *thread_self(void)
{
    return arch_cpu_self()->current;
}

void sched_enqueue_locked(struct cpu *cpu, struct thread *thread)
{
    spinlock_assert_held(&cpu->lock);
    list_append(&cpu->ready[thread->priority], &thread->run_link);
    atomic_fetch_add_explicit(&cpu->ready_count, 1, memory_order_relaxed);
}

struct thread *sched_pick_locked(struct cpu *cpu)
{
    for (int priority = SCHED_PRIORITIES - 1; priority > 0; priority--) {
        struct list *link = list_pop(&cpu->ready[priority]);
        if (link != NULL) {
            atomic_fetch_sub_explicit(&cpu->ready_count, 1, memory_order_relaxed);
            return container_of(link, struct thread, run_link);
        }
    }
    return NULL;
}

/* SELF's turn ends at NOW. */
static void account(struct thread *self, uint64_t now)
{
    self->cpu_time += now - self->switched_in;
    self->switched_in = now;
    uint64_t news = self->cpu_time - self->cpu_reported;
    if (self->priority == 0 || (news < REPORT_NS && self->state != THREAD_DEAD))
        return;
    self->cpu_reported = self->cpu_time;
    for (struct job *job = self->job; job != NULL; job = job->parent)
        atomic_fetch_add_explicit(&job->cpu_time, news, memory_order_relaxed);
}

static void note_idle(const struct cpu *cpu, bool idle)
{
    uint32_t bit = 1u << cpu->number;
    if (idle)
        atomic_fetch_or(&sched_idle_mask, bit);
    else if (atomic_load_explicit(&sched_idle_mask, memory_order_relaxed) & bit)
        atomic_fetch_and(&sched_idle_mask, ~bit);
}

void sched_switch_locked(struct cpu *cpu, struct thread *self, struct thread *next, uint64_t slice_end)
{
    uint64_t now = arch_clock_monotonic();
    spinlock_assert_held(&cpu->lock);
    kassert(next != self && next->state != THREAD_PARKED);
    account(self, now);
    next->switched_in = now;
    next->slice_end = slice_end != 0 ? slice_end : now + SCHED_SLICE_NS;
    atomic_store_explicit(&next->cpu, cpu, memory_order_relaxed);
    atomic_store_explicit(&next->state, THREAD_RUNNING, memory_order_relaxed);
    cpu->current = next;
    cpu->previous = self;
    note_idle(cpu, next == cpu->idle);
    sched_arm_locked(cpu);
    arch_switch(self, next);
    sched_switched();
}

void sched_switched(void)
{
    struct cpu *cpu = arch_cpu_self(); /* perhaps another one than before the switch */
    struct thread *previous = cpu->previous;
    bool dead = atomic_load_explicit(&previous->state, memory_order_relaxed) == THREAD_DEAD;
    spinlock_unlock(&cpu->lock);
    if (dead)
        thread_release(previous);
}

void sched_leave_locked(struct cpu *cpu, struct thread *self)
{
    struct thread *next = sched_pick_locked(cpu);
    sched_switch_locked(cpu, self, next != NULL ? next : cpu->idle, 0);
}

/* The queue's turn if anything of at least SELF's priority is ready. */
void sched_yield(void)
{
    struct cpu *cpu = arch_cpu_self();
    struct thread *self = cpu->current;
    spinlock_assert_none();
    spinlock_lock(&cpu->lock);
    unsigned best = SCHED_PRIORITIES - 1;
    while (best >= self->priority && list_empty(&cpu->ready[best]))
        best--;
    if (best < self->priority) {
        spinlock_unlock(&cpu->lock);
        return;
    }
    struct thread *next = sched_pick_locked(cpu);
    atomic_store_explicit(&self->state, THREAD_RUNNABLE, memory_order_relaxed);
    sched_enqueue_locked(cpu, self);
    sched_switch_locked(cpu, self, next, 0);
}

static void preempted(struct thread *self)
{
    atomic_fetch_and(&self->work, ~WORK_RESCHED);
    if (self->wakes != 0)
        self->spreads = 8; /* it woke somebody and went on computing: see place.c */
    sched_yield();
}

void sched_point(void)
{
    arch_interrupt_window();
    struct thread *self = thread_self();
    if (atomic_load_explicit(&self->work, memory_order_relaxed) & WORK_RESCHED)
        preempted(self);
}

void sched_return_to_user(void)
{
    struct thread *self = thread_self();
    for (;;) {
        uint32_t work = atomic_load_explicit(&self->work, memory_order_acquire);
        if (work & WORK_KILLED)
            process_ops->killed();
        else if (work & WORK_STOPPED)
            process_ops->stopped();
        else if (work & WORK_RESCHED)
            preempted(self);
        else
            return;
    }
}

void sched_run_idle(void)
{
    struct cpu *cpu = arch_cpu_self();
    for (;;) {
        spinlock_lock(&cpu->lock);
        struct thread *next = sched_pick_locked(cpu);
        if (next == NULL) {
            note_idle(cpu, true); /* under the lock: who queues a thread after this sees it */
            spinlock_unlock(&cpu->lock);
            next = sched_steal(cpu);
            if (next == NULL) {
                arch_idle();
                continue;
            }
            spinlock_lock(&cpu->lock);
        }
        atomic_store_explicit(&cpu->idle->work, 0, memory_order_relaxed);
        atomic_store_explicit(&cpu->idle->state, THREAD_RUNNABLE, memory_order_relaxed);
        sched_switch_locked(cpu, cpu->idle, next, 0);
    }
}
