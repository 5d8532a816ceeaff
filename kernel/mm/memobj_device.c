/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A memory object as a device: RAM disks, and disks in files.  The bytes are copied in the thread that asks, page by
 * page, without a lock; who writes the same bytes at the same time gets either, as with a disk.
 */
#include "kernel/lib/string.h"
#include "kernel/mm/memobj_priv.h"
#include "kernel/mm/transfer.h"
#include "kernel/sched/sched.h"

static void copy(char *to, const char *from, size_t len)
{
    if (len == PAGE_SIZE)
        arch_page_copy(to, from);
    else
        memcpy(to, from, len);
}

/* LEN bytes within one page of the device at OFFSET. */
static cloudabi_errno_t move(struct memobj *object, bool write, uint64_t offset, char *data,
                             size_t len)
{
    struct page_ref page;
    size_t skip = offset & (PAGE_SIZE - 1);
    cloudabi_errno_t error = write ? memobj_page_write(object, offset >> PAGE_SHIFT, &page)
                                   : memobj_page_read(object, offset >> PAGE_SHIFT, &page);
    if (error != 0)
        return error;
    if (write)
        copy(page.data + skip, data, len);
    else if (page.data != NULL)
        copy(data, page.data + skip, len);
    else if (len == PAGE_SIZE)
        arch_page_zero(data);
    else
        memset(data, 0, len);
    if (write)
        memobj_page_written(object, &page);
    page_release(&page);
    return 0;
}

static cloudabi_errno_t move_piece(struct memobj *object, bool write, uint64_t offset,
                                   const struct transfer_piece *piece)
{
    char *data = (char *)frame_data(piece->frame) + piece->skip;
    cloudabi_errno_t error = 0;
    for (size_t done = 0, len; error == 0 && done < piece->len; done += len, offset += len) {
        size_t here = PAGE_SIZE - (offset & (PAGE_SIZE - 1));
        len = piece->len - done < here ? piece->len - done : here;
        error = move(object, write, offset, data + done, len);
    }
    return error;
}

#define RUN_PAGES 8u

/* References to those of COUNT pages from INDEX on that are there, up to a border of the tree; how many were looked
 * at. */
static unsigned take_pages(struct memobj *object, uint64_t index, unsigned count,
                           struct frame **frame)
{
    size_t there;
    spinlock_lock(&object->lock);
    void *const *slot = radix_slots(&object->pages, index, &there);
    unsigned n = slot == NULL ? 1 : count < there ? count : (unsigned)there;
    for (unsigned i = 0; i < n; i++) {
        frame[i] = slot != NULL ? slot[i] : NULL;
        if (frame[i] != NULL)
            frame_get(frame[i]);
    }
    spinlock_unlock(&object->lock);
    return n;
}

/* The usual read of a RAM disk: whole pages. What is not there is zeros. */
static cloudabi_errno_t read_pages(struct memobj *object, uint64_t index,
                                   const struct transfer *transfer)
{
    struct frame *frame[RUN_PAGES];
    for (unsigned done = 0, n; done < transfer->count; done += n) {
        unsigned left = transfer->count - done;
        n = take_pages(object, index + done, left < RUN_PAGES ? left : RUN_PAGES, frame);
        for (unsigned i = 0; i < n; i++) {
            void *to = frame_data(transfer->piece[done + i].frame);
            if (frame[i] == NULL) {
                arch_page_zero(to);
                continue;
            }
            arch_page_copy(to, frame_data(frame[i]));
            frame_put(frame[i]);
        }
    }
    return object->revoked;
}

cloudabi_errno_t memobj_transfer(struct memobj *object, bool write, uint64_t offset,
                                 const struct transfer *transfer)
{
    uint64_t size = __atomic_load_n(&object->size, __ATOMIC_ACQUIRE);
    uint64_t total = transfer_length(transfer);
    cloudabi_errno_t error = 0;
    if (offset > size || total > size - offset)
        return CLOUDABI_EIO;
    if (!write && object->paging == NULL && !object->borrowed && offset % PAGE_SIZE == 0 &&
        total == (uint64_t)transfer->count * PAGE_SIZE)
        return read_pages(object, offset >> PAGE_SHIFT, transfer);
    for (unsigned i = 0; i < transfer->count && error == 0; i++) {
        error = move_piece(object, write, offset, &transfer->piece[i]);
        offset += transfer->piece[i].len;
    }
    return error;
}
