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

#define TIME_PAGE_TSC_USABLE 1U /* invariant, and the same on all CPUs */
#define TIME_PAGE_SHIFT      32 /* mult is nanoseconds per TSC tick, times 2^32 */

struct time_page {
    uint32_t sequence;
    uint32_t flags;
    uint64_t tsc_base; /* TSC when monotonic_base was taken */
    uint64_t mult;
    uint64_t monotonic_base;  /* ns */
    uint64_t realtime_offset; /* ns: realtime = monotonic + this, modulo 2^64 */
    uint64_t resolution;      /* ns, at least 1 */
};

_Static_assert(sizeof(struct time_page) == 48, "one cache line");

/* The counter, not earlier than any load before it. */
static inline uint64_t time_page_tsc(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* Nanoseconds since tsc_base. A TSC slightly behind the base (another CPU's) counts as none. */
static inline uint64_t time_page_elapsed(uint64_t tsc, uint64_t tsc_base, uint64_t mult)
{
    uint64_t delta = tsc - tsc_base;

    if ((int64_t)delta < 0)
        return 0;
    return (uint64_t)((unsigned __int128)delta * mult >> TIME_PAGE_SHIFT);
}

/* Reads the monotonic clock, or the wall clock if REALTIME. False: the TSC is not usable, ask the kernel. */
static inline bool time_page_read(const struct time_page *page, bool realtime, uint64_t *ns)
{
    uint32_t before;

    do {
        before = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);
        if (!(__atomic_load_n(&page->flags, __ATOMIC_RELAXED) & TIME_PAGE_TSC_USABLE))
            return false;
        uint64_t base = __atomic_load_n(&page->tsc_base, __ATOMIC_RELAXED);
        uint64_t mult = __atomic_load_n(&page->mult, __ATOMIC_RELAXED);
        uint64_t time = __atomic_load_n(&page->monotonic_base, __ATOMIC_RELAXED);

        if (realtime)
            time += __atomic_load_n(&page->realtime_offset, __ATOMIC_RELAXED);
        *ns = time + time_page_elapsed(time_page_tsc(), base, mult);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((before & 1) || before != __atomic_load_n(&page->sequence, __ATOMIC_RELAXED));
    return true;
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
