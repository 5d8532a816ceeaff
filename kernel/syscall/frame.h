/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the system-call entry saves of the user's registers, on the thread's kernel stack.
 * kernel/arch/x86_64/entry.S builds it; the offsets are asserted there.
 */
#ifndef KERNEL_SYSCALL_FRAME_H
#define KERNEL_SYSCALL_FRAME_H

#include <stdint.h>

struct syscall_frame {
    uint64_t arg[6]; /* rdi rsi rdx r10 r8 r9 */
    uint64_t number; /* rax */
    uint64_t out[2]; /* results: returned in rax, rdx on success */
    uint64_t rbx, rbp, r12, r13, r14, r15;
    uint64_t rip, rflags, rsp;
};

#endif
