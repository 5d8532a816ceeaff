/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regular files and shared memory over a memory object: positions, flags and attributes.  The object moves the
 * bytes and has the size.
 *
 * The position is claimed before the transfer and corrected after a short one, so that no lock is held while
 * bytes move (that may wait for a pager), and yet threads and processes which share an open file get, and
 * write, different bytes.  So `position` is atomic here, and position_lock is not used.
 */
#include "kernel/fd/memfile.h"

#include "kernel/mm/transfer.h"
#include "kernel/proc/process.h"

static inline struct memobj *object_of(const struct file *file)
{
    return file->data;
}

static inline uint64_t object_size(const struct memobj *object)
{
    return __atomic_load_n(&object->size, __ATOMIC_ACQUIRE);
}

static inline cloudabi_fdflags_t flags_of(const struct file *file)
{
    return atomic_load_explicit(&file->flags, memory_order_relaxed);
}

/* --- the position ----------------------------------------------------------------------------- */

static inline uint64_t position_get(const struct file *file)
{
    return __atomic_load_n(&file->position, __ATOMIC_RELAXED);
}

static inline bool position_change(struct file *file, uint64_t *from, uint64_t to)
{
    return __atomic_compare_exchange_n(&file->position, from, to, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

static uint64_t position_claim_write(struct file *file, size_t len)
{
    uint64_t at = position_get(file);
    while (!position_change(file, &at, len <= (uint64_t)INT64_MAX - at ? at + len : at))
        ;
    return at;
}

static uint64_t position_claim_read(struct file *file, size_t len, size_t *claimed)
{
    uint64_t at = position_get(file);
    do {
        uint64_t size = object_size(object_of(file));
        uint64_t rest = at < size ? size - at : 0;
        *claimed = len < rest ? len : (size_t)rest;
    } while (!position_change(file, &at, at + *claimed));
    return at;
}

/* DONE bytes were moved at AT, though LEN were claimed. */
static void position_settle(struct file *file, uint64_t at, size_t claimed, size_t done)
{
    uint64_t expected = at + claimed;
    if (done != claimed)
        position_change(file, &expected, at + done);
}

/* --- transfers -------------------------------------------------------------------------------- */

cloudabi_errno_t memfile_read(struct file *file, const struct user_vec *to, const uint64_t *offset,
                              size_t *done)
{
    cloudabi_errno_t error;
    if (offset != NULL) {
        error = memobj_read(object_of(file), to, *offset, done);
    } else {
        size_t claimed;
        uint64_t at = position_claim_read(file, to->total, &claimed);
        error = memobj_read(object_of(file), to, at, done);
        position_settle(file, at, claimed, *done);
    }
    return *done > 0 ? 0 : error;
}

static cloudabi_errno_t append(struct file *file, const struct user_vec *from, uint64_t *at,
                               size_t *done)
{
    cloudabi_errno_t error = memobj_write(object_of(file), from, at, true, done);
    if (*done > 0)
        __atomic_store_n(&file->position, *at + *done, __ATOMIC_RELAXED);
    return error;
}

static cloudabi_errno_t write_at_position(struct file *file, const struct user_vec *from,
                                          uint64_t *at, size_t *done)
{
    uint64_t claimed = *at = position_claim_write(file, from->total);
    cloudabi_errno_t error = memobj_write(object_of(file), from, at, false, done);
    position_settle(file, claimed, from->total, *done);
    return error;
}

/* What was written in [START, END) is to last when this returns; an earlier error is reported, too, once. */
static cloudabi_errno_t sync_range(struct file *file, uint64_t start, uint64_t end, bool data_only)
{
    struct memobj *object = object_of(file);
    cloudabi_errno_t error = memobj_flush(object, start, end);
    cloudabi_errno_t noted = memobj_error(object, &file->error_seen);
    if (error == 0)
        error = noted;
    return error != 0 ? error : memobj_sync(object, data_only);
}

cloudabi_errno_t memfile_write(struct file *file, const struct user_vec *from,
                               const uint64_t *offset, size_t *done)
{
    cloudabi_fdflags_t flags = flags_of(file);
    cloudabi_errno_t error;
    uint64_t at = 0;
    if (offset != NULL) {
        at = *offset;
        error = memobj_write(object_of(file), from, &at, false, done);
    } else if (flags & CLOUDABI_FDFLAG_APPEND) {
        error = append(file, from, &at, done);
    } else {
        error = write_at_position(file, from, &at, done);
    }
    if (*done == 0)
        return error;
    if (object_of(file)->paging != NULL && (flags & (CLOUDABI_FDFLAG_SYNC | CLOUDABI_FDFLAG_DSYNC)))
        return sync_range(file, at, at + *done, !(flags & CLOUDABI_FDFLAG_SYNC));
    return 0;
}

cloudabi_errno_t memfile_seek(struct file *file, int64_t delta, cloudabi_whence_t whence,
                              uint64_t *position)
{
    uint64_t at = position_get(file);
    for (;;) {
        int64_t base = 0, result;
        if (whence == CLOUDABI_WHENCE_CUR)
            base = (int64_t)at;
        else if (whence == CLOUDABI_WHENCE_END)
            base = (int64_t)object_size(object_of(file));
        if (__builtin_add_overflow(base, delta, &result))
            return CLOUDABI_EOVERFLOW;
        if (result < 0)
            return CLOUDABI_EINVAL;
        *position = (uint64_t)result;
        if (position_change(file, &at, *position))
            return 0;
    }
}

/* --- attributes ------------------------------------------------------------------------------- */

cloudabi_errno_t memfile_sync(struct file *file, bool data_only)
{
    /* Without a pager it is kept in memory, where it is already. */
    return object_of(file)->paging != NULL ? sync_range(file, 0, UINT64_MAX, data_only) : 0;
}

cloudabi_errno_t memfile_stat(struct file *file, cloudabi_filestat_t *out)
{
    struct memobj *object = object_of(file);
    mutex_lock(&object->write);
    *out = (cloudabi_filestat_t){
        .st_filetype = file->type,
        .st_nlink = 1,
        .st_size = object->size,
        .st_atim = object->atime,
        .st_mtim = object->mtime,
        .st_ctim = object->ctime,
    };
    mutex_unlock(&object->write);
    return 0;
}

static void times_put(struct memobj *object, const cloudabi_filestat_t *in, cloudabi_fsflags_t mask)
{
    uint64_t now = arch_clock_realtime();
    mutex_lock(&object->write);
    if (mask & (CLOUDABI_FILESTAT_ATIM | CLOUDABI_FILESTAT_ATIM_NOW))
        object->atime = mask & CLOUDABI_FILESTAT_ATIM ? in->st_atim : now;
    if (mask & (CLOUDABI_FILESTAT_MTIM | CLOUDABI_FILESTAT_MTIM_NOW))
        object->mtime = mask & CLOUDABI_FILESTAT_MTIM ? in->st_mtim : now;
    object->ctime = now;
    mutex_unlock(&object->write);
}

cloudabi_errno_t memfile_stat_put(struct file *file, const cloudabi_filestat_t *in,
                                  cloudabi_fsflags_t mask)
{
    if (mask & CLOUDABI_FILESTAT_SIZE)
        return memobj_resize(object_of(file), in->st_size);
    times_put(object_of(file), in, mask);
    return 0;
}

cloudabi_errno_t memfile_allocate(struct file *file, uint64_t offset, uint64_t length)
{
    return memobj_allocate(object_of(file), offset, length);
}

cloudabi_errno_t memfile_advise(struct file *file, uint64_t offset, uint64_t length,
                                cloudabi_advice_t advice)
{
    uint64_t end = length != 0 && length <= UINT64_MAX - offset ? offset + length : UINT64_MAX;
    if (object_of(file)->paging == NULL) /* it has nothing to give back or to fetch */
        return 0;
    if (advice == CLOUDABI_ADVICE_DONTNEED)
        memobj_drop_clean(object_of(file), offset, end);
    else if (advice == CLOUDABI_ADVICE_WILLNEED)
        memobj_will_need(object_of(file), offset, end);
    return 0;
}

cloudabi_errno_t memfile_map(struct file *file, uint64_t offset, uint64_t length, bool shared,
                             struct memobj **object, uint64_t *object_offset, bool *no_fork)
{
    (void)length, (void)shared;
    if (object_of(file)->revoked != 0)
        return object_of(file)->revoked;
    /* A service must not have to wait for a pager, which might wait for it, when it touches its memory. */
    if (object_of(file)->paging != NULL && process_self()->ports_served != NULL)
        return CLOUDABI_ENOTSUP;
    *object = memobj_get(object_of(file));
    *object_offset = offset;
    *no_fork = false;
    return 0;
}

cloudabi_errno_t memfile_transfer(struct file *file, bool write, uint64_t offset,
                                  struct transfer *transfer)
{
    cloudabi_errno_t error = memobj_transfer(object_of(file), write, offset, transfer);
    transfer_destroy(transfer);
    return error;
}

/* --- life ------------------------------------------------------------------------------------- */

cloudabi_errno_t memfile_set_writer(struct file *file)
{
    if (file->write_open)
        return 0;
    cloudabi_errno_t error = memobj_writer_get(object_of(file));
    if (error == 0)
        file->write_open = true;
    return error;
}

void memfile_close(struct file *file)
{
    if (file->write_open)
        memobj_writer_put(object_of(file));
    memobj_put(object_of(file));
}

static const struct file_ops memfile_ops = {
    .close = memfile_close,
    .read = memfile_read,
    .write = memfile_write,
    .seek = memfile_seek,
    .sync = memfile_sync,
    .stat = memfile_stat,
    .stat_put = memfile_stat_put,
    .allocate = memfile_allocate,
    .advise = memfile_advise,
    .map = memfile_map,
    .transfer = memfile_transfer,
};

struct file *memfile_create(struct job *job, cloudabi_filetype_t type, struct memobj *object,
                            cloudabi_fdflags_t flags)
{
    return file_create(job, type, &memfile_ops, flags, object);
}
