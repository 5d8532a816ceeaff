/* SPDX-License-Identifier: BSD-2-Clause */
/* Resource usage. Limits belong to jobs (see docs/architecture.md), not to processes. */
#ifndef _SYS_RESOURCE_H_
#define _SYS_RESOURCE_H_

#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RUSAGE_SELF     0
#define RUSAGE_CHILDREN (-1)

struct rusage {
    struct timeval ru_utime;
    struct timeval ru_stime;
    long ru_maxrss;
    long ru_ixrss;
    long ru_idrss;
    long ru_isrss;
    long ru_minflt;
    long ru_majflt;
    long ru_nswap;
    long ru_inblock;
    long ru_oublock;
    long ru_msgsnd;
    long ru_msgrcv;
    long ru_nsignals;
    long ru_nvcsw;
    long ru_nivcsw;
};

typedef unsigned long rlim_t;

struct rlimit {
    rlim_t rlim_cur;
    rlim_t rlim_max;
};

#define RLIM_INFINITY ((rlim_t)-1)
#define RLIMIT_CORE   0
#define RLIMIT_CPU    1
#define RLIMIT_DATA   2
#define RLIMIT_FSIZE  3
#define RLIMIT_NOFILE 4
#define RLIMIT_STACK  5
#define RLIMIT_AS     6

int getrusage(int, struct rusage *);
/* Of descriptors there is a limit, which cannot be changed; a wish for less is heard and forgotten. */
int getrlimit(int, struct rlimit *);
int setrlimit(int, const struct rlimit *);

#ifdef __cplusplus
}
#endif

#endif
