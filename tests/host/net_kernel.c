/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/net_kernel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/cloudabi_syscalls.h"

struct net_kernel net_kernel;

static uint8_t *region(void)
{
    return (uint8_t *)net_kernel.header;
}

static struct port_slot *slot_at(uint32_t slot)
{
    return (struct port_slot *)(region() + PORT_SLOT_OFFSET) + slot;
}

static uint8_t *payload_at(uint32_t slot)
{
    return region() + PORT_PAYLOAD_OFFSET + (size_t)slot * PORT_PAYLOAD;
}

static struct port_channel *channel_at(unsigned channel)
{
    return (struct port_channel *)(region() + PORT_CONTROL_OFFSET) + channel;
}

static uint8_t *ring_at(unsigned channel)
{
    return region() + PORT_CHANNEL_OFFSET + (size_t)channel * 2 * PORT_RING_MAX;
}

void net_kernel_start(struct server *server, const struct server_ops *ops, void *context)
{
    memset(&net_kernel, 0, sizeof(net_kernel));
    net_kernel.header = mmap(NULL, PORT_REGION_SIZE, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (net_kernel.header == MAP_FAILED)
        abort();
    net_kernel.header->magic = PORT_MAGIC;
    net_kernel.header->version = PORT_VERSION;
    if (server_init(server, 3, ops, context, true) != 0)
        abort();
}

void net_kernel_stop(void)
{
    munmap(net_kernel.header, PORT_REGION_SIZE);
}

uint32_t fake_request(struct port_request request, const char *path, const void *data,
                      size_t length)
{
    uint32_t slot = (uint32_t)__builtin_ctzll(~net_kernel.busy);
    net_kernel.busy |= 1ull << slot;
    request.tag = (uint64_t)++net_kernel.generation << 32 | slot;
    request.path_len = path != NULL ? (uint16_t)strlen(path) : 0;
    if (request.path_len != 0)
        memcpy(payload_at(slot), path, request.path_len);
    if (data != NULL) {
        memcpy(payload_at(slot) + request.path_len, data, length);
        request.len = (uint32_t)length;
    }
    slot_at(slot)->request = request;
    net_kernel.header->req[net_kernel.req_tail++ % PORT_SLOTS] = slot;
    net_kernel.header->req_tail = net_kernel.req_tail;
    return slot;
}

bool fake_reply(uint32_t slot, struct port_reply *reply, uint8_t *payload)
{
    if (net_kernel.busy & 1ull << slot)
        return false;
    *reply = slot_at(slot)->reply;
    if (reply->error == 0 && reply->form == PORT_FORM_STREAM)
        net_kernel.released[reply->a] = false;
    if (payload != NULL)
        memcpy(payload, payload_at(slot), PORT_PAYLOAD);
    return true;
}

void fake_flush(uint32_t slot)
{
    net_kernel.header->flush_pending |= 1ull << slot;
}

static void run_command(struct port_command *command)
{
    if (command->op == PORT_CMD_ABORT)
        net_kernel.aborted[command->a] = (cloudabi_errno_t)command->b;
    if (command->op == PORT_CMD_RELEASE)
        net_kernel.released[command->a] = true;
    if (command->op != PORT_CMD_MINT)
        return;
    if (net_kernel.mint_count == FAKE_MINTS)
        abort();
    net_kernel.mints[net_kernel.mint_count] =
        (struct fake_mint){command->form, command->type, command->node, command->a};
    command->fd = FAKE_MINT_FD + (int)net_kernel.mint_count++;
    command->error = 0;
}

static void deliver(void)
{
    struct port_header *header = net_kernel.header;
    while (net_kernel.rep_head != header->rep_tail) {
        uint32_t slot = header->rep[net_kernel.rep_head++ % PORT_SLOTS];
        if ((net_kernel.busy & 1ull << slot) == 0 ||
            slot_at(slot)->reply.tag != slot_at(slot)->request.tag)
            abort(); /* a violation */
        net_kernel.busy &= ~(1ull << slot);
    }
    header->rep_head = net_kernel.rep_head;
    while (net_kernel.cmd_head != header->cmd_tail)
        run_command((struct port_command *)(region() + PORT_COMMAND_OFFSET) +
                    net_kernel.cmd_head++ % PORT_COMMANDS);
    header->cmd_head = net_kernel.cmd_head;
}

static void mark(unsigned channel)
{
    net_kernel.header->channel_pending[channel / 64] |= 1ull << channel % 64;
    net_kernel.header->channel_any |= 1ull << channel / 64;
}

size_t fake_write(unsigned channel, const void *bytes, size_t length)
{
    struct port_channel *control = channel_at(channel);
    size_t done = 0;
    uint32_t limit = control->in_limit != 0 ? control->in_limit : control->in_size;
    while (done < length && control->in_tail - control->in_head < limit)
        ring_at(channel)[control->in_tail++ % control->in_size] = ((const uint8_t *)bytes)[done++];
    if (control->server_waits & PORT_EVENT_READ)
        mark(channel);
    return done;
}

size_t fake_read(unsigned channel, void *bytes, size_t length)
{
    struct port_channel *control = channel_at(channel);
    const uint8_t *ring = ring_at(channel) + PORT_RING_MAX;
    size_t done = 0;
    while (done < length && control->out_head != control->out_tail)
        ((uint8_t *)bytes)[done++] = ring[control->out_head++ % control->out_size];
    if (control->server_waits & PORT_EVENT_WRITE)
        mark(channel);
    return done;
}

bool fake_eof(unsigned channel)
{
    struct port_channel *control = channel_at(channel);
    return (control->server_flags & PORT_SERVER_EOF) != 0 && control->out_head == control->out_tail;
}

void fake_client_flag(unsigned channel, uint32_t flag)
{
    channel_at(channel)->client_flags |= flag;
    mark(channel);
}

bool fake_released(unsigned channel)
{
    return net_kernel.released[channel];
}

/* --- descriptors ------------------------------------------------------------------------------ */

static struct fake_pair *pair_of(cloudabi_fd_t fd, unsigned *end)
{
    if (fd < FAKE_PAIR_FD || fd >= FAKE_PAIR_FD + 2 * net_kernel.pair_count)
        return NULL;
    *end = (fd - FAKE_PAIR_FD) % 2;
    return &net_kernel.pairs[(fd - FAKE_PAIR_FD) / 2];
}

bool fake_receive(cloudabi_fd_t fd, struct fake_message *message)
{
    unsigned end;
    struct fake_pair *pair = pair_of(fd, &end);
    if (pair == NULL || pair->count[end] == 0)
        return false;
    *message = pair->queue[end][0];
    memmove(&pair->queue[end][0], &pair->queue[end][1],
            --pair->count[end] * sizeof(pair->queue[end][0]));
    return true;
}

static bool enqueue(struct fake_pair *pair, unsigned end, const struct fake_message *message)
{
    if (pair->count[end] >= pair->limit)
        return false;
    pair->queue[end][pair->count[end]++] = *message;
    return true;
}

void fake_send(cloudabi_fd_t fd, const void *bytes, size_t length)
{
    unsigned end;
    struct fake_pair *pair = pair_of(fd, &end);
    struct fake_message message = {.length = length};
    memcpy(message.bytes, bytes, length);
    if (pair == NULL || !enqueue(pair, 1 - end, &message))
        abort();
}

/* --- the system calls --------------------------------------------------------------------------- */

cloudabi_errno_t cloudabi_sys_mem_map(void *addr, size_t len, cloudabi_mprot_t prot,
                                      cloudabi_mflags_t flags, cloudabi_fd_t fd,
                                      cloudabi_filesize_t off, void **mem)
{
    (void)addr, (void)len, (void)prot, (void)flags, (void)fd, (void)off;
    *mem = net_kernel.header;
    return 0;
}

cloudabi_errno_t cloudabi_sys_fd_read(cloudabi_fd_t fd, const cloudabi_iovec_t *iovs,
                                      size_t iovs_len, size_t *nread)
{
    (void)fd, (void)iovs, (void)iovs_len;
    deliver();
    *nread = 0;
    return 0;
}

cloudabi_errno_t cloudabi_sys_fd_write(cloudabi_fd_t fd, const cloudabi_ciovec_t *iovs,
                                       size_t iovs_len, size_t *nwritten)
{
    (void)fd, (void)iovs, (void)iovs_len;
    deliver();
    *nwritten = 0;
    return 0;
}

cloudabi_errno_t cloudabi_sys_fd_create2(cloudabi_filetype_t type, cloudabi_fd_t *fd1,
                                         cloudabi_fd_t *fd2)
{
    (void)type;
    if (net_kernel.pair_count == FAKE_PAIRS)
        return CLOUDABI_EMFILE;
    net_kernel.pairs[net_kernel.pair_count].limit = FAKE_MESSAGES;
    *fd1 = FAKE_PAIR_FD + 2 * net_kernel.pair_count++;
    *fd2 = *fd1 + 1;
    return 0;
}

cloudabi_errno_t cloudabi_sys_fd_close(cloudabi_fd_t fd)
{
    (void)fd;
    return 0;
}

cloudabi_errno_t cloudabi_sys_fd_stat_put(cloudabi_fd_t fd, const cloudabi_fdstat_t *buf,
                                          cloudabi_fdsflags_t flags)
{
    (void)fd, (void)buf, (void)flags;
    return 0;
}

/* Answers one question only: is there room on a pair? */
cloudabi_errno_t cloudabi_sys_poll(const cloudabi_subscription_t *in, cloudabi_event_t *out,
                                   size_t nsubscriptions, size_t *nevents)
{
    unsigned end;
    (void)nsubscriptions;
    *nevents = 0;
    struct fake_pair *pair = pair_of(in[0].fd_readwrite.fd, &end);
    if (pair != NULL && pair->count[1 - end] < pair->limit) {
        out[0] = (cloudabi_event_t){.type = CLOUDABI_EVENTTYPE_FD_WRITE};
        *nevents = 1;
    }
    return 0;
}

cloudabi_errno_t cloudabi_sys_sock_send(cloudabi_fd_t sock, const cloudabi_send_in_t *in,
                                        cloudabi_send_out_t *out)
{
    unsigned end;
    struct fake_pair *pair = pair_of(sock, &end);
    struct fake_message message = {.fd_count = in->si_fds_len};
    for (size_t i = 0; i < in->si_data_len; i++) {
        memcpy(message.bytes + message.length, in->si_data[i].buf, in->si_data[i].buf_len);
        message.length += in->si_data[i].buf_len;
    }
    if (in->si_fds_len != 0)
        memcpy(message.fds, in->si_fds, in->si_fds_len * sizeof(message.fds[0]));
    if (pair == NULL || !enqueue(pair, 1 - end, &message))
        return CLOUDABI_EAGAIN;
    out->so_datalen = message.length;
    return 0;
}

cloudabi_errno_t cloudabi_sys_sock_recv(cloudabi_fd_t sock, const cloudabi_recv_in_t *in,
                                        cloudabi_recv_out_t *out)
{
    struct fake_message message;
    if (!fake_receive(sock, &message))
        return CLOUDABI_EAGAIN;
    memcpy(in->ri_data[0].buf, message.bytes,
           message.length < in->ri_data[0].buf_len ? message.length : in->ri_data[0].buf_len);
    *out = (cloudabi_recv_out_t){.ro_datalen = message.length};
    return 0;
}
