/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thread-local storage, variant II: [data, rounded up to its alignment][TCB]. The kernel keeps fs base
 * at one word W for the life of a thread; W holds the address of the TCB, and is all that changes.
 */
#include <string.h>

#include "libc/start/start.h"

struct tls_image __libc_tls = {.align = 1};

static size_t data_size(void)
{
    return (__libc_tls.size + __libc_tls.align - 1) & ~(__libc_tls.align - 1);
}

static size_t block_align(void)
{
    return __libc_tls.align > 16 ? __libc_tls.align : 16;
}

size_t __libc_tls_size(void)
{
    return data_size() + sizeof(cloudabi_tcb_t) + block_align();
}

void __libc_tls_setup(void *block)
{
    uintptr_t align = block_align();
    uintptr_t tcb = ((uintptr_t)block + data_size() + align - 1) & ~(align - 1);
    char *data = (char *)tcb - data_size();
    const cloudabi_tcb_t *old;

    memset(data, 0, data_size());
    memcpy(data, __libc_tls.data, __libc_tls.data_len);
    __asm__("mov %%fs:0, %0" : "=r"(old));
    *(cloudabi_tcb_t *)tcb = *old;
    __asm__ volatile("mov %0, %%fs:0" : : "r"(tcb) : "memory");
}
