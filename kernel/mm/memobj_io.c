/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File data: read and write on an object's pages, through the direct map.
 *
 * A read holds one page's frame and no lock while it copies, so it may fault.  A write holds the write mutex
 * and copies with faults off; where the user's page is missing it drops the mutex, brings the page in and
 * goes on.  Up to 64 KiB are written under one hold of the mutex, so that much of an append is
 * in one piece.
 */
#include "kernel/lib/string.h"
#include "kernel/mm/memobj_paging.h"
#include "kernel/mm/user.h"
#include "kernel/sched/sched.h"

#define PIECE     65536ul
#define RUN_PAGES 8u

static uint64_t size_of(const struct memobj *object)
{
    return __atomic_load_n(&object->size, __ATOMIC_ACQUIRE);
}

static size_t min_size(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* --- pages for copying ------------------------------------------------------------------------ */

/* The reference keeps DMA memory in place if it is revoked while the caller copies. */
static cloudabi_errno_t borrowed_page(struct memobj *object, uint64_t index, struct page_ref *page)
{
    paddr_t pa = object->physical + (index << PAGE_SHIFT);
    if (object->cache_flags != 0) /* device registers: to be mapped, not copied */
        return CLOUDABI_EINVAL;
    spinlock_lock(&object->lock);
    cloudabi_errno_t error = object->revoked;
    *page = (struct page_ref){.data = arch_direct(pa), .frame = frame_of(pa)};
    if (error == 0 && page->frame != NULL)
        frame_get(page->frame);
    spinlock_unlock(&object->lock);
    return error;
}

cloudabi_errno_t memobj_page_read(struct memobj *object, uint64_t index, struct page_ref *page)
{
    if (object->borrowed)
        return borrowed_page(object, index, page);
    *page = (struct page_ref){0};
    spinlock_lock(&object->lock);
    cloudabi_errno_t error = object->revoked;
    struct frame *frame = radix_find(&object->pages, index);
    if (frame != NULL && frame->state != PAGE_FILLING) {
        frame_get(frame);
        frame->accessed = true;
        page->frame = frame;
    }
    spinlock_unlock(&object->lock);
    if (page->frame == NULL && error == 0 && object->paging != NULL) {
        error = paging_page(object, index, false, false, &page->frame);
        if (error == CLOUDABI_EFAULT) /* the file has just been cut */
            error = 0;
    }
    if (error != 0) {
        page_release(page);
        return error;
    }
    if (page->frame != NULL)
        page->data = frame_data(page->frame);
    return 0;
}

cloudabi_errno_t memobj_page_write(struct memobj *object, uint64_t index, struct page_ref *page)
{
    if (object->borrowed)
        return borrowed_page(object, index, page);
    *page = (struct page_ref){0};
    cloudabi_errno_t error = memobj_page_any(object, index, true, &page->frame);
    if (error == CLOUDABI_ENOMEM)
        return CLOUDABI_ENOSPC; /* memory is what such a file is kept in */
    if (error == 0)
        page->data = frame_data(page->frame);
    return error;
}

/* --- read ------------------------------------------------------------------------------------- */

/* How many bytes from OFFSET on lie in its page and in the file, at most WANTED. */
static size_t readable(const struct memobj *object, uint64_t offset, size_t wanted)
{
    uint64_t size = size_of(object);
    if (offset >= size)
        return 0;
    return min_size(min_size(wanted, size - offset), PAGE_SIZE - (offset & (PAGE_SIZE - 1)));
}

/* Between pieces: a transfer of gigabytes may neither keep the CPU nor survive a kill. */
static cloudabi_errno_t let_others(void)
{
    sched_point();
    return thread_killed(thread_self()) ? CLOUDABI_EINTR : 0;
}

static void accessed(struct memobj *object)
{
    /* As with relatime: enough to tell whether a file was read since it was written. */
    if (object->atime <= object->mtime)
        object->atime = memobj_now();
}

/* Pages that are here, taken several under one hold of the lock. */
struct page_run {
    unsigned used, count;
    struct frame *frame[RUN_PAGES]; /* referenced from `used` on */
};

/* Those of LEN bytes from OFFSET on, up to the first that is not here. */
static void run_take(struct page_run *run, struct memobj *object, uint64_t offset, size_t len)
{
    size_t most = (offset % PAGE_SIZE + len + PAGE_SIZE - 1) >> PAGE_SHIFT, there;
    run->used = run->count = 0;
    if (object->borrowed)
        return;
    spinlock_lock(&object->lock);
    void *const *slot = radix_slots(&object->pages, offset >> PAGE_SHIFT, &there);
    if (slot == NULL || object->revoked != 0)
        most = 0;
    most = min_size(min_size(most, there), RUN_PAGES);
    for (; run->count < most; run->count++) {
        struct frame *frame = slot[run->count];
        if (frame == NULL || frame->state == PAGE_FILLING)
            break;
        frame_get(frame);
        frame->accessed = true;
        run->frame[run->count] = frame;
    }
    spinlock_unlock(&object->lock);
}

static void run_release(struct page_run *run)
{
    while (run->used < run->count)
        frame_put(run->frame[run->used++]);
}

/* The page of OFFSET, for reading on from there. */
static inline cloudabi_errno_t run_page(struct page_run *run, struct memobj *object,
                                        uint64_t offset, size_t left, struct page_ref *page)
{
    if (run->used == run->count)
        run_take(run, object, offset, left);
    if (run->count == 0)
        return memobj_page_read(object, offset >> PAGE_SHIFT, page);
    page->frame = run->frame[run->used++];
    page->data = frame_data(page->frame);
    return 0;
}

cloudabi_errno_t memobj_read(struct memobj *object, const struct user_vec *to, uint64_t offset,
                             size_t *done)
{
    struct page_run run;
    cloudabi_errno_t error = 0;
    size_t len;
    run.used = run.count = 0;
    for (*done = 0; (len = readable(object, offset, to->total - *done)) != 0;
         *done += len, offset += len) {
        struct page_ref page;
        error = run_page(&run, object, offset, to->total - *done, &page);
        if (error != 0)
            break;
        if (page.data != NULL)
            error = user_vec_write(to, *done, page.data + (offset & (PAGE_SIZE - 1)), len);
        else
            error = user_vec_zero(to, *done, len);
        page_release(&page);
        if (error == 0 && (offset / PIECE) != ((offset + len) / PIECE)) {
            if (object->paging != NULL)
                paging_ahead(object, (offset + len) >> PAGE_SHIFT);
            error = let_others();
        }
        if (error != 0)
            break;
    }
    run_release(&run);
    if (*done == 0 && error == 0 && object->revoked != 0)
        error = object->revoked;
    accessed(object);
    return error;
}

cloudabi_errno_t memobj_read_kernel(struct memobj *object, void *to, size_t len, uint64_t offset,
                                    size_t *done)
{
    size_t n;
    for (*done = 0; (n = readable(object, offset, len - *done)) != 0; *done += n, offset += n) {
        struct page_ref page;
        cloudabi_errno_t error = memobj_page_read(object, offset >> PAGE_SHIFT, &page);
        if (error != 0)
            return error;
        if (page.data != NULL)
            memcpy((char *)to + *done, page.data + (offset & (PAGE_SIZE - 1)), n);
        else
            memset((char *)to + *done, 0, n);
        page_release(&page);
    }
    return 0;
}

/* --- write ------------------------------------------------------------------------------------ */

/* A frame for a page that is about to be written whole. NULL: try the usual way. */
static struct frame *fresh_frame(struct memobj *object, uint64_t index, cloudabi_errno_t *error)
{
    struct frame *frame = NULL;
    spinlock_lock(&object->lock);
    bool absent = object->revoked == 0 && radix_find(&object->pages, index) == NULL;
    spinlock_unlock(&object->lock);
    if (!absent)
        return NULL;
    if (object->paging == NULL) {
        frame = frame_alloc(object->job);
        *error = frame != NULL ? 0 : CLOUDABI_ENOMEM;
        return frame;
    }
    *error = paging_make_writable(object, index);
    if (*error == 0) {
        paging_make_room(object->paging->pool, 1);
        *error = paging_frame(object, &frame);
    }
    return *error == 0 ? frame : NULL;
}

/* Writes a page that is not there, all of it that lies in the file: what it was need not be known. False: that did
 * not do, and nothing is changed. */
static bool write_whole_page(struct memobj *object, const struct user_vec *from, size_t skip,
                             size_t len, uint64_t index, cloudabi_errno_t *error)
{
    struct frame *frame = fresh_frame(object, index, error);
    if (frame == NULL)
        return false;
    char *data = frame_data(frame);
    bool done = user_vec_read_nofault(from, skip, data, len) == len;
    if (done && len < PAGE_SIZE)
        memset(data + len, 0, PAGE_SIZE - len);
    if (done)
        done = memobj_insert(object, index, frame) == 0;
    if (!done)
        frame_put(frame);
    return done;
}

/* Copies to one page, with faults off: *COPIED may be less than LEN without an error. */
static cloudabi_errno_t write_page(struct memobj *object, const struct user_vec *from, size_t skip,
                                   size_t len, uint64_t offset, size_t *copied)
{
    struct page_ref page;
    cloudabi_errno_t error = 0;
    *copied = 0;
    if ((offset & (PAGE_SIZE - 1)) == 0 && !object->borrowed &&
        (len == PAGE_SIZE || offset + len >= object->size) &&
        write_whole_page(object, from, skip, len, offset >> PAGE_SHIFT, &error)) {
        *copied = len;
        return 0;
    }
    if (error == 0)
        error = memobj_page_write(object, offset >> PAGE_SHIFT, &page);
    if (error != 0)
        return error == CLOUDABI_ENOMEM ? CLOUDABI_ENOSPC : error;
    *copied = user_vec_read_nofault(from, skip, page.data + (offset & (PAGE_SIZE - 1)), len);
    memobj_page_written(object, &page);
    page_release(&page);
    return 0;
}

/* One piece under the write mutex. *MOVED may be less than LEN without an error, as above. */
static cloudabi_errno_t write_piece(struct memobj *object, const struct user_vec *from, size_t skip,
                                    size_t len, uint64_t offset, size_t *moved)
{
    cloudabi_errno_t error = 0;
    uint64_t old = size_of(object);
    *moved = 0;
    if (offset > old && (error = memobj_zero_tail(object, old)) != 0)
        return error;
    bool grows = object->paging != NULL && offset + len > old;
    if (grows)
        paging_set_growing(object, true);
    while (*moved < len) {
        uint64_t at = offset + *moved;
        size_t n = min_size(len - *moved, PAGE_SIZE - (at & (PAGE_SIZE - 1))), copied;
        error = write_page(object, from, skip + *moved, n, at, &copied);
        *moved += copied;
        if (copied < n)
            break;
    }
    if (*moved > 0) {
        memobj_set_size(object, offset + *moved > old ? offset + *moved : old);
        object->mtime = object->ctime = memobj_now();
    }
    if (grows) {
        if (*moved < len)
            memobj_trim(object);
        paging_set_growing(object, false);
    }
    return error;
}

/* How much of LEN may be written at OFFSET. */
static cloudabi_errno_t writable(const struct memobj *object, uint64_t offset, size_t *len)
{
    uint64_t limit = object->borrowed || object->fixed ? size_of(object) : MEMOBJ_SIZE_MAX;
    if (*len > 0 && offset >= limit)
        return CLOUDABI_EFBIG;
    *len = min_size(*len, limit - offset);
    return 0;
}

cloudabi_errno_t memobj_write(struct memobj *object, const struct user_vec *from, uint64_t *offset,
                              bool append, size_t *done)
{
    cloudabi_errno_t error = 0;
    bool short_copy = append; /* then the pages are brought in first, to append in one piece */
    unsigned tries = 0;       /* without progress: another thread takes the pages away again */
    uint64_t at = *offset;
    for (*done = 0; error == 0 && *done < from->total;) {
        size_t len = min_size(from->total - *done, PIECE), moved = 0;
        if (short_copy && (error = user_vec_touch(from, *done, len, false)) != 0)
            break;
        if ((error = mutex_lock_killable(&object->write)) != 0)
            break;
        if (append)
            at = size_of(object);
        if (*done == 0)
            *offset = at;
        error = writable(object, at, &len);
        if (error == 0)
            error = write_piece(object, from, *done, len, at, &moved);
        mutex_unlock(&object->write);
        short_copy = append || moved < len;
        tries = moved > 0 ? 0 : tries + 1;
        if (error == 0 && tries > 64)
            error = CLOUDABI_EFAULT;
        *done += moved;
        at += moved;
        if (error == 0 && *done < from->total)
            error = let_others();
    }
    return error;
}
