/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time page: what a program needs to read the clock without a trap. The kernel owns it; every process
 * has it mapped read-only at the page directly before the vDSO's ELF header. Both sides compute with
 * time_page_read() alone, so that a time read here and one read by a call never contradict each other.
 *
 * Sequence lock: the writer makes `sequence` odd, stores, makes it even again. A reader that sees an odd
 * or a changed number reads again. There is one writer at a time (the kernel's clock lock).
 */
#ifndef ABI_TIME_PAGE_H
#define ABI_TIME_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#define TIME_PAGE_SHIFT 32 /* mult is nanoseconds per TSC tick, times 2^32 */

enum time_page_clock { TIME_PAGE_MONOTONIC, TIME_PAGE_REALTIME, TIME_PAGE_CLOCKS };

/*
 * A clock is `counter * mult / 2^32 + offset`, of the whole counter: so it needs neither a base nor a
 * test for a counter that lies before it.
 */
struct time_page {
    uint32_t sequence;
    uint32_t resolution; /* ns, at least 1 */
    uint64_t mult; /* the TSC runs at one rate, the same on all CPUs: there is no other clock */
    uint64_t offset[TIME_PAGE_CLOCKS]; /* ns, modulo 2^64 */
};

_Static_assert(sizeof(struct time_page) == 32, "half a cache line");

/* The counter, not earlier than any load before it. */
static inline uint64_t time_page_tsc(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* TICKS of the counter in nanoseconds. */
static inline uint64_t time_page_scale(uint64_t ticks, uint64_t mult)
{
    return (uint64_t)((unsigned __int128)ticks * mult >> TIME_PAGE_SHIFT);
}

/* CLOCK in nanoseconds. */
static inline uint64_t time_page_read(const struct time_page *page, enum time_page_clock clock)
{
    uint64_t ns, mult;
    uint32_t before;

    do {
        /* An odd number is made one that can not be found again. */
        before = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE) & ~1u;
        mult = __atomic_load_n(&page->mult, __ATOMIC_RELAXED);
        ns = time_page_scale(time_page_tsc(), mult) +
             __atomic_load_n(&page->offset[clock], __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (before != __atomic_load_n(&page->sequence, __ATOMIC_RELAXED));
    return ns;
}

/* The writer's two steps, with the stores between them. */
static inline void time_page_write_begin(struct time_page *page)
{
    __atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void time_page_write_end(struct time_page *page)
{
    __atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELEASE);
}

#endif
