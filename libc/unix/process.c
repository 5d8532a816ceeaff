/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes: a child is a descriptor; its pid is a number made from it, good for the parent alone.
 * Closing the last descriptor of a child kills it, so kill() closes, and wait keeps what it saw.
 *
 * Keys: c = children_lock.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libc/start/start.h"
#include "libc/thread/lock.h"
#include "libc/unix/unix.h"

#define MAX_CHILDREN 256
/* Pids of children are their descriptors, moved away from 0 and 1. */
#define PID_OFFSET 100

struct child {
    bool used;        /* c */
    bool killed;      /* c: by us, with the descriptor closed */
    cloudabi_fd_t fd; /* c */
    pid_t pid;        /* c */
};

static lock_word children_lock;
static struct child children[MAX_CHILDREN];

void _exit(int status)
{
    cloudabi_sys_proc_exit((cloudabi_exitcode_t)status);
}

void _Exit(int status)
{
    _exit(status);
}

/* The process's own number: 30 bits of its random UUID, the same for its whole life. */
pid_t getpid(void)
{
    const unsigned char *id = __libc_info.pid;

    if (id == NULL)
        return 2;
    return (pid_t)(0x40000000u | (id[0] << 22 | id[1] << 14 | id[2] << 6 | id[3] >> 2));
}

pid_t getppid(void)
{
    return 1;
}

static pid_t add_child(cloudabi_fd_t fd)
{
    pid_t pid = (pid_t)fd + PID_OFFSET;

    __cloexec_set((int)fd, true);
    lock_take(&children_lock);
    size_t i = 0;
    while (i < MAX_CHILDREN && children[i].used)
        i++;
    if (i < MAX_CHILDREN)
        children[i] = (struct child){.used = true, .fd = fd, .pid = pid};
    lock_drop(&children_lock);
    return i < MAX_CHILDREN ? pid : -1;
}

/* Locks that another thread may hold at the moment of a fork; alone there is none to wait for. */
static void lock_all(void)
{
    lock_take(&children_lock);
    __malloc_before_fork();
}

static void unlock_all(void)
{
    __malloc_after_fork();
    lock_drop(&children_lock);
}

static void forget_children(void)
{
    for (size_t i = 0; i < MAX_CHILDREN; i++) {
        if (children[i].used)
            children[i].used = false;
    }
}

pid_t fork(void)
{
    cloudabi_fd_t fd = 0;
    cloudabi_tid_t tid = 0;

    __atfork_run(FORK_PREPARE);
    bool alone = __thread_is_alone();
    if (!alone)
        lock_all();
    cloudabi_errno_t error = cloudabi_sys_proc_fork(&fd, &tid);
    bool child = error == 0 && fd == CLOUDABI_PROCESS_CHILD;
    if (child)
        __thread_after_fork(tid);
    if (!alone)
        unlock_all();
    if (child)
        forget_children();
    __atfork_run(child ? FORK_CHILD : FORK_PARENT);
    if (error != 0)
        return result(error);
    if (child)
        return 0;
    pid_t pid = add_child(fd);
    if (pid < 0) {
        (void)cloudabi_sys_fd_close(fd);
        return result(EAGAIN);
    }
    return pid;
}

pid_t vfork(void)
{
    return fork();
}

/* Children that match PID (-1: all); returns how many subscriptions were filled. */
static size_t subscribe(pid_t pid, cloudabi_subscription_t *in, struct child *killed)
{
    size_t count = 0;

    lock_take(&children_lock);
    for (size_t i = 0; i < MAX_CHILDREN; i++) {
        struct child *c = &children[i];
        if (!c->used || (pid > 0 && c->pid != pid))
            continue;
        if (c->killed) {
            *killed = *c;
            c->used = false;
            break;
        }
        in[count++] = (cloudabi_subscription_t){.userdata = i,
                                                .type = CLOUDABI_EVENTTYPE_PROC_TERMINATE,
                                                .proc_terminate = {.fd = c->fd}};
    }
    lock_drop(&children_lock);
    return count;
}

static int status_of(const cloudabi_event_t *event)
{
    if (event->error != 0)
        return SIGKILL;
    if (event->proc_terminate.signal != 0)
        return event->proc_terminate.signal;
    return (int)(event->proc_terminate.exitcode & 0xff) << 8;
}

static pid_t reap(const cloudabi_event_t *event, int *status)
{
    lock_take(&children_lock);
    struct child child = children[event->userdata];
    children[event->userdata].used = false;
    lock_drop(&children_lock);
    __cloexec_set((int)child.fd, false);
    (void)cloudabi_sys_fd_close(child.fd);
    if (status != NULL)
        *status = status_of(event);
    return child.pid;
}

/* Wait for one of COUNT subscriptions and take it off the table; 0 if only the clock fired. */
static pid_t wait_for_one(const cloudabi_subscription_t *in, cloudabi_event_t *out, size_t count,
                          int *status)
{
    size_t events = 0;

    if (result(cloudabi_sys_poll(in, out, count, &events)) < 0)
        return -1;
    for (size_t i = 0; i < events; i++) {
        if (out[i].type == CLOUDABI_EVENTTYPE_PROC_TERMINATE)
            return reap(&out[i], status);
    }
    return 0;
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    cloudabi_subscription_t one_in[2];
    cloudabi_event_t one_out[2];
    cloudabi_subscription_t *in = one_in;
    cloudabi_event_t *out = one_out;
    struct child killed = {.pid = 0};
    pid_t found = -1;

    if (pid <= 0) {
        in = malloc((MAX_CHILDREN + 1) * (sizeof(*in) + sizeof(*out)));
        if (in == NULL)
            return -1;
        out = (cloudabi_event_t *)(in + MAX_CHILDREN + 1);
    }
    size_t count = subscribe(pid, in, &killed);
    if (killed.pid != 0) {
        if (status != NULL)
            *status = SIGKILL;
        found = killed.pid;
    } else if (count == 0) {
        errno = ECHILD;
    } else {
        if ((options & WNOHANG) != 0)
            in[count++] =
                (cloudabi_subscription_t){.userdata = MAX_CHILDREN,
                                          .type = CLOUDABI_EVENTTYPE_CLOCK,
                                          .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC}};
        found = wait_for_one(in, out, count, status);
    }
    if (in != one_in)
        free(in);
    return found;
}

pid_t wait(int *status)
{
    return waitpid(-1, status, 0);
}

/* Only the process itself and its children can be named, and a child can only be killed. */
int kill(pid_t pid, int sig)
{
    cloudabi_errno_t error = ESRCH;

    if (pid == getpid() || pid == 0)
        return raise(sig);
    lock_take(&children_lock);
    for (size_t i = 0; i < MAX_CHILDREN; i++) {
        struct child *c = &children[i];
        if (!c->used || c->pid != pid)
            continue;
        error = 0;
        if (sig != 0 && sig != SIGCHLD && sig != SIGCONT && sig != SIGURG && !c->killed) {
            c->killed = true;
            error = cloudabi_sys_fd_close(c->fd);
        }
    }
    lock_drop(&children_lock);
    return result(error);
}

int killpg(pid_t group, int sig)
{
    return kill(group, sig);
}

int sched_yield(void)
{
    return result(cloudabi_sys_thread_yield());
}
