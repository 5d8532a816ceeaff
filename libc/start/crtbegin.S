/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of .ctors: linked before all other objects. crtend.S has the end. */
    .section .ctors, "aw", @progbits
    .p2align 3
    .quad -1
    .hidden __libc_ctors_start
    .globl __libc_ctors_start
__libc_ctors_start:

    .section .note.GNU-stack, "", @progbits
