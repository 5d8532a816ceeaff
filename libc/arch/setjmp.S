/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * setjmp and longjmp. Beside the callee-saved registers the pointer of the unsafe stack travels in the
 * buffer: it is thread-local and counts as callee-saved in code compiled with SafeStack.
 * Buffer: rbx rbp r12 r13 r14 r15 rsp rip unsafe-stack (mxcsr, x87 control word).
 */
    .text
    .globl setjmp
    .type setjmp, @function
setjmp:
    mov %rbx, 0(%rdi)
    mov %rbp, 8(%rdi)
    mov %r12, 16(%rdi)
    mov %r13, 24(%rdi)
    mov %r14, 32(%rdi)
    mov %r15, 40(%rdi)
    lea 8(%rsp), %rax
    mov %rax, 48(%rdi)
    mov (%rsp), %rax
    mov %rax, 56(%rdi)
    mov %fs:0, %rax
    mov __safestack_unsafe_stack_ptr@GOTTPOFF(%rip), %rcx
    mov (%rax,%rcx), %rax
    mov %rax, 64(%rdi)
    stmxcsr 72(%rdi)
    fnstcw 76(%rdi)
    xor %eax, %eax
    ret
    .size setjmp, . - setjmp

    .globl longjmp
    .type longjmp, @function
longjmp:
    mov 64(%rdi), %rdx
    mov %fs:0, %rax
    mov __safestack_unsafe_stack_ptr@GOTTPOFF(%rip), %rcx
    mov %rdx, (%rax,%rcx)
    ldmxcsr 72(%rdi)
    fldcw 76(%rdi)
    mov %esi, %eax
    cmp $1, %eax
    adc $0, %eax
    mov 0(%rdi), %rbx
    mov 8(%rdi), %rbp
    mov 16(%rdi), %r12
    mov 24(%rdi), %r13
    mov 32(%rdi), %r14
    mov 40(%rdi), %r15
    mov 48(%rdi), %rsp
    jmp *56(%rdi)
    .size longjmp, . - longjmp

    .section .note.GNU-stack, "", @progbits
