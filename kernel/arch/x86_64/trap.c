/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions and interrupts.  From user mode an exception that mm_fault() can not settle ends the process
 * with a signal.  From kernel mode only faults on user memory at instructions of the exception table are
 * expected; all else is a panic.  Interrupts come from user mode, arch_idle() and
 * arch_interrupt_window() only.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/debug/dump.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/mm/vmspace.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sched.h"

enum {
    TRAP_NMI = 2,
    TRAP_DOUBLE_FAULT = 8,
    TRAP_PAGE_FAULT = 14,
    TRAP_MACHINE_CHECK = 18,
    TRAPS = 32
};

#define PF_WRITE    2u
#define PF_RESERVED 8u
#define PF_FETCH    16u

static const uint8_t trap_signal[TRAPS] = {
    [0] = CLOUDABI_SIGFPE,  [1] = CLOUDABI_SIGTRAP, [3] = CLOUDABI_SIGTRAP, [6] = CLOUDABI_SIGILL,
    [7] = CLOUDABI_SIGILL,  [11] = CLOUDABI_SIGBUS, [12] = CLOUDABI_SIGBUS, [16] = CLOUDABI_SIGFPE,
    [17] = CLOUDABI_SIGBUS, [19] = CLOUDABI_SIGFPE, /* the others: SIGSEGV */
};

static const char *const trap_name[TRAPS] = {
    "divide error",
    "debug",
    "NMI",
    "breakpoint",
    "overflow",
    "bound",
    "invalid opcode",
    "no FPU",
    "double fault",
    "",
    "invalid TSS",
    "segment not present",
    "stack fault",
    "general protection",
    "page fault",
    "",
    "x87 error",
    "alignment check",
    "machine check",
    "SIMD error",
};

struct exception_entry {
    uint64_t address, fixup, may_fault;
};
extern const struct exception_entry exception_table_start[], exception_table_end[];

/* All entries come from one file, so they are in the order of its code. */
static const struct exception_entry *exception_find(uint64_t address)
{
    const struct exception_entry *low = exception_table_start, *high = exception_table_end;
    while (low < high) {
        const struct exception_entry *middle = low + (high - low) / 2;
        if (middle->address == address)
            return middle;
        if (middle->address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static unsigned fault_access(uint64_t error)
{
    return (error & PF_WRITE ? FAULT_WRITE : 0) | (error & PF_FETCH ? FAULT_EXEC : 0);
}

static void interrupt(uint64_t vector)
{
    switch (vector) {
    case VECTOR_TIMER:
        apic_eoi();
        if (this_cpu()->number == 0)
            time_refine();
        sched_timer_interrupt();
        break;
    case VECTOR_RESCHED:
        apic_eoi();
        sched_resched_interrupt();
        break;
    case VECTOR_SHOOTDOWN:
        apic_eoi();
        shootdown_serve();
        break;
    case VECTOR_SPURIOUS:
        break;
    default:
        irq_dispatch((uint8_t)vector);
    }
}

/* A few faults a second are told; a program that makes more of them does not get the console to itself. */
static bool worth_a_line(void)
{
    static _Atomic uint64_t second, count;
    uint64_t now = arch_clock_monotonic() / 1000000000;
    if (atomic_exchange(&second, now) != now)
        atomic_store(&count, 0);
    return atomic_fetch_add(&count, 1) < 8;
}

static void end_process(const struct trap_frame *frame, int signal, uint64_t address)
{
    if (worth_a_line())
        klog("fault: signal %d: %s at pc %#lx, address %#lx, error %lx", signal,
             trap_name[frame->vector], frame->rip, address, frame->error);
    process_terminate(process_self(), (uint8_t)signal, 0);
}

/* On a stack of its own and perhaps with the program's %gs. Another CPU has panicked, or somebody wants to know
 * where the machine hangs; each CPU tells then, one after the other. SAVED: what nmi_entry has pushed. */
void trap_nmi(const uint64_t *saved, uint64_t frame_pointer)
{
    static atomic_bool telling;
    if (panic_going_on())
        arch_halt_all();
    bool user = saved[10] & 3;
    unsigned number = cpu_of_emergency_stack(saved);
    while (atomic_exchange(&telling, true))
        cpu_pause();
    dump_cpu(number, saved[9], user ? 0 : frame_pointer);
    if (number == 0)
        dump_threads();
    atomic_store(&telling, false);
}

void trap_user(struct trap_frame *frame)
{
    if (frame->vector >= TRAPS) {
        interrupt(frame->vector);
        return;
    }
    if (frame->vector == TRAP_MACHINE_CHECK || frame->vector == TRAP_DOUBLE_FAULT)
        panic_frame(frame, trap_name[frame->vector]);
    int signal = trap_signal[frame->vector];
    uint64_t address = 0;
    if (frame->vector == TRAP_PAGE_FAULT) {
        address = read_cr2();
        if (frame->error & PF_RESERVED)
            panic_frame(frame, "reserved bit in a page table");
        signal = address >= USER_END ? CLOUDABI_SIGSEGV
                                     : mm_fault(address, fault_access(frame->error) | FAULT_USER);
        if (signal == 0)
            return;
    }
    end_process(frame, signal != 0 ? signal : CLOUDABI_SIGSEGV, address);
}

static bool user_copy_fault(struct trap_frame *frame)
{
    uint64_t address = read_cr2();
    const struct exception_entry *entry = exception_find(frame->rip);
    if (entry == NULL || address >= USER_END)
        return false;
    if (!entry->may_fault || mm_fault(address, fault_access(frame->error)) != 0)
        frame->rip = entry->fixup;
    return true;
}

void trap_kernel(struct trap_frame *frame)
{
    if (frame->vector >= TRAPS) {
        interrupt(frame->vector);
        return;
    }
    if (frame->vector == TRAP_PAGE_FAULT && user_copy_fault(frame))
        return;
    panic_frame(frame, trap_name[frame->vector]);
}

/* An interrupt that is pending comes between STI and CLI. */
void arch_interrupt_window(void)
{
    __asm__ volatile("sti; nop; cli" : : : "memory");
}

_Noreturn void panic_frame(const struct trap_frame *f, const char *what)
{
    panic_begin();
    panic_print("PANIC: %s, error %lx, address %016lx, CPU %u", what, f->error, read_cr2(),
                this_cpu()->number);
    panic_print("PANIC   rip %016lx rsp %016lx rflags %08lx cs %lx", f->rip, f->rsp, f->rflags,
                f->cs);
    panic_print("PANIC   rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx,
                f->rdx);
    panic_print("PANIC   rsi %016lx rdi %016lx rbp %016lx r8  %016lx", f->rsi, f->rdi, f->rbp,
                f->r8);
    panic_print("PANIC   r9  %016lx r10 %016lx r11 %016lx r12 %016lx", f->r9, f->r10, f->r11,
                f->r12);
    panic_print("PANIC   r13 %016lx r14 %016lx r15 %016lx cr3 %016lx", f->r13, f->r14, f->r15,
                read_cr3());
    panic_backtrace(f->rip, f->rbp);
    arch_halt_all();
}
