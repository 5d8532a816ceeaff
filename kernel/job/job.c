/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs; see job.h for who keeps one alive. */
#include "kernel/job/job.h"

#include "kernel/lib/refcount.h"
#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"

struct job job_root = {
    .references = 1,
    .used = {[JOB_MEMORY] = 1},
    .limit = {JOB_NO_LIMIT, JOB_NO_LIMIT, JOB_NO_LIMIT, JOB_NO_LIMIT, JOB_NO_LIMIT},
    .cpu_percent = JOB_NO_LIMIT,
    .named = true,
    .children = LIST_INIT(job_root.children),
    .sibling = LIST_INIT(job_root.sibling),
    .processes = LIST_INIT(job_root.processes),
    .name = "root",
};

struct spinlock job_tree_lock = SPINLOCK_INIT(RANK_JOB_TREE);
static struct slab_cache job_cache = SLAB_CACHE(job_cache, struct job, OBJECT_JOB);

_Atomic uint64_t object_count[OBJECT_CLASSES];
const char *const object_class_name[OBJECT_CLASSES] = {
    [OBJECT_THREAD] = "thread",     [OBJECT_PROCESS] = "process", [OBJECT_VMSPACE] = "vmspace",
    [OBJECT_AREA] = "area",         [OBJECT_MEMOBJ] = "memobj",   [OBJECT_FILE] = "file",
    [OBJECT_FD_TABLE] = "fd_table", [OBJECT_SOCKET] = "socket",   [OBJECT_MESSAGE] = "message",
    [OBJECT_PORT] = "port",         [OBJECT_NODE] = "node",       [OBJECT_CHANNEL] = "channel",
    [OBJECT_JOB] = "job",           [OBJECT_FUTEX] = "futex",     [OBJECT_OTHER] = "other",
};

struct job *job_get(struct job *job)
{
    refcount_get(&job->references);
    return job;
}

/* The last byte of memory charged to JOB is gone, so nobody can name it any more. */
__attribute__((noinline, preserve_most)) static void job_destroy(struct job *job)
{
    struct job *parent = job->parent;
    slab_free(&job_cache, job);
    job_put(parent);
}

void job_put(struct job *job)
{
    if (!refcount_put(&job->references))
        return;
    spinlock_lock(&job_tree_lock);
    list_remove(&job->sibling);
    spinlock_unlock(&job_tree_lock);
    if (atomic_fetch_sub_explicit(&job->used[JOB_MEMORY], 1, memory_order_acq_rel) == 1)
        job_destroy(job);
}

struct job *job_create(struct job *parent, const char *name)
{
    struct job *job = slab_alloc(&job_cache, parent);
    if (job == NULL)
        return NULL;
    job->references = 1;
    job->used[JOB_MEMORY] = 1;
    for (unsigned i = 0; i < JOB_RESOURCES; i++)
        job->limit[i] = JOB_NO_LIMIT;
    job->cpu_percent = JOB_NO_LIMIT;
    job->depth = parent->depth + 1;
    /* Until somebody says otherwise, a job leaves an eighth of its parent's memory to the others. */
    uint64_t memory = atomic_load(&parent->limit[JOB_MEMORY]);
    job->limit[JOB_MEMORY] = memory - memory / 8;
    job->parent = job_get(parent);
    list_init(&job->children);
    list_init(&job->sibling);
    list_init(&job->processes);
    memcpy(job->name, name, strnlen(name, sizeof(job->name) - 1));
    spinlock_lock(&job_tree_lock);
    atomic_store(&job->metered, atomic_load(&parent->metered));
    list_append(&parent->children, &job->sibling);
    spinlock_unlock(&job_tree_lock);
    return job;
}

static struct job *named_locked(struct job *parent, const char *name, size_t len)
{
    spinlock_assert_held(&job_tree_lock);
    list_for_each(link, &parent->children)
    {
        struct job *job = container_of(link, struct job, sibling);
        if (job->named && strlen(job->name) == len && memcmp(job->name, name, len) == 0)
            return job;
    }
    return NULL;
}

cloudabi_errno_t job_name(struct job *job)
{
    spinlock_lock(&job_tree_lock);
    cloudabi_errno_t error = 0;
    if (!job->parent->named)
        error = CLOUDABI_ENOENT;
    else if (named_locked(job->parent, job->name, strlen(job->name)) != NULL)
        error = CLOUDABI_EEXIST;
    else {
        job->named = true;
        job_get(job);
    }
    spinlock_unlock(&job_tree_lock);
    return error;
}

/* Those below that nobody can name any more do not count. */
static bool empty_locked(const struct job *job)
{
    list_for_each(link,
                  &job->children) if (container_of(link, struct job, sibling)->named) return false;
    return list_empty(&job->processes);
}

cloudabi_errno_t job_unname(struct job *job)
{
    cloudabi_errno_t error = 0;
    spinlock_lock(&job_tree_lock);
    if (!job->named || job->parent == NULL)
        error = CLOUDABI_ENOENT;
    else if (!empty_locked(job))
        error = CLOUDABI_ENOTEMPTY;
    else
        job->named = false;
    spinlock_unlock(&job_tree_lock);
    if (error == 0)
        job_put(job);
    return error;
}

bool job_within(const struct job *job, const struct job *above)
{
    while (job != NULL && job != above)
        job = job->parent;
    return job != NULL;
}

struct job *job_find(struct job *parent, const char *name, size_t len)
{
    spinlock_lock(&job_tree_lock);
    struct job *found = named_locked(parent, name, len);
    if (found != NULL)
        job_get(found); /* its name holds a reference, so it is alive */
    spinlock_unlock(&job_tree_lock);
    return found;
}

struct job *job_nth(struct job *parent, uint64_t index)
{
    struct job *found = NULL;
    spinlock_lock(&job_tree_lock);
    list_for_each(link, &parent->children)
    {
        struct job *job = container_of(link, struct job, sibling);
        if (!job->named || index-- != 0)
            continue;
        found = job_get(job);
        break;
    }
    spinlock_unlock(&job_tree_lock);
    return found;
}

/* Takes AMOUNT back from JOB and its ancestors below END. */
__attribute__((noinline, preserve_most)) static void take_back(struct job *job, struct job *end,
                                                               enum job_resource resource,
                                                               uint64_t amount)
{
    for (; job != end; job = job->parent)
        atomic_fetch_sub_explicit(&job->used[resource], amount, memory_order_relaxed);
}

/* USED is over the limit of AT. May JOB have it nevertheless? The root keeps a reserve for itself. */
static bool from_reserve(const struct job *at, enum job_resource resource, uint64_t used,
                         const struct job *job)
{
    return at == job && resource == JOB_MEMORY &&
           used - atomic_load(&at->limit[resource]) <= atomic_load(&at->reserve);
}

bool job_charge(struct job *job, enum job_resource resource, uint64_t amount)
{
    if (fault_should_fail())
        return false;
    if (job == NULL)
        job = &job_root;
    for (struct job *at = job; at != NULL; at = at->parent) {
        uint64_t old = atomic_fetch_add_explicit(&at->used[resource], amount, memory_order_relaxed);
        if (old + amount > atomic_load_explicit(&at->limit[resource], memory_order_relaxed) &&
            !from_reserve(at, resource, old + amount, job)) {
            take_back(job, at->parent, resource, amount);
            return false;
        }
    }
    return true;
}

void job_uncharge(struct job *job, enum job_resource resource, uint64_t amount)
{
    if (job == NULL)
        job = &job_root;
    while (job != NULL) {
        struct job *parent = job->parent; /* still charged below, so it outlives JOB */
        uint64_t old =
            atomic_fetch_sub_explicit(&job->used[resource], amount, memory_order_acq_rel);
        kassert(old >= amount);
        if (old == amount && resource == JOB_MEMORY)
            job_destroy(job);
        job = parent;
    }
}
