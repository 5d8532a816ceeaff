/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping and waking.
 *
 * Why no wake-up is lost.  The parker stores state PARKED, then loads the token (and the kill bit); the
 * waker stores the token, then loads the state.  All four are sequentially consistent, so at least one of
 * the two sees the other's store: either the parker goes back, or the waker takes the run-queue lock
 * (which the parker holds until it has left its stack) and makes it ready.  A waker that finds the token
 * set already leaves the work to the one who set it.
 *
 * Tokens do not count: two unparks before a park are one, and one may be left over from a wait that ended
 * in another way.  So every wait looks at its condition again.
 */
#include "kernel/sched/sched_priv.h"

bool thread_killed(const struct thread *thread)
{
    return atomic_load_explicit(&thread->work, memory_order_relaxed) & WORK_KILLED;
}

/* A reason not to sleep. */
static bool called(struct thread *self, bool killable)
{
    return atomic_load(&self->unparked) || (killable && (atomic_load(&self->work) & WORK_KILLED));
}

static void sleep_once(struct thread *self, uint64_t deadline, bool killable)
{
    struct cpu *cpu = arch_cpu_self();
    spinlock_lock(&cpu->lock);
    atomic_store(&self->state, THREAD_PARKED);
    if (called(self, killable)) {
        atomic_store_explicit(&self->state, THREAD_RUNNING, memory_order_relaxed);
        spinlock_unlock(&cpu->lock);
        return;
    }
    self->wakes = 0;
    if (deadline != NEVER)
        sched_timer_insert_locked(cpu, self, deadline);
    sched_leave_locked(cpu, self);
}

static cloudabi_errno_t park(uint64_t deadline, bool killable)
{
    struct thread *self = thread_self();
    spinlock_assert_none();
    for (;;) {
        if (atomic_load_explicit(&self->unparked, memory_order_relaxed) &&
            atomic_exchange(&self->unparked, false))
            return 0;
        if (killable && thread_killed(self))
            return CLOUDABI_EINTR;
        if (deadline != NEVER && deadline <= arch_clock_monotonic())
            return CLOUDABI_ETIMEDOUT;
        sleep_once(self, deadline, killable);
    }
}

cloudabi_errno_t thread_park(uint64_t deadline)
{
    return park(deadline, true);
}

void thread_park_uninterruptible(void)
{
    (void)park(NEVER, false);
}

/* Makes THREAD ready if it is parked; else pokes its CPU if POKE and it runs elsewhere. */
static void wake(struct thread *thread, bool unpark, bool poke)
{
    struct cpu *cpu = sched_lock_cpu_of(thread);
    uint32_t state = atomic_load_explicit(&thread->state, memory_order_relaxed);
    if (unpark && state == THREAD_PARKED) {
        sched_make_ready(cpu, thread);
        return;
    }
    if (poke && state == THREAD_RUNNING && cpu != arch_cpu_self())
        arch_ipi_resched(cpu);
    spinlock_unlock(&cpu->lock);
}

void thread_unpark(struct thread *thread)
{
    if (atomic_exchange(&thread->unparked, true))
        return;
    if (atomic_load(&thread->state) == THREAD_PARKED)
        wake(thread, true, false);
}

void thread_kill(struct thread *thread)
{
    atomic_fetch_or(&thread->work, WORK_KILLED);
    wake(thread, true, true);
}

void thread_interrupt(struct thread *thread, uint32_t work)
{
    atomic_fetch_or(&thread->work, work);
    wake(thread, false, true);
}

/* Takes the parked NEXT away from its CPU, to be run here and now; comes back with HERE locked. False (nothing
 * locked): it is awake or will be. */
static bool claim(struct thread *next, struct cpu *here, uint64_t now)
{
    if (atomic_exchange(&next->unparked, true) || atomic_load(&next->state) != THREAD_PARKED)
        return false;
    struct cpu *home = sched_lock_cpu_of(next);
    if (atomic_load_explicit(&next->state, memory_order_relaxed) != THREAD_PARKED) {
        spinlock_unlock(&home->lock);
        return false;
    }
    if (!list_empty(&next->timer_link))
        list_remove(&next->timer_link);
    sched_slept(next, now);
    atomic_store_explicit(&next->state, THREAD_RUNNABLE, memory_order_relaxed);
    atomic_store_explicit(&next->cpu, here, memory_order_relaxed);
    if (home != here) {
        spinlock_unlock(&home->lock);
        spinlock_lock(&here->lock);
    }
    return true;
}

/* May NEXT go before what is ready here? */
static bool may_go_first(const struct cpu *cpu, const struct thread *self,
                         const struct thread *next)
{
    if (atomic_load_explicit(&cpu->ready_count, memory_order_relaxed) == 0)
        return true;
    if (atomic_load_explicit(&self->work, memory_order_relaxed) & WORK_RESCHED)
        return false;
    return next->priority > 1 || list_empty(&cpu->ready[LEVEL_KERNEL]);
}

cloudabi_errno_t sched_handoff_and_park(struct thread *next, uint64_t deadline)
{
    struct cpu *cpu = arch_cpu_self();
    struct thread *self = cpu->current;
    spinlock_assert_none();
    if (!may_go_first(cpu, self, next)) {
        thread_unpark(next);
        return park(deadline, true);
    }
    uint64_t now = arch_clock_monotonic();
    if (!claim(next, cpu, now))
        return park(deadline, true);
    atomic_store(&self->state, THREAD_PARKED);
    if (called(self, true)) {
        atomic_store_explicit(&self->state, THREAD_RUNNING, memory_order_relaxed);
        sched_enqueue_locked(cpu, next);
        sched_kick_locked(cpu, next);
        spinlock_unlock(&cpu->lock);
        return park(deadline, true);
    }
    self->wakes = 0;
    if (deadline != NEVER) {
        sched_timer_insert_locked(cpu, self, deadline);
        sched_arm_locked(cpu);
    }
    sched_switch_locked(cpu, self, next, self->slice_end, now);
    return atomic_exchange(&self->unparked, false) ? 0 : park(deadline, true);
}

void sched_handoff(struct thread *next)
{
    struct cpu *cpu = arch_cpu_self();
    struct thread *self = cpu->current;
    spinlock_assert_none();
    if (!may_go_first(cpu, self, next)) {
        thread_unpark(next);
        return;
    }
    uint64_t now = arch_clock_monotonic();
    if (!claim(next, cpu, now))
        return;
    atomic_store_explicit(&self->state, THREAD_RUNNABLE, memory_order_relaxed);
    list_push(&cpu->ready[self->level], &self->run_link);
    atomic_fetch_add_explicit(&cpu->ready_count, 1, memory_order_relaxed);
    sched_arm_locked(cpu); /* somebody waits now */
    sched_switch_locked(cpu, self, next, self->slice_end, now);
}
