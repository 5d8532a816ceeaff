/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files whose text is made per call.  A read at the file's position (or at an offset) renders the whole text
 * and takes a piece; a write hands the whole of what was written to the node.
 */
#include "kernel/dev/knode.h"
#include "kernel/job/job.h"
#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"

#define TEXT_MAX 4096

struct ktext {
    const struct ktext_ops *ops;
    void *data;
};

static cloudabi_errno_t render_piece(struct ktext *text, struct job *job, const struct user_vec *to,
                                     uint64_t offset, size_t *done)
{
    char *buffer = kmalloc(job, TEXT_MAX);
    if (buffer == NULL)
        return CLOUDABI_ENOMEM;
    size_t len = text->ops->render(text->data, buffer, TEXT_MAX);
    size_t n = offset < len ? len - offset : 0;
    n = n < to->total ? n : to->total;
    cloudabi_errno_t error = n > 0 ? user_vec_write(to, 0, buffer + offset, n) : 0;
    *done = error == 0 ? n : 0;
    kfree(buffer);
    return error;
}

static cloudabi_errno_t text_read(struct file *file, const struct user_vec *to,
                                  const uint64_t *offset, size_t *done)
{
    struct ktext *text = file->data;
    if (text->ops->render == NULL)
        return CLOUDABI_EBADF;
    if (offset != NULL)
        return render_piece(text, file->job, to, *offset, done);
    mutex_lock(&file->position_lock);
    cloudabi_errno_t error = render_piece(text, file->job, to, file->position, done);
    file->position += *done;
    mutex_unlock(&file->position_lock);
    return error;
}

static cloudabi_errno_t text_write(struct file *file, const struct user_vec *from,
                                   const uint64_t *offset, size_t *done)
{
    struct ktext *text = file->data;
    (void)offset;
    if (text->ops->store == NULL)
        return CLOUDABI_EBADF;
    if (from->total >= TEXT_MAX)
        return CLOUDABI_EINVAL;
    char *buffer = kmalloc(file->job, TEXT_MAX);
    if (buffer == NULL)
        return CLOUDABI_ENOMEM;
    cloudabi_errno_t error = user_vec_read(from, 0, buffer, from->total);
    if (error == 0)
        error = text->ops->store(text->data, buffer, from->total);
    *done = error == 0 ? from->total : 0;
    kfree(buffer);
    return error;
}

static cloudabi_errno_t text_seek(struct file *file, int64_t delta, cloudabi_whence_t whence,
                                  uint64_t *position)
{
    int64_t to;
    if (file->type != CLOUDABI_FILETYPE_REGULAR_FILE)
        return CLOUDABI_ESPIPE;
    mutex_lock(&file->position_lock);
    int64_t base = whence == CLOUDABI_WHENCE_CUR ? (int64_t)file->position : 0;
    cloudabi_errno_t error = 0;
    if (__builtin_add_overflow(base, delta, &to))
        error = CLOUDABI_EOVERFLOW;
    else if (whence == CLOUDABI_WHENCE_END || to < 0)
        error = CLOUDABI_EINVAL;
    else
        *position = file->position = (uint64_t)to;
    mutex_unlock(&file->position_lock);
    return error;
}

static cloudabi_errno_t text_stat(struct file *file, cloudabi_filestat_t *out)
{
    *out = (cloudabi_filestat_t){.st_filetype = file->type, .st_nlink = 1};
    return 0;
}

static void text_close(struct file *file)
{
    struct ktext *text = file->data;
    if (text->ops->release != NULL)
        text->ops->release(text->data);
    kfree(text);
}

static const struct file_ops text_file_ops = {
    .close = text_close,
    .read = text_read,
    .write = text_write,
    .seek = text_seek,
    .stat = text_stat,
};

cloudabi_errno_t ktext_open_as(cloudabi_filetype_t type, const struct ktext_ops *ops, void *data,
                               cloudabi_fdflags_t flags, struct job *job, struct file **out)
{
    struct ktext *text = kmalloc(job, sizeof(*text));
    if (text == NULL)
        return CLOUDABI_ENOMEM;
    *text = (struct ktext){ops, data};
    *out = file_create(job, type, &text_file_ops, flags, text);
    if (*out != NULL)
        return 0;
    kfree(text);
    return CLOUDABI_ENOMEM;
}

cloudabi_errno_t ktext_open(const struct ktext_ops *ops, void *data, cloudabi_fdflags_t flags,
                            struct job *job, struct file **out)
{
    return ktext_open_as(CLOUDABI_FILETYPE_CHARACTER_DEVICE, ops, data, flags, job, out);
}
