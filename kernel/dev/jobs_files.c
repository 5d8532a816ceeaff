/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of jobs and processes, all text.
 *   usage   what the job uses, and for the whole system free frames and objects by class: `NAME NUMBER` lines
 *   limits  `NAME NUMBER` or `NAME none` lines; one of them written sets that limit
 *   enter   written (anything): the writer moves into this job, if it is below its present one
 *   ctl     `kill N`, `stop`, `continue`
 *   status  of a process
 */
#include "kernel/dev/jobs.h"
#include "kernel/job/job.h"
#include "kernel/lib/printf.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/proc/process.h"

#define NO_LIMIT UINT64_MAX

static const char *const resource_name[JOB_RESOURCES] = {
    [JOB_MEMORY] = "memory",           [JOB_THREADS] = "threads", [JOB_PROCESSES] = "processes",
    [JOB_DESCRIPTORS] = "descriptors", [JOB_SLOTS] = "slots",
};

void job_node_get(const struct knode *node)
{
    job_get(node->data);
}

void job_node_put(const struct knode *node)
{
    job_put(node->data);
}

void process_node_get(const struct knode *node)
{
    process_get(node->data);
}

void process_node_put(const struct knode *node)
{
    process_put(node->data);
}

static void release_job(void *data)
{
    job_put(data);
}

static void release_process(void *data)
{
    process_put(data);
}

static cloudabi_errno_t open_of_job(const struct ktext_ops *ops, cloudabi_filetype_t type,
                                    const struct knode *node, cloudabi_fdflags_t flags,
                                    struct job *job, struct file **out)
{
    cloudabi_errno_t error = ktext_open_as(type, ops, job_get(node->data), flags, job, out);
    if (error != 0)
        job_put(node->data);
    return error;
}

static cloudabi_errno_t open_of_process(const struct ktext_ops *ops, cloudabi_filetype_t type,
                                        const struct knode *node, cloudabi_fdflags_t flags,
                                        struct job *job, struct file **out)
{
    cloudabi_errno_t error = ktext_open_as(type, ops, process_get(node->data), flags, job, out);
    if (error != 0)
        process_put(node->data);
    return error;
}

/* --- usage --------------------------------------------------------------------------------------------- */

static size_t usage_render(void *data, char *buffer, size_t size)
{
    const struct job *job = data;
    size_t n = 0;
    for (unsigned i = 0; i < JOB_RESOURCES; i++)
        n += ksnprintf(buffer + n, size - n, "%s %lu\n", resource_name[i],
                       atomic_load(&job->used[i]));
    n += ksnprintf(buffer + n, size - n, "cpu_time %lu\nfree_frames %lu\ntotal_frames %lu\n",
                   atomic_load(&job->cpu_time), frame_free_count() + thread_cached_frames(),
                   frame_total_count());
    for (unsigned i = 0; i < OBJECT_CLASSES; i++)
        n += ksnprintf(buffer + n, size - n, "%s %lu\n", object_class_name[i],
                       atomic_load(&object_count[i]));
    return n;
}

static const struct ktext_ops usage_text = {.render = usage_render, .release = release_job};

static cloudabi_errno_t usage_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                   struct job *job, struct file **out)
{
    (void)write;
    return open_of_job(&usage_text, CLOUDABI_FILETYPE_REGULAR_FILE, node, flags, job, out);
}

const struct knode_ops job_usage_ops = {
    .open = usage_open, .get = job_node_get, .put = job_node_put};

/* --- limits -------------------------------------------------------------------------------------------- */

static size_t limits_render(void *data, char *buffer, size_t size)
{
    const struct job *job = data;
    size_t n = 0;
    for (unsigned i = 0; i < JOB_RESOURCES; i++) {
        uint64_t limit = atomic_load(&job->limit[i]);
        if (limit == NO_LIMIT)
            n += ksnprintf(buffer + n, size - n, "%s none\n", resource_name[i]);
        else
            n += ksnprintf(buffer + n, size - n, "%s %lu\n", resource_name[i], limit);
    }
    return n;
}

/* Decimal, up to the end or spaces. */
static bool number_at(const char *text, size_t len, uint64_t *value)
{
    size_t i = 0;
    *value = 0;
    for (; i < len && text[i] >= '0' && text[i] <= '9'; i++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(text[i] - '0'), value))
            return false;
    return i > 0 && (i == len || text[i] == ' ' || text[i] == '\n');
}

static bool word_at(const char *text, size_t len, const char *word)
{
    size_t n = strlen(word);
    return len >= n && memcmp(text, word, n) == 0 &&
           (len == n || text[n] == ' ' || text[n] == '\n');
}

static cloudabi_errno_t limits_store(void *data, const char *text, size_t len)
{
    struct job *job = data;
    for (unsigned i = 0; i < JOB_RESOURCES; i++) {
        uint64_t limit = NO_LIMIT;
        size_t skip = strlen(resource_name[i]) + 1;
        if (!word_at(text, len, resource_name[i]) || len <= skip)
            continue;
        if (!word_at(text + skip, len - skip, "none") &&
            !number_at(text + skip, len - skip, &limit))
            return CLOUDABI_EINVAL;
        atomic_store(&job->limit[i], limit);
        return 0;
    }
    return CLOUDABI_EINVAL;
}

static const struct ktext_ops limits_text = {limits_render, limits_store, release_job};

static cloudabi_errno_t limits_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                    struct job *job, struct file **out)
{
    (void)write;
    return open_of_job(&limits_text, CLOUDABI_FILETYPE_REGULAR_FILE, node, flags, job, out);
}

const struct knode_ops job_limits_ops = {
    .open = limits_open, .get = job_node_get, .put = job_node_put};

/* --- enter --------------------------------------------------------------------------------------------- */

static cloudabi_errno_t enter_store(void *data, const char *text, size_t len)
{
    (void)text, (void)len;
    return process_enter_job(data);
}

static const struct ktext_ops enter_text = {.store = enter_store, .release = release_job};

static cloudabi_errno_t enter_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                   struct job *job, struct file **out)
{
    (void)write;
    return open_of_job(&enter_text, CLOUDABI_FILETYPE_CHARACTER_DEVICE, node, flags, job, out);
}

const struct knode_ops job_enter_ops = {
    .open = enter_open, .get = job_node_get, .put = job_node_put};

/* --- processes ------------------------------------------------------------------------------------------ */

static cloudabi_errno_t ctl_store(void *data, const char *text, size_t len)
{
    uint64_t signal;
    if (word_at(text, len, "stop"))
        return process_raise(data, CLOUDABI_SIGSTOP);
    if (word_at(text, len, "continue"))
        return process_raise(data, CLOUDABI_SIGCONT);
    if (!word_at(text, len, "kill") || len < 6 || !number_at(text + 5, len - 5, &signal) ||
        signal > 255)
        return CLOUDABI_EINVAL;
    return process_raise(data, (cloudabi_signal_t)signal);
}

static const struct ktext_ops ctl_text = {.store = ctl_store, .release = release_process};

static cloudabi_errno_t ctl_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                 struct job *job, struct file **out)
{
    (void)write;
    return open_of_process(&ctl_text, CLOUDABI_FILETYPE_CHARACTER_DEVICE, node, flags, job, out);
}

const struct knode_ops process_ctl_ops = {
    .open = ctl_open, .get = process_node_get, .put = process_node_put};

static size_t status_render(void *data, char *buffer, size_t size)
{
    struct process *process = data;
    spinlock_lock(&process->lock);
    const char *state = process->exited ? "exited" : process->stopped ? "stopped" : "running";
    unsigned threads = process->thread_count;
    spinlock_unlock(&process->lock);
    return ksnprintf(buffer, size, "state %s\nthreads %u\ncpu_time %lu\nstart_time %lu\n", state,
                     threads, process_cpu_time(process), process->start_time);
}

static const struct ktext_ops status_text = {.render = status_render, .release = release_process};

static cloudabi_errno_t status_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                    struct job *job, struct file **out)
{
    (void)write;
    return open_of_process(&status_text, CLOUDABI_FILETYPE_REGULAR_FILE, node, flags, job, out);
}

const struct knode_ops process_status_ops = {
    .open = status_open,
    .get = process_node_get,
    .put = process_node_put,
};
