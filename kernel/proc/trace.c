/* SPDX-License-Identifier: BSD-2-Clause */
/* Recording of system calls; see trace.h. */
#include "kernel/proc/trace.h"

#include "kernel/lib/refcount.h"
#include "kernel/mm/slab.h"

static void trace_put(struct trace *trace)
{
    if (refcount_put(&trace->references))
        kfree(trace);
}

static void mark_threads_locked(struct process *process, bool traced)
{
    list_for_each(link, &process->threads)
    {
        struct thread *thread = container_of(link, struct thread, process_link);
        if (traced)
            atomic_fetch_or(&thread->work, WORK_TRACED);
        else
            atomic_fetch_and(&thread->work, ~WORK_TRACED);
    }
}

cloudabi_errno_t trace_begin(struct process *process, struct job *job, struct trace **out)
{
    struct trace *trace = kmalloc(job, sizeof(*trace));
    cloudabi_errno_t error = 0;
    if (trace == NULL)
        return CLOUDABI_ENOMEM;
    atomic_init(&trace->references, 2); /* the process, the caller */
    spinlock_init(&trace->lock, RANK_FILE);
    waitq_init(&trace->readers);
    trace->head = trace->tail = trace->lost = 0;
    trace->ended = false;
    spinlock_lock(&process->lock);
    if (process->exiting)
        error = CLOUDABI_ESRCH;
    else if (process->trace != NULL)
        error = CLOUDABI_EBUSY;
    if (error == 0) {
        process->trace = trace;
        mark_threads_locked(process, true);
    }
    spinlock_unlock(&process->lock);
    if (error != 0)
        kfree(trace);
    else
        *out = trace;
    return error;
}

/* Takes the trace away from PROCESS, if it is there. Referenced. */
static struct trace *detach(struct process *process)
{
    spinlock_lock(&process->lock);
    struct trace *trace = process->trace;
    process->trace = NULL;
    mark_threads_locked(process, false);
    spinlock_unlock(&process->lock);
    return trace;
}

void trace_end(struct process *process, struct trace *trace)
{
    struct trace *its = detach(process);
    kassert(its == NULL || its == trace);
    if (its != NULL)
        trace_put(its);
    trace_put(trace);
}

void trace_process_ends(struct process *process)
{
    struct trace *trace = detach(process);
    if (trace == NULL)
        return;
    spinlock_lock(&trace->lock);
    trace->ended = true;
    spinlock_unlock(&trace->lock);
    waitq_wake_all(&trace->readers);
    trace_put(trace);
}

static void add(struct trace *trace, const struct trace_record *record)
{
    spinlock_lock(&trace->lock);
    if (trace->head - trace->tail == TRACE_RECORDS) {
        trace->tail++;
        trace->lost++;
    }
    trace->ring[trace->head++ % TRACE_RECORDS] = *record;
    spinlock_unlock(&trace->lock);
    waitq_wake_all(&trace->readers);
}

void process_trace_call(uint32_t number, uint32_t error)
{
    const struct thread *self = thread_self();
    struct process *process = self->process;
    struct trace_record record = {arch_clock_monotonic(), self->tid, (uint16_t)number,
                                  (uint16_t)error};
    spinlock_lock(&process->lock);
    struct trace *trace = process->trace;
    if (trace != NULL)
        refcount_get(&trace->references);
    spinlock_unlock(&process->lock);
    if (trace == NULL || number >= CLOUDABI_NCALLS)
        return;
    add(trace, &record);
    trace_put(trace);
}

void trace_last_call(void)
{
    const struct thread *self = thread_self();
    if (atomic_load_explicit(&self->work, memory_order_relaxed) & WORK_TRACED)
        process_trace_call(arch_call_number(), 0);
}

bool trace_take(struct trace *trace, struct trace_record *record, uint64_t *lost)
{
    spinlock_lock(&trace->lock);
    *lost = trace->lost;
    trace->lost = 0;
    bool some = *lost == 0 && trace->tail != trace->head;
    if (some)
        *record = trace->ring[trace->tail++ % TRACE_RECORDS];
    spinlock_unlock(&trace->lock);
    return some || *lost != 0;
}
