/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forgetting translations on all CPUs.  The initiator puts its request in its own CPU structure, marks
 * itself in the inbox of each CPU concerned, and waits.  A CPU serves its inbox on the interrupt, or, as
 * the kernel runs with interrupts off, in arch_spin_hint(): so two CPUs that wait for each other, by
 * this or by a spinlock, both get on.
 *
 * A CPU that runs no program (idle) leaves the page table altogether, and is not asked again.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/mm/vmspace.h"
#include "kernel/sched/sched.h"

/* Beyond this much of the kernel's own mappings, dropping all is cheaper. */
#define KERNEL_FLUSH_MAX (64 * PAGE_SIZE)

static void flush_kernel(uint64_t start, uint64_t end)
{
    if (end - start <= KERNEL_FLUSH_MAX) {
        paging_flush_local(NULL, start, end);
        return;
    }
    uint64_t cr4 = read_cr4();
    write_cr4(cr4 & ~0x80ul); /* PGE off and on drops everything */
    write_cr4(cr4 | (cpu_features.pge ? 0x80ul : 0));
    write_cr3(read_cr3());
}

static bool runs_in(const struct thread *thread, const struct arch_pt *pt)
{
    return thread != NULL && thread->vmspace != NULL && &thread->vmspace->pt == pt;
}

static void serve(const struct arch_shootdown *request)
{
    struct arch_cpu *cpu = this_cpu();
    if (request->pt == NULL)
        flush_kernel(request->start, request->end);
    else if (cpu->active_pt == request->pt && !runs_in(cpu->thread, request->pt))
        arch_pt_activate(&kernel_pt);
    else
        paging_flush_local(request->pt, request->start, request->end);
}

void shootdown_serve(void)
{
    struct arch_cpu *cpu = this_cpu();
    uint32_t from = atomic_exchange(&cpu->inbox, 0);
    while (from != 0) {
        struct arch_shootdown *request = &cpus[__builtin_ctz(from)]->arch.shootdown;
        from &= from - 1;
        serve(request);
        atomic_fetch_and(&request->waiting, ~(1u << cpu->number));
    }
}

void arch_spin_hint(void)
{
    cpu_pause();
    if (atomic_load_explicit(&this_cpu()->inbox, memory_order_relaxed) != 0)
        shootdown_serve();
}

static uint32_t online_cpus(void)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < MAX_CPUS; i++)
        if (cpus[i] != NULL && atomic_load(&cpus[i]->arch.online))
            mask |= 1u << i;
    return mask;
}

void arch_tlb_flush(struct arch_pt *pt, uint64_t start, uint64_t end)
{
    struct arch_cpu *cpu = this_cpu();
    if (pt == NULL)
        flush_kernel(start, end);
    else
        paging_flush_local(pt, start, end);
    atomic_thread_fence(memory_order_seq_cst); /* entries are changed before `active` is read */
    uint32_t targets = pt == NULL ? online_cpus() : atomic_load(&pt->active);
    targets &= ~(1u << cpu->number);
    if (targets == 0)
        return;
    cpu->shootdown.pt = pt;
    cpu->shootdown.start = start;
    cpu->shootdown.end = end;
    atomic_store(&cpu->shootdown.waiting, targets);
    for (uint32_t left = targets; left != 0; left &= left - 1) {
        struct arch_cpu *other = &cpus[__builtin_ctz(left)]->arch;
        if (atomic_fetch_or(&other->inbox, 1u << cpu->number) == 0)
            apic_ipi(other->apic_id, VECTOR_SHOOTDOWN);
    }
    while (atomic_load_explicit(&cpu->shootdown.waiting, memory_order_acquire) != 0)
        arch_spin_hint();
}
