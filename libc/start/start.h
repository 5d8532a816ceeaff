/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the start-up code learns from the kernel, and its steps in the order in which start.c takes
 * them. The files of libc/start are compiled without SafeStack, since they run before a thread has one.
 */
#ifndef LIBC_START_START_H
#define LIBC_START_START_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/cloudabi_types.h"

/* The auxiliary vector, unpacked; never changes after start. */
struct start_info {
    const Elf64_Phdr *phdr;
    size_t phnum;
    size_t page_size;
    char *base; /* load bias */
    const void *argdata;
    size_t argdata_len;
    const unsigned char *canary;
    size_t canary_len;
    size_t ncpus;
    cloudabi_tid_t tid;
    const Elf64_Ehdr *vdso;
    const unsigned char *pid; /* 16 bytes, or NULL */
};

/* The PT_TLS segment: what a new thread's TLS data begins with. */
struct tls_image {
    const void *data;
    size_t data_len;
    size_t size;
    size_t align;
};

extern struct start_info __libc_info;
extern struct tls_image __libc_tls;

/* Function pointers of the calls, in the order of their numbers. */
extern void *__libc_calls[CLOUDABI_NCALLS];

void __libc_start(const cloudabi_auxv_t *auxv) __attribute__((noreturn));
void __libc_fill_calls(const Elf64_Ehdr *vdso);

/* Bytes that tls_setup needs, and the set-up of one thread's TLS in such a block: afterwards
 * thread-local variables of the calling thread work. */
size_t __libc_tls_size(void);
void __libc_tls_setup(void *block);

/* Make the main thread's descriptor; then every function of libc may be called. */
void __libc_thread_start(void);

/* Read the named grants from the argument bytes (libc/start/grants.c). A program that sees its argument data
 * (program_main) must find descriptors under the numbers that stand there. */
void __libc_grants_start(bool renumber_streams);

#endif
