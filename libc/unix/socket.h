/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets: what libc/net adds to the functions of descriptors. It does so through these hooks, so that only programs
 * with sockets by address have it linked in, and others pay a comparison.
 */
#ifndef LIBC_UNIX_SOCKET_H
#define LIBC_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/socket.h>

#include "libc/unix/unix.h"

struct socket_hooks {
    /* The number is about to be closed; it was given to a copy of another. */
    void (*closed)(int fd);
    void (*copied)(int fd, int copy);
    /* Receive and send on special descriptors (datagrams, those with a time limit): false for all others. */
    bool (*receive)(int fd, struct msghdr *msg, int flags, ssize_t *done);
    bool (*send)(int fd, const struct msghdr *msg, int flags, ssize_t *done);
    /* Bytes in front of each datagram that the caller does not see. */
    size_t (*header)(int fd);
    /* ENOTCONN if the socket is none that a connection was made of, else 0. */
    cloudabi_errno_t (*unconnected)(int fd);
};

extern const struct socket_hooks *__socket_hooks; /* NULL until a socket was made */
extern bool __socket_special;                     /* there are special descriptors */

/* Wait until the descriptor can be read or written: 0, EAGAIN after TIMEOUT, or why not. *ROOM: how many bytes can be
 * read or written then. */
cloudabi_errno_t __socket_wait(int fd, bool write, cloudabi_timestamp_t timeout, size_t *room);

/* The message as the kernel has it; of more than LIMIT bytes a stream is given the first. */
ssize_t __socket_receive(int fd, struct msghdr *msg, int flags);
ssize_t __socket_send(int fd, const struct msghdr *msg, size_t limit);

/* Pieces of a vector that functions here take apart at once; a stream may be given the first of more. */
#define SOCKET_PIECES 16

/* The first bytes of a vector, at most LIMIT in at most SOCKET_PIECES pieces: how many pieces. */
int __socket_cut(const struct iovec *from, int count, size_t skip, size_t limit, struct iovec *to);

#endif
