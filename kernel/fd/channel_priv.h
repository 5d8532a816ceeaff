/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of channels, shared by channel.c (life), channel_bytes.c (rings) and channel_file.c (descriptor). */
#ifndef KERNEL_FD_CHANNEL_PRIV_H
#define KERNEL_FD_CHANNEL_PRIV_H

#include "kernel/fd/port_priv.h"

#define RING_FRAMES (PORT_RING_MAX / PAGE_SIZE)

struct ring {
    struct mutex lock;                 /* one client thread in this direction */
    uint32_t size;                     /* constant: power of two */
    uint32_t own;                      /* the kernel's index; lock */
    uint64_t offset;                   /* constant: of its bytes in the region */
    struct frame *frames[RING_FRAMES]; /* lock; referenced */
};

struct channel {
    _Atomic uint32_t references;
    struct port *port;           /* constant; referenced */
    struct memobj *region;       /* constant; referenced */
    unsigned number;             /* constant */
    uint32_t epoch;              /* constant */
    struct frame *control_frame; /* constant; referenced */
    struct port_channel *control;
    struct ring in, out; /* to the service, to the client */
    struct waitq waiters;
    _Atomic uint16_t aborted; /* errno for every later call */
    _Atomic uint32_t shut;    /* PORT_CLIENT_SHUT_*, as published */
};

/* channel.c */
void channel_put(struct channel *channel);
void channel_leave(struct channel *channel);  /* N is nobody's again */
void channel_notify(struct channel *channel); /* tells the service that something happened */
extern const struct file_ops channel_ops;     /* channel_file.c */

/* channel_bytes.c */
bool ring_init(struct ring *ring, uint32_t size,
               uint64_t offset); /* false: not a size for a ring */
void ring_release(struct ring *ring);
/* Gives pages back that hold none of the bytes [FROM, TO). The ring's lock is held. */
void ring_trim(struct channel *channel, struct ring *ring, uint32_t from, uint32_t to);
/* Bytes that lie ready for the client; room for its bytes. False: the service wrote an impossible index. */
bool channel_out_available(struct channel *channel, uint32_t *available);
bool channel_in_room(struct channel *channel, uint32_t *room);
bool channel_server_has(struct channel *channel, uint32_t flag); /* PORT_SERVER_* */
/* The client is going to wait for EVENT: the service is to kick. Look again after this. */
void channel_announce_wait(struct channel *channel, uint32_t event);
/* Moves what there is, from byte SKIP of the vector; with WAIT, sleeps until there is something. EAGAIN: nothing now.
 * Taking nothing with success is the end of the stream. */
cloudabi_errno_t channel_take(struct channel *channel, const struct user_vec *to, size_t skip,
                              bool peek, bool wait, size_t *done);
cloudabi_errno_t channel_give(struct channel *channel, const struct user_vec *from, size_t skip,
                              bool wait, size_t *done);

#endif
