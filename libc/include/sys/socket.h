/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets: pairs, messages with descriptors (SCM_RIGHTS). */
#ifndef _SYS_SOCKET_H
#define _SYS_SOCKET_H

#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef _SOCKLEN_T_DECLARED
typedef __socklen_t socklen_t;
#define _SOCKLEN_T_DECLARED
#endif
#ifndef _SA_FAMILY_T_DECLARED
typedef unsigned short sa_family_t;
#define _SA_FAMILY_T_DECLARED
#endif

struct sockaddr {
    sa_family_t sa_family;
    char sa_data[14];
};

struct sockaddr_storage {
    sa_family_t ss_family;
    char __ss_pad[6];
    unsigned long long __ss_align[15];
};

struct msghdr {
    void *msg_name;
    socklen_t msg_namelen;
    struct iovec *msg_iov;
    int msg_iovlen;
    void *msg_control;
    socklen_t msg_controllen;
    int msg_flags;
};

struct cmsghdr {
    socklen_t cmsg_len;
    int cmsg_level;
    int cmsg_type;
};

struct linger {
    int l_onoff;
    int l_linger;
};

#define __CMSG_ROUND(length) (((length) + sizeof(long) - 1) & ~(sizeof(long) - 1))
#define CMSG_ALIGN(length)   __CMSG_ROUND(length)
#define CMSG_SPACE(length)   (__CMSG_ROUND(sizeof(struct cmsghdr)) + __CMSG_ROUND(length))
#define CMSG_LEN(length)     (__CMSG_ROUND(sizeof(struct cmsghdr)) + (length))
#define CMSG_DATA(cmsg)      ((unsigned char *)(cmsg) + __CMSG_ROUND(sizeof(struct cmsghdr)))
#define CMSG_FIRSTHDR(msg)                                                                  \
    ((msg)->msg_controllen >= sizeof(struct cmsghdr) ? (struct cmsghdr *)(msg)->msg_control \
                                                     : (struct cmsghdr *)0)
#define CMSG_NXTHDR(msg, cmsg)                                                  \
    ((char *)(cmsg) + __CMSG_ROUND((cmsg)->cmsg_len) + sizeof(struct cmsghdr) > \
             (char *)(msg)->msg_control + (msg)->msg_controllen                 \
         ? (struct cmsghdr *)0                                                  \
         : (struct cmsghdr *)((char *)(cmsg) + __CMSG_ROUND((cmsg)->cmsg_len)))

#define AF_UNSPEC 0
#define AF_UNIX   1
#define AF_LOCAL  AF_UNIX
#define AF_INET   2
#define AF_INET6  10
#define PF_UNSPEC AF_UNSPEC
#define PF_UNIX   AF_UNIX
#define PF_LOCAL  AF_UNIX
#define PF_INET   AF_INET
#define PF_INET6  AF_INET6

#define SOCK_DGRAM     128
#define SOCK_STREAM    130
#define SOCK_SEQPACKET 131
#define SOCK_RAW       132
#define SOCK_RDM       133
#define SOCK_CLOEXEC   0x10000
#define SOCK_NONBLOCK  0x20000

#define SOL_SOCKET 0xffff
#define SCM_RIGHTS 1
#define SOL_IP     0 /* IPPROTO_* */
#define SOL_TCP    6
#define SOL_UDP    17
#define SOL_IPV6   41
#define SOMAXCONN  16

#define SO_ACCEPTCONN 1
#define SO_BROADCAST  2
#define SO_DEBUG      3
#define SO_DONTROUTE  4
#define SO_ERROR      5
#define SO_KEEPALIVE  6
#define SO_LINGER     7
#define SO_OOBINLINE  8
#define SO_RCVBUF     9
#define SO_RCVLOWAT   10
#define SO_RCVTIMEO   11
#define SO_REUSEADDR  12
#define SO_SNDBUF     13
#define SO_SNDLOWAT   14
#define SO_SNDTIMEO   15
#define SO_TYPE       16
#define SO_REUSEPORT  17
#define SO_DOMAIN     18
#define SO_PROTOCOL   19

#define MSG_CTRUNC       1
#define MSG_PEEK         4
#define MSG_TRUNC        8
#define MSG_WAITALL      16
#define MSG_DONTWAIT     32
#define MSG_NOSIGNAL     64
#define MSG_OOB          128
#define MSG_EOR          256
#define MSG_DONTROUTE    512
#define MSG_CMSG_CLOEXEC 1024
#define MSG_MORE         2048

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

int accept(int, struct sockaddr *, socklen_t *);
int accept4(int, struct sockaddr *, socklen_t *, int);
int bind(int, const struct sockaddr *, socklen_t);
int connect(int, const struct sockaddr *, socklen_t);
int getpeername(int, struct sockaddr *, socklen_t *);
int getsockname(int, struct sockaddr *, socklen_t *);
int getsockopt(int, int, int, void *, socklen_t *);
int listen(int, int);
ssize_t recv(int, void *, size_t, int);
ssize_t recvfrom(int, void *, size_t, int, struct sockaddr *, socklen_t *);
ssize_t recvmsg(int, struct msghdr *, int);
ssize_t send(int, const void *, size_t, int);
ssize_t sendmsg(int, const struct msghdr *, int);
ssize_t sendto(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
int setsockopt(int, int, int, const void *, socklen_t);
int shutdown(int, int);
int socket(int, int, int);
int socketpair(int, int, int, int[2]);

#ifdef __cplusplus
}
#endif

#endif
