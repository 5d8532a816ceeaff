/* SPDX-License-Identifier: BSD-2-Clause */
/* Where things lie in a mapped port region: shared by the files of the server library. */
#ifndef PSEUDOFD_SERVER_REGION_H
#define PSEUDOFD_SERVER_REGION_H

#include "pseudofd/server/server.h"

#define load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

static inline uint8_t *region(const struct server *server)
{
    return (uint8_t *)server->header;
}

static inline struct port_slot *region_slot(const struct server *server, uint32_t slot)
{
    return (struct port_slot *)(region(server) + PORT_SLOT_OFFSET) + slot;
}

static inline uint8_t *region_payload(const struct server *server, uint32_t slot)
{
    return region(server) + PORT_PAYLOAD_OFFSET + (size_t)slot * PORT_PAYLOAD;
}

static inline struct port_command *region_command(const struct server *server, uint32_t index)
{
    return (struct port_command *)(region(server) + PORT_COMMAND_OFFSET) + index % PORT_COMMANDS;
}

static inline struct port_channel *region_channel(const struct server *server, unsigned n)
{
    return (struct port_channel *)(region(server) + PORT_CONTROL_OFFSET) + n;
}

static inline uint8_t *region_ring_in(const struct server *server, unsigned n)
{
    return region(server) + PORT_CHANNEL_OFFSET + (uint64_t)n * 2 * PORT_RING_MAX;
}

static inline uint8_t *region_ring_out(const struct server *server, unsigned n)
{
    return region_ring_in(server, n) + PORT_RING_MAX;
}

/* A command entry to fill, delivering first when the ring is full. */
struct port_command *server_command(struct server *server);
/* Makes the entry visible to the next delivery. */
void server_command_post(struct server *server);

#endif
