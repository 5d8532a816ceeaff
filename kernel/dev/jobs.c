/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jobs/: a directory per job: {usage, limits, enter, procs/, JOB...}, and per process procs/UUID/{ctl, status}.
 * Making a directory makes a job, which lives until the directory is removed and all that it paid for is
 * gone.  A node of a job or a process holds a reference to it.
 */
#include "kernel/dev/jobs.h"
#include "kernel/job/job.h"
#include "kernel/lib/printf.h"
#include "kernel/lib/string.h"
#include "kernel/proc/process.h"

#define NUMBER_BASE 0x400000ul
#define UUID_TEXT   36

static const struct knode_ops procs_ops, process_ops;

/* A stable number for what is at POINTER; the pointer is not to be seen. */
static uint64_t number_of(const void *pointer, unsigned item)
{
    uint64_t mixed = (uint64_t)pointer * 0x9e3779b97f4a7c15ul;
    return NUMBER_BASE | (mixed >> 28 & ~7ul) | item;
}

static const struct {
    const char *name;
    const struct knode_ops *ops;
    cloudabi_filetype_t type;
} job_items[] = {
    {"usage", &job_usage_ops, CLOUDABI_FILETYPE_REGULAR_FILE},
    {"limits", &job_limits_ops, CLOUDABI_FILETYPE_REGULAR_FILE},
    {"enter", &job_enter_ops, CLOUDABI_FILETYPE_CHARACTER_DEVICE},
    {"procs", &procs_ops, CLOUDABI_FILETYPE_DIRECTORY},
};
#define JOB_ITEMS (sizeof(job_items) / sizeof(*job_items))

static struct knode item_node(struct job *job, unsigned i)
{
    return (struct knode){job_items[i].ops, job_get(job), number_of(job, i + 1), job_items[i].type};
}

static struct knode job_node(struct job *job) /* takes the reference over */
{
    return (struct knode){&jobs_ops, job, number_of(job, 0), CLOUDABI_FILETYPE_DIRECTORY};
}

static cloudabi_errno_t jobs_lookup(const struct knode *dir, const char *name, size_t len,
                                    struct knode *out)
{
    for (unsigned i = 0; i < JOB_ITEMS; i++)
        if (strlen(job_items[i].name) == len && memcmp(job_items[i].name, name, len) == 0) {
            *out = item_node(dir->data, i);
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
        node = item_node(dir->data, (unsigned)index);
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

/* The caller has looked whether the name exists; that two do this at once makes two jobs of one name, of
 * which the first is found. */
static cloudabi_errno_t jobs_mkdir(const struct knode *dir, const char *name, size_t len)
{
    char text[sizeof(((struct job *)0)->name)];
    if (len >= sizeof(text))
        return CLOUDABI_ENAMETOOLONG;
    memcpy(text, name, len);
    text[len] = '\0';
    struct job *job = job_create(dir->data, text);
    if (job == NULL)
        return CLOUDABI_ENOMEM;
    spinlock_lock(&job_tree_lock);
    job->named = true; /* our reference stays with the name */
    spinlock_unlock(&job_tree_lock);
    return 0;
}

static cloudabi_errno_t jobs_unlink(const struct knode *dir, const char *name, size_t len,
                                    bool directory)
{
    struct job *job = job_find(dir->data, name, len);
    if (job == NULL)
        return CLOUDABI_EPERM; /* one of the fixed names */
    spinlock_lock(&job_tree_lock);
    bool empty = list_empty(&job->children) && list_empty(&job->processes);
    bool named = directory && empty && job->named;
    if (named)
        job->named = false;
    spinlock_unlock(&job_tree_lock);
    if (named)
        job_put(job);
    job_put(job);
    return named ? 0 : !directory ? CLOUDABI_EPERM : CLOUDABI_ENOTEMPTY;
}

const struct knode_ops jobs_ops = {
    .lookup = jobs_lookup,
    .entry = jobs_entry,
    .mkdir = jobs_mkdir,
    .unlink = jobs_unlink,
    .get = job_node_get,
    .put = job_node_put,
};

/* --- procs/ ---------------------------------------------------------------------------------------------- */

static void uuid_text(char text[UUID_TEXT + 1], const uint8_t uuid[16])
{
    size_t n = 0;
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[n++] = '-';
        n += ksnprintf(text + n, UUID_TEXT + 1 - n, "%02x", uuid[i]);
    }
}

static struct process *get_if_alive(struct process *process)
{
    uint32_t count = atomic_load_explicit(&process->references, memory_order_relaxed);
    while (count != 0)
        if (atomic_compare_exchange_weak(&process->references, &count, count + 1))
            return process;
    return NULL;
}

/* The INDEXth process of JOB that has not ended, referenced; NULL: no more. */
static struct process *process_nth(struct job *job, uint64_t index)
{
    struct process *found = NULL;
    spinlock_lock(&job_tree_lock);
    list_for_each(link, &job->processes)
    {
        struct process *process = container_of(link, struct process, job_link);
        if (process->exited || index-- != 0)
            continue;
        found = get_if_alive(process);
        if (found != NULL)
            break;
        index = 0;
    }
    spinlock_unlock(&job_tree_lock);
    return found;
}

static void process_entry(struct process *process,
                          struct knode_entry *out) /* takes the reference over */
{
    char name[UUID_TEXT + 1];
    struct knode node = {&process_ops, process, number_of(process, 0), CLOUDABI_FILETYPE_DIRECTORY};
    uuid_text(name, process->uuid);
    knode_entry_set(out, name, UUID_TEXT, &node);
}

static cloudabi_errno_t procs_entry(const struct knode *dir, uint64_t index,
                                    struct knode_entry *out)
{
    struct process *process = process_nth(dir->data, index);
    if (process == NULL)
        return CLOUDABI_ENOENT;
    process_entry(process, out);
    return 0;
}

static cloudabi_errno_t procs_lookup(const struct knode *dir, const char *name, size_t len,
                                     struct knode *out)
{
    struct knode_entry entry;
    for (uint64_t i = 0; procs_entry(dir, i, &entry) == 0; i++) {
        if (entry.len == len && memcmp(entry.name, name, len) == 0) {
            *out = entry.node;
            return 0;
        }
        process_node_put(&entry.node);
    }
    return CLOUDABI_ENOENT;
}

static const struct knode_ops procs_ops = {
    .lookup = procs_lookup,
    .entry = procs_entry,
    .get = job_node_get,
    .put = job_node_put,
};

/* --- procs/UUID/ ------------------------------------------------------------------------------------------ */

static cloudabi_errno_t process_dir_entry(const struct knode *dir, uint64_t index,
                                          struct knode_entry *out)
{
    if (index > 1)
        return CLOUDABI_ENOENT;
    struct process *process = process_get(dir->data);
    struct knode node = {&process_status_ops, process, number_of(process, 2),
                         CLOUDABI_FILETYPE_REGULAR_FILE};
    if (index == 0)
        node = (struct knode){&process_ctl_ops, process, number_of(process, 1),
                              CLOUDABI_FILETYPE_CHARACTER_DEVICE};
    knode_entry_set(out, index == 0 ? "ctl" : "status", index == 0 ? 3 : 6, &node);
    return 0;
}

static cloudabi_errno_t process_dir_lookup(const struct knode *dir, const char *name, size_t len,
                                           struct knode *out)
{
    struct knode_entry entry;
    for (uint64_t i = 0; process_dir_entry(dir, i, &entry) == 0; i++) {
        if (entry.len == len && memcmp(entry.name, name, len) == 0) {
            *out = entry.node;
            return 0;
        }
        process_node_put(&entry.node);
    }
    return CLOUDABI_ENOENT;
}

static const struct knode_ops process_ops = {
    .lookup = process_dir_lookup,
    .entry = process_dir_entry,
    .get = process_node_get,
    .put = process_node_put,
};
