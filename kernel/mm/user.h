/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User memory as a type of its own: never dereferenced, only copied.  A vector of user buffers is copied
 * in once, checked once, then the copy is used.
 */
#ifndef KERNEL_MM_USER_H
#define KERNEL_MM_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/cloudabi_types.h"
#include "kernel/arch/arch.h"

typedef struct {
    uint64_t va;
} user_addr_t;

static inline user_addr_t user_addr(uint64_t va)
{
    return (user_addr_t){va};
}
static inline user_addr_t user_add(user_addr_t a, uint64_t n)
{
    return (user_addr_t){a.va + n};
}

/* 0 or EFAULT. May fault and so may sleep: no spinlocks held. */
cloudabi_errno_t copy_from_user(void *to, user_addr_t from, size_t len);
cloudabi_errno_t copy_to_user(user_addr_t to, const void *from, size_t len);
cloudabi_errno_t zero_user(user_addr_t to, size_t len);

#define USER_VEC_INLINE 8
#define USER_VEC_MAX    1024 /* more is EINVAL */

struct user_buf {
    user_addr_t base;
    size_t len;
};

struct user_vec {
    struct user_buf *buf; /* inline_buf or allocated */
    size_t count;
    size_t total; /* sum of lengths, at most SSIZE_MAX, else EINVAL */
    struct user_buf inline_buf[USER_VEC_INLINE];
};

/* Copies in N (iovec or ciovec: same layout). EFAULT, EINVAL, ENOMEM. */
cloudabi_errno_t user_vec_copyin_any(struct user_vec *vec, user_addr_t iovs, uint64_t n);
static inline cloudabi_errno_t user_vec_copyin(struct user_vec *vec, user_addr_t iovs, uint64_t n)
{
    vec->buf = vec->inline_buf;
    vec->count = n;
    vec->total = 0;
    if (n == 0)
        return 0;
    if (n != 1)
        return user_vec_copyin_any(vec, iovs, n);
    struct user_buf *only = vec->inline_buf;
    if (!arch_user_load_pair(iovs.va, &only->base.va, &only->len))
        return CLOUDABI_EFAULT;
    vec->total = only->len;
    return only->len <= (size_t)INT64_MAX ? 0 : CLOUDABI_EINVAL;
}
void user_vec_free(struct user_vec *vec);
static inline void user_vec_release(struct user_vec *vec)
{
    if (vec->buf != vec->inline_buf)
        user_vec_free(vec);
}
/* Copy LEN bytes from/to the vector starting at byte SKIP of it. EFAULT; may fault. */
cloudabi_errno_t user_vec_read(const struct user_vec *vec, size_t skip, void *to, size_t len);
cloudabi_errno_t user_vec_write(const struct user_vec *vec, size_t skip, const void *from,
                                size_t len);

/* The same under spinlocks: how many bytes were moved before a page was missing. Then drop the locks, bring
 * the pages in with user_vec_touch (EFAULT: not possible), and go on. */
size_t user_vec_read_nofault(const struct user_vec *vec, size_t skip, void *to, size_t len);
size_t user_vec_write_nofault(const struct user_vec *vec, size_t skip, const void *from,
                              size_t len);
cloudabi_errno_t user_vec_touch(const struct user_vec *vec, size_t skip, size_t len, bool write);
/* Fill LEN bytes with zeros. EFAULT; may fault. */
cloudabi_errno_t user_vec_zero(const struct user_vec *vec, size_t skip, size_t len);

#define USER_PATH_MAX 1023

struct user_path {
    size_t len;
    char bytes[USER_PATH_MAX + 1]; /* NUL-terminated copy; no NUL inside */
};

/* EFAULT, ENAMETOOLONG (1,024 bytes or more), EINVAL (NUL inside), ENOENT (empty). */
cloudabi_errno_t user_path_copyin(struct user_path *path, user_addr_t from, uint64_t len);

#endif
