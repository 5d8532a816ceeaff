/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of every program: rdi points at the auxiliary vector, rsp is as after a call. Everything
 * else is in libc/start/start.c.
 */
    .text
    .globl _start
    .type _start, @function
_start:
    xor %ebp, %ebp
    jmp __libc_start
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
