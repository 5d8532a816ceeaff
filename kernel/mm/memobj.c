/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects: their life, their pages and states.  Data moves in memobj_io.c, sizes change in
 * memobj_size.c.
 *
 * A page in the tree holds one reference of its frame; frame->object and frame->index say whose it is.
 * A frame leaves the tree only after all mappings of it are gone; whoever still holds a reference
 * then keeps a private copy of the past.
 */
#include "kernel/lib/refcount.h"
#include "kernel/mm/memobj_paging.h"
#include "kernel/mm/slab.h"
#include "kernel/mm/vmspace.h"
#include "kernel/sched/thread.h"

static struct slab_cache memobj_cache = SLAB_CACHE(memobj_cache, struct memobj, OBJECT_MEMOBJ);
static struct slab_cache node_cache = SLAB_CACHE(node_cache, struct radix_node, OBJECT_OTHER);

static struct radix_node *node_alloc(void *job)
{
    return slab_alloc(&node_cache, job);
}

static void node_free(struct radix_node *node)
{
    slab_free(&node_cache, node);
}

const struct radix_ops memobj_radix_ops = {.alloc = node_alloc, .free = node_free};

uint64_t memobj_now(void)
{
    return arch_clock_realtime();
}

/* --- life ----------------------------------------------------------------------------------- */

struct memobj *memobj_create(struct job *job, uint64_t size)
{
    struct memobj *object = slab_alloc(&memobj_cache, job);
    if (object == NULL)
        return NULL;
    object->references = 1;
    object->job = job_get(job != NULL ? job : &job_root);
    mutex_init(&object->write);
    spinlock_init(&object->lock, RANK_MEMOBJ);
    list_init(&object->mappings);
    waitq_init(&object->page_waiters);
    object->size = size;
    object->atime = object->mtime = object->ctime = memobj_now();
    return object;
}

struct memobj *memobj_create_physical(struct job *job, paddr_t start, uint64_t size,
                                      unsigned cache_flags)
{
    kverify((start & (PAGE_SIZE - 1)) == 0);
    struct memobj *object = memobj_create(job, size);
    if (object == NULL)
        return NULL;
    object->borrowed = true;
    object->physical = start;
    object->cache_flags = cache_flags;
    return object;
}

struct memobj *memobj_get(struct memobj *object)
{
    refcount_get(&object->references);
    return object;
}

void memobj_put(struct memobj *object)
{
    if (!refcount_put(&object->references))
        return;
    kassert(list_empty(&object->mappings)); /* each holds a reference */
    uint64_t index = 0;
    struct frame *frame;
    while ((frame = radix_next(&object->pages, &index)) != NULL) {
        radix_remove(&object->pages, index, &memobj_radix_ops);
        if (object->paging != NULL) {
            spinlock_lock(&object->lock);
            paging_dropped(object, frame);
            spinlock_unlock(&object->lock);
        }
        frame->object = NULL;
        frame_put(frame);
    }
    if (object->paging != NULL)
        paging_destroy(object);
    struct job *job = object->job;
    slab_free(&memobj_cache, object);
    job_put(job);
}

/* --- pages ---------------------------------------------------------------------------------- */

enum map_answer memobj_map_locked(struct memobj *object, uint64_t index, bool *writable,
                                  paddr_t *pa)
{
    if (object->revoked != 0)
        return MAP_REVOKED;
    if (index >= (object->size + PAGE_SIZE - 1) >> PAGE_SHIFT)
        return MAP_BEYOND;
    if (object->borrowed) {
        *pa = object->physical + (index << PAGE_SHIFT);
        *writable = true;
        return MAP_READY;
    }
    struct frame *frame = radix_find(&object->pages, index);
    if (frame == NULL || frame->state == PAGE_FILLING)
        return MAP_ABSENT;
    if (object->paging == NULL) {
        *writable = true;
    } else {
        if (*writable && !paging_may_dirty(object, index, frame))
            return MAP_ABSENT;
        if (*writable)
            paging_set_dirty(object, frame);
        *writable = frame->state == PAGE_DIRTY;
        frame->accessed = true;
    }
    *pa = frame_phys(frame);
    return MAP_READY;
}

/* Puts FRAME, which is not used yet, into the tree of an object without pager, or all written into that of any.
 * EEXIST: another was faster. Object's lock held. */
static cloudabi_errno_t insert_locked(struct memobj *object, uint64_t index, struct frame *frame)
{
    if (object->revoked != 0)
        return object->revoked;
    if (radix_find(&object->pages, index) != NULL)
        return CLOUDABI_EEXIST;
    if (!radix_insert(&object->pages, index, frame, &memobj_radix_ops, object->job))
        return CLOUDABI_ENOMEM;
    frame->object = object;
    frame->index = index;
    frame->state = PAGE_CLEAN;
    object->resident++;
    if (object->paging != NULL)
        paging_set_dirty(object, frame);
    return 0;
}

cloudabi_errno_t memobj_insert(struct memobj *object, uint64_t index, struct frame *frame)
{
    spinlock_lock(&object->lock);
    cloudabi_errno_t error = insert_locked(object, index, frame);
    spinlock_unlock(&object->lock);
    return error;
}

/* Adds a zeroed page where there is none; another may have been faster. */
static cloudabi_errno_t add_page(struct memobj *object, uint64_t index)
{
    struct frame *frame = frame_alloc_zero(object->job);
    if (frame == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = memobj_insert(object, index, frame);
    if (error != 0)
        frame_put(frame);
    return error == CLOUDABI_EEXIST ? 0 : error;
}

cloudabi_errno_t memobj_page_any(struct memobj *object, uint64_t index, bool write,
                                 struct frame **out)
{
    if (object->borrowed)
        return CLOUDABI_EFAULT;
    if (object->paging != NULL)
        return paging_page(object, index, write, true, out);
    for (;;) {
        spinlock_lock(&object->lock);
        cloudabi_errno_t error = object->revoked;
        struct frame *frame = error == 0 ? radix_find(&object->pages, index) : NULL;
        if (frame != NULL)
            frame_get(frame);
        spinlock_unlock(&object->lock);
        if (frame != NULL) {
            *out = frame;
            return 0;
        }
        if (error == 0)
            error = add_page(object, index);
        if (error != 0)
            return error;
    }
}

void memobj_page_written(struct memobj *object, const struct page_ref *page)
{
    struct frame *frame = page->frame;
    if (object->paging == NULL)
        return;
    spinlock_lock(&object->lock);
    if (frame->object == object)
        paging_set_dirty(object, frame);
    spinlock_unlock(&object->lock);
}

cloudabi_errno_t memobj_page(struct memobj *object, uint64_t index, bool write, struct frame **out)
{
    uint64_t pages =
        (__atomic_load_n(&object->size, __ATOMIC_ACQUIRE) + PAGE_SIZE - 1) >> PAGE_SHIFT;
    if (index >= pages)
        return CLOUDABI_EFAULT;
    if (object->paging != NULL)
        return paging_page(object, index, write, false, out);
    if (!object->borrowed)
        return memobj_page_any(object, index, write, out);
    struct frame *frame = frame_of(object->physical + (index << PAGE_SHIFT));
    if (frame == NULL)
        return CLOUDABI_EFAULT;
    spinlock_lock(&object->lock);
    cloudabi_errno_t error = object->revoked;
    if (error == 0)
        frame_get(frame);
    spinlock_unlock(&object->lock);
    *out = frame;
    return error;
}

/* --- use as an image ------------------------------------------------------------------------- */

cloudabi_errno_t memobj_deny_write(struct memobj *object)
{
    spinlock_lock(&object->lock);
    bool busy = object->writers > 0;
    if (!busy)
        object->executors++;
    spinlock_unlock(&object->lock);
    return busy ? CLOUDABI_ETXTBSY : 0;
}

void memobj_allow_write(struct memobj *object)
{
    spinlock_lock(&object->lock);
    kassert(object->executors > 0);
    object->executors--;
    spinlock_unlock(&object->lock);
}

cloudabi_errno_t memobj_writer_get(struct memobj *object)
{
    spinlock_lock(&object->lock);
    bool busy = object->executors > 0;
    if (!busy)
        object->writers++;
    spinlock_unlock(&object->lock);
    return busy ? CLOUDABI_ETXTBSY : 0;
}

void memobj_writer_put(struct memobj *object)
{
    spinlock_lock(&object->lock);
    kassert(object->writers > 0);
    object->writers--;
    spinlock_unlock(&object->lock);
}
