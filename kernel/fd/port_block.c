/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block devices of a service.
 *
 * Where the service drives the device (DMA port), a request is a list of {bus address, length}: the program's own
 * pages if its buffer begins at a sector's boundary, else frames of the kernel, and the bytes are copied.  The memory
 * is faulted in and pinned before the request takes a slot, so that what brings it in may itself need the device.
 * Otherwise the bytes travel in the payload. Long calls have several requests under way.
 *
 * Reads may begin and end anywhere; writes are whole sectors, since two writers of one sector would undo each other.
 * At the end of the device reads give fewer bytes; what a write beyond it gives says the service (EFBIG).
 */
#include "kernel/fd/port_priv.h"
#include "kernel/mm/transfer.h"

#define SECTOR       512u
#define REQUEST_MAX  (TRANSFER_PIECES * PAGE_SIZE)
#define FLIGHT_MAX   4u /* requests of one call at once */
#define AHEAD_MAX    (FLIGHT_MAX * REQUEST_MAX)
#define SECTOR_UP(n) (((n) + SECTOR - 1) & ~(size_t)(SECTOR - 1))

_Static_assert(TRANSFER_PIECES <= PORT_SEGMENTS_MAX, "a transfer is one request");
_Static_assert(PORT_SEGMENTS_MAX * sizeof(struct port_segment) <= PORT_PAYLOAD, "they fit");

/* A read or write of a program. */
struct block_io {
    struct file *file;
    const struct user_vec *vec;
    bool write;
    uint64_t at; /* where its first byte lies */
    size_t sent; /* bytes that requests were made for */
    size_t done; /* bytes from the first on that were moved */
    bool ended;  /* at an error, or the end of the device */
};

static struct port_node *node_of(const struct file *file)
{
    return file->data;
}

static bool takes_segments(const struct file *file)
{
    return __atomic_load_n(&node_of(file)->port->claims, __ATOMIC_RELAXED) != 0;
}

static enum port_op op_of(bool write)
{
    return write ? PORT_WRITE : PORT_READ;
}

/* --- one request ------------------------------------------------------------------------------ */

static size_t segments_of(const struct transfer *transfer, struct port_segment *segment)
{
    size_t total = 0;
    for (unsigned i = 0; i < transfer->count; i++) {
        const struct transfer_piece *piece = &transfer->piece[i];
        segment[i] =
            (struct port_segment){.bus = frame_phys(piece->frame) + piece->skip, .len = piece->len};
        total += piece->len;
    }
    return total;
}

/* Posts CALL, which was begun, with TRANSFER, which is its from now on: until the reply the device's, then its own
 * again. */
static cloudabi_errno_t segments_post(struct port_call *call, const struct file *file, uint64_t at,
                                      struct transfer *transfer)
{
    struct port_segment segment[TRANSFER_PIECES];
    call->transfer = transfer;
    call->request.flags = PORT_FLAG_SEGMENTS;
    call->request.a = at;
    call->request.b = transfer->count;
    call->request.len = (uint32_t)segments_of(transfer, segment);
    call->request.fdflags = file->flags;
    cloudabi_errno_t error = port_call_put(call, 0, segment, transfer->count * sizeof(*segment));
    return error != 0 ? error : port_call_post(call);
}

/* The reply: *MOVED bytes went to or came from the device. */
static cloudabi_errno_t segments_wait(struct port_call *call, size_t *moved)
{
    cloudabi_errno_t error = port_call_wait(call);
    if (error == 0 && call->reply->len > call->request.len)
        error = CLOUDABI_EIO;
    if (error == 0)
        *moved = call->reply->len;
    return error;
}

static void segments_end(struct port_call *call)
{
    if (call->transfer != NULL)
        transfer_destroy(call->transfer);
    port_call_end(call);
}

static cloudabi_errno_t segments_begin(struct port_call *call, struct file *file, bool write,
                                       uint64_t at, struct transfer *transfer)
{
    cloudabi_errno_t error = port_node_call(node_of(file), op_of(write), call);
    if (error != 0) {
        transfer_destroy(transfer);
        return error;
    }
    error = segments_post(call, file, at, transfer);
    if (error != 0)
        segments_end(call);
    return error;
}

/* --- programs: straight to and from their pages ------------------------------------------------- */

/* The requests of one call that are under way, in a ring. */
struct flight {
    struct port_call call[FLIGHT_MAX];
    unsigned first, count;
};

/* Pins as much as one request may have. NULL: nothing can be pinned, or *ERROR. Whoever holds slots must not wait for
 * memory, since what brings it in may need one: then only what is there is taken. */
static struct transfer *pin_next(const struct block_io *io, bool fault, cloudabi_errno_t *error)
{
    size_t rest = io->vec->total - io->sent;
    if ((io->at + io->sent) % SECTOR != 0)
        return NULL;
    struct transfer *transfer = transfer_create(node_of(io->file)->port->job);
    if (transfer == NULL) {
        *error = CLOUDABI_ENOMEM;
        return NULL;
    }
    if (fault) /* for those that follow, too; what cannot be had shows when it is pinned */
        (void)user_vec_touch(io->vec, io->sent, rest < AHEAD_MAX ? rest : AHEAD_MAX, !io->write);
    if (user_vec_pin(io->vec, io->sent, rest < REQUEST_MAX ? rest : REQUEST_MAX, !io->write, fault,
                     transfer) != 0)
        return transfer;
    transfer_destroy(transfer);
    return NULL;
}

static cloudabi_errno_t flight_begin(const struct flight *flight, const struct block_io *io,
                                     struct port_call *call)
{
    struct port_node *node = node_of(io->file);
    return flight->count == 0 ? port_node_call(node, op_of(io->write), call)
                              : port_node_call_more(node, op_of(io->write), call);
}

/* Sends one request more. False: there is none to send, or no room for it. The first waits for room. */
static bool flight_send(struct flight *flight, struct block_io *io, cloudabi_errno_t *error)
{
    struct port_call *call = &flight->call[(flight->first + flight->count) % FLIGHT_MAX];
    if (io->ended || io->sent == io->vec->total || flight->count == FLIGHT_MAX)
        return false;
    struct transfer *transfer = pin_next(io, flight->count == 0, error);
    if (transfer == NULL)
        return false;
    *error = flight_begin(flight, io, call);
    if (*error != 0) {
        transfer_destroy(transfer);
        if (*error == CLOUDABI_EAGAIN)
            *error = 0;
        return false;
    }
    *error = segments_post(call, io->file, io->at + io->sent, transfer);
    if (*error != 0) {
        segments_end(call);
        return false;
    }
    io->sent += call->request.len;
    flight->count++;
    return true;
}

/* Waits for the oldest request. */
static cloudabi_errno_t flight_take(struct flight *flight, struct block_io *io)
{
    struct port_call *call = &flight->call[flight->first];
    size_t moved = 0;
    cloudabi_errno_t error = segments_wait(call, &moved);
    segments_end(call);
    flight->first = (flight->first + 1) % FLIGHT_MAX;
    flight->count--;
    if (!io->ended)
        io->done += moved;
    io->ended |= error != 0 || moved < call->request.len;
    return error;
}

/* Moves all that can go straight from where IO stands. */
static cloudabi_errno_t move_pinned(struct block_io *io)
{
    struct flight flight;
    cloudabi_errno_t error = 0, first = 0;
    flight.first = flight.count = 0;
    for (;;) {
        while (error == 0 && flight_send(&flight, io, &error))
            ;
        if (flight.count == 0)
            break;
        cloudabi_errno_t taken = flight_take(&flight, io);
        first = first != 0 ? first : taken;
    }
    return first != 0 ? first : error;
}

/* --- programs: by way of frames ----------------------------------------------------------------- */

/* Frames for LEN bytes, or for as many as there is memory for. Returns that number. */
static size_t bounce_fill(struct transfer *transfer, size_t len)
{
    size_t have = 0;
    while (have < len) {
        struct frame *frame = frame_alloc(process_self()->job);
        if (frame == NULL)
            break;
        size_t piece = len - have < PAGE_SIZE ? len - have : PAGE_SIZE;
        transfer_add(transfer, frame, 0, (uint32_t)piece);
        frame_put(frame);
        have += piece;
    }
    return have;
}

/* Copies LEN bytes between the program's buffer and the frames from byte SKIP on. */
static cloudabi_errno_t bounce_copy(const struct block_io *io, const struct transfer *transfer,
                                    size_t skip, size_t len)
{
    cloudabi_errno_t error = 0;
    for (size_t done = 0; error == 0 && done < len;) {
        size_t at = (skip + done) % PAGE_SIZE, piece = PAGE_SIZE - at;
        char *data = (char *)frame_data(transfer->piece[(skip + done) / PAGE_SIZE].frame) + at;
        if (piece > len - done)
            piece = len - done;
        error = io->write ? user_vec_read(io->vec, io->sent + done, data, piece)
                          : user_vec_write(io->vec, io->sent + done, data, piece);
        done += piece;
    }
    return error;
}

/* Sends TRANSFER, filled for WANTED bytes of IO behind SKIP bytes of its sectors, and takes what came. */
static cloudabi_errno_t bounce_run(struct block_io *io, struct transfer *transfer, size_t skip,
                                   size_t wanted)
{
    struct port_call call;
    size_t moved = 0;
    cloudabi_errno_t error =
        segments_begin(&call, io->file, io->write, io->at + io->sent - skip, transfer);
    if (error != 0)
        return error;
    error = segments_wait(&call, &moved);
    moved = moved > skip ? moved - skip : 0;
    if (moved > wanted)
        moved = wanted;
    if (error == 0 && !io->write)
        error = bounce_copy(io, call.transfer, skip, moved);
    segments_end(&call);
    if (error != 0)
        return error;
    io->ended |= moved < wanted;
    io->sent += wanted;
    io->done += moved;
    return 0;
}

/* One request. Reads take the sectors that the bytes lie in. */
static cloudabi_errno_t move_bounced(struct block_io *io)
{
    struct transfer *transfer = transfer_create(node_of(io->file)->port->job);
    if (transfer == NULL)
        return CLOUDABI_ENOMEM;
    size_t rest = io->vec->total - io->sent, skip = (io->at + io->sent) % SECTOR;
    size_t len = rest < REQUEST_MAX - SECTOR ? SECTOR_UP(skip + rest) : REQUEST_MAX;
    size_t have = bounce_fill(transfer, len);
    size_t wanted = have - skip < rest ? have - skip : rest;
    cloudabi_errno_t error = have > 0 ? 0 : CLOUDABI_ENOMEM;
    if (error == 0 && io->write)
        error = bounce_copy(io, transfer, 0, wanted);
    if (error == 0)
        return bounce_run(io, transfer, skip, wanted);
    transfer_destroy(transfer);
    return error;
}

/* --- programs: by way of the payload ------------------------------------------------------------- */

static cloudabi_errno_t move_payload(struct block_io *io)
{
    struct port_call call;
    size_t rest = io->vec->total - io->sent, moved = 0;
    size_t len = rest < PORT_PAYLOAD ? rest : PORT_PAYLOAD;
    cloudabi_errno_t error = port_node_call(node_of(io->file), op_of(io->write), &call);
    if (error != 0)
        return error;
    call.request.a = io->at + io->sent;
    call.request.len = (uint32_t)len;
    call.request.fdflags = io->file->flags;
    if (io->write)
        error = port_call_put_user(&call, 0, io->vec, io->sent, len);
    if (error == 0)
        error = port_call_run(&call);
    if (error == 0 && call.reply->len > len)
        error = CLOUDABI_EIO;
    if (error == 0)
        moved = call.reply->len;
    if (error == 0 && !io->write)
        error = port_call_take_user(&call, 0, io->vec, io->sent, moved);
    port_call_end(&call);
    if (error != 0)
        return error;
    io->ended |= moved < len;
    io->sent += len;
    io->done += moved;
    return 0;
}

/* --- programs ----------------------------------------------------------------------------------- */

static cloudabi_errno_t block_io(struct block_io *io)
{
    bool segments = takes_segments(io->file);
    cloudabi_errno_t error = 0;
    while (error == 0 && !io->ended && io->sent < io->vec->total) {
        size_t before = io->sent;
        if (segments)
            error = move_pinned(io);
        if (error == 0 && !io->ended && io->sent == before)
            error = segments ? move_bounced(io) : move_payload(io);
    }
    return io->done > 0 ? 0 : error;
}

/* From OFFSET, or from the position, which moves on. */
static cloudabi_errno_t block_call(struct file *file, const struct user_vec *vec, bool write,
                                   const uint64_t *offset, size_t *done)
{
    struct block_io io = {.file = file, .vec = vec, .write = write};
    io.at = offset != NULL ? *offset : __atomic_load_n(&file->position, __ATOMIC_RELAXED);
    *done = 0;
    if (io.at > (uint64_t)INT64_MAX || vec->total > (uint64_t)INT64_MAX - io.at)
        return CLOUDABI_EINVAL;
    if (write && (io.at % SECTOR != 0 || vec->total % SECTOR != 0))
        return CLOUDABI_EINVAL;
    cloudabi_errno_t error = block_io(&io);
    *done = io.done;
    if (offset == NULL)
        __atomic_fetch_add(&file->position, io.done, __ATOMIC_RELAXED);
    return error;
}

cloudabi_errno_t port_block_read(struct file *file, const struct user_vec *to,
                                 const uint64_t *offset, size_t *done)
{
    return block_call(file, to, false, offset, done);
}

cloudabi_errno_t port_block_write(struct file *file, const struct user_vec *from,
                                  const uint64_t *offset, size_t *done)
{
    cloudabi_fdflags_t flags = file->flags;
    cloudabi_errno_t error = block_call(file, from, true, offset, done);
    if (error == 0 && (flags & (CLOUDABI_FDFLAG_SYNC | CLOUDABI_FDFLAG_DSYNC)) != 0)
        error = port_node_sync(node_of(file), (flags & CLOUDABI_FDFLAG_SYNC) == 0);
    return error;
}

/* --- pagers ----------------------------------------------------------------------------------- */

/* Copies LEN bytes from byte SKIP of the frames on into the payload (PUT), or back. */
static cloudabi_errno_t payload_copy(struct port_call *call, const struct transfer *transfer,
                                     size_t skip, size_t len, bool put)
{
    cloudabi_errno_t error = 0;
    size_t at = 0;
    for (unsigned i = 0; error == 0 && at < len; i++) {
        const struct transfer_piece *piece = &transfer->piece[i];
        if (skip >= piece->len) {
            skip -= piece->len;
            continue;
        }
        size_t here = piece->len - skip < len - at ? piece->len - skip : len - at;
        char *data = (char *)frame_data(piece->frame) + piece->skip + skip;
        error = put ? port_call_put(call, at, data, here) : port_call_take(call, at, data, here);
        at += here;
        skip = 0;
    }
    return error;
}

/* One request of at most PORT_PAYLOAD bytes: all of them or an error. */
static cloudabi_errno_t payload_run(struct file *file, bool write, uint64_t offset,
                                    const struct transfer *transfer, size_t skip, size_t len)
{
    struct port_call call;
    cloudabi_errno_t error = port_node_call(node_of(file), write ? PORT_WRITE : PORT_READ, &call);
    if (error != 0)
        return error;
    call.request.a = offset + skip;
    call.request.len = (uint32_t)len;
    if (write)
        error = payload_copy(&call, transfer, skip, len, true);
    if (error == 0)
        error = port_call_run(&call);
    if (error == 0 && call.reply->len != len)
        error = CLOUDABI_EIO;
    if (error == 0 && !write)
        error = payload_copy(&call, transfer, skip, len, false);
    port_call_end(&call);
    return error;
}

static size_t bytes_of(const struct transfer *transfer)
{
    size_t total = 0;
    for (unsigned i = 0; i < transfer->count; i++)
        total += transfer->piece[i].len;
    return total;
}

cloudabi_errno_t port_block_transfer(struct file *file, bool write, uint64_t offset,
                                     struct transfer *transfer)
{
    size_t total = bytes_of(transfer), moved = 0;
    cloudabi_errno_t error = 0;
    if (takes_segments(file)) {
        struct port_call call;
        error = segments_begin(&call, file, write, offset, transfer);
        if (error != 0)
            return error;
        error = segments_wait(&call, &moved);
        segments_end(&call);
        return error == 0 && moved < total ? CLOUDABI_EIO : error;
    }
    for (; error == 0 && moved < total; moved += PORT_PAYLOAD) {
        size_t len = total - moved < PORT_PAYLOAD ? total - moved : PORT_PAYLOAD;
        error = payload_run(file, write, offset, transfer, moved, len);
    }
    transfer_destroy(transfer);
    return error;
}
