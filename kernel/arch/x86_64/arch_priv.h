/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of kernel/arch/x86_64 have among themselves. */
#ifndef KERNEL_ARCH_X86_64_ARCH_PRIV_H
#define KERNEL_ARCH_X86_64_ARCH_PRIV_H

#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/offsets.h"

struct boot_info;

struct cpu_features {
    bool smep, smap, umip, fsgsbase, pge, huge_pages, x2apic, tsc_deadline, rdrand, rdseed, pat;
    bool hypervisor;
};
extern struct cpu_features cpu_features; /* constant once the boot CPU is set up */

/* As trap_common pushes it. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

static inline struct arch_cpu *this_cpu(void)
{
    return (struct arch_cpu *)arch_cpu_self(); /* first member of struct cpu */
}

/* cpu.c */
void cpu_detect(void);                           /* once */
void cpu_patch_smap(void);                       /* once, while kernel text is writable */
void cpu_init(struct cpu *cpu, uint32_t number); /* on each CPU: tables, registers; sets %gs */
void cpu_set_kernel_top(struct arch_cpu *cpu, uint64_t top);
void idt_init(void); /* once */

/* paging_boot.c */
extern struct arch_pt kernel_pt;          /* all kernel mappings, no user half */
void paging_init(struct boot_info *info); /* may take pages out of INFO's usable ranges */
void paging_drop_identity(void);

/* paging.c */
void paging_flush_local(struct arch_pt *pt, uint64_t start, uint64_t end);

/* shootdown.c */
void shootdown_serve(void);
void shootdown_empty(
    struct arch_pt *pt); /* waits until no other CPU has PT, which runs no program, in CR3 */

/* apic.c */
#define VECTOR_FIRST_IRQ 0x30
#define VECTOR_LAST_IRQ  0xdf
#define VECTOR_TIMER     0xf0
#define VECTOR_RESCHED   0xf1
#define VECTOR_SHOOTDOWN 0xf2
#define VECTOR_SPURIOUS  0xff

void apic_init(void);     /* once: finds the controllers, quiets the old ones */
void apic_init_cpu(void); /* on each CPU */
void apic_eoi(void);
uint32_t apic_id(void);
void apic_ipi(uint32_t apic_id, uint8_t vector);
void apic_ipi_nmi_others(void);
void apic_ipi_init(uint32_t apic_id);
void apic_ipi_startup(uint32_t apic_id, uint8_t page);
void apic_timer_start(uint32_t count); /* one-shot, in ticks of the bus; 0 = off */
void apic_timer_deadline(uint64_t tsc);
uint32_t apic_timer_count(void);
void irq_dispatch(uint8_t vector); /* a device's interrupt */

/* acpi.c */
struct acpi_tables {
    uint64_t local_apic; /* physical */
    struct {
        uint64_t pa;
        uint32_t gsi;
    } io_apic[4];
    unsigned io_apics;
    uint32_t cpu_apic_id[MAX_CPUS]; /* usable processors */
    unsigned cpus;
    struct {
        uint8_t irq;
        uint32_t gsi;
        uint16_t flags;
    } override[16];
    unsigned overrides;
    uint64_t hpet; /* physical; 0: none */
    uint16_t pm1a_control, pm1b_control;
    uint16_t s5_a, s5_b; /* SLP_TYP values, shifted into place */
    bool s5_known;
    uint16_t reset_port;
    uint8_t reset_value;
};
extern struct acpi_tables acpi;
void acpi_init(uint64_t rsdp);

/* time.c */
uint64_t rtc_seconds(void); /* rtc.c: since 1970 */
void time_refine(void);
void time_begin(void); /* at the kernel's entry: from there the monotonic clock counts */
void time_init(void);  /* once: calibrates, reads the wall clock */

/* smp.c */
void smp_init_boot_cpu(void);
void smp_set_boot_apic_id(void);

/* trap.c */
void trap_user(struct trap_frame *frame);
void trap_kernel(struct trap_frame *frame);
void trap_nmi(const uint64_t *saved, uint64_t frame_pointer);
unsigned cpu_of_emergency_stack(const void *sp); /* the number of the CPU whose it is */
_Noreturn void panic_frame(const struct trap_frame *frame, const char *what);

/* entry.S */
void fpu_clear(void);
/* switch.c */
void fpu_forget_space(struct arch_pt *space);

#endif
