/* SPDX-License-Identifier: BSD-2-Clause */
#include "abi/kernel_calls.h"
#include "kernel/proc/futex.h"
#include "kernel/proc/process_priv.h"
#include "kernel/proc/start.h"
#include "kernel/proc/trace.h"
#include "kernel/sched/sched.h"

cloudabi_errno_t sys_thread_create(const cloudabi_threadattr_t *attr, cloudabi_tid_t *tid)
{
    struct thread_request request = {
        .entry = attr->entry_point,
        .argument = attr->argument,
        .stack = attr->stack,
        .stack_len = attr->stack_len,
    };
    return process_create_thread(&request, tid);
}

/* Once the lock is released a joiner may free the stack: nothing below touches user memory. */
void sys_thread_exit(user_addr_t lock, cloudabi_scope_t scope)
{
    struct futex_address address = {.va = lock, .scope = scope};
    trace_last_call();
    (void)futex_unlock(&address); /* the ABI has no way to report it */
    process_leave();
}

cloudabi_errno_t sys_thread_yield(void)
{
    sched_yield_all();
    return 0;
}
