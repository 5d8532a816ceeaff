/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sizes of memory objects: truncate, grow, allocate, and the end by revocation.
 * Bytes of the last page beyond the size are zero, unless a mapping stored there; growing zeroes them again.
 */
#include "kernel/lib/string.h"
#include "kernel/mm/memobj_paging.h"
#include "kernel/mm/vmspace.h"
#include "kernel/sched/sched.h"

#define BATCH 64

void memobj_set_size(struct memobj *object, uint64_t size)
{
    spinlock_lock(&object->lock);
    __atomic_store_n(&object->size, size, __ATOMIC_RELEASE);
    spinlock_unlock(&object->lock);
}

cloudabi_errno_t memobj_zero_tail(struct memobj *object, uint64_t from)
{
    size_t skip = from & (PAGE_SIZE - 1);
    if (skip == 0 || object->borrowed)
        return 0;
    for (;;) {
        spinlock_lock(&object->lock);
        struct frame *frame = radix_find(&object->pages, from >> PAGE_SHIFT);
        bool filling = frame != NULL && frame->state == PAGE_FILLING;
        if (frame != NULL && !filling)
            memset((char *)frame_data(frame) + skip, 0, PAGE_SIZE - skip);
        spinlock_unlock(&object->lock);
        if (!filling)
            return 0;
        cloudabi_errno_t error = paging_wait_filled(object, from >> PAGE_SHIFT);
        if (error != 0)
            return error;
    }
}

/* Takes the pages [FIRST, END) out of the tree. They are not mapped any more. */
static void drop_pages(struct memobj *object, uint64_t first, uint64_t end)
{
    struct frame *batch[BATCH];
    unsigned count;
    do {
        uint64_t index = first;
        count = 0;
        spinlock_lock(&object->lock);
        while (count < BATCH && (batch[count] = radix_next(&object->pages, &index)) != NULL &&
               index < end) {
            radix_remove(&object->pages, index, &memobj_radix_ops);
            if (object->paging != NULL)
                paging_dropped(object, batch[count]);
            batch[count++]->object = NULL;
        }
        object->resident -= count;
        spinlock_unlock(&object->lock);
        for (unsigned i = 0; i < count; i++)
            frame_put(batch[i]);
        if (count == BATCH)
            sched_point();
    } while (count == BATCH);
    waitq_wake_all(&object->page_waiters);
}

/* All that is behind SIZE goes, also from private mappings. Write mutex held; the size is set. */
static void cut_pages(struct memobj *object, uint64_t size)
{
    uint64_t first = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    vmspace_unmap_object(object, first, UINT64_MAX, true);
    drop_pages(object, first, UINT64_MAX);
}

/* Write mutex held. A pager is asked first, when nothing is under way any more: its refusal leaves all as it was. */
static cloudabi_errno_t resize_locked(struct memobj *object, uint64_t size)
{
    uint64_t old = object->size;
    if (object->revoked != 0)
        return object->revoked;
    if ((object->borrowed || object->fixed) && size != old)
        return CLOUDABI_EINVAL;
    cloudabi_errno_t error = size > old ? memobj_zero_tail(object, old) : 0;
    if (error == 0 && object->paging != NULL)
        error = paging_resize(object, size);
    if (error != 0)
        return error;
    memobj_set_size(object, size);
    if (size < old) {
        cut_pages(object, size);
        memobj_zero_tail(object, size);
    }
    if (object->paging != NULL) {
        paging_resized(object, size);
        paging_resume(object);
    }
    object->mtime = object->ctime = memobj_now();
    return 0;
}

cloudabi_errno_t memobj_resize(struct memobj *object, uint64_t size)
{
    if (size > MEMOBJ_SIZE_MAX)
        return CLOUDABI_EFBIG;
    cloudabi_errno_t error = mutex_lock_killable(&object->write);
    if (error != 0)
        return error;
    error = resize_locked(object, size);
    mutex_unlock(&object->write);
    return error;
}

cloudabi_errno_t memobj_resized(struct memobj *object, uint64_t size)
{
    if (size > MEMOBJ_SIZE_MAX || object->borrowed || object->fixed)
        return CLOUDABI_EINVAL;
    if (!mutex_try(&object->write))
        return CLOUDABI_EBUSY;
    uint64_t old = object->size;
    memobj_set_size(object, size);
    if (size < old)
        cut_pages(object, size);
    if (object->paging != NULL)
        paging_resized(object, size);
    object->mtime = object->ctime = memobj_now();
    mutex_unlock(&object->write);
    return 0;
}

/* Write mutex held. Pages that nobody has written yet still read as zeros. */
static cloudabi_errno_t allocate_pages(struct memobj *object, uint64_t offset, uint64_t end)
{
    cloudabi_errno_t error = 0;
    for (uint64_t index = offset >> PAGE_SHIFT; error == 0 && index << PAGE_SHIFT < end; index++) {
        struct page_ref page;
        error = memobj_page_write(object, index, &page);
        if (error == 0)
            page_release(&page);
        if (index % BATCH == 0) {
            sched_point();
            if (error == 0 && thread_killed(thread_self()))
                error = CLOUDABI_EINTR;
        }
    }
    if (error == 0 && end > object->size) {
        memobj_zero_tail(object, object->size);
        memobj_set_size(object, end);
    }
    return error;
}

static cloudabi_errno_t allocate_locked(struct memobj *object, uint64_t offset, uint64_t end)
{
    uint64_t old = object->size;
    cloudabi_errno_t error = object->paging != NULL ? paging_allocate(object, offset, end)
                                                    : allocate_pages(object, offset, end);
    if (error != 0 && object->paging != NULL)
        resize_locked(object, old); /* also takes back what was promised behind it */
    if (object->size > old)
        object->mtime = object->ctime = memobj_now();
    return error == CLOUDABI_ENOMEM ? CLOUDABI_ENOSPC : error; /* as writing says it */
}

cloudabi_errno_t memobj_allocate(struct memobj *object, uint64_t offset, uint64_t length)
{
    if (length == 0)
        return CLOUDABI_EINVAL;
    if (offset > MEMOBJ_SIZE_MAX || length > MEMOBJ_SIZE_MAX - offset)
        return CLOUDABI_EFBIG;
    /* Refuse at once what the budget can not hold, instead of after having used it up. */
    if (object->paging == NULL && length / PAGE_SIZE > frame_free_count())
        return CLOUDABI_ENOSPC;
    cloudabi_errno_t error = mutex_lock_killable(&object->write);
    if (error != 0)
        return error;
    error = object->borrowed ? CLOUDABI_EINVAL : 0;
    if (error == 0 && object->fixed && offset + length > object->size)
        error = CLOUDABI_EFBIG;
    if (error == 0)
        error = allocate_locked(object, offset, offset + length);
    mutex_unlock(&object->write);
    return error;
}

void memobj_trim(struct memobj *object)
{
    drop_pages(object, (object->size + PAGE_SIZE - 1) >> PAGE_SHIFT, UINT64_MAX);
}

void memobj_revoke(struct memobj *object, cloudabi_errno_t error)
{
    spinlock_lock(&object->lock);
    if (object->revoked == 0)
        object->revoked = error;
    spinlock_unlock(&object->lock);
    vmspace_unmap_object(object, 0, UINT64_MAX, true);
    drop_pages(object, 0, UINT64_MAX);
    if (object->paging != NULL)
        paging_forget(object);
}

/* The second time for those who have mapped a page again before it was dropped. */
void memobj_discard(struct memobj *object, uint64_t first, uint64_t end)
{
    vmspace_unmap_object(object, first, end, false);
    drop_pages(object, first, end);
    vmspace_unmap_object(object, first, end, false);
}
