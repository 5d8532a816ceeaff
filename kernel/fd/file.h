/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An open file: what descriptors refer to.  It has a type, flags, an offset and a table of functions.
 * References: each descriptor, each message in flight, each running call holds one; the last put calls
 * ops->close, which must not block on anybody outside the kernel.
 */
#ifndef KERNEL_FD_FILE_H
#define KERNEL_FD_FILE_H

#include "kernel/fd/rights.h"
#include "kernel/mm/memobj.h"
#include "kernel/mm/user.h"
#include "kernel/sync/waitq.h"

struct file;
struct job;
struct pass_queue;
struct transfer; /* kernel/mm/transfer.h */

/* What poll asks of a file. */
struct poll_state {
    uint64_t nbytes;               /* readable or writable now, if known */
    cloudabi_eventrwflags_t flags; /* HANGUP */
    cloudabi_errno_t error;        /* reported in the event */
    bool ready;
};

struct sock_message { /* kernel form of sock_send / sock_recv */
    const struct user_vec *data;
    struct file **files; /* descriptors to pass, or room for those received */
    struct rights *rights;
    size_t files_count;        /* in: given / room; out (recv): got */
    cloudabi_riflags_t flags;  /* recv */
    size_t length;             /* out: bytes moved */
    cloudabi_roflags_t result; /* recv, out */
};

/* A missing function gives the errno in the comment (one set of defaults, in file.c). */
struct dir_ops;

struct file_ops {
    void (*close)(struct file *file); /* last reference gone; free what file->data owns */
    /* OFFSET NULL: use and advance the file's own position; non-NULL: pread/pwrite. */
    cloudabi_errno_t (*read)(struct file *, const struct user_vec *, const uint64_t *offset,
                             size_t *done); /* EBADF */
    cloudabi_errno_t (*write)(struct file *, const struct user_vec *, const uint64_t *offset,
                              size_t *done); /* EBADF */
    cloudabi_errno_t (*seek)(struct file *, int64_t delta, cloudabi_whence_t whence,
                             uint64_t *position);                   /* ESPIPE */
    cloudabi_errno_t (*sync)(struct file *, bool data_only);        /* EINVAL */
    cloudabi_errno_t (*stat)(struct file *, cloudabi_filestat_t *); /* EINVAL */
    cloudabi_errno_t (*stat_put)(struct file *, const cloudabi_filestat_t *,
                                 cloudabi_fsflags_t);                              /* EINVAL */
    cloudabi_errno_t (*allocate)(struct file *, uint64_t offset, uint64_t length); /* ENODEV */
    cloudabi_errno_t (*advise)(struct file *, uint64_t offset, uint64_t length,
                               cloudabi_advice_t); /* ESPIPE */
    cloudabi_errno_t (*readdir)(struct file *, user_addr_t buf, size_t len, cloudabi_dircookie_t,
                                size_t *used);                       /* ENOTDIR */
    cloudabi_errno_t (*send)(struct file *, struct sock_message *);  /* ENOTSOCK */
    cloudabi_errno_t (*recv)(struct file *, struct sock_message *);  /* ENOTSOCK */
    cloudabi_errno_t (*shutdown)(struct file *, cloudabi_sdflags_t); /* ENOTSOCK */
    /* The object to map, referenced, and the address space rules: NO_FORK for a port ring. */
    cloudabi_errno_t (*map)(struct file *, uint64_t offset, uint64_t length, bool shared,
                            struct memobj **object, uint64_t *object_offset,
                            bool *no_fork); /* ENODEV */
    /* State for reading (or writing) now; if WAITER is not NULL, first add it where a change wakes it. */
    void (*poll)(struct file *, bool write, struct waiter *waiter,
                 struct poll_state *); /* always ready */
    /* Moves the pieces of TRANSFER to (WRITE) or from the bytes of a device at OFFSET; a pager's I/O. Takes over
     * TRANSFER, made by transfer_create(), with its references, whatever happens. May sleep, killably (EINTR:
     * the device may still be at it). No page of a device that is a file beyond its end is made. */
    cloudabi_errno_t (*transfer)(struct file *device, bool write, uint64_t offset,
                                 struct transfer *transfer); /* ENODEV */
    /* A claimed device: from now on the calling process gives it memory of others (STOP as of PORT_CMD_DMA); and
     * the end of that: it touches no memory any more when dma_end returns. */
    cloudabi_errno_t (*dma_begin)(struct file *, uint64_t stop); /* EINVAL */
    void (*dma_end)(struct file *);
    /* Directories: the names below (kernel/fd/namei.h). */
    const struct dir_ops *dir; /* ENOTDIR */
};

struct file {
    _Atomic uint32_t references;
    cloudabi_filetype_t type;         /* constant */
    _Atomic cloudabi_fdflags_t flags; /* APPEND, NONBLOCK, ... */
    const struct file_ops *ops;       /* constant */
    void *data;                       /* constant: the ops' own */
    void *backing; /* constant: a port's node behind a file's memory object, or NULL */
    struct mutex position_lock;
    uint64_t position; /* position_lock */
    struct job *job;   /* constant: who pays; referenced */
    bool write_open;   /* constant: opened with FD_WRITE (ETXTBSY and exec's EBADF) */
    uint32_t
        error_seen; /* write errors of its memory object that it has reported: memobj_error() */
    /* Sockets: where descriptors wait to be received from it (kernel/fd/pass.h). */
    struct pass_queue *inbox;   /* constant once created */
    _Atomic uint32_t in_flight; /* pass lock: messages that hold it, if it has an inbox */
    struct file *closing_next;  /* the closing thread's: file.c */
};

/* references = 1. Takes over DATA on success. NULL: no memory. */
struct file *file_create(struct job *job, cloudabi_filetype_t type, const struct file_ops *ops,
                         cloudabi_fdflags_t flags, void *data);
static inline struct file *file_get(struct file *file)
{
    atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
    return file;
}

/* The last reference closes the file. A close that drops further files does not nest: they follow after it.
 * No locks held. */
__attribute__((preserve_most)) void file_put_slow(struct file *file, uint32_t left);
static inline void file_put(struct file *file)
{
    uint32_t left = atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) - 1;
    /* Another thread may have freed the file by now, but objects of a slab stay readable, and what is read
     * too late at worst starts a needless search. */
    if (left <= atomic_load_explicit(&file->in_flight, memory_order_relaxed))
        file_put_slow(file, left);
}

/* The functions of the table, or their defaults. Those that most calls go through are here to be inlined. */
static inline cloudabi_errno_t file_read(struct file *file, const struct user_vec *to,
                                         const uint64_t *offset, size_t *done)
{
    if (file->ops->read == NULL)
        return file->type == CLOUDABI_FILETYPE_DIRECTORY ? CLOUDABI_EISDIR : CLOUDABI_EBADF;
    return file->ops->read(file, to, offset, done);
}
static inline cloudabi_errno_t file_write(struct file *file, const struct user_vec *from,
                                          const uint64_t *offset, size_t *done)
{
    if (file->ops->write == NULL)
        return file->type == CLOUDABI_FILETYPE_DIRECTORY ? CLOUDABI_EISDIR : CLOUDABI_EBADF;
    return file->ops->write(file, from, offset, done);
}
cloudabi_errno_t file_seek(struct file *file, int64_t delta, cloudabi_whence_t whence,
                           uint64_t *position);
cloudabi_errno_t file_sync(struct file *file, bool data_only);
cloudabi_errno_t file_stat(struct file *file, cloudabi_filestat_t *out);
cloudabi_errno_t file_stat_put(struct file *file, const cloudabi_filestat_t *in,
                               cloudabi_fsflags_t mask);
cloudabi_errno_t file_allocate(struct file *file, uint64_t offset, uint64_t length);
cloudabi_errno_t file_advise(struct file *file, uint64_t offset, uint64_t length,
                             cloudabi_advice_t advice);
cloudabi_errno_t file_readdir(struct file *file, user_addr_t buf, size_t len,
                              cloudabi_dircookie_t cookie, size_t *used);
/* A socket that takes the references to message->files over sets files_count to 0, whatever becomes of them; a
 * receiver gets references. */
static inline cloudabi_errno_t file_send(struct file *file, struct sock_message *message)
{
    return file->ops->send == NULL ? CLOUDABI_ENOTSOCK : file->ops->send(file, message);
}
static inline cloudabi_errno_t file_recv(struct file *file, struct sock_message *message)
{
    return file->ops->recv == NULL ? CLOUDABI_ENOTSOCK : file->ops->recv(file, message);
}
cloudabi_errno_t file_shutdown(struct file *file, cloudabi_sdflags_t how);
cloudabi_errno_t file_map(struct file *file, uint64_t offset, uint64_t length, bool shared,
                          struct memobj **object, uint64_t *object_offset, bool *no_fork);
void file_poll(struct file *file, bool write, struct waiter *waiter, struct poll_state *state);
cloudabi_errno_t file_transfer(struct file *device, bool write, uint64_t offset,
                               struct transfer *transfer);

/* A regular file or shared-memory descriptor over a memory object (consumes the reference to OBJECT). */
struct file *memfile_create(struct job *job, cloudabi_filetype_t type, struct memobj *object,
                            cloudabi_fdflags_t flags);

#endif
