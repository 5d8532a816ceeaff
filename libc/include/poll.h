/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for several descriptors. */
#ifndef _POLL_H
#define _POLL_H

#include <sys/types.h>
#include <time.h>
#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned int nfds_t;

struct pollfd {
    int fd;
    short events;
    short revents;
};

#define POLLIN     0x1
#define POLLPRI    0x2
#define POLLOUT    0x4
#define POLLRDNORM POLLIN
#define POLLRDBAND 0x80
#define POLLWRNORM POLLOUT
#define POLLWRBAND 0x100
#define POLLERR    0x8
#define POLLHUP    0x10
#define POLLNVAL   0x20
#define POLLRDHUP  0x2000

int poll(struct pollfd *, nfds_t, int);
int ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);

#ifdef __cplusplus
}
#endif

#endif
