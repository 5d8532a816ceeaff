/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel objects: a cache per type, and kmalloc for odd sizes.  Charged to a job at allocation (the job is
 * remembered, so freeing needs only the pointer); counted per object class.
 */
#ifndef KERNEL_MM_SLAB_H
#define KERNEL_MM_SLAB_H

#include <stddef.h>

#include "kernel/arch/arch.h"
#include "kernel/job/job.h"
#include "kernel/lib/list.h"
#include "kernel/sync/spinlock.h"

/* Free objects kept by one CPU: used only by it, with interrupts off, so without a lock. */
struct slab_magazine {
    void *head; /* linked through the objects' first word */
    uint32_t count;
} __attribute__((aligned(64)));

struct slab_cache {
    const char *name;
    size_t size;
    enum object_class class;
    struct spinlock lock;    /* RANK_SLAB */
    struct list partial;     /* slabs with free objects; lock */
    unsigned empty;          /* slabs of `partial` without any used object; lock */
    _Atomic bool listed;     /* known to slab_shrink_all() */
    struct slab_cache *next; /* constant once listed */
    struct slab_magazine per_cpu[MAX_CPUS];
};

#define SLAB_CACHE(cache_name, type, object_class)                                    \
    {                                                                                 \
        .name = #cache_name, .size = sizeof(type), .class = (object_class),           \
        .lock = SPINLOCK_INIT(RANK_SLAB), .partial = LIST_INIT((cache_name).partial), \
    }

/* Zeroed object or NULL. JOB (NULL: the root) is charged for it, and remembered in a hidden header: the charge
 * keeps the job alive. Objects are aligned to 16 bytes. */
void *slab_alloc(struct slab_cache *cache, struct job *job);
/* The same with whatever was in that memory before: for callers that set all of it. */
void *slab_alloc_unset(struct slab_cache *cache, struct job *job);
void slab_free(struct slab_cache *cache, void *object);
/* Caches give back their empty slabs, and what this CPU keeps: for leak checks. Never needed otherwise. */
void slab_shrink_all(void);

/* Any size up to 1 MiB, zeroed; NULL: no memory or budget. */
void *kmalloc(struct job *job, size_t size);
void *kmalloc_unset(struct job *job, size_t size); /* see slab_alloc_unset() */
void kfree(void *pointer);                         /* NULL is fine */

#endif
