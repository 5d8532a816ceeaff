/* SPDX-License-Identifier: BSD-2-Clause */
/* A directory whose names are fixed: node->data is one of these. */
#ifndef KERNEL_DEV_KNODE_TABLE_H
#define KERNEL_DEV_KNODE_TABLE_H

#include "kernel/dev/knode.h"

struct knode_name {
    const char *name; /* NULL ends the table */
    struct knode node;
};

extern const struct knode_ops knode_table_ops;
void knode_entry_set(struct knode_entry *entry, const char *name, size_t len,
                     const struct knode *node);

/* The nodes of the root, each from its own file. */
extern const struct knode_ops boot_dir_ops, log_ops, clock_ops, power_ops, fault_ops, serial_ops,
    jobs_ops, pci_dir_ops;

#endif
