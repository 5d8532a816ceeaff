/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processors.  Each is started alone, by INIT and STARTUP through the real-mode code of boot.S, and
 * has announced itself before the next one is, because they share the trampoline's one stack word.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/boot.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/debug/log.h"
#include "kernel/lib/random.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/sched/sched.h"

#define START_TIMEOUT_NS 2000000000ul /* a virtual one comes when its host gets round to it */
#define STARTUP_AGAIN_NS 20000000ul

extern uint8_t trampoline_start[], trampoline_end[], trampoline_stack[];
void ap_main(void);

static struct cpu boot_cpu;

void smp_init_boot_cpu(void)
{
    cpus[0] = &boot_cpu;
    cpu_count = 1;
    cpu_init(&boot_cpu, 0);
    boot_cpu.number = 0;
    atomic_store(&boot_cpu.arch.online, true);
}

static struct cpu *new_cpu(uint32_t apic_id, unsigned number)
{
    unsigned order = 0;
    while ((PAGE_SIZE << order) < sizeof(struct cpu))
        order++;
    struct frame *frame = frame_alloc_block(NULL, order);
    if (frame == NULL)
        return NULL;
    struct cpu *cpu = frame_data(frame);
    memset(cpu, 0, sizeof(*cpu));
    cpu->arch.apic_id = apic_id;
    cpu->arch.number = number;
    cpu->number = number;
    return cpu;
}

/* The stack that becomes the idle thread's. 0: no memory. */
static uint64_t new_stack_top(void)
{
    paddr_t frames[KERNEL_STACK_PAGES];
    for (unsigned i = 0; i < KERNEL_STACK_PAGES; i++) {
        struct frame *frame = frame_alloc_zero(NULL);
        if (frame == NULL)
            return 0;
        frames[i] = frame_phys(frame);
    }
    uint8_t *base = arch_kmap_stack(frames, KERNEL_STACK_PAGES);
    return base == NULL ? 0 : (uint64_t)base + KERNEL_STACK_PAGES * PAGE_SIZE;
}

static bool wait_online(const struct cpu *cpu, uint64_t limit)
{
    while (!atomic_load(&cpu->arch.online) && arch_clock_monotonic() < limit)
        arch_spin_hint();
    return atomic_load(&cpu->arch.online);
}

/* Either it has come by now, or it never will: INIT sends it back to waiting for a STARTUP. */
static bool came_after_all(struct cpu *cpu)
{
    uint32_t expected = AP_AWAITED;
    if (atomic_compare_exchange_strong(&cpu->arch.start, &expected, AP_GIVEN_UP)) {
        apic_ipi_init(cpu->arch.apic_id);
        return false;
    }
    while (!atomic_load(&cpu->arch.online))
        arch_spin_hint();
    return true;
}

static bool start(struct cpu *cpu, uint64_t stack_top)
{
    uint64_t *stack_word =
        arch_direct(TRAMPOLINE + (uint64_t)(trampoline_stack - trampoline_start));
    *stack_word = stack_top;
    uint64_t begin = arch_clock_monotonic();
    apic_ipi_init(cpu->arch.apic_id);
    while (arch_clock_monotonic() < begin + 200000) /* the processor's own reset */
        cpu_pause();
    apic_ipi_startup(cpu->arch.apic_id, TRAMPOLINE >> 12);
    if (wait_online(cpu, begin + STARTUP_AGAIN_NS))
        return true;
    apic_ipi_startup(cpu->arch.apic_id, TRAMPOLINE >> 12);
    return wait_online(cpu, begin + START_TIMEOUT_NS) || came_after_all(cpu);
}

/* After boot with all memory and the scheduler of the boot CPU ready. */
void arch_start_cpus(void)
{
    bool late = false;
    memcpy(arch_direct(TRAMPOLINE), trampoline_start, (size_t)(trampoline_end - trampoline_start));
    for (unsigned i = 0; i < acpi.cpus; i++) {
        if (acpi.cpu_apic_id[i] == boot_cpu.arch.apic_id)
            continue;
        struct cpu *cpu = new_cpu(acpi.cpu_apic_id[i], cpu_count);
        uint64_t top = cpu != NULL ? new_stack_top() : 0;
        if (top == 0)
            break;
        random_seed_cpu(cpu_count);
        cpus[cpu_count] = cpu; /* before it runs: it finds itself there */
        if (!start(cpu, top)) {
            klog("smp: processor with APIC id %u does not start", acpi.cpu_apic_id[i]);
            cpus[cpu_count] = NULL;
            late = true;
            break;
        }
        cpu_count++;
    }
    if (!late) /* else that one may still be on its way through the trampoline, and would end the machine by a fault */
        paging_drop_identity();
    klog("smp: %u CPU%s", cpu_count, cpu_count == 1 ? "" : "s");
}

/* First C code of the other processors, on their idle stack. */
void ap_main(void)
{
    struct cpu *cpu = cpus[cpu_count];
    uint32_t expected = AP_AWAITED;
    if (cpu == NULL || !atomic_compare_exchange_strong(&cpu->arch.start, &expected, AP_CAME))
        for (;;) /* given up: an INIT is on its way */
            __asm__ volatile("cli; hlt");
    cpu_init(cpu, cpu_count);
    arch_pt_activate(&kernel_pt);
    apic_init_cpu();
    random_init_cpu();
    sched_init_cpu(cpu);
    atomic_store(&cpu->arch.online, true);
    sched_run_idle();
}

void smp_set_boot_apic_id(void)
{
    boot_cpu.arch.apic_id = apic_id();
    /* The boot CPU comes first: interrupts of devices go to it. */
    for (unsigned i = 0; i < acpi.cpus; i++)
        if (acpi.cpu_apic_id[i] == boot_cpu.arch.apic_id) {
            acpi.cpu_apic_id[i] = acpi.cpu_apic_id[0];
            acpi.cpu_apic_id[0] = boot_cpu.arch.apic_id;
        }
}

void arch_ipi_resched(struct cpu *cpu)
{
    apic_ipi(cpu->arch.apic_id, VECTOR_RESCHED);
}

_Noreturn void arch_halt_all(void)
{
    static atomic_bool halting;
    if (!atomic_exchange(&halting, true) && cpu_count > 1)
        apic_ipi_nmi_others();
    for (;;)
        __asm__ volatile("cli; hlt");
}
