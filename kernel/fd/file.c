/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open files: references, closing, and the defaults for functions that a type of file does not have.
 *
 * Closing does not nest.  A socket's close drops the descriptors that wait in it, whose close may drop more:
 * a program can build such a chain as long as it likes, and the kernel's stack is short.  So the outermost
 * close of a thread keeps a list, and whatever dies inside it is closed after it.
 */
#include "kernel/fd/file.h"

#include "kernel/fd/pass.h"
#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"
#include "kernel/mm/transfer.h"
#include "kernel/sched/thread.h"

struct closing {
    struct file *first;
};

static struct slab_cache file_cache = SLAB_CACHE(file_cache, struct file, OBJECT_FILE);

struct file *file_create(struct job *job, cloudabi_filetype_t type, const struct file_ops *ops,
                         cloudabi_fdflags_t flags, void *data)
{
    struct file *file = slab_alloc_unset(&file_cache, job);
    if (file == NULL)
        return NULL;
    *file = (struct file){
        .references = 1,
        .type = type,
        .flags = flags,
        .ops = ops,
        .data = data,
        .job = job_get(job),
    };
    mutex_init(&file->position_lock);
    return file;
}

static void file_close(struct file *file)
{
    struct job *job = file->job;
    if (file->ops->close != NULL)
        file->ops->close(file);
    slab_free(&file_cache, file);
    job_put(job);
}

static void closing_run(struct closing *closing)
{
    do {
        struct file *file;
        while ((file = closing->first) != NULL) {
            closing->first = file->closing_next;
            file_close(file);
        }
        pass_collect(); /* may add to the list */
    } while (closing->first != NULL);
}

/* LEFT is 0: the file ends. Else a socket of which only messages hold references, perhaps: touched no more. */
__attribute__((preserve_most, noinline)) void file_put_slow(struct file *file, uint32_t left)
{
    struct thread *self = thread_self();
    struct closing mine = {NULL};
    struct closing *closing = self->closing != NULL ? self->closing : &mine;
    if (left == 0) {
        file->closing_next = closing->first;
        closing->first = file;
    } else {
        pass_suspect();
    }
    if (closing != &mine)
        return;
    self->closing = &mine;
    closing_run(&mine);
    self->closing = NULL;
}

cloudabi_errno_t file_seek(struct file *file, int64_t delta, cloudabi_whence_t whence,
                           uint64_t *position)
{
    return file->ops->seek == NULL ? CLOUDABI_ESPIPE
                                   : file->ops->seek(file, delta, whence, position);
}

cloudabi_errno_t file_sync(struct file *file, bool data_only)
{
    return file->ops->sync == NULL ? CLOUDABI_EINVAL : file->ops->sync(file, data_only);
}

cloudabi_errno_t file_stat(struct file *file, cloudabi_filestat_t *out)
{
    const size_t padding = offsetof(cloudabi_filestat_t, st_filetype) + sizeof(out->st_filetype);
    if (file->ops->stat == NULL)
        return CLOUDABI_EINVAL;
    cloudabi_errno_t error = file->ops->stat(file, out);
    /* An assignment of the whole leaves bytes of the kernel's stack there, and they go to the program. */
    memset((char *)out + padding, 0, offsetof(cloudabi_filestat_t, st_nlink) - padding);
    return error;
}

cloudabi_errno_t file_stat_put(struct file *file, const cloudabi_filestat_t *in,
                               cloudabi_fsflags_t mask)
{
    return file->ops->stat_put == NULL ? CLOUDABI_EINVAL : file->ops->stat_put(file, in, mask);
}

cloudabi_errno_t file_allocate(struct file *file, uint64_t offset, uint64_t length)
{
    return file->ops->allocate == NULL ? CLOUDABI_ENODEV
                                       : file->ops->allocate(file, offset, length);
}

cloudabi_errno_t file_advise(struct file *file, uint64_t offset, uint64_t length,
                             cloudabi_advice_t advice)
{
    return file->ops->advise == NULL ? CLOUDABI_ESPIPE
                                     : file->ops->advise(file, offset, length, advice);
}

cloudabi_errno_t file_readdir(struct file *file, user_addr_t buf, size_t len,
                              cloudabi_dircookie_t cookie, size_t *used)
{
    return file->ops->readdir == NULL ? CLOUDABI_ENOTDIR
                                      : file->ops->readdir(file, buf, len, cookie, used);
}

cloudabi_errno_t file_shutdown(struct file *file, cloudabi_sdflags_t how)
{
    return file->ops->shutdown == NULL ? CLOUDABI_ENOTSOCK : file->ops->shutdown(file, how);
}

cloudabi_errno_t file_map(struct file *file, uint64_t offset, uint64_t length, bool shared,
                          struct memobj **object, uint64_t *object_offset, bool *no_fork)
{
    if (file->ops->map == NULL)
        return CLOUDABI_ENODEV;
    *no_fork = false;
    return file->ops->map(file, offset, length, shared, object, object_offset, no_fork);
}

void file_poll(struct file *file, bool write, struct waiter *waiter, struct poll_state *state)
{
    *state = (struct poll_state){.ready = true};
    if (file->ops->poll != NULL) {
        state->ready = false;
        file->ops->poll(file, write, waiter, state);
    }
}

cloudabi_errno_t file_transfer(struct file *device, bool write, uint64_t offset,
                               struct transfer *transfer)
{
    if (device->ops->transfer != NULL)
        return device->ops->transfer(device, write, offset, transfer);
    transfer_destroy(transfer);
    return CLOUDABI_ENODEV;
}
