/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of the ext2 core: images by mke2fs, the tools of e2fsprogs, and a kernel's way of writing files. */
#ifndef TESTS_HOST_EXT2_HOST_H
#define TESTS_HOST_EXT2_HOST_H

#include "services/ext2/fs.h"
#include "tests/crash/disk.h"

struct host {
    struct disk disk;
    struct fs *fs;
    struct inode *root;
    struct fs_report report;
    uint64_t now;
};

/* Runs a shell command in the test's folder, with the tools of e2fsprogs in its path. Its status. */
int host_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What the last command printed. */
const char *host_output(void);
/* Whether the image in the folder passes e2fsck -fn; if not, prints what that said. */
bool host_check(void);
/* mke2fs OPTIONS image SIZE. */
void host_make(const char *options, const char *size);
void host_clean(void); /* removes the folder */

/* The image of the folder in memory, mounted. */
extern unsigned host_cache_bytes;         /* 0: as usual */
extern void (*host_mounting)(bool begin); /* called around fs_mount(), if there is one */
void host_mount(struct host *host);
cloudabi_errno_t host_try_mount(struct host *host);
/* Unmounts, writes the image back to the folder, and checks it. */
void host_unmount(struct host *host);
/* Without unmounting: what a crash after the last write leaves. */
void host_crash(struct host *host);

/* --- by path ------------------------------------------------------------------------------ */

#define NAME(text) ((struct fs_name){(text), strlen(text)})

cloudabi_errno_t host_find(struct host *host, const char *path, struct inode **out);
/* The directory of the last name. */
cloudabi_errno_t host_parent(struct host *host, const char *path, struct inode **out,
                             struct fs_name *last);
cloudabi_errno_t host_create(struct host *host, const char *path);
cloudabi_errno_t host_mkdir(struct host *host, const char *path);
cloudabi_errno_t host_symlink(struct host *host, const char *target, const char *path);
cloudabi_errno_t host_link(struct host *host, const char *old, const char *path);
cloudabi_errno_t host_unlink(struct host *host, const char *path, bool directory);
cloudabi_errno_t host_rename(struct host *host, const char *from, const char *to);

/* --- data --------------------------------------------------------------------------------- */

/* Writes, as the kernel does, whole pages through reserve, page_out, the device and wrote. */
cloudabi_errno_t host_write(struct host *host, struct inode *inode, uint64_t offset,
                            const void *data, size_t len);
void host_read(struct host *host, struct inode *inode, uint64_t offset, void *data, size_t len);
cloudabi_errno_t host_put(struct host *host, const char *path, const void *data, size_t len);

#endif
