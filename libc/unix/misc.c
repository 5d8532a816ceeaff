/* SPDX-License-Identifier: BSD-2-Clause */
/* Small functions of POSIX that need nothing but the ABI. */
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "libc/start/start.h"
#include "libc/unix/unix.h"

void __stack_chk_fail(void)
{
    static const char message[] = "stack overflow detected\n";

    (void)write(STDERR_FILENO, message, sizeof(message) - 1);
    abort();
}

int __failed(cloudabi_errno_t error)
{
    errno = error;
    return -1;
}

int getentropy(void *buffer, size_t size)
{
    if (size > 256)
        return result(EIO);
    return result(cloudabi_sys_random_get(buffer, size));
}

ssize_t getrandom(void *buffer, size_t size, unsigned flags)
{
    (void)flags;
    return result_count(cloudabi_sys_random_get(buffer, size), size);
}

/* newlib's strerror asks this for numbers that it does not know. */
char *_user_strerror(int error, int internal, int *unknown)
{
    (void)internal;
    (void)unknown;
    return error == ENOTCAPABLE ? (char *)"Capabilities insufficient" : NULL;
}

long sysconf(int name)
{
    switch (name) {
    case _SC_PAGESIZE:
        return (long)__libc_info.page_size;
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN:
        return (long)__libc_info.ncpus;
    case _SC_OPEN_MAX:
        return FD_NUMBERS;
    case _SC_ARG_MAX:
        return 65536;
    case _SC_CHILD_MAX:
        return 256;
    case _SC_IOV_MAX:
        return IOV_MAX;
    case _SC_CLK_TCK:
        return 1000;
    case _SC_NGROUPS_MAX:
        return 0;
    case _SC_VERSION:
    case _SC_MONOTONIC_CLOCK:
    case _SC_THREADS:
    case _SC_BARRIERS:
    case _SC_READER_WRITER_LOCKS:
    case _SC_SEMAPHORES:
    case _SC_MAPPED_FILES:
    case _SC_FSYNC:
    case _SC_TIMERS:
        return 200809L;
    case _SC_THREAD_KEYS_MAX:
        return 128;
    case _SC_THREAD_STACK_MIN:
        return 16384;
    case _SC_HOST_NAME_MAX:
        return 64;
    case _SC_LOGIN_NAME_MAX:
        return 64;
    case _SC_TTY_NAME_MAX:
        return 64;
    case _SC_SYMLOOP_MAX:
        return 32;
    default:
        return result(EINVAL);
    }
}

long fpathconf(int fd, int name)
{
    (void)fd;
    switch (name) {
    case _PC_NAME_MAX:
        return NAME_MAX;
    case _PC_PATH_MAX:
        return 1023;
    case _PC_PIPE_BUF:
        return PIPE_BUF;
    case _PC_NO_TRUNC:
        return 1;
    case _PC_LINK_MAX:
        return 32000;
    default:
        return result(EINVAL);
    }
}

long pathconf(const char *path, int name)
{
    (void)path;
    return fpathconf(-1, name);
}

int getpagesize(void)
{
    return (int)__libc_info.page_size;
}

int getdtablesize(void)
{
    return FD_NUMBERS;
}

int uname(struct utsname *name)
{
    *name = (struct utsname){.sysname = "Tessera",
                             .nodename = "localhost",
                             .release = "1",
                             .version = "1",
                             .machine = "x86_64"};
    return 0;
}

int gethostname(char *name, size_t size)
{
    if (size < sizeof("localhost"))
        return result(ENAMETOOLONG);
    strcpy(name, "localhost");
    return 0;
}

int getrlimit(int resource, struct rlimit *limit)
{
    rlim_t most = resource == RLIMIT_NOFILE ? FD_NUMBERS : RLIM_INFINITY;

    if (resource < RLIMIT_CORE || resource > RLIMIT_AS)
        return result(EINVAL);
    *limit = (struct rlimit){most, most};
    return 0;
}

int setrlimit(int resource, const struct rlimit *limit)
{
    struct rlimit present;

    if (getrlimit(resource, &present) < 0)
        return -1;
    if (limit->rlim_cur > limit->rlim_max)
        return result(EINVAL);
    return limit->rlim_max > present.rlim_max ? result(EPERM) : 0;
}

int getrusage(int who, struct rusage *usage)
{
    cloudabi_timestamp_t used = 0;

    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN)
        return result(EINVAL);
    if (who == RUSAGE_SELF)
        used = __now(CLOUDABI_CLOCK_PROCESS_CPUTIME_ID);
    memset(usage, 0, sizeof(*usage));
    usage->ru_utime.tv_sec = (time_t)(used / 1000000000);
    usage->ru_utime.tv_usec = (suseconds_t)(used / 1000 % 1000000);
    return 0;
}

pid_t getpgrp(void)
{
    return getpid();
}

pid_t getpgid(pid_t pid)
{
    return pid == 0 ? getpid() : pid;
}

pid_t getsid(pid_t pid)
{
    return getpgid(pid);
}

pid_t setsid(void)
{
    return getpid();
}

int setpgid(pid_t pid, pid_t group)
{
    (void)pid;
    (void)group;
    return 0;
}

int nice(int increment)
{
    (void)increment;
    return 0;
}

/* The names that newlib keeps to itself. */
ssize_t getdelim(char **line, size_t *size, int delimiter, FILE *stream)
{
    return __getdelim(line, size, delimiter, stream);
}

ssize_t getline(char **line, size_t *size, FILE *stream)
{
    return __getdelim(line, size, '\n', stream);
}
