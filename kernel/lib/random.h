/* SPDX-License-Identifier: BSD-2-Clause */
/* Random bytes for everything in the kernel and for random_get: one ChaCha20 generator per CPU. */
#ifndef KERNEL_LIB_RANDOM_H
#define KERNEL_LIB_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Never fails, never sleeps. Usable on every CPU after random_init_cpu() ran there. */
void random_bytes(void *to, size_t len);
uint64_t random_u64(void);
void random_init_cpu(void);
/* Gives CPU number CPU, which does not run yet, something of this CPU's to begin with. */
void random_seed_cpu(unsigned cpu);
/* Mixes an event's time (interrupts, input) into this CPU's next key. */
void random_stir(uint64_t event);

#endif
