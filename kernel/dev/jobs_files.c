/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of a job, all text.
 *   usage   what the job uses: `NAME NUMBER` lines; for the root also free frames and objects by class
 *   limits  `NAME NUMBER` or `NAME none` lines; one of them written sets that limit.  Through the job's own directory
 *           a limit can only be lowered (EPERM)
 *   enter   written (anything): the writer moves into this job, if it is below its present one
 */
#include "kernel/dev/jobs.h"
#include "kernel/job/job.h"
#include "kernel/lib/printf.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sched.h"

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

static void release_job(void *data)
{
    job_put(data);
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

/* --- usage --------------------------------------------------------------------------------------------- */

/* What is not of one job: only for who holds all of them. */
static size_t render_system(char *buffer, size_t size)
{
    size_t n = ksnprintf(buffer, size, "free_frames %lu\ntotal_frames %lu\n",
                         frame_free_count() + thread_cached_frames(), frame_total_count());
    for (unsigned i = 0; i < OBJECT_CLASSES; i++)
        n += ksnprintf(buffer + n, size - n, "%s %lu\n", object_class_name[i],
                       atomic_load(&object_count[i]));
    return n;
}

static size_t usage_render(void *data, char *buffer, size_t size)
{
    const struct job *job = data;
    size_t n = 0;
    for (unsigned i = 0; i < JOB_RESOURCES; i++)
        if (i != JOB_SLOTS)
            n += ksnprintf(buffer + n, size - n, "%s %lu\n", resource_name[i],
                           atomic_load(&job->used[i]) - (i == JOB_MEMORY)); /* not its own byte */
    n += ksnprintf(buffer + n, size - n, "cpu_time %lu\n",
                   atomic_load(&job->cpu_time) + sched_running_time(job));
    return job == &job_root ? n + render_system(buffer + n, size - n) : n;
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

static size_t render_limit(char *buffer, size_t size, const char *name, uint64_t limit)
{
    return limit == JOB_NO_LIMIT ? ksnprintf(buffer, size, "%s none\n", name)
                                 : ksnprintf(buffer, size, "%s %lu\n", name, limit);
}

static size_t limits_render(void *data, char *buffer, size_t size)
{
    const struct job *job = data;
    size_t n = 0;
    for (unsigned i = 0; i < JOB_RESOURCES; i++)
        n += render_limit(buffer + n, size - n, resource_name[i], atomic_load(&job->limit[i]));
    return n + render_limit(buffer + n, size - n, "cpu", atomic_load(&job->cpu_percent));
}

bool text_number(const char *text, size_t len, uint64_t *value)
{
    size_t i = 0;
    *value = 0;
    for (; i < len && text[i] >= '0' && text[i] <= '9'; i++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(text[i] - '0'), value))
            return false;
    return i > 0 && (i == len || text[i] == ' ' || text[i] == '\n');
}

bool text_word(const char *text, size_t len, const char *word)
{
    size_t n = strlen(word);
    return len >= n && memcmp(text, word, n) == 0 &&
           (len == n || text[n] == ' ' || text[n] == '\n');
}

/* The value of a line that begins with NAME. */
static bool limit_value(const char *text, size_t len, const char *name, uint64_t *limit)
{
    size_t skip = strlen(name) + 1;
    if (!text_word(text, len, name) || len <= skip)
        return false;
    *limit = JOB_NO_LIMIT;
    return text_word(text + skip, len - skip, "none") ||
           text_number(text + skip, len - skip, limit);
}

/* OWN: from the job's own directory, where limits only go down. */
static cloudabi_errno_t set_limit(_Atomic uint64_t *at, uint64_t limit, bool own)
{
    uint64_t old = atomic_load(at);
    do {
        if (own && limit > old)
            return CLOUDABI_EPERM;
    } while (!atomic_compare_exchange_weak(at, &old, limit));
    return 0;
}

static cloudabi_errno_t set_cpu(struct job *job, uint64_t percent, bool own)
{
    if (percent == 0 ||
        job == &job_root) /* it would never run again; the system itself is in the root */
        return CLOUDABI_EINVAL;
    if (own && percent > atomic_load(&job->cpu_percent))
        return CLOUDABI_EPERM;
    job_cpu_limit(job, percent, arch_clock_monotonic());
    sched_meter_all();
    return 0;
}

static cloudabi_errno_t store_limits(struct job *job, const char *text, size_t len, bool own)
{
    uint64_t limit;
    if (limit_value(text, len, "cpu", &limit))
        return set_cpu(job, limit, own);
    for (unsigned i = 0; i < JOB_RESOURCES; i++)
        if (limit_value(text, len, resource_name[i], &limit))
            return i == JOB_SLOTS && limit == 0 ? CLOUDABI_EINVAL /* it would wait for ever */
                                                : set_limit(&job->limit[i], limit, own);
    return CLOUDABI_EINVAL;
}

static cloudabi_errno_t limits_store(void *data, const char *text, size_t len)
{
    return store_limits(data, text, len, false);
}

static cloudabi_errno_t own_limits_store(void *data, const char *text, size_t len)
{
    return store_limits(data, text, len, true);
}

static const struct ktext_ops limits_text = {limits_render, limits_store, release_job};
static const struct ktext_ops own_limits_text = {limits_render, own_limits_store, release_job};

static cloudabi_errno_t limits_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                    struct job *job, struct file **out)
{
    (void)write;
    return open_of_job(node->ops == &job_limits_ops ? &limits_text : &own_limits_text,
                       CLOUDABI_FILETYPE_REGULAR_FILE, node, flags, job, out);
}

const struct knode_ops job_limits_ops = {
    .open = limits_open, .get = job_node_get, .put = job_node_put};
const struct knode_ops job_own_limits_ops = {
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
