/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine for host tests of kernel/mm: memory, page tables and one TLB per address space that forgets only
 * when told to, so that a missing flush shows.  One thread, no other CPU.
 */
#ifndef TESTS_HOST_FAKE_MACHINE_H
#define TESTS_HOST_FAKE_MACHINE_H

#include "kernel/mm/vmspace.h"

void fake_machine_init(uint64_t memory_bytes);
void fake_machine_enter(struct vmspace *space); /* what mm_fault() and copies work on */

/* One access of 8 bytes as user code does it: 0 or the signal. */
int fake_load(uint64_t va, uint64_t *value);
int fake_store(uint64_t va, uint64_t value);

#endif
