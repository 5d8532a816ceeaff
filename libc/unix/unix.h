/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of libc/unix share: errors, conversions, and paths in the name space of grants. */
#ifndef LIBC_UNIX_UNIX_H
#define LIBC_UNIX_UNIX_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include "abi/cloudabi_syscalls.h"

/* Functions that hand small objects of their own to the kernel and to nobody else need no second stack for them. */
#define ONLY_KERNEL __attribute__((no_sanitize("safe-stack")))

/* Into functions of both kinds; the compiler alone does not mix them. */
#define INLINE static inline __attribute__((always_inline))

/* Sets errno; -1. */
int __failed(cloudabi_errno_t error);

/* An errno of the ABI as the result of a POSIX function. */
INLINE int result(cloudabi_errno_t error)
{
    return error == 0 ? 0 : __failed(error);
}

/* The same for functions that give a number when all is well. */
INLINE ssize_t result_count(cloudabi_errno_t error, size_t count)
{
    return error == 0 ? (ssize_t)count : __failed(error);
}

INLINE struct timespec to_timespec(cloudabi_timestamp_t time)
{
    return (struct timespec){(time_t)(time / 1000000000), (long)(time % 1000000000)};
}

/* False if the time is not valid; what is too late to express becomes the latest. */
static inline bool from_timespec(const struct timespec *ts, cloudabi_timestamp_t *time)
{
    cloudabi_timestamp_t seconds;

    if (ts->tv_nsec < 0 || ts->tv_nsec >= 1000000000)
        return false;
    if (ts->tv_sec < 0)
        *time = 0;
    else if (__builtin_mul_overflow((cloudabi_timestamp_t)ts->tv_sec, 1000000000, &seconds) ||
             __builtin_add_overflow(seconds, (cloudabi_timestamp_t)ts->tv_nsec, time))
        *time = UINT64_MAX;
    return true;
}

/* A directory descriptor and a path below it, as the calls of the ABI want them. */
struct place {
    cloudabi_fd_t fd;
    const char *path;
    size_t len;
};

/* Resolve (dirfd, path): an absolute path begins with the name of a grant, a relative one at dirfd or,
 * for AT_FDCWD, at the current directory. Sets errno. */
bool __place_of(int dirfd, const char *path, struct place *place);

/* The same; most paths are below a directory that the program names. */
INLINE bool place_of(int dirfd, const char *path, struct place *place)
{
    if (dirfd < 0 || path[0] == '/' || path[0] == '\0')
        return __place_of(dirfd, path, place);
    *place = (struct place){(cloudabi_fd_t)dirfd, path, strlen(path)};
    return true;
}

static inline cloudabi_lookup_t place_lookup(const struct place *place, bool follow)
{
    return (cloudabi_lookup_t){.fd = place->fd,
                               .flags = follow ? CLOUDABI_LOOKUP_SYMLINK_FOLLOW : 0};
}

/* Descriptors have numbers below this. */
#define FD_NUMBERS 4096

/* Close-on-exec marks, kept here because the kernel passes exactly what is listed (fdflags.c). */
bool __cloexec_get(int fd);
void __cloexec_set(int fd, bool on);

/* Descriptor of the current directory if chdir has set it, else -1. */
int __cwd_changed(void);

/* Nanoseconds on a clock. */
cloudabi_timestamp_t __now(cloudabi_clockid_t clock);

/* Clock of POSIX as a clock of the ABI; false if there is none. */
INLINE bool clock_of(clockid_t id, cloudabi_clockid_t *clock)
{
    if (id == CLOCK_REALTIME)
        *clock = CLOUDABI_CLOCK_REALTIME;
    else if (id == CLOCK_MONOTONIC)
        *clock = CLOUDABI_CLOCK_MONOTONIC;
    else if (id == CLOCK_PROCESS_CPUTIME_ID)
        *clock = CLOUDABI_CLOCK_PROCESS_CPUTIME_ID;
    else if (id == CLOCK_THREAD_CPUTIME_ID)
        *clock = CLOUDABI_CLOCK_THREAD_CPUTIME_ID;
    else
        return false;
    return true;
}

#endif
