/* SPDX-License-Identifier: BSD-2-Clause */
/* The waking half of locks and condition variables; the waiting half is in sys_poll.c. */
#include "abi/kernel_calls.h"
#include "kernel/proc/futex.h"

cloudabi_errno_t sys_lock_unlock(user_addr_t lock, cloudabi_scope_t scope)
{
    struct futex_address address = {.va = lock, .scope = scope};
    return futex_unlock(&address);
}

cloudabi_errno_t sys_condvar_signal(user_addr_t condvar, cloudabi_scope_t scope,
                                    cloudabi_nthreads_t nwaiters)
{
    struct futex_address address = {.va = condvar, .scope = scope};
    return futex_signal(&address, nwaiters);
}
