/* SPDX-License-Identifier: BSD-2-Clause */
/* Fault injection: lets one allocation of one process fail, so that error paths can be tested. */
#include "kernel/job/job.h"
#include "kernel/sched/thread.h"

_Atomic uint64_t fault_countdown;             /* 0: off */
static struct process *_Atomic fault_process; /* compared only, never followed */

void fault_arm(uint64_t countdown)
{
    atomic_store(&fault_countdown, 0);
    atomic_store(&fault_process, thread_self()->process);
    atomic_store(&fault_countdown, countdown);
}

void fault_forget(const struct process *process)
{
    if (atomic_load(&fault_process) == process)
        atomic_store(&fault_countdown, 0);
}

bool fault_count_down(void)
{
    struct thread *self = thread_self();
    if (self == NULL || self->process == NULL || self->process != atomic_load(&fault_process))
        return false;
    uint64_t left = atomic_load(&fault_countdown);
    while (left != 0)
        if (atomic_compare_exchange_weak(&fault_countdown, &left, left - 1))
            return left == 1;
    return false;
}
