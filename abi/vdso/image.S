/* SPDX-License-Identifier: BSD-2-Clause */
/* The vDSO as the kernel carries it: whole pages, the last one filled with zeros. */
    .section .rodata.vdso, "a", @progbits
    .p2align 12
    .globl vdso_image_start
vdso_image_start:
    .incbin "build/gen/abi/vdso.so"
    .p2align 12, 0
    .globl vdso_image_end
vdso_image_end:
