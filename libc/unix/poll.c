/* SPDX-License-Identifier: BSD-2-Clause */
/* poll and select over the poll of the ABI: a subscription for each direction, and one clock. */
#include <poll.h>
#include <stdlib.h>
#include <sys/select.h>

#include "libc/unix/unix.h"

#define ON_STACK   16
#define CLOCK_DATA UINT64_MAX

static void subscribe(cloudabi_subscription_t *in, cloudabi_eventtype_t type, int fd, size_t index)
{
    *in = (cloudabi_subscription_t){
        .userdata = index,
        .type = type,
        .fd_readwrite = {.fd = (cloudabi_fd_t)fd, .flags = CLOUDABI_SUBSCRIPTION_FD_READWRITE_POLL},
    };
}

/* Subscriptions of the entries; those that wait for nothing still report a bad descriptor by reading. */
static size_t subscribe_all(const struct pollfd *fds, nfds_t count, cloudabi_subscription_t *in)
{
    size_t used = 0;

    for (nfds_t i = 0; i < count; i++) {
        if (fds[i].fd < 0)
            continue;
        if ((fds[i].events & (POLLIN | POLLRDHUP)) != 0 || (fds[i].events & POLLOUT) == 0)
            subscribe(&in[used++], CLOUDABI_EVENTTYPE_FD_READ, fds[i].fd, i);
        if ((fds[i].events & POLLOUT) != 0)
            subscribe(&in[used++], CLOUDABI_EVENTTYPE_FD_WRITE, fds[i].fd, i);
    }
    return used;
}

/* Nothing can be written to the descriptor any more. */
static bool writing_is_over(int fd)
{
    cloudabi_subscription_t in[2];
    cloudabi_event_t out[2];
    size_t count = 0;

    subscribe(&in[0], CLOUDABI_EVENTTYPE_FD_WRITE, fd, 0);
    in[1] = (cloudabi_subscription_t){.type = CLOUDABI_EVENTTYPE_CLOCK,
                                      .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC}};
    if (cloudabi_sys_poll(in, out, 2, &count) != 0)
        return true;
    for (size_t i = 0; i < count; i++) {
        if (out[i].type == CLOUDABI_EVENTTYPE_FD_WRITE)
            return out[i].error != 0 ||
                   (out[i].fd_readwrite.flags & CLOUDABI_EVENT_FD_READWRITE_HANGUP) != 0;
    }
    return false;
}

/* The end of what can be read is a hangup only if nothing can be written either: a peer that has sent its last byte may
 * still wait for an answer. */
static short revents_of_reader(const struct pollfd *entry, bool hangup)
{
    short revents = entry->events & POLLIN;

    if (!hangup)
        return revents;
    revents |= entry->events & POLLRDHUP;
    if (revents != 0 && !writing_is_over(entry->fd))
        return revents;
    return revents | POLLHUP;
}

static short revents_of(const cloudabi_event_t *event, const struct pollfd *entry)
{
    bool hangup = (event->fd_readwrite.flags & CLOUDABI_EVENT_FD_READWRITE_HANGUP) != 0;

    if (event->error == EBADF)
        return POLLNVAL;
    if (event->error == EPIPE)
        return POLLHUP;
    if (event->error != 0)
        return POLLERR;
    if (event->type == CLOUDABI_EVENTTYPE_FD_READ)
        return revents_of_reader(entry, hangup);
    /* A writer whose reader has gone is not ready to write: POLLHUP excludes POLLOUT. */
    return hangup ? POLLHUP | POLLERR : POLLOUT;
}

static int fill_revents(struct pollfd *fds, nfds_t count, const cloudabi_event_t *out,
                        size_t events)
{
    int ready = 0;

    for (size_t i = 0; i < events; i++) {
        if (out[i].userdata != CLOCK_DATA)
            fds[out[i].userdata].revents |= revents_of(&out[i], &fds[out[i].userdata]);
    }
    for (nfds_t i = 0; i < count; i++) {
        if ((fds[i].revents & POLLHUP) != 0)
            fds[i].revents &= (short)~POLLOUT;
        ready += fds[i].revents != 0;
    }
    return ready;
}

/* TIMEOUT NULL waits for ever. */
static int poll_until(struct pollfd *fds, nfds_t count, const cloudabi_timestamp_t *timeout)
{
    cloudabi_subscription_t few_in[ON_STACK];
    cloudabi_event_t few_out[ON_STACK];
    cloudabi_subscription_t *in = few_in;
    cloudabi_event_t *out = few_out;
    size_t needed = 2 * (size_t)count + 1;
    size_t events = 0;
    int ready = -1;

    if (needed > ON_STACK) {
        in = calloc(needed, sizeof(*in) + sizeof(*out));
        if (in == NULL)
            return result(ENOMEM);
        out = (cloudabi_event_t *)(in + needed);
    }
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = 0;
    size_t used = subscribe_all(fds, count, in);
    if (timeout != NULL)
        in[used++] = (cloudabi_subscription_t){
            .userdata = CLOCK_DATA,
            .type = CLOUDABI_EVENTTYPE_CLOCK,
            .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = *timeout},
        };
    if (result(cloudabi_sys_poll(in, out, used, &events)) == 0)
        ready = fill_revents(fds, count, out, events);
    if (in != few_in)
        free(in);
    return ready;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    cloudabi_timestamp_t time = (cloudabi_timestamp_t)timeout * 1000000;

    return poll_until(fds, count, timeout < 0 ? NULL : &time);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    cloudabi_timestamp_t time;

    (void)mask;
    if (timeout != NULL && !from_timespec(timeout, &time))
        return result(EINVAL);
    return poll_until(fds, count, timeout == NULL ? NULL : &time);
}

static bool in_set(const fd_set *set, int fd)
{
    return set != NULL && FD_ISSET(fd, set);
}

/* Write the sets back; returns the number of bits, or -1 if a descriptor was bad. */
static int fill_sets(const struct pollfd *fds, nfds_t count, fd_set *readable, fd_set *writable,
                     fd_set *exceptional)
{
    int bits = 0;

    if (readable != NULL)
        FD_ZERO(readable);
    if (writable != NULL)
        FD_ZERO(writable);
    if (exceptional != NULL)
        FD_ZERO(exceptional);
    for (nfds_t i = 0; i < count; i++) {
        if ((fds[i].revents & POLLNVAL) != 0)
            return result(EBADF);
        bool hangup = (fds[i].revents & (POLLHUP | POLLERR)) != 0;
        if ((fds[i].events & POLLIN) != 0 && (hangup || (fds[i].revents & POLLIN) != 0)) {
            FD_SET(fds[i].fd, readable);
            bits++;
        }
        if ((fds[i].events & POLLOUT) != 0 && (hangup || (fds[i].revents & POLLOUT) != 0)) {
            FD_SET(fds[i].fd, writable);
            bits++;
        }
    }
    return bits;
}

static int select_until(int limit, fd_set *readable, fd_set *writable, fd_set *exceptional,
                        const cloudabi_timestamp_t *timeout)
{
    nfds_t count = 0;

    if (limit < 0 || limit > FD_SETSIZE)
        return result(EINVAL);
    struct pollfd *fds = calloc((size_t)limit + 1, sizeof(*fds));
    if (fds == NULL)
        return result(ENOMEM);
    for (int fd = 0; fd < limit; fd++) {
        short events =
            (short)((in_set(readable, fd) ? POLLIN : 0) | (in_set(writable, fd) ? POLLOUT : 0));
        if (events != 0 || in_set(exceptional, fd))
            fds[count++] = (struct pollfd){.fd = fd, .events = events};
    }
    int ready = poll_until(fds, count, timeout);
    if (ready >= 0)
        ready = fill_sets(fds, count, readable, writable, exceptional);
    free(fds);
    return ready;
}

int select(int limit, fd_set *readable, fd_set *writable, fd_set *exceptional,
           struct timeval *timeout)
{
    cloudabi_timestamp_t time = 0;

    if (timeout == NULL)
        return select_until(limit, readable, writable, exceptional, NULL);
    struct timespec ts = {timeout->tv_sec, timeout->tv_usec * 1000};
    if (!from_timespec(&ts, &time))
        return result(EINVAL);
    return select_until(limit, readable, writable, exceptional, &time);
}

int pselect(int limit, fd_set *readable, fd_set *writable, fd_set *exceptional,
            const struct timespec *timeout, const sigset_t *mask)
{
    cloudabi_timestamp_t time = 0;

    (void)mask;
    if (timeout != NULL && !from_timespec(timeout, &time))
        return result(EINVAL);
    return select_until(limit, readable, writable, exceptional, timeout != NULL ? &time : NULL);
}
