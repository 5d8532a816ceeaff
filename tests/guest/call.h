/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short forms of the calls for tests, straight at the ABI: each returns the errno of the call.
 */
#ifndef TESTS_GUEST_CALL_H
#define TESTS_GUEST_CALL_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "abi/cloudabi_syscalls.h"

#define NO_FD      ((cloudabi_fd_t)9999)
#define ALL_RIGHTS UINT64_C(0x817fffffff)

/* Rights to do everything to a regular file, and to a directory and what is below it. */
#define FILE_BASE UINT64_C(0x11c3801ff)
#define DIR_BASE  UINT64_C(0x13eff698)
#define DIR_BELOW UINT64_C(0x11ffff7ff)

static inline cloudabi_errno_t put(cloudabi_fd_t fd, const void *data, size_t len, size_t *done)
{
    cloudabi_ciovec_t vec = {.buf = data, .buf_len = len};

    return cloudabi_sys_fd_write(fd, &vec, 1, done);
}

static inline cloudabi_errno_t get(cloudabi_fd_t fd, void *data, size_t len, size_t *done)
{
    cloudabi_iovec_t vec = {.buf = data, .buf_len = len};

    return cloudabi_sys_fd_read(fd, &vec, 1, done);
}

static inline cloudabi_errno_t put_at(cloudabi_fd_t fd, const void *data, size_t len, uint64_t at)
{
    cloudabi_ciovec_t vec = {.buf = data, .buf_len = len};
    size_t done = 0;
    cloudabi_errno_t error = cloudabi_sys_fd_pwrite(fd, &vec, 1, at, &done);

    return error != 0 ? error : done == len ? 0 : CLOUDABI_EIO;
}

static inline cloudabi_errno_t get_at(cloudabi_fd_t fd, void *data, size_t len, uint64_t at,
                                      size_t *done)
{
    cloudabi_iovec_t vec = {.buf = data, .buf_len = len};

    return cloudabi_sys_fd_pread(fd, &vec, 1, at, done);
}

/* Opens with exactly these rights asked for. */
static inline cloudabi_errno_t open_with(cloudabi_fd_t dir, const char *path, cloudabi_oflags_t how,
                                         cloudabi_rights_t base, cloudabi_rights_t below,
                                         cloudabi_fd_t *fd)
{
    cloudabi_fdstat_t want = {.fs_rights_base = base, .fs_rights_inheriting = below};
    cloudabi_lookup_t at = {.fd = dir, .flags = CLOUDABI_LOOKUP_SYMLINK_FOLLOW};

    return cloudabi_sys_file_open(at, path, strlen(path), how, &want, fd);
}

static inline cloudabi_errno_t open_file(cloudabi_fd_t dir, const char *path, cloudabi_oflags_t how,
                                         cloudabi_fd_t *fd)
{
    return open_with(dir, path, how, FILE_BASE, 0, fd);
}

static inline cloudabi_errno_t open_dir(cloudabi_fd_t dir, const char *path, cloudabi_fd_t *fd)
{
    return open_with(dir, path, CLOUDABI_O_DIRECTORY, DIR_BASE, DIR_BELOW, fd);
}

static inline cloudabi_errno_t make_dir(cloudabi_fd_t dir, const char *path)
{
    return cloudabi_sys_file_create(dir, path, strlen(path), CLOUDABI_FILETYPE_DIRECTORY);
}

static inline cloudabi_errno_t unlink_at(cloudabi_fd_t dir, const char *path)
{
    return cloudabi_sys_file_unlink(dir, path, strlen(path), 0);
}

static inline cloudabi_errno_t rmdir_at(cloudabi_fd_t dir, const char *path)
{
    return cloudabi_sys_file_unlink(dir, path, strlen(path), CLOUDABI_UNLINK_REMOVEDIR);
}

static inline cloudabi_errno_t stat_at(cloudabi_fd_t dir, const char *path,
                                       cloudabi_lookupflags_t flags, cloudabi_filestat_t *buf)
{
    return cloudabi_sys_file_stat_get((cloudabi_lookup_t){.fd = dir, .flags = flags}, path,
                                      strlen(path), buf);
}

static inline cloudabi_errno_t symlink_at(cloudabi_fd_t dir, const char *target, const char *path)
{
    return cloudabi_sys_file_symlink(target, strlen(target), dir, path, strlen(path));
}

static inline cloudabi_errno_t rename_at(cloudabi_fd_t dir, const char *from, const char *to)
{
    return cloudabi_sys_file_rename(dir, from, strlen(from), dir, to, strlen(to));
}

/* Narrows a descriptor to these rights. */
static inline cloudabi_errno_t narrow(cloudabi_fd_t fd, cloudabi_rights_t base,
                                      cloudabi_rights_t below)
{
    cloudabi_fdstat_t stat = {.fs_rights_base = base, .fs_rights_inheriting = below};

    return cloudabi_sys_fd_stat_put(fd, &stat, CLOUDABI_FDSTAT_RIGHTS);
}

/* Waits for the end of a process; its event. */
static inline cloudabi_event_t wait_process(cloudabi_fd_t process)
{
    cloudabi_subscription_t in = {.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE,
                                  .proc_terminate.fd = process};
    cloudabi_event_t out = {0};
    size_t count = 0;

    out.error = cloudabi_sys_poll(&in, &out, 1, &count);
    return out;
}

/* Runs a function in a child and gives how it ended; its result is the exit code. */
static inline cloudabi_event_t in_child(uint32_t (*run)(void *), void *arg)
{
    cloudabi_fd_t process = 0;
    cloudabi_tid_t tid;
    cloudabi_event_t out = {.error = CLOUDABI_EIO};

    if (cloudabi_sys_proc_fork(&process, &tid) != 0)
        return out;
    if (process == CLOUDABI_PROCESS_CHILD)
        cloudabi_sys_proc_exit(run(arg));
    out = wait_process(process);
    cloudabi_sys_fd_close(process);
    return out;
}

static inline uint64_t now(void)
{
    cloudabi_timestamp_t time = 0;

    (void)cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_MONOTONIC, 0, &time);
    return time;
}

/* Sleeps; the errno of poll. */
static inline cloudabi_errno_t nap(uint64_t nanoseconds)
{
    cloudabi_subscription_t in = {
        .type = CLOUDABI_EVENTTYPE_CLOCK,
        .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = nanoseconds}};
    cloudabi_event_t out;
    size_t count;

    return cloudabi_sys_poll(&in, &out, 1, &count);
}

#endif
