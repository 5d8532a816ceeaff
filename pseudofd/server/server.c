/* SPDX-License-Identifier: BSD-2-Clause */
/* The request loop: rings in, calls out, replies back. */
#include "pseudofd/server/server.h"

#include <string.h>

#include "abi/cloudabi_syscalls.h"
#include "pseudofd/server/region.h"

/* Which function serves an operation, and what a missing one answers. */
struct dispatch {
    size_t offset;
    cloudabi_errno_t missing;
};

#define SERVED(op, member, error) [op] = {offsetof(struct server_ops, member) + 1, error}

static const struct dispatch dispatch_table[PORT_OPS] = {
    SERVED(PORT_OPEN, open, CLOUDABI_ENOENT),
    SERVED(PORT_WALK, walk, CLOUDABI_ENOENT),
    SERVED(PORT_STAT, stat, CLOUDABI_ENOENT),
    SERVED(PORT_PUTATTR, put_attr, CLOUDABI_EPERM),
    SERVED(PORT_MKDIR, mkdir, CLOUDABI_EROFS),
    SERVED(PORT_SYMLINK, symlink, CLOUDABI_EROFS),
    SERVED(PORT_UNLINK, unlink, CLOUDABI_EROFS),
    SERVED(PORT_READLINK, readlink, CLOUDABI_EINVAL),
    SERVED(PORT_LINK, link, CLOUDABI_EROFS),
    SERVED(PORT_RENAME, rename, CLOUDABI_EROFS),
    SERVED(PORT_GETATTR, get_attr, CLOUDABI_EIO),
    SERVED(PORT_SETATTR, set_attr, CLOUDABI_EPERM),
    SERVED(PORT_READDIR, readdir, 0),
    SERVED(PORT_READ, read, CLOUDABI_EBADF),
    SERVED(PORT_WRITE, write, CLOUDABI_EBADF),
    SERVED(PORT_SYNC, sync, 0),
    SERVED(PORT_REOPEN, reopen, CLOUDABI_ESTALE),
    SERVED(PORT_FORGET, forget, 0),
    SERVED(PORT_PAGE_IN, page_in, CLOUDABI_EIO),
    SERVED(PORT_PAGE_OUT, page_out, CLOUDABI_EIO),
    SERVED(PORT_RESERVE, reserve, CLOUDABI_EIO),
    SERVED(PORT_WROTE, wrote, 0),
};

/* Stands in for a function that the service does not have. */
static cloudabi_errno_t call_missing(struct server *server, struct call *call)
{
    unsigned op = call->request.op;
    (void)server;
    return op < PORT_OPS && dispatch_table[op].offset != 0 ? dispatch_table[op].missing
                                                           : CLOUDABI_ENOSYS;
}

static void find_functions(struct server *server, const struct server_ops *ops)
{
    for (unsigned op = 0; op < PORT_OPS; op++) {
        call_function **function = &server->serve[op];
        if (dispatch_table[op].offset != 0)
            memcpy(function, (const char *)ops + dispatch_table[op].offset - 1, sizeof(*function));
        if (*function == NULL)
            *function = call_missing;
    }
}

cloudabi_errno_t server_init(struct server *server, int port, const struct server_ops *ops,
                             void *context, bool streams)
{
    void *map = NULL;
    cloudabi_errno_t error =
        cloudabi_sys_mem_map(NULL, streams ? PORT_REGION_SIZE : PORT_REGION_SMALL,
                             CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE, CLOUDABI_MAP_SHARED,
                             (cloudabi_fd_t)port, 0, &map);
    if (error != 0)
        return error;
    memset(server, 0, sizeof(*server));
    server->port = port;
    server->ops = ops;
    find_functions(server, ops);
    server->context = context;
    server->header = map;
    if (server->header->magic != PORT_MAGIC || server->header->version != PORT_VERSION)
        return CLOUDABI_EPROTO;
    server->req_head = load_acquire(&server->header->req_head);
    server->rep_tail = load_acquire(&server->header->rep_tail);
    server->cmd_tail = load_acquire(&server->header->cmd_tail);
    return 0;
}

/* Operations whose request and reply fill only the first part of their structures. */
static inline bool is_short(unsigned op)
{
    return op > PORT_SETATTR && op != PORT_REOPEN;
}

#define REPLY_SHORT offsetof(struct port_reply, attr)

/* Copies the request out of the slot and points at its payload. The kernel is trusted to have kept lengths
 * within the payload. */
static inline void call_begin(struct server *server, uint32_t slot, struct call *call)
{
    const struct port_request *request = &region_slot(server, slot)->request;
    uint8_t *payload = region_payload(server, slot);
    call->server = server;
    call->payload = payload;
    call->path = (const char *)payload;
    if (is_short(request->op)) { /* without paths */
        memcpy(&call->request, request, PORT_REQUEST_SHORT);
        memset(&call->reply, 0, REPLY_SHORT);
        call->path2 = (const char *)payload;
        call->path_len = call->path2_len = 0;
        call->data = payload;
    } else {
        call->request = *request;
        memset(&call->reply, 0, sizeof(call->reply));
        call->path_len = call->request.path_len;
        call->path2 = call->path + call->path_len;
        call->path2_len = call->request.path2_len;
        call->data = (const uint8_t *)call->path2 + call->path2_len;
    }
    call->data_len = call->request.len;
    call->reply.tag = call->request.tag;
    call->reply.fd[0] = call->reply.fd[1] = -1;
}

void call_resume(struct server *server, uint64_t tag, struct call *call)
{
    memset(call, 0, sizeof(*call));
    call->server = server;
    call->request.tag = tag;
    call->payload = region_payload(server, (uint32_t)tag % PORT_SLOTS);
    call->reply.tag = tag;
    call->reply.fd[0] = call->reply.fd[1] = -1;
}

/* There is room: at most PORT_SLOTS replies can be outstanding and the ring has that many entries. */
static inline void post_reply(struct server *server, struct call *call, cloudabi_errno_t error)
{
    struct port_header *header = server->header;
    uint32_t slot = (uint32_t)call->reply.tag % PORT_SLOTS, tail = server->rep_tail;
    call->reply.error = error;
    server->deferred &= ~(1ull << slot);
    if (is_short(call->request.op))
        memcpy(&region_slot(server, slot)->reply, &call->reply, REPLY_SHORT);
    else
        region_slot(server, slot)->reply = call->reply;
    header->rep[tail % PORT_SLOTS] = slot;
    server->rep_tail = tail + 1;
    store_release(&header->rep_tail, tail + 1);
    server->dirty = true;
}

void call_finish(struct call *call, cloudabi_errno_t error)
{
    post_reply(call->server, call, error);
}

static void serve_one(struct server *server, uint32_t slot)
{
    struct call call;
    call_begin(server, slot, &call);
    server->generation[slot] = (uint32_t)(call.request.tag >> 32);
    server->deferred |= 1ull << slot; /* before: the function may finish it itself */
    unsigned op = call.request.op;
    cloudabi_errno_t error = (op < PORT_OPS ? server->serve[op] : call_missing)(server, &call);
    if (error != CALL_DEFERRED)
        post_reply(server, &call, error);
}

static unsigned serve_requests(struct server *server)
{
    struct port_header *header = server->header;
    unsigned served = 0;
    while (server->req_head != load_acquire(&header->req_tail)) {
        uint32_t slot = header->req[server->req_head % PORT_SLOTS] % PORT_SLOTS;
        server->req_head++;
        store_release(&header->req_head, server->req_head);
        serve_one(server, slot);
        served++;
    }
    return served;
}

__attribute__((noinline)) static unsigned serve_flushes(struct server *server)
{
    struct port_header *header = server->header;
    /* The bit of a call that was posted and given up since the ring was looked at stays for the next round. */
    uint64_t slots = load_acquire(&header->flush_pending) & server->deferred;
    unsigned served = 0;
    __atomic_fetch_and(&header->flush_pending, ~slots, __ATOMIC_ACQ_REL);
    for (; slots != 0; slots &= slots - 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(slots);
        if (server->ops->flush != NULL)
            server->ops->flush(server, (uint64_t)server->generation[slot] << 32 | slot);
        served++;
    }
    return served;
}

__attribute__((noinline)) static unsigned serve_channels(struct server *server)
{
    struct port_header *header = server->header;
    uint64_t words = __atomic_exchange_n(&header->channel_any, 0, __ATOMIC_ACQ_REL);
    unsigned served = 0;
    for (; words != 0; words &= words - 1) {
        unsigned word = (unsigned)__builtin_ctzll(words);
        uint64_t bits = __atomic_exchange_n(&header->channel_pending[word], 0, __ATOMIC_ACQ_REL);
        for (bits &= server->channel_used[word]; bits != 0; bits &= bits - 1) {
            if (server->ops->channel != NULL)
                server->ops->channel(server, word * 64 + (unsigned)__builtin_ctzll(bits));
            served++;
        }
    }
    return served;
}

static inline __attribute__((always_inline)) unsigned step(struct server *server)
{
    const struct port_header *header = server->header;
    unsigned served = serve_requests(server);
    if (load_acquire(&header->channel_any) != 0)
        served += serve_channels(server);
    if (load_acquire(&header->flush_pending) != 0)
        served += serve_flushes(server);
    return served;
}

unsigned server_step(struct server *server)
{
    return step(server);
}

cloudabi_errno_t server_wait(struct server *server)
{
    size_t got;
    server->dirty = false;
    return cloudabi_sys_fd_read((cloudabi_fd_t)server->port, NULL, 0, &got);
}

void server_flush(struct server *server)
{
    size_t put;
    if (!server->dirty)
        return;
    server->dirty = false;
    cloudabi_sys_fd_write((cloudabi_fd_t)server->port, NULL, 0, &put);
}

cloudabi_errno_t server_run(struct server *server)
{
    for (;;) {
        cloudabi_errno_t error = server_wait(server);
        if (error != 0) {
            if (error != CLOUDABI_EAGAIN && error != CLOUDABI_EINTR)
                return error;
            continue;
        }
        step(server);
    }
}
