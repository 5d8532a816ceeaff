/* SPDX-License-Identifier: BSD-2-Clause */
/* pci/BB:DD.F/{claim,config,bar0..5,irq0..N,dma/BYTES} as nodes: node->data is the function, node->number says
 * what of it. */
#include "kernel/dev/knode_table.h"
#include "kernel/dev/pci.h"
#include "kernel/lib/printf.h"
#include "kernel/lib/string.h"

enum { ITEM_FUNCTION, ITEM_CLAIM, ITEM_CONFIG, ITEM_DMA, ITEM_BAR = 8, ITEM_IRQ = 16 };

#define ITEM_BITS   8
#define DMA_SHIFT   32 /* a size of DMA memory, in the number of its node */
#define NUMBER_BASE 0x1000000ul

static const struct knode_ops function_ops, item_ops, dma_dir_ops, dma_ops;

static struct pci_function *function_of(const struct knode *node)
{
    return node->data;
}

static struct knode make_node(struct pci_function *f, unsigned item)
{
    struct knode node = {&item_ops, f, NUMBER_BASE | (uint64_t)f->address << ITEM_BITS | item,
                         CLOUDABI_FILETYPE_CHARACTER_DEVICE};
    if (item == ITEM_FUNCTION || item == ITEM_DMA) {
        node.ops = item == ITEM_DMA ? &dma_dir_ops : &function_ops;
        node.type = CLOUDABI_FILETYPE_DIRECTORY;
    } else if (item >= ITEM_BAR && item < ITEM_BAR + PCI_BARS)
        node.type = f->bar[item - ITEM_BAR].io ? CLOUDABI_FILETYPE_REGULAR_FILE
                                               : CLOUDABI_FILETYPE_SHARED_MEMORY;
    else if (item == ITEM_CONFIG)
        node.type = CLOUDABI_FILETYPE_REGULAR_FILE;
    return node;
}

/* --- the list of functions ---------------------------------------------------------------------------- */

static cloudabi_errno_t list_entry(const struct knode *dir, uint64_t index, struct knode_entry *out)
{
    char name[16];
    (void)dir;
    list_for_each(at, &pci_functions)
    {
        struct pci_function *f = container_of(at, struct pci_function, link);
        if (index-- != 0)
            continue;
        struct knode node = make_node(f, ITEM_FUNCTION);
        size_t len = ksnprintf(name, sizeof(name), "%02x:%02x.%x", f->address >> 8,
                               f->address >> 3 & 31, f->address & 7);
        knode_entry_set(out, name, len, &node);
        return 0;
    }
    return CLOUDABI_ENOENT;
}

/* By way of the list: names are few, and only what is listed is found. */
static cloudabi_errno_t lookup_by_list(const struct knode *dir, const char *name, size_t len,
                                       struct knode *out)
{
    struct knode_entry entry;
    for (uint64_t i = 0; dir->ops->entry(dir, i, &entry) == 0; i++)
        if (entry.len == len && memcmp(entry.name, name, len) == 0) {
            *out = entry.node;
            return 0;
        }
    return CLOUDABI_ENOENT;
}

const struct knode_ops pci_dir_ops = {.lookup = lookup_by_list, .entry = list_entry};

/* --- one function --------------------------------------------------------------------------------------- */

static unsigned irq_count(const struct pci_function *f)
{
    if (f->header != 0)
        return 0;
    if (f->msix != 0)
        return f->msix_count < PCI_IRQS ? f->msix_count : PCI_IRQS;
    return f->msi != 0 || f->line != 255 ? 1 : 0;
}

static bool has_item(const struct pci_function *f, unsigned item)
{
    if (item == ITEM_CONFIG)
        return true;
    if (f->header != 0)
        return false;
    if (item >= ITEM_IRQ)
        return item - ITEM_IRQ < irq_count(f);
    if (item >= ITEM_BAR)
        return item - ITEM_BAR < PCI_BARS && f->bar[item - ITEM_BAR].size != 0;
    return item == ITEM_CLAIM || item == ITEM_DMA;
}

static size_t item_name(char *name, size_t size, unsigned item)
{
    if (item >= ITEM_IRQ)
        return ksnprintf(name, size, "irq%u", item - ITEM_IRQ);
    if (item >= ITEM_BAR)
        return ksnprintf(name, size, "bar%u", item - ITEM_BAR);
    return ksnprintf(name, size, "%s",
                     item == ITEM_CLAIM ? "claim"
                     : item == ITEM_DMA ? "dma"
                                        : "config");
}

static cloudabi_errno_t function_entry(const struct knode *dir, uint64_t index,
                                       struct knode_entry *out)
{
    struct pci_function *f = function_of(dir);
    char name[16];
    for (unsigned item = ITEM_CLAIM; item < ITEM_IRQ + PCI_IRQS; item++) {
        if (!has_item(f, item) || index-- != 0)
            continue;
        struct knode node = make_node(f, item);
        knode_entry_set(out, name, item_name(name, sizeof(name), item), &node);
        return 0;
    }
    return CLOUDABI_ENOENT;
}

static const struct knode_ops function_ops = {.lookup = lookup_by_list, .entry = function_entry};

static cloudabi_errno_t item_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                  struct job *job, struct file **out)
{
    struct pci_function *f = function_of(node);
    unsigned item = node->number & ((1u << ITEM_BITS) - 1);
    if (item == ITEM_CLAIM)
        return pci_claim_open(f, flags, job, out);
    if (item == ITEM_CONFIG)
        return pci_config_open(f, flags, write, job, out);
    if (item >= ITEM_IRQ)
        return pci_irq_open(f, item - ITEM_IRQ, flags, job, out);
    return pci_bar_open(f, item - ITEM_BAR, flags, job, out);
}

static const struct knode_ops item_ops = {.open = item_open};

/* --- dma/BYTES ------------------------------------------------------------------------------------------ */

static cloudabi_errno_t dma_lookup(const struct knode *dir, const char *name, size_t len,
                                   struct knode *out)
{
    uint64_t size = 0;
    if (len == 0 || len > 7 || name[0] == '0')
        return CLOUDABI_ENOENT;
    for (size_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9')
            return CLOUDABI_ENOENT;
        size = size * 10 + (uint64_t)(name[i] - '0');
    }
    *out = (struct knode){&dma_ops, dir->data, size << DMA_SHIFT | dir->number,
                          CLOUDABI_FILETYPE_SHARED_MEMORY};
    return 0;
}

/* Any size is there to be opened: nothing to list. */
static cloudabi_errno_t dma_entry(const struct knode *dir, uint64_t index, struct knode_entry *out)
{
    (void)dir, (void)index, (void)out;
    return CLOUDABI_ENOENT;
}

static const struct knode_ops dma_dir_ops = {.lookup = dma_lookup, .entry = dma_entry};

static cloudabi_errno_t dma_open(const struct knode *node, cloudabi_fdflags_t flags, bool write,
                                 struct job *job, struct file **out)
{
    (void)write;
    return pci_dma_open(function_of(node), node->number >> DMA_SHIFT, flags, job, out);
}

static const struct knode_ops dma_ops = {.open = dma_open};
