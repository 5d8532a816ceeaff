/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocation functions of C and POSIX over malloc.c, and the names under which newlib calls them.
 * Sizes are checked for overflow before anything is added to them (what CVE-2021-3420 lacked).
 */
#include <errno.h>
#include <malloc.h>
#include <reent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libc/malloc/malloc_priv.h"

/* A run must hold header, alignment and object together without wrapping. */
#define ALIGN_LIMIT ((size_t)1 << 40)

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    bool zeroed;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    void *object = __malloc_get(bytes, &zeroed);
    if (object != NULL && !zeroed)
        memset(object, 0, bytes);
    return object;
}

size_t malloc_usable_size(void *pointer)
{
    if (pointer == NULL)
        return 0;
    struct run *run = __malloc_run(pointer);
    const char *end = run->kind == RUN_SMALL ? __malloc_object(run, pointer) + run->object_size
                                             : (char *)run + run->size;
    return (size_t)(end - (char *)pointer);
}

void *realloc(void *old, size_t size)
{
    bool zeroed;

    if (old == NULL)
        return malloc(size);
    size_t usable = malloc_usable_size(old);
    /* Stay while the object fits and not more than half of it would be wasted. */
    if (size <= usable && (size >= usable / 2 || usable <= 64))
        return old;
    void *new = __malloc_get(size, &zeroed);
    if (new == NULL)
        return size <= usable ? old : NULL;
    memcpy(new, old, size < usable ? size : usable);
    free(old);
    return new;
}

/* For an alignment of a unit or more: the run's header lies one unit below the object. */
static void *align_by_units(size_t align, size_t size)
{
    bool fresh;
    size_t total = UNIT_SIZE + ((size + 4095) & ~(size_t)4095);

    if (align > UNIT_SIZE || total > 2 * UNIT_SIZE) {
        /* The mapping starts so that its second unit is aligned; what lies before is given back. */
        char *start = __heap_map(align + total, align);
        if (start == NULL)
            return NULL;
        char *header = start + align - UNIT_SIZE;
        __heap_unmap(start, (size_t)(header - start));
        struct run *run = (struct run *)header;
        *run = (struct run){.check = RUN_CHECK(run), .kind = RUN_MAPPED, .size = total + UNIT_SIZE};
        return header + UNIT_SIZE;
    }
    struct run *run = __heap_get(total, RUN_LARGE, &fresh);
    return run != NULL ? (char *)run + UNIT_SIZE : NULL;
}

void *memalign(size_t align, size_t size)
{
    if (align <= 16)
        return malloc(size);
    if (size == 0)
        size = 1; /* else the pointer could lie at the end of its object */
    if (align > ALIGN_LIMIT || size > (size_t)PTRDIFF_MAX - 2 * align - 4 * UNIT_SIZE) {
        errno = ENOMEM;
        return NULL;
    }
    if (align < UNIT_SIZE / 2) {
        char *object = malloc(size + align - 16);
        return object != NULL ? (void *)(((uintptr_t)object + align - 1) & ~(align - 1)) : NULL;
    }
    void *object = align_by_units(align < UNIT_SIZE ? UNIT_SIZE : align, size);
    if (object == NULL)
        errno = ENOMEM;
    return object;
}

int posix_memalign(void **result, size_t align, size_t size)
{
    if (align < sizeof(void *) || (align & (align - 1)) != 0)
        return EINVAL;
    int saved = errno;
    void *object = memalign(align, size);
    errno = saved;
    if (object == NULL)
        return ENOMEM;
    *result = object;
    return 0;
}

void *aligned_alloc(size_t align, size_t size)
{
    if (align == 0 || (align & (align - 1)) != 0) {
        errno = EINVAL;
        return NULL;
    }
    return memalign(align, size);
}

void *valloc(size_t size)
{
    return memalign(4096, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, bytes);
}

void *_malloc_r(struct _reent *reent, size_t size)
{
    (void)reent;
    return malloc(size);
}

void *_calloc_r(struct _reent *reent, size_t count, size_t size)
{
    (void)reent;
    return calloc(count, size);
}

void *_realloc_r(struct _reent *reent, void *old, size_t size)
{
    (void)reent;
    return realloc(old, size);
}

void *_memalign_r(struct _reent *reent, size_t align, size_t size)
{
    (void)reent;
    return memalign(align, size);
}

void _free_r(struct _reent *reent, void *pointer)
{
    (void)reent;
    free(pointer);
}
