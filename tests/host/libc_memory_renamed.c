/* SPDX-License-Identifier: BSD-2-Clause */
/* libc/arch/memory.c under other names. */
#include <string.h>

#define memcpy  tm_memcpy
#define memmove tm_memmove
#define mempcpy tm_mempcpy
#define memset  tm_memset

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *mempcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int byte, size_t n);

#include "libc/arch/memory.c"
