/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot/: the files of the boot archive, as memory objects over the frames where the boot loader put it.
 * A directory is a prefix of names: node->data points to it, node->number - BOOT_NUMBER is its length.
 * A file's node->data is its entry.  Objects are made once and kept.
 */
#include "kernel/arch/x86_64/clock.h"
#include "kernel/debug/log.h"
#include "kernel/dev/dev.h"
#include "kernel/dev/knode_table.h"
#include "kernel/dev/pci.h"
#include "kernel/dev/serial.h"
#include "kernel/job/job.h"
#include "kernel/lib/assert.h"
#include "kernel/lib/bootfs.h"
#include "kernel/lib/bootinfo.h"
#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"
#include "kernel/proc/process.h"

#define BOOT_NUMBER 0x100000
#define FILE_NUMBER 0x200000

static struct bootfs archive;   /* constant after dev_init */
static struct memobj **objects; /* by entry; objects_lock */
static struct mutex objects_lock;
static struct memobj *vdso;

extern const uint8_t vdso_image_start[], vdso_image_end[];

struct memobj *arch_vdso_object(void)
{
    return vdso;
}

/* The time page, which the kernel writes through the direct map, and behind it a copy of the image. */
static void vdso_init(void)
{
    size_t len = (size_t)(vdso_image_end - vdso_image_start);
    unsigned order = 0;
    while (PAGE_SIZE << order < PAGE_SIZE + len)
        order++;
    struct frame *frame = frame_alloc_block(NULL, order);
    kverify(frame != NULL);
    uint8_t *data = frame_data(frame);
    memcpy(data + PAGE_SIZE, vdso_image_start, len);
    clock_move_time_page(data);
    vdso = memobj_create_physical(&job_root, frame_phys(frame), PAGE_SIZE + len, 0);
    kverify(vdso != NULL);
}

static void archive_init(void)
{
    const struct boot_range *module = &boot_info.module;
    const char *error = "none was given";
    mutex_init(&objects_lock);
    if (module->end > module->start && module->start % PAGE_SIZE == 0)
        error = bootfs_open(&archive, arch_direct(module->start), module->end - module->start);
    if (error != NULL) {
        klog("boot: no boot archive: %s", error);
        return;
    }
    objects = kmalloc(&job_root, (archive.count + 1) * sizeof(*objects));
    kverify(objects != NULL);
    klog("boot: archive of %u files, %lu KiB", archive.count, (module->end - module->start) / 1024);
}

void dev_init(void)
{
    vdso_init();
    archive_init();
    serial_init();
    pci_init();
    process_add_exit_hook(pci_process_ends);
}

/* Referenced; NULL: no memory. */
static struct memobj *object_of(const struct bootfs_entry *entry)
{
    struct memobj **slot = &objects[entry - archive.entries];
    mutex_lock(&objects_lock);
    if (*slot == NULL)
        *slot = memobj_create_physical(&job_root, boot_info.module.start + entry->offset,
                                       entry->size, 0);
    struct memobj *object = *slot != NULL ? memobj_get(*slot) : NULL;
    mutex_unlock(&objects_lock);
    return object;
}

struct memobj *dev_boot_file(const char *name)
{
    const struct bootfs_entry *entry = bootfs_find(&archive, name, strlen(name));
    return entry != NULL ? object_of(entry) : NULL;
}

/* --- nodes ----------------------------------------------------------------------------------------- */

static cloudabi_errno_t boot_file_open(const struct knode *node, cloudabi_fdflags_t flags,
                                       bool write, struct job *job, struct file **out)
{
    if (write)
        return CLOUDABI_EROFS;
    struct memobj *object = object_of(node->data);
    if (object == NULL)
        return CLOUDABI_ENOMEM;
    *out = memfile_create(job, CLOUDABI_FILETYPE_REGULAR_FILE, object, flags);
    if (*out == NULL) {
        memobj_put(object);
        return CLOUDABI_ENOMEM;
    }
    return 0;
}

static cloudabi_errno_t boot_file_stat(const struct knode *node, cloudabi_filestat_t *out)
{
    const struct bootfs_entry *entry = node->data;
    out->st_size = entry->size; /* the rest is set, the padding too */
    return 0;
}

static const struct knode_ops boot_file_ops = {.open = boot_file_open, .stat = boot_file_stat};

static size_t prefix_len(const struct knode *dir)
{
    return dir->number >= BOOT_NUMBER ? dir->number - BOOT_NUMBER : 0; /* boot/ itself has none */
}

/* NAME: a component as the archive lists it. */
static void node_of(const struct bootfs_name *name, size_t prefix, struct knode *out)
{
    if (name->file != NULL) {
        *out = (struct knode){&boot_file_ops, (void *)name->file,
                              FILE_NUMBER + (uint64_t)(name->file - archive.entries),
                              CLOUDABI_FILETYPE_REGULAR_FILE};
        return;
    }
    *out = (struct knode){&boot_dir_ops, (void *)(name->name - prefix),
                          BOOT_NUMBER + prefix + name->len + 1, CLOUDABI_FILETYPE_DIRECTORY};
}

static cloudabi_errno_t dir_entry(const struct knode *dir, uint64_t index, struct knode_entry *out)
{
    struct bootfs_name name;
    struct knode node;
    if (!bootfs_list(&archive, dir->data, prefix_len(dir), index, &name))
        return CLOUDABI_ENOENT;
    node_of(&name, prefix_len(dir), &node);
    knode_entry_set(out, name.name, name.len, &node);
    return 0;
}

static cloudabi_errno_t dir_lookup(const struct knode *dir, const char *component, size_t len,
                                   struct knode *out)
{
    struct bootfs_name name;
    for (uint64_t i = 0; bootfs_list(&archive, dir->data, prefix_len(dir), i, &name); i++)
        if (name.len == len && memcmp(name.name, component, len) == 0) {
            node_of(&name, prefix_len(dir), out);
            return 0;
        }
    return CLOUDABI_ENOENT;
}

const struct knode_ops boot_dir_ops = {.lookup = dir_lookup, .entry = dir_entry};
