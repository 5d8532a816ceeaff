/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast the TSC and the APIC timer run: against the HPET, else the PIT, over a few milliseconds at boot.
 * With an HPET the TSC is measured again over ever longer times, so that the clock gets as good as the HPET is.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/calibrate.h"
#include "kernel/arch/x86_64/insn.h"

#define NS_PER_S  1000000000ul
#define WINDOW_NS 3000000ul
#define PIT_HZ    1193182ul

struct reference { /* a counter of known speed */
    uint64_t (*read)(void);
    uint64_t mask;
    uint64_t femtoseconds; /* per count */
};

static uint64_t hpet_read(void)
{
    return *(volatile uint32_t *)((uint8_t *)arch_direct(acpi.hpet) + 0xf0);
}

static uint64_t hpet_read64(void)
{
    return *(volatile uint64_t *)((uint8_t *)arch_direct(acpi.hpet) + 0xf0);
}

static bool hpet_start(struct reference *ref)
{
    if (acpi.hpet == 0 || acpi.hpet >= 4ul << 30)
        return false;
    volatile uint32_t *hpet = arch_direct(acpi.hpet);
    if (hpet[1] < 1000000 || hpet[1] > 100000000) /* 1 to 100 ns, the specification's limit */
        return false;
    hpet[4] |= 1;
    bool wide = hpet[0] & 1u << 13;
    *ref =
        (struct reference){wide ? hpet_read64 : hpet_read, wide ? UINT64_MAX : UINT32_MAX, hpet[1]};
    return true;
}

/* Channel 2, counting down from 0xffff; 54 ms until it wraps. */
static uint64_t pit_read(void)
{
    outb(0x43, 0x80);
    uint8_t low = inb(0x42);
    return 0xffffu - (low | (uint64_t)inb(0x42) << 8);
}

static void pit_start(struct reference *ref)
{
    outb(0x61, (uint8_t)((inb(0x61) & ~2) | 1));
    outb(0x43, 0xb4);
    outb(0x42, 0xff);
    outb(0x42, 0xff);
    *ref = (struct reference){pit_read, 0xffff, 1000000000000000ul / PIT_HZ};
}

struct sample {
    uint64_t tsc, bus, count;
};

/* The reading with the least time between two looks at the TSC, of a few. */
static struct sample sample(const struct reference *ref)
{
    struct sample best = {0};
    uint64_t best_span = UINT64_MAX;
    for (int i = 0; i < 8; i++) {
        uint64_t before = rdtsc();
        uint64_t count = ref->read();
        uint32_t bus = apic_timer_count();
        uint64_t after = rdtsc();
        if (after - before < best_span) {
            best_span = after - before;
            best = (struct sample){before + (after - before) / 2, bus, count};
        }
    }
    return best;
}

static struct reference reference;
static struct sample first; /* where the measurements begin */

static uint64_t elapsed_ns(const struct sample *now)
{
    return mul_div((now->count - first.count) & reference.mask, reference.femtoseconds, 1000000);
}

void calibrate(uint64_t *tsc_hz, uint64_t *bus_hz)
{
    struct sample now;
    uint64_t ns;
    if (!hpet_start(&reference))
        pit_start(&reference);
    apic_timer_start(UINT32_MAX);
    for (int i = 0; i < 4; i++) /* an emulator's first times through this code take long */
        first = sample(&reference);
    do {
        now = sample(&reference);
        ns = elapsed_ns(&now);
    } while (ns < WINDOW_NS);
    apic_timer_start(0);
    *tsc_hz = (now.tsc - first.tsc) * NS_PER_S / ns;
    *bus_hz = (first.bus - now.bus) * NS_PER_S / ns;
}

bool calibrate_again(uint64_t *tsc, uint64_t *ns)
{
    if (reference.mask != UINT64_MAX) /* it may have wrapped */
        return false;
    struct sample now = sample(&reference);
    *tsc = now.tsc - first.tsc;
    *ns = elapsed_ns(&now);
    return *tsc != 0;
}
