/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways into the kernel and out again: system calls, exceptions and interrupts, first runs.
 *
 * A system call enters with interrupts off (SFMASK) and the direction, trap and alignment flags clear,
 * builds struct syscall_frame on the thread's kernel stack and calls through the generated table.
 * RCX and RIP: the return address follows a SYSCALL instruction below USER_END, so it is always
 * canonical and SYSRET is safe; no other code changes frame.rip.
 */
#include "kernel/arch/x86_64/smap.inc"
#include "kernel/arch/x86_64/offsets.h"

    .text
    .p2align 6
    .globl syscall_entry
syscall_entry:
    swapgs
    movq %rsp, %gs:CPU_USER_SP
    movq %gs:CPU_KERNEL_TOP, %rsp
    pushq %gs:CPU_USER_SP
    pushq %r11
    pushq %rcx
    pushq %r15
    pushq %r14
    pushq %r13
    pushq %r12
    pushq %rbp
    pushq %rbx
    pushq $0
    pushq $0
    movl %eax, %eax
    pushq %rax
    pushq %r9
    pushq %r8
    pushq %r10
    pushq %rdx
    pushq %rsi
    pushq %rdi
    cmpl $SYSCALL_COUNT, %eax
    jae unknown_call
    movq %rsp, %rdi
    callq *syscall_table(, %rax, 8)
syscall_return:
    movq %gs:CPU_THREAD, %rcx
    cmpl $0, THREAD_WORK(%rcx)
    jne syscall_work
syscall_leave:
    movq FRAME_RFLAGS(%rsp), %r11
    movzwl %ax, %eax
    testl %eax, %eax
    jne syscall_error
    movq FRAME_OUT0(%rsp), %rax
    movq FRAME_OUT1(%rsp), %rdx
    andl $~1, %r11d
syscall_exit:
    movq FRAME_RIP(%rsp), %rcx
    xorl %edi, %edi /* nothing of the kernel's is left in registers */
    xorl %esi, %esi
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    movq FRAME_RSP(%rsp), %rsp
    swapgs
    sysretq

syscall_error:
    orl $1, %r11d /* carry: rax is an errno */
    xorl %edx, %edx
    jmp syscall_exit

unknown_call:
    movl $52, %eax /* ENOSYS */
    jmp syscall_return

syscall_work:
    movl %eax, %ebx /* the handler has preserved it; the user's is in the frame */
    testl $WORK_TRACED_BIT, THREAD_WORK(%rcx)
    jz 1f
    movl FRAME_NUMBER(%rsp), %edi
    movzwl %ax, %esi
    call process_trace_call
1:  call sched_return_to_user
    movl %ebx, %eax
    movq FRAME_RBX(%rsp), %rbx
    jmp syscall_leave /* what is left of work is no reason to stay */

/* --- exceptions and interrupts ----------------------------------------------------------------- */

    .p2align 4
    .globl trap_stubs
trap_stubs: /* 16 bytes each */
    .set vector, 0
    .rept 256
    .p2align 4
    .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21)
    .else
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

    .p2align 4
trap_common:
    cld
    testb $3, 24(%rsp)
    jz 1f
    swapgs
1:  pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    SMAP_CLOSE
    movq %rsp, %rdi
    testb $3, 144(%rsp)
    jz trap_from_kernel
    movq %gs:CPU_THREAD, %rbx
    movl $1, THREAD_USER_TRAP(%rbx)
    xorl %ebp, %ebp
    call trap_user
2:  cmpl $0, THREAD_WORK(%rbx)
    jne trap_work
3:  movl $0, THREAD_USER_TRAP(%rbx)
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    swapgs
    iretq

trap_work:
    call sched_return_to_user
    jmp 3b

trap_from_kernel:
    call trap_kernel
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

/* NMI: may come between any two instructions, also before SWAPGS, so it touches nothing of this CPU's. */
    .globl nmi_entry
nmi_entry:
    cld
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    movq %rsp, %rdi
    movq %rbp, %rsi
    call trap_nmi
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    iretq

/* --- switching ----------------------------------------------------------------------------------- */

/* struct thread *switch_stacks(uint64_t *save, uint64_t load, struct thread *prev) */
    .p2align 4
    .globl switch_stacks
switch_stacks:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    movq %rdx, %rax
    ret

/* First run of a kernel function: rbx = fn, r12 = arg. */
    .globl thread_first_run
thread_first_run:
    call sched_switched
    movq %r12, %rdi
    xorl %ebp, %ebp
    callq *%rbx
    call thread_exit_current
    ud2

/* First run of a forked thread: its stack pointer is at its copy of the system-call frame. */
    .globl thread_fork_return
thread_fork_return:
    call sched_switched
    call fpu_clear
    movq FRAME_RBX(%rsp), %rbx
    movq FRAME_RBP(%rsp), %rbp
    movq FRAME_R12(%rsp), %r12
    movq FRAME_R13(%rsp), %r13
    movq FRAME_R14(%rsp), %r14
    movq FRAME_R15(%rsp), %r15
    xorl %eax, %eax
    jmp syscall_return

/* _Noreturn void enter_user(uint64_t pc, uint64_t sp, uint64_t arg0, uint64_t arg1) */
    .globl enter_user
enter_user:
    pushq $SEL_USER_DATA
    pushq %rsi
    pushq $0x202
    pushq $SEL_USER_CODE
    pushq %rdi
    movq %rdx, %rdi
    movq %rcx, %rsi
    xorl %eax, %eax
    xorl %ebx, %ebx
    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %ebp, %ebp
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d
    swapgs
    iretq

/* Forgets what the registers hold of another program: x87 and SSE. Keeps the control words. */
    .globl fpu_clear
fpu_clear:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    pxor %xmm\n, %xmm\n
    .endr
    subq $8, %rsp
    fnstcw (%rsp)
    fninit
    .rept 8
    fldz
    .endr
    fninit
    fldcw (%rsp)
    addq $8, %rsp
    ret
