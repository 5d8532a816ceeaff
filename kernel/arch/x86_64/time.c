/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks: the TSC, calibrated at boot and a few times more; the time page, from which kernel and programs compute
 * the same time;
 * the wall clock of the RTC; the one-shot timer of each CPU.
 */
#include "abi/time_page.h"
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/calibrate.h"
#include "kernel/arch/x86_64/clock.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/debug/log.h"
#include "kernel/lib/string.h"
#include "kernel/sync/spinlock.h"

#define NS_PER_S 1000000000ul
#define PIT_HZ   1193182ul

static struct time_page early_page;
static struct time_page *time_page_here = &early_page;

static struct spinlock clock_lock = SPINLOCK_INIT(RANK_LOG); /* one writer of the time page */
/*
 * What the monotonic clock is computed from, as the time page has it, but without a sequence: refining fills the
 * other one and then lets it be the current one. One is filled again after half a second at the earliest, and
 * readers have interrupts off.
 */
struct timebase {
    uint64_t mult, offset;
};
static struct timebase timebases[2];
static struct timebase *timebase = &timebases[0];
static uint64_t tsc_hz, bus_hz; /* of the TSC; of the APIC timer after its divider */
static uint64_t entry_tsc;      /* where the monotonic clock begins */
static bool tsc_stated;
static uint64_t refine_at; /* TSC; only the boot CPU */

void clock_move_time_page(void *page)
{
    memcpy(page, time_page_here, sizeof(*time_page_here));
    __atomic_store_n(&time_page_here, page, __ATOMIC_RELEASE);
}

uint64_t arch_cycles(void)
{
    return rdtsc();
}

static void timebase_set(uint64_t mult, uint64_t offset)
{
    struct timebase *next = &timebases[timebase == &timebases[0]];
    *next = (struct timebase){mult, offset};
    __atomic_store_n(&timebase, next, __ATOMIC_RELEASE);
}

uint64_t arch_clock_monotonic(void)
{
    const struct timebase *base = __atomic_load_n(&timebase, __ATOMIC_ACQUIRE);
    return time_page_scale(rdtsc(), base->mult) + base->offset;
}

uint64_t arch_clock_realtime(void)
{
    return time_page_read(time_page_here, TIME_PAGE_REALTIME);
}

void arch_clock_set_realtime(uint64_t now)
{
    spinlock_lock(&clock_lock);
    struct time_page *page = time_page_here;
    uint64_t offset = now - time_page_scale(rdtsc(), page->mult);
    time_page_write_begin(page);
    page->offset[TIME_PAGE_REALTIME] = offset;
    time_page_write_end(page);
    spinlock_unlock(&clock_lock);
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

void time_begin(void)
{
    entry_tsc = rdtsc();
}

void time_init(void)
{
    uint64_t measured;
    calibrate(&measured, &bus_hz);
    tsc_hz = stated_tsc_hz();
    tsc_stated = tsc_hz != 0;
    if (!tsc_stated)
        tsc_hz = measured;
    struct time_page *page = time_page_here;
    uint64_t now = rdtsc();
    refine_at = now + tsc_hz / 2;
    page->mult = (NS_PER_S << TIME_PAGE_SHIFT) / tsc_hz;
    page->resolution = (uint32_t)(tsc_hz >= NS_PER_S ? 1 : (NS_PER_S + tsc_hz - 1) / tsc_hz);
    page->offset[TIME_PAGE_MONOTONIC] = -time_page_scale(entry_tsc, page->mult);
    page->offset[TIME_PAGE_REALTIME] =
        rtc_seconds() * NS_PER_S - time_page_scale(rdtsc(), page->mult);
    timebase_set(page->mult, page->offset[TIME_PAGE_MONOTONIC]);
    klog("time: TSC %lu kHz, timer %lu kHz%s", tsc_hz / 1000, bus_hz / 1000,
         cpu_features.tsc_deadline ? ", deadline mode" : "");
}

/* From the timer interrupt of the boot CPU. First after half a second, then when the time measured is eight
 * times as long. All clocks go on from where they are, at the better rate. */
void time_refine(void)
{
    uint64_t tsc, ns;
    if (tsc_stated || rdtsc() < refine_at || !calibrate_again(&tsc, &ns))
        return;
    uint64_t mult = mul_div(ns, 1ul << TIME_PAGE_SHIFT, tsc);
    struct time_page *page = time_page_here;
    refine_at = rdtsc() + tsc * 7;
    if (mult > page->mult + page->mult / 64 || mult < page->mult - page->mult / 64)
        return; /* not to be believed */
    spinlock_lock(&clock_lock);
    uint64_t now = rdtsc();
    uint64_t shift = time_page_scale(now, page->mult) - time_page_scale(now, mult);
    time_page_write_begin(page);
    page->mult = mult;
    for (unsigned i = 0; i < TIME_PAGE_CLOCKS; i++)
        page->offset[i] += shift;
    timebase_set(mult, page->offset[TIME_PAGE_MONOTONIC]);
    time_page_write_end(page);
    spinlock_unlock(&clock_lock);
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
