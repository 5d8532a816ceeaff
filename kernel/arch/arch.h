/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract between the kernel and the machine it runs on.
 *
 * Everything that names a register, a page-table bit or an instruction lives behind these
 * functions, in kernel/arch/<machine>/.  The rest of the kernel is plain C.
 *
 * The kernel runs with interrupts off.  They are on only in user mode, in arch_idle() and inside
 * arch_interrupt_window().  So per-CPU data needs no protection against its own CPU, and a
 * spinlock is only about other CPUs.  See docs/decisions/0003-locking.md.
 */
#ifndef KERNEL_ARCH_ARCH_H
#define KERNEL_ARCH_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/arch/x86_64/types.h" /* struct arch_thread, struct arch_cpu, struct arch_pt */

#define PAGE_SIZE  4096ul
#define PAGE_SHIFT 12
#define MAX_CPUS   16

struct thread;
struct cpu;

typedef uint64_t paddr_t;

/* Lowest and one past the highest address that user mappings may use. */
#define USER_BASE 0x0000000000010000ul
#define USER_END  0x00007ffffffff000ul

/* --- this CPU ------------------------------------------------------------------------------- */

/* struct cpu *arch_cpu_self(void): in types.h */
void arch_idle(void);             /* interrupts on, halt until one comes, interrupts off again */
void arch_interrupt_window(void); /* let pending interrupts in, then off again */
void arch_spin_hint(void);        /* one turn of a spin loop: pause + serve the shootdown inbox */
void arch_ipi_resched(struct cpu *cpu); /* make CPU look at its run queue */
_Noreturn void arch_halt_all(void);     /* panic: stop the other CPUs and this one */

/* --- threads -------------------------------------------------------------------------------- */

/* What a thread starts with in user mode.  The stack pointer is as docs/executables.md has it: (rsp+8)%16 == 0. */
struct arch_user_entry {
    uint64_t pc, sp, arg0, arg1, thread_pointer;
};

/* Prepares THREAD (kernel stack allocated) so that the first switch to it calls FN(ARG). */
void arch_thread_init(struct thread *thread, void (*fn)(void *), void *arg);
/* Enters user mode for the first time (new process image, new thread). Does not return. */
_Noreturn void arch_enter_user(const struct arch_user_entry *entry);
/* Makes CHILD return from the system call that the calling thread is in, with out[] = values,
 * same user registers and thread pointer: the machine half of fork. */
void arch_thread_init_fork(struct thread *child, uint64_t out0, uint64_t out1);
/* The frame pointer of a thread that does not run, for dumps: at it lies {caller's frame pointer, return address}. */
uint64_t arch_thread_frame(const struct arch_thread *thread);
/* Switches stacks, FPU state, thread pointer and (if different) address space. Returns in NEXT's
 * last call of arch_switch; the return value is the thread that ran before on this CPU. */
struct thread *arch_switch(struct thread *prev, struct thread *next);
/* THREAD is off its CPU and stays so (its run queue's lock is held): return addresses in the kernel, innermost first,
 * at most MAX; and where it is in user mode, 0 if it has not been there. */
size_t arch_thread_frames(const struct thread *thread, uint64_t *pc, size_t max);
void arch_thread_user_frame(const struct thread *thread, uint64_t *pc, uint64_t *frame);
uint32_t arch_call_number(void); /* of the call that the calling thread is in */

/* --- time ----------------------------------------------------------------------------------- */

uint64_t arch_clock_monotonic(void); /* ns since boot; never goes back, same on all CPUs */
uint64_t arch_clock_realtime(void);  /* ns since 1970: monotonic + an offset, first from the RTC */
void arch_clock_set_realtime(uint64_t now);
uint64_t arch_cycles(void);
/* One-shot timer of this CPU: interrupt at monotonic DEADLINE (UINT64_MAX = off). Its interrupt
 * calls sched_timer_interrupt(). */
void arch_timer_set(uint64_t deadline);

/* --- page tables (kernel/mm owns the locking: the vmspace's pt lock) -------------------------- */

#define PT_WRITE         1u
#define PT_EXEC          2u
#define PT_USER          4u
#define PT_UNCACHED      8u
#define PT_WRITE_COMBINE 16u

struct pt_entry { /* decoded form of one leaf entry */
    paddr_t frame;
    unsigned flags; /* PT_* */
    bool present, dirty, accessed;
};

/* A page table needs frames of its own: taken and given back through these callbacks, which the
 * caller supplies (so they are charged to the right job). alloc returns a zeroed frame or 0. */
struct pt_frame_ops {
    paddr_t (*alloc)(void *ctx);
    void (*free)(void *ctx, paddr_t frame);
    void *ctx;
};

int arch_pt_create(struct arch_pt *pt, const struct pt_frame_ops *ops); /* 0 or -1: no memory */
/* All entries have been cleared before. The frames that it frees are full of zeros. */
void arch_pt_destroy(struct arch_pt *pt, const struct pt_frame_ops *ops);
/* Makes the levels above VA exist. After success arch_pt_set(VA) can not fail. */
int arch_pt_prepare(struct arch_pt *pt, uint64_t va, const struct pt_frame_ops *ops);
/* Both in one, if there is no entry at VA yet: 0. 1: there is one; -1: no memory. */
int arch_pt_fill(struct arch_pt *pt, uint64_t va, paddr_t frame, unsigned flags,
                 const struct pt_frame_ops *ops);
/* Without PT_USER the page is there but nobody can touch it (PROT_NONE): the entry keeps the frame, and
 * arch_pt_get, _clear and _next report it as present with no flags. */
void arch_pt_set(struct arch_pt *pt, uint64_t va, paddr_t frame, unsigned flags);
/* Clears and returns the old entry (present = false if none). Does not flush. */
struct pt_entry arch_pt_clear(struct arch_pt *pt, uint64_t va);
struct pt_entry arch_pt_get(const struct arch_pt *pt, uint64_t va);
void arch_pt_write_protect(struct arch_pt *pt, uint64_t va);
/* First mapped page at or above VA and below END, or END: to skip holes quickly. */
uint64_t arch_pt_next(const struct arch_pt *pt, uint64_t va, uint64_t end);
/* The mapped pages from *VA on and below END, at most MAX of them, in one walk; *VA moves behind what was
 * looked at, and is at least END when nothing is left. Flags are those from before the change. */
struct pt_page {
    uint64_t va;
    paddr_t frame;
    unsigned flags;
};
enum pt_scan { PT_SCAN_LOOK, PT_SCAN_PROTECT /* against writing */, PT_SCAN_CLEAR };
unsigned arch_pt_scan(struct arch_pt *pt, uint64_t *va, uint64_t end, enum pt_scan how,
                      struct pt_page *out, unsigned max);
void arch_pt_activate(struct arch_pt *pt); /* NULL: the kernel's own, without user memory */
/* Flush [start,end) of PT on every CPU that has it active; waits for acknowledgement.  May be
 * called with spinlocks held: waiters serve their inbox in arch_spin_hint(). */
void arch_tlb_flush(struct arch_pt *pt, uint64_t start, uint64_t end);

/* Kernel mappings outside the direct map: stacks with guard pages, device memory. */
void *arch_kmap_stack(const paddr_t *frames, size_t pages); /* guard page below; NULL: no memory */
void arch_kunmap_stack(void *base, size_t pages);
void *arch_kmap_device(paddr_t pa,
                       size_t len); /* uncached, at most 6 pages, for ever; NULL: no memory */

/* All physical memory, seen by the kernel. Host tests bring memory of their own. */
#ifdef TESSERA_HOST
extern uint64_t host_memory;
#define DIRECT_MAP host_memory
#else
#define DIRECT_MAP 0xffff800000000000ul
#endif

static inline void *arch_direct(paddr_t pa)
{
    return (void *)(pa + DIRECT_MAP);
}
static inline paddr_t arch_direct_to_phys(const void *va)
{
    return (uint64_t)va - DIRECT_MAP;
}

/* Whole pages, aligned, in the direct map. */
void arch_page_zero(void *page);
void arch_page_copy(void *to, const void *from);

/* --- user memory: the only instructions that touch it ----------------------------------------- */

/* Return the number of bytes NOT copied (0 = all). A fault calls mm_fault() first, which may sleep;
 * only if that fails the copy stops. */
size_t arch_copy_from_user(void *to, uint64_t from, size_t len);
size_t arch_copy_to_user(uint64_t to, const void *from, size_t len);
size_t arch_zero_user(uint64_t to, size_t len);
/* The same, but never calls mm_fault(): for use under spinlocks. */
size_t arch_copy_from_user_nofault(void *to, uint64_t from, size_t len);
size_t arch_copy_to_user_nofault(uint64_t to, const void *from, size_t len);
/* Two words in a row, as in a vector's element; may sleep. False = fault. */
bool arch_user_load_pair(uint64_t va, uint64_t *first, uint64_t *second);
/* Atomic u32 access to user memory (locks, condition variables); false = fault. */
bool arch_user_load32(uint64_t va, uint32_t *value);
bool arch_user_cas32(uint64_t va, uint32_t *expected, uint32_t desired, bool *swapped);

/* --- randomness, console, power -------------------------------------------------------------- */

bool arch_random64(uint64_t *out);                     /* RDSEED, else RDRAND; false: neither */
void arch_console_write(const char *text, size_t len); /* COM1, polled, usable in a panic */
_Noreturn void arch_power_off(void);
_Noreturn void arch_reboot(void);

#endif
