/* SPDX-License-Identifier: BSD-2-Clause */
/* Local sockets' common parts: binding to a set, and the datagram pair towards the client. */
#ifndef SERVICES_NET_LOCAL_H
#define SERVICES_NET_LOCAL_H

#include "abi/cloudabi_types.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "services/net/netset.h"

/* lwIP's address type for a bindable set: one family, or both. */
u8_t local_type(const struct net_set *set);
/* Something could be sent to both, the set and the address. */
bool local_overlap(const struct net_set *set, const ip_addr_t *other);
/* Binds to the set's address and its port, or to any free one of its ports. */
cloudabi_errno_t local_bind_tcp(struct tcp_pcb *pcb, const struct net_set *set);
cloudabi_errno_t local_bind_udp(struct udp_pcb *pcb, const struct net_set *set);

/* The flag is of the open file, so it is the client's as well. */
cloudabi_errno_t local_nonblocking(cloudabi_fd_t fd);
/* A datagram pair whose end `ours` does not block. */
cloudabi_errno_t local_pair(cloudabi_fd_t *ours, cloudabi_fd_t *client);
/* 0: a message can be sent (FD_WRITE) or is there (FD_READ); EAGAIN: not now; else the client is gone. */
cloudabi_errno_t local_state(cloudabi_fd_t ours, cloudabi_eventtype_t type);
/* Drops what a client wrote where nothing is to be written. */
void local_drain(cloudabi_fd_t ours);

#endif
