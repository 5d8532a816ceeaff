/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jobs/: a directory per job: {usage, limits, enter, procs/, JOB...}.  Making a directory makes a job, which lives
 * until the directory is removed and all that it paid for is gone.  A node of a job holds a reference to it.
 *
 * Who holds the directory of a job can lower its limits, and set those of the jobs below it.  So a node knows
 * whether it was reached from above (job_below_ops); one that is opened forgets it (jobs_ops).
 */
#include "kernel/dev/jobs.h"
#include "kernel/job/job.h"
#include "kernel/lib/random.h"
#include "kernel/lib/string.h"

#define NUMBER_BASE 0x400000ul

static const struct knode_ops job_below_ops;

uint64_t jobs_number(const void *pointer, unsigned item)
{
    static _Atomic uint64_t key;
    uint64_t none = 0, mixed;
    if (atomic_load_explicit(&key, memory_order_relaxed) == 0)
        atomic_compare_exchange_strong(&key, &none, random_u64() | 1);
    mixed = ((uint64_t)pointer ^ atomic_load(&key)) * 0x9e3779b97f4a7c15ul;
    mixed = (mixed ^ mixed >> 29 ^ atomic_load(&key)) * 0xbf58476d1ce4e5b9ul;
    return NUMBER_BASE | (mixed >> 20 & ~7ul) | item;
}

static const struct {
    const char *name;
    const struct knode_ops *ops;
    cloudabi_filetype_t type;
} job_items[] = {
    {"usage", &job_usage_ops, CLOUDABI_FILETYPE_REGULAR_FILE},
    {"limits", &job_own_limits_ops, CLOUDABI_FILETYPE_REGULAR_FILE},
    {"enter", &job_enter_ops, CLOUDABI_FILETYPE_CHARACTER_DEVICE},
    {"procs", &job_procs_ops, CLOUDABI_FILETYPE_DIRECTORY},
};
#define JOB_ITEMS (sizeof(job_items) / sizeof(*job_items))

static struct knode item_node(const struct knode *dir, unsigned i)
{
    const struct knode_ops *ops = job_items[i].ops;
    if (ops == &job_own_limits_ops && dir->ops == &job_below_ops)
        ops = &job_limits_ops;
    return (struct knode){ops, job_get(dir->data), jobs_number(dir->data, i + 1),
                          job_items[i].type};
}

static struct knode job_node(struct job *job) /* takes the reference over */
{
    return (struct knode){&job_below_ops, job, jobs_number(job, 0), CLOUDABI_FILETYPE_DIRECTORY};
}

static cloudabi_errno_t jobs_lookup(const struct knode *dir, const char *name, size_t len,
                                    struct knode *out)
{
    for (unsigned i = 0; i < JOB_ITEMS; i++)
        if (strlen(job_items[i].name) == len && memcmp(job_items[i].name, name, len) == 0) {
            *out = item_node(dir, i);
            return 0;
        }
    struct job *job = job_find(dir->data, name, len);
    if (job == NULL)
        return CLOUDABI_ENOENT;
    *out = job_node(job);
    return 0;
}

static cloudabi_errno_t jobs_entry(const struct knode *dir, uint64_t index, struct knode_entry *out)
{
    struct knode node;
    if (index < JOB_ITEMS) {
        node = item_node(dir, (unsigned)index);
        knode_entry_set(out, job_items[index].name, strlen(job_items[index].name), &node);
        return 0;
    }
    struct job *job = job_nth(dir->data, index - JOB_ITEMS);
    if (job == NULL)
        return CLOUDABI_ENOENT;
    node = job_node(job);
    knode_entry_set(out, job->name, strlen(job->name), &node);
    return 0;
}

static cloudabi_errno_t jobs_mkdir(const struct knode *dir, const char *name, size_t len)
{
    const struct job *parent = dir->data;
    char text[JOB_NAME_MAX] = "";
    if (len >= sizeof(text))
        return CLOUDABI_ENAMETOOLONG;
    if (parent->depth >= JOB_DEPTH_MAX)
        return CLOUDABI_EMLINK;
    memcpy(text, name, len);
    struct job *job = job_create(dir->data, text);
    if (job == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = job_name(job);
    job_put(job);
    return error;
}

static cloudabi_errno_t jobs_unlink(const struct knode *dir, const char *name, size_t len,
                                    bool directory)
{
    struct job *job = job_find(dir->data, name, len);
    if (job == NULL)
        return CLOUDABI_EPERM; /* one of the fixed names */
    cloudabi_errno_t error = directory ? job_unname(job) : CLOUDABI_EPERM;
    job_put(job);
    return error;
}

static const struct knode_ops job_below_ops = {
    .lookup = jobs_lookup,
    .entry = jobs_entry,
    .mkdir = jobs_mkdir,
    .unlink = jobs_unlink,
    .get = job_node_get,
    .put = job_node_put,
    .opened = &jobs_ops,
};

const struct knode_ops jobs_ops = {
    .lookup = jobs_lookup,
    .entry = jobs_entry,
    .mkdir = jobs_mkdir,
    .unlink = jobs_unlink,
    .get = job_node_get,
    .put = job_node_put,
};
