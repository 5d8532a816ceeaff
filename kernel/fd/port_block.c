/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block devices of a service.
 *
 * Where the service drives the device (DMA port), a request is a list of {bus address, length}: the program's own
 * pages if its buffer begins at a sector's boundary, else frames of the kernel, and the bytes are copied.  The memory
 * is faulted in and pinned before the request takes a slot, so that what brings it in may itself need the device.
 * Otherwise the bytes travel in the payload.
 *
 * Reads may begin and end anywhere; writes are whole sectors, since two writers of one sector would undo each other.
 * At the end of the device reads give fewer bytes; what a write beyond it gives says the service (EFBIG).
 */
#include "kernel/fd/port_priv.h"
#include "kernel/mm/transfer.h"

#define SECTOR       512u
#define REQUEST_MAX  (TRANSFER_PIECES * PAGE_SIZE)
#define SECTOR_UP(n) (((n) + SECTOR - 1) & ~(size_t)(SECTOR - 1))

_Static_assert(TRANSFER_PIECES <= PORT_SEGMENTS_MAX, "a transfer is one request");
_Static_assert(PORT_SEGMENTS_MAX * sizeof(struct port_segment) <= PORT_PAYLOAD, "they fit");

/* A read or write of a program. */
struct block_io {
    struct file *file;
    const struct user_vec *vec;
    bool write;
    uint64_t at; /* of the next byte */
    size_t done;
};

static struct port_node *node_of(const struct file *file)
{
    return file->data;
}

static bool takes_segments(const struct file *file)
{
    return __atomic_load_n(&node_of(file)->port->claims, __ATOMIC_RELAXED) != 0;
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

/* *MOVED bytes went to or came from AT. *TRANSFER is NULL afterwards if the device still has it. */
static cloudabi_errno_t segments_run(struct file *file, bool write, uint64_t at,
                                     struct transfer **transfer, size_t *moved)
{
    struct port_segment segment[TRANSFER_PIECES];
    struct port_call call;
    size_t total = segments_of(*transfer, segment);
    cloudabi_errno_t error = port_node_call(node_of(file), write ? PORT_WRITE : PORT_READ, &call);
    if (error != 0)
        return error;
    call.request.flags = PORT_FLAG_SEGMENTS;
    call.request.a = at;
    call.request.b = (*transfer)->count;
    call.request.len = (uint32_t)total;
    call.request.fdflags = file->flags;
    call.transfer = *transfer;
    error = port_call_put(&call, 0, segment, (*transfer)->count * sizeof(*segment));
    if (error == 0)
        error = port_call_run(&call);
    *transfer = call.transfer;
    if (error == 0 && call.reply->len > total)
        error = CLOUDABI_EIO;
    if (error == 0)
        *moved = call.reply->len;
    port_call_end(&call);
    return error;
}

/* --- programs --------------------------------------------------------------------------------- */

/* As much as can go straight to or from the program's pages: *MOVED of *WANTED bytes; 0 of 0 if nothing can. */
static cloudabi_errno_t move_pinned(struct block_io *io, size_t *wanted, size_t *moved)
{
    struct transfer *transfer = transfer_create(node_of(io->file)->port->job);
    if (transfer == NULL)
        return CLOUDABI_ENOMEM;
    size_t rest = io->vec->total - io->done;
    cloudabi_errno_t error = 0;
    if (io->at % SECTOR == 0)
        *wanted = user_vec_pin(io->vec, io->done, rest < REQUEST_MAX ? rest : REQUEST_MAX,
                               !io->write, transfer);
    if (*wanted != 0)
        error = segments_run(io->file, io->write, io->at, &transfer, moved);
    if (transfer != NULL)
        transfer_destroy(transfer);
    return error;
}

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
        error = io->write ? user_vec_read(io->vec, io->done + done, data, piece)
                          : user_vec_write(io->vec, io->done + done, data, piece);
        done += piece;
    }
    return error;
}

/* The same by way of frames. Reads take the sectors that the bytes lie in. */
static cloudabi_errno_t move_bounced(struct block_io *io, size_t *wanted, size_t *moved)
{
    struct transfer *transfer = transfer_create(node_of(io->file)->port->job);
    if (transfer == NULL)
        return CLOUDABI_ENOMEM;
    size_t rest = io->vec->total - io->done, skip = io->at % SECTOR, got = 0;
    size_t len = rest < REQUEST_MAX - SECTOR ? SECTOR_UP(skip + rest) : REQUEST_MAX;
    size_t have = bounce_fill(transfer, len);
    *wanted = have - skip < rest ? have - skip : rest;
    cloudabi_errno_t error = have > 0 ? 0 : CLOUDABI_ENOMEM;
    if (error == 0 && io->write)
        error = bounce_copy(io, transfer, 0, *wanted);
    if (error == 0)
        error = segments_run(io->file, io->write, io->at - skip, &transfer, &got);
    if (error == 0) {
        got = got > skip ? got - skip : 0;
        *moved = got < *wanted ? got : *wanted;
        if (!io->write)
            error = bounce_copy(io, transfer, skip, *moved);
    }
    if (transfer != NULL)
        transfer_destroy(transfer);
    return error;
}

static cloudabi_errno_t block_io(struct block_io *io)
{
    cloudabi_errno_t error = 0;
    while (io->done < io->vec->total) {
        size_t wanted = 0, moved = 0;
        error = move_pinned(io, &wanted, &moved);
        if (error == 0 && wanted == 0)
            error = move_bounced(io, &wanted, &moved);
        if (error != 0)
            break;
        io->done += moved;
        io->at += moved;
        if (moved < wanted) /* the end of the device */
            break;
    }
    return io->done > 0 ? 0 : error;
}

/* From OFFSET, or from the position, which moves on. */
static cloudabi_errno_t block_call(struct file *file, const struct user_vec *vec, bool write,
                                   const uint64_t *offset, size_t *done)
{
    struct block_io io = {.file = file, .vec = vec, .write = write};
    io.at = offset != NULL ? *offset : __atomic_load_n(&file->position, __ATOMIC_RELAXED);
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
    *done = 0;
    return takes_segments(file) ? block_call(file, to, false, offset, done)
                                : port_payload_read(file, to, offset, done);
}

cloudabi_errno_t port_block_write(struct file *file, const struct user_vec *from,
                                  const uint64_t *offset, size_t *done)
{
    *done = 0;
    cloudabi_fdflags_t flags = file->flags;
    cloudabi_errno_t error = takes_segments(file) ? block_call(file, from, true, offset, done)
                                                  : port_payload_write(file, from, offset, done);
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
        error = segments_run(file, write, offset, &transfer, &moved);
        if (error == 0 && moved < total)
            error = CLOUDABI_EIO;
    } else {
        for (; error == 0 && moved < total; moved += PORT_PAYLOAD) {
            size_t len = total - moved < PORT_PAYLOAD ? total - moved : PORT_PAYLOAD;
            error = payload_run(file, write, offset, transfer, moved, len);
        }
    }
    if (transfer != NULL)
        transfer_destroy(transfer);
    return error;
}
