/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One processor: its descriptor tables, control registers and the registers of SYSCALL.
 * The features are found once, on the boot CPU; the others are taken to be the same.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/lib/assert.h"
#include "kernel/lib/string.h"
#include "kernel/sched/sched.h"
#include "kernel/syscall/frame.h"

_Static_assert(offsetof(struct arch_cpu, self) == CPU_SELF, "offset");
_Static_assert(offsetof(struct arch_cpu, kernel_top) == CPU_KERNEL_TOP, "offset");
_Static_assert(offsetof(struct arch_cpu, user_sp) == CPU_USER_SP, "offset");
_Static_assert(offsetof(struct arch_cpu, thread) == CPU_THREAD, "offset");
_Static_assert(offsetof(struct cpu, arch) == 0 && offsetof(struct thread, arch) == 0, "first");
_Static_assert(offsetof(struct thread, arch.user_trap) == THREAD_USER_TRAP, "offset");
_Static_assert(offsetof(struct thread, work) == THREAD_WORK, "offset");
_Static_assert(WORK_TRACED == WORK_TRACED_BIT, "value");
_Static_assert(offsetof(struct syscall_frame, number) == FRAME_NUMBER, "offset");
_Static_assert(offsetof(struct syscall_frame, out) == FRAME_OUT0, "offset");
_Static_assert(offsetof(struct syscall_frame, rbx) == FRAME_RBX, "offset");
_Static_assert(offsetof(struct syscall_frame, r15) == FRAME_R15, "offset");
_Static_assert(offsetof(struct syscall_frame, rip) == FRAME_RIP, "offset");
_Static_assert(offsetof(struct syscall_frame, rsp) == FRAME_RSP, "offset");
_Static_assert(sizeof(struct syscall_frame) == FRAME_SIZE && FRAME_SIZE % 16 == 0,
               "stack alignment");

#define MSR_PAT            0x277
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_SFMASK         0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define CR4_PGE      (1u << 7)
#define CR4_UMIP     (1u << 11)
#define CR4_FSGSBASE (1u << 16)
#define CR4_SMEP     (1u << 20)
#define CR4_SMAP     (1u << 21)

/* Write-back, write-through, UC-, UC; then the same with entry 4 = write-combining. */
#define PAT_VALUE 0x0007040100070406ul

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));

struct tables {
    uint64_t gdt[8];
    struct tss tss;
};

static struct tables tables[MAX_CPUS];
/* For double faults and NMIs, which use little and do not nest. */
static uint8_t emergency_stacks[MAX_CPUS][3072] __attribute__((aligned(16)));

struct cpu_features cpu_features;

struct idt_gate {
    uint16_t offset0, selector;
    uint8_t ist, type;
    uint16_t offset1;
    uint32_t offset2, reserved;
};
static struct idt_gate idt[256];

extern const uint8_t trap_stubs[256][16];
extern const uint64_t smap_open_start[], smap_open_end[], smap_close_start[], smap_close_end[];
void syscall_entry(void);
void nmi_entry(void);

void cpu_detect(void)
{
    uint32_t top[4], r[4];
    cpuid(0, 0, top);
    cpuid(1, 0, r);
    cpu_features.pge = r[3] & 1u << 13;
    cpu_features.pat = r[3] & 1u << 16;
    cpu_features.x2apic = r[2] & 1u << 21;
    cpu_features.tsc_deadline = r[2] & 1u << 24;
    cpu_features.rdrand = r[2] & 1u << 30;
    cpu_features.hypervisor = r[2] & 1u << 31;
    if (top[0] >= 7) {
        cpuid(7, 0, r);
        cpu_features.fsgsbase = r[1] & 1u << 0;
        cpu_features.smep = r[1] & 1u << 7;
        cpu_features.rdseed = r[1] & 1u << 18;
        cpu_features.smap = r[1] & 1u << 20;
        cpu_features.umip = r[2] & 1u << 2;
    }
    cpuid(0x80000001, 0, r);
    cpu_features.huge_pages = r[3] & 1u << 26;
}

static void patch(const uint64_t *from, const uint64_t *end, uint8_t last)
{
    for (; from < end; from++) {
        uint8_t *code = (uint8_t *)*from;
        code[0] = 0x0f;
        code[1] = 0x01;
        code[2] = last;
    }
}

void cpu_patch_smap(void)
{
    if (!cpu_features.smap)
        return;
    patch(smap_open_start, smap_open_end, 0xcb);   /* STAC */
    patch(smap_close_start, smap_close_end, 0xca); /* CLAC */
}

void idt_init(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t address = i == 2 ? (uint64_t)nmi_entry : (uint64_t)trap_stubs[i];
        bool emergency = i == 2 || i == 8;
        idt[i] = (struct idt_gate){
            .offset0 = (uint16_t)address,
            .selector = SEL_KERNEL_CODE,
            .ist = emergency ? 1 : 0,
            .type = i == 3 ? 0xee : 0x8e, /* interrupt gates; INT3 is open to programs */
            .offset1 = (uint16_t)(address >> 16),
            .offset2 = (uint32_t)(address >> 32),
        };
    }
}

unsigned cpu_of_emergency_stack(const void *sp)
{
    return (unsigned)(((uintptr_t)sp - (uintptr_t)emergency_stacks) / sizeof(emergency_stacks[0]));
}

static void load_tables(struct tables *t, uint32_t number)
{
    uint64_t tss = (uint64_t)&t->tss;
    memset(t, 0, sizeof(*t));
    t->tss.ist[0] = (uint64_t)(emergency_stacks[number] + sizeof(emergency_stacks[number]));
    t->tss.io_map = sizeof(t->tss); /* no I/O for programs */
    t->gdt[1] = 0x00af9b000000ffff;
    t->gdt[2] = 0x00cf93000000ffff;
    t->gdt[4] = 0x00cff3000000ffff;
    t->gdt[5] = 0x00affb000000ffff;
    t->gdt[6] =
        (sizeof(t->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ul << 40 | (tss >> 24 & 0xff) << 56;
    t->gdt[7] = tss >> 32;

    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) gdtr = {sizeof(t->gdt) - 1, (uint64_t)t->gdt},
                              idtr = {sizeof(idt) - 1, (uint64_t)idt};
    __asm__ volatile("lgdt %0" : : "m"(gdtr));
    __asm__ volatile("lidt %0" : : "m"(idtr));
    __asm__ volatile("movw %w0, %%ds; movw %w0, %%es; movw %w0, %%fs; movw %w0, %%gs" : : "r"(0));
    __asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
}

static void load_control_registers(void)
{
    uint64_t cr4 = read_cr4();
    cr4 |= cpu_features.pge ? CR4_PGE : 0;
    cr4 |= cpu_features.umip ? CR4_UMIP : 0;
    cr4 |= cpu_features.fsgsbase ? CR4_FSGSBASE : 0;
    cr4 |= cpu_features.smep ? CR4_SMEP : 0;
    cr4 |= cpu_features.smap ? CR4_SMAP : 0;
    write_cr4(cr4);
    if (cpu_features.pat)
        wrmsr(MSR_PAT, PAT_VALUE);
    wrmsr(MSR_STAR, (uint64_t)(SEL_USER_DATA - 8) << 48 | (uint64_t)SEL_KERNEL_CODE << 32);
    wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
    wrmsr(MSR_SFMASK, 0x200 | 0x400 | 0x100 | 0x40000 | 0x4000); /* IF DF TF AC NT */
}

void cpu_init(struct cpu *cpu, uint32_t number)
{
    load_tables(&tables[number], number);
    cpu->arch.self = cpu;
    cpu->arch.number = number;
    wrmsr(MSR_GS_BASE, (uint64_t)cpu);
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    load_control_registers();
}

void cpu_set_kernel_top(struct arch_cpu *cpu, uint64_t top)
{
    cpu->kernel_top = top;
    tables[cpu->number].tss.rsp[0] = top;
}
