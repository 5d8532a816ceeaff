/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jobs/.../procs/UUID/: the processes of a job (of the job itself, not of those below it), each a directory.
 *   ctl     `kill` (by SIGKILL), `kill N`, `stop`, `continue`
 *   status  `NAME VALUE` lines
 *   stack   of each thread: where it is in the kernel and in its program (jobs_stack.c)
 *   trace   its system calls while this is open (jobs_trace.c)
 */
#include "kernel/dev/jobs.h"
#include "kernel/job/job.h"
#include "kernel/lib/printf.h"
#include "kernel/lib/string.h"
#include "kernel/proc/process.h"

static const struct knode_ops process_ops;

void process_node_get(const struct knode *node)
{
    process_get(node->data);
}

void process_node_put(const struct knode *node)
{
    process_put(node->data);
}

static void release_process(void *data)
{
    process_put(data);
}

static void uuid_text(char text[UUID_TEXT + 1], const uint8_t uuid[16])
{
    size_t n = 0;
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[n++] = '-';
        n += ksnprintf(text + n, UUID_TEXT + 1 - n, "%02x", uuid[i]);
    }
}

/* A reference, unless the last one is just being put. */
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
    struct knode node = {&process_ops, process, jobs_number(process, 0),
                         CLOUDABI_FILETYPE_DIRECTORY};
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

const struct knode_ops job_procs_ops = {
    .lookup = procs_lookup,
    .entry = procs_entry,
    .get = job_node_get,
    .put = job_node_put,
};

/* --- its directory ------------------------------------------------------------------------------------------ */

static cloudabi_errno_t ctl_store(void *data, const char *text, size_t len)
{
    uint64_t signal = CLOUDABI_SIGKILL;
    if (text_word(text, len, "stop"))
        return process_raise(data, CLOUDABI_SIGSTOP);
    if (text_word(text, len, "continue"))
        return process_raise(data, CLOUDABI_SIGCONT);
    if (!text_word(text, len, "kill") || (len > 5 && !text_number(text + 5, len - 5, &signal)) ||
        signal > 255)
        return CLOUDABI_EINVAL;
    return process_raise(data, (cloudabi_signal_t)signal);
}

static const struct ktext_ops ctl_text = {.store = ctl_store, .release = release_process};

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
static const struct ktext_ops stack_text = {.render = process_stack_render,
                                            .release = release_process};

static cloudabi_errno_t text_open(const struct ktext_ops *ops, const struct knode *node,
                                  cloudabi_fdflags_t flags, struct job *job, struct file **out)
{
    cloudabi_errno_t error =
        ktext_open_as(node->type, ops, process_get(node->data), flags, job, out);
    if (error != 0)
        process_put(node->data);
    return error;
}

static cloudabi_errno_t ctl_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                 struct job *job, struct file **out)
{
    (void)write;
    return text_open(&ctl_text, node, flags, job, out);
}

static cloudabi_errno_t status_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                    struct job *job, struct file **out)
{
    (void)write;
    return text_open(&status_text, node, flags, job, out);
}

static cloudabi_errno_t stack_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                   struct job *job, struct file **out)
{
    (void)write;
    return text_open(&stack_text, node, flags, job, out);
}

static const struct knode_ops ctl_ops = {
    .open = ctl_open, .get = process_node_get, .put = process_node_put};
static const struct knode_ops status_ops = {
    .open = status_open, .get = process_node_get, .put = process_node_put};
static const struct knode_ops stack_ops = {
    .open = stack_open, .get = process_node_get, .put = process_node_put};

static const struct {
    const char *name;
    const struct knode_ops *ops;
    cloudabi_filetype_t type;
} process_items[] = {
    {"ctl", &ctl_ops, CLOUDABI_FILETYPE_CHARACTER_DEVICE},
    {"status", &status_ops, CLOUDABI_FILETYPE_REGULAR_FILE},
    {"stack", &stack_ops, CLOUDABI_FILETYPE_REGULAR_FILE},
    {"trace", &process_trace_ops, CLOUDABI_FILETYPE_CHARACTER_DEVICE},
};
#define PROCESS_ITEMS (sizeof(process_items) / sizeof(*process_items))

static struct knode item_node(struct process *process, size_t i)
{
    return (struct knode){process_items[i].ops, process_get(process),
                          jobs_number(process, (unsigned)i + 1), process_items[i].type};
}

static cloudabi_errno_t process_dir_entry(const struct knode *dir, uint64_t index,
                                          struct knode_entry *out)
{
    if (index >= PROCESS_ITEMS)
        return CLOUDABI_ENOENT;
    struct knode node = item_node(dir->data, index);
    knode_entry_set(out, process_items[index].name, strlen(process_items[index].name), &node);
    return 0;
}

static cloudabi_errno_t process_dir_lookup(const struct knode *dir, const char *name, size_t len,
                                           struct knode *out)
{
    for (size_t i = 0; i < PROCESS_ITEMS; i++)
        if (strlen(process_items[i].name) == len && memcmp(process_items[i].name, name, len) == 0) {
            *out = item_node(dir->data, i);
            return 0;
        }
    return CLOUDABI_ENOENT;
}

static const struct knode_ops process_ops = {
    .lookup = process_dir_lookup,
    .entry = process_dir_entry,
    .get = process_node_get,
    .put = process_node_put,
};
