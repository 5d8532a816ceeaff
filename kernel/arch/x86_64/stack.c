/* SPDX-License-Identifier: BSD-2-Clause */
/* What the stack of a thread tells while the thread is off its CPU. */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/mm/frame.h"
#include "kernel/sched/thread.h"
#include "kernel/syscall/frame.h"

/* What switch_stacks() has pushed, from the stack pointer on. */
enum { SAVED_RBP = 4, SAVED_PC = 6 };

size_t arch_thread_frames(const struct thread *thread, uint64_t *pc, size_t max)
{
    uint64_t low = (uint64_t)thread->stack, high = thread->arch.kernel_top;
    const uint64_t *saved = (const uint64_t *)thread->arch.kernel_sp;
    size_t count = 0;
    if ((uint64_t)saved < low || (uint64_t)saved + 56 > high)
        return 0;
    uint64_t frame = saved[SAVED_RBP];
    pc[count++] = saved[SAVED_PC];
    while (count < max && frame > (uint64_t)saved && frame % 8 == 0 && frame + 16 <= high) {
        const uint64_t *at = (const uint64_t *)frame;
        if (at[1] < KERNEL_BASE)
            break;
        pc[count++] = at[1];
        if (at[0] <= frame)
            break;
        frame = at[0];
    }
    return count;
}

void arch_thread_user_frame(const struct thread *thread, uint64_t *pc, uint64_t *frame)
{
    uint64_t top = thread->arch.kernel_top;
    if (thread->arch.user_trap) {
        const struct trap_frame *trap = (const struct trap_frame *)top - 1;
        *pc = trap->rip;
        *frame = trap->rbp;
    } else {
        const struct syscall_frame *call = (const struct syscall_frame *)top - 1;
        *pc = call->rip;
        *frame = call->rbp;
    }
    if (*pc >= USER_END || *frame >= USER_END)
        *pc = *frame = 0; /* it has not been in user mode yet */
}

uint32_t arch_call_number(void)
{
    const struct syscall_frame *call =
        (const struct syscall_frame *)thread_self()->arch.kernel_top - 1;
    return (uint32_t)call->number;
}
