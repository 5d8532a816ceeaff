/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 49 calls as functions: each jumps through its slot of __libc_calls, which libc/start/vdso.c fills
 * from the vDSO before anything else runs and which is read-only afterwards. build/gen/libc/calls.inc
 * is made from the generated prototypes: lines CALL(name, number).
 */
.macro call_stub name, number
    .section .text.cloudabi_sys_\name, "ax", @progbits
    .globl cloudabi_sys_\name
    .type cloudabi_sys_\name, @function
    .p2align 4
cloudabi_sys_\name:
    jmp *(__libc_calls + 8 * \number)(%rip)
    .size cloudabi_sys_\name, . - cloudabi_sys_\name
.endm

#define CALL(name, number) call_stub name, number
#include "libc/calls.inc"

    .section .note.GNU-stack, "", @progbits
