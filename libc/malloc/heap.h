/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where malloc's memory comes from: runs of 64 KiB units, aligned to 64 KiB, out of chunks of 4 MiB.
 * Every run begins with a struct run, so the run of any pointer inside its first unit is found by masking.
 * Memory is committed by the kernel when it is first touched.
 */
#ifndef LIBC_MALLOC_HEAP_H
#define LIBC_MALLOC_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNIT_SIZE   ((size_t)1 << 16)
#define CHUNK_UNITS 64
#define RUN_HEADER  64

enum run_kind { RUN_SMALL = 1, RUN_LARGE, RUN_MAPPED };

/* Keys: c = the lock of the size class; the rest is fixed while the run is in use. */
struct run {
    uintptr_t check; /* RUN_CHECK of its own address; catches wild and repeated frees */
    uint8_t kind;
    uint8_t class;
    uint32_t object_size;
    size_t size;       /* of the whole run, or of the mapping */
    uint32_t capacity; /* objects that fit */
    uint32_t carved;   /* c: objects that were ever handed out */
    uint32_t live;     /* c: objects handed out and not returned */
    bool listed;       /* c: in the list of runs with room */
    void *free;        /* c: returned objects */
    struct run *next;  /* c */
    struct run *prev;  /* c */
};

_Static_assert(sizeof(struct run) <= 80, "the header fits before the first object");

#define RUN_CHECK(run) ((uintptr_t)(run) ^ (uintptr_t)0x7e55e4a5a11c0de5)

static inline struct run *run_of(const void *pointer)
{
    return (struct run *)((uintptr_t)pointer & ~(uintptr_t)(UNIT_SIZE - 1));
}

/* A run of SIZE bytes (rounded up to units) with its header filled in but for the object fields; NULL if
 * memory is out. Sets FRESH if the memory behind the header is known to be zero. */
struct run *__heap_get(size_t size, enum run_kind kind, bool *fresh);
void __heap_put(struct run *run);

/* SIZE bytes of zeroed memory at a multiple of ALIGN (a power of two, at least a page), from the system. */
void *__heap_map(size_t size, size_t align);
void __heap_unmap(void *start, size_t size);

void __heap_lock(void);
void __heap_unlock(void);

#endif
