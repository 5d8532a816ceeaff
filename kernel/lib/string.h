/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and string functions. Eight bytes at a time in plain moves: fast under emulation too. */
#ifndef KERNEL_LIB_STRING_H
#define KERNEL_LIB_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
void *memchr(const void *in, int byte, size_t len);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);

/* A freestanding compiler takes these for ordinary functions; so told, it expands small constant sizes in place. */
#ifdef TESSERA_KERNEL
#define memcpy(to, from, len) __builtin_memcpy(to, from, len)
#define memset(to, byte, len) __builtin_memset(to, byte, len)
#endif

#endif
