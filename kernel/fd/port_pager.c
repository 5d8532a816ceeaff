/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pager of a port's files: each function of struct pager_ops is a request to the service.
 *
 * The frames of a PAGE_IN or PAGE_OUT belong to the request from its post to its reply.  DATA is copied when the
 * reply is delivered, in the service's thread; EXTENTS come back to the thread that asked, which gives up its slot
 * and then moves the bytes itself (port_extents.c).
 *
 * An object refers to its node, and the node, weakly, to its object: node->object is set and cleared under the port's
 * lock, and is cleared before the pool's reference goes.
 */
#include "kernel/fd/port_pager.h"

#include "kernel/fd/port_priv.h"
#include "kernel/mm/memobj_pager.h"

#define RETRIES 8u

static struct port_node *node_of(const struct memobj *object)
{
    return object->paging->owner;
}

static cloudabi_errno_t begin(struct memobj *object, enum port_op op, struct port_call *call)
{
    return object->revoked != 0 ? object->revoked : port_node_call(node_of(object), op, call);
}

/* The request is over: its frames, unless a killed caller left them to it. */
static void drop_transfer(struct port_call *call)
{
    if (call->transfer != NULL)
        transfer_destroy(call->transfer);
    call->transfer = NULL;
}

static cloudabi_errno_t lie(struct port_call *call, const char *why)
{
    port_violation(call->port, call->epoch, why);
    return CLOUDABI_EIO;
}

/* --- moving pages --------------------------------------------------------------------------- */

/* The service said where: takes that out of the slot. *PLACES. */
static cloudabi_errno_t take_places(struct port_call *call, struct page_request *request,
                                    struct port_places *places)
{
    places->count = call->reply->len / sizeof(struct port_extent);
    if (call->reply->len % sizeof(struct port_extent) != 0 || places->count == 0 ||
        places->count > PORT_EXTENTS_MAX)
        return lie(call, "number of extents");
    cloudabi_errno_t error = port_call_take(call, 0, places->extent, call->reply->len);
    if (error != 0)
        return error;
    const char *fault = port_places_fault(request, places);
    if (fault != NULL)
        return lie(call, fault);
    places->device = port_call_given(call);
    fault = port_device_fault(request, places);
    return fault != NULL ? lie(call, fault) : 0;
}

/* The service had the bytes, and delivery has copied them. */
static cloudabi_errno_t take_data(struct port_call *call, struct page_request *request)
{
    request->covered = call->reply->len;
    if (!port_covers(request, request->covered))
        return lie(call, "length of data");
    request->result->count = (unsigned)((request->covered + PAGE_SIZE - 1) >> PAGE_SHIFT);
    return 0;
}

/* The answer to CALL; the slot is given up before bytes are moved. */
static cloudabi_errno_t take_answer(struct port_call *call, struct page_request *request)
{
    struct port_places places;
    places.device.file = NULL;
    bool extents = call->reply->kind == PORT_REPLY_EXTENTS;
    request->result->wrote = (call->reply->flags & PORT_REPLY_WROTE) != 0;
    cloudabi_errno_t error =
        extents ? take_places(call, request, &places) : take_data(call, request);
    port_call_end(call);
    if (error == 0 && extents) {
        error = port_places_move(request, &places, call->transfer);
        call->transfer = NULL;
        request->missed = error != 0;
    }
    drop_transfer(call);
    if (places.device.file != NULL)
        file_put(places.device.file);
    return error;
}

/* The frames of the request, as its transfer. NULL: no memory. */
static struct transfer *transfer_of(const struct page_request *request)
{
    struct transfer *transfer = transfer_create(NULL);
    if (transfer == NULL)
        return NULL;
    paging_io_begin(request->object, transfer, request->write);
    for (unsigned i = 0; i < request->count; i++)
        transfer_add(transfer, request->frame[i], 0, PAGE_SIZE);
    return transfer;
}

static cloudabi_errno_t run_once(struct page_request *request, uint16_t flags)
{
    struct memobj *object = request->object;
    struct port_call call;
    cloudabi_errno_t error = begin(object, request->write ? PORT_PAGE_OUT : PORT_PAGE_IN, &call);
    if (error != 0)
        return error;
    call.transfer = transfer_of(request);
    call.request.flags = flags;
    call.request.a = request->index << PAGE_SHIFT;
    call.request.len = request->count << PAGE_SHIFT;
    call.request.b = request->size;
    call.request.time = object->mtime;
    call.request.node2 = object->atime;
    error = call.transfer != NULL ? port_call_run(&call) : CLOUDABI_ENOMEM;
    if (error == 0)
        return take_answer(&call, request);
    port_call_end(&call);
    drop_transfer(&call);
    return error;
}

/* A device that can not be reached may have come back under another descriptor: the service is asked again. More than
 * once, as that one may end, too. */
static cloudabi_errno_t request_run(struct page_request *request)
{
    cloudabi_errno_t error = run_once(request, 0);
    for (unsigned i = 0; i < RETRIES && error != 0 && error != CLOUDABI_EINTR && request->missed;
         i++) {
        request->missed = false;
        *request->result = (struct paging_result){0};
        error = run_once(request, PORT_FLAG_RETRY);
    }
    return error;
}

static cloudabi_errno_t page_in(struct memobj *object, uint64_t index, unsigned count,
                                struct frame *const *frame, struct paging_result *result)
{
    struct page_request request = {.object = object,
                                   .index = index,
                                   .count = count,
                                   .frame = frame,
                                   .size = object->size,
                                   .result = result};
    return request_run(&request);
}

static cloudabi_errno_t tell_wrote(struct memobj *object, uint64_t index, unsigned count,
                                   cloudabi_errno_t outcome)
{
    struct port_call call;
    cloudabi_errno_t error = begin(object, PORT_WROTE, &call);
    if (error != 0)
        return error;
    call.request.a = index << PAGE_SHIFT;
    call.request.len = count << PAGE_SHIFT;
    call.request.b = outcome;
    error = port_call_run(&call);
    port_call_end(&call);
    return error;
}

static cloudabi_errno_t page_out(struct memobj *object, uint64_t index, unsigned count,
                                 uint64_t size, struct frame *const *frame,
                                 struct paging_result *result)
{
    struct page_request request = {.object = object,
                                   .index = index,
                                   .count = count,
                                   .frame = frame,
                                   .size = size,
                                   .write = true,
                                   .result = result};
    cloudabi_errno_t error = request_run(&request);
    if (!result->wrote || result->count == 0 || error == CLOUDABI_EINTR)
        return error;
    cloudabi_errno_t told = tell_wrote(object, index, result->count, error);
    return error != 0 ? error : told;
}

/* --- the rest ------------------------------------------------------------------------------- */

static cloudabi_errno_t reserve(struct memobj *object, uint64_t offset, uint64_t length,
                                uint64_t *granted)
{
    struct port_call call;
    cloudabi_errno_t error = begin(object, PORT_RESERVE, &call);
    if (error != 0)
        return error;
    call.request.a = offset;
    call.request.b = length;
    error = port_call_run(&call);
    if (error == 0) {
        *granted = call.reply->a & ~(PAGE_SIZE - 1);
        if (*granted == 0)
            error = lie(&call, "nothing granted");
        else if (*granted > length)
            *granted = length;
    }
    port_call_end(&call);
    return error;
}

static cloudabi_errno_t sync(struct memobj *object, bool data_only)
{
    struct port_call call;
    cloudabi_errno_t error = begin(object, PORT_SYNC, &call);
    if (error != 0)
        return error;
    call.request.a = data_only;
    call.request.b = object->size;
    call.request.time = object->mtime;
    call.request.node2 = object->atime;
    error = port_call_run(&call);
    port_call_end(&call);
    return error;
}

static cloudabi_errno_t resize(struct memobj *object, uint64_t size)
{
    cloudabi_filestat_t stat = {.st_size = size};
    return port_node_stat_put(node_of(object), &stat, CLOUDABI_FILESTAT_SIZE);
}

static bool detach(struct memobj *object, bool unused)
{
    struct port_node *node = node_of(object);
    spinlock_lock(&node->port->lock);
    bool may = node->object == object && (!unused || atomic_load(&object->references) <= 2);
    if (may)
        node->object = NULL;
    spinlock_unlock(&node->port->lock);
    return may || !unused;
}

static void destroy(void *owner)
{
    port_node_put(owner);
}

static const struct pager_ops port_pager_ops = {
    .page_in = page_in,
    .page_out = page_out,
    .reserve = reserve,
    .sync = sync,
    .resize = resize,
    .detach = detach,
    .destroy = destroy,
};

/* --- life ----------------------------------------------------------------------------------- */

static struct paging_pool *pool_of(struct port *port)
{
    struct paging_pool *pool = __atomic_load_n(&port->pool, __ATOMIC_ACQUIRE), *none = NULL;
    if (pool != NULL || (pool = paging_pool_create(port->job)) == NULL)
        return pool;
    if (__atomic_compare_exchange_n(&port->pool, &none, pool, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return pool;
    paging_pool_close(pool); /* another thread was faster */
    return none;
}

cloudabi_errno_t port_pager_attach(struct port_node *node, struct memobj *object)
{
    struct paging_pool *pool = pool_of(node->port);
    if (pool == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = paging_create(object, pool, &port_pager_ops, node);
    if (error == 0)
        port_node_get(node);
    return error;
}

void port_pager_drop(struct port_node *node)
{
    struct memobj *object = NULL;
    spinlock_lock(&node->port->lock);
    if (node->object != NULL && node->object->paging != NULL &&
        atomic_load(&node->object->references) == 1) {
        object = memobj_get(node->object);
        node->object = NULL;
    }
    spinlock_unlock(&node->port->lock);
    if (object == NULL)
        return;
    paging_forget(object);
    memobj_put(object);
}

void port_pager_unlinked(struct port *port, uint64_t id)
{
    struct port_node *node = id != 0 ? port_node_find(port, id) : NULL;
    if (node == NULL)
        return;
    __atomic_store_n(&node->unlinked, true, __ATOMIC_RELAXED);
    port_pager_drop(node);
    port_node_put(node);
}
