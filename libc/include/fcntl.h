/* SPDX-License-Identifier: BSD-2-Clause */
/* newlib's, an older name, and the two functions of POSIX that it does not declare. */
#ifndef _FCNTL_H_
#define _FCNTL_H_

#include <sys/fcntl.h>

#ifndef O_NDELAY
#define O_NDELAY O_NONBLOCK
#endif

#define POSIX_FADV_DONTNEED   1
#define POSIX_FADV_NOREUSE    2
#define POSIX_FADV_NORMAL     3
#define POSIX_FADV_RANDOM     4
#define POSIX_FADV_SEQUENTIAL 5
#define POSIX_FADV_WILLNEED   6

#ifdef __cplusplus
extern "C" {
#endif

/* Both return the error and leave errno alone. */
int posix_fadvise(int fd, off_t offset, off_t length, int advice);
int posix_fallocate(int fd, off_t offset, off_t length);

#ifdef __cplusplus
}
#endif

#endif
