/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names below a directory.  `..` and symbolic links are decided here, in the kernel, for
 * ports and for the kernel's own directory alike; a directory only resolves plain components.
 */
#ifndef KERNEL_FD_NAMEI_H
#define KERNEL_FD_NAMEI_H

#include "kernel/fd/table.h"

/* Entry points of the system calls (sys_file.c). DIR has been looked up with the call's right. */
struct open_args {
    cloudabi_lookupflags_t lookup;
    cloudabi_oflags_t oflags;
    cloudabi_fdflags_t fdflags;
    struct rights asked;
};
cloudabi_errno_t namei_open(const struct fd_grant *dir, const struct user_path *path,
                            const struct open_args *args, struct file **file,
                            struct rights *rights);
cloudabi_errno_t namei_stat(const struct fd_grant *dir, const struct user_path *path,
                            cloudabi_lookupflags_t flags, cloudabi_filestat_t *out);
cloudabi_errno_t namei_stat_put(const struct fd_grant *dir, const struct user_path *path,
                                cloudabi_lookupflags_t flags, const cloudabi_filestat_t *in,
                                cloudabi_fsflags_t mask);
cloudabi_errno_t namei_mkdir(const struct fd_grant *dir, const struct user_path *path);
cloudabi_errno_t namei_symlink(const struct fd_grant *dir, const struct user_path *path,
                               const struct user_path *target);
cloudabi_errno_t namei_unlink(const struct fd_grant *dir, const struct user_path *path,
                              cloudabi_ulflags_t flags);
cloudabi_errno_t namei_readlink(const struct fd_grant *dir, const struct user_path *path,
                                user_addr_t buf, size_t len, size_t *used);
cloudabi_errno_t namei_link(const struct fd_grant *from, const struct user_path *path1,
                            cloudabi_lookupflags_t flags, const struct fd_grant *to,
                            const struct user_path *path2);
cloudabi_errno_t namei_rename(const struct fd_grant *from, const struct user_path *path1,
                              const struct fd_grant *to, const struct user_path *path2);

#endif
