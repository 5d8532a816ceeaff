/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel objects: a cache per type, and kmalloc for odd sizes.  Charged to a job at allocation (the job is
 * remembered, so freeing needs only the pointer); counted per object class.
 */
#ifndef KERNEL_MM_SLAB_H
#define KERNEL_MM_SLAB_H

#include <stddef.h>

#include "kernel/job/job.h"
#include "kernel/lib/list.h"
#include "kernel/sync/spinlock.h"

struct slab_cache {
    const char *name;
    size_t size;
    enum object_class class;
    struct spinlock lock;
    struct list partial;
    void *per_cpu[16]; /* free-object magazines, MAX_CPUS */
    uint32_t per_cpu_count[16];
};

#define SLAB_CACHE(cache_name, type, object_class)                                                 \
    {                                                                                              \
        .name = #cache_name, .size = sizeof(type), .class = (object_class),                        \
        .lock = SPINLOCK_INIT(RANK_SLAB), .partial = LIST_INIT(cache_name.partial),                \
    }

/* Zeroed object or NULL. JOB is charged size bytes and a reference to it is kept in a hidden header. */
void *slab_alloc(struct slab_cache *cache, struct job *job);
void slab_free(struct slab_cache *cache, void *object);
void slab_shrink_all(void); /* caches give their empty slabs back */

/* Any size up to 1 MiB, zeroed; NULL: no memory or budget. */
void *kmalloc(struct job *job, size_t size);
void kfree(void *pointer); /* NULL is fine */

#endif
