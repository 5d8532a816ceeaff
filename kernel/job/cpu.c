/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A job's share of CPU time.
 *
 * A limited job buys its time: each nanosecond that a thread of it ran moves `cpu_paid` on by 100 / percent
 * nanoseconds, from the present at the earliest.  While that lies more than JOB_CPU_BURST ahead of the clock its
 * threads wait, on their way to user mode, where they hold nothing of the kernel's.  So there is no
 * period to begin anew and no lock: one number says it all, for threads on any CPU.  The time of a job counts for
 * all its ancestors.
 */
#include "kernel/job/job.h"

#define PERCENT_MAX 100000u

static uint64_t percent_of(const struct job *job)
{
    return atomic_load_explicit(&job->cpu_percent, memory_order_relaxed);
}

/* The deepest nesting is JOB_DEPTH_MAX. Tree lock held. */
static void meter_locked(struct job *job)
{
    bool above = job->parent != NULL && atomic_load(&job->parent->metered);
    atomic_store(&job->metered, above || percent_of(job) != JOB_NO_LIMIT);
    list_for_each(link, &job->children) meter_locked(container_of(link, struct job, sibling));
}

void job_cpu_limit(struct job *job, uint64_t percent, uint64_t now)
{
    if (percent > PERCENT_MAX) /* as good as none, and RAN * 100 / percent stays meaningful */
        percent = JOB_NO_LIMIT;
    spinlock_lock(&job_tree_lock);
    if (percent_of(job) ==
        JOB_NO_LIMIT) /* not at each change, or that would be a way to pay less */
        atomic_store(&job->cpu_since, now);
    atomic_store(&job->cpu_percent, percent);
    meter_locked(job);
    spinlock_unlock(&job_tree_lock);
}

static void pay(struct job *job, uint64_t ran, uint64_t now, uint64_t percent)
{
    uint64_t old = atomic_load_explicit(&job->cpu_paid, memory_order_relaxed), paid;
    uint64_t since = atomic_load_explicit(&job->cpu_since, memory_order_relaxed);
    uint64_t most = now > since ? now - since : 0;
    if (ran > most)
        ran = most;
    do {
        paid = (old > now - ran ? old : now - ran) + ran * 100 / percent;
    } while (!atomic_compare_exchange_weak(&job->cpu_paid, &old, paid));
}

void job_cpu_use(struct job *job, uint64_t ran, uint64_t now)
{
    for (; job != NULL; job = job->parent) {
        uint64_t percent = percent_of(job);
        atomic_fetch_add_explicit(&job->cpu_time, ran, memory_order_relaxed);
        if (percent != JOB_NO_LIMIT)
            pay(job, ran, now, percent);
    }
}

uint64_t job_cpu_wait(const struct job *job, uint64_t now)
{
    uint64_t until = 0;
    for (; job != NULL; job = job->parent) {
        uint64_t paid = atomic_load_explicit(&job->cpu_paid, memory_order_relaxed);
        if (percent_of(job) != JOB_NO_LIMIT && paid > now + JOB_CPU_BURST && paid > until)
            until = paid;
    }
    return until;
}

uint64_t job_cpu_left(const struct job *job, uint64_t now)
{
    uint64_t left = JOB_NO_LIMIT;
    for (; job != NULL; job = job->parent) {
        uint64_t percent = percent_of(job);
        if (percent == JOB_NO_LIMIT)
            continue;
        uint64_t paid = atomic_load_explicit(&job->cpu_paid, memory_order_relaxed);
        uint64_t ahead = paid > now ? paid - now : 0;
        uint64_t mine = ahead < JOB_CPU_BURST ? (JOB_CPU_BURST - ahead) * percent / 100 : 0;
        left = mine < left ? mine : left;
    }
    return left;
}
