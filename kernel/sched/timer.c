/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time in the scheduler: deadlines of parked threads, and the end of a slice.
 *
 * There is no tick.  The one-shot timer is set when a thread is parked with a deadline, or when somebody
 * is ready while another thread runs, or a thread runs whose job has a share of CPU time.  It is never set later
 * than it already is: an early interrupt finds
 * nothing to do and sets it anew, which is cheaper than to touch the timer at every switch.
 */
#include "kernel/job/job.h"
#include "kernel/sched/sched_priv.h"

/* While a CPU idles, threads that were left here for their waker to make room are soon sent there. */
#define PAIR_NS 1000000ul

static struct thread *first_timer(const struct cpu *cpu)
{
    if (list_empty(&cpu->timers))
        return NULL;
    return container_of(cpu->timers.next, struct thread, timer_link);
}

void sched_timer_insert_locked(struct cpu *cpu, struct thread *thread, uint64_t deadline)
{
    struct list *after = cpu->timers.prev;
    thread->deadline = deadline;
    while (after != &cpu->timers &&
           container_of(after, struct thread, timer_link)->deadline > deadline)
        after = after->prev;
    list_insert(after, after->next, &thread->timer_link);
}

/* When the running thread must be looked at because others wait behind it. */
static uint64_t slice_event(struct thread *current)
{
    uint64_t now = arch_clock_monotonic();
    if (current->slice_end <= now)
        current->slice_end = now + PAIR_NS; /* it was alone so far */
    if (current->metered)
        return current->slice_end;
    if (atomic_load_explicit(&sched_idle_mask, memory_order_relaxed) != 0 &&
        now + PAIR_NS < current->slice_end)
        return now + PAIR_NS;
    return current->slice_end;
}

void sched_arm_locked(struct cpu *cpu)
{
    if (atomic_load_explicit(&cpu->ready_count, memory_order_relaxed) == 0 &&
        list_empty(&cpu->timers) && !cpu->current->metered)
        return;
    struct thread *current = cpu->current, *timer = first_timer(cpu);
    uint64_t want = timer != NULL ? timer->deadline : NEVER;
    uint64_t armed = atomic_load_explicit(&cpu->timer_armed, memory_order_relaxed);
    if (armed <= want && armed <= current->slice_end &&
        atomic_load_explicit(&sched_idle_mask, memory_order_relaxed) == 0)
        return; /* early enough for both, whatever the time is */
    if (current != cpu->idle &&
        (atomic_load_explicit(&cpu->ready_count, memory_order_relaxed) != 0 || current->metered) &&
        !(atomic_load_explicit(&current->work, memory_order_relaxed) & WORK_RESCHED)) {
        uint64_t slice = slice_event(current);
        if (slice < want)
            want = slice;
    }
    if (want < armed) {
        atomic_store_explicit(&cpu->timer_armed, want, memory_order_relaxed);
        arch_timer_set(want);
    }
}

static void expire_locked(struct cpu *cpu, uint64_t now)
{
    struct thread *thread;
    while ((thread = first_timer(cpu)) != NULL && thread->deadline <= now) {
        kassert(thread->state == THREAD_PARKED && thread->cpu == cpu);
        list_remove(&thread->timer_link);
        atomic_store_explicit(&thread->state, THREAD_RUNNABLE, memory_order_relaxed);
        sched_slept(thread, now);
        sched_enqueue_locked(cpu, thread);
    }
}

/* Does the running thread have to make room? */
static bool overdue_locked(struct cpu *cpu, uint64_t now)
{
    struct thread *current = cpu->current;
    if (current == cpu->idle)
        return false;
    if (atomic_load_explicit(&cpu->ready_count, memory_order_relaxed) == 0)
        return current->metered && now >= current->slice_end;
    return now >= current->slice_end || sched_best_locked(cpu) > current->level;
}

void sched_timer_interrupt(void)
{
    struct cpu *cpu = arch_cpu_self();
    spinlock_lock(&cpu->lock);
    uint64_t now = arch_clock_monotonic();
    atomic_store_explicit(&cpu->timer_armed, NEVER, memory_order_relaxed);
    expire_locked(cpu, now);
    bool overdue = overdue_locked(cpu, now);
    bool crowded = cpu->current != cpu->idle &&
                   atomic_load_explicit(&cpu->ready_count, memory_order_relaxed) != 0;
    if (overdue)
        atomic_fetch_or(&cpu->current->work, WORK_RESCHED);
    spinlock_unlock(&cpu->lock);
    if (crowded)
        sched_poke_idle();
    if (overdue)
        sched_balance(cpu);
    spinlock_lock(&cpu->lock);
    sched_arm_locked(cpu);
    spinlock_unlock(&cpu->lock);
}

/* Has THREAD's job been limited since its turn began? */
static bool meter_anew(struct thread *thread)
{
    bool before = thread->metered;
    thread->metered = atomic_load_explicit(&thread->job->metered, memory_order_relaxed);
    return thread->metered && !before;
}

void sched_meter_all(void)
{
    const struct cpu *here = arch_cpu_self();
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpus[i] != here)
            arch_ipi_resched(cpus[i]);
    if (meter_anew(here->current))
        atomic_fetch_or(&here->current->work, WORK_RESCHED);
}

uint64_t sched_running_time(const struct job *job)
{
    uint64_t time = 0;
    for (unsigned i = 0; i < cpu_count; i++) {
        spinlock_lock(&cpus[i]->lock);
        const struct thread *current = cpus[i]->current;
        if (current != cpus[i]->idle && job_within(current->job, job))
            time += thread_cpu_time(current) - current->cpu_reported;
        spinlock_unlock(&cpus[i]->lock);
    }
    return time;
}

void sched_resched_interrupt(void)
{
    struct cpu *cpu = arch_cpu_self();
    spinlock_lock(&cpu->lock);
    struct thread *current = cpu->current;
    bool news = meter_anew(current);
    if (overdue_locked(cpu, arch_clock_monotonic()) || news)
        atomic_fetch_or(&current->work, WORK_RESCHED);
    sched_arm_locked(cpu);
    spinlock_unlock(&cpu->lock);
}
