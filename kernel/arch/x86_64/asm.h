/* SPDX-License-Identifier: BSD-2-Clause */
/* Macros shared by the assembly files. */
#ifndef KERNEL_ARCH_X86_64_ASM_H
#define KERNEL_ARCH_X86_64_ASM_H

/* Three-byte no-operations, patched to STAC and CLAC on machines with SMAP (cpu_patch_smap). */
    .macro SMAP_OPEN
990: .byte 0x0f, 0x1f, 0x00
    .pushsection .smap_open, "a", @progbits
    .quad 990b
    .popsection
    .endm
    .macro SMAP_CLOSE
990: .byte 0x0f, 0x1f, 0x00
    .pushsection .smap_close, "a", @progbits
    .quad 990b
    .popsection
    .endm

#endif
