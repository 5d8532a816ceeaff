/* SPDX-License-Identifier: BSD-2-Clause */
/* End of .ctors: linked after all other objects. */
    .section .ctors, "aw", @progbits
    .p2align 3
    .hidden __libc_ctors_end
    .globl __libc_ctors_end
__libc_ctors_end:
    .quad 0

    .section .note.GNU-stack, "", @progbits
