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
 *
 * Levels.  A thread that sleeps most of the time should not wait behind threads that never do.  It earns
 * credit by sleeping, half of the time, up to one slice, and spends it by running; with credit it is
 * LEVEL_NORMAL, else LEVEL_BUSY.  So one that runs for more than a third of the time is busy like the
 * others, and however many wake up all the time, each BUSY_SHARE-th pick is from the busy ones.
 */
#include "kernel/job/job.h"
#include "kernel/sched/sched_priv.h"

#define REPORT_NS    1000000ul /* CPU time is added to the job in steps of this */
#define METER_MIN_NS 200000ul  /* a job with a share of CPU time is not looked at more often */
#define BUSY_SHARE   8

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
    for (unsigned i = 0; i < SCHED_LEVELS; i++)
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
    if (thread->priority > 1)
        thread->level = LEVEL_KERNEL;
    else
        thread->level = thread->credit > 0 ? LEVEL_NORMAL : LEVEL_BUSY;
    list_append(&cpu->ready[thread->level], &thread->run_link);
    atomic_fetch_add_explicit(&cpu->ready_count, 1, memory_order_relaxed);
}

enum sched_level sched_best_locked(const struct cpu *cpu)
{
    enum sched_level level = SCHED_LEVELS - 1;
    while (level > LEVEL_IDLE && list_empty(&cpu->ready[level]))
        level--;
    return level;
}

struct thread *sched_pick_locked(struct cpu *cpu)
{
    enum sched_level level = sched_best_locked(cpu);
    if (level == LEVEL_IDLE)
        return NULL;
    if (level > LEVEL_BUSY && !list_empty(&cpu->ready[LEVEL_BUSY]) &&
        ++cpu->picks % BUSY_SHARE == 0)
        level = LEVEL_BUSY;
    struct list *link = list_pop(&cpu->ready[level]);
    atomic_fetch_sub_explicit(&cpu->ready_count, 1, memory_order_relaxed);
    return container_of(link, struct thread, run_link);
}

__attribute__((noinline, preserve_most)) static void report(struct thread *self, uint64_t news,
                                                            uint64_t now)
{
    self->cpu_reported = self->cpu_time;
    job_cpu_use(self->job, news, now);
}

/* SELF's turn ends at NOW. */
static void end_turn(struct thread *self, uint64_t now)
{
    int64_t ran = (int64_t)(now - self->switched_in);
    self->cpu_time += (uint64_t)ran;
    self->credit = self->credit - ran > -CREDIT_MAX ? self->credit - ran : -CREDIT_MAX;
    self->switched_in = now;
    uint64_t news = self->cpu_time - self->cpu_reported;
    if (self->priority == 0 || (news < REPORT_NS && !self->metered && self->state != THREAD_DEAD))
        return;
    report(self, news, now);
}

/* Cuts the slice of SELF, whose turn begins or goes on at NOW, to what its job may run on. */
__attribute__((noinline)) static void meter(struct thread *self, uint64_t now)
{
    uint64_t left = job_cpu_left(self->job, now);
    if (left == 0)
        atomic_fetch_or(&self->work, WORK_RESCHED); /* it will wait before user mode */
    if (left < METER_MIN_NS)
        left = METER_MIN_NS;
    if (now + left < self->slice_end)
        self->slice_end = now + left;
}

/* On the way to user mode: waits until SELF's job may go on. */
__attribute__((noinline)) static void wait_for_share(struct thread *self)
{
    for (;;) {
        uint64_t now = arch_clock_monotonic();
        struct cpu *cpu = arch_cpu_self();
        spinlock_lock(&cpu->lock);
        end_turn(self, now);
        spinlock_unlock(&cpu->lock);
        uint64_t until = job_cpu_wait(self->job, now);
        if (until == 0 || thread_park(until) == CLOUDABI_EINTR)
            return;
    }
}

/* SELF was looked at and goes on, alone: the timer is for its own slice. */
__attribute__((noinline)) static void go_on_metered_locked(struct cpu *cpu, struct thread *self)
{
    uint64_t now = arch_clock_monotonic();
    self->slice_end = now + SCHED_SLICE_NS;
    meter(self, now);
    sched_arm_locked(cpu);
}

static void note_idle(const struct cpu *cpu, bool idle)
{
    uint32_t bit = 1u << cpu->number;
    if (idle)
        atomic_fetch_or(&sched_idle_mask, bit);
    else if (atomic_load_explicit(&sched_idle_mask, memory_order_relaxed) & bit)
        atomic_fetch_and(&sched_idle_mask, ~bit);
}

/* SLICE_END 0: a new slice. */
__attribute__((noinline, preserve_most)) static void begin_slice(struct cpu *cpu,
                                                                 struct thread *next,
                                                                 uint64_t slice_end, uint64_t now)
{
    next->slice_end = slice_end != 0 ? slice_end : now + SCHED_SLICE_NS;
    next->metered = atomic_load_explicit(&next->job->metered, memory_order_relaxed);
    if (next->metered)
        meter(next, now);
    note_idle(cpu, next == cpu->idle);
    sched_arm_locked(cpu);
}

void sched_switch_locked(struct cpu *cpu, struct thread *self, struct thread *next,
                         uint64_t slice_end, uint64_t now)
{
    spinlock_assert_held(&cpu->lock);
    kassert(next != self && next->state != THREAD_PARKED);
    end_turn(self, now);
    next->switched_in = now;
    atomic_store_explicit(&next->cpu, cpu, memory_order_relaxed);
    atomic_store_explicit(&next->state, THREAD_RUNNING, memory_order_relaxed);
    cpu->current = next;
    cpu->previous = self;
    if (slice_end == 0 || next->metered)
        begin_slice(cpu, next, slice_end, now);
    else /* one thread in the place of another: the timer is set for this slice already */
        next->slice_end = slice_end;
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
    sched_switch_locked(cpu, self, next != NULL ? next : cpu->idle, 0, arch_clock_monotonic());
}

/* Lets others run: STOLEN if it is not NULL. */
static void yield_to(struct thread *stolen)
{
    struct cpu *cpu = arch_cpu_self();
    struct thread *self = cpu->current;
    spinlock_assert_none();
    spinlock_lock(&cpu->lock);
    struct thread *next = stolen != NULL ? stolen : sched_pick_locked(cpu);
    if (next == NULL) {
        if (self->metered)
            go_on_metered_locked(cpu, self);
        spinlock_unlock(&cpu->lock);
        return;
    }
    atomic_store_explicit(&self->state, THREAD_RUNNABLE, memory_order_relaxed);
    uint64_t now = arch_clock_monotonic();
    end_turn(self, now);
    sched_enqueue_locked(cpu, self);
    sched_switch_locked(cpu, self, next, 0, now);
}

void sched_yield(void)
{
    yield_to(NULL);
}

void sched_yield_all(void)
{
    struct cpu *cpu = arch_cpu_self();
    bool alone = atomic_load_explicit(&cpu->ready_count, memory_order_relaxed) == 0;
    yield_to(alone ? sched_steal(cpu) : NULL);
}

static void preempted(struct thread *self, bool to_user)
{
    atomic_fetch_and(&self->work, ~WORK_RESCHED);
    if (self->metered && to_user)
        wait_for_share(self);
    if (self->wakes != 0 && arch_clock_monotonic() >= self->slice_end)
        self->spreads = 8; /* it woke somebody and went on computing: see place.c */
    sched_yield();
}

void sched_point(void)
{
    arch_interrupt_window();
    struct thread *self = thread_self();
    if (atomic_load_explicit(&self->work, memory_order_relaxed) & WORK_RESCHED)
        preempted(self, false);
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
            preempted(self, true);
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
        sched_switch_locked(cpu, cpu->idle, next, 0, arch_clock_monotonic());
    }
}
