/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a thread runs when it becomes ready.
 *
 * A thread that wakes one other and then sleeps (a request and its reply, a lock handed over) wants the
 * other on its own CPU: no interrupt, warm caches, and there is no parallelism to win.  A thread that
 * wakes several, or wakes and goes on computing, wants them on idle CPUs.  So the first wake-up since the
 * waker last parked stays local, the further ones go to idle CPUs; a waker that was preempted after a
 * wake-up was a wrong guess and spreads its next ones.  A wrong guess costs at most PAIR_NS (timer.c).
 */
#include "kernel/sched/sched_priv.h"

static bool is_idle(const struct cpu *cpu)
{
    return atomic_load_explicit(&sched_idle_mask, memory_order_relaxed) >> cpu->number & 1;
}

static struct cpu *any_idle(void)
{
    uint32_t mask = atomic_load_explicit(&sched_idle_mask, memory_order_relaxed);
    return mask != 0 ? cpus[__builtin_ctz(mask)] : NULL;
}

/* The bit is cleared by who pokes, so an idle CPU gets one interrupt however many threads come to it. */
static void poke(struct cpu *cpu)
{
    uint32_t bit = 1u << cpu->number;
    if (atomic_fetch_and(&sched_idle_mask, ~bit) & bit)
        arch_ipi_resched(cpu);
}

void sched_poke_idle(void)
{
    struct cpu *cpu = any_idle();
    if (cpu != NULL && cpu != arch_cpu_self())
        poke(cpu);
}

static struct cpu *choose(struct thread *thread, struct cpu *home)
{
    struct cpu *here = arch_cpu_self();
    struct thread *waker = here->current;
    if (waker == here->idle)
        return here; /* an interrupt woke this CPU: it is the one with time */
    if (waker->wakes++ == 0 && thread->priority <= waker->priority) {
        if (waker->spreads == 0)
            return here;
        waker->spreads--;
    }
    if (is_idle(home))
        return home;
    struct cpu *idle = any_idle();
    return idle != NULL ? idle : here;
}

void sched_kick_locked(struct cpu *cpu, const struct thread *newcomer)
{
    if (cpu == arch_cpu_self()) {
        if (newcomer->level > cpu->current->level && cpu->current != cpu->idle)
            atomic_fetch_or(&cpu->current->work, WORK_RESCHED);
        sched_arm_locked(cpu);
        return;
    }
    if (is_idle(cpu))
        poke(cpu);
    else if (newcomer->level > cpu->current->level ||
             atomic_load_explicit(&cpu->timer_armed, memory_order_relaxed) >
                 arch_clock_monotonic() + SCHED_SLICE_NS)
        arch_ipi_resched(cpu); /* it must preempt, or time the slice that it is in */
}

void sched_make_ready(struct cpu *home, struct thread *thread)
{
    struct cpu *target = choose(thread, home);
    list_remove(&thread->timer_link);
    if (sched_earns(thread))
        sched_slept(thread, arch_clock_monotonic());
    atomic_store_explicit(&thread->state, THREAD_RUNNABLE, memory_order_relaxed);
    if (target != home) {
        /* Between the two locks it is on no queue, and so nobody's but ours. */
        atomic_store_explicit(&thread->cpu, target, memory_order_relaxed);
        spinlock_unlock(&home->lock);
        spinlock_lock(&target->lock);
    }
    sched_enqueue_locked(target, thread);
    sched_kick_locked(target, thread);
    spinlock_unlock(&target->lock);
}

struct cpu *sched_lock_cpu_of(struct thread *thread)
{
    for (;;) {
        struct cpu *cpu = atomic_load_explicit(&thread->cpu, memory_order_relaxed);
        spinlock_lock(&cpu->lock);
        if (atomic_load_explicit(&thread->cpu, memory_order_relaxed) == cpu)
            return cpu;
        spinlock_unlock(&cpu->lock);
    }
}

static struct cpu *longest_queue(const struct cpu *but)
{
    struct cpu *best = NULL;
    unsigned most = 0;
    for (unsigned i = 0; i < cpu_count; i++) {
        unsigned count = atomic_load_explicit(&cpus[i]->ready_count, memory_order_relaxed);
        if (cpus[i] != but && count > most) {
            most = count;
            best = cpus[i];
        }
    }
    return best;
}

static struct thread *take_for(struct cpu *from, struct cpu *to)
{
    spinlock_lock(&from->lock);
    struct thread *thread = sched_pick_locked(from);
    if (thread != NULL)
        atomic_store_explicit(&thread->cpu, to, memory_order_relaxed);
    spinlock_unlock(&from->lock);
    return thread;
}

struct thread *sched_steal(struct cpu *thief)
{
    struct cpu *victim = longest_queue(thief);
    return victim != NULL ? take_for(victim, thief) : NULL;
}

/* At the end of a slice: a CPU with a much shorter queue, but never idle, gets one of ours. */
void sched_balance(struct cpu *cpu)
{
    struct cpu *least = cpu;
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpus[i]->ready_count < least->ready_count)
            least = cpus[i];
    if (least->ready_count + 2 > cpu->ready_count)
        return;
    struct thread *thread = take_for(cpu, least);
    if (thread == NULL)
        return;
    spinlock_lock(&least->lock);
    sched_enqueue_locked(least, thread);
    sched_kick_locked(least, thread);
    spinlock_unlock(&least->lock);
}
