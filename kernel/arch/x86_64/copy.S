/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory: the only instructions that touch it.  Each such instruction is in the exception table;
 * a fault on it first goes to mm_fault() (unless the entry says not), and if that can not help
 * continues at the fix-up.  A fault within a block of 32 bytes falls back to single bytes, which find the
 * exact place, so the result (bytes not copied) is exact.
 *
 * The callers (user.c) have checked that the range lies in user space.
 */
#include "kernel/arch/x86_64/smap.inc"
#include "kernel/arch/x86_64/offsets.h"

/* The instruction may fault: entry {address, fix-up, may_fault}. */
    .macro USER fixup, may_fault, instruction:vararg
991: \instruction
    .pushsection .exception_table, "a", @progbits
    .quad 991b, \fixup, \may_fault
    .popsection
    .endm

    .text
/* size_t NAME(to rdi, from rsi, len rdx): copies; either side may be the user's. */
    .macro COPY name, may_fault, loads_user, stores_user
    .p2align 4
    .globl \name
\name:
    SMAP_OPEN
    cmpq $32, %rdx
    jb 2f
1:
    .if \loads_user
    USER 4f, \may_fault, movq (%rsi), %rax
    USER 4f, \may_fault, movq 8(%rsi), %rcx
    USER 4f, \may_fault, movq 16(%rsi), %r8
    USER 4f, \may_fault, movq 24(%rsi), %r9
    movq %rax, (%rdi)
    movq %rcx, 8(%rdi)
    movq %r8, 16(%rdi)
    movq %r9, 24(%rdi)
    .else
    movq (%rsi), %rax
    movq 8(%rsi), %rcx
    movq 16(%rsi), %r8
    movq 24(%rsi), %r9
    USER 4f, \may_fault, movq %rax, (%rdi)
    USER 4f, \may_fault, movq %rcx, 8(%rdi)
    USER 4f, \may_fault, movq %r8, 16(%rdi)
    USER 4f, \may_fault, movq %r9, 24(%rdi)
    .endif
    addq $32, %rsi
    addq $32, %rdi
    subq $32, %rdx
    cmpq $32, %rdx
    jae 1b
2:  cmpq $8, %rdx
    jb 4f
    .if \loads_user
    USER 4f, \may_fault, movq (%rsi), %rax
    movq %rax, (%rdi)
    .else
    movq (%rsi), %rax
    USER 4f, \may_fault, movq %rax, (%rdi)
    .endif
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rdx
    jmp 2b
4:  testq %rdx, %rdx
    jz 5f
    .if \loads_user
    USER 5f, \may_fault, movb (%rsi), %al
    movb %al, (%rdi)
    .else
    movb (%rsi), %al
    USER 5f, \may_fault, movb %al, (%rdi)
    .endif
    incq %rsi
    incq %rdi
    decq %rdx
    jmp 4b
5:  SMAP_CLOSE
    movq %rdx, %rax
    ret
    .endm

    COPY user_copy_in, 1, 1, 0
    COPY user_copy_out, 1, 0, 1
    COPY user_copy_in_nofault, 0, 1, 0
    COPY user_copy_out_nofault, 0, 0, 1

/* size_t user_zero(to rdi, len rsi) */
    .p2align 4
    .globl user_zero
user_zero:
    SMAP_OPEN
    xorl %eax, %eax
1:  cmpq $8, %rsi
    jb 2f
    USER 2f, 1, movq %rax, (%rdi)
    addq $8, %rdi
    subq $8, %rsi
    jmp 1b
2:  testq %rsi, %rsi
    jz 3f
    USER 3f, 1, movb %al, (%rdi)
    incq %rdi
    decq %rsi
    jmp 2b
3:  SMAP_CLOSE
    movq %rsi, %rax
    ret

/* These two never fault a page in: the locks of kernel/proc hold spinlocks around them.
 * bool user_load32(va rdi, uint32_t *value rsi) */
    .p2align 4
    .globl user_load32
user_load32:
    SMAP_OPEN
    USER 1f, 0, movl (%rdi), %eax
    SMAP_CLOSE
    movl %eax, (%rsi)
    movl $1, %eax
    ret
1:  SMAP_CLOSE
    xorl %eax, %eax
    ret

/* bool user_cas32(va rdi, uint32_t *expected rsi, desired edx, bool *swapped rcx) */
    .p2align 4
    .globl user_cas32
user_cas32:
    movl (%rsi), %eax
    SMAP_OPEN
    USER 1f, 0, lock cmpxchgl %edx, (%rdi)
    SMAP_CLOSE
    sete (%rcx)
    movl %eax, (%rsi)
    movl $1, %eax
    ret
1:  SMAP_CLOSE
    xorl %eax, %eax
    ret
