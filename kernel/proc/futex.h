/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks and condition variables in user memory (docs/executables.md section 7), for the calling thread.
 * Addresses and scopes come straight from the program.
 */
#ifndef KERNEL_PROC_FUTEX_H
#define KERNEL_PROC_FUTEX_H

#include "kernel/mm/user.h"

struct futex_address {
    user_addr_t va;
    cloudabi_scope_t scope;
};

/* Takes the lock, waiting until DEADLINE (monotonic ns). ETIMEDOUT; EDEADLK: the caller holds it for
 * writing; EFAULT; EINVAL; EINTR: killed. */
cloudabi_errno_t futex_lock(const struct futex_address *lock, bool write, uint64_t deadline);
/* EPERM: not the caller's; EINVAL: managed by the kernel, but nobody waits. */
cloudabi_errno_t futex_unlock(const struct futex_address *lock);
/* Releases the lock, waits for a signal or the DEADLINE, takes the lock again. Returns with the lock held
 * when 0 or ETIMEDOUT. EPERM: the lock is not the caller's; EINVAL: others wait with another lock. */
cloudabi_errno_t futex_wait(const struct futex_address *condvar, const struct futex_address *lock,
                            uint64_t deadline);
cloudabi_errno_t futex_signal(const struct futex_address *condvar, uint32_t count);

#endif
