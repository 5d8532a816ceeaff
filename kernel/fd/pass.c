/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors in flight, and the collector of their cycles (mark and sweep).
 *
 * A socket end can be sent over its own pair, or two ends over each other's: then each is held only by a
 * message that nobody can receive.  An end is *reached* if somebody holds it besides messages
 * (references > in_flight), or if it lies in the inbox of a reached end.  Inboxes that are not reached are
 * emptied.  References of unreached ends can not change while the pass lock is held: a new one comes only
 * from a holder outside of messages (there is none) or from receiving (which takes the lock).
 *
 * It looks only at inboxes that hold descriptors, which are few, and runs when a reference to an end goes
 * whose others all are messages: no cycle becomes unreachable in another way.  A program that makes them many
 * can not make the kernel search all the time: a long search puts the next one off, to some later close.
 */
#include "kernel/fd/pass.h"

#include "kernel/mm/slab.h"
#include "kernel/sched/thread.h"

static struct spinlock pass_lock = SPINLOCK_INIT(RANK_SOCKET + 2);
static struct list loaded_queues = LIST_INIT(loaded_queues);

#define SEARCH_CHEAP 64u /* so many inboxes may be searched at any time */
#define SEARCH_SHARE 8u  /* else it may take one part in so many of the time */

static _Atomic bool suspected;
static uint64_t next_search; /* pass lock: monotonic ns */

void pass_queue_init(struct pass_queue *queue, struct file *owner)
{
    list_init(&queue->messages);
    list_init(&queue->loaded);
    list_init(&queue->work);
    queue->owner = owner;
    queue->reached = false;
    owner->inbox = queue;
}

cloudabi_errno_t pass_create(struct sock_message *message, size_t behind, struct passed **out)
{
    struct job *job = thread_self()->job;
    size_t count = message->files_count;
    struct passed *passed =
        kmalloc_unset(job, sizeof(*passed) + count * sizeof(passed->items[0]) + behind);
    if (passed == NULL)
        return CLOUDABI_ENOMEM;
    if (!job_charge(job, JOB_DESCRIPTORS, count)) {
        kfree(passed);
        return CLOUDABI_ENOMEM;
    }
    list_init(&passed->link);
    passed->position = 0;
    passed->job = job;
    passed->count = (uint32_t)count;
    atomic_init(&passed->holders, behind != 0 ? 2 : 1);
    for (size_t i = 0; i < count; i++)
        passed->items[i] = (struct passed_file){message->files[i], message->rights[i]};
    message->files_count = 0;
    *out = passed;
    return 0;
}

/* Counts what PASSED holds of the sockets' references: DIFFERENCE is 1 or -1. */
static void count_in_flight_locked(const struct passed *passed, int difference)
{
    for (size_t i = 0; i < passed->count; i++)
        if (passed->items[i].file->inbox != NULL)
            atomic_fetch_add(&passed->items[i].file->in_flight, (uint32_t)difference);
}

void pass_enqueue(struct pass_queue *queue, struct passed *passed)
{
    spinlock_lock(&pass_lock);
    if (list_empty(&queue->messages))
        list_append(&loaded_queues, &queue->loaded);
    list_append(&queue->messages, &passed->link);
    count_in_flight_locked(passed, 1);
    spinlock_unlock(&pass_lock);
}

static void detach_locked(struct pass_queue *queue, struct passed *passed)
{
    list_remove(&passed->link);
    count_in_flight_locked(passed, -1);
    if (list_empty(&queue->messages))
        list_remove(&queue->loaded);
}

void pass_dequeue(struct pass_queue *queue, struct passed *passed)
{
    spinlock_lock(&pass_lock);
    detach_locked(queue, passed);
    spinlock_unlock(&pass_lock);
}

static void drain_locked(struct pass_queue *queue, struct list *out)
{
    struct passed *passed;
    while ((passed = pass_first(queue)) != NULL) {
        detach_locked(queue, passed);
        list_append(out, &passed->link);
    }
}

void pass_drain(struct pass_queue *queue, struct list *out)
{
    spinlock_lock(&pass_lock);
    drain_locked(queue, out);
    spinlock_unlock(&pass_lock);
}

void pass_put_behind(struct passed *passed)
{
    if (atomic_fetch_sub_explicit(&passed->holders, 1, memory_order_acq_rel) == 1)
        kfree(passed);
}

/* The job is there as long as the memory is charged to it. */
static void free_passed(struct passed *passed)
{
    job_uncharge(passed->job, JOB_DESCRIPTORS, passed->count);
    pass_put_behind(passed);
}

void pass_deliver(struct passed *passed, struct sock_message *message)
{
    size_t room = message->files_count, count;
    message->files_count = 0;
    if (passed == NULL)
        return;
    count = passed->count;
    for (size_t i = 0; i < count; i++) {
        if (i < room) {
            message->files[i] = passed->items[i].file;
            message->rights[i] = passed->items[i].rights;
        } else {
            file_put(passed->items[i].file);
        }
    }
    message->files_count = count < room ? count : room;
    if (room > 0 &&
        count >
            room) /* offering no room at all is not worth a flag: docs/executables.md section 11 */
        message->result |= CLOUDABI_SOCK_RECV_FDS_TRUNCATED;
    free_passed(passed);
}

void pass_release(struct passed *passed)
{
    if (passed == NULL)
        return;
    for (size_t i = 0; i < passed->count; i++)
        file_put(passed->items[i].file);
    free_passed(passed);
}

void pass_release_all(struct list *list)
{
    struct list *link;
    while ((link = list_pop(list)) != NULL)
        pass_release(container_of(link, struct passed, link));
}

static void reach_locked(struct pass_queue *queue, struct list *work)
{
    if (queue->reached)
        return;
    queue->reached = true;
    list_append(work, &queue->work);
}

static void mark_roots_locked(struct list *work)
{
    list_for_each(pos, &loaded_queues) container_of(pos, struct pass_queue, loaded)->reached =
        false;
    list_for_each(pos, &loaded_queues)
    {
        struct pass_queue *queue = container_of(pos, struct pass_queue, loaded);
        if (atomic_load(&queue->owner->references) > atomic_load(&queue->owner->in_flight))
            reach_locked(queue, work);
    }
}

static void mark_from_locked(const struct pass_queue *queue, struct list *work)
{
    list_for_each(pos, &queue->messages)
    {
        const struct passed *passed = container_of(pos, struct passed, link);
        for (size_t i = 0; i < passed->count; i++) {
            struct pass_queue *inbox = passed->items[i].file->inbox;
            if (inbox != NULL && !list_empty(&inbox->messages))
                reach_locked(inbox, work);
        }
    }
}

/* Moves the messages of inboxes that are not reached to GARBAGE. The number of inboxes looked at. */
static size_t search_locked(struct list *garbage)
{
    struct list work = LIST_INIT(work), *link;
    size_t count = 0;
    mark_roots_locked(&work);
    while ((link = list_pop(&work)) != NULL)
        mark_from_locked(container_of(link, struct pass_queue, work), &work);
    list_for_each_safe(pos, tmp, &loaded_queues)
    {
        struct pass_queue *queue = container_of(pos, struct pass_queue, loaded);
        if (!queue->reached)
            drain_locked(queue, garbage);
        count++;
    }
    return count;
}

void pass_suspect(void)
{
    atomic_store(&suspected, true);
}

void pass_collect(void)
{
    struct list garbage = LIST_INIT(garbage);
    if (!atomic_load_explicit(&suspected, memory_order_relaxed))
        return;
    uint64_t start = arch_clock_monotonic();
    spinlock_lock(&pass_lock);
    if (start >= next_search) {
        atomic_store(&suspected, false);
        if (search_locked(&garbage) > SEARCH_CHEAP) {
            uint64_t end = arch_clock_monotonic();
            next_search = end + SEARCH_SHARE * (end - start);
        }
    }
    spinlock_unlock(&pass_lock);
    pass_release_all(&garbage);
}
