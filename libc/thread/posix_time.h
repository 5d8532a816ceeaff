/* SPDX-License-Identifier: BSD-2-Clause */
/* Absolute times of POSIX as deadlines. */
#ifndef LIBC_THREAD_POSIX_TIME_H
#define LIBC_THREAD_POSIX_TIME_H

#include <pthread_np.h>

#include "libc/thread/lock.h"
#include "libc/unix/unix.h"

/* 0, or EINVAL. */
static inline int deadline_of(clockid_t id, const struct timespec *until, struct deadline *deadline)
{
    if (!clock_of(id, &deadline->clock) || !from_timespec(until, &deadline->time))
        return EINVAL;
    return 0;
}

#endif
