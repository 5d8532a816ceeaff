/* SPDX-License-Identifier: BSD-2-Clause */
/* Linked last: the end of .ctors. */
__asm__(
    ".section .ctors,\"aw\",@progbits\n.p2align 3\n.globl ctors_end\nctors_end:\n.quad 0\n.text\n");
