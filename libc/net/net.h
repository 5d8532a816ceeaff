/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BSD sockets over the network directory: what libc keeps of a socket that was made with socket(), by its
 * descriptor number. Pairs and received descriptors have no entry until an option of them is set.
 */
#ifndef LIBC_NET_NET_H
#define LIBC_NET_NET_H

#include <netinet/in.h>
#include <stdbool.h>

#include "libc/thread/lock.h"
#include "libc/unix/socket.h"

enum socket_state { SOCKET_NEW, SOCKET_BOUND, SOCKET_LISTENING, SOCKET_CONNECTED };

/* Options that are kept. */
#define NET_NODELAY     1u
#define NET_KEEPALIVE   2u
#define NET_LINGER_ZERO 4u
#define NET_REUSEADDR   8u
#define NET_REUSEPORT   16u
#define NET_BROADCAST   32u
#define NET_V6ONLY      64u
#define NET_OOBINLINE   128u

/* Keys: n = __net_lock. */
struct net_socket {
    unsigned numbers; /* n: descriptors that mean it (dup) */
    int type;         /* SOCK_STREAM or SOCK_DGRAM */
    int family;
    enum socket_state state;          /* n */
    bool opened;                      /* n: bound, and the port is taken */
    bool headed;                      /* n: datagrams begin with an address */
    int connection;                   /* n: directory of the connection, or -1 */
    unsigned options;                 /* n */
    unsigned idle;                    /* n: seconds until a keepalive; 0: the usual */
    cloudabi_timestamp_t patience[2]; /* n: for reading, for writing; 0: for ever */
    struct sockaddr_in6 local;        /* n: large enough for both families */
    struct sockaddr_in6 peer;         /* n */
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

/* The number of the only interface to elsewhere, eth0. */
#define NET_INTERFACE 2

/* "KIND/ADDRESS!PORT" of the directory. */
#define NET_NAME_MAX 96

/* The entry of a socket, with the lock held until __net_put; NULL (and no lock) if there is none. (table.c) */
struct net_socket *__net_get(int fd);
void __net_put(void);
/* A copy of the entry; false: the descriptor has none. */
bool __net_copy(int fd, struct net_socket *copy);
/* Keep an entry for a descriptor. False: there is no room. */
bool __net_remember(int fd, const struct net_socket *state);
/* Makes sure that a socket which came from elsewhere (a pair, a grant) has an entry, too. */
cloudabi_errno_t __net_adopt(int fd);

/* Open a name of the network directory with all rights that it passes on. */
cloudabi_errno_t __net_open(int dir, const char *path, cloudabi_oflags_t oflags,
                            cloudabi_fdflags_t fdflags, cloudabi_fd_t *fd);
/* The same for a name from the root: in the grant for its part (`tcp_connect`, `tcp_listen`, `udp_connect`, `udp_bind`,
 * `dns`), else in the grant `net`. */
cloudabi_errno_t __net_open_name(const char *name, cloudabi_oflags_t oflags,
                                 cloudabi_fdflags_t fdflags, cloudabi_fd_t *fd);
/* Any of those was granted. */
bool __net_granted(void);

/* The name for an address, "KIND/ADDRESS!PORT"; the unspecified one is every one of its family, of both if DUAL. */
void __net_name(const char *kind, const struct sockaddr *address, bool dual,
                char name[NET_NAME_MAX]);
/* Take an address from the caller: EINVAL, EAFNOSUPPORT. One of IPv4 within IPv6 becomes what it means. (address.c) */
cloudabi_errno_t __net_take(const struct net_socket *socket, const struct sockaddr *address,
                            socklen_t len, struct sockaddr_in6 *taken);
bool __net_same(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b);
/* Put what was opened under the socket's number, which stays. */
cloudabi_errno_t __net_become(int fd, cloudabi_fd_t opened);
cloudabi_fdflags_t __net_flags(int fd);
/* Makes sure that a bound stream has its port (listen.c). */
cloudabi_errno_t __net_settle_port(int fd, struct net_socket *socket);

/* What a further connect says: EISCONN, EALREADY, or why it failed (options.c). */
cloudabi_errno_t __net_progress(int connection);
/* The port (in network order) of a service that is known by name (names.c). */
bool __net_service(const char *name, bool datagrams, uint16_t *port);
/* Tell the connection of a socket of those of its options that are in WHICH (options.c). */
cloudabi_errno_t __net_apply(const struct net_socket *socket, unsigned which);

void __net_to_wire(const struct sockaddr *address, struct net_address *wire);
void __net_from_wire(const struct net_address *wire, struct sockaddr_in6 *address);
/* Copy out an address as accept and its like do, to a socket of the family. */
void __net_give(int family, const struct sockaddr_in6 *from, struct sockaddr *to, socklen_t *len);

/* Messages of datagram sockets (datagram.c) and those with a time limit (patience.c). */
ssize_t __net_receive_datagram(int fd, const struct net_socket *socket, struct msghdr *msg,
                               int flags);
ssize_t __net_send_datagram(int fd, const struct net_socket *socket, const struct msghdr *msg,
                            int flags);
ssize_t __net_receive_timed(int fd, const struct net_socket *socket, struct msghdr *msg, int flags);
ssize_t __net_send_timed(int fd, const struct net_socket *socket, const struct msghdr *msg,
                         int flags);
/* Wait as long as the socket may, or not at all. */
cloudabi_errno_t __net_wait(int fd, const struct net_socket *socket, bool write, int flags);

#endif
