/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From thread to thread, and into user mode.
 *
 * FPU: the kernel only borrows of it (copy.S), so the registers always hold a program's.  A thread that gives up the
 * CPU inside a system call keeps the control words only (the ABI's calls clobber the rest); one that was
 * interrupted in user mode keeps all.  When another address space's thread comes on, registers that it
 * does not load itself are cleared, so nothing leaks.  New programs and forked threads clear them too.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/lib/assert.h"
#include "kernel/lib/string.h"
#include "kernel/mm/vmspace.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sched.h"
#include "kernel/syscall/frame.h"

#define MSR_FS_BASE         0xc0000100
#define MSR_KERNEL_GS_BASE  0xc0000102
#define MXCSR_DEFAULT       0x1f80
#define FPU_CONTROL_DEFAULT 0x37f

struct thread *switch_stacks(uint64_t *save, uint64_t load, struct thread *prev);
void thread_first_run(void);
void thread_fork_return(void);
_Noreturn void enter_user(uint64_t pc, uint64_t sp, uint64_t arg0, uint64_t arg1);

static void load_control_words(uint32_t mxcsr, uint16_t control)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    __asm__ volatile(
        "fnclex"); /* another thread's pending exception would be raised by FLDCW, here */
    __asm__ volatile("fldcw %0" : : "m"(control));
}

/* Registers of which nothing is known: zeros, and the control words that programs start with. */
static const struct {
    uint16_t control, status, tags, opcode;
    uint64_t ip, dp;
    uint32_t mxcsr, mxcsr_mask;
    uint64_t registers[60];
} __attribute__((aligned(16))) clean_fpu = {.control = FPU_CONTROL_DEFAULT, .mxcsr = MXCSR_DEFAULT};
_Static_assert(sizeof(clean_fpu) == 512, "FXSAVE area");

static void set_thread_pointer(uint64_t base)
{
    if (cpu_features.fsgsbase)
        __asm__ volatile("wrfsbase %0" : : "r"(base));
    else
        wrmsr(MSR_FS_BASE, base);
}

static void fpu_save(struct arch_thread *thread)
{
    if (thread->user_trap)
        __asm__ volatile("fxsaveq (%0)" : : "r"(thread->kernel_top) : "memory");
    else {
        __asm__ volatile("stmxcsr %0" : "=m"(thread->mxcsr));
        __asm__ volatile("fnstcw %0" : "=m"(thread->fpu_control));
    }
}

static void fpu_load(struct arch_cpu *cpu, struct arch_thread *thread, struct arch_pt *space)
{
    bool same = cpu->fpu_space == space;
    if (!same) {
        __atomic_store_n(&cpu->fpu_space, space, __ATOMIC_RELAXED);
        if (cpu_features.fsgsbase)
            wrmsr(MSR_KERNEL_GS_BASE, 0); /* a program may have set it */
    }
    if (thread->user_trap) {
        __asm__ volatile("fxrstorq (%0)" : : "r"(thread->kernel_top));
        return;
    }
    if (!same)
        __asm__ volatile("fxrstorq %0" : : "m"(clean_fpu));
    if (same || thread->mxcsr != MXCSR_DEFAULT || thread->fpu_control != FPU_CONTROL_DEFAULT)
        load_control_words(thread->mxcsr, thread->fpu_control);
}

/* The space is gone: a new one at the same address is not to be taken for it. No CPU runs in it, so none sets
 * fpu_space to it at the same time. */
void fpu_forget_space(struct arch_pt *space)
{
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        struct arch_pt *expected = space;
        if (cpus[i] != NULL)
            __atomic_compare_exchange_n(&cpus[i]->arch.fpu_space, &expected, NULL, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
}

struct thread *arch_switch(struct thread *prev, struct thread *next)
{
    struct arch_cpu *cpu = this_cpu();
    if (prev->vmspace != NULL)
        fpu_save(&prev->arch);
    cpu->thread = next;
    cpu_set_kernel_top(cpu, next->arch.kernel_top);
    if (next->vmspace != NULL) { /* a kernel thread runs with whatever is there */
        struct arch_pt *space = &next->vmspace->pt;
        if (cpu->active_pt != space)
            arch_pt_activate(space);
        set_thread_pointer(next->arch.fs_base);
        fpu_load(cpu, &next->arch, space);
    }
    return switch_stacks(&prev->arch.kernel_sp, next->arch.kernel_sp, prev);
}

/* What lies at the saved stack pointer: r15 r14 r13 r12 rbp rbx. */
uint64_t arch_thread_frame(const struct arch_thread *thread)
{
    return ((const uint64_t *)thread->kernel_sp)[4];
}

static uint64_t *new_stack(struct thread *thread)
{
    struct arch_thread *arch = &thread->arch;
    memset(arch, 0, sizeof(*arch));
    arch->kernel_top = (uint64_t)thread->stack + KERNEL_STACK_PAGES * PAGE_SIZE - FPU_AREA;
    arch->mxcsr = MXCSR_DEFAULT;
    arch->fpu_control = FPU_CONTROL_DEFAULT;
    return (uint64_t *)arch->kernel_top;
}

/* What switch_stacks() pops: r15 r14 r13 r12 rbp rbx, return address. */
static void push_first_switch(struct thread *thread, uint64_t *sp, void (*code)(void), uint64_t rbx,
                              uint64_t r12)
{
    *--sp = (uint64_t)code;
    *--sp = rbx;
    *--sp = 0;
    *--sp = r12;
    sp -= 3;
    sp[0] = sp[1] = sp[2] = 0;
    thread->arch.kernel_sp = (uint64_t)sp;
}

void arch_thread_init(struct thread *thread, void (*fn)(void *), void *arg)
{
    push_first_switch(thread, new_stack(thread), thread_first_run, (uint64_t)fn, (uint64_t)arg);
}

void arch_thread_init_fork(struct thread *child, uint64_t out0, uint64_t out1)
{
    const struct thread *self = thread_self();
    uint64_t *sp = new_stack(child);
    struct syscall_frame *frame = (struct syscall_frame *)sp - 1;
    *frame = *((const struct syscall_frame *)self->arch.kernel_top - 1);
    frame->out[0] = out0;
    frame->out[1] = out1;
    child->arch.fs_base = self->arch.fs_base;
    __asm__ volatile("stmxcsr %0" : "=m"(child->arch.mxcsr));
    __asm__ volatile("fnstcw %0" : "=m"(child->arch.fpu_control));
    push_first_switch(child, (uint64_t *)frame, thread_fork_return, 0, 0);
}

void arch_enter_user(const struct arch_user_entry *entry)
{
    struct arch_cpu *cpu = this_cpu();
    struct thread *self = cpu->thread;
    /* IRETQ and WRFSBASE must not fault in the kernel. */
    if (entry->pc >= USER_END || entry->sp >= USER_END || entry->thread_pointer >= USER_END)
        process_terminate(self->process, CLOUDABI_SIGSEGV, 0);
    while ((atomic_load(&self->work) & ~WORK_TRACED) != 0)
        sched_return_to_user();
    cpu = this_cpu(); /* it may run elsewhere now */
    self->arch.user_trap = 0;
    self->arch.fs_base = entry->thread_pointer;
    set_thread_pointer(entry->thread_pointer);
    fpu_clear();
    load_control_words(MXCSR_DEFAULT, FPU_CONTROL_DEFAULT);
    cpu->fpu_space = &self->vmspace->pt;
    enter_user(entry->pc, entry->sp, entry->arg0, entry->arg1);
}
