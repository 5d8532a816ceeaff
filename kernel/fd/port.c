/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a port: NEW (requests wait), SERVED (a process has mapped the region), VACANT (that process ended,
 * exec'ed or broke the protocol), SERVED again by the next instance; DEAD when the last port descriptor closes.
 */
#include "kernel/fd/port.h"

#include "kernel/debug/log.h"
#include "kernel/fd/port_priv.h"
#include "kernel/lib/random.h"
#include "kernel/lib/string.h"
#include "kernel/mm/memobj_pager.h"
#include "kernel/mm/slab.h"

#define FIXED_PAGES 6u /* header, commands, four of slots */
_Static_assert(PORT_SLOT_OFFSET == 2 * PAGE_SIZE, "fixed pages");
_Static_assert(FIXED_PAGES == 2 + PORT_SLOT_PAGES, "fixed pages");

struct port *port_get(struct port *port)
{
    atomic_fetch_add_explicit(&port->references, 1, memory_order_relaxed);
    return port;
}

static void release_frames(struct frame **frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (frames[i] != NULL)
            frame_put(frames[i]);
        frames[i] = NULL;
    }
}

void port_put(struct port *port)
{
    if (atomic_fetch_sub_explicit(&port->references, 1, memory_order_acq_rel) != 1)
        return;
    if (port->pool != NULL)
        paging_pool_close(port->pool);
    release_frames(port->fixed, FIXED_PAGES);
    for (unsigned i = 0; i < PORT_SLOTS; i++) {
        release_frames(port->slot[i].payload, PORT_PAYLOAD_FRAMES);
        port_node_spare_free(port->slot[i].spare);
    }
    for (unsigned i = 0; i < 64; i++)
        kfree(port->channels[i]);
    atomic_fetch_sub_explicit(&object_count[OBJECT_PORT], 1, memory_order_relaxed);
    job_put(port->job);
    kfree(port);
}

struct port *port_alloc(struct job *job)
{
    struct port *port = kmalloc(job, sizeof(*port));
    if (port == NULL)
        return NULL;
    atomic_fetch_add_explicit(&object_count[OBJECT_PORT], 1, memory_order_relaxed);
    port->references = 1;
    spinlock_init(&port->lock, RANK_PORT);
    mutex_init(&port->deliver);
    waitq_init(&port->serving);
    waitq_init(&port->clients);
    list_init(&port->forgets);
    port_nodes_init(port);
    port->free_slots = ~0ull;
    port->job = job_get(job);
    random_bytes(&port->device, sizeof(port->device));
    return port;
}

/* --- serving ------------------------------------------------------------------------------------------ */

bool port_is_server(struct port *port)
{
    return port->server == process_self();
}

/* Makes the region of a new epoch and the kernel's own pointers into it. The server pays for it: when the port's job
 * has no memory left for what files hold, their names can still be served. */
static cloudabi_errno_t region_create(struct memobj **region, struct frame **fixed)
{
    *region = memobj_create(process_self()->job, PORT_REGION_SIZE);
    if (*region == NULL)
        return CLOUDABI_ENOMEM;
    for (unsigned i = 0; i < FIXED_PAGES; i++) {
        cloudabi_errno_t error = memobj_page(*region, i, true, &fixed[i]);
        if (error != 0) {
            release_frames(fixed, i);
            memobj_put(*region);
            return error;
        }
    }
    struct port_header *header = frame_data(fixed[0]);
    header->magic = PORT_MAGIC;
    header->version = PORT_VERSION;
    header->slots = PORT_SLOTS;
    header->region_size = PORT_REGION_SIZE;
    return 0;
}

/* A process remembers each port that it has ever served, once, until it ends or becomes another program. */
struct serving {
    struct serving *next; /* process lock */
    struct port *port;    /* constant; referenced */
};

/* Enters PORT in the list of the calling process. */
static cloudabi_errno_t serving_note(struct port *port)
{
    struct process *self = process_self();
    struct serving *fresh = kmalloc(self->job, sizeof(*fresh));
    if (fresh == NULL)
        return CLOUDABI_ENOMEM;
    spinlock_lock(&self->lock);
    const struct serving *known = self->ports_served;
    while (known != NULL && known->port != port)
        known = known->next;
    if (known == NULL) {
        fresh->port = port_get(port);
        fresh->next = self->ports_served;
        self->ports_served = fresh;
    }
    spinlock_unlock(&self->lock);
    if (known != NULL)
        kfree(fresh);
    return 0;
}

/* The calling process becomes the server. Port lock held. */
static void serve_begin(struct port *port, struct process *self, struct memobj *region,
                        struct frame **fixed)
{
    for (unsigned i = 0; i < FIXED_PAGES; i++) {
        struct frame *old = port->fixed[i];
        port->fixed[i] = fixed[i];
        fixed[i] = old;
    }
    port->header = frame_data(port->fixed[0]);
    port->commands = frame_data(port->fixed[1]);
    for (unsigned i = 0; i < PORT_SLOT_PAGES; i++)
        port->slots[i] = frame_data(port->fixed[2 + i]);
    port->region = region;
    port->req_tail = port->rep_head = port->cmd_head = 0;
    port->epoch++;
    port->state = PORT_SERVED;
    port->server = self;
}

cloudabi_errno_t port_serve(struct port *port)
{
    struct process *self = process_self();
    struct memobj *region;
    struct frame *fixed[FIXED_PAGES] = {0};
    cloudabi_errno_t error = serving_note(port);
    if (error == 0 && port->pool != NULL) /* the last instance's writes may still be at a device */
        error = paging_pool_settle(port->pool);
    if (error == 0)
        error = region_create(&region, fixed);
    if (error != 0)
        return error;
    mutex_lock(&port->deliver);
    spinlock_lock(&port->lock);
    bool taken = port->state != PORT_NEW && port->state != PORT_VACANT;
    if (!taken)
        serve_begin(port, self, region, fixed);
    spinlock_unlock(&port->lock);
    mutex_unlock(&port->deliver);
    release_frames(fixed, FIXED_PAGES); /* those of the last epoch, or ours */
    if (taken) {
        memobj_put(region);
        return CLOUDABI_EBUSY;
    }
    waitq_wake_all(&port->clients);
    return 0;
}

/* While a port is ENDING nobody else changes its claims. */
static void end_claims(struct port *port)
{
    struct file *claim[PORT_CLAIMS_MAX];
    spinlock_lock(&port->lock);
    unsigned count = port->claims;
    memcpy(claim, port->claim, sizeof(claim));
    __atomic_store_n(&port->claims, 0, __ATOMIC_RELAXED);
    spinlock_unlock(&port->lock);
    port_claims_end(claim, count);
}

/* All that the serving left unanswered. No device is at the memory of requests any more. */
static void end_requests(struct port *port)
{
    struct thread *next = NULL;
    spinlock_lock(&port->lock);
    for (unsigned i = 0; i < PORT_SLOTS; i++)
        if (port->slot[i].state == SLOT_POSTED || port->slot[i].state == SLOT_ABANDONED)
            slot_complete(port, i, CLOUDABI_EIO, &next);
    if (port->state == PORT_ENDING) /* else its last descriptor was closed meanwhile */
        port->state = PORT_VACANT;
    spinlock_unlock(&port->lock);
    if (next != NULL)
        thread_unpark(next);
    port_drop_spent(port);
}

void port_vacate(struct port *port, uint32_t epoch)
{
    struct list nodes;
    list_init(&nodes);
    spinlock_lock(&port->lock);
    if (port->state != PORT_SERVED || (epoch != PORT_ANY_EPOCH && port->epoch != epoch)) {
        spinlock_unlock(&port->lock);
        return;
    }
    port->state = PORT_ENDING;
    port->server = NULL;
    struct memobj *region = port->region;
    port->region = NULL;
    port_nodes_detach(port, &nodes);
    spinlock_unlock(&port->lock);
    end_claims(port);
    end_requests(port);
    channels_kill(port);
    port_nodes_kill(&nodes);
    memobj_revoke(region, CLOUDABI_EIO);
    memobj_put(region);
    waitq_wake_all(&port->serving);
    waitq_wake_all(&port->clients);
}

void port_violation(struct port *port, uint32_t epoch, const char *why)
{
    klog("port: a service broke the protocol (%s): its serving ends", why);
    port_vacate(port, epoch);
}

/* Ends PROCESS's serving of PORT, if it is the one that serves. */
static void port_lose_server(struct port *port, const struct process *process)
{
    spinlock_lock(&port->lock);
    bool serves = port->server == process;
    uint32_t epoch = port->epoch;
    spinlock_unlock(&port->lock);
    if (serves)
        port_vacate(port, epoch);
}

/* A process ends or becomes another program: it serves no more. */
static void port_exit_hook(struct process *process, bool exec)
{
    (void)exec;
    for (;;) {
        spinlock_lock(&process->lock);
        struct serving *serving = process->ports_served;
        if (serving != NULL)
            process->ports_served = serving->next;
        spinlock_unlock(&process->lock);
        if (serving == NULL)
            return;
        port_lose_server(serving->port, process);
        port_put(serving->port);
        kfree(serving);
    }
}

void port_init(void)
{
    process_add_exit_hook(port_exit_hook);
}
