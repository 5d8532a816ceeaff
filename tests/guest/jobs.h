/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs for tests: text files of the jobs directory, children inside a job, the end of all that runs in one. */
#ifndef TESTS_GUEST_JOBS_H
#define TESTS_GUEST_JOBS_H

#include <stdbool.h>
#include <stdio.h>

#include "tests/guest/call.h"

#define JOB_DIR_BASE                                                     \
    (CLOUDABI_RIGHT_FILE_OPEN | CLOUDABI_RIGHT_FILE_READDIR |            \
     CLOUDABI_RIGHT_FILE_CREATE_DIRECTORY | CLOUDABI_RIGHT_FILE_UNLINK | \
     CLOUDABI_RIGHT_FILE_STAT_GET)
#define JOB_BELOW \
    (JOB_DIR_BASE | CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_SEEK)

/* Writes TEXT to the file DIR/PATH. */
static inline cloudabi_errno_t job_write(cloudabi_fd_t dir, const char *path, const char *text)
{
    cloudabi_fd_t fd;
    size_t done;
    cloudabi_errno_t error = open_with(dir, path, 0, CLOUDABI_RIGHT_FD_WRITE, 0, &fd);
    if (error != 0)
        return error;
    error = put(fd, text, strlen(text), &done);
    cloudabi_sys_fd_close(fd);
    return error;
}

/* Reads it, as a string; "" if that fails. */
static inline const char *job_read(cloudabi_fd_t dir, const char *path)
{
    static char text[4097];
    cloudabi_fd_t fd;
    size_t done = 0;
    text[0] = '\0';
    if (open_with(dir, path, 0, CLOUDABI_RIGHT_FD_READ, 0, &fd) != 0)
        return text;
    (void)get(fd, text, sizeof(text) - 1, &done);
    text[done] = '\0';
    cloudabi_sys_fd_close(fd);
    return text;
}

/* The number of the line `NAME NUMBER` of a file; UINT64_MAX: none. */
static inline uint64_t job_number(cloudabi_fd_t dir, const char *path, const char *name)
{
    const char *line = job_read(dir, path);
    size_t len = strlen(name);
    while (line != NULL && *line != '\0') {
        if (strncmp(line, name, len) == 0 && line[len] == ' ' && line[len + 1] != 'n')
            return strtoull(line + len + 1, NULL, 10);
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return UINT64_MAX;
}

static inline cloudabi_errno_t job_open(cloudabi_fd_t dir, const char *path, cloudabi_fd_t *fd)
{
    return open_with(dir, path, CLOUDABI_O_DIRECTORY, JOB_DIR_BASE, JOB_BELOW, fd);
}

/* Entry INDEX of a directory, without `.` and `..`. */
static inline bool job_entry(cloudabi_fd_t dir, const char *path, unsigned index, char name[65])
{
    char buf[4096];
    cloudabi_fd_t fd;
    cloudabi_dirent_t entry;
    size_t used = 0, at = 0;
    if (open_with(dir, path, CLOUDABI_O_DIRECTORY, JOB_DIR_BASE, JOB_BELOW, &fd) != 0)
        return false;
    cloudabi_errno_t error = cloudabi_sys_file_readdir(fd, buf, sizeof(buf), 2 + index, &used);
    cloudabi_sys_fd_close(fd);
    if (error != 0 || used < sizeof(entry))
        return false;
    memcpy(&entry, buf + at, sizeof(entry));
    if (entry.d_namlen > 64 || used < sizeof(entry) + entry.d_namlen)
        return false;
    memcpy(name, buf + sizeof(entry), entry.d_namlen);
    name[entry.d_namlen] = '\0';
    return true;
}

/* The path of a file of the first process of job PATH; false: there is none. */
static inline bool job_process(cloudabi_fd_t dir, const char *path, const char *file, char out[160])
{
    char procs[80], name[65];
    snprintf(procs, sizeof(procs), "%s/procs", path);
    if (!job_entry(dir, procs, 0, name))
        return false;
    snprintf(out, 160, "%s/%s/%s", procs, name, file);
    return true;
}

/* Kills whatever runs in the job PATH, until nothing does, and waits until all is given back. */
static inline bool job_clear(cloudabi_fd_t dir, const char *path)
{
    char ctl[160], usage[80];
    uint64_t end = now() + 20000000000;
    snprintf(usage, sizeof(usage), "%s/usage", path);
    while (now() < end) {
        if (job_process(dir, path, "ctl", ctl)) {
            (void)job_write(dir, ctl, "kill");
            continue;
        }
        if (job_number(dir, usage, "processes") == 0 && job_number(dir, usage, "threads") == 0 &&
            job_number(dir, usage, "descriptors") == 0 && job_number(dir, usage, "memory") == 0)
            return true;
        (void)nap(1000000);
    }
    printf("# %s", job_read(dir, usage));
    return false;
}

/* Starts RUN(ARG) in a child that has entered job PATH; its result is the exit code, 255 if it did not get in. */
static inline cloudabi_errno_t job_start(cloudabi_fd_t dir, const char *path,
                                         uint32_t (*run)(void *), void *arg, cloudabi_fd_t *process)
{
    char enter[80];
    cloudabi_tid_t tid;
    snprintf(enter, sizeof(enter), "%s/enter", path);
    cloudabi_errno_t error = cloudabi_sys_proc_fork(process, &tid);
    if (error == 0 && *process == CLOUDABI_PROCESS_CHILD) {
        if (job_write(dir, enter, "me") != 0)
            cloudabi_sys_proc_exit(255);
        cloudabi_sys_proc_exit(run(arg));
    }
    return error;
}

static inline cloudabi_event_t job_run(cloudabi_fd_t dir, const char *path, uint32_t (*run)(void *),
                                       void *arg)
{
    cloudabi_fd_t process;
    cloudabi_event_t event = {.error = job_start(dir, path, run, arg, &process)};
    if (event.error != 0)
        return event;
    event = wait_process(process);
    cloudabi_sys_fd_close(process);
    return event;
}

#endif
