/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Services that drive devices.  A service that has told the kernel which claimed function it drives (PORT_CMD_DMA)
 * gets the addresses of memory instead of bytes.  That memory is the request's from the post to the reply: a caller
 * who is killed leaves it there.  When the serving ends, the devices are first stopped and cut off from memory;
 * only then do the requests end and give their memory back.
 */
#include "kernel/fd/port_priv.h"
#include "kernel/mm/transfer.h"

cloudabi_errno_t port_claim_add(struct port *port, cloudabi_fd_t fd, uint64_t stop)
{
    struct fd_grant given;
    cloudabi_errno_t error = fd_get(fd, 0, &given);
    if (error != 0)
        return error;
    const struct file_ops *ops = given.file->ops;
    if (port->claims == PORT_CLAIMS_MAX)
        error = CLOUDABI_ENOSPC;
    else
        error = ops->dma_begin != NULL ? ops->dma_begin(given.file, stop) : CLOUDABI_EINVAL;
    if (error == 0) {
        spinlock_lock(&port->lock);
        if (port->state == PORT_SERVED) {
            port->claim[port->claims] = given.file;
            __atomic_store_n(&port->claims, port->claims + 1, __ATOMIC_RELAXED);
            given.file = NULL;
        } else {
            error = CLOUDABI_EIO;
        }
        spinlock_unlock(&port->lock);
    }
    if (given.file != NULL)
        file_put(given.file);
    return error;
}

void port_claims_end(struct file **claim, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        claim[i]->ops->dma_end(claim[i]);
        file_put(claim[i]);
    }
}

void port_drop_spent_slow(struct port *port)
{
    spinlock_lock(&port->lock);
    struct transfer *spent = port->spent;
    port->spent = NULL;
    spinlock_unlock(&port->lock);
    while (spent != NULL) {
        struct transfer *next = spent->next;
        transfer_destroy(spent);
        spent = next;
    }
}
