/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor tables.  A slot is free, reserved (its number is taken, nothing is in it) or open.  Every taken
 * number is charged to the table's job.
 *
 * The lock is held for a few instructions only; a file is closed after it has been dropped.  The arrays
 * grow by doubling and never shrink: FD_MAX slots are 96 KiB, charged to the same job.
 */
#include "kernel/fd/table.h"

#include "kernel/fd/numbers.h"
#include "kernel/lib/assert.h"
#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"
#include "kernel/sched/sched.h"

#define FD_FIRST_CAPACITY 16u
#define CLOSE_BATCH       64u /* files closed before others get their turn */

_Static_assert(FD_MAX == FD_NUMBERS, "the bitmap has a bit for each number");

struct fd_slot {
    struct file *file; /* NULL: free or reserved */
    struct rights rights;
};

struct fd_table {
    struct spinlock lock;      /* RANK_FD_TABLE: guards all below */
    _Atomic uint32_t capacity; /* of slots; only grows */
    struct fd_slot *slots;
    struct fd_numbers numbers;
    struct job *job; /* referenced */
};

static struct slab_cache table_cache = SLAB_CACHE(table_cache, struct fd_table, OBJECT_FD_TABLE);

cloudabi_errno_t fd_get(cloudabi_fd_t fd, cloudabi_rights_t needed, struct fd_grant *out)
{
    struct fd_table *table = thread_self()->fds;
    if (fd >= atomic_load_explicit(&table->capacity, memory_order_relaxed))
        return CLOUDABI_EBADF;
    spinlock_lock(&table->lock);
    const struct fd_slot *slot = &table->slots[fd];
    struct file *file = slot->file;
    if (file != NULL)
        file_get(file);
    out->file = file;
    out->rights = slot->rights;
    spinlock_unlock(&table->lock);
    if (file == NULL)
        return CLOUDABI_EBADF;
    cloudabi_errno_t error = rights_check(out->rights.base, needed);
    if (error != 0)
        file_put(file);
    return error;
}

struct fd_table *fd_table_create(struct job *job)
{
    struct fd_table *table = slab_alloc(&table_cache, job);
    if (table == NULL)
        return NULL;
    spinlock_init(&table->lock, RANK_FD_TABLE);
    table->job = job_get(job);
    return table;
}

static size_t charged(const struct fd_table *table)
{
    size_t count = 0;
    for (size_t i = 0; i < FD_NUMBERS / 64; i++)
        count += (size_t)__builtin_popcountll(table->numbers.taken[i]);
    return count;
}

void fd_table_destroy(struct fd_table *table)
{
    struct job *job = table->job;
    job_uncharge(job, JOB_DESCRIPTORS, charged(table));
    for (uint32_t i = 0, closed = 0; i < table->capacity; i++) {
        if (table->slots[i].file == NULL)
            continue;
        file_put(table->slots[i].file);
        if (++closed % CLOSE_BATCH == 0)
            sched_point(); /* never for an empty table, which goes under its maker's lock */
    }
    kfree(table->slots);
    slab_free(&table_cache, table);
    job_put(job);
}

cloudabi_errno_t fd_table_enter_job(struct fd_table *table, struct job *job)
{
    struct job *old = table->job;
    spinlock_lock(&table->lock);
    size_t count = charged(table);
    bool fits = job_charge(job, JOB_DESCRIPTORS, count);
    if (fits) {
        job_uncharge(old, JOB_DESCRIPTORS, count);
        table->job = job_get(job);
    }
    spinlock_unlock(&table->lock);
    if (fits)
        job_put(old);
    return fits ? 0 : CLOUDABI_ENOMEM;
}

/* Makes room for NUMBER, below FD_MAX, which is behind the last slot. */
__attribute__((noinline)) static cloudabi_errno_t table_grow_locked(struct fd_table *table,
                                                                    uint32_t number)
{
    uint32_t old = table->capacity, capacity = old == 0 ? FD_FIRST_CAPACITY : old;
    while (capacity <= number)
        capacity *= 2;
    struct fd_slot *slots = kmalloc(table->job, capacity * sizeof(*slots));
    if (slots == NULL)
        return CLOUDABI_ENOMEM;
    if (old != 0)
        memcpy(slots, table->slots, old * sizeof(*slots));
    kfree(table->slots);
    table->slots = slots;
    atomic_store_explicit(&table->capacity, capacity, memory_order_release);
    return 0;
}

/* Takes the lowest free number: reserved. */
static cloudabi_errno_t table_reserve_locked(struct fd_table *table, cloudabi_fd_t *fd)
{
    uint32_t number;
    if (!fd_number_lowest(&table->numbers, &number))
        return CLOUDABI_EMFILE;
    cloudabi_errno_t error = number < table->capacity ? 0 : table_grow_locked(table, number);
    if (error != 0)
        return error;
    if (!job_charge(table->job, JOB_DESCRIPTORS, 1))
        return CLOUDABI_ENOMEM;
    fd_number_take(&table->numbers, number);
    *fd = number;
    return 0;
}

static void table_free_locked(struct fd_table *table, cloudabi_fd_t fd)
{
    table->slots[fd] = (struct fd_slot){.file = NULL};
    fd_number_free(&table->numbers, fd);
    job_uncharge(table->job, JOB_DESCRIPTORS, 1);
}

static struct fd_slot *table_open_locked(struct fd_table *table, cloudabi_fd_t fd)
{
    if (fd >= table->capacity || table->slots[fd].file == NULL)
        return NULL;
    return &table->slots[fd];
}

cloudabi_errno_t fd_table_add(struct fd_table *table, struct file *file, struct rights rights,
                              cloudabi_fd_t *fd)
{
    spinlock_lock(&table->lock);
    cloudabi_errno_t error = table_reserve_locked(table, fd);
    if (error == 0)
        table->slots[*fd] = (struct fd_slot){file, rights};
    spinlock_unlock(&table->lock);
    return error;
}

cloudabi_errno_t fd_install(struct file *file, struct rights rights, cloudabi_fd_t *fd)
{
    return fd_table_add(thread_self()->fds, file, rights, fd);
}

cloudabi_errno_t fd_reserve(cloudabi_fd_t *fds, size_t count)
{
    struct fd_table *table = thread_self()->fds;
    cloudabi_errno_t error = 0;
    size_t got = 0;
    spinlock_lock(&table->lock);
    while (got < count && (error = table_reserve_locked(table, &fds[got])) == 0)
        got++;
    while (error != 0 && got > 0)
        table_free_locked(table, fds[--got]);
    spinlock_unlock(&table->lock);
    return error;
}

void fd_commit(cloudabi_fd_t fd, struct file *file, struct rights rights)
{
    struct fd_table *table = thread_self()->fds;
    spinlock_lock(&table->lock);
    kassert(fd < table->capacity && table->slots[fd].file == NULL);
    table->slots[fd] = (struct fd_slot){file, rights};
    spinlock_unlock(&table->lock);
}

void fd_unreserve(const cloudabi_fd_t *fds, size_t count)
{
    struct fd_table *table = thread_self()->fds;
    spinlock_lock(&table->lock);
    for (size_t i = 0; i < count; i++)
        table_free_locked(table, fds[i]);
    spinlock_unlock(&table->lock);
}

cloudabi_errno_t fd_close(cloudabi_fd_t fd)
{
    struct fd_table *table = thread_self()->fds;
    if (fd >= atomic_load_explicit(&table->capacity, memory_order_relaxed))
        return CLOUDABI_EBADF;
    spinlock_lock(&table->lock);
    struct file *file = table->slots[fd].file;
    if (file != NULL)
        table_free_locked(table, fd);
    spinlock_unlock(&table->lock);
    if (file == NULL)
        return CLOUDABI_EBADF;
    file_put(file);
    return 0;
}

cloudabi_errno_t fd_replace(cloudabi_fd_t from, cloudabi_fd_t to)
{
    struct fd_table *table = thread_self()->fds;
    struct file *old = NULL;
    spinlock_lock(&table->lock);
    struct fd_slot *source = table_open_locked(table, from), *target = table_open_locked(table, to);
    if (source != NULL && target != NULL) {
        file_get(source->file);
        old = target->file;
        *target = *source;
    }
    spinlock_unlock(&table->lock);
    if (old == NULL)
        return CLOUDABI_EBADF;
    file_put(old);
    return 0;
}

cloudabi_errno_t fd_narrow(cloudabi_fd_t fd, const struct rights *wanted)
{
    struct fd_table *table = thread_self()->fds;
    spinlock_lock(&table->lock);
    struct fd_slot *slot = table_open_locked(table, fd);
    cloudabi_errno_t error = slot == NULL ? CLOUDABI_EBADF : rights_narrow(&slot->rights, wanted);
    spinlock_unlock(&table->lock);
    return error;
}

/* An empty table with room for CAPACITY slots and COUNT numbers charged to it. */
static cloudabi_errno_t table_prepare(struct job *job, uint32_t capacity, size_t count,
                                      struct fd_table **out)
{
    struct fd_table *table = fd_table_create(job);
    if (table == NULL)
        return CLOUDABI_ENOMEM;
    if ((capacity == 0 || table_grow_locked(table, capacity - 1) == 0) &&
        job_charge(job, JOB_DESCRIPTORS, count)) {
        *out = table;
        return 0;
    }
    fd_table_destroy(table);
    return CLOUDABI_ENOMEM;
}

static void table_fill(struct fd_table *to, uint32_t number, const struct fd_slot *slot)
{
    to->slots[number] = *slot;
    file_get(slot->file);
    fd_number_take(&to->numbers, number);
}

/* Gives back what was charged for numbers that in the end were not taken. */
static void table_settle(struct fd_table *table, size_t count)
{
    job_uncharge(table->job, JOB_DESCRIPTORS, count - charged(table));
}

cloudabi_errno_t fd_table_copy(const struct fd_table *table, struct job *job, struct fd_table **out)
{
    struct fd_table *from = (struct fd_table *)table; /* only its lock changes */
    struct fd_table *copy = NULL;
    spinlock_lock(&from->lock);
    size_t count = charged(from);
    cloudabi_errno_t error = table_prepare(job, from->capacity, count, &copy);
    for (uint32_t i = 0; error == 0 && i < from->capacity; i++)
        if (from->slots[i].file != NULL)
            table_fill(copy, i, &from->slots[i]);
    spinlock_unlock(&from->lock);
    if (error == 0) {
        table_settle(copy, count); /* reserved numbers belong to calls of other threads */
        *out = copy;
    }
    return error;
}

cloudabi_errno_t fd_table_select(struct fd_table *table, struct job *job, const cloudabi_fd_t *fds,
                                 size_t count, struct fd_table **out)
{
    struct fd_table *selected;
    if (count > FD_MAX)
        return CLOUDABI_EINVAL;
    cloudabi_errno_t error = table_prepare(job, (uint32_t)count, count, &selected);
    if (error != 0)
        return error;
    size_t got = 0;
    spinlock_lock(&table->lock);
    for (; got < count; got++) {
        const struct fd_slot *slot = table_open_locked(table, fds[got]);
        if (slot == NULL)
            break;
        table_fill(selected, (uint32_t)got, slot);
    }
    spinlock_unlock(&table->lock);
    if (got == count) {
        *out = selected;
        return 0;
    }
    table_settle(selected, count);
    fd_table_destroy(selected);
    return CLOUDABI_EBADF;
}
