/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's part of threads, CPUs and address spaces.  Offsets that assembly uses are in
 * offsets.h and are asserted in cpu.c.
 */
#ifndef KERNEL_ARCH_X86_64_TYPES_H
#define KERNEL_ARCH_X86_64_TYPES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct thread;
struct arch_pt;

struct arch_thread {
    uint64_t kernel_sp;  /* while it does not run: where its saved registers lie */
    uint64_t kernel_top; /* c: where system calls and traps from user mode begin; FPU area above */
    uint64_t fs_base;    /* c after it enters user mode: the thread pointer */
    uint32_t user_trap;  /* interrupted in user mode: the whole FPU state is the user's */
    uint32_t mxcsr;      /* while it does not run, and not user_trap: the control words alone */
    uint16_t fpu_control;
};

/* A request to forget translations, one per initiating CPU (shootdown.c). */
struct arch_shootdown {
    struct arch_pt *pt; /* NULL: kernel mappings */
    uint64_t start, end;
    _Atomic uint32_t waiting; /* CPUs that have not answered yet */
};

/* Another processor, from when it is called until it takes part. */
enum ap_start { AP_AWAITED, AP_CAME, AP_GIVEN_UP };

/* Whether a CPU looks at its page table. Idle ones do not: they need not be woken to forget translations. */
enum idleness {
    IDLE_NOT,
    IDLE_ASLEEP,
    IDLE_STALE /* asleep, and something has changed: it leaves the table when it wakes */
};

struct arch_cpu {
    struct cpu *self;          /* %gs:0 */
    uint64_t kernel_top;       /* %gs:8: of the running thread */
    uint64_t user_sp;          /* %gs:16: scratch of the system-call entry */
    struct thread *thread;     /* %gs:24: the running thread */
    struct arch_pt *active_pt; /* page table in CR3; NULL: the kernel's own */
    struct arch_pt *fpu_space; /* whose data the FPU registers may hold */
    uint32_t apic_id;
    uint32_t number;
    struct arch_shootdown shootdown;
    _Atomic uint32_t inbox;    /* CPUs whose shootdown request waits here */
    _Atomic uint32_t idleness; /* enum idleness */
    _Atomic bool online;
    _Atomic uint32_t start; /* enum ap_start: who decides whether it takes part */
};

struct arch_pt {
    uint64_t root;           /* physical address of the top level */
    _Atomic uint32_t active; /* CPUs that have it in CR3 */
};

/* The CPU that runs this code. A load from memory to the compiler, so that it is done anew after a switch, behind
 * which the thread may be on another CPU. */
static inline struct cpu *arch_cpu_self(void)
{
    /* cppcheck-suppress nullPointer */
    return *(struct cpu *const volatile __seg_gs *)0;
}

#endif
