/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the network service sees it, for host tests: requests go in, replies and commands come
 * out, channels and datagram pairs are used as a client would. It stands in for the system calls that
 * the service and the server library make.
 */
#ifndef TESTS_HOST_NET_KERNEL_H
#define TESTS_HOST_NET_KERNEL_H

#include <stdbool.h>

#include "pseudofd/server/server.h"

#define FAKE_MINTS    64
#define FAKE_MESSAGES 64
#define FAKE_PAIRS    16
#define FAKE_MINT_FD  1000
#define FAKE_PAIR_FD  2000

struct fake_mint {
    uint8_t form, type;
    uint64_t node, channel;
};

struct fake_message {
    uint8_t bytes[2048];
    size_t length;
    cloudabi_fd_t fds[2];
    size_t fd_count;
};

/* A datagram pair; end 0 is the service's, descriptors are FAKE_PAIR_FD + 2 * index + end. */
struct fake_pair {
    struct fake_message queue[2][FAKE_MESSAGES]; /* by receiving end */
    unsigned count[2];
    unsigned limit; /* messages that fit */
};

struct net_kernel {
    struct port_header *header;
    struct fake_mint mints[FAKE_MINTS];
    unsigned mint_count;
    struct fake_pair pairs[FAKE_PAIRS];
    unsigned pair_count;
    cloudabi_errno_t aborted[PORT_CHANNELS];
    bool released[PORT_CHANNELS]; /* since its last use */
    uint32_t rep_head, cmd_head, req_tail;
    uint64_t busy; /* slots in use */
    uint32_t generation;
};

extern struct net_kernel net_kernel;

void net_kernel_start(struct server *server, const struct server_ops *ops, void *context);
void net_kernel_stop(void);

/* Posts a request; returns the number of its slot. */
uint32_t fake_request(struct port_request request, const char *path, const void *data,
                      size_t length);
/* The reply to the slot's request if it has come (the slot is free then). */
bool fake_reply(uint32_t slot, struct port_reply *reply, uint8_t *payload);
/* The caller has gone. */
void fake_flush(uint32_t slot);

/* A client's end of a channel. */
size_t fake_write(unsigned channel, const void *bytes, size_t length);
size_t fake_read(unsigned channel, void *bytes, size_t length);
bool fake_eof(unsigned channel);
void fake_client_flag(unsigned channel, uint32_t flag);
bool fake_released(unsigned channel);

/* A client's end of a datagram pair. */
bool fake_receive(cloudabi_fd_t fd, struct fake_message *message);
void fake_send(cloudabi_fd_t fd, const void *bytes, size_t length);

#endif
