/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two clock calls of the vDSO. The monotonic and the wall clock are read from the time page, which lies
 * one page before the ELF header; CPU-time clocks, bad clocks and machines without a usable TSC trap.
 * Freestanding, position-independent, no relocations and no stack protection of any kind.
 */
#include "abi/cloudabi_syscalls.h"
#include "abi/time_page.h"

#define EXPORT __attribute__((visibility("default")))
#define HIDDEN __attribute__((visibility("hidden")))

/* The generated stubs that trap. */
HIDDEN cloudabi_errno_t trap_clock_time_get(cloudabi_clockid_t clock,
                                            cloudabi_timestamp_t precision,
                                            cloudabi_timestamp_t *time);
HIDDEN cloudabi_errno_t trap_clock_res_get(cloudabi_clockid_t clock,
                                           cloudabi_timestamp_t *resolution);

extern HIDDEN const char image_start[]; /* vdso.ld */

static inline const struct time_page *time_page(void)
{
    return (const struct time_page *)(image_start - 4096);
}

static inline bool on_page(cloudabi_clockid_t clock)
{
    return clock == CLOUDABI_CLOCK_MONOTONIC || clock == CLOUDABI_CLOCK_REALTIME;
}

EXPORT cloudabi_errno_t cloudabi_sys_clock_time_get(cloudabi_clockid_t clock,
                                                    cloudabi_timestamp_t precision,
                                                    cloudabi_timestamp_t *time)
{
    uint64_t ns;

    if (!on_page(clock) || !time_page_read(time_page(), clock == CLOUDABI_CLOCK_REALTIME, &ns))
        return trap_clock_time_get(clock, precision, time);
    *time = ns;
    return 0;
}

EXPORT cloudabi_errno_t cloudabi_sys_clock_res_get(cloudabi_clockid_t clock,
                                                   cloudabi_timestamp_t *resolution)
{
    if (!on_page(clock) || !(time_page()->flags & TIME_PAGE_TSC_USABLE))
        return trap_clock_res_get(clock, resolution);
    *resolution = time_page()->resolution;
    return 0;
}
