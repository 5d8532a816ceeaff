/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot loader to C.  Both loaders enter in 32-bit protected mode without paging, with the
 * address of their information in EBX:
 *   PVH (QEMU -kernel)         through the ELF note below
 *   Multiboot2 (GRUB, BIOS and EFI) through the header below; EAX = 0x36d76289
 *
 * The first page tables map 4 GiB three times with 2 MiB pages: identically (gone after the other
 * CPUs have started), at DIRECT_BASE, and their first GiB at KERNEL_BASE.  paging_init() narrows them.
 */
#include "kernel/arch/x86_64/offsets.h"

#define PHYS(symbol) ((symbol) - KERNEL_BASE)

    .section .boot, "ax", @progbits
    .p2align 3
multiboot_header:
    .long 0xe85250d6, 0, multiboot_end - multiboot_header
    .long -(0xe85250d6 + (multiboot_end - multiboot_header))
    .short 6, 0 /* modules on page boundaries */
    .long 8
    .short 3, 0 /* entry */
    .long 12, PHYS(multiboot_entry), 0
    .short 0, 0
    .long 8
multiboot_end:

    .code32
multiboot_entry:
    movl $BOOT_MULTIBOOT2, %ebp
    cmpl $0x36d76289, %eax
    je start
    ud2

    .globl pvh_entry
pvh_entry:
    movl $BOOT_PVH, %ebp
start:
    cli
    cld
    movl $PHYS(boot_stack_end), %esp
    pushl %ebx

    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    andl $(1 << 29 | 1 << 20), %edx /* long mode, NX */
    cmpl $(1 << 29 | 1 << 20), %edx
    jne no_long_mode

    /* pml4[0, 256] -> pdpt, pml4[511] -> pdpt_kernel; pdpt[0..3] -> pd; pdpt_kernel[510] -> pd[0] */
    movl $PHYS(boot_pdpt) + 3, PHYS(boot_pml4)
    movl $PHYS(boot_pdpt) + 3, PHYS(boot_pml4) + 256 * 8
    movl $PHYS(boot_pdpt_kernel) + 3, PHYS(boot_pml4) + 511 * 8
    movl $PHYS(boot_pd) + 3, PHYS(boot_pdpt_kernel) + 510 * 8
    movl $PHYS(boot_pd) + 3, %eax
    movl $PHYS(boot_pdpt), %edi
    movl $4, %ecx
1:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    loop 1b
    movl $0x83, %eax /* present, writable, 2 MiB */
    movl $PHYS(boot_pd), %edi
    movl $2048, %ecx
2:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 2b

    popl %esi
    movl %ebp, %edi
    movl $PHYS(boot_pml4), %eax
    call enter_long_mode
    lgdt PHYS(boot_gdt_pointer)
    ljmp $SEL_KERNEL_CODE, $PHYS(in_long_mode)

/* EAX = page table. Turns on long mode with NX, SYSCALL and write protection. */
enter_long_mode:
    movl %eax, %cr3
    movl %cr4, %eax
    orl $(1 << 5 | 1 << 9 | 1 << 10), %eax /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $0xc0000080, %ecx /* EFER */
    rdmsr
    orl $(1 << 0 | 1 << 8 | 1 << 11), %eax /* SCE, LME, NXE */
    wrmsr
    movl $(1 << 31 | 1 << 16 | 1 << 5 | 1 << 4 | 1 << 1 | 1), %eax /* PG WP NE ET MP PE */
    movl %eax, %cr0
    ret

no_long_mode:
    movl $PHYS(no_long_mode_text), %esi
1:  lodsb
    testb %al, %al
    jz 2f
    movw $0x3f8, %dx
    outb %al, %dx
    jmp 1b
2:  hlt
    jmp 2b
no_long_mode_text:
    .asciz "PANIC: this machine has no 64-bit mode with NX\r\n"

    .code64
in_long_mode:
    movabsq $1f, %rax
    jmpq *%rax
1:  movw $SEL_KERNEL_DATA, %ax
    movw %ax, %ss
    movw %ax, %ds
    movw %ax, %es
    movq $boot_stack_end, %rsp
    xorl %ebp, %ebp
    call boot_main
    ud2

    .p2align 3
boot_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdt_pointer:
    .short boot_gdt_pointer - boot_gdt - 1
    .quad PHYS(boot_gdt)

/* --- the other processors: copied to TRAMPOLINE, entered there in real mode ------------------- */
#define LOW(symbol) (TRAMPOLINE + ((symbol) - trampoline_start))

    .section .rodata
    .p2align 4
    .globl trampoline_start, trampoline_end, trampoline_stack
    .code16
trampoline_start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl LOW(trampoline_gdt_pointer)
    movl $0x11, %eax
    movl %eax, %cr0
    ljmpl $0x18, $LOW(trampoline_32)
    .code32
trampoline_32:
    movw $SEL_KERNEL_DATA, %ax
    movw %ax, %ds
    movw %ax, %ss
    movl $PHYS(boot_pml4), %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $(1 << 5 | 1 << 9 | 1 << 10), %eax
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $(1 << 0 | 1 << 8 | 1 << 11), %eax
    wrmsr
    movl $(1 << 31 | 1 << 16 | 1 << 5 | 1 << 4 | 1 << 1 | 1), %eax
    movl %eax, %cr0
    ljmpl $SEL_KERNEL_CODE, $LOW(trampoline_64)
    .code64
trampoline_64:
    movw $SEL_KERNEL_DATA, %ax
    movw %ax, %ss
    movw %ax, %es
    movq LOW(trampoline_stack), %rsp
    xorl %ebp, %ebp
    movabsq $ap_main, %rax
    callq *%rax
    ud2
    .p2align 3
trampoline_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
trampoline_gdt_pointer:
    .short trampoline_gdt_pointer - trampoline_gdt - 1
    .long LOW(trampoline_gdt)
    .p2align 3
trampoline_stack:
    .quad 0
trampoline_end:

/* --- PVH: XEN_ELFNOTE_PHYS32_ENTRY ------------------------------------------------------------- */
    .section .note.pvh, "a", @note
    .p2align 2
    .long 4, 8, 18
    .asciz "Xen"
    .quad PHYS(pvh_entry)

    .section .bss
    .p2align 12
    .globl boot_pml4, boot_pdpt, boot_pdpt_kernel, boot_pd
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
boot_pdpt_kernel:
    .skip 4096
boot_pd:
    .skip 4 * 4096
    .globl boot_stack
boot_stack:
    .skip 4 * 4096
boot_stack_end:
