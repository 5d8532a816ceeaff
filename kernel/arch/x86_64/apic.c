/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt controllers: the local APIC (x2APIC where present), I/O APICs, and the vectors of devices.
 * All device interrupts go to the boot CPU.
 *
 * Lock: irq_lock guards the table of vectors for writing; a handler is stored before its vector can occur
 * and cleared after it no longer can.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/arch/x86_64/irq.h"
#include "kernel/debug/log.h"
#include "kernel/sync/spinlock.h"

#define MSR_APIC_BASE    0x1b
#define MSR_X2APIC       0x800
#define MSR_TSC_DEADLINE 0x6e0

enum {
    REG_ID = 0x02,
    REG_TPR = 0x08,
    REG_EOI = 0x0b,
    REG_SPURIOUS = 0x0f,
    REG_ICR = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_TIMER = 0x32,
    REG_LINT0 = 0x35,
    REG_LINT1 = 0x36,
    REG_ERROR = 0x37,
    REG_TIMER_INIT = 0x38,
    REG_TIMER_NOW = 0x39,
    REG_TIMER_DIVIDE = 0x3e,
};

#define TIMER_TSC_DEADLINE (2u << 17)
#define ICR_NMI            (4u << 8)
#define ICR_INIT           (5u << 8)
#define ICR_STARTUP        (6u << 8)
#define ICR_ASSERT         (1u << 14)
#define ICR_PENDING        (1u << 12)
#define ICR_OTHERS         (3u << 18)
#define MASKED             (1u << 16)

static volatile uint32_t *local; /* NULL: x2APIC */

static uint32_t apic_read(unsigned reg)
{
    return local != NULL ? local[reg * 4] : (uint32_t)rdmsr(MSR_X2APIC + reg);
}

static void apic_write(unsigned reg, uint32_t value)
{
    if (local != NULL)
        local[reg * 4] = value;
    else
        wrmsr(MSR_X2APIC + reg, value);
}

uint32_t apic_id(void)
{
    return local != NULL ? apic_read(REG_ID) >> 24 : apic_read(REG_ID);
}

void apic_eoi(void)
{
    apic_write(REG_EOI, 0);
}

static void send(uint32_t destination, uint32_t command)
{
    if (local == NULL) {
        __asm__ volatile("mfence; lfence" : : : "memory"); /* WRMSR here does not order memory */
        wrmsr(MSR_X2APIC + REG_ICR, (uint64_t)destination << 32 | command);
        return;
    }
    while (apic_read(REG_ICR) & ICR_PENDING)
        cpu_pause();
    apic_write(REG_ICR_HIGH, destination << 24);
    apic_write(REG_ICR, command);
}

void apic_ipi(uint32_t id, uint8_t vector)
{
    send(id, ICR_ASSERT | vector);
}

void apic_ipi_nmi_others(void)
{
    send(0, ICR_ASSERT | ICR_NMI | ICR_OTHERS);
}

void apic_ipi_init(uint32_t id)
{
    send(id, ICR_ASSERT | ICR_INIT);
}

void apic_ipi_startup(uint32_t id, uint8_t page)
{
    send(id, ICR_ASSERT | ICR_STARTUP | page);
}

void apic_timer_start(uint32_t count)
{
    apic_write(REG_TIMER_INIT, count);
}

void apic_timer_deadline(uint64_t tsc)
{
    wrmsr(MSR_TSC_DEADLINE, tsc);
}

uint32_t apic_timer_count(void)
{
    return apic_read(REG_TIMER_NOW);
}

void apic_init_cpu(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | 1u << 11;
    wrmsr(MSR_APIC_BASE, base);
    if (cpu_features.x2apic) /* only from the enabled state */
        wrmsr(MSR_APIC_BASE, base | 1u << 10);
    apic_write(REG_TPR, 0);
    apic_write(REG_LINT0, MASKED);
    apic_write(REG_LINT1, ICR_NMI);
    apic_write(REG_ERROR, MASKED);
    apic_write(REG_TIMER_DIVIDE, 3); /* by 16 */
    apic_write(REG_TIMER, VECTOR_TIMER | (cpu_features.tsc_deadline ? TIMER_TSC_DEADLINE : 0));
    apic_write(REG_SPURIOUS, 1u << 8 | VECTOR_SPURIOUS);
}

/* The old interrupt controllers: moved out of the way of exceptions and masked. */
static void pic_disable(void)
{
    static const uint8_t words[][2] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28},
                                       {0x21, 4},    {0xa1, 2},    {0x21, 1},    {0xa1, 1},
                                       {0x21, 0xff}, {0xa1, 0xff}};
    for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
        outb(words[i][0], words[i][1]);
}

/* --- I/O APIC ---------------------------------------------------------------------------------------- */

static uint32_t io_read(unsigned which, uint32_t reg)
{
    volatile uint32_t *io = arch_direct(acpi.io_apic[which].pa);
    io[0] = reg;
    return io[4];
}

static void io_write(unsigned which, uint32_t reg, uint32_t value)
{
    volatile uint32_t *io = arch_direct(acpi.io_apic[which].pa);
    io[0] = reg;
    io[4] = value;
}

static uint32_t io_pins(unsigned which)
{
    return (io_read(which, 1) >> 16 & 0xff) + 1;
}

static struct spinlock irq_lock = SPINLOCK_INIT(RANK_TIMER);
static struct {
    void (*handler)(void *);
    void *arg;
} irqs[256]; /* by vector; irq_lock to change */

void apic_init(void)
{
    local = cpu_features.x2apic ? NULL
                                : arch_direct(acpi.local_apic != 0 ? acpi.local_apic : 0xfee00000);
    pic_disable();
    for (unsigned i = 0; i < acpi.io_apics; i++)
        for (uint32_t pin = 0; pin < io_pins(i); pin++)
            io_write(i, 0x10 + 2 * pin, MASKED);
}

int arch_irq_alloc(void (*handler)(void *), void *arg)
{
    int vector = -1;
    spinlock_lock(&irq_lock);
    for (int v = VECTOR_FIRST_IRQ; v <= VECTOR_LAST_IRQ && vector < 0; v++)
        if (irqs[v].handler == NULL) {
            irqs[v].arg = arg;
            irqs[v].handler = handler;
            vector = v;
        }
    spinlock_unlock(&irq_lock);
    return vector;
}

void arch_irq_free(int vector)
{
    spinlock_lock(&irq_lock);
    irqs[vector].handler = NULL;
    spinlock_unlock(&irq_lock);
}

void irq_dispatch(uint8_t vector)
{
    void *arg;
    void (*handler)(void *);
    spinlock_lock(&irq_lock);
    handler = irqs[vector].handler;
    arg = irqs[vector].arg;
    spinlock_unlock(&irq_lock);
    if (handler != NULL)
        handler(arg);
    apic_eoi();
}

void arch_irq_msi(int vector, uint64_t *address, uint32_t *data)
{
    *address = 0xfee00000ul | (uint64_t)acpi.cpu_apic_id[0] << 12;
    *data = (uint32_t)vector;
}

static bool io_find(uint32_t gsi, unsigned *which, uint32_t *pin)
{
    for (unsigned i = 0; i < acpi.io_apics; i++)
        if (gsi >= acpi.io_apic[i].gsi && gsi - acpi.io_apic[i].gsi < io_pins(i)) {
            *which = i;
            *pin = gsi - acpi.io_apic[i].gsi;
            return true;
        }
    return false;
}

bool arch_irq_route(uint32_t gsi, int vector, bool level, bool active_low)
{
    unsigned which;
    uint32_t pin;
    if (!io_find(gsi, &which, &pin))
        return false;
    spinlock_lock(&irq_lock);
    io_write(which, 0x11 + 2 * pin, acpi.cpu_apic_id[0] << 24);
    io_write(which, 0x10 + 2 * pin,
             (uint32_t)vector | (level ? 1u << 15 : 0) | (active_low ? 1u << 13 : 0));
    spinlock_unlock(&irq_lock);
    return true;
}

void arch_irq_unroute(uint32_t gsi)
{
    unsigned which;
    uint32_t pin;
    if (!io_find(gsi, &which, &pin))
        return;
    spinlock_lock(&irq_lock);
    io_write(which, 0x10 + 2 * pin, MASKED);
    spinlock_unlock(&irq_lock);
}

bool arch_irq_route_isa(uint8_t irq, int vector)
{
    uint32_t gsi = irq;
    uint16_t flags = 0;
    for (unsigned i = 0; i < acpi.overrides; i++)
        if (acpi.override[i].irq == irq) {
            gsi = acpi.override[i].gsi;
            flags = acpi.override[i].flags;
        }
    return arch_irq_route(gsi, vector, (flags >> 2 & 3) == 3, (flags & 3) == 3);
}

bool arch_irq_route_pci(uint8_t gsi, int vector)
{
    bool active_low = true;
    for (unsigned i = 0; i < acpi.overrides; i++)
        if (acpi.override[i].gsi == gsi)
            active_low = (acpi.override[i].flags & 3) != 1;
    return arch_irq_route(gsi, vector, true, active_low);
}
