/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two clock calls of the vDSO. The monotonic and the wall clock are read from the time page, which lies
 * one page before the ELF header; CPU-time clocks and bad clocks trap.
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

EXPORT cloudabi_errno_t cloudabi_sys_clock_time_get(cloudabi_clockid_t clock,
                                                    cloudabi_timestamp_t precision,
                                                    cloudabi_timestamp_t *time)
{
    if (clock == CLOUDABI_CLOCK_MONOTONIC)
        *time = time_page_read(time_page(), TIME_PAGE_MONOTONIC);
    else if (clock == CLOUDABI_CLOCK_REALTIME)
        *time = time_page_read(time_page(), TIME_PAGE_REALTIME);
    else
        return trap_clock_time_get(clock, precision, time);
    return 0;
}

EXPORT cloudabi_errno_t cloudabi_sys_clock_res_get(cloudabi_clockid_t clock,
                                                   cloudabi_timestamp_t *resolution)
{
    if (clock != CLOUDABI_CLOCK_MONOTONIC && clock != CLOUDABI_CLOCK_REALTIME)
        return trap_clock_res_get(clock, resolution);
    *resolution = time_page()->resolution;
    return 0;
}
