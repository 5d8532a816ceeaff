/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls on sockets.  The structures of send and receive name further memory of the caller: pieces of data, and
 * an array of descriptors.  Numbers for descriptors that may arrive are reserved first, so that nothing is
 * taken from the socket which then can not be given.
 */
#include "abi/kernel_calls.h"
#include "kernel/fd/pass.h"
#include "kernel/mm/slab.h"
#include "kernel/proc/process.h"

#define PASS_INLINE 2 /* so many need no allocation */

struct passing { /* descriptors on their way in or out of the table */
    size_t count;
    cloudabi_fd_t *numbers;
    struct file **files;
    struct rights *rights;
    cloudabi_fd_t inline_numbers[PASS_INLINE];
    struct file *inline_files[PASS_INLINE];
    struct rights inline_rights[PASS_INLINE];
};

/* One allocation for all three. */
__attribute__((noinline)) static cloudabi_errno_t passing_alloc(struct passing *passing)
{
    size_t count = passing->count;
    size_t each = sizeof(struct rights) + sizeof(struct file *) + sizeof(cloudabi_fd_t);
    passing->rights = kmalloc(process_self()->job, count * each);
    if (passing->rights == NULL)
        return CLOUDABI_ENOMEM;
    passing->files = (struct file **)(passing->rights + count);
    passing->numbers = (cloudabi_fd_t *)(passing->files + count);
    return 0;
}

static cloudabi_errno_t passing_init(struct passing *passing, size_t count)
{
    passing->count = count;
    passing->numbers = passing->inline_numbers;
    passing->files = passing->inline_files;
    passing->rights = passing->inline_rights;
    return count <= PASS_INLINE ? 0 : passing_alloc(passing);
}

static void passing_free(struct passing *passing)
{
    if (passing->rights != passing->inline_rights)
        kfree(passing->rights);
}

/* --- send ------------------------------------------------------------------------------------- */

static void passing_put(struct passing *passing, size_t count)
{
    for (size_t i = 0; i < count; i++)
        file_put(passing->files[i]);
}

/* Looks the descriptors up: files are referenced on success. */
static cloudabi_errno_t passing_get(struct passing *passing, user_addr_t fds)
{
    cloudabi_errno_t error =
        copy_from_user(passing->numbers, fds, passing->count * sizeof(cloudabi_fd_t));
    for (size_t i = 0; error == 0 && i < passing->count; i++) {
        struct fd_grant grant;
        error = fd_get(passing->numbers[i], 0, &grant);
        if (error != 0) {
            passing_put(passing, i);
            break;
        }
        passing->files[i] = grant.file;
        passing->rights[i] = grant.rights;
    }
    return error;
}

static cloudabi_errno_t send_with(struct file *file, const struct user_vec *data,
                                  struct passing *passing, user_addr_t fds, size_t *length)
{
    cloudabi_errno_t error = passing->count == 0 ? 0 : passing_get(passing, fds);
    if (error != 0)
        return error;
    struct sock_message message = {
        .data = data,
        .files = passing->files,
        .rights = passing->rights,
        .files_count = passing->count,
    };
    error = file_send(file, &message);
    *length = message.length;
    passing_put(passing, message.files_count); /* those that were not taken over */
    return error;
}

cloudabi_errno_t sys_sock_send(const struct fd_grant *sock, const cloudabi_send_in_t *in,
                               cloudabi_send_out_t *out)
{
    struct user_vec data;
    struct passing passing;
    if (in->si_flags != 0 || in->si_fds_len > PASS_MAX)
        return CLOUDABI_EINVAL;
    cloudabi_errno_t error =
        user_vec_copyin(&data, user_addr((uint64_t)in->si_data), in->si_data_len);
    if (error != 0)
        return error;
    error = passing_init(&passing, in->si_fds_len);
    if (error == 0)
        error = send_with(sock->file, &data, &passing, user_addr((uint64_t)in->si_fds),
                          &out->so_datalen);
    passing_free(&passing);
    user_vec_release(&data);
    return error;
}

/* --- receive ---------------------------------------------------------------------------------- */

/* Puts what arrived into the reserved numbers, and gives the other numbers back. */
static void passing_commit(struct passing *passing, size_t arrived)
{
    for (size_t i = 0; i < arrived; i++)
        fd_commit(passing->numbers[i], passing->files[i], passing->rights[i]);
    if (arrived < passing->count)
        fd_unreserve(passing->numbers + arrived, passing->count - arrived);
}

static cloudabi_errno_t recv_with(struct file *file, struct sock_message *message,
                                  struct passing *passing, user_addr_t fds)
{
    cloudabi_errno_t error = passing->count == 0 ? 0 : fd_reserve(passing->numbers, passing->count);
    if (error != 0)
        return error;
    message->files = passing->files;
    message->rights = passing->rights;
    message->files_count = passing->count;
    error = file_recv(file, message);
    size_t arrived = error == 0 ? message->files_count : 0;
    if (arrived > 0)
        error = copy_to_user(fds, passing->numbers, arrived * sizeof(cloudabi_fd_t));
    if (error != 0) {
        passing_put(passing, arrived);
        arrived = 0;
    }
    if (passing->count > 0)
        passing_commit(passing, arrived);
    return error;
}

cloudabi_errno_t sys_sock_recv(const struct fd_grant *sock, const cloudabi_recv_in_t *in,
                               cloudabi_recv_out_t *out)
{
    struct user_vec data;
    struct passing passing;
    const cloudabi_riflags_t known = CLOUDABI_SOCK_RECV_PEEK | CLOUDABI_SOCK_RECV_WAITALL;
    if (in->ri_flags & ~known)
        return CLOUDABI_EINVAL;
    if (sock->file->ops->recv == NULL)
        return CLOUDABI_ENOTSOCK;
    cloudabi_errno_t error =
        user_vec_copyin(&data, user_addr((uint64_t)in->ri_data), in->ri_data_len);
    if (error != 0)
        return error;
    error = passing_init(&passing, in->ri_fds_len < PASS_MAX ? in->ri_fds_len : PASS_MAX);
    struct sock_message message = {.data = &data, .flags = in->ri_flags};
    if (error == 0)
        error = recv_with(sock->file, &message, &passing, user_addr((uint64_t)in->ri_fds));
    if (error == 0) {
        out->ro_datalen = message.length;
        out->ro_fdslen = message.files_count;
        out->ro_flags = message.result;
    }
    passing_free(&passing);
    user_vec_release(&data);
    return error;
}

cloudabi_errno_t sys_sock_shutdown(const struct fd_grant *sock, cloudabi_sdflags_t how)
{
    return how != 0 ? file_shutdown(sock->file, how) : CLOUDABI_EINVAL;
}
