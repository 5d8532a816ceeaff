/* SPDX-License-Identifier: BSD-2-Clause */
/* libc/arch/memory.c and search.c under other names. */
#include <string.h>

#define memcpy  tm_memcpy
#define memmove tm_memmove
#define mempcpy tm_mempcpy
#define memset  tm_memset
#define memchr  tm_memchr
#define memcmp  tm_memcmp
#define strlen  tm_strlen

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *mempcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int byte, size_t n);
void *memchr(const void *in, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *text);

#include "libc/arch/memory.c"
#include "libc/arch/search.c"
