/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serving descriptors: what a service sees of its port.
 *
 * The library takes requests off the ring, checks them, calls the service's function for the operation and
 * writes the reply.  A missing function answers with the errno named beside it.  A function fills the
 * call's reply with the call_* helpers and returns 0, or returns an errno, or returns CALL_DEFERRED and
 * later finishes with call_finish() (keep struct call_ticket).
 *
 * One thread uses a server at a time.  Replies and commands are delivered by the next server_wait(),
 * server_flush() or poll() on the port: a batch costs one system call.
 */
#ifndef PSEUDOFD_SERVER_SERVER_H
#define PSEUDOFD_SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/cloudabi_types.h"
#include "pseudofd/proto/port.h"

#define CALL_DEFERRED 0xffffu

struct server;

/* One request being served.  The request is a private copy; path and data point into the slot's payload, which
 * belongs to the service until the reply is written. Paths have plain components only. */
struct call {
    struct server *server;
    struct port_request request;
    struct port_reply reply;
    const char *path, *path2; /* not NUL-terminated */
    size_t path_len, path2_len;
    const uint8_t *data; /* WRITE, SYMLINK, REOPEN: bytes behind the paths */
    size_t data_len;
    uint8_t *payload; /* room for the reply's bytes: PORT_PAYLOAD (overlays path and data) */
};

typedef cloudabi_errno_t call_function(struct server *server, struct call *call);

struct server_ops {
    call_function *open;     /* ENOENT */
    call_function *walk;     /* ENOENT */
    call_function *stat;     /* ENOENT */
    call_function *put_attr; /* EPERM */
    call_function *mkdir;    /* EROFS */
    call_function *symlink;  /* EROFS */
    call_function *unlink;   /* EROFS */
    call_function *readlink; /* EINVAL */
    call_function *link;     /* EROFS */
    call_function *rename;   /* EROFS */
    call_function *get_attr; /* EIO */
    call_function *set_attr; /* EPERM */
    call_function *readdir;  /* empty */
    call_function *read;     /* EBADF */
    call_function *write;    /* EBADF */
    call_function *sync;     /* fine */
    call_function *reopen;   /* ESTALE */
    call_function *forget;   /* fine */
    /* Pagers (PAGED nodes opened with call_pager). Offset in request.a. */
    call_function *page_in;  /* EIO; request.len bytes: call_extents, call_data */
    call_function *page_out; /* EIO; the same, and call_want_wrote */
    call_function *reserve;  /* EIO; request.b bytes: call_granted */
    call_function *wrote;    /* fine */
    /* The caller of a deferred call has gone: finish it soon, with anything. TICKET as kept. */
    void (*flush)(struct server *server, uint64_t tag);
    /* Channel N has data, room, or a client that shut or closed it. */
    void (*channel)(struct server *server, unsigned n);
};

struct server {
    int port;
    const struct server_ops *ops;
    call_function
        *serve[PORT_OPS]; /* by operation: of ops, or one that answers for a missing function */
    void *context;        /* the service's own */
    struct port_header *header; /* the mapped region */
    uint32_t req_head, rep_tail, cmd_tail;
    uint64_t deferred;               /* bit per slot with a deferred call */
    uint32_t generation[PORT_SLOTS]; /* of the call in each slot */
    uint64_t channel_used[PORT_CHANNELS / 64];
    uint64_t
        channel_leaving[PORT_CHANNELS / 64]; /* released, but the kernel may not have seen it */
    bool channels_leaving;
    uint32_t channel_released; /* cmd_tail behind the last release */
    unsigned channel_hint;     /* below this word none is free */
    bool dirty;                /* replies or commands written since the last delivery */
};

/* Maps the region of descriptor PORT. STREAMS: also the channels. Returns 0 or an errno. */
cloudabi_errno_t server_init(struct server *server, int port, const struct server_ops *ops,
                             void *context, bool streams);
/* Serves everything that is pending; returns the number of requests and events served. */
unsigned server_step(struct server *server);
/* Delivers, waits for requests (at least one on return, or EAGAIN when the port is non-blocking). */
cloudabi_errno_t server_wait(struct server *server);
/* Delivers replies and commands without waiting. */
void server_flush(struct server *server);
/* wait + step for ever; returns only on an error of the port. */
cloudabi_errno_t server_run(struct server *server);

/* --- replies ----------------------------------------------------------------------------------- */

/* OPEN, WALK, REOPEN: a node. ATTR may be NULL for synthetic nodes (type character device). */
void call_node(struct call *call, uint64_t node, enum port_form form, const struct port_attr *attr);
/* Adds the cookie (at most PORT_COOKIE_MAX) with which REOPEN finds a directory in the next instance. */
void call_cookie(struct call *call, const void *cookie, size_t len);
/* OPEN: answers with a stream over channel N (from channel_open()). */
void call_stream(struct call *call, uint64_t node, unsigned n);
/* OPEN: answers with descriptor FD of this process (the kernel makes its own copy at delivery; close FD after
 * the next server_flush(), or never for one that is handed out again). */
void call_fd(struct call *call, int fd);
/* Stopped at the symbolic link whose name ends after CONSUMED bytes of the path. The kernel puts the target in its
 * place and asks again. */
void call_link(struct call *call, size_t consumed, const char *target, size_t len);
void call_attr(struct call *call, uint64_t node, const struct port_attr *attr);
/* OPEN of a PAGED node: its pages come from and go to this service. */
void call_pager(struct call *call);
/* PAGE_IN, PAGE_OUT: where the bytes lie on the device DEVICE (-1 if all are holes), for a prefix of what was asked:
 * N extents, at most PORT_EXTENTS_MAX. */
void call_extents(struct call *call, int device, const struct port_extent *extents, size_t n);
/* PAGE_IN: the bytes are at ADDRESS; PAGE_OUT: put them there. Until the next server_wait() or server_flush() has
 * delivered the reply they must stay there, and nothing else may be there. */
void call_data(struct call *call, const void *address, size_t len);
/* PAGE_OUT: a WROTE shall follow when the data is on the device. */
void call_want_wrote(struct call *call);
/* RESERVE: so many bytes from the offset that was asked may be written. */
void call_granted(struct call *call, uint64_t bytes);
/* READ, READLINK: LEN bytes stand in call->payload. WRITE: LEN bytes were taken. */
void call_length(struct call *call, size_t len);
/* READDIR: appends one entry; false when it does not fit (stop; do not set END). NEXT: cookie behind it. */
static inline bool call_dirent(struct call *call, const char *name, size_t len, uint64_t ino,
                               cloudabi_filetype_t type, uint64_t next);
void call_dir_end(struct call *call);

/* Deferred calls. The ticket is call->request.tag; the reply is built in a fresh call struct. */
void call_resume(struct server *server, uint64_t tag, struct call *call); /* empty reply for TAG */
void call_finish(struct call *call, cloudabi_errno_t error);

/* --- names: walking a tree of the service's own -------------------------------------------------- */

/* Splits the next component off *PATH; false at the end. */
bool path_next(const char **path, size_t *len, const char **name, size_t *name_len);

/* --- commands ------------------------------------------------------------------------------------ */

void server_ready(struct server *server, uint64_t node, uint32_t events);
void server_revoke(struct server *server, uint64_t node);
void server_invalidate(struct server *server, uint64_t node, uint64_t offset, uint64_t len);
void server_resize(struct server *server, uint64_t node, uint64_t size);
/* Makes a descriptor to pass on, as if a client had opened the node (or channel N for STREAM). Delivers at once. */
struct mint {
    enum port_form form;
    cloudabi_filetype_t type;
    uint64_t node;
    unsigned channel;
    uint64_t rights, rights_inheriting;
};
cloudabi_errno_t server_mint(struct server *server, const struct mint *mint, int *fd);

/* From now on requests on block devices carry segments for the PCI function that CLAIM stands for. STOP: as of
 * PORT_CMD_DMA. Delivers at once. */
cloudabi_errno_t server_dma(struct server *server, int claim, uint64_t stop);

/* --- channels: byte streams ------------------------------------------------------------------------ */

/* Reserves a channel with ring sizes (powers of two, 4096 .. PORT_RING_MAX). -1: all in use. */
int channel_open(struct server *server, uint32_t in_size, uint32_t out_size);
/* Gives it back; allowed once the client is CLOSED (or the channel was never handed out). */
void channel_release(struct server *server, unsigned n);
/* Those pages of the rings go that hold nothing: for a channel that rests. */
void channel_trim(struct server *server, unsigned n);
bool channel_closed(const struct server *server, unsigned n); /* last client descriptor is gone */
bool channel_in_eof(const struct server *server,
                    unsigned n); /* client shut writing and all was consumed */
bool channel_in_shut(const struct server *server, unsigned n);  /* client writes no more */
bool channel_out_shut(const struct server *server, unsigned n); /* client reads no more */
/* Bytes that the client may have in its ring at a time; 0: as many as fit. */
void channel_in_limit(struct server *server, unsigned n, uint32_t bytes);
/* All bytes that were taken out of a ring so far, modulo 2^32. */
uint32_t channel_in_taken(const struct server *server, unsigned n);
uint32_t channel_out_taken(const struct server *server, unsigned n);
/* Keeps the client from writing (and its poll for writing from firing) until channel_in_admit: for a stream that is
 * handed out before it is connected. Meanwhile the bytes from the client must not be looked at. */
void channel_in_hold(struct server *server, unsigned n);
void channel_in_admit(struct server *server, unsigned n);
/* Bytes from the client: a contiguous piece (NULL/0 when empty); then consume what was used. */
const uint8_t *channel_in_peek(struct server *server, unsigned n, size_t *len);
/* The same from OFFSET unconsumed bytes on, for a service that consumes when the bytes are acknowledged. */
const uint8_t *channel_in_peek_at(struct server *server, unsigned n, size_t offset, size_t *len);
void channel_in_consume(struct server *server, unsigned n, size_t len);
size_t channel_in_available(const struct server *server, unsigned n);
/* Bytes to the client: a contiguous free piece; then produce what was filled. */
uint8_t *channel_out_space(struct server *server, unsigned n, size_t *len);
void channel_out_produce(struct server *server, unsigned n, size_t len);
size_t channel_out_free(const struct server *server, unsigned n);
size_t channel_out_unread(const struct server *server, unsigned n);
size_t channel_write(struct server *server, unsigned n, const void *bytes,
                     size_t len); /* as much as fits */
/* Which events ops->channel shall be called for: PORT_EVENT_READ (data came), PORT_EVENT_WRITE (room came).
 * Shut and close always come. */
void channel_want(struct server *server, unsigned n, uint32_t events);
void channel_eof(struct server *server, unsigned n);       /* no more bytes to the client */
void channel_shut_read(struct server *server, unsigned n); /* the client's writes give EPIPE */
void channel_abort(struct server *server, unsigned n, cloudabi_errno_t error);

/* --- inline, because directories are long --------------------------------------------------------- */

/* A record of a listing, at any address. */
struct call_record {
    cloudabi_dirent_t head;
    char name[];
} __attribute__((packed));

/* Names are mostly too short for a call: eight bytes a step, the last of which may overlap. */
static inline void call_copy_name(char *to, const char *from, size_t len)
{
    size_t at = 0;
    if (len < 8) {
        for (; at < len; at++)
            to[at] = from[at];
        return;
    }
    for (; at + 8 < len; at += 8)
        __builtin_memcpy(to + at, from + at, 8);
    __builtin_memcpy(to + len - 8, from + len - 8, 8);
}

static inline bool call_dirent(struct call *call, const char *name, size_t len, uint64_t ino,
                               cloudabi_filetype_t type, uint64_t next)
{
    size_t room = call->request.len < PORT_PAYLOAD ? call->request.len : PORT_PAYLOAD;
    size_t used = call->reply.len;
    if (used + sizeof(struct call_record) + len > room)
        return false;
    struct call_record *record = (struct call_record *)(call->payload + used);
    __builtin_memset(record, 0, sizeof(*record)); /* what is between the fields, too */
    record->head.d_next = next;
    record->head.d_ino = ino;
    record->head.d_namlen = (uint32_t)len;
    record->head.d_type = type;
    call_copy_name(record->name, name, len);
    call->reply.len = (uint32_t)(used + sizeof(*record) + len);
    return true;
}

#endif
