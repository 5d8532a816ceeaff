/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replaces newlib's file of this name: the objects of <pthread.h>. All are plain words that the
 * fast paths in libc/thread change with atomic operations; the lock and condition words are those of
 * the ABI. An all-zero object is an initialised private one, so static initialisers are zero.
 */
#ifndef _SYS__PTHREADTYPES_H_
#define _SYS__PTHREADTYPES_H_

#include <sys/sched.h>

typedef struct __pthread *pthread_t;
typedef unsigned int pthread_key_t;

#define PTHREAD_CREATE_JOINABLE 0
#define PTHREAD_CREATE_DETACHED 1
#define PTHREAD_PROCESS_PRIVATE 0
#define PTHREAD_PROCESS_SHARED 1
#define PTHREAD_MUTEX_NORMAL 0
#define PTHREAD_MUTEX_RECURSIVE 1
#define PTHREAD_MUTEX_ERRORCHECK 2
#define PTHREAD_MUTEX_DEFAULT PTHREAD_MUTEX_NORMAL
#define PTHREAD_SCOPE_PROCESS 0
#define PTHREAD_SCOPE_SYSTEM 1
#define PTHREAD_INHERIT_SCHED 1
#define PTHREAD_EXPLICIT_SCHED 2
#define PTHREAD_STACK_MIN 16384

typedef struct {
    unsigned long __stacksize;
    unsigned long __guardsize;
    int __detached;
} pthread_attr_t;

typedef struct {
    unsigned int __lock; /* ABI lock word */
    unsigned int __depth; /* extra acquisitions of a recursive mutex by the owner */
    unsigned char __type;
    unsigned char __shared;
} pthread_mutex_t;

typedef struct {
    unsigned char __type;
    unsigned char __shared;
} pthread_mutexattr_t;

typedef struct {
    unsigned int __waiters; /* ABI condition word */
    unsigned char __clock; /* 0: CLOCK_REALTIME, 1: CLOCK_MONOTONIC */
    unsigned char __shared;
} pthread_cond_t;

typedef struct {
    unsigned char __clock;
    unsigned char __shared;
} pthread_condattr_t;

typedef struct {
    unsigned int __lock; /* ABI lock word */
    unsigned char __shared;
} pthread_rwlock_t;

typedef struct {
    unsigned char __shared;
} pthread_rwlockattr_t;

typedef struct {
    unsigned int __lock;
    unsigned int __cond;
    unsigned int __needed;
    unsigned int __waiting;
    unsigned int __cycle;
    unsigned char __shared;
} pthread_barrier_t;

typedef struct {
    unsigned char __shared;
} pthread_barrierattr_t;

typedef struct {
    unsigned int __lock;
    unsigned int __done;
} pthread_once_t;

typedef unsigned int pthread_spinlock_t;

#define _PTHREAD_ONCE_INIT {0, 0}
#define _PTHREAD_MUTEX_INITIALIZER {0, 0, 0, 0}
#define _PTHREAD_COND_INITIALIZER {0, 0, 0}
#define _PTHREAD_RWLOCK_INITIALIZER {0, 0}
#define PTHREAD_RECURSIVE_MUTEX_INITIALIZER {0, 0, PTHREAD_MUTEX_RECURSIVE, 0}
#define PTHREAD_ERRORCHECK_MUTEX_INITIALIZER {0, 0, PTHREAD_MUTEX_ERRORCHECK, 0}
#define PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP PTHREAD_RECURSIVE_MUTEX_INITIALIZER

#endif
