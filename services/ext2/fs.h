/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ext2 file system over a device: names, inodes, and where the bytes of files lie. It knows nothing of requests
 * and of the kernel, and the bytes of files never pass here (but for the tail of a cut block).
 *
 * Every function checks first and changes then: after an error nothing has changed. Nothing that the disk holds is
 * trusted: what contradicts itself is EIO, and marks the file system as having errors. If a change can not be
 * completed because the device fails in its middle, the running transaction is dropped for good: from then on
 * everything that writes is EROFS. Nothing is durable before fs_commit() has returned 0, though a function may
 * commit on its own when a transaction is full.
 *
 * Inodes: a function that gives one gives a hold on it, returned by inode_put(). The references of the kernel
 * (lookups) are counted apart; an inode without names is removed when it has neither. One thread.
 *
 * Data of regular files, in the order of the life of a page that is written:
 *   fs_reserve   promises blocks for what is not backed, those of the map included. A promise lives until the
 *                blocks are there, the range is truncated away, or the last lookup goes.
 *   fs_page_out  says where to write. Blocks that exist are overwritten in place. New ones are chosen, but neither
 *                the bitmap nor the inode knows them: a commit in between does not show them.
 *   fs_wrote     makes the chosen blocks reachable, with the size that they carry; or gives them back if the write
 *                failed.
 * A second page_out of a page gets the same blocks. What is chosen and never confirmed is given back like a
 * promise.
 */
#ifndef SERVICES_EXT2_FS_H
#define SERVICES_EXT2_FS_H

#include "services/ext2/cache.h"

#define FS_NAME_MAX    255u
#define FS_TARGET_MAX  1023u /* of links made here; longer ones of others (to a block) are read */
#define FS_ROOT        2u    /* inode number */
#define FS_EXTENTS_MAX 64u
#define FS_HOLE        UINT64_MAX
#define FS_PAGE        4096u

struct fs;
struct inode;

struct fs_name {
    const char *text; /* not NUL-terminated, no '/' */
    size_t len;
};

/* --- mounting ----------------------------------------------------------------------------- */

struct fs_config {
    uint64_t now;         /* realtime, ns */
    uint32_t seed;        /* random: generation numbers of new inodes */
    unsigned cache_bytes; /* for clean metadata; 0: 4 MiB */
    bool read_only;       /* also if the device is */
};

/* What people should know about the mount, good or bad. */
struct fs_report {
    const char *why;   /* refused: the reason. Mounted: why it is read-only, or NULL */
    bool had_errors;   /* the state said: errors were seen. fsck is due */
    bool was_unclean;  /* without journal: not unmounted. fsck is due */
    bool journaled;    /* commits go through a journal */
    uint32_t replayed; /* transactions */
    uint32_t orphans;  /* inodes removed or cut that a crash had left */
    uint32_t block_size;
};

/* EINVAL: not ext2, or features that are not supported; EIO: damaged; EROFS: it must be recovered, but the device
 * can not be written; ENOMEM. The device must outlive it. */
cloudabi_errno_t fs_mount(struct device *device, const struct fs_config *config, struct fs **out,
                          struct fs_report *report);
/* Removes unlinked inodes that still have lookups, commits, marks it clean, and frees everything, also after an error
 * (which it returns). */
cloudabi_errno_t fs_unmount(struct fs *fs);
/* Commits and marks it clean, as unmounting does, but goes on; the next change says first that it is in use again. */
cloudabi_errno_t fs_settle(struct fs *fs);
/* As a crash: frees everything and writes nothing. */
void fs_abandon(struct fs *fs);
/* Makes all changes so far durable, and the data that was written to the device before the call. */
cloudabi_errno_t fs_commit(struct fs *fs);
/* The same, but for times of files that have moved by less than a tick (4 ms) since they were last made durable: those
 * may wait for fs_commit(). So a file that is written in place and synced all the time needs no commit each time. */
cloudabi_errno_t fs_durable(struct fs *fs);
bool fs_is_dirty(const struct fs *fs);
bool fs_is_read_only(const struct fs *fs);

struct fs_counts {
    uint32_t block_size;
    uint64_t blocks, blocks_free,
        blocks_available; /* available: without what is promised or kept for root */
    uint32_t inodes, inodes_free;
};
void fs_count(const struct fs *fs, struct fs_counts *out);

/* --- inodes ------------------------------------------------------------------------------- */

struct fs_attr {
    uint32_t ino, generation;
    uint32_t nlink;
    cloudabi_filetype_t type;
    uint64_t size, allocated;  /* bytes */
    uint64_t atim, mtim, ctim; /* ns; those before 1970 read as 0 */
};

/* ESTALE: no such inode, or free. GENERATION 0 accepts any (so does the root). */
cloudabi_errno_t fs_inode(struct fs *fs, uint32_t ino, uint32_t generation, struct inode **out);
void inode_put(struct inode *inode); /* NULL is fine. May remove it */
void inode_hold(struct inode *inode);
void inode_attributes(const struct inode *inode, struct fs_attr *attr);
cloudabi_filetype_t inode_type(const struct inode *inode);

/* The kernel got one more reference (NODE in a reply); and gave COUNT back. The last one drops promises and chosen
 * blocks, and removes an inode without names: the pointer is good only as long as the caller's own hold. NOW: its
 * deletion time. */
void inode_referenced(struct inode *inode);
cloudabi_errno_t inode_forget(struct inode *inode, uint64_t count, uint64_t now);

#define FS_SET_ATIM 1u
#define FS_SET_MTIM 2u
/* The times named in MASK, and ctim = NOW. */
cloudabi_errno_t fs_set_times(struct inode *inode, unsigned mask, uint64_t atim, uint64_t mtim,
                              uint64_t now);
/* Truncates or extends (by a hole) a regular file. All I/O on what goes must have ended. EISDIR, EINVAL: not a
 * file; EFBIG. */
cloudabi_errno_t fs_truncate(struct inode *inode, uint64_t size, uint64_t now);

/* --- names. DIR must be a directory: ENOTDIR; removed: ENOENT. ----------------------------- */

/* ENOENT; ENAMETOOLONG. `.` and `..` are found too. */
cloudabi_errno_t fs_lookup(struct inode *dir, struct fs_name name, struct inode **out);
/* What was looked up lately and is in memory, without a hold: to be looked at at once. NULL: fs_lookup() knows more.
 * The directory as fs_inode() takes it, but 0 is a generation, too. */
struct inode *fs_glance(struct fs *fs, uint32_t dir, uint32_t generation, struct fs_name name);
/* A new inode under NAME: EEXIST, ENOSPC, EMLINK, EROFS; EINVAL: empty, `.` or `..`. TYPE: regular file or
 * directory. */
cloudabi_errno_t fs_create(struct inode *dir, struct fs_name name, cloudabi_filetype_t type,
                           uint64_t now, struct inode **out);
cloudabi_errno_t fs_symlink(struct inode *dir, struct fs_name name, struct fs_name target,
                            uint64_t now, struct inode **out);
cloudabi_errno_t fs_link(struct inode *dir, struct fs_name name, struct inode *inode, uint64_t now);
/* DIRECTORY: rmdir. MUST_DIR: the path had a slash at its end. ENOTDIR; EPERM: is a directory; ENOTEMPTY. */
cloudabi_errno_t fs_unlink(struct inode *dir, struct fs_name name, bool directory, bool must_dir,
                           uint64_t now);
struct fs_rename {
    struct inode *from, *to; /* directories */
    struct fs_name from_name, to_name;
    bool must_dir; /* what is moved must be a directory */
    uint64_t now;
};
/* Replaces a file, or an empty directory by a directory. EINVAL: a directory into itself. */
cloudabi_errno_t fs_rename(const struct fs_rename *rename);
/* *LEN: room in TARGET, then the bytes of the target. EINVAL: not a symbolic link. ERANGE: too long. */
cloudabi_errno_t fs_readlink(struct inode *inode, char *target, size_t *len);

struct fs_dirent {
    struct fs_name name; /* valid until the next call of any function */
    uint32_t ino;
    cloudabi_filetype_t type; /* UNKNOWN if the disk does not say */
    uint64_t next;            /* cookie of what follows */
};
/* Calls TAKE with every entry at or behind COOKIE (0: the start; `.` and `..` come as the disk has them) until it says
 * that it did not take one, or there are no more: *END. TAKE may look at inodes, but change nothing. */
typedef bool fs_take(void *context, const struct fs_dirent *entry);
cloudabi_errno_t fs_list(struct inode *dir, uint64_t cookie, fs_take *take, void *context,
                         bool *end);
/* One entry. ENOENT: there is none. */
cloudabi_errno_t fs_readdir(struct inode *dir, uint64_t cookie, struct fs_dirent *out);

/* --- data of regular files. OFFSET and LEN are multiples of FS_PAGE. ------------------------ */

struct fs_extent { /* laid out like port_extent */
    uint64_t
        offset; /* bytes from the start of the device; FS_HOLE: reads as zeros, nothing is to be written */
    uint64_t len; /* bytes; a multiple of the block size */
};

struct fs_places {
    struct fs_extent extent[FS_EXTENTS_MAX];
    uint32_t count;
    uint64_t len;     /* bytes that they cover from OFFSET: whole pages, at least one */
    bool wants_wrote; /* page_out: some blocks are new */
};

/* A page is backed, so that it may be dirtied without a promise, if no part of it is a hole. */
cloudabi_errno_t fs_page_in(struct inode *inode, uint64_t offset, uint64_t len,
                            struct fs_places *out);
/* *GRANTED: whole pages from OFFSET, at least one. ENOSPC; EFBIG. */
cloudabi_errno_t fs_reserve(struct inode *inode, uint64_t offset, uint64_t len, uint64_t *granted);

struct fs_page_out {
    uint64_t offset, len;
    uint64_t size, mtim, atim; /* of the file as the kernel knows them now */
};
/* The extents end with the last block below the size; none is a hole. ENOSPC only for what was not reserved. */
cloudabi_errno_t fs_page_out(struct inode *inode, const struct fs_page_out *request,
                             struct fs_places *out);
/* What page_out said about this range is on the device, or (ERROR) failed to get there. */
cloudabi_errno_t fs_wrote(struct inode *inode, uint64_t offset, uint64_t len,
                          cloudabi_errno_t error);
/* All data is out: takes over size (if it grew) and times; the caller commits. */
cloudabi_errno_t fs_sync(struct inode *inode, uint64_t size, uint64_t mtim, uint64_t atim);

#endif
