/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies from and to user memory; see user.h. Ranges and pages are checked by the machine. */
#include "kernel/mm/user.h"

#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"
#include "kernel/mm/vmspace.h"
#include "kernel/sched/thread.h"

cloudabi_errno_t copy_from_user(void *to, user_addr_t from, size_t len)
{
    spinlock_assert_none();
    return arch_copy_from_user(to, from.va, len) == 0 ? 0 : CLOUDABI_EFAULT;
}

cloudabi_errno_t copy_to_user(user_addr_t to, const void *from, size_t len)
{
    spinlock_assert_none();
    return arch_copy_to_user(to.va, from, len) == 0 ? 0 : CLOUDABI_EFAULT;
}

cloudabi_errno_t zero_user(user_addr_t to, size_t len)
{
    spinlock_assert_none();
    return arch_zero_user(to.va, len) == 0 ? 0 : CLOUDABI_EFAULT;
}

/* --- vectors ---------------------------------------------------------------------------------- */

/* The user's form is the same as ours: an address and a length. */
_Static_assert(sizeof(struct user_buf) == 16 && sizeof(cloudabi_iovec_t) == 16 &&
                   sizeof(cloudabi_ciovec_t) == 16,
               "vectors are copied in as they are");

static cloudabi_errno_t sum_up(struct user_vec *vec)
{
    vec->total = 0;
    for (size_t i = 0; i < vec->count; i++) {
        if (vec->buf[i].len > (size_t)INT64_MAX - vec->total)
            return CLOUDABI_EINVAL;
        vec->total += vec->buf[i].len;
    }
    return 0;
}

cloudabi_errno_t user_vec_copyin_any(struct user_vec *vec, user_addr_t iovs, uint64_t n)
{
    if (n > USER_VEC_MAX)
        return CLOUDABI_EINVAL;
    vec->buf = vec->inline_buf;
    vec->count = n;
    if (n > USER_VEC_INLINE) {
        vec->buf = kmalloc(thread_self()->job, n * sizeof(struct user_buf));
        if (vec->buf == NULL)
            return CLOUDABI_ENOMEM;
    }
    cloudabi_errno_t error = copy_from_user(vec->buf, iovs, n * sizeof(struct user_buf));
    if (error == 0)
        error = sum_up(vec);
    if (error != 0)
        user_vec_release(vec);
    return error;
}

void user_vec_free(struct user_vec *vec)
{
    kfree(vec->buf);
    vec->buf = vec->inline_buf;
    vec->count = 0;
}

/* A part of a vector that is walked piece by piece. */
struct vec_walk {
    const struct user_buf *buf;
    size_t skip; /* in buf */
    size_t left; /* of the part */
};

static struct vec_walk walk_start(const struct user_vec *vec, size_t skip, size_t len)
{
    struct vec_walk walk = {vec->buf, skip, len};
    while (walk.left > 0 && walk.skip >= walk.buf->len) {
        walk.skip -= walk.buf->len;
        walk.buf++;
    }
    return walk;
}

/* The next piece without holes; false at the end. */
static bool walk_next(struct vec_walk *walk, user_addr_t *at, size_t *len)
{
    if (walk->left == 0)
        return false;
    while (walk->skip == walk->buf->len) {
        walk->buf++;
        walk->skip = 0;
    }
    size_t here = walk->buf->len - walk->skip;
    *at = user_add(walk->buf->base, walk->skip);
    *len = here < walk->left ? here : walk->left;
    walk->skip += *len;
    walk->left -= *len;
    return true;
}

cloudabi_errno_t user_vec_read(const struct user_vec *vec, size_t skip, void *to, size_t len)
{
    if (vec->count == 1)
        return copy_from_user(to, user_add(vec->buf->base, skip), len);
    struct vec_walk walk = walk_start(vec, skip, len);
    cloudabi_errno_t error = 0;
    user_addr_t at;
    size_t n;
    for (char *next = to; error == 0 && walk_next(&walk, &at, &n); next += n)
        error = copy_from_user(next, at, n);
    return error;
}

cloudabi_errno_t user_vec_write(const struct user_vec *vec, size_t skip, const void *from,
                                size_t len)
{
    if (vec->count == 1)
        return copy_to_user(user_add(vec->buf->base, skip), from, len);
    struct vec_walk walk = walk_start(vec, skip, len);
    cloudabi_errno_t error = 0;
    user_addr_t at;
    size_t n;
    for (const char *next = from; error == 0 && walk_next(&walk, &at, &n); next += n)
        error = copy_to_user(at, next, n);
    return error;
}

cloudabi_errno_t user_vec_zero(const struct user_vec *vec, size_t skip, size_t len)
{
    struct vec_walk walk = walk_start(vec, skip, len);
    cloudabi_errno_t error = 0;
    user_addr_t at;
    size_t n;
    while (error == 0 && walk_next(&walk, &at, &n))
        error = zero_user(at, n);
    return error;
}

size_t user_vec_read_nofault(const struct user_vec *vec, size_t skip, void *to, size_t len)
{
    if (vec->count == 1)
        return len - arch_copy_from_user_nofault(to, vec->buf->base.va + skip, len);
    struct vec_walk walk = walk_start(vec, skip, len);
    size_t done = 0, n;
    user_addr_t at;
    while (walk_next(&walk, &at, &n)) {
        size_t missing = arch_copy_from_user_nofault((char *)to + done, at.va, n);
        done += n - missing;
        if (missing != 0)
            break;
    }
    return done;
}

size_t user_vec_write_nofault(const struct user_vec *vec, size_t skip, const void *from, size_t len)
{
    if (vec->count == 1)
        return len - arch_copy_to_user_nofault(vec->buf->base.va + skip, from, len);
    struct vec_walk walk = walk_start(vec, skip, len);
    size_t done = 0, n;
    user_addr_t at;
    while (walk_next(&walk, &at, &n)) {
        size_t missing = arch_copy_to_user_nofault(at.va, (const char *)from + done, n);
        done += n - missing;
        if (missing != 0)
            break;
    }
    return done;
}

cloudabi_errno_t user_vec_touch(const struct user_vec *vec, size_t skip, size_t len, bool write)
{
    struct vec_walk walk = walk_start(vec, skip, len);
    struct vmspace *space = vmspace_current();
    cloudabi_errno_t error = space != NULL ? 0 : CLOUDABI_EFAULT;
    user_addr_t at;
    size_t n;
    while (error == 0 && walk_next(&walk, &at, &n))
        error = vmspace_touch(space, at.va, n, write);
    return error;
}

/* --- paths ------------------------------------------------------------------------------------ */

cloudabi_errno_t user_path_copyin(struct user_path *path, user_addr_t from, uint64_t len)
{
    if (len > USER_PATH_MAX)
        return CLOUDABI_ENAMETOOLONG;
    cloudabi_errno_t error = copy_from_user(path->bytes, from, len);
    if (error != 0)
        return error;
    path->bytes[len] = '\0';
    path->len = len;
    if (len == 0)
        return CLOUDABI_ENOENT;
    return memchr(path->bytes, '\0', len) != NULL ? CLOUDABI_EINVAL : 0;
}
