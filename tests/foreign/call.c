/* SPDX-License-Identifier: BSD-2-Clause */
/* What a C library makes of the calls: opening with computed rights, fork, spawn, waiting. */
#include "tests/foreign/foreign.h"

uint64_t now(void)
{
    cloudabi_timestamp_t time = 0;

    (void)cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_MONOTONIC, 0, &time);
    return time;
}

void nap(uint64_t nanoseconds)
{
    cloudabi_subscription_t in = {
        .type = CLOUDABI_EVENTTYPE_CLOCK,
        .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = nanoseconds}};
    cloudabi_event_t out;
    size_t count;

    (void)cloudabi_sys_poll(&in, &out, 1, &count);
}

cloudabi_errno_t put(cloudabi_fd_t fd, const void *data, size_t len, size_t *done)
{
    cloudabi_ciovec_t vec = {.buf = data, .buf_len = len};

    return cloudabi_sys_fd_write(fd, &vec, 1, done);
}

cloudabi_errno_t get(cloudabi_fd_t fd, void *data, size_t len, size_t *done)
{
    cloudabi_iovec_t vec = {.buf = data, .buf_len = len};

    return cloudabi_sys_fd_read(fd, &vec, 1, done);
}

/* The rights that no way of opening takes away. */
#define ALWAYS                                                                  \
    (CLOUDABI_RIGHT_FD_STAT_PUT_FLAGS | CLOUDABI_RIGHT_FILE_STAT_FGET |         \
     CLOUDABI_RIGHT_FILE_STAT_FPUT_TIMES | CLOUDABI_RIGHT_POLL_FD_READWRITE |   \
     CLOUDABI_RIGHT_FD_TELL | CLOUDABI_RIGHT_FD_SEEK | CLOUDABI_RIGHT_FD_SYNC | \
     CLOUDABI_RIGHT_FILE_ADVISE | CLOUDABI_RIGHT_SOCK_SHUTDOWN | CLOUDABI_RIGHT_PROC_EXEC)
#define READING                                                                      \
    (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_MEM_MAP | CLOUDABI_RIGHT_MEM_MAP_EXEC | \
     CLOUDABI_RIGHT_FILE_READDIR)
#define WRITING                                                                            \
    (CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_DATASYNC | CLOUDABI_RIGHT_FILE_ALLOCATE | \
     CLOUDABI_RIGHT_FILE_STAT_FPUT_SIZE | CLOUDABI_RIGHT_MEM_MAP)
#define NAMES                                                                                      \
    (CLOUDABI_RIGHT_FILE_CREATE_DIRECTORY | CLOUDABI_RIGHT_FILE_CREATE_FILE |                      \
     CLOUDABI_RIGHT_FILE_LINK_SOURCE | CLOUDABI_RIGHT_FILE_LINK_TARGET |                           \
     CLOUDABI_RIGHT_FILE_OPEN | CLOUDABI_RIGHT_FILE_READLINK | CLOUDABI_RIGHT_FILE_RENAME_SOURCE | \
     CLOUDABI_RIGHT_FILE_RENAME_TARGET | CLOUDABI_RIGHT_FILE_STAT_GET |                            \
     CLOUDABI_RIGHT_FILE_STAT_PUT_TIMES | CLOUDABI_RIGHT_FILE_SYMLINK |                            \
     CLOUDABI_RIGHT_FILE_UNLINK)

cloudabi_errno_t open_at(cloudabi_fd_t dir, const char *path, unsigned how, cloudabi_fd_t *fd)
{
    cloudabi_fdstat_t have, want = {.fs_filetype = 0};
    cloudabi_rights_t least = 0, most = ALWAYS | NAMES;
    cloudabi_lookup_t at = {.fd = dir,
                            .flags = how & O_NOLINK ? 0 : CLOUDABI_LOOKUP_SYMLINK_FOLLOW};
    cloudabi_errno_t error = cloudabi_sys_fd_stat_get(dir, &have);

    if (error != 0)
        return error;
    if (how & O_READ)
        least |= how & O_DIR ? CLOUDABI_RIGHT_FILE_READDIR : CLOUDABI_RIGHT_FD_READ,
            most |= READING;
    if (how & O_WRITE)
        least |= CLOUDABI_RIGHT_FD_WRITE | (how & O_APPENDING ? 0 : CLOUDABI_RIGHT_FD_SEEK),
            most |= WRITING;
    if (how & O_EXEC)
        least |= CLOUDABI_RIGHT_PROC_EXEC;
    if ((least & have.fs_rights_inheriting) != least)
        return have.fs_filetype == CLOUDABI_FILETYPE_DIRECTORY ? CLOUDABI_ENOTCAPABLE
                                                               : CLOUDABI_ENOTDIR;
    want.fs_rights_base = most & have.fs_rights_inheriting;
    want.fs_rights_inheriting = have.fs_rights_inheriting;
    want.fs_flags = how & O_APPENDING ? CLOUDABI_FDFLAG_APPEND : 0;
    return cloudabi_sys_file_open(at, path, strlen(path),
                                  (cloudabi_oflags_t)((how & O_MAKE ? CLOUDABI_O_CREAT : 0) |
                                                      (how & O_CUT ? CLOUDABI_O_TRUNC : 0) |
                                                      (how & O_ONLY ? CLOUDABI_O_EXCL : 0) |
                                                      (how & O_DIR ? CLOUDABI_O_DIRECTORY : 0)),
                                  &want, fd);
}

bool fork_child(cloudabi_fd_t *process)
{
    cloudabi_tid_t tid = 0;

    if (cloudabi_sys_proc_fork(process, &tid) != 0)
        cloudabi_sys_proc_exit(125);
    if (*process != CLOUDABI_PROCESS_CHILD)
        return false;
    own_tid = tid;
    return true;
}

cloudabi_event_t wait_child(cloudabi_fd_t process)
{
    cloudabi_subscription_t in = {.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE,
                                  .proc_terminate.fd = process};
    cloudabi_event_t out = {.error = 0};
    size_t count = 0;
    cloudabi_errno_t error = cloudabi_sys_poll(&in, &out, 1, &count);

    if (error != 0)
        out.error = error;
    return out;
}

cloudabi_event_t in_child(void (*run)(void *), void *arg)
{
    cloudabi_fd_t process;

    if (fork_child(&process)) {
        run(arg);
        cloudabi_sys_proc_exit(0);
    }
    cloudabi_event_t event = wait_child(process);
    (void)cloudabi_sys_fd_close(process);
    return event;
}

cloudabi_errno_t spawn(cloudabi_fd_t program_fd, const void *data, size_t len,
                       const cloudabi_fd_t *fds, size_t count, cloudabi_fd_t *process)
{
    cloudabi_fd_t pair[2];
    uint16_t error = 0;
    size_t done = 0;

    if ((error = cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &pair[0], &pair[1])) != 0)
        return error;
    if (fork_child(process)) {
        (void)cloudabi_sys_fd_close(pair[0]);
        error = cloudabi_sys_proc_exec(program_fd, data, len, fds, count);
        (void)put(pair[1], &error, sizeof(error), &done);
        cloudabi_sys_proc_exit(127);
    }
    (void)cloudabi_sys_fd_close(pair[1]);
    cloudabi_errno_t read_error = get(pair[0], &error, sizeof(error), &done);
    (void)cloudabi_sys_fd_close(pair[0]);
    if (read_error == 0 && done == 0)
        return 0;
    (void)cloudabi_sys_fd_close(*process);
    return read_error != 0 ? read_error : error;
}
