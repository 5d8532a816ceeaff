/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main thread's descriptor, and what hangs off the calling thread: its reent structure (errno and the
 * state of newlib's functions), its unsafe stack.
 */
#include <errno.h>
#include <reent.h>

#include "libc/start/start.h"
#include "libc/thread/lock.h"
#include "libc/thread/thread.h"

#define UNSAFE_STACK_SIZE ((size_t)1 << 20)

/* SafeStack: what a function may leak the address of lives on this stack. Compiled code finds the pointer
 * by this name. The main thread's is in .bss: pages come when they are touched. */
__thread void *__safestack_unsafe_stack_ptr;
static char unsafe_stack[UNSAFE_STACK_SIZE] __attribute__((aligned(16)));

__thread struct __pthread *__libc_self;
static struct __pthread main_thread;

/* The main thread uses newlib's global structure, so exit() finds the streams that it opened. */
void __libc_thread_start(void)
{
    main_thread.tid = __libc_info.tid;
    main_thread.reent = _GLOBAL_REENT;
    atomic_store(&main_thread.alive, __libc_info.tid | CLOUDABI_LOCK_WRLOCKED);
    __libc_self = &main_thread;
    __safestack_unsafe_stack_ptr = unsafe_stack + UNSAFE_STACK_SIZE;
}

void __thread_after_fork(cloudabi_tid_t tid)
{
    __libc_tid_before_fork = __libc_self->tid;
    __libc_self->tid = tid;
    atomic_store(&__libc_self->alive, tid | CLOUDABI_LOCK_WRLOCKED);
    __thread_only_one();
}

struct _reent *__getreent(void)
{
    return __libc_self->reent;
}

int *__errno(void)
{
    return &__libc_self->reent->_errno;
}
