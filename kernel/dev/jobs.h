/* SPDX-License-Identifier: BSD-2-Clause */
/* jobs/, between its directories (jobs.c) and its files (jobs_files.c). */
#ifndef KERNEL_DEV_JOBS_H
#define KERNEL_DEV_JOBS_H

#include "kernel/dev/knode_table.h"

/* Files of a job (node->data) and of a process; the node holds a reference to it. */
extern const struct knode_ops job_usage_ops, job_limits_ops, job_enter_ops, process_ctl_ops,
    process_status_ops;

void job_node_get(const struct knode *node);
void job_node_put(const struct knode *node);
void process_node_get(const struct knode *node);
void process_node_put(const struct knode *node);

#endif
