/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nodes of a service that the kernel refers to.  The service counts one reference per reply that named a node;
 * the kernel counts the same in `lookups` and gives them back with FORGET when its own last use is over.  So a
 * FORGET that crosses a new reply for the same node takes back only what it names.
 */
#include "kernel/fd/port_priv.h"
#include "kernel/mm/memobj_pager.h"
#include "kernel/mm/slab.h"

static struct slab_cache node_cache = SLAB_CACHE(node_cache, struct port_node, OBJECT_NODE);

struct port_node *port_node_spare(struct job *job)
{
    struct port_node *node = slab_alloc_unset(&node_cache, job);
    if (node == NULL)
        return NULL;
    *node = (struct port_node){.references = 0};
    waitq_init(&node->waiters);
    list_init(&node->link);
    list_init(&node->forget_link);
    return node;
}

void port_node_spare_free(struct port_node *spare)
{
    if (spare != NULL)
        slab_free(&node_cache, spare);
}

void port_nodes_init(struct port *port)
{
    for (unsigned i = 0; i < PORT_NODE_BUCKETS; i++)
        list_init(&port->nodes[i]);
}

static struct list *node_bucket(struct port *port, uint64_t id)
{
    return &port->nodes[(id * 0x9e3779b97f4a7c15ull) >> 57];
}

static struct port_node *bucket_find(struct port *port, uint64_t id)
{
    list_for_each(link, node_bucket(port, id))
    {
        struct port_node *node = container_of(link, struct port_node, link);
        if (node->id == id)
            return node;
    }
    return NULL;
}

/* Sets up *SPARE as the node ID. Lock held. */
static struct port_node *node_install(struct port *port, uint64_t id, uint32_t epoch,
                                      struct port_node **spare)
{
    struct port_node *node = *spare;
    *spare = NULL;
    node->port = port_get(port);
    node->id = id;
    node->epoch = epoch;
    node->ready = PORT_EVENT_READ | PORT_EVENT_WRITE;
    if (port->state == PORT_SERVED && port->epoch == epoch)
        list_append(node_bucket(port, id), &node->link);
    else
        node->dead = true;
    return node;
}

struct port_node *port_node_found_locked(struct port *port, uint64_t id, uint32_t epoch,
                                         struct port_node **spare)
{
    struct port_node *node = port->epoch == epoch ? bucket_find(port, id) : NULL;
    if (node == NULL)
        node = node_install(port, id, epoch, spare);
    node->references++;
    node->lookups++;
    list_remove(&node->forget_link);
    return node;
}

struct port_node *port_node_found(struct port *port, uint64_t id, uint32_t epoch,
                                  struct port_node **spare)
{
    spinlock_lock(&port->lock);
    struct port_node *node = port_node_found_locked(port, id, epoch, spare);
    spinlock_unlock(&port->lock);
    return node;
}

struct port_node *port_node_find(struct port *port, uint64_t id)
{
    spinlock_lock(&port->lock);
    struct port_node *node = bucket_find(port, id);
    if (node != NULL) {
        node->references++;
        list_remove(&node->forget_link);
    }
    spinlock_unlock(&port->lock);
    return node;
}

struct port_node *port_node_get(struct port_node *node)
{
    spinlock_lock(&node->port->lock);
    node->references++;
    spinlock_unlock(&node->port->lock);
    return node;
}

/* Nobody refers to it any more and the service knows. */
static void node_free(struct port_node *node)
{
    if (node->object != NULL)
        memobj_put(node->object);
    port_put(node->port);
    slab_free(&node_cache, node);
}

/* The last use of NODE is over (lock held): give it back to the service, keep it, or free it. */
static void node_unused(struct port_node *node, struct list *freed)
{
    const struct port *port = node->port;
    bool served = port->state == PORT_SERVED && port->epoch == node->epoch;
    if (served && node->lookups != 0 && node->id != PORT_ROOT_NODE) {
        list_append(&node->port->forgets, &node->forget_link);
    } else if (node->dead || !node->keep) {
        list_remove(&node->link);
        list_append(freed, &node->link);
    }
}

void port_nodes_free(struct list *freed)
{
    for (struct list *link; (link = list_pop(freed)) != NULL;)
        node_free(container_of(link, struct port_node, link));
}

/* A use of NODE is over, or there are references to be given back. Lock held; dropped. */
__attribute__((noinline)) static void put_slow(struct port_node *node)
{
    struct port *port = port_get(node->port);
    struct list freed;
    list_init(&freed);
    if (node->references == 0)
        node_unused(node, &freed);
    bool posted = port_post_forgets(port, &freed);
    spinlock_unlock(&port->lock);
    port_nodes_free(&freed);
    if (posted)
        port_signal(port);
    port_put(port);
}

void port_node_put(struct port_node *node)
{
    struct port *port = node->port;
    spinlock_lock(&port->lock);
    if (--node->references != 0 && list_empty(&port->forgets))
        spinlock_unlock(&port->lock); /* and from here on both may be gone */
    else
        put_slow(node);
}

void port_nodes_detach(struct port *port, struct list *list)
{
    for (struct list *link; (link = list_pop(&port->forgets)) != NULL;) {
        struct port_node *node = container_of(link, struct port_node, forget_link);
        if (list_empty(&node->link)) { /* revoked: in no bucket */
            node->references++;
            list_append(list, &node->link);
        }
    }
    for (unsigned i = 0; i < PORT_NODE_BUCKETS; i++) {
        for (struct list *link; (link = list_pop(&port->nodes[i])) != NULL;) {
            struct port_node *node = container_of(link, struct port_node, link);
            node->dead = true;
            node->references++;
            list_append(list, link);
        }
    }
}

struct memobj *port_node_object_get(struct port_node *node)
{
    spinlock_lock(&node->port->lock);
    struct memobj *object = node->object != NULL ? memobj_get(node->object) : NULL;
    spinlock_unlock(&node->port->lock);
    return object;
}

static void node_revoke_object(struct port_node *node)
{
    struct memobj *object = port_node_object_get(node);
    if (object != NULL) {
        memobj_revoke(object, CLOUDABI_EIO);
        memobj_put(object);
    }
    waitq_wake_all(&node->waiters);
}

void port_nodes_kill(struct list *list)
{
    for (struct list *link; (link = list_pop(list)) != NULL;) {
        struct port_node *node = container_of(link, struct port_node, link);
        node_revoke_object(node);
        port_node_put(node);
    }
}

/* Without a descriptor of it the object is only let go: mappings and running programs go on with what they have, as
 * after the last name of a file is removed. */
void port_node_revoke(struct port_node *node)
{
    spinlock_lock(&node->port->lock);
    bool in_use = node->references > 1 || !node->keep;
    node->dead = true;
    list_remove(&node->link);
    spinlock_unlock(&node->port->lock);
    if (in_use)
        node_revoke_object(node);
}

void port_node_ready(struct port_node *node, uint32_t events)
{
    __atomic_store_n(&node->ready, events, __ATOMIC_RELEASE);
    waitq_wake_all(&node->waiters);
}

/* A new object for NODE as the reply describes it. */
static cloudabi_errno_t object_create(struct port_node *node, const struct port_reply *reply,
                                      struct memobj **object)
{
    struct memobj *fresh = memobj_create(node->port->job, reply->attr.size);
    if (fresh == NULL)
        return CLOUDABI_ENOMEM;
    fresh->fixed = (reply->flags & PORT_REPLY_FIXED) != 0;
    fresh->atime = reply->attr.atim;
    fresh->mtime = reply->attr.mtim;
    fresh->ctime = reply->attr.ctim;
    cloudabi_errno_t error =
        (reply->flags & PORT_REPLY_PAGER) != 0 ? port_pager_attach(node, fresh) : 0;
    if (error != 0)
        memobj_put(fresh);
    else
        *object = fresh;
    return error;
}

cloudabi_errno_t port_node_object(struct port_node *node, const struct port_reply *reply,
                                  struct memobj **object)
{
    struct port *port = node->port;
    struct memobj *fresh;
    if ((*object = port_node_object_get(node)) != NULL)
        return 0;
    cloudabi_errno_t error = object_create(node, reply, &fresh);
    if (error != 0)
        return error;
    spinlock_lock(&port->lock);
    bool mine = node->object == NULL && !node->dead;
    if (mine) {
        node->object = fresh->paging == NULL ? memobj_get(fresh) : fresh;
        node->keep = (reply->flags & PORT_REPLY_KEEP) != 0;
    }
    *object = node->object != NULL ? memobj_get(node->object) : NULL;
    spinlock_unlock(&port->lock);
    if (!mine && fresh->paging != NULL)
        paging_forget(fresh);
    memobj_put(fresh);
    return *object != NULL ? 0 : CLOUDABI_EIO;
}
