/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BSD sockets over the network directory: what libc keeps of a socket that was made with socket(), by its
 * descriptor number. Pairs and received descriptors have no entry.
 */
#ifndef LIBC_NET_NET_H
#define LIBC_NET_NET_H

#include <netinet/in.h>
#include <stdbool.h>

#include "libc/thread/lock.h"
#include "libc/unix/unix.h"

enum socket_state { SOCKET_NEW, SOCKET_BOUND, SOCKET_LISTENING, SOCKET_CONNECTED };

/* Keys: n = __net_lock. */
struct net_socket {
    int type; /* SOCK_STREAM or SOCK_DGRAM */
    int family;
    enum socket_state state;   /* n */
    int connection;            /* n: directory of the connection, or -1 */
    struct sockaddr_in6 local; /* n: large enough for both families */
    struct sockaddr_in6 peer;  /* n */
};

/* An address in messages of the network directory: 24 bytes. */
struct net_address {
    unsigned char family; /* 4 or 6 */
    unsigned char zero;
    unsigned char port[2];  /* big endian */
    unsigned char scope[4]; /* big endian */
    unsigned char address[16];
};

_Static_assert(sizeof(struct net_address) == 24, "as the network directory sends it");

extern lock_word __net_lock;

/* The entry of a socket, with the lock held until __net_put; NULL (and no lock) if there is none. */
struct net_socket *__net_get(int fd);
void __net_put(void);

/* Open a name of the network directory with all rights that it passes on. */
cloudabi_errno_t __net_open(int dir, const char *path, cloudabi_oflags_t oflags,
                            cloudabi_fdflags_t fdflags, cloudabi_fd_t *fd);
/* The directory: the grant `net`. -1 if there is none. */
int __net_directory(void);

void __net_to_wire(const struct sockaddr *address, struct net_address *wire);
void __net_from_wire(const struct net_address *wire, struct sockaddr_in6 *address);
/* Copy out an address as accept and its like do. */
void __net_give(const struct sockaddr_in6 *from, struct sockaddr *to, socklen_t *len);

/* Datagrams with an address of their own (datagram.c). */
ssize_t __net_sendto(int fd, const struct iovec *iov, int count, const struct sockaddr *to);
ssize_t __net_recvfrom(int fd, const struct iovec *iov, int count, int flags, struct sockaddr *from,
                       socklen_t *len, int *truncated);
bool __net_is_open_datagram(int fd);

#endif
