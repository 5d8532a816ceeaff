/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagram pairs: two queues of messages, each with its bytes and perhaps descriptors.  A message is
 * received whole or cut, never in two parts.  When the other end is closed, what is queued can still be
 * received; then receiving gives 0 bytes, sending EPIPE.
 *
 * Locks: each queue's own (RANK_SOCKET).  A message is made before the lock is taken; it is copied out under
 * the lock without faults, so that it stays in place if the receiver's memory is bad.
 */
#include "kernel/fd/stream.h"

#include "kernel/fd/pass.h"
#include "kernel/mm/slab.h"
#include "kernel/sched/thread.h"

#define DGRAM_MAX         65536u /* bytes in one message */
#define DGRAM_QUEUE_BYTES 131072u
#define DGRAM_QUEUE_COUNT 128u /* also the backlog of listeners, which are datagram pairs */

struct dgram {
    struct list link;
    uint64_t number; /* in its queue: its descriptors have it as their position */
    struct passed
        *with; /* the descriptors that it lies behind (perhaps given away by now), or NULL */
    size_t len;
    uint8_t data[];
};

struct mailbox {
    struct spinlock lock; /* guards all but the queues */
    struct list dgrams;
    size_t bytes, count;
    uint64_t next_number;
    struct pass_queue inbox;
    bool ended;   /* nothing more will be sent */
    bool refused; /* nothing more will be received */
    struct waitq readers, writers;
};

struct dgram_end {
    struct mailbox *in, *out; /* constant */
    struct dgram_pair *pair;
};

struct dgram_pair {
    struct mailbox box[2];
    struct dgram_end end[2];
    atomic_uint open; /* ends */
    struct job *job;  /* constant; referenced: pays for the messages */
};

static struct slab_cache pair_cache = SLAB_CACHE(pair_cache, struct dgram_pair, OBJECT_SOCKET);

static inline struct dgram_end *end_of(const struct file *file)
{
    return file->data;
}

static inline void wake(struct waitq *queue)
{
    if (!waitq_idle(queue))
        waitq_wake_all(queue);
}

static bool has_room_locked(const struct mailbox *box)
{
    return box->count < DGRAM_QUEUE_COUNT && box->bytes + DGRAM_MAX <= DGRAM_QUEUE_BYTES;
}

static bool box_ready(struct mailbox *box, bool write)
{
    spinlock_lock(&box->lock);
    bool ready = box->ended || box->refused || (write ? has_room_locked(box) : box->count > 0);
    spinlock_unlock(&box->lock);
    return ready;
}

/* 0: look again. */
static cloudabi_errno_t box_wait(struct file *file, struct mailbox *box, bool write)
{
    struct waiter waiter;
    cloudabi_errno_t error = 0;
    if (atomic_load_explicit(&file->flags, memory_order_relaxed) & CLOUDABI_FDFLAG_NONBLOCK)
        return CLOUDABI_EAGAIN;
    waitq_add(write ? &box->writers : &box->readers, &waiter);
    while (!box_ready(box, write) && (error = thread_park(UINT64_MAX)) == 0)
        ;
    waitq_remove(&waiter);
    return error;
}

/* --- sending ---------------------------------------------------------------------------------- */

static size_t dgram_size(const struct user_vec *from)
{
    return sizeof(struct dgram) + from->total;
}

static void dgram_free(struct dgram *dgram)
{
    if (dgram->with != NULL)
        pass_put_behind(dgram->with);
    else
        kfree(dgram);
}

/* PASSED was made with room for the message behind it, or is NULL. */
static cloudabi_errno_t dgram_make(struct job *job, const struct user_vec *from,
                                   struct passed *passed, struct dgram **out)
{
    struct dgram *dgram =
        passed != NULL ? pass_behind(passed) : kmalloc_unset(job, dgram_size(from));
    if (dgram == NULL)
        return CLOUDABI_ENOMEM;
    list_init(&dgram->link);
    dgram->with = passed;
    dgram->len = from->total;
    *out = dgram;
    return user_vec_read(from, 0, dgram->data, from->total);
}

/* Consumes DGRAM and PASSED on success. EAGAIN: full. */
static cloudabi_errno_t box_post(struct mailbox *box, struct dgram *dgram, struct passed *passed)
{
    cloudabi_errno_t error = 0;
    spinlock_lock(&box->lock);
    if (box->ended || box->refused) {
        error = CLOUDABI_EPIPE;
    } else if (!has_room_locked(box)) {
        error = CLOUDABI_EAGAIN;
    } else {
        dgram->number = box->next_number++;
        list_append(&box->dgrams, &dgram->link);
        box->count++;
        box->bytes += dgram->len;
        if (passed != NULL) {
            passed->position = dgram->number;
            pass_enqueue(&box->inbox, passed);
        }
    }
    spinlock_unlock(&box->lock);
    if (error == 0)
        wake(&box->readers);
    return error;
}

static cloudabi_errno_t dgram_put(struct file *file, const struct user_vec *from,
                                  struct passed *passed, size_t *done)
{
    struct dgram_end *end = end_of(file);
    struct dgram *dgram = NULL;
    cloudabi_errno_t error = dgram_make(end->pair->job, from, passed, &dgram);
    if (error != 0)
        goto fail;
    while ((error = box_post(end->out, dgram, passed)) == CLOUDABI_EAGAIN)
        if ((error = box_wait(file, end->out, true)) != 0)
            break;
    if (error != 0)
        goto fail;
    *done = from->total;
    return 0;

fail:
    if (dgram != NULL)
        dgram_free(dgram);
    pass_release(passed);
    return error;
}

static cloudabi_errno_t dgram_write(struct file *file, const struct user_vec *from,
                                    const uint64_t *offset, size_t *done)
{
    if (offset != NULL)
        return CLOUDABI_ESPIPE;
    return from->total <= DGRAM_MAX ? dgram_put(file, from, NULL, done) : CLOUDABI_EMSGSIZE;
}

static cloudabi_errno_t dgram_send(struct file *file, struct sock_message *message)
{
    struct passed *passed = NULL;
    if (message->data->total > DGRAM_MAX)
        return CLOUDABI_EMSGSIZE;
    if (message->files_count > 0) { /* one allocation for them and the message */
        cloudabi_errno_t error = pass_create(message, dgram_size(message->data), &passed);
        if (error != 0)
            return error;
    }
    return dgram_put(file, message->data, passed, &message->length);
}

/* --- receiving -------------------------------------------------------------------------------- */

struct receipt {
    size_t copied, len;  /* len: of the whole message */
    bool peek, room;     /* room for descriptors */
    struct dgram *dgram; /* taken off the queue: to be freed */
    struct passed *passed;
};

static void unlink_locked(struct mailbox *box, struct dgram *dgram)
{
    list_remove(&dgram->link);
    box->count--;
    box->bytes -= dgram->len;
}

/* EAGAIN: nothing there; EFAULT: memory has to be brought in. At the end of all, an empty receipt. */
static cloudabi_errno_t box_take_locked(struct mailbox *box, const struct user_vec *to,
                                        struct receipt *receipt)
{
    if (box->count == 0)
        return box->ended || box->refused ? 0 : CLOUDABI_EAGAIN;
    struct dgram *dgram = container_of(box->dgrams.next, struct dgram, link);
    struct passed *passed = pass_first(&box->inbox);
    if (passed != NULL && passed->position != dgram->number)
        passed = NULL;
    if (receipt->peek && receipt->room && passed != NULL)
        return CLOUDABI_ENOTSUP;
    size_t want = dgram->len < to->total ? dgram->len : to->total;
    if (user_vec_write_nofault(to, 0, dgram->data, want) < want)
        return CLOUDABI_EFAULT;
    receipt->copied = want;
    receipt->len = dgram->len;
    if (receipt->peek)
        return 0;
    if (passed != NULL)
        pass_dequeue(&box->inbox, passed);
    unlink_locked(box, dgram);
    receipt->dgram = dgram;
    receipt->passed = passed;
    return 0;
}

static cloudabi_errno_t dgram_take(struct file *file, const struct user_vec *to,
                                   struct receipt *receipt)
{
    struct mailbox *box = end_of(file)->in;
    for (;;) {
        spinlock_lock(&box->lock);
        cloudabi_errno_t error = box_take_locked(box, to, receipt);
        bool room = has_room_locked(box);
        spinlock_unlock(&box->lock);
        if (room)
            wake(&box->writers);
        if (receipt->dgram != NULL)
            dgram_free(receipt->dgram);
        if (error == CLOUDABI_EFAULT)
            error = user_vec_touch(to, 0, to->total < DGRAM_MAX ? to->total : DGRAM_MAX, true);
        else if (error == CLOUDABI_EAGAIN)
            error = box_wait(file, box, false);
        else
            return error;
        if (error != 0)
            return error;
    }
}

static cloudabi_errno_t dgram_read(struct file *file, const struct user_vec *to,
                                   const uint64_t *offset, size_t *done)
{
    struct receipt receipt = {.copied = 0};
    if (offset != NULL)
        return CLOUDABI_ESPIPE;
    cloudabi_errno_t error = dgram_take(file, to, &receipt);
    pass_release(receipt.passed); /* read has no way to give descriptors */
    *done = receipt.copied;
    return error;
}

static cloudabi_errno_t dgram_recv(struct file *file, struct sock_message *message)
{
    struct receipt receipt = {
        .peek = (message->flags & CLOUDABI_SOCK_RECV_PEEK) != 0,
        .room = message->files_count > 0,
    };
    cloudabi_errno_t error = dgram_take(file, message->data, &receipt);
    message->length = receipt.copied;
    message->result = receipt.len > receipt.copied ? CLOUDABI_SOCK_RECV_DATA_TRUNCATED : 0;
    pass_deliver(receipt.passed, message);
    return error;
}

/* --- state ------------------------------------------------------------------------------------ */

static void dgram_poll(struct file *file, bool write, struct waiter *waiter,
                       struct poll_state *state)
{
    struct mailbox *box = write ? end_of(file)->out : end_of(file)->in;
    if (waiter != NULL)
        waitq_add(write ? &box->writers : &box->readers, waiter);
    spinlock_lock(&box->lock);
    bool over = box->ended || box->refused;
    if (write)
        state->nbytes = has_room_locked(box) ? DGRAM_MAX : 0;
    else if (box->count > 0)
        state->nbytes = container_of(box->dgrams.next, struct dgram, link)->len;
    state->ready = over || (write ? state->nbytes > 0 : box->count > 0);
    spinlock_unlock(&box->lock);
    if (over)
        state->flags |= CLOUDABI_EVENT_FD_READWRITE_HANGUP;
}

static cloudabi_errno_t dgram_stat(struct file *file, cloudabi_filestat_t *out)
{
    *out = (cloudabi_filestat_t){.st_filetype = file->type, .st_nlink = 1};
    return 0;
}

static void box_end(struct mailbox *box)
{
    spinlock_lock(&box->lock);
    box->ended = true;
    spinlock_unlock(&box->lock);
    wake(&box->readers);
    wake(&box->writers);
}

static void box_refuse(struct mailbox *box)
{
    struct list dropped = LIST_INIT(dropped), dgrams = LIST_INIT(dgrams), *link;
    spinlock_lock(&box->lock);
    box->refused = true;
    pass_drain(&box->inbox, &dropped);
    while (!list_empty(&box->dgrams)) {
        struct dgram *dgram = container_of(box->dgrams.next, struct dgram, link);
        unlink_locked(box, dgram);
        list_append(&dgrams, &dgram->link);
    }
    spinlock_unlock(&box->lock);
    wake(&box->readers);
    wake(&box->writers);
    while ((link = list_pop(&dgrams)) != NULL)
        dgram_free(container_of(link, struct dgram, link));
    pass_release_all(&dropped);
}

static cloudabi_errno_t dgram_shutdown(struct file *file, cloudabi_sdflags_t how)
{
    struct dgram_end *end = end_of(file);
    if (atomic_load(&end->pair->open) < 2)
        return CLOUDABI_ENOTCONN;
    if (how & CLOUDABI_SHUT_RD)
        box_refuse(end->in);
    if (how & CLOUDABI_SHUT_WR)
        box_end(end->out);
    return 0;
}

static void pair_free(struct dgram_pair *pair)
{
    struct job *job = pair->job;
    slab_free(&pair_cache, pair);
    job_put(job);
}

static void dgram_close(struct file *file)
{
    struct dgram_end *end = end_of(file);
    box_refuse(end->in);
    box_end(end->out);
    if (atomic_fetch_sub(&end->pair->open, 1) == 1)
        pair_free(end->pair);
}

static const struct file_ops dgram_ops = {
    .close = dgram_close,
    .read = dgram_read,
    .write = dgram_write,
    .stat = dgram_stat,
    .send = dgram_send,
    .recv = dgram_recv,
    .shutdown = dgram_shutdown,
    .poll = dgram_poll,
};

static struct dgram_pair *pair_alloc(struct job *job)
{
    struct dgram_pair *pair = slab_alloc(&pair_cache, job);
    if (pair == NULL)
        return NULL;
    pair->job = job_get(job);
    atomic_init(&pair->open, 2);
    for (int i = 0; i < 2; i++) {
        struct mailbox *box = &pair->box[i];
        spinlock_init(&box->lock, RANK_SOCKET);
        list_init(&box->dgrams);
        waitq_init(&box->readers);
        waitq_init(&box->writers);
        pair->end[i] = (struct dgram_end){box, &pair->box[1 - i], pair};
    }
    return pair;
}

cloudabi_errno_t dgram_create(struct job *job, struct file **a, struct file **b)
{
    struct dgram_pair *pair = pair_alloc(job);
    struct file *file[2] = {NULL, NULL};
    if (pair == NULL)
        return CLOUDABI_ENOMEM;
    for (int i = 0; i < 2; i++) {
        file[i] = file_create(job, CLOUDABI_FILETYPE_SOCKET_DGRAM, &dgram_ops, 0, &pair->end[i]);
        if (file[i] == NULL)
            goto no_memory;
        pass_queue_init(&pair->box[i].inbox, file[i]);
    }
    *a = file[0];
    *b = file[1];
    return 0;

no_memory:
    if (file[0] != NULL) {
        atomic_store(&pair->open, 1);
        file_put(file[0]);
    } else {
        pair_free(pair);
    }
    return CLOUDABI_ENOMEM;
}
