/* SPDX-License-Identifier: BSD-2-Clause */
/* jobs/, between its directories (jobs.c), the files of a job (jobs_files.c) and of a process (jobs_procs.c). */
#ifndef KERNEL_DEV_JOBS_H
#define KERNEL_DEV_JOBS_H

#include "kernel/dev/knode_table.h"

#define UUID_TEXT 36

/* Files of a job: node->data is the job, to which the node holds a reference. */
extern const struct knode_ops job_usage_ops, job_enter_ops;
extern const struct knode_ops job_limits_ops;     /* reached from above the job: sets any limit */
extern const struct knode_ops job_own_limits_ops; /* from the job's own directory: only lowers */
/* The directory of its processes. */
extern const struct knode_ops job_procs_ops;
extern const struct knode_ops process_trace_ops; /* node->data is the process */
size_t process_stack_render(void *process, char *buffer, size_t size);

/* A stable number for item ITEM (below 8) of what is at POINTER, which it does not give away. */
uint64_t jobs_number(const void *pointer, unsigned item);

void job_node_get(const struct knode *node);
void job_node_put(const struct knode *node);
void process_node_get(const struct knode *node);
void process_node_put(const struct knode *node);

/* Text of a store: a whole word, and a decimal number up to the end or a space. */
bool text_word(const char *text, size_t len, const char *word);
bool text_number(const char *text, size_t len, uint64_t *value);

#endif
