/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting programs (contract of the ABI, section 9). A new program gets exactly the descriptors that its
 * argument data names; spawning is fork, then exec in the child, with the errno of a failed exec sent back
 * over a socket that a successful exec closes.
 */
#include <stdlib.h>
#include <string.h>

#include <tessera/program.h>

#include "libc/start/argbytes.h"
#include "libc/unix/unix.h"

#define DEPTH_MAX 32

struct fd_list {
    int *fds;
    size_t count;
    size_t capacity;
};

/* Position of a descriptor in the list; it is added if it is not there yet. -1 without memory. */
static long list_fd(struct fd_list *list, int fd)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->fds[i] == fd)
            return (long)i;
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity * 2 + 8;
        int *grown = realloc(list->fds, capacity * sizeof(*grown));
        if (grown == NULL)
            return -1;
        list->fds = grown;
        list->capacity = capacity;
    }
    list->fds[list->count] = fd;
    return (long)list->count++;
}

/* Replace every descriptor in a value by its position in the list. The bytes are our own copy. */
static int renumber(struct arg_view value, struct fd_list *list, unsigned depth)
{
    struct arg_view element;
    int fd = arg_fd(value);

    if (fd >= 0) {
        long position = list_fd(list, fd);
        unsigned char *bytes = (unsigned char *)value.data;
        if (position < 0)
            return ENOMEM;
        for (int i = 0; i < 4; i++)
            bytes[1 + i] = (unsigned char)((unsigned long)position >> (24 - 8 * i));
        return 0;
    }
    if (value.len == 0 || (value.data[0] != ARG_MAP && value.data[0] != ARG_SEQ))
        return 0;
    if (depth == DEPTH_MAX)
        return EINVAL;
    struct arg_view rest = arg_elements(value, value.data[0]);
    while (arg_next(&rest, &element)) {
        int error = renumber(element, list, depth + 1);
        if (error != 0)
            return error;
    }
    return rest.len != 0 ? EINVAL : 0;
}

typedef int start_function(int fd, const void *data, size_t size, const int *fds, size_t count,
                           int *process);

/* Run START with renumbered argument data. */
static int with_numbered(int fd, const void *data, size_t size, start_function *start, int *process)
{
    struct fd_list list = {NULL, 0, 0};
    unsigned char *copy = malloc(size + 1);

    if (copy == NULL)
        return ENOMEM;
    memcpy(copy, data, size);
    int error = renumber((struct arg_view){copy, size}, &list, 0);
    if (error == 0)
        error = start(fd, copy, size, list.fds, list.count, process);
    free(list.fds);
    free(copy);
    return error;
}

int program_exec_fds(int fd, const void *data, size_t size, const int *fds, size_t count)
{
    return cloudabi_sys_proc_exec((cloudabi_fd_t)fd, data, size, (const cloudabi_fd_t *)fds, count);
}

static void __attribute__((noreturn))
child(cloudabi_fd_t report, int fd, const void *data, size_t size, const int *fds, size_t count)
{
    cloudabi_errno_t error = (cloudabi_errno_t)program_exec_fds(fd, data, size, fds, count);
    cloudabi_ciovec_t iov = {&error, sizeof(error)};
    size_t written;

    (void)cloudabi_sys_fd_write(report, &iov, 1, &written);
    cloudabi_sys_proc_exit(127);
}

/* The errno that the child reported; 0 at the end of the stream: its exec has closed the other end. */
static int read_report(cloudabi_fd_t report)
{
    cloudabi_errno_t failure = 0;
    cloudabi_iovec_t iov = {&failure, sizeof(failure)};
    size_t got = 0;
    cloudabi_errno_t error = cloudabi_sys_fd_read(report, &iov, 1, &got);

    return error != 0 ? error : got == 0 ? 0 : got == sizeof(failure) ? failure : EIO;
}

int program_spawn_fds(int fd, const void *data, size_t size, const int *fds, size_t count,
                      int *process)
{
    cloudabi_fd_t ours;
    cloudabi_fd_t theirs;
    cloudabi_fd_t proc = 0;
    cloudabi_tid_t tid;

    cloudabi_errno_t error =
        cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &ours, &theirs);
    if (error != 0)
        return error;
    error = cloudabi_sys_proc_fork(&proc, &tid);
    if (error == 0 && proc == CLOUDABI_PROCESS_CHILD)
        child(theirs, fd, data, size, fds, count);
    (void)cloudabi_sys_fd_close(theirs);
    int failure = error != 0 ? error : read_report(ours);
    (void)cloudabi_sys_fd_close(ours);
    if (failure == 0)
        *process = (int)proc;
    else if (error == 0)
        (void)cloudabi_sys_fd_close(proc);
    return failure;
}

static int start_here(int fd, const void *data, size_t size, const int *fds, size_t count,
                      int *process)
{
    (void)process;
    return program_exec_fds(fd, data, size, fds, count);
}

int program_exec_argdata(int fd, const void *data, size_t size)
{
    return with_numbered(fd, data, size, start_here, NULL);
}

int program_spawn_argdata(int fd, const void *data, size_t size, int *process)
{
    return with_numbered(fd, data, size, program_spawn_fds, process);
}

int program_exec(int fd, const struct argdata *arguments)
{
    return program_exec_argdata(fd, arguments->data, arguments->len);
}

int program_spawn(int fd, const struct argdata *arguments, int *process)
{
    return program_spawn_argdata(fd, arguments->data, arguments->len, process);
}

int program_wait(int process)
{
    cloudabi_subscription_t in = {.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE,
                                  .proc_terminate = {.fd = (cloudabi_fd_t)process}};
    cloudabi_event_t out;
    size_t events = 0;
    cloudabi_errno_t error = cloudabi_sys_poll(&in, &out, 1, &events);

    if (error == 0)
        error = out.error;
    if (error != 0)
        return result(error);
    if (out.proc_terminate.signal != 0)
        return 128 + out.proc_terminate.signal;
    return (int)(out.proc_terminate.exitcode & 0x7fffffff);
}
