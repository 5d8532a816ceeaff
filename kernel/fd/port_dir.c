/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An open directory of a port.  It outlives the service that answered it: when its node is of an epoch that is
 * over, the cookie given at its opening is replayed to the instance that serves now.
 */
#include "kernel/fd/place.h"
#include "kernel/lib/string.h"
#include "kernel/mm/memobj_pager.h"
#include "kernel/mm/slab.h"

struct port_dir {
    struct port *port;      /* constant; referenced through node */
    struct port_node *node; /* port->lock; referenced */
    uint8_t cookie_len;     /* constant; above PORT_COOKIE_MAX: has none, ends with its epoch */
    char cookie[PORT_COOKIE_MAX];
};

static bool node_current(struct port *port, const struct port_node *node)
{
    return node->id == PORT_ROOT_NODE || (!node->dead && node->epoch == port->epoch);
}

/* Asks the present instance for the node of the cookie. */
static cloudabi_errno_t reopen(struct port_dir *dir, struct port_node **out)
{
    struct port_call call;
    if (dir->cookie_len > PORT_COOKIE_MAX)
        return CLOUDABI_EIO;
    cloudabi_errno_t error = port_call_begin(&call, dir->port, PORT_REOPEN, 0);
    if (error != 0)
        return error;
    call.request.len = dir->cookie_len;
    call.request.time = arch_clock_realtime();
    error = port_call_put(&call, 0, dir->cookie, dir->cookie_len);
    if (error == 0)
        error = port_call_run(&call);
    if (error == 0 &&
        (call.reply->kind != PORT_REPLY_NODE || call.reply->form != PORT_FORM_DIRECTORY))
        error = CLOUDABI_EIO;
    if (error == 0)
        *out = port_call_node(&call);
    port_call_end(&call);
    return error == CLOUDABI_ESTALE ? CLOUDABI_EIO : error;
}

/* The directory's node in the present epoch, referenced. */
static cloudabi_errno_t dir_node(struct port_dir *dir, struct port_node **out)
{
    struct port *port = dir->port;
    spinlock_lock(&port->lock);
    *out = dir->node;
    dir->node->references++;
    bool current = node_current(port, dir->node);
    spinlock_unlock(&port->lock);
    if (current)
        return 0;
    struct port_node *fresh;
    cloudabi_errno_t error = reopen(dir, &fresh);
    port_node_put(*out);
    if (error != 0)
        return error;
    spinlock_lock(&port->lock);
    struct port_node *old = dir->node;
    dir->node = fresh;
    fresh->references++;
    spinlock_unlock(&port->lock);
    port_node_put(old);
    *out = fresh;
    return 0;
}

static cloudabi_errno_t dir_place(struct file *file, struct place *out)
{
    return dir_node(file->data, &out->node);
}

static void dir_close(struct file *file)
{
    struct port_dir *dir = file->data;
    port_node_put(dir->node);
    kfree(dir);
}

static cloudabi_errno_t dir_stat(struct file *file, cloudabi_filestat_t *out)
{
    struct port_node *node;
    cloudabi_errno_t error = dir_node(file->data, &node);
    if (error != 0)
        return error;
    error = port_node_stat(node, out);
    port_node_put(node);
    return error;
}

static cloudabi_errno_t dir_stat_put(struct file *file, const cloudabi_filestat_t *in,
                                     cloudabi_fsflags_t mask)
{
    struct port_node *node;
    if ((mask & CLOUDABI_FILESTAT_SIZE) != 0)
        return CLOUDABI_EISDIR;
    cloudabi_errno_t error = dir_node(file->data, &node);
    if (error != 0)
        return error;
    error = port_node_stat_put(node, in, mask);
    port_node_put(node);
    return error;
}

static cloudabi_errno_t dir_sync(struct file *file, bool data_only)
{
    struct port_node *node;
    cloudabi_errno_t error = dir_node(file->data, &node);
    if (error != 0)
        return error;
    if (node->id == PORT_ROOT_NODE && node->port->pool != NULL) /* the orderly end of a service */
        error = paging_pool_flush(node->port->pool);
    if (error == 0)
        error = port_node_sync(node, data_only);
    port_node_put(node);
    return error;
}

/* Checks the records of a reply of GOT bytes; the cookie behind the last. EIO: they are not whole.  (A service can
 * still change them until they are copied: readers of a listing have to look at the lengths themselves.) */
static cloudabi_errno_t readdir_check(struct port_call *call, size_t got,
                                      cloudabi_dircookie_t *cookie)
{
    cloudabi_dirent_t entry;
    cloudabi_errno_t error = 0;
    const uint8_t *page = NULL;
    size_t at = 0, page_end = 0;
    for (; at < got; at += sizeof(entry) + entry.d_namlen) {
        if (got - at < sizeof(entry))
            return CLOUDABI_EIO;
        if (at >= page_end) {
            page = port_call_bytes(call, at - at % PAGE_SIZE, PAGE_SIZE);
            page_end = at - at % PAGE_SIZE + PAGE_SIZE;
        }
        if (page != NULL && page_end - at >= sizeof(entry))
            memcpy(&entry, page + at % PAGE_SIZE, sizeof(entry));
        else if ((error = port_call_take(call, at, &entry, sizeof(entry))) != 0)
            return error;
        if (entry.d_namlen > got - at - sizeof(entry))
            return CLOUDABI_EIO;
        *cookie = entry.d_next;
    }
    return 0;
}

/* Begins READDIR on the directory's own node. */
static cloudabi_errno_t readdir_call(struct file *file, struct port_call *call)
{
    struct port_node *node;
    cloudabi_errno_t error = dir_node(file->data, &node);
    if (error != 0)
        return error;
    error = port_node_call(node, PORT_READDIR, call);
    port_node_put(node);
    return error;
}

/* What to ask for to fill LEFT bytes: records are whole, so the last one may have to be cut. */
static uint32_t readdir_amount(size_t left)
{
    const size_t record_max = sizeof(cloudabi_dirent_t) + USER_PATH_MAX;
    return left < PORT_PAYLOAD - record_max ? (uint32_t)(left + record_max) : PORT_PAYLOAD;
}

/* The reply holds whole records. A last one that does not fit the caller's buffer is cut, as the ABI has it. */
static cloudabi_errno_t dir_readdir(struct file *file, user_addr_t buf, size_t len,
                                    cloudabi_dircookie_t cookie, size_t *used)
{
    struct user_vec to = {
        .buf = to.inline_buf, .count = 1, .total = len, .inline_buf = {{buf, len}}};
    *used = 0;
    for (;;) {
        struct port_call call;
        cloudabi_errno_t error = readdir_call(file, &call);
        if (error != 0)
            return error;
        call.request.a = cookie;
        call.request.len = readdir_amount(len - *used);
        error = port_call_run(&call);
        size_t got = error == 0 ? call.reply->len : 0;
        size_t take = got < len - *used ? got : len - *used;
        bool end = error != 0 || got == 0 || (call.reply->flags & PORT_REPLY_END) != 0;
        if (error == 0)
            error = readdir_check(&call, got, &cookie);
        if (error == 0)
            error = port_call_take_user(&call, 0, &to, *used, take);
        port_call_end(&call);
        *used += error == 0 ? take : 0;
        if (error != 0 || end || *used == len)
            return error;
    }
}

static const struct dir_ops port_dir_names = {.place = dir_place};

static const struct file_ops port_dir_ops = {
    .close = dir_close,
    .sync = dir_sync,
    .stat = dir_stat,
    .stat_put = dir_stat_put,
    .readdir = dir_readdir,
    .dir = &port_dir_names,
};

cloudabi_errno_t port_dir_create(struct job *job, struct port_node *node, const void *cookie,
                                 size_t cookie_len, cloudabi_fdflags_t flags, struct file **out)
{
    struct port_dir *dir = kmalloc(job, sizeof(*dir));
    if (dir == NULL)
        return CLOUDABI_ENOMEM;
    dir->port = node->port;
    dir->node = node;
    dir->cookie_len = (uint8_t)cookie_len;
    if (cookie_len != 0 && cookie_len <= PORT_COOKIE_MAX)
        memcpy(dir->cookie, cookie, cookie_len);
    *out = file_create(job, CLOUDABI_FILETYPE_DIRECTORY, &port_dir_ops, flags, dir);
    if (*out != NULL)
        return 0;
    kfree(dir);
    return CLOUDABI_ENOMEM;
}
