/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's own directory tree (kernel/dev/knode.h) behind the same name operations as a port. */
#include "kernel/fd/place.h"
#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"

static void knode_get(const struct knode *node)
{
    if (node->ops->get != NULL)
        node->ops->get(node);
}

static void knode_put(const struct knode *node)
{
    if (node->ops->put != NULL)
        node->ops->put(node);
}

static cloudabi_errno_t knode_stat(const struct knode *node, cloudabi_filestat_t *out)
{
    memset(out, 0, sizeof(*out));
    out->st_ino = node->number;
    out->st_filetype = node->type;
    out->st_nlink = 1;
    return node->ops->stat != NULL ? node->ops->stat(node, out) : 0;
}

/* Goes down NAME from *NODE, which is put; *NODE becomes the child (got). */
static cloudabi_errno_t knode_step(struct knode *node, const char *name, size_t len)
{
    struct knode child;
    if (node->type != CLOUDABI_FILETYPE_DIRECTORY)
        return CLOUDABI_ENOTDIR;
    cloudabi_errno_t error = node->ops->lookup(node, name, len, &child);
    if (error != 0)
        return error;
    knode_put(node);
    *node = child;
    return 0;
}

/* Walks all of PATH but the last component, which *LAST names (empty: the path was). */
static cloudabi_errno_t knode_walk_parent(struct name_request *request, struct knode *node,
                                          const char **last, size_t *last_len)
{
    const char *path = request->path;
    size_t len = request->len;
    *node = request->dir->knode;
    knode_get(node);
    for (;;) {
        const char *slash = memchr(path, '/', len);
        if (slash == NULL)
            break;
        cloudabi_errno_t error = knode_step(node, path, (size_t)(slash - path));
        if (error != 0) {
            knode_put(node);
            return error;
        }
        len -= (size_t)(slash - path) + 1;
        path = slash + 1;
    }
    *last = path;
    *last_len = len;
    return 0;
}

/* --- operations on what was found -------------------------------------------------------------------------------- */

static cloudabi_errno_t knode_open(struct name_request *request, const struct knode *node)
{
    const struct open_args *open = request->open;
    if ((open->oflags & CLOUDABI_O_EXCL) != 0 && (open->oflags & CLOUDABI_O_CREAT) != 0)
        return CLOUDABI_EEXIST;
    if ((request->flags & PORT_FLAG_MUSTDIR) != 0 && node->type != CLOUDABI_FILETYPE_DIRECTORY)
        return CLOUDABI_ENOTDIR;
    request->rights = rights_of_open(&open->asked, request->dir->inheriting, NULL, node->type);
    if (node->type == CLOUDABI_FILETYPE_DIRECTORY)
        return kdir_create(request->job, node, &request->file);
    bool write = (request->rights.base & CLOUDABI_RIGHT_FD_WRITE) != 0;
    return node->ops->open != NULL
               ? node->ops->open(node, open->fdflags, write, request->job, &request->file)
               : CLOUDABI_ENXIO;
}

/* Uses NODE (got); puts it. */
static cloudabi_errno_t knode_use(struct name_request *request, struct knode *node)
{
    cloudabi_errno_t error;
    switch (request->op) {
    case PORT_WALK:
        if (node->type != CLOUDABI_FILETYPE_DIRECTORY) {
            error = CLOUDABI_ENOTDIR;
            break;
        }
        request->found = (struct place){.knode = *node, .inheriting = request->dir->inheriting};
        return 0;
    case PORT_OPEN:
        error = knode_open(request, node);
        break;
    case PORT_STAT:
        error = knode_stat(node, request->stat);
        break;
    case PORT_READLINK:
        error = CLOUDABI_EINVAL;
        break;
    default:
        error = CLOUDABI_EPERM;
    }
    knode_put(node);
    return error;
}

/* Names made and removed: only where the directory allows it. */
static cloudabi_errno_t knode_change(struct name_request *request, const struct knode *dir,
                                     const char *name, size_t len)
{
    struct knode existing;
    bool exists = dir->ops->lookup(dir, name, len, &existing) == 0;
    if (exists)
        knode_put(&existing);
    if (request->op == PORT_UNLINK) {
        if (!exists)
            return CLOUDABI_ENOENT;
        return dir->ops->unlink != NULL ? dir->ops->unlink(dir, name, len, request->mask != 0)
                                        : CLOUDABI_EROFS;
    }
    if (exists)
        return CLOUDABI_EEXIST;
    if (request->op != PORT_MKDIR || dir->ops->mkdir == NULL)
        return CLOUDABI_EROFS;
    return dir->ops->mkdir(dir, name, len);
}

cloudabi_errno_t knode_place_request(struct name_request *request)
{
    struct knode node;
    const char *last;
    size_t last_len;
    request->kind = PORT_REPLY_DONE;
    cloudabi_errno_t error = knode_walk_parent(request, &node, &last, &last_len);
    if (error != 0)
        return error;
    bool changes =
        request->op == PORT_MKDIR || request->op == PORT_UNLINK || request->op == PORT_SYMLINK;
    if (changes && node.type == CLOUDABI_FILETYPE_DIRECTORY) {
        error = knode_change(request, &node, last, last_len);
        knode_put(&node);
        return error;
    }
    if (last_len > 0) {
        error = knode_step(&node, last, last_len);
        if (error != 0) {
            knode_put(&node);
            bool create =
                request->op == PORT_OPEN && (request->open->oflags & CLOUDABI_O_CREAT) != 0;
            return error == CLOUDABI_ENOENT && create ? CLOUDABI_EROFS : error;
        }
    }
    return knode_use(request, &node);
}

/* --- open directories ------------------------------------------------------------------------- */

static void kdir_close(struct file *file)
{
    knode_put(file->data);
    kfree(file->data);
}

static cloudabi_errno_t kdir_place(struct file *file, struct place *out)
{
    out->node = NULL;
    out->knode = *(const struct knode *)file->data;
    knode_get(&out->knode);
    return 0;
}

static cloudabi_errno_t kdir_stat(struct file *file, cloudabi_filestat_t *out)
{
    return knode_stat(file->data, out);
}

/* Entry COOKIE of the directory with `.` and `..` first. */
static cloudabi_errno_t kdir_entry(const struct knode *dir, uint64_t cookie,
                                   struct knode_entry *entry)
{
    if (cookie >= 2)
        return dir->ops->entry(dir, cookie - 2, entry);
    entry->len = (size_t)cookie + 1;
    memcpy(entry->name, "..", 2);
    entry->node = *dir;
    knode_get(&entry->node);
    return 0;
}

static cloudabi_errno_t kdir_readdir(struct file *file, user_addr_t buf, size_t len,
                                     cloudabi_dircookie_t cookie, size_t *used)
{
    struct record {
        cloudabi_dirent_t entry;
        char name[KNODE_NAME_MAX];
    } record;
    struct knode_entry entry;
    *used = 0;
    for (; *used < len && kdir_entry(file->data, cookie, &entry) == 0; cookie++) {
        memset(&record, 0, sizeof(record));
        record.entry.d_next = cookie + 1; /* field by field: the padding goes to the program, too */
        record.entry.d_ino = entry.node.number;
        record.entry.d_namlen = (uint32_t)entry.len;
        record.entry.d_type = entry.node.type;
        memcpy(record.name, entry.name, entry.len);
        knode_put(&entry.node);
        size_t size = sizeof(record.entry) + entry.len;
        if (size > len - *used)
            size = len - *used;
        cloudabi_errno_t error = copy_to_user(user_add(buf, *used), &record, size);
        if (error != 0)
            return error;
        *used += size;
    }
    return 0;
}

static const struct dir_ops kdir_names = {.place = kdir_place};

static const struct file_ops kdir_ops = {
    .close = kdir_close,
    .stat = kdir_stat,
    .readdir = kdir_readdir,
    .dir = &kdir_names,
};

cloudabi_errno_t kdir_create(struct job *job, const struct knode *node, struct file **out)
{
    struct knode *copy = kmalloc(job, sizeof(*copy));
    if (copy == NULL)
        return CLOUDABI_ENOMEM;
    *copy = *node;
    if (node->ops->opened != NULL)
        copy->ops = node->ops->opened;
    *out = file_create(job, CLOUDABI_FILETYPE_DIRECTORY, &kdir_ops, 0, copy);
    if (*out == NULL) {
        kfree(copy);
        return CLOUDABI_ENOMEM;
    }
    knode_get(copy);
    return 0;
}
