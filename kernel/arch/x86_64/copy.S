/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory: the only instructions that touch it.  Each such instruction is in the exception table;
 * a fault on it first goes to mm_fault() (unless the entry says not), and if that can not help
 * continues at the fix-up.  A fault within a block of 32 bytes falls back to single bytes, which find the
 * exact place, so the result (bytes not copied) is exact.
 *
 * Long copies borrow two SSE registers, which hold a program's data, and give them back.  A fault while they are
 * borrowed never sleeps (another thread would run with them, and leave others): the block is done again by
 * eight bytes, where it may.
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

    .macro USER_IF is_user, fixup, may_fault, instruction:vararg
    .if \is_user
    USER \fixup, \may_fault, \instruction
    .else
    \instruction
    .endif
    .endm

#define BLOCK      1024
#define PAGE_BYTES 4096

    .macro BORROW_SSE
    subq $32, %rsp
    movups %xmm0, (%rsp)
    movups %xmm1, 16(%rsp)
    .endm
    .macro RETURN_SSE
    movups (%rsp), %xmm0
    movups 16(%rsp), %xmm1
    addq $32, %rsp
    .endm

/* rdx = bytes left beyond one BLOCK; goes on below 0. */
    .macro COPY_BLOCKS may_fault, loads_user, stores_user
6:  .set at, 0
    .rept BLOCK / 32
    USER_IF \loads_user, 7f, 0, movups at(%rsi), %xmm0
    USER_IF \loads_user, 7f, 0, movups at + 16(%rsi), %xmm1
    USER_IF \stores_user, 7f, 0, movups %xmm0, at(%rdi)
    USER_IF \stores_user, 7f, 0, movups %xmm1, at + 16(%rdi)
    .set at, at + 32
    .endr
    addq $BLOCK, %rsi
    addq $BLOCK, %rdi
    subq $BLOCK, %rdx
    jae 6b
    jmp 9f
7:  movl $BLOCK / 8, %ecx
8:  USER_IF \loads_user, 9f, \may_fault, movq (%rsi), %rax
    USER_IF \stores_user, 9f, \may_fault, movq %rax, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rdx
    decl %ecx
    jnz 8b
    testq %rdx, %rdx
    jns 6b
9:
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
    cmpq $BLOCK, %rdx
    jb 1f
    subq $BLOCK, %rdx
    BORROW_SSE
    COPY_BLOCKS \may_fault, \loads_user, \stores_user
    RETURN_SSE
    addq $BLOCK, %rdx
    jz 5f
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
    jb 3f
21: USER_IF \loads_user, 4f, \may_fault, movq (%rsi), %rax
    USER_IF \stores_user, 4f, \may_fault, movq %rax, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rdx
    cmpq $8, %rdx
    jae 21b
    testq %rdx, %rdx
    jz 5f
    /* the last 8 bytes, some of them for the second time */
    USER_IF \loads_user, 4f, \may_fault, movq -8(%rsi, %rdx), %rax
    USER_IF \stores_user, 4f, \may_fault, movq %rax, -8(%rdi, %rdx)
    xorl %edx, %edx
    jmp 5f
3:  cmpq $4, %rdx
    jb 4f
    USER_IF \loads_user, 4f, \may_fault, movl (%rsi), %eax
    USER_IF \stores_user, 4f, \may_fault, movl %eax, (%rdi)
    addq $4, %rsi
    addq $4, %rdi
    subq $4, %rdx
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

/* Whole pages in the direct map, which never fault.
 * void arch_page_copy(void *to rdi, const void *from rsi) */
    .p2align 4
    .globl arch_page_copy
arch_page_copy:
    movl $PAGE_BYTES - BLOCK, %edx
    BORROW_SSE
    COPY_BLOCKS 0, 0, 0
    RETURN_SSE
    ret

/* void arch_page_zero(void *page rdi) */
    .p2align 4
    .globl arch_page_zero
arch_page_zero:
    subq $16, %rsp
    movups %xmm0, (%rsp)
    xorps %xmm0, %xmm0
    movl $PAGE_BYTES / 1024, %eax
1:  .set at, 0
    .rept 64
    movaps %xmm0, at(%rdi)
    .set at, at + 16
    .endr
    addq $1024, %rdi
    decl %eax
    jnz 1b
    movups (%rsp), %xmm0
    addq $16, %rsp
    ret

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

/* bool user_load_pair(va rdi, uint64_t *first rsi, uint64_t *second rdx) */
    .p2align 4
    .globl user_load_pair
user_load_pair:
    SMAP_OPEN
    USER 1f, 1, movq (%rdi), %rax
    USER 1f, 1, movq 8(%rdi), %rcx
    SMAP_CLOSE
    movq %rax, (%rsi)
    movq %rcx, (%rdx)
    movl $1, %eax
    ret
1:  SMAP_CLOSE
    xorl %eax, %eax
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
