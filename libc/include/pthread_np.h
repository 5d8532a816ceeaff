/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions on threads that newlib's <pthread.h> does not declare. */
#ifndef _PTHREAD_NP_H
#define _PTHREAD_NP_H

#include <pthread.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

int pthread_mutex_clocklock(pthread_mutex_t *, clockid_t, const struct timespec *);
int pthread_cond_clockwait(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
int pthread_setname_np(pthread_t, const char *);

#ifdef __cplusplus
}
#endif

#endif
