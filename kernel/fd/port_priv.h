/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of ports, shared by port*.c, channel.c and namei.c.
 *
 * Lock key: l port->lock (RANK_PORT); d port->deliver (mutex: one thread of the service delivers at a time);
 * c constant; a atomic.  References: the port's file, each node, each call hold one.
 *
 * A port is served in epochs.  When a serving ends the epoch is over: its nodes and channels are dead, its
 * region is revoked, and everything that still refers to it answers EIO.  Only directories go on, by replaying
 * their cookie to the next instance.
 */
#ifndef KERNEL_FD_PORT_PRIV_H
#define KERNEL_FD_PORT_PRIV_H

#include "kernel/fd/namei.h"
#include "kernel/fd/port.h"
#include "kernel/proc/process.h"
#include "pseudofd/proto/port.h"

/* ENDING: served no more, but devices may still be at the memory of requests. */
enum port_state { PORT_NEW, PORT_SERVED, PORT_ENDING, PORT_VACANT, PORT_DEAD };
enum slot_state { SLOT_FREE, SLOT_POSTED, SLOT_REPLIED, SLOT_ABANDONED };

#define PORT_PAYLOAD_FRAMES (PORT_PAYLOAD / PAGE_SIZE)
#define PORT_PAGE_SLOTS     (PAGE_SIZE / sizeof(struct port_slot))
#define PORT_SLOT_PAGES     (PORT_SLOTS / PORT_PAGE_SLOTS)
#define PORT_NODE_BUCKETS   128u
#define PORT_RESERVED_SLOTS 8u  /* for posted requests and, later, write-back */
#define PORT_JOB_SLOTS      16u /* the most that the callers of one job hold */
#define PORT_CLAIMS_MAX     4u  /* devices that one service drives */

/* Requests on nodes are most of the traffic, and fill only the first part of the structures. */
static inline bool port_request_is_short(unsigned op)
{
    return op > PORT_SETATTR;
}
static inline bool port_reply_is_short(unsigned op) /* without attributes */
{
    return op > PORT_SETATTR && op != PORT_REOPEN;
}

struct slot {
    uint8_t state;           /* l */
    bool note;               /* l: posted by the kernel itself, nobody waits */
    uint16_t op;             /* l */
    uint32_t generation;     /* l */
    uint32_t epoch;          /* l: of the region that payload[] belongs to */
    struct thread *caller;   /* l: while POSTED and not a note */
    struct port_reply reply; /* written at delivery, read by the caller once REPLIED */
    struct fd_grant given;   /* FD and CROSS: file referenced, or NULL */
    struct port_node *node;  /* NODE of OPEN, WALK, REOPEN: referenced, or NULL */
    const struct job *job;   /* l: the caller's, only to be compared */
    struct port_node *spare; /* OPEN, WALK, REOPEN: memory for the node that the reply may name */
    struct frame *payload[PORT_PAYLOAD_FRAMES]; /* referenced; the holder of the slot */
    struct transfer
        *transfer; /* l: memory that the request lends to a device, from post to reply */
};

struct port {
    _Atomic uint32_t references;
    struct spinlock lock;
    enum port_state state;  /* l */
    uint32_t epoch;         /* l to change, a to read */
    struct process *server; /* l: not referenced; cleared when it ends */
    struct job *job;        /* c; referenced */
    uint64_t device;        /* c: st_dev, random */

    struct memobj *region;  /* l: NULL unless SERVED */
    struct frame *fixed[6]; /* l: header, commands, slots: referenced */
    struct port_header *header;
    struct port_command *commands;
    struct port_slot *slots[PORT_SLOT_PAGES];
    uint32_t req_tail;           /* l */
    uint32_t rep_head, cmd_head; /* d */
    struct mutex deliver;

    uint64_t free_slots; /* l: bitmap */
    unsigned callers;    /* l: slots not free and not notes */
    struct slot slot[PORT_SLOTS];
    struct waitq serving;                 /* threads of the service that wait for requests */
    struct waitq clients;                 /* callers that wait for a slot or for a service */
    struct list nodes[PORT_NODE_BUCKETS]; /* l: of struct port_node, this epoch's */
    struct list forgets;                  /* l: nodes whose references are to be given back */
    struct channel **channels[64];        /* l: by number, 64 each */
    struct file
        *claim[PORT_CLAIMS_MAX]; /* l: devices that get the memory of requests; referenced */
    unsigned claims;             /* l to change, a to read: a DMA port, if not 0 */
    struct paging_pool *pool;    /* a: set once: of its objects with pagers, or NULL */
    struct transfer *spent;      /* l: of requests whose callers were killed; to be dropped */
};

/* One node of the service that the kernel knows: open files, directories, a stop on a walk. */
struct port_node {
    uint32_t references; /* l */
    uint32_t lookups;    /* l: references that the service counts for us; given back by FORGET */
    struct port *port;   /* c; referenced */
    uint64_t id;         /* c */
    uint32_t epoch;      /* c */
    bool keep;           /* l: the object lives until REVOKE */
    bool dead;           /* l: its epoch is over or it was revoked */
    bool unlinked;       /* a: its last name is gone */
    uint32_t ready;      /* l: PORT_EVENT_* of a synthetic file */
    struct memobj
        *object; /* l: referenced; with a pager weak: it refers to the node (port_pager.c) */
    struct waitq waiters;    /* poll of synthetic files */
    struct list link;        /* l: bucket */
    struct list forget_link; /* l */
};

/* --- port.c ------------------------------------------------------------------------------------- */
struct port *port_get(struct port *port);
void port_put(struct port *port);
struct port *port_alloc(struct job *job); /* NEW, referenced; NULL: no memory */
/* The calling process becomes the server, with a region of its own. EBUSY: there is one. */
cloudabi_errno_t port_serve(struct port *port);
/* The service of EPOCH has broken the protocol: log WHY and end its serving. */
void port_violation(struct port *port, uint32_t epoch, const char *why);
/* Serving ends, if it still is that of EPOCH: everything of it dies. */
#define PORT_ANY_EPOCH 0u
void port_vacate(struct port *port, uint32_t epoch);
bool port_is_server(struct port *port); /* the calling process serves it */
static inline struct port_slot *port_slot(const struct port *port, unsigned slot)
{
    return &port->slots[slot / PORT_PAGE_SLOTS][slot % PORT_PAGE_SLOTS];
}

/* --- port_call.c: one request as a procedure call --------------------------------------------------- */
struct port_call {
    struct port *port;
    unsigned slot;
    uint32_t epoch;
    struct port_request request;    /* filled by the caller; tag and epoch by begin */
    const struct port_reply *reply; /* valid between port_call_run and port_call_end */
    /* Memory lent to the device. After an end by a kill it is the request's and no more here: NULL. */
    struct transfer *transfer;
};
/* Takes a slot, waiting (killably) while the port is not served or has none free. EIO: port dead or of another
 * epoch than EPOCH (0 = any); EDEADLK: own port; EINTR: killed. */
cloudabi_errno_t port_call_begin(struct port_call *call, struct port *port, enum port_op op,
                                 uint32_t epoch);
/* The same for a caller who has others under way: EAGAIN instead of waiting, also if somebody else waits. */
cloudabi_errno_t port_call_begin_more(struct port_call *call, struct port *port, enum port_op op,
                                      uint32_t epoch);
/* port_payload.c: puts bytes behind what the payload already holds (paths first, then data). */
cloudabi_errno_t port_call_put(struct port_call *call, size_t at, const void *bytes, size_t len);
cloudabi_errno_t port_call_put_user(struct port_call *call, size_t at, const struct user_vec *from,
                                    size_t skip, size_t len);
/* Where LEN bytes of the payload lie in memory, if they are in one page that the slot has already; else NULL. */
static inline uint8_t *port_call_bytes(const struct port_call *call, size_t at, size_t len)
{
    if (at >= PORT_PAYLOAD || at % PAGE_SIZE + len > PAGE_SIZE)
        return NULL;
    const struct frame *frame = call->port->slot[call->slot].payload[at / PAGE_SIZE];
    return frame != NULL ? (uint8_t *)frame_data(frame) + at % PAGE_SIZE : NULL;
}
cloudabi_errno_t port_call_take(struct port_call *call, size_t at, void *to, size_t len);
cloudabi_errno_t port_call_take_user(struct port_call *call, size_t at, const struct user_vec *to,
                                     size_t skip, size_t len);
/* port_call.c again: posts and waits for the reply; its errno. After an error of the reply call->reply is valid all the
 * same. */
cloudabi_errno_t port_call_run(struct port_call *call);
/* Its two halves, for several at once: each that was posted is waited for, then ended. */
cloudabi_errno_t port_call_post(struct port_call *call);
cloudabi_errno_t port_call_wait(struct port_call *call);
void port_call_end(struct port_call *call); /* gives the slot back */
/* Takes the descriptor that came with the reply (FD, CROSS); the caller owns the reference. */
struct fd_grant port_call_given(struct port_call *call);
/* Takes the node that the reply to OPEN, WALK or REOPEN named, likewise. NULL: none was. */
struct port_node *port_call_node(struct port_call *call);
/* The calling thread of slot I got its answer (lock held): wakes it or leaves it in *NEXT for a direct switch. */
void slot_complete(struct port *port, unsigned i, cloudabi_errno_t error, struct thread **next);

/* --- port_deliver.c: the service's side ---------------------------------------------------------------- */
cloudabi_errno_t port_deliver(struct port *port, struct thread **next);
cloudabi_errno_t port_serve_wait(struct port *port, bool nonblock);
bool port_pending(struct port *port);
/* port_call.c: gives references back to the service as far as slots are free (lock held); nodes that nobody knows any
 * more go onto FREED, for port_nodes_free() without the lock. True if the service should be told. */
bool port_post_forgets_slow(struct port *port, struct list *freed);
static inline bool port_post_forgets(struct port *port, struct list *freed)
{
    return !list_empty(&port->forgets) && port_post_forgets_slow(port, freed);
}
void port_signal(struct port *port); /* something for the service besides requests */

/* --- port_command.c -------------------------------------------------------------------------------------- */
#define PORT_ERRNO_LAST CLOUDABI_ENOTCAPABLE
/* Takes all that are there; what is wrong with one, or NULL. deliver held. */
const char *port_take_commands(struct port *port);

/* --- port_dma.c: services that drive devices ------------------------------------------------------------- */
/* CMD_DMA: descriptor FD of the service is the claim of a device. */
cloudabi_errno_t port_claim_add(struct port *port, cloudabi_fd_t fd, uint64_t stop);
/* The devices of a serving that ended touch no memory any more, and are let go. No lock held. */
void port_claims_end(struct file **claim, unsigned count);
/* Drops the memory of requests that nobody waits for. No lock held. */
void port_drop_spent_slow(struct port *port);
static inline void port_drop_spent(struct port *port)
{
    if (__atomic_load_n(&port->spent, __ATOMIC_RELAXED) != NULL)
        port_drop_spent_slow(port);
}

/* --- port_node.c ------------------------------------------------------------------------------------------ */
struct port_node *port_node_spare(struct job *job); /* NULL: no memory */
void port_node_spare_free(struct port_node *spare);
/* The node ID that the service named: counts one lookup. Takes *SPARE if the node is new. Cannot fail. */
struct port_node *port_node_found(struct port *port, uint64_t id, uint32_t epoch,
                                  struct port_node **spare);
struct port_node *port_node_found_locked(struct port *port, uint64_t id, uint32_t epoch,
                                         struct port_node **spare);
/* The node if the kernel knows it: referenced, or NULL. No lookup is counted. */
struct port_node *port_node_find(struct port *port, uint64_t id);
struct port_node *port_node_get(struct port_node *node);
void port_node_put(struct port_node *node);
/* Detaches all nodes of the ending epoch (lock held) onto LIST, each referenced. */
void port_nodes_init(struct port *port);
void port_nodes_free(struct list *freed);
void port_nodes_detach(struct port *port, struct list *list);
void port_nodes_kill(
    struct list *list); /* revokes their objects, drops the references. No lock held */
void port_node_revoke(struct port_node *node);
void port_node_ready(struct port_node *node, uint32_t events);
/* The memory object of a PAGED node, created on first use: referenced. */
cloudabi_errno_t port_node_object(struct port_node *node, const struct port_reply *reply,
                                  struct memobj **object);

/* The object that the kernel keeps for NODE: referenced, or NULL. */
struct memobj *port_node_object_get(struct port_node *node);

/* --- port_pager.c: pages that come from the service --------------------------------------------------------- */
/* Makes OBJECT, which is new, one whose pager is the service; it gets a reference of NODE. */
cloudabi_errno_t port_pager_attach(struct port_node *node, struct memobj *object);
/* Lets the node's object go if nobody uses it: its pages are not worth keeping. */
void port_pager_drop(struct port_node *node);
/* The last name of node ID was removed. */
void port_pager_unlinked(struct port *port, uint64_t id);

/* --- port_node_call.c: requests on an open node ------------------------------------------------------------ */
cloudabi_errno_t port_node_call(struct port_node *node, enum port_op op,
                                struct port_call *call); /* begins it */
cloudabi_errno_t port_node_call_more(struct port_node *node, enum port_op op,
                                     struct port_call *call); /* EAGAIN instead of waiting */
cloudabi_errno_t port_node_stat(struct port_node *node, cloudabi_filestat_t *out);
cloudabi_errno_t port_node_stat_put(struct port_node *node, const cloudabi_filestat_t *in,
                                    cloudabi_fsflags_t mask);
cloudabi_errno_t port_node_sync(struct port_node *node, bool data_only);

/* --- port_dir.c, port_file.c: open files over nodes (consume the reference to NODE on success) ---------------- */
cloudabi_errno_t port_dir_create(struct job *job, struct port_node *node, const void *cookie,
                                 size_t cookie_len, cloudabi_fdflags_t flags, struct file **out);
/* TYPE: a regular file, or a block device (RAM disk). */
cloudabi_errno_t port_paged_create(struct job *job, struct port_node *node, struct memobj *object,
                                   cloudabi_filetype_t type, cloudabi_fdflags_t flags, bool write,
                                   struct file **out);
cloudabi_errno_t port_synthetic_create(struct job *job, struct port_node *node,
                                       cloudabi_filetype_t type, cloudabi_fdflags_t flags,
                                       struct file **out);
void port_attr_to_stat(const struct port *port, const struct port_attr *attr,
                       cloudabi_filestat_t *out);
/* The kernel owns size and times of an object in use. */
void port_stat_overlay(struct port *port, uint64_t node, cloudabi_filestat_t *stat);
/* The service has set the times of a node by name: the object that lives, if any, takes them over. */
void port_times_set(struct port *port, uint64_t id, const struct port_attr *attr);

/* --- port_block.c: block devices -------------------------------------------------------------------------------- */
cloudabi_errno_t port_block_read(struct file *file, const struct user_vec *to,
                                 const uint64_t *offset, size_t *done);
cloudabi_errno_t port_block_write(struct file *file, const struct user_vec *from,
                                  const uint64_t *offset, size_t *done);
cloudabi_errno_t port_block_transfer(struct file *file, bool write, uint64_t offset,
                                     struct transfer *transfer);

/* --- channel.c ------------------------------------------------------------------------------------------------ */
struct channel;
/* Binds channel N of this epoch to a new file of TYPE. EPROTO: not a channel that the service may hand out. */
cloudabi_errno_t channel_create(struct port *port, uint32_t epoch, uint64_t n, struct job *job,
                                cloudabi_filetype_t type, cloudabi_fdflags_t flags,
                                struct file **out);
/* Channel N was handed out, but no descriptor came of it: tells the service that the client is gone. */
void channel_refuse(struct port *port, uint32_t epoch, uint64_t n);
void channel_kick(struct port *port, uint64_t n);
/* The service is done with channel N: the pages of its rings go. */
void channel_release(struct port *port, uint64_t n);
/* Those pages of channel N's rings go that hold nothing. Called by the service, so it does not use them meanwhile. */
void channel_trim(struct port *port, uint64_t n);
/* The client's next call returns ERROR; also if the descriptor is still being made. ENOMEM. */
cloudabi_errno_t channel_abort(struct port *port, uint64_t n, cloudabi_errno_t error);
void channels_kill(struct port *port); /* the epoch is over: all answer EIO. No lock held */

#endif
