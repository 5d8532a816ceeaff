/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serial/com1 and serial/com2: raw bytes.  Input comes by interrupt into a ring; when the ring is full the
 * interrupt is turned off and the sender is held up, so nothing is lost that the wire can hold back.
 * Output is polled: a writer sleeps while the wire is busy, so nothing is lost and others run.  Pieces of up to CHUNK
 * bytes of one writer stay together.  Anybody who has the port open shares the input.
 */
#include "kernel/dev/serial.h"

#include "kernel/arch/x86_64/irq.h"
#include "kernel/arch/x86_64/uart.h"
#include "kernel/debug/log.h"
#include "kernel/dev/knode_table.h"
#include "kernel/job/job.h"
#include "kernel/lib/random.h"
#include "kernel/sched/sched.h"
#include "kernel/sync/mutex.h"

#define RING    4096u
#define CHUNK   256u
#define WIRE_NS 500000u /* about half of what a full FIFO takes */

struct serial {
    unsigned which;       /* constant */
    bool present;         /* constant after boot */
    struct spinlock lock; /* RANK_FILE */
    struct mutex writing;
    struct waitq readers;
    uint8_t ring[RING];  /* lock */
    uint32_t head, tail; /* lock: written and read so far */
    bool listening;      /* lock: the interrupt is on */
};

static struct serial ports[UARTS];

static void receive_locked(struct serial *s)
{
    uint8_t byte;
    while (s->head - s->tail < RING && uart_read(s->which, &byte))
        s->ring[s->head++ % RING] = byte;
    bool room = s->head - s->tail < RING;
    if (room != s->listening)
        uart_enable_interrupt(s->which, room);
    s->listening = room;
}

static void interrupt(void *arg)
{
    struct serial *s = arg;
    spinlock_lock(&s->lock);
    receive_locked(s);
    spinlock_unlock(&s->lock);
    random_stir(s->head);
    waitq_wake_all(&s->readers);
}

static void port_init(struct serial *s, unsigned which)
{
    s->which = which;
    spinlock_init(&s->lock, RANK_FILE);
    mutex_init(&s->writing);
    waitq_init(&s->readers);
    s->present = uart_init(which);
    int vector = s->present ? arch_irq_alloc(interrupt, s) : -1;
    if (vector < 0 || !arch_irq_route_isa(uart_irq(which), vector)) {
        klog("serial: com%u: no input", which + 1);
        return;
    }
    spinlock_lock(&s->lock);
    receive_locked(s);
    spinlock_unlock(&s->lock);
}

void serial_init(void)
{
    for (unsigned i = 0; i < UARTS; i++)
        port_init(&ports[i], i);
}

/* --- files ----------------------------------------------------------------------------------------- */

static size_t take(struct serial *s, char *to, size_t len)
{
    size_t n = 0;
    spinlock_lock(&s->lock);
    while (n < len && s->tail != s->head)
        to[n++] = (char)s->ring[s->tail++ % RING];
    if (n > 0)
        receive_locked(s);
    spinlock_unlock(&s->lock);
    return n;
}

static bool has_input(struct serial *s)
{
    spinlock_lock(&s->lock);
    bool has = s->head != s->tail;
    spinlock_unlock(&s->lock);
    return has;
}

static cloudabi_errno_t wait_input(struct serial *s)
{
    struct waiter waiter;
    cloudabi_errno_t error = 0;
    waitq_add(&s->readers, &waiter);
    while (!has_input(s) && error == 0)
        error = thread_park(UINT64_MAX);
    waitq_remove(&waiter);
    return error;
}

static cloudabi_errno_t serial_read(struct file *file, const struct user_vec *to,
                                    const uint64_t *offset, size_t *done)
{
    struct serial *s = file->data;
    char piece[CHUNK];
    *done = 0;
    if (offset != NULL)
        return CLOUDABI_ESPIPE;
    size_t want = to->total < CHUNK ? to->total : CHUNK, n;
    if (want == 0)
        return 0;
    while ((n = take(s, piece, want)) == 0) {
        if (atomic_load(&file->flags) & CLOUDABI_FDFLAG_NONBLOCK)
            return CLOUDABI_EAGAIN;
        cloudabi_errno_t error = wait_input(s);
        if (error != 0)
            return error;
    }
    cloudabi_errno_t error = user_vec_write(to, 0, piece, n);
    *done = error == 0 ? n : 0;
    return error;
}

static cloudabi_errno_t send_piece(struct serial *s, const char *piece, size_t len)
{
    cloudabi_errno_t error = mutex_lock_killable(&s->writing);
    if (error != 0)
        return error;
    for (size_t n = 0, sent; error != CLOUDABI_EINTR && n < len; n += sent) {
        sent = uart_try_write(s->which, piece + n, len - n);
        if (sent == 0)
            error = thread_park(arch_clock_monotonic() + WIRE_NS);
    }
    mutex_unlock(&s->writing);
    return error == CLOUDABI_EINTR ? error : 0;
}

static cloudabi_errno_t serial_write(struct file *file, const struct user_vec *from,
                                     const uint64_t *offset, size_t *done)
{
    struct serial *s = file->data;
    char piece[CHUNK];
    *done = 0;
    if (offset != NULL)
        return CLOUDABI_ESPIPE;
    while (*done < from->total) {
        size_t n = from->total - *done < CHUNK ? from->total - *done : CHUNK;
        cloudabi_errno_t error = user_vec_read(from, *done, piece, n);
        if (error == 0)
            error = send_piece(s, piece, n);
        if (error != 0)
            return *done > 0 ? 0 : error;
        *done += n;
        sched_point();
    }
    return 0;
}

static void serial_poll(struct file *file, bool write, struct waiter *waiter,
                        struct poll_state *state)
{
    struct serial *s = file->data;
    *state = (struct poll_state){.ready = true};
    if (write)
        return;
    if (waiter != NULL)
        waitq_add(&s->readers, waiter);
    spinlock_lock(&s->lock);
    state->nbytes = s->head - s->tail;
    spinlock_unlock(&s->lock);
    state->ready = state->nbytes > 0;
}

static cloudabi_errno_t serial_stat(struct file *file, cloudabi_filestat_t *out)
{
    *out = (cloudabi_filestat_t){.st_filetype = file->type, .st_nlink = 1};
    return 0;
}

static const struct file_ops serial_file_ops = {
    .read = serial_read,
    .write = serial_write,
    .poll = serial_poll,
    .stat = serial_stat,
};

static cloudabi_errno_t serial_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                    struct job *job, struct file **out)
{
    struct serial *s = &ports[(uintptr_t)node->data];
    (void)write;
    if (!s->present)
        return CLOUDABI_ENODEV;
    *out = file_create(job, node->type, &serial_file_ops, flags, s);
    return *out != NULL ? 0 : CLOUDABI_ENOMEM;
}

const struct knode_ops serial_ops = {.open = serial_open};
