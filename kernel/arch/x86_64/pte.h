/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of page tables. */
#ifndef KERNEL_ARCH_X86_64_PTE_H
#define KERNEL_ARCH_X86_64_PTE_H

#define P_PRESENT  0x1ul
#define P_WRITE    0x2ul
#define P_USER     0x4ul
#define P_PWT      0x8ul
#define P_PCD      0x10ul
#define P_ACCESSED 0x20ul
#define P_DIRTY    0x40ul
#define P_LARGE    0x80ul
#define P_PAT      0x80ul /* in a 4 KiB entry */
#define P_GLOBAL   0x100ul
#define P_KEPT     0x200ul /* software: not present, but the entry keeps its frame (PROT_NONE) */
#define P_NX       (1ul << 63)
#define P_FRAME    0x000ffffffffff000ul

#define INDEX(va, level) ((va) >> (12 + 9 * (level)) & 511) /* level 0 = entries of 4 KiB */
#define GIB              (1ul << 30)
#define MIB2             (1ul << 21)
#define DIRECT_LIMIT     (512 * GIB)

extern uint64_t boot_pml4[512];  /* boot.S */
extern uint64_t stack_pdpt[512]; /* kstack.c: of what its top-level entry covers */

#endif
