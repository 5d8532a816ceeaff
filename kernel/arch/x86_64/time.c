/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks: the TSC, calibrated once; the time page, from which kernel and programs compute the same time;
 * the wall clock of the RTC; the one-shot timer of each CPU.
 */
#include "abi/time_page.h"
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/clock.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/debug/log.h"
#include "kernel/lib/string.h"
#include "kernel/sync/spinlock.h"

#define NS_PER_S  1000000000ul
#define WINDOW_NS 3000000ul /* of the calibration */
#define PIT_HZ    1193182ul

static struct time_page early_page;
static struct time_page *time_page_here = &early_page;

static struct spinlock clock_lock = SPINLOCK_INIT(RANK_LOG); /* one writer of the time page */
static struct {
    uint64_t tsc, mult; /* constant after calibration */
} monotonic;
static uint64_t tsc_hz, bus_hz; /* of the TSC; of the APIC timer after its divider */

void clock_move_time_page(void *page)
{
    memcpy(page, time_page_here, sizeof(*time_page_here));
    __atomic_store_n(&time_page_here, page, __ATOMIC_RELEASE);
}

uint64_t arch_cycles(void)
{
    return rdtsc();
}

/* As the time page has it, without its sequence: what the monotonic clock needs never changes after calibration. */
uint64_t arch_clock_monotonic(void)
{
    return time_page_elapsed(rdtsc(), monotonic.tsc, monotonic.mult);
}

uint64_t arch_clock_realtime(void)
{
    uint64_t ns = 0;
    time_page_read(time_page_here, true, &ns);
    return ns;
}

void arch_clock_set_realtime(uint64_t now)
{
    spinlock_lock(&clock_lock);
    uint64_t offset = now - arch_clock_monotonic();
    time_page_write_begin(time_page_here);
    time_page_here->realtime_offset = offset;
    time_page_write_end(time_page_here);
    spinlock_unlock(&clock_lock);
}

/* --- reference clocks ---------------------------------------------------------------------------- */

struct reference { /* a counter of known speed */
    uint64_t (*read)(void);
    uint64_t mask;
    uint64_t femtoseconds; /* per count */
};

static uint64_t hpet_read(void)
{
    return *(volatile uint32_t *)((uint8_t *)arch_direct(acpi.hpet) + 0xf0);
}

static bool hpet_start(struct reference *ref)
{
    if (acpi.hpet == 0 || acpi.hpet >= 4ul << 30)
        return false;
    volatile uint32_t *hpet = arch_direct(acpi.hpet);
    if (hpet[1] < 1000000 || hpet[1] > 100000000) /* 1 to 100 ns, the specification's limit */
        return false;
    hpet[4] |= 1;
    *ref = (struct reference){hpet_read, 0xffffffff, hpet[1]};
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

static void measure(void)
{
    struct reference ref;
    if (!hpet_start(&ref))
        pit_start(&ref);
    apic_timer_start(UINT32_MAX);
    struct sample from = sample(&ref), to;
    uint64_t ns;
    do {
        to = sample(&ref);
        ns = ((to.count - from.count) & ref.mask) * ref.femtoseconds / 1000000;
    } while (ns < WINDOW_NS);
    apic_timer_start(0);
    if (tsc_hz == 0)
        tsc_hz = (to.tsc - from.tsc) * NS_PER_S / ns;
    bus_hz = (from.bus - to.bus) * NS_PER_S / ns;
}

/* The frequency as the CPU or the hypervisor states it; 0: not stated. */
static uint64_t stated_tsc_hz(void)
{
    uint32_t top[4], r[4];
    cpuid(0, 0, top);
    if (top[0] >= 0x15) {
        cpuid(0x15, 0, r);
        if (r[0] != 0 && r[1] != 0 && r[2] != 0)
            return (uint64_t)r[2] * r[1] / r[0];
    }
    if (cpu_features.hypervisor) {
        cpuid(0x40000000, 0, top);
        if (top[0] >= 0x40000010 && top[0] < 0x40010000) {
            cpuid(0x40000010, 0, r);
            return (uint64_t)r[0] * 1000;
        }
    }
    return 0;
}

/* --- the RTC --------------------------------------------------------------------------------------- */

static uint8_t rtc_read(uint8_t reg)
{
    outb(0x70, reg);
    return inb(0x71);
}

static uint64_t days_from_civil(uint64_t y, uint64_t m,
                                uint64_t d) /* since 1970-01-01, Gregorian */
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint64_t leap_years = (y - 1969) / 4 - (y - 1901) / 100 + (y - 1601) / 400;
    bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    return (y - 1970) * 365 + leap_years + before[(m - 1) % 12] + (leap && m > 2) + d - 1;
}

static uint64_t rtc_seconds(void)
{
    static const uint8_t regs[] = {0, 2, 4, 7, 8, 9};
    uint8_t v[6], again[6];
    bool same;
    do { /* until two readings agree, with no update between */
        same = true;
        while (rtc_read(10) & 0x80)
            cpu_pause();
        for (int i = 0; i < 6; i++)
            v[i] = rtc_read(regs[i]);
        for (int i = 0; i < 6; i++)
            again[i] = rtc_read(regs[i]), same = same && again[i] == v[i];
    } while (!same);
    uint8_t format = rtc_read(11);
    bool pm = !(format & 2) && (v[2] & 0x80);
    v[2] &= 0x7f;
    if (!(format & 4))
        for (int i = 0; i < 6; i++)
            v[i] = (uint8_t)((v[i] >> 4) * 10 + (v[i] & 15));
    if (!(format & 2))
        v[2] = (uint8_t)(v[2] % 12 + (pm ? 12 : 0));
    return days_from_civil(2000u + v[5], v[4], v[3]) * 86400 + v[2] * 3600u + v[1] * 60u + v[0];
}

void time_init(void)
{
    tsc_hz = stated_tsc_hz();
    measure();
    struct time_page *page = time_page_here;
    page->mult = (NS_PER_S << TIME_PAGE_SHIFT) / tsc_hz;
    page->tsc_base = rdtsc();
    monotonic.tsc = page->tsc_base;
    monotonic.mult = page->mult;
    page->resolution = tsc_hz >= NS_PER_S ? 1 : (NS_PER_S + tsc_hz - 1) / tsc_hz;
    page->flags = TIME_PAGE_TSC_USABLE;
    page->realtime_offset = rtc_seconds() * NS_PER_S - arch_clock_monotonic();
    klog("time: TSC %lu kHz, timer %lu kHz%s", tsc_hz / 1000, bus_hz / 1000,
         cpu_features.tsc_deadline ? ", deadline mode" : "");
}

void arch_timer_set(uint64_t deadline)
{
    if (deadline == UINT64_MAX) {
        cpu_features.tsc_deadline ? apic_timer_deadline(0) : apic_timer_start(0);
        return;
    }
    uint64_t now = arch_clock_monotonic();
    uint64_t wait = deadline > now ? deadline - now : 0;
    if (wait > 4 * NS_PER_S) /* an early interrupt is harmless: the timer is set again */
        wait = 4 * NS_PER_S;
    if (cpu_features.tsc_deadline) {
        apic_timer_deadline(rdtsc() + wait * (tsc_hz / 1000) / 1000000 + 1);
        return;
    }
    uint64_t count = wait * (bus_hz / 1000) / 1000000 + 1;
    apic_timer_start(count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
}
