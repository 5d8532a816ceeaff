/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stream pairs: two ways of bytes, each a ring of up to 64 KiB, with descriptors at positions of the stream.
 *
 * A read takes at most one message's descriptors: it stops before data that carries some, unless that is
 * where it starts; data that follows the message may be merged with it (docs/executables.md section 11).
 * Writes of up to 4 KiB are never split or interleaved; longer ones go piecewise.
 *
 * What fits into one page of the ring goes a short way first (write_short, read_short); all else, and what
 * could not be done there, takes the general one.
 *
 * Locks: each way's own (RANK_SOCKET).  User memory is copied under it, so with the copies that do not
 * fault: a transfer is a loop of steps, and between steps pages are brought in or room is waited for.
 * An end that is closed is gone from both ways; the pair is freed with its second end.
 */
#include "kernel/fd/stream.h"

#include "kernel/fd/pass.h"
#include "kernel/fd/ring.h"
#include "kernel/mm/slab.h"
#include "kernel/sched/thread.h"

#define STREAM_PIECE     16384u              /* copied at most with the lock held */
#define STREAM_ATOMIC    4096u               /* writes up to this are all or nothing */
#define STREAM_LOW_WATER (RING_CAPACITY / 4) /* room at which blocked writers go on */

struct way {
    struct spinlock lock; /* guards all but the queues */
    struct ring ring;
    struct pass_queue inbox; /* of the end that reads here */
    bool ended;              /* nothing more will be written */
    bool refused;            /* nothing more will be read */
    struct job *job;         /* constant: the pair's */
    struct waitq readers, writers;
};

struct stream_end {
    struct way *in, *out; /* constant */
    struct stream *pair;
};

struct stream {
    struct way way[2];
    struct stream_end end[2];
    atomic_uint open; /* ends */
    struct job *job;  /* constant; referenced */
};

enum step {             /* how one turn under the lock ended */
            STEP_MORE,  /* something moved, more can */
            STEP_WAIT,  /* full, or empty */
            STEP_STOP,  /* end of stream, or a message begins here */
            STEP_FAULT, /* user memory has to be brought in first */
            STEP_PIPE,  /* nobody reads */
            STEP_MEMORY,
};

static struct slab_cache stream_cache = SLAB_CACHE(stream_cache, struct stream, OBJECT_SOCKET);

static inline struct stream_end *end_of(const struct file *file)
{
    return file->data;
}

static inline void wake(struct waitq *queue)
{
    if (!waitq_idle(queue))
        waitq_wake_all(queue);
}

/* --- pages of the ring ------------------------------------------------------------------------ */

static uint8_t *page_at_locked(struct way *way, uint64_t position, size_t *len)
{
    struct ring *ring = &way->ring;
    if (ring_index(position) == ring->count) {
        struct frame *frame = frame_alloc(way->job);
        if (frame == NULL)
            return NULL;
        ring->page[ring->count++] = frame_data(frame);
    }
    return ring_at(ring, position, len);
}

static void pages_keep_locked(struct ring *ring, uint32_t keep)
{
    while (ring->count > keep)
        frame_put(frame_of(arch_direct_to_phys(ring->page[--ring->count])));
}

static void ring_empty_locked(struct ring *ring)
{
    if (ring->count <= 1)
        ring->head = ring->tail = 0;
    else
        pages_keep_locked(ring, ring_rewind(ring));
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Copies up to WANT bytes behind the tail, without moving it. Stops short at a fault or without memory. */
static size_t push_locked(struct way *way, const struct user_vec *from, size_t skip, size_t want,
                          enum step *why)
{
    size_t moved = 0;
    while (moved < want) {
        size_t len = want - moved;
        uint8_t *to = page_at_locked(way, way->ring.tail + moved, &len);
        if (to == NULL) {
            *why = STEP_MEMORY;
            break;
        }
        size_t n = user_vec_read_nofault(from, skip + moved, to, len);
        moved += n;
        if (n < len) {
            *why = STEP_FAULT;
            break;
        }
    }
    return moved;
}

static enum step write_step_locked(struct way *way, const struct user_vec *from, size_t *done,
                                   struct passed **passed)
{
    enum step why = STEP_MORE;
    size_t left = from->total - *done, room = ring_room(&way->ring);
    bool whole = from->total <= STREAM_ATOMIC;
    if (way->ended || way->refused)
        return STEP_PIPE;
    if (room == 0 || (whole && room < left))
        return STEP_WAIT;
    size_t want = left < room ? left : room;
    if (want > STREAM_PIECE)
        want = STREAM_PIECE;
    size_t moved = push_locked(way, from, *done, want, &why);
    if (moved == 0 || (whole && moved < left))
        return why;
    if (*passed != NULL) {
        (*passed)->position = way->ring.tail;
        pass_enqueue(&way->inbox, *passed);
        *passed = NULL;
    }
    way->ring.tail += moved;
    *done += moved;
    return why;
}

static enum step write_step(struct way *way, const struct user_vec *from, size_t *done,
                            struct passed **passed)
{
    size_t before = *done;
    spinlock_lock(&way->lock);
    enum step step = write_step_locked(way, from, done, passed);
    spinlock_unlock(&way->lock);
    if (*done != before)
        wake(&way->readers);
    return step;
}

static bool way_ready(struct way *way, bool write)
{
    spinlock_lock(&way->lock);
    bool ready = way->ended || way->refused ||
                 (write ? ring_room(&way->ring) >= STREAM_LOW_WATER : ring_used(&way->ring) > 0);
    spinlock_unlock(&way->lock);
    return ready;
}

/* 0: look again. It may be for nothing. */
static cloudabi_errno_t way_wait(struct file *file, struct way *way, bool write)
{
    struct waiter waiter;
    cloudabi_errno_t error = 0;
    if (atomic_load_explicit(&file->flags, memory_order_relaxed) & CLOUDABI_FDFLAG_NONBLOCK)
        return CLOUDABI_EAGAIN;
    waitq_add(write ? &way->writers : &way->readers, &waiter);
    if (!way_ready(way, write))
        error = thread_park(UINT64_MAX);
    waitq_remove(&waiter);
    return error;
}

/* What stands between this step and the next; 0 to go on. */
static cloudabi_errno_t step_settle(enum step step, struct file *file, struct way *way,
                                    const struct user_vec *vec, size_t done, bool write)
{
    size_t left = vec->total - done;
    switch (step) {
    case STEP_MORE:
        return thread_killed(thread_self()) ? CLOUDABI_EINTR : 0;
    case STEP_FAULT:
        return user_vec_touch(vec, done, left < STREAM_PIECE ? left : STREAM_PIECE, !write);
    case STEP_WAIT:
        return way_wait(file, way, write);
    case STEP_PIPE:
        return CLOUDABI_EPIPE;
    default:
        return CLOUDABI_ENOMEM;
    }
}

/* *PASSED goes with the first byte and is NULL from then on. */
static cloudabi_errno_t stream_put(struct file *file, const struct user_vec *from,
                                   struct passed **passed, size_t *done)
{
    struct way *way = end_of(file)->out;
    cloudabi_errno_t error = 0;
    *done = 0;
    while (*done < from->total && error == 0) {
        enum step step = write_step(way, from, done, passed);
        if (*done < from->total)
            error = step_settle(step, file, way, from, *done, true);
    }
    return *done > 0 ? 0 : error;
}

static bool write_short_locked(struct way *way, const struct user_buf *from)
{
    struct ring *ring = &way->ring;
    size_t len = from->len;
    if (way->ended || way->refused || len > ring_room(ring) ||
        ring_index(ring->tail) >= ring->count)
        return false;
    uint8_t *to = ring_at(ring, ring->tail, &len);
    if (len < from->len || arch_copy_from_user_nofault(to, from->base.va, len) != 0)
        return false;
    ring->tail += len;
    return true;
}

static bool write_short(struct way *way, const struct user_vec *from)
{
    if (from->count != 1)
        return false;
    spinlock_lock(&way->lock);
    bool moved = write_short_locked(way, &from->buf[0]);
    spinlock_unlock(&way->lock);
    if (moved)
        wake(&way->readers);
    return moved;
}

static cloudabi_errno_t stream_write(struct file *file, const struct user_vec *from,
                                     const uint64_t *offset, size_t *done)
{
    struct passed *none = NULL;
    if (offset != NULL)
        return CLOUDABI_ESPIPE;
    *done = from->total;
    return write_short(end_of(file)->out, from) ? 0 : stream_put(file, from, &none, done);
}

static cloudabi_errno_t stream_send(struct file *file, struct sock_message *message)
{
    struct passed *passed = NULL;
    cloudabi_errno_t error = 0;
    if (message->files_count > 0 && message->data->total == 0)
        return CLOUDABI_EMSGSIZE; /* descriptors need a byte to go with */
    if (message->files_count > 0)
        error = pass_create(message, 0, &passed);
    if (error == 0)
        error = stream_put(file, message->data, &passed, &message->length);
    pass_release(passed);
    return error;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Copies what lies at POSITION, up to WANT bytes. */
static size_t pull_locked(const struct way *way, uint64_t position, const struct user_vec *to,
                          size_t skip, size_t want)
{
    size_t moved = 0;
    while (moved < want) {
        size_t len = want - moved;
        const uint8_t *from = ring_at(&way->ring, position + moved, &len);
        size_t n = user_vec_write_nofault(to, skip + moved, from, len);
        moved += n;
        if (n < len)
            break;
    }
    return moved;
}

struct take { /* one call of read or recv */
    const struct user_vec *to;
    size_t done;
    bool peek;
    bool room;             /* for descriptors */
    struct passed *passed; /* got */
    cloudabi_errno_t error;
};

/* Moves bytes; FIRST is the message that begins at the first of them, or NULL. */
static enum step take_locked(struct way *way, struct take *take, struct passed *first, uint64_t end)
{
    uint64_t at = way->ring.head + (take->peek ? take->done : 0);
    size_t left = take->to->total - take->done;
    size_t want = end - at < left ? (size_t)(end - at) : left;
    if (want > STREAM_PIECE)
        want = STREAM_PIECE;
    size_t moved = pull_locked(way, at, take->to, take->done, want);
    take->done += moved;
    if (take->peek || moved == 0)
        return moved < want ? STEP_FAULT : STEP_MORE;
    if (first != NULL) {
        pass_dequeue(&way->inbox, first);
        take->passed = first;
    }
    way->ring.head += moved;
    if (way->ring.head == way->ring.tail) {
        ring_empty_locked(&way->ring);
        return STEP_WAIT;
    }
    return moved < want ? STEP_FAULT : STEP_MORE;
}

static enum step read_step_locked(struct way *way, struct take *take)
{
    uint64_t at = way->ring.head + (take->peek ? take->done : 0), end = way->ring.tail;
    struct passed *first = pass_first(&way->inbox), *starts = NULL;
    while (take->peek && first != NULL && first->position < at)
        first =
            pass_next(&way->inbox, first); /* more than one if another reader has moved the head */
    if (at >= end)
        return way->ended || way->refused ? STEP_STOP : STEP_WAIT;
    if (first != NULL && first->position == at) {
        if (take->done > 0)
            return STEP_STOP;
        starts = first;
        first = pass_next(&way->inbox, first);
    }
    if (starts != NULL && take->peek && take->room) {
        take->error = CLOUDABI_ENOTSUP;
        return STEP_STOP;
    }
    return take_locked(way, take, starts, first != NULL ? first->position : end);
}

static enum step read_step(struct way *way, struct take *take)
{
    spinlock_lock(&way->lock);
    enum step step = read_step_locked(way, take);
    bool room = ring_room(&way->ring) >= STREAM_LOW_WATER;
    spinlock_unlock(&way->lock);
    if (room)
        wake(&way->writers);
    return step;
}

static cloudabi_errno_t stream_take(struct file *file, struct take *take, bool all)
{
    struct way *way = end_of(file)->in;
    cloudabi_errno_t error = 0;
    while (take->done < take->to->total && error == 0) {
        enum step step = read_step(way, take);
        if (step == STEP_STOP || (step == STEP_WAIT && take->done > 0 && !all))
            break;
        if (take->done < take->to->total)
            error = step_settle(step, file, way, take->to, take->done, false);
    }
    if (take->done > 0)
        return 0;
    return error != 0 ? error : take->error;
}

/* All that is there, if it lies in one page and comes without descriptors. STEP_WAIT: there is nothing yet;
 * STEP_STOP: the general way is to see to it. */
static enum step read_short_locked(struct way *way, const struct user_buf *to, size_t *done)
{
    struct ring *ring = &way->ring;
    size_t used = ring_used(ring), len = used < to->len ? used : to->len, piece = len;
    if (way->ended || way->refused || len == 0)
        return used == 0 && to->len > 0 && !way->ended && !way->refused ? STEP_WAIT : STEP_STOP;
    const uint8_t *from = ring_at(ring, ring->head, &piece);
    if (!list_empty(&way->inbox.messages) || piece < len ||
        arch_copy_to_user_nofault(to->base.va, from, len) != 0)
        return STEP_STOP;
    ring->head += len;
    if (len == used)
        ring_empty_locked(ring);
    *done = len;
    return STEP_MORE;
}

static enum step read_short(struct way *way, const struct user_vec *to, size_t *done)
{
    if (to->count != 1)
        return STEP_STOP;
    spinlock_lock(&way->lock);
    enum step step = read_short_locked(way, &to->buf[0], done);
    bool room = ring_room(&way->ring) >= STREAM_LOW_WATER;
    spinlock_unlock(&way->lock);
    if (room)
        wake(&way->writers);
    return step;
}

static cloudabi_errno_t stream_read(struct file *file, const struct user_vec *to,
                                    const uint64_t *offset, size_t *done)
{
    struct take take = {.to = to};
    struct way *way = end_of(file)->in;
    cloudabi_errno_t error = 0;
    enum step step;
    if (offset != NULL)
        return CLOUDABI_ESPIPE;
    while ((step = read_short(way, to, done)) == STEP_WAIT)
        if ((error = way_wait(file, way, false)) != 0)
            return error;
    if (step == STEP_MORE)
        return 0;
    error = stream_take(file, &take, false);
    pass_release(take.passed); /* read has no way to give descriptors */
    *done = take.done;
    return error;
}

static cloudabi_errno_t stream_recv(struct file *file, struct sock_message *message)
{
    struct take take = {
        .to = message->data,
        .peek = (message->flags & CLOUDABI_SOCK_RECV_PEEK) != 0,
        .room = message->files_count > 0,
    };
    bool all = (message->flags & CLOUDABI_SOCK_RECV_WAITALL) != 0 && !take.peek;
    cloudabi_errno_t error = stream_take(file, &take, all);
    message->length = take.done;
    message->result = 0;
    pass_deliver(take.passed, message);
    return error;
}

/* --- state ------------------------------------------------------------------------------------ */

static void stream_poll(struct file *file, bool write, struct waiter *waiter,
                        struct poll_state *state)
{
    struct way *way = write ? end_of(file)->out : end_of(file)->in;
    if (waiter != NULL)
        waitq_add(write ? &way->writers : &way->readers, waiter);
    spinlock_lock(&way->lock);
    bool over = way->ended || way->refused;
    state->nbytes = write ? ring_room(&way->ring) : ring_used(&way->ring);
    state->ready = over || (write ? state->nbytes >= STREAM_LOW_WATER : state->nbytes > 0);
    spinlock_unlock(&way->lock);
    if (over)
        state->flags |= CLOUDABI_EVENT_FD_READWRITE_HANGUP;
}

static cloudabi_errno_t stream_stat(struct file *file, cloudabi_filestat_t *out)
{
    *out = (cloudabi_filestat_t){.st_filetype = file->type, .st_nlink = 1};
    return 0;
}

/* No more is written into WAY; what is in it can still be read. */
static void way_end(struct way *way)
{
    spinlock_lock(&way->lock);
    way->ended = true;
    spinlock_unlock(&way->lock);
    wake(&way->readers);
    wake(&way->writers);
}

/* No more is read from WAY: what is in it goes. */
static void way_refuse(struct way *way)
{
    struct list dropped = LIST_INIT(dropped);
    spinlock_lock(&way->lock);
    way->refused = true;
    pass_drain(&way->inbox, &dropped);
    way->ring.head = way->ring.tail;
    ring_empty_locked(&way->ring);
    spinlock_unlock(&way->lock);
    wake(&way->readers);
    wake(&way->writers);
    pass_release_all(&dropped);
}

static cloudabi_errno_t stream_shutdown(struct file *file, cloudabi_sdflags_t how)
{
    struct stream_end *end = end_of(file);
    if (atomic_load(&end->pair->open) < 2)
        return CLOUDABI_ENOTCONN;
    if (how & CLOUDABI_SHUT_RD)
        way_refuse(end->in);
    if (how & CLOUDABI_SHUT_WR)
        way_end(end->out);
    return 0;
}

static void stream_free(struct stream *pair)
{
    struct job *job = pair->job;
    for (int i = 0; i < 2; i++)
        pages_keep_locked(&pair->way[i].ring, 0);
    slab_free(&stream_cache, pair);
    job_put(job);
}

static void stream_close(struct file *file)
{
    struct stream_end *end = end_of(file);
    way_refuse(end->in);
    way_end(end->out);
    if (atomic_fetch_sub(&end->pair->open, 1) == 1)
        stream_free(end->pair);
}

static const struct file_ops stream_ops = {
    .close = stream_close,
    .read = stream_read,
    .write = stream_write,
    .stat = stream_stat,
    .send = stream_send,
    .recv = stream_recv,
    .shutdown = stream_shutdown,
    .poll = stream_poll,
};

static void way_init(struct way *way, struct job *job)
{
    spinlock_init(&way->lock, RANK_SOCKET);
    waitq_init(&way->readers);
    waitq_init(&way->writers);
    way->job = job;
}

static struct stream *stream_alloc(struct job *job)
{
    struct stream *pair = slab_alloc(&stream_cache, job);
    if (pair == NULL)
        return NULL;
    pair->job = job_get(job);
    atomic_init(&pair->open, 2);
    for (int i = 0; i < 2; i++) {
        way_init(&pair->way[i], job);
        pair->end[i] = (struct stream_end){&pair->way[i], &pair->way[1 - i], pair};
    }
    return pair;
}

cloudabi_errno_t stream_create(struct job *job, struct file **a, struct file **b)
{
    struct stream *pair = stream_alloc(job);
    struct file *file[2] = {NULL, NULL};
    if (pair == NULL)
        return CLOUDABI_ENOMEM;
    for (int i = 0; i < 2; i++) {
        file[i] = file_create(job, CLOUDABI_FILETYPE_SOCKET_STREAM, &stream_ops, 0, &pair->end[i]);
        if (file[i] == NULL)
            goto no_memory;
        pass_queue_init(&pair->way[i].inbox, file[i]);
    }
    *a = file[0];
    *b = file[1];
    return 0;

no_memory:
    if (file[0] != NULL) {
        atomic_store(&pair->open, 1);
        file_put(file[0]);
    } else {
        stream_free(pair);
    }
    return CLOUDABI_ENOMEM;
}
