/* SPDX-License-Identifier: BSD-2-Clause */
/* The top of the kernel's directory, and directories with fixed names in general. */
#include "kernel/dev/dev.h"
#include "kernel/dev/knode_table.h"
#include "kernel/fd/place.h"
#include "kernel/job/job.h"
#include "kernel/lib/string.h"

void knode_entry_set(struct knode_entry *entry, const char *name, size_t len,
                     const struct knode *node)
{
    entry->len = len < KNODE_NAME_MAX ? len : KNODE_NAME_MAX;
    memcpy(entry->name, name, entry->len);
    entry->node = *node;
}

static void get_node(const struct knode *node) /* who looks up, puts */
{
    if (node->ops->get != NULL)
        node->ops->get(node);
}

static cloudabi_errno_t table_lookup(const struct knode *dir, const char *name, size_t len,
                                     struct knode *out)
{
    for (const struct knode_name *n = dir->data; n->name != NULL; n++)
        if (strlen(n->name) == len && memcmp(n->name, name, len) == 0) {
            *out = n->node;
            get_node(out);
            return 0;
        }
    return CLOUDABI_ENOENT;
}

static cloudabi_errno_t table_entry(const struct knode *dir, uint64_t index,
                                    struct knode_entry *out)
{
    const struct knode_name *n = dir->data;
    for (; n->name != NULL; n++)
        if (index-- == 0) {
            knode_entry_set(out, n->name, strlen(n->name), &n->node);
            get_node(&out->node);
            return 0;
        }
    return CLOUDABI_ENOENT;
}

const struct knode_ops knode_table_ops = {.lookup = table_lookup, .entry = table_entry};

#define DIRECTORY(o, d, n)                                                          \
    {                                                                               \
        .ops = (o), .data = (d), .number = (n), .type = CLOUDABI_FILETYPE_DIRECTORY \
    }
#define DEVICE(o, d, n)                                                                    \
    {                                                                                      \
        .ops = (o), .data = (d), .number = (n), .type = CLOUDABI_FILETYPE_CHARACTER_DEVICE \
    }

static struct knode_name serial_names[] = {
    {"com1", DEVICE(&serial_ops, (void *)0, 20)},
    {"com2", DEVICE(&serial_ops, (void *)1, 21)},
    {NULL, {0}},
};

static struct knode_name root_names[] = {
    {"boot", DIRECTORY(&boot_dir_ops, "", 2)},
    {"pci", DIRECTORY(&pci_dir_ops, NULL, 3)},
    {"jobs", DIRECTORY(&jobs_ops, &job_root, 4)},
    {"log", DEVICE(&log_ops, NULL, 5)},
    {"clock", DEVICE(&clock_ops, NULL, 6)},
    {"power", DEVICE(&power_ops, NULL, 7)},
    {"serial", DIRECTORY(&knode_table_ops, serial_names, 8)},
    {"fault", DEVICE(&fault_ops, NULL, 9)},
    {NULL, {0}},
};

const struct knode knode_root = DIRECTORY(&knode_table_ops, root_names, 1);

cloudabi_errno_t dev_open_root(struct file **out)
{
    return kdir_create(&job_root, &knode_root, out);
}
