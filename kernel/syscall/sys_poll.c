/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poll: one call that waits for everything (docs/executables.md section 8).
 *
 * A lock or a condition variable comes alone, or with one clock behind it, and is left to proc/futex.
 * All else may be mixed.  The descriptors are looked up once.  A first look asks each for its state; only
 * if nothing is ready are waiters queued, and a second look closes the gap in between.  What is wrong with
 * one subscription is an event of its own.
 */
#include "abi/kernel_calls.h"
#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"
#include "kernel/proc/futex.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sched.h"
#include "kernel/syscall/clock.h"

#define POLL_MAX    4096
#define POLL_INLINE 6
#define NEVER       UINT64_MAX

struct poll_item {
    cloudabi_subscription_t sub;
    cloudabi_errno_t error; /* of the look-up: an event at once */
    bool granted, queued;
    struct fd_grant grant;
    struct process *process; /* PROC_TERMINATE */
    struct waiter waiter;
    cloudabi_clockid_t clock; /* CLOCK: which, and when on it */
    uint64_t target;
};

/* --- clocks ----------------------------------------------------------------------------------- */

/* A relative time on the wall clock is one on the monotonic clock: setting the clock does not move it. */
static cloudabi_errno_t clock_prepare(struct poll_item *item)
{
    uint64_t now;
    bool absolute = item->sub.clock.flags & CLOUDABI_SUBSCRIPTION_CLOCK_ABSTIME;
    item->clock = item->sub.clock.clock_id;
    if (!absolute && item->clock == CLOUDABI_CLOCK_REALTIME)
        item->clock = CLOUDABI_CLOCK_MONOTONIC;
    cloudabi_errno_t error = clock_read(item->clock, &now);
    item->target = item->sub.clock.timeout;
    if (!absolute && __builtin_add_overflow(now, item->target, &item->target))
        item->target = NEVER;
    return error;
}

static bool clock_fired(const struct poll_item *item)
{
    uint64_t now = 0;
    (void)clock_read(item->clock, &now);
    return now >= item->target;
}

/* When to look again at the latest, in monotonic time. All CPUs together run the process's clock. */
static uint64_t clock_deadline(const struct poll_item *item)
{
    uint64_t now = 0, deadline;
    if (item->clock == CLOUDABI_CLOCK_MONOTONIC || item->target == NEVER)
        return item->target;
    (void)clock_read(item->clock, &now);
    uint64_t left = item->target > now ? item->target - now : 0;
    if (item->clock == CLOUDABI_CLOCK_PROCESS_CPUTIME_ID)
        left /= cpu_count;
    else if (item->clock == CLOUDABI_CLOCK_THREAD_CPUTIME_ID && left != 0)
        return NEVER; /* it stands still while the thread waits here */
    return __builtin_add_overflow(arch_clock_monotonic(), left, &deadline) ? NEVER : deadline;
}

/* --- locks and condition variables --------------------------------------------------------------- */

static bool is_lock(cloudabi_eventtype_t type)
{
    return type == CLOUDABI_EVENTTYPE_LOCK_RDLOCK || type == CLOUDABI_EVENTTYPE_LOCK_WRLOCK ||
           type == CLOUDABI_EVENTTYPE_CONDVAR;
}

static cloudabi_errno_t wait_for_lock(const cloudabi_subscription_t *sub, uint64_t deadline)
{
    struct futex_address lock, condvar;
    if (sub->type == CLOUDABI_EVENTTYPE_CONDVAR) {
        condvar =
            (struct futex_address){user_addr(sub->condvar.condvar), sub->condvar.condvar_scope};
        lock = (struct futex_address){user_addr(sub->condvar.lock), sub->condvar.lock_scope};
        return futex_wait(&condvar, &lock, deadline);
    }
    lock = (struct futex_address){user_addr(sub->lock.lock), sub->lock.lock_scope};
    return futex_lock(&lock, sub->type == CLOUDABI_EVENTTYPE_LOCK_WRLOCK, deadline);
}

static cloudabi_errno_t poll_lock(user_addr_t in, user_addr_t out, size_t count, size_t *nevents)
{
    struct poll_item items[2];
    uint64_t deadline = NEVER;
    if (count > 2)
        return CLOUDABI_EINVAL;
    for (size_t i = 0; i < count; i++) {
        cloudabi_errno_t error = copy_from_user(
            &items[i].sub, user_add(in, i * sizeof(items[i].sub)), sizeof(items[i].sub));
        if (error != 0)
            return error;
    }
    const cloudabi_subscription_t *fired = &items[0].sub;
    cloudabi_errno_t error = 0;
    if (count == 2) {
        if (items[1].sub.type != CLOUDABI_EVENTTYPE_CLOCK)
            return CLOUDABI_EINVAL;
        error = clock_prepare(&items[1]);
        if (error == 0)
            deadline = clock_deadline(&items[1]);
        else
            fired = &items[1].sub;
    }
    if (error == 0)
        error = wait_for_lock(&items[0].sub, deadline);
    if (error == CLOUDABI_EINTR)
        return error;
    if (error == CLOUDABI_ETIMEDOUT) {
        fired = &items[1].sub;
        error = 0;
    }
    cloudabi_event_t event = {.userdata = fired->userdata, .error = error, .type = fired->type};
    *nevents = 1;
    return copy_to_user(out, &event, sizeof(event));
}

/* --- descriptors, processes, clocks ---------------------------------------------------------------- */

static cloudabi_errno_t item_prepare(struct poll_item *item)
{
    cloudabi_errno_t error;
    switch (item->sub.type) {
    case CLOUDABI_EVENTTYPE_CLOCK:
        return clock_prepare(item);
    case CLOUDABI_EVENTTYPE_FD_READ:
    case CLOUDABI_EVENTTYPE_FD_WRITE:
        error = fd_get(item->sub.fd_readwrite.fd, CLOUDABI_RIGHT_POLL_FD_READWRITE, &item->grant);
        item->granted = error == 0;
        return error;
    case CLOUDABI_EVENTTYPE_PROC_TERMINATE:
        error =
            fd_get(item->sub.proc_terminate.fd, CLOUDABI_RIGHT_POLL_PROC_TERMINATE, &item->grant);
        item->granted = error == 0;
        if (error != 0)
            return error;
        item->process = process_of_file(item->grant.file);
        return item->process != NULL ? 0 : CLOUDABI_EINVAL;
    default:
        return CLOUDABI_EINVAL;
    }
}

static void unqueue(struct poll_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].queued)
            waitq_remove(&items[i].waiter);
        items[i].queued = false;
        items[i].waiter.queue =
            NULL; /* it may be gone, and file_event() looks whether it is set anew */
    }
}

static void release(struct poll_item *items, size_t count)
{
    unqueue(items, count);
    for (size_t i = 0; i < count; i++) {
        if (items[i].granted)
            fd_put(&items[i].grant);
    }
}

static cloudabi_errno_t prepare(struct poll_item *items, size_t count, user_addr_t in)
{
    for (size_t i = 0; i < count; i++) {
        struct poll_item *item = &items[i];
        item->granted = item->queued = false;
        item->process = NULL;
        item->waiter.queue = NULL;
        cloudabi_errno_t error =
            copy_from_user(&item->sub, user_add(in, i * sizeof(item->sub)), sizeof(item->sub));
        if (error == 0 && is_lock(item->sub.type))
            error = CLOUDABI_EINVAL; /* not where it may stand */
        if (error != 0) {
            release(items, i);
            return error;
        }
        item->error = item_prepare(item);
    }
    return 0;
}

static bool file_event(struct poll_item *item, bool queue, cloudabi_event_t *event)
{
    struct poll_state state = {0};
    bool write = item->sub.type == CLOUDABI_EVENTTYPE_FD_WRITE;
    file_poll(item->grant.file, write, queue ? &item->waiter : NULL, &state);
    item->queued |= queue && item->waiter.queue != NULL;
    event->error = state.error;
    event->fd_readwrite.nbytes = state.nbytes;
    event->fd_readwrite.flags = state.flags;
    return state.ready || state.error != 0;
}

static bool process_event(struct poll_item *item, bool queue, cloudabi_event_t *event)
{
    if (queue) {
        waitq_add(&item->process->exit_waiters, &item->waiter);
        item->queued = true;
    }
    return process_exited(item->process, &event->proc_terminate.signal,
                          &event->proc_terminate.exitcode);
}

/* Has ITEM something to tell now? QUEUE: and be woken when it has later. */
static bool item_event(struct poll_item *item, bool queue, cloudabi_event_t *event)
{
    memset(event, 0, sizeof(*event));
    event->userdata = item->sub.userdata;
    event->type = item->sub.type;
    event->error = item->error;
    if (item->error != 0)
        return true;
    if (item->sub.type == CLOUDABI_EVENTTYPE_CLOCK)
        return clock_fired(item);
    if (item->process != NULL)
        return process_event(item, queue, event);
    return file_event(item, queue, event);
}

/* Writes the events that there are. */
static cloudabi_errno_t look(struct poll_item *items, size_t count, bool queue, user_addr_t out,
                             size_t *nevents)
{
    cloudabi_event_t event;
    for (size_t i = 0; i < count; i++) {
        if (!item_event(&items[i], queue, &event))
            continue;
        cloudabi_errno_t error =
            copy_to_user(user_add(out, *nevents * sizeof(event)), &event, sizeof(event));
        if (error != 0)
            return error;
        ++*nevents;
    }
    return 0;
}

static uint64_t first_deadline(const struct poll_item *items, size_t count)
{
    uint64_t first = NEVER;
    for (size_t i = 0; i < count; i++) {
        if (items[i].sub.type != CLOUDABI_EVENTTYPE_CLOCK || items[i].error != 0)
            continue;
        uint64_t deadline = clock_deadline(&items[i]);
        if (deadline < first)
            first = deadline;
    }
    return first;
}

static cloudabi_errno_t poll_items(struct poll_item *items, size_t count, user_addr_t in,
                                   user_addr_t out, size_t *nevents)
{
    cloudabi_errno_t error = prepare(items, count, in);
    if (error != 0)
        return error;
    *nevents = 0;
    error = look(items, count, false, out, nevents);
    if (error == 0 && *nevents == 0)
        error = look(items, count, true, out, nevents);
    while (error == 0 && *nevents == 0) {
        error = thread_park(first_deadline(items, count));
        if (error == CLOUDABI_EINTR)
            break;
        error = look(items, count, false, out, nevents);
        if (error != 0 || *nevents != 0)
            break;
        unqueue(items, count); /* a wake-up counts once, and a wish told to a service too */
        error = look(items, count, true, out, nevents);
    }
    release(items, count);
    return error;
}

cloudabi_errno_t sys_poll(user_addr_t in, user_addr_t out, size_t nsubscriptions, size_t *nevents)
{
    struct poll_item few[POLL_INLINE];
    cloudabi_eventtype_t type;
    if (nsubscriptions == 0 || nsubscriptions > POLL_MAX)
        return CLOUDABI_EINVAL;
    cloudabi_errno_t error =
        copy_from_user(&type, user_add(in, offsetof(cloudabi_subscription_t, type)), sizeof(type));
    if (error != 0)
        return error;
    if (is_lock(type))
        return poll_lock(in, out, nsubscriptions, nevents);
    if (nsubscriptions <= POLL_INLINE)
        return poll_items(few, nsubscriptions, in, out, nevents);
    struct poll_item *items = kmalloc(process_self()->job, nsubscriptions * sizeof(*items));
    if (items == NULL)
        return CLOUDABI_ENOMEM;
    error = poll_items(items, nsubscriptions, in, out, nevents);
    kfree(items);
    return error;
}
