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
#include "kernel/mm/memobj_priv.h"
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
        frame->object = NULL;
        frame_put(frame);
    }
    if (object->pager != NULL && object->pager->destroy != NULL)
        object->pager->destroy(object);
    struct job *job = object->job;
    slab_free(&memobj_cache, object);
    job_put(job);
}

/* --- pages ---------------------------------------------------------------------------------- */

/* A dirty page is one that the pager will be told of, so it must have promised the space. */
static bool needs_reserve(const struct memobj *object, const struct frame *frame)
{
    return object->pager != NULL && object->pager->reserve != NULL && frame->state != PAGE_DIRTY;
}

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
    bool may_write = object->pager == NULL || frame->state == PAGE_DIRTY;
    if (*writable && !may_write)
        return MAP_ABSENT;
    *writable = may_write;
    *pa = frame_phys(frame);
    return MAP_READY;
}

/* Sleeps until page INDEX has left a state in which nobody may use it. Killable. */
static cloudabi_errno_t wait_for_page(struct memobj *object, uint64_t index, bool write)
{
    struct waiter waiter;
    cloudabi_errno_t error = 0;
    waitq_add(&object->page_waiters, &waiter);
    for (;;) {
        spinlock_lock(&object->lock);
        struct frame *frame = radix_find(&object->pages, index);
        bool busy = frame != NULL &&
                    (frame->state == PAGE_FILLING || (write && frame->state == PAGE_WRITING));
        spinlock_unlock(&object->lock);
        if (!busy || (error = thread_park(UINT64_MAX)) != 0)
            break;
    }
    waitq_remove(&waiter);
    return error;
}

/* Has the pager fill FRAME, which is FILLING in the tree; takes it out again if that fails. */
static cloudabi_errno_t page_in(struct memobj *object, uint64_t index, struct frame *frame)
{
    cloudabi_errno_t error = object->pager->page_in(object, index, 1);
    struct frame *drop = NULL;
    spinlock_lock(&object->lock);
    if (radix_find(&object->pages, index) == frame) { /* else truncated or revoked meanwhile */
        if (error == 0) {
            frame->state = PAGE_CLEAN;
        } else {
            drop = radix_remove(&object->pages, index, &memobj_radix_ops);
            object->resident--;
            drop->object = NULL;
        }
    }
    spinlock_unlock(&object->lock);
    waitq_wake_all(&object->page_waiters);
    if (drop != NULL)
        frame_put(drop);
    return error;
}

/* Adds a zeroed page where there is none; another may have been faster. */
static cloudabi_errno_t add_page(struct memobj *object, uint64_t index)
{
    struct frame *frame = frame_alloc_zero(object->job);
    if (frame == NULL)
        return CLOUDABI_ENOMEM;
    bool filling = object->pager != NULL && object->pager->page_in != NULL;
    spinlock_lock(&object->lock);
    if (object->revoked != 0 || radix_find(&object->pages, index) != NULL) {
        spinlock_unlock(&object->lock);
        frame_put(frame);
        return 0;
    }
    if (!radix_insert(&object->pages, index, frame, &memobj_radix_ops, object->job)) {
        spinlock_unlock(&object->lock);
        frame_put(frame);
        return CLOUDABI_ENOMEM;
    }
    frame->object = object;
    frame->index = index;
    frame->state = filling ? PAGE_FILLING : PAGE_CLEAN;
    object->resident++;
    if (filling)
        frame_get(frame); /* may leave the tree while the pager fills it */
    spinlock_unlock(&object->lock);
    if (!filling)
        return 0;
    cloudabi_errno_t error = page_in(object, index, frame);
    frame_put(frame);
    return error;
}

/* One look: *OUT is set if the page is there and usable; else *STEP says what is to be done first. */
enum page_step { STEP_NONE, STEP_ADD, STEP_WAIT, STEP_RESERVE };

static cloudabi_errno_t look(struct memobj *object, uint64_t index, bool write, bool reserved,
                             struct frame **out, enum page_step *step)
{
    *step = STEP_NONE;
    if (object->revoked != 0)
        return object->revoked;
    struct frame *frame = radix_find(&object->pages, index);
    if (frame == NULL) {
        *step = STEP_ADD;
    } else if (frame->state == PAGE_FILLING || (write && frame->state == PAGE_WRITING)) {
        *step = STEP_WAIT;
    } else if (write && !reserved && needs_reserve(object, frame)) {
        *step = STEP_RESERVE;
    } else {
        if (write)
            frame->state = PAGE_DIRTY;
        frame_get(frame);
        *out = frame;
    }
    return 0;
}

cloudabi_errno_t memobj_page_any(struct memobj *object, uint64_t index, bool write,
                                 struct frame **out)
{
    bool reserved = false;
    if (object->borrowed)
        return CLOUDABI_EFAULT;
    for (;;) {
        enum page_step step;
        spinlock_lock(&object->lock);
        cloudabi_errno_t error = look(object, index, write, reserved, out, &step);
        spinlock_unlock(&object->lock);
        if (step == STEP_ADD)
            error = add_page(object, index);
        else if (step == STEP_WAIT)
            error = wait_for_page(object, index, write);
        else if (step == STEP_RESERVE)
            error = object->pager->reserve(object, index << PAGE_SHIFT, PAGE_SIZE);
        if (error != 0 || step == STEP_NONE)
            return error;
        reserved = step == STEP_RESERVE;
    }
}

cloudabi_errno_t memobj_page(struct memobj *object, uint64_t index, bool write, struct frame **out)
{
    uint64_t pages =
        (__atomic_load_n(&object->size, __ATOMIC_ACQUIRE) + PAGE_SIZE - 1) >> PAGE_SHIFT;
    if (index >= pages)
        return CLOUDABI_EFAULT;
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
