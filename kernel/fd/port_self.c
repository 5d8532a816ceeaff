/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptor of a port itself, by which it is served, and the pair (port, root) that fd_create2 makes. */
#include "kernel/fd/port_priv.h"
#include "kernel/lib/string.h"

static void port_file_close(struct file *file)
{
    struct port *port = file->data;
    port_vacate(port, PORT_ANY_EPOCH);
    spinlock_lock(&port->lock);
    port->state = PORT_DEAD;
    spinlock_unlock(&port->lock);
    waitq_wake_all(&port->clients);
    port_put(port);
}

static cloudabi_errno_t port_file_read(struct file *file, const struct user_vec *to,
                                       const uint64_t *offset, size_t *done)
{
    if (to->total != 0 || offset != NULL)
        return CLOUDABI_EINVAL;
    *done = 0;
    return port_serve_wait(file->data, (file->flags & CLOUDABI_FDFLAG_NONBLOCK) != 0);
}

static cloudabi_errno_t port_file_write(struct file *file, const struct user_vec *from,
                                        const uint64_t *offset, size_t *done)
{
    if (from->total != 0 || offset != NULL)
        return CLOUDABI_EINVAL;
    *done = 0;
    struct thread *next = NULL;
    cloudabi_errno_t error = port_deliver(file->data, &next);
    if (next != NULL)
        thread_unpark(next);
    return error;
}

/* A server that has unmapped its region, or could not map it, serves no more once it asks for a new one. */
static void port_drop_unmapped(struct port *port)
{
    spinlock_lock(&port->lock);
    bool mine = port->state == PORT_SERVED && port_is_server(port);
    struct memobj *region = mine ? memobj_get(port->region) : NULL;
    uint32_t epoch = port->epoch;
    spinlock_unlock(&port->lock);
    if (region == NULL)
        return;
    spinlock_lock(&region->lock);
    bool mapped = !list_empty(&region->mappings);
    spinlock_unlock(&region->lock);
    memobj_put(region);
    if (!mapped)
        port_vacate(port, epoch);
}

static cloudabi_errno_t port_file_map(struct file *file, uint64_t offset, uint64_t length,
                                      bool shared, struct memobj **object, uint64_t *object_offset,
                                      bool *no_fork)
{
    struct port *port = file->data;
    if (!shared || offset != 0 || length > PORT_REGION_SIZE)
        return CLOUDABI_EINVAL;
    port_drop_unmapped(port);
    cloudabi_errno_t error = port_serve(port);
    if (error != 0)
        return error;
    spinlock_lock(&port->lock);
    *object = port->region != NULL ? memobj_get(port->region) : NULL;
    spinlock_unlock(&port->lock);
    *object_offset = 0;
    *no_fork = true;
    return *object != NULL ? 0 : CLOUDABI_EIO;
}

static void port_file_poll(struct file *file, bool write, struct waiter *waiter,
                           struct poll_state *state)
{
    struct port *port = file->data;
    struct thread *next = NULL;
    if (write || !port_is_server(port)) {
        state->ready = write || port->state != PORT_SERVED; /* reading says what is wrong */
        return;
    }
    state->error = port_deliver(port, &next);
    if (next != NULL)
        thread_unpark(next);
    if (waiter != NULL)
        waitq_add(&port->serving, waiter);
    state->ready = state->error != 0 || port_pending(port);
}

static cloudabi_errno_t port_file_stat(struct file *file, cloudabi_filestat_t *out)
{
    const struct port *port = file->data;
    memset(out, 0, sizeof(*out));
    out->st_dev = port->device;
    out->st_filetype = CLOUDABI_FILETYPE_UNKNOWN;
    out->st_nlink = 1;
    out->st_size = PORT_REGION_SIZE;
    return 0;
}

static const struct file_ops port_file_ops = {
    .close = port_file_close,
    .read = port_file_read,
    .write = port_file_write,
    .map = port_file_map,
    .poll = port_file_poll,
    .stat = port_file_stat,
};

static cloudabi_errno_t root_create(struct port *port, struct job *job, struct file **root)
{
    struct port_node *spare = port_node_spare(job);
    if (spare == NULL)
        return CLOUDABI_ENOMEM;
    spare->references = 1;
    spare->port = port_get(port);
    spare->id = PORT_ROOT_NODE;
    cloudabi_errno_t error = port_dir_create(job, spare, NULL, 0, 0, root);
    if (error != 0)
        port_node_put(spare);
    return error;
}

cloudabi_errno_t port_create(struct job *job, struct file **port_file, struct rights *port_rights,
                             struct file **root, struct rights *root_rights)
{
    struct port *port = port_alloc(job);
    if (port == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = root_create(port, job, root);
    if (error != 0) {
        port_put(port);
        return error;
    }
    *port_file = file_create(job, PORT_FILETYPE, &port_file_ops, 0, port);
    if (*port_file == NULL) {
        file_put(*root);
        port_put(port);
        return CLOUDABI_ENOMEM;
    }
    port_rights->base = CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_MEM_MAP |
                        CLOUDABI_RIGHT_POLL_FD_READWRITE | CLOUDABI_RIGHT_FILE_STAT_FGET |
                        CLOUDABI_RIGHT_FD_STAT_PUT_FLAGS;
    port_rights->inheriting = 0;
    *root_rights = rights_of_type(CLOUDABI_FILETYPE_DIRECTORY);
    return 0;
}
