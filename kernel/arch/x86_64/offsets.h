/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers shared by C and assembly. The offsets are asserted in cpu.c. */
#ifndef KERNEL_ARCH_X86_64_OFFSETS_H
#define KERNEL_ARCH_X86_64_OFFSETS_H

#define KERNEL_BASE 0xffffffff80000000
#define DIRECT_BASE 0xffff800000000000

/* Selectors. SYSRET wants user data before user code. */
#define SEL_KERNEL_CODE 0x08
#define SEL_KERNEL_DATA 0x10
#define SEL_USER_DATA   0x23
#define SEL_USER_CODE   0x2b
#define SEL_TSS         0x30

/* struct arch_cpu */
#define CPU_SELF       0
#define CPU_KERNEL_TOP 8
#define CPU_USER_SP    16
#define CPU_THREAD     24

/* struct thread */
#define THREAD_USER_TRAP 24
#define THREAD_WORK      40
#define WORK_TRACED_BIT  8

/* struct syscall_frame */
#define FRAME_NUMBER 48
#define FRAME_OUT0   56
#define FRAME_OUT1   64
#define FRAME_RBX    72
#define FRAME_RBP    80
#define FRAME_R12    88
#define FRAME_R13    96
#define FRAME_R14    104
#define FRAME_R15    112
#define FRAME_RIP    120
#define FRAME_RFLAGS 128
#define FRAME_RSP    136
#define FRAME_SIZE   144

#define FPU_AREA      512 /* FXSAVE image at the top of every kernel stack */
#define SYSCALL_COUNT 49  /* asserted against the generated table's header */

/* Below 1 MiB, where processors start in real mode. */
#define TRAMPOLINE 0x8000

/* How the kernel was booted: first argument of boot_main(). */
#define BOOT_PVH        0
#define BOOT_MULTIBOOT2 1

#endif
