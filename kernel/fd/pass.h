/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors in messages: referenced, charged to the sender until they arrive, and found again when nobody
 * but the messages of unreachable sockets holds them.
 *
 * A socket end that can receive descriptors has an inbox (struct file's `inbox`).  One global lock, ranked
 * inside the sockets' own (RANK_SOCKET + 2), guards the lists of messages; an inbox is changed with its
 * socket's lock held as well, except that the collector empties inboxes which no descriptor can reach.
 */
#ifndef KERNEL_FD_PASS_H
#define KERNEL_FD_PASS_H

#include "kernel/fd/file.h"

#define PASS_MAX 253 /* descriptors in one message */

struct passed_file {
    struct file *file; /* referenced */
    struct rights rights;
};

struct passed {
    struct list link; /* pass lock: inbox */
    /* The socket's: of the first byte, or number of the datagram, that it comes with. */
    uint64_t position;
    struct job *job; /* constant: the sender's, charged for the descriptors and for this memory */
    uint32_t count;  /* constant */
    _Atomic uint32_t
        holders; /* of this memory: the descriptors, and what the socket keeps behind them */
    struct passed_file items[];
};

struct pass_queue {
    struct list messages; /* of struct passed, by position */
    struct list loaded;   /* pass lock: all queues with messages */
    struct list work;     /* pass lock: to be marked from */
    struct file *owner;   /* constant; not referenced: the file that receives from here */
    bool reached;         /* pass lock */
};

void pass_queue_init(struct pass_queue *queue, struct file *owner);
/* Takes the descriptors over from MESSAGE. BEHIND: so many bytes more for the socket to keep something of its own
 * in, until it gives them up with pass_put_behind(); not cleared. ENOMEM. */
cloudabi_errno_t pass_create(struct sock_message *message, size_t behind, struct passed **out);
static inline void *pass_behind(struct passed *passed)
{
    return &passed->items[passed->count];
}
void pass_put_behind(struct passed *passed);
/* The next four with the socket's lock held. */
void pass_enqueue(struct pass_queue *queue, struct passed *passed);
void pass_dequeue(struct pass_queue *queue, struct passed *passed); /* the caller's from now on */
void pass_drain(struct pass_queue *queue,
                struct list *out); /* all of them: before the owner goes */
static inline struct passed *pass_first(const struct pass_queue *queue) /* NULL: none */
{
    struct list *first = queue->messages.next;
    return first == &queue->messages ? NULL : container_of(first, struct passed, link);
}
/* What follows PASSED, or NULL. */
static inline struct passed *pass_next(const struct pass_queue *queue, const struct passed *passed)
{
    struct list *next = passed->link.next;
    return next == &queue->messages ? NULL : container_of(next, struct passed, link);
}

/* The next three without locks. They consume PASSED (NULL is fine). */
void pass_deliver(struct passed *passed, struct sock_message *message);
void pass_release(struct passed *passed);
void pass_release_all(struct list *list);
/* A socket is held by nothing but messages: the next pass_collect() has a reason to look. */
void pass_suspect(void);
/* Frees the messages of sockets that are held by nothing but such messages, if there is a suspicion and the
 * last search was not too dear to search again now; then a later call will. file_put() calls it. */
void pass_collect(void);

#endif
