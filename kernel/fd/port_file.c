/* SPDX-License-Identifier: BSD-2-Clause */
/* Open files over a port's nodes: paged ones (data in a memory object) and synthetic ones (a request per call). */
#include "kernel/fd/memfile.h"
#include "kernel/fd/port_priv.h"

/* --- paged files ------------------------------------------------------------------------------ */

static void stat_overlay(struct memobj *object, cloudabi_filestat_t *stat)
{
    stat->st_size = __atomic_load_n(&object->size, __ATOMIC_RELAXED);
    stat->st_atim = object->atime;
    stat->st_mtim = object->mtime;
    if (object->ctime > stat->st_ctim)
        stat->st_ctim = object->ctime;
}

/* The object that is in use for node ID: referenced, or NULL. */
static struct memobj *object_in_use(struct port *port, uint64_t id)
{
    struct port_node *node = id != 0 ? port_node_find(port, id) : NULL;
    if (node == NULL)
        return NULL;
    struct memobj *object = port_node_object_get(node);
    port_node_put(node);
    return object;
}

void port_stat_overlay(struct port *port, uint64_t id, cloudabi_filestat_t *stat)
{
    struct memobj *object = object_in_use(port, id);
    if (object == NULL)
        return;
    stat_overlay(object, stat);
    memobj_put(object);
}

void port_times_set(struct port *port, uint64_t id, const struct port_attr *attr)
{
    struct memobj *object = object_in_use(port, id);
    if (object == NULL)
        return;
    if (mutex_lock_killable(&object->write) == 0) {
        object->atime = attr->atim;
        object->mtime = attr->mtim;
        mutex_unlock(&object->write);
    }
    memobj_put(object);
}

static cloudabi_errno_t paged_stat(struct file *file, cloudabi_filestat_t *out)
{
    cloudabi_errno_t error = port_node_stat(file->backing, out);
    if (error == 0)
        stat_overlay(file->data, out);
    return error;
}

static cloudabi_errno_t paged_sync(struct file *file, bool data_only)
{
    const struct memobj *object = file->data;
    if (object->fixed && object->paging == NULL) /* a RAM disk: it is where it will ever be */
        return object->revoked;
    cloudabi_errno_t error = memfile_sync(file, data_only);
    if (error != 0 || object->paging != NULL ||
        object->fixed) /* a RAM disk has nowhere else to go */
        return error;
    return port_node_sync(file->backing, data_only);
}

/* A pager is told of times that are set: nothing may ever be written that would tell it later. */
static cloudabi_errno_t paged_stat_put(struct file *file, const cloudabi_filestat_t *in,
                                       cloudabi_fsflags_t mask)
{
    const struct memobj *object = file->data;
    cloudabi_errno_t error = memfile_stat_put(file, in, mask);
    if (error != 0 || object->paging == NULL || (mask & CLOUDABI_FILESTAT_SIZE) != 0)
        return error;
    cloudabi_filestat_t times = {.st_atim = object->atime, .st_mtim = object->mtime};
    if (mask & (CLOUDABI_FILESTAT_ATIM | CLOUDABI_FILESTAT_ATIM_NOW))
        mask = (mask & ~CLOUDABI_FILESTAT_ATIM_NOW) | CLOUDABI_FILESTAT_ATIM;
    if (mask & (CLOUDABI_FILESTAT_MTIM | CLOUDABI_FILESTAT_MTIM_NOW))
        mask = (mask & ~CLOUDABI_FILESTAT_MTIM_NOW) | CLOUDABI_FILESTAT_MTIM;
    return port_node_stat_put(file->backing, &times, mask);
}

static void paged_close(struct file *file)
{
    struct port_node *node = file->backing;
    memfile_close(file);
    if (__atomic_load_n(&node->unlinked, __ATOMIC_RELAXED))
        port_pager_drop(node);
    port_node_put(node);
}

static const struct file_ops paged_ops = {
    .close = paged_close,
    .read = memfile_read,
    .write = memfile_write,
    .seek = memfile_seek,
    .sync = paged_sync,
    .stat = paged_stat,
    .stat_put = paged_stat_put,
    .allocate = memfile_allocate,
    .advise = memfile_advise,
    .map = memfile_map,
    .transfer = memfile_transfer,
};

cloudabi_errno_t port_paged_create(struct job *job, struct port_node *node, struct memobj *object,
                                   cloudabi_filetype_t type, cloudabi_fdflags_t flags, bool write,
                                   struct file **out)
{
    struct file *file = file_create(job, type, &paged_ops, flags, object);
    if (file == NULL)
        return CLOUDABI_ENOMEM;
    file->backing = node;
    memobj_error(object, &file->error_seen); /* what failed before is not its business */
    cloudabi_errno_t error = write ? memfile_set_writer(file) : 0;
    if (error != 0) {
        memobj_get(object); /* the caller keeps both references on failure */
        port_node_get(node);
        file_put(file);
        return error;
    }
    *out = file;
    return 0;
}

/* --- synthetic files -------------------------------------------------------------------------- */

static bool is_seekable(const struct file *file)
{
    return file->type == CLOUDABI_FILETYPE_REGULAR_FILE ||
           file->type == CLOUDABI_FILETYPE_BLOCK_DEVICE;
}

/* Where this call reads or writes; devices have no position. */
static uint64_t synthetic_offset(struct file *file, const uint64_t *offset)
{
    if (offset != NULL)
        return *offset;
    return is_seekable(file) ? __atomic_load_n(&file->position, __ATOMIC_RELAXED) : 0;
}

static void synthetic_advance(struct file *file, const uint64_t *offset, size_t done)
{
    if (offset == NULL && is_seekable(file))
        __atomic_fetch_add(&file->position, done, __ATOMIC_RELAXED);
}

static cloudabi_errno_t synthetic_read(struct file *file, const struct user_vec *to,
                                       const uint64_t *offset, size_t *done)
{
    struct port_call call;
    *done = 0;
    cloudabi_errno_t error = port_node_call(file->data, PORT_READ, &call);
    if (error != 0)
        return error;
    size_t len = to->total < PORT_PAYLOAD ? to->total : PORT_PAYLOAD;
    call.request.a = synthetic_offset(file, offset);
    call.request.len = (uint32_t)len;
    call.request.fdflags = file->flags;
    error = port_call_run(&call);
    if (error == 0 && call.reply->len > len)
        error = CLOUDABI_EIO;
    if (error == 0)
        error = port_call_take_user(&call, 0, to, 0, call.reply->len);
    if (error == 0) {
        *done = call.reply->len;
        synthetic_advance(file, offset, *done);
    }
    port_call_end(&call);
    return error;
}

static cloudabi_errno_t synthetic_write(struct file *file, const struct user_vec *from,
                                        const uint64_t *offset, size_t *done)
{
    struct port_call call;
    *done = 0;
    cloudabi_errno_t error = port_node_call(file->data, PORT_WRITE, &call);
    if (error != 0)
        return error;
    size_t len = from->total < PORT_PAYLOAD ? from->total : PORT_PAYLOAD;
    call.request.a = synthetic_offset(file, offset);
    call.request.len = (uint32_t)len;
    call.request.fdflags = file->flags;
    call.request.time = arch_clock_realtime();
    error = port_call_put_user(&call, 0, from, 0, len);
    if (error == 0)
        error = port_call_run(&call);
    if (error == 0 && call.reply->len > len)
        error = CLOUDABI_EIO;
    if (error == 0) {
        *done = call.reply->len;
        synthetic_advance(file, offset, *done);
    }
    port_call_end(&call);
    return error;
}

static cloudabi_errno_t synthetic_seek(struct file *file, int64_t delta, cloudabi_whence_t whence,
                                       uint64_t *position)
{
    if (!is_seekable(file))
        return CLOUDABI_ESPIPE;
    uint64_t base = whence == CLOUDABI_WHENCE_CUR ? file->position : 0;
    if (whence == CLOUDABI_WHENCE_END) {
        cloudabi_filestat_t stat;
        cloudabi_errno_t error = port_node_stat(file->data, &stat);
        if (error != 0)
            return error;
        base = stat.st_size;
    }
    int64_t target;
    if (__builtin_add_overflow(base, delta, &target))
        return CLOUDABI_EOVERFLOW;
    if (target < 0)
        return CLOUDABI_EINVAL;
    file->position = *position = (uint64_t)target;
    return 0;
}

static cloudabi_errno_t synthetic_stat(struct file *file, cloudabi_filestat_t *out)
{
    return port_node_stat(file->data, out);
}

static cloudabi_errno_t synthetic_stat_put(struct file *file, const cloudabi_filestat_t *in,
                                           cloudabi_fsflags_t mask)
{
    if (file->type == CLOUDABI_FILETYPE_BLOCK_DEVICE && (mask & CLOUDABI_FILESTAT_SIZE) != 0)
        return CLOUDABI_EINVAL;
    return port_node_stat_put(file->data, in, mask);
}

static cloudabi_errno_t synthetic_sync(struct file *file, bool data_only)
{
    return port_node_sync(file->data, data_only);
}

static void synthetic_poll(struct file *file, bool write, struct waiter *waiter,
                           struct poll_state *state)
{
    struct port_node *node = file->data;
    if (waiter != NULL)
        waitq_add(&node->waiters, waiter);
    uint32_t ready = __atomic_load_n(&node->ready, __ATOMIC_ACQUIRE);
    if (__atomic_load_n(&node->dead, __ATOMIC_ACQUIRE)) {
        state->error = CLOUDABI_EIO;
        state->ready = true;
        return;
    }
    state->ready = (ready & (write ? PORT_EVENT_WRITE : PORT_EVENT_READ)) != 0;
    if ((ready & PORT_EVENT_HANGUP) != 0) {
        state->flags = CLOUDABI_EVENT_FD_READWRITE_HANGUP;
        state->ready = true;
    }
}

static void synthetic_close(struct file *file)
{
    port_node_put(file->data);
}

static const struct file_ops synthetic_ops = {
    .close = synthetic_close,
    .read = synthetic_read,
    .write = synthetic_write,
    .seek = synthetic_seek,
    .sync = synthetic_sync,
    .stat = synthetic_stat,
    .stat_put = synthetic_stat_put,
    .poll = synthetic_poll,
};

static const struct file_ops block_ops = {
    .close = synthetic_close,
    .read = port_block_read,
    .write = port_block_write,
    .seek = synthetic_seek,
    .sync = synthetic_sync,
    .stat = synthetic_stat,
    .stat_put = synthetic_stat_put,
    .poll = synthetic_poll,
    .transfer = port_block_transfer,
};

cloudabi_errno_t port_synthetic_create(struct job *job, struct port_node *node,
                                       cloudabi_filetype_t type, cloudabi_fdflags_t flags,
                                       struct file **out)
{
    bool block = type == CLOUDABI_FILETYPE_BLOCK_DEVICE;
    *out = file_create(job, type, block ? &block_ops : &synthetic_ops, flags, node);
    return *out != NULL ? 0 : CLOUDABI_ENOMEM;
}
