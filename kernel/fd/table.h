/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor tables.  An open file comes from a number only through fd_get(), which names the needed
 * rights.  Numbers are small: the lowest free one.  Charged to the process's job.
 */
#ifndef KERNEL_FD_TABLE_H
#define KERNEL_FD_TABLE_H

#include "kernel/fd/file.h"

#define FD_MAX 4096

struct fd_table;

/* What a number stood for when it was looked up. */
struct fd_grant {
    struct file *file; /* referenced */
    struct rights rights;
};

/* EBADF: no such descriptor; ENOTCAPABLE: NEEDED not within its base rights. */
cloudabi_errno_t fd_get(cloudabi_fd_t fd, cloudabi_rights_t needed,
                        struct fd_grant *out); /* current process */
static inline void fd_put(struct fd_grant *grant)
{
    file_put(grant->file);
}

struct fd_table *fd_table_create(struct job *job);
void fd_table_destroy(struct fd_table *table); /* closes all */
/* Same numbers, same open files, for fork. */
cloudabi_errno_t fd_table_copy(const struct fd_table *table, struct job *job,
                               struct fd_table **out);
/* Slot i = copy of FDS[i] of TABLE, for exec; EBADF if any is invalid. */
cloudabi_errno_t fd_table_select(struct fd_table *table, struct job *job, const cloudabi_fd_t *fds,
                                 size_t count, struct fd_table **out);

/* From now on JOB pays for TABLE's numbers. ENOMEM. */
cloudabi_errno_t fd_table_enter_job(struct fd_table *table, struct job *job);

/* Installs FILE (consumes the reference on success only). EMFILE, ENOMEM. Current process. */
cloudabi_errno_t fd_install(struct file *file, struct rights rights, cloudabi_fd_t *fd);
/* Two-step form: reserve numbers first so that the second step can not fail. */
cloudabi_errno_t fd_reserve(cloudabi_fd_t *fds, size_t count);
void fd_commit(cloudabi_fd_t fd, struct file *file,
               struct rights rights); /* consumes the reference */
void fd_unreserve(const cloudabi_fd_t *fds, size_t count);
cloudabi_errno_t fd_close(cloudabi_fd_t fd);
cloudabi_errno_t fd_replace(cloudabi_fd_t from, cloudabi_fd_t to);
cloudabi_errno_t fd_narrow(cloudabi_fd_t fd, const struct rights *wanted);
/* Direct form for building a first table (init, tests): slot number = order of calls. */
cloudabi_errno_t fd_table_add(struct fd_table *table, struct file *file, struct rights rights,
                              cloudabi_fd_t *fd);

#endif
