/* SPDX-License-Identifier: BSD-2-Clause */
/* jobs/: what is used and by how much, for tests and people. */
#include "kernel/dev/knode_table.h"
#include "kernel/job/job.h"
#include "kernel/lib/printf.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"

static size_t usage_render(void *data, char *buffer, size_t size)
{
    const struct job *job = data;
    size_t n = ksnprintf(buffer, size, "memory %lu\nthreads %lu\nprocesses %lu\ndescriptors %lu\n",
                         atomic_load(&job->used[JOB_MEMORY]), atomic_load(&job->used[JOB_THREADS]),
                         atomic_load(&job->used[JOB_PROCESSES]), atomic_load(&job->used[JOB_DESCRIPTORS]));
    n += ksnprintf(buffer + n, size - n, "cpu_time %lu\nfree_frames %lu\ntotal_frames %lu\n",
                   atomic_load(&job->cpu_time), frame_free_count(), frame_total_count());
    for (unsigned i = 0; i < OBJECT_CLASSES; i++)
        n += ksnprintf(buffer + n, size - n, "%s %lu\n", object_class_name[i], atomic_load(&object_count[i]));
    return n;
}

static const struct ktext_ops usage_text = {.render = usage_render};

static cloudabi_errno_t usage_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                   struct job *job, struct file **out)
{
    if (write)
        return CLOUDABI_EROFS;
    return ktext_open_as(CLOUDABI_FILETYPE_REGULAR_FILE, &usage_text, node->data, flags, job, out);
}

static const struct knode_ops usage_ops = {.open = usage_open};

static void usage_node(const struct knode *dir, struct knode *out)
{
    *out = (struct knode){&usage_ops, dir->data, 40, CLOUDABI_FILETYPE_REGULAR_FILE};
}

static cloudabi_errno_t jobs_lookup(const struct knode *dir, const char *name, size_t len, struct knode *out)
{
    if (len != 5 || memcmp(name, "usage", 5) != 0)
        return CLOUDABI_ENOENT;
    usage_node(dir, out);
    return 0;
}

static cloudabi_errno_t jobs_entry(const struct knode *dir, uint64_t index, struct knode_entry *out)
{
    struct knode node;
    if (index != 0)
        return CLOUDABI_ENOENT;
    usage_node(dir, &node);
    knode_entry_set(out, "usage", 5, &node);
    return 0;
}

const struct knode_ops jobs_ops = {.lookup = jobs_lookup, .entry = jobs_entry};
