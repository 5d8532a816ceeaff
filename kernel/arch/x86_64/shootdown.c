/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forgetting translations on all CPUs.  The initiator puts its request in its own CPU structure, marks
 * itself in the inbox of each CPU concerned, and waits.  A CPU serves its inbox on the interrupt, or, as
 * the kernel runs with interrupts off, in arch_spin_hint(): so two CPUs that wait for each other, by
 * this or by a spinlock, both get on.
 *
 * A CPU that sleeps is not woken: it is told that its table is stale, and leaves that before it does anything
 * else.  Only who frees a table has to wait until nobody is left in it.  A CPU that runs no program and is asked
 * leaves the table altogether, and is not asked again.
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

void arch_idle(void)
{
    struct arch_cpu *cpu = this_cpu();
    atomic_store(&cpu->idleness, IDLE_ASLEEP);
    __asm__ volatile("sti; hlt; cli" : : : "memory"); /* STI holds interrupts off until HLT waits */
    if (atomic_exchange(&cpu->idleness, IDLE_NOT) == IDLE_STALE)
        arch_pt_activate(&kernel_pt);
}

/* True: CPU sleeps, and will leave its table. The entries have changed before it is looked at, and it looks at
 * them only after it has seen this. */
static bool tell_sleeper(struct arch_cpu *cpu)
{
    uint32_t seen = IDLE_ASLEEP;
    return atomic_compare_exchange_strong(&cpu->idleness, &seen, IDLE_STALE) || seen == IDLE_STALE;
}

static uint32_t those_awake(uint32_t cpu_mask)
{
    for (uint32_t left = cpu_mask; left != 0; left &= left - 1)
        if (tell_sleeper(&cpus[__builtin_ctz(left)]->arch))
            cpu_mask &= ~(left & -left);
    return cpu_mask;
}

/* Has TARGETS serve a request, and waits until they have. */
static void ask(uint32_t targets, struct arch_pt *pt, uint64_t start, uint64_t end)
{
    struct arch_cpu *cpu = this_cpu();
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

void arch_tlb_flush(struct arch_pt *pt, uint64_t start, uint64_t end)
{
    uint32_t self = 1u << this_cpu()->number;
    if (pt == NULL)
        flush_kernel(start, end);
    else
        paging_flush_local(pt, start, end);
    atomic_thread_fence(memory_order_seq_cst); /* entries are changed before `active` is read */
    if (pt == NULL)
        ask(online_cpus() & ~self, pt, start, end);
    else
        ask(those_awake(atomic_load(&pt->active) & ~self), pt, start, end);
}

void shootdown_empty(struct arch_pt *pt)
{
    ask(atomic_load(&pt->active) & ~(1u << this_cpu()->number), pt, 0, USER_END);
}
