/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks. Programs read the monotonic and the wall clock by themselves where they can (the time page). */
#include "abi/kernel_calls.h"
#include "kernel/proc/process.h"
#include "kernel/syscall/clock.h"

cloudabi_errno_t clock_read(cloudabi_clockid_t clock, uint64_t *ns)
{
    switch (clock) {
    case CLOUDABI_CLOCK_MONOTONIC:
        *ns = arch_clock_monotonic();
        return 0;
    case CLOUDABI_CLOCK_REALTIME:
        *ns = arch_clock_realtime();
        return 0;
    case CLOUDABI_CLOCK_PROCESS_CPUTIME_ID:
        *ns = process_cpu_time(process_self());
        return 0;
    case CLOUDABI_CLOCK_THREAD_CPUTIME_ID:
        *ns = thread_cpu_time(thread_self());
        return 0;
    default:
        return CLOUDABI_EINVAL;
    }
}

cloudabi_errno_t sys_clock_time_get(cloudabi_clockid_t clock_id, cloudabi_timestamp_t precision,
                                    cloudabi_timestamp_t *time)
{
    (void)precision;
    return clock_read(clock_id, time);
}

cloudabi_errno_t sys_clock_res_get(cloudabi_clockid_t clock_id, cloudabi_timestamp_t *resolution)
{
    uint64_t now;
    cloudabi_errno_t error = clock_read(clock_id, &now);
    if (error == 0)
        *resolution = 1;
    return error;
}
