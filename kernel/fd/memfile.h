/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files whose content is a memory object.  The functions serve any file whose `data` is a struct memobj that
 * it holds a reference to; other types of file may put them into their own tables.
 */
#ifndef KERNEL_FD_MEMFILE_H
#define KERNEL_FD_MEMFILE_H

#include "kernel/fd/file.h"

void memfile_close(struct file *file);
cloudabi_errno_t memfile_read(struct file *file, const struct user_vec *to, const uint64_t *offset,
                              size_t *done);
cloudabi_errno_t memfile_write(struct file *file, const struct user_vec *from,
                               const uint64_t *offset, size_t *done);
cloudabi_errno_t memfile_seek(struct file *file, int64_t delta, cloudabi_whence_t whence,
                              uint64_t *position);
cloudabi_errno_t memfile_sync(struct file *file, bool data_only);
cloudabi_errno_t memfile_stat(struct file *file,
                              cloudabi_filestat_t *out); /* device, inode and links are 0, 0, 1 */
cloudabi_errno_t memfile_stat_put(struct file *file, const cloudabi_filestat_t *in,
                                  cloudabi_fsflags_t mask);
cloudabi_errno_t memfile_allocate(struct file *file, uint64_t offset, uint64_t length);
cloudabi_errno_t memfile_transfer(struct file *file, bool write, uint64_t offset,
                                  struct transfer *transfer);
cloudabi_errno_t memfile_advise(struct file *file, uint64_t offset, uint64_t length,
                                cloudabi_advice_t advice);
cloudabi_errno_t memfile_map(struct file *file, uint64_t offset, uint64_t length, bool shared,
                             struct memobj **object, uint64_t *object_offset, bool *no_fork);

/* The new file, held by its opener alone, is open for writing: counted until it is closed. ETXTBSY while the
 * object runs. Idempotent. */
cloudabi_errno_t memfile_set_writer(struct file *file);

#endif
