/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of libc/malloc share beside the heap. */
#ifndef LIBC_MALLOC_MALLOC_PRIV_H
#define LIBC_MALLOC_MALLOC_PRIV_H

#include "libc/malloc/heap.h"

/* Where the memory of a large run begins. */
#define LARGE_OFFSET ((size_t)128)

void *__malloc_get(size_t size, bool *zeroed);
struct run *__malloc_run(const void *pointer);
char *__malloc_object(struct run *run, const void *pointer);

#endif
