/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The `trace` of a process: whoever has it open reads its system calls as they return, a line each:
 * `SECONDS.NANOSECONDS TID CALL ERRNO`, and `lost N` where the reader was too slow.  A read waits for the first line
 * (EAGAIN with NONBLOCK) and ends with the process.  One at a time: EBUSY.
 */
#include "kernel/dev/jobs.h"
#include "kernel/lib/printf.h"
#include "kernel/mm/slab.h"
#include "kernel/proc/trace.h"

#define LINE_MAX 80u

struct open_trace {
    struct process *process; /* referenced */
    struct trace *trace;     /* referenced */
};

static size_t line(struct trace *trace, char text[LINE_MAX])
{
    struct trace_record record;
    uint64_t lost;
    if (!trace_take(trace, &record, &lost))
        return 0;
    if (lost != 0)
        return ksnprintf(text, LINE_MAX, "lost %lu\n", lost);
    return ksnprintf(text, LINE_MAX, "%lu.%09lu %u %s %u\n", record.time / 1000000000,
                     record.time % 1000000000, record.tid, syscall_name[record.call], record.error);
}

static bool has_news(struct trace *trace, bool *ended)
{
    spinlock_lock(&trace->lock);
    bool news = trace->head != trace->tail;
    *ended = trace->ended;
    spinlock_unlock(&trace->lock);
    return news;
}

/* 0: there is something, or there will never be. */
static cloudabi_errno_t wait_news(struct file *file, struct trace *trace)
{
    struct waiter waiter;
    cloudabi_errno_t error = 0;
    bool ended;
    if (has_news(trace, &ended) || ended)
        return 0;
    if (atomic_load(&file->flags) & CLOUDABI_FDFLAG_NONBLOCK)
        return CLOUDABI_EAGAIN;
    waitq_add(&trace->readers, &waiter);
    while (!has_news(trace, &ended) && !ended && error == 0)
        error = thread_park(UINT64_MAX);
    waitq_remove(&waiter);
    return error;
}

static cloudabi_errno_t trace_read(struct file *file, const struct user_vec *to,
                                   const uint64_t *offset, size_t *done)
{
    struct trace *trace = ((struct open_trace *)file->data)->trace;
    char text[LINE_MAX];
    size_t n;
    *done = 0;
    if (offset != NULL)
        return CLOUDABI_ESPIPE;
    if (to->total < LINE_MAX)
        return CLOUDABI_EINVAL; /* only whole lines */
    cloudabi_errno_t error = wait_news(file, trace);
    while (error == 0 && to->total - *done >= LINE_MAX && (n = line(trace, text)) > 0) {
        error = user_vec_write(to, *done, text, n);
        *done += error == 0 ? n : 0;
    }
    return *done > 0 ? 0 : error;
}

static void trace_poll(struct file *file, bool write, struct waiter *waiter,
                       struct poll_state *state)
{
    struct trace *trace = ((struct open_trace *)file->data)->trace;
    bool ended = false;
    *state = (struct poll_state){.ready = true};
    if (write)
        return;
    if (waiter != NULL)
        waitq_add(&trace->readers, waiter);
    state->ready = has_news(trace, &ended) || ended;
    state->nbytes = state->ready && !ended ? LINE_MAX : 0;
    state->flags = ended ? CLOUDABI_EVENT_FD_READWRITE_HANGUP : 0;
}

static cloudabi_errno_t trace_stat(struct file *file, cloudabi_filestat_t *out)
{
    *out = (cloudabi_filestat_t){.st_filetype = file->type, .st_nlink = 1};
    return 0;
}

static void trace_close(struct file *file)
{
    struct open_trace *open = file->data;
    trace_end(open->process, open->trace);
    process_put(open->process);
    kfree(open);
}

static const struct file_ops trace_file_ops = {
    .close = trace_close, .read = trace_read, .poll = trace_poll, .stat = trace_stat};

static cloudabi_errno_t trace_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                   struct job *job, struct file **out)
{
    struct process *process = node->data;
    struct open_trace *open = kmalloc(job, sizeof(*open));
    (void)write;
    if (open == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = trace_begin(process, job, &open->trace);
    if (error != 0)
        goto no_trace;
    open->process = process_get(process);
    *out = file_create(job, node->type, &trace_file_ops, flags, open);
    if (*out != NULL)
        return 0;
    error = CLOUDABI_ENOMEM;
    trace_end(process, open->trace);
    process_put(process);
no_trace:
    kfree(open);
    return error;
}

const struct knode_ops process_trace_ops = {
    .open = trace_open, .get = process_node_get, .put = process_node_put};
