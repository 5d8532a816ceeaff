/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/dev/knode_table.h"

static cloudabi_errno_t pci_lookup(const struct knode *dir, const char *name, size_t len, struct knode *out)
{
    (void)dir, (void)name, (void)len, (void)out;
    return CLOUDABI_ENOENT;
}

static cloudabi_errno_t pci_entry(const struct knode *dir, uint64_t index, struct knode_entry *out)
{
    (void)dir, (void)index, (void)out;
    return CLOUDABI_ENOENT;
}

const struct knode_ops pci_dir_ops = {.lookup = pci_lookup, .entry = pci_entry};
