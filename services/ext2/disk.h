/* SPDX-License-Identifier: BSD-2-Clause */
/* The structures of ext2 on the disk, little-endian, as the public documentation of the format has them. */
#ifndef SERVICES_EXT2_DISK_H
#define SERVICES_EXT2_DISK_H

#include <stddef.h>
#include <stdint.h>

#define DISK_SUPER_OFFSET 1024u
#define DISK_SUPER_SIZE   1024u
#define DISK_MAGIC        0xEF53u

#define DISK_STATE_VALID 1u
#define DISK_STATE_ERROR 2u

#define DISK_COMPAT_JOURNAL       0x4u
#define DISK_COMPAT_SPARSE_SUPER2 0x200u

#define DISK_INCOMPAT_FILETYPE 0x2u
#define DISK_INCOMPAT_RECOVER  0x4u
#define DISK_INCOMPAT_META_BG  0x10u
#define DISK_INCOMPAT_KNOWN    (DISK_INCOMPAT_FILETYPE | DISK_INCOMPAT_RECOVER | DISK_INCOMPAT_META_BG)

#define DISK_RO_SPARSE_SUPER 0x1u
#define DISK_RO_LARGE_FILE   0x2u
#define DISK_RO_EXTRA_ISIZE  0x40u
#define DISK_RO_KNOWN        (DISK_RO_SPARSE_SUPER | DISK_RO_LARGE_FILE | DISK_RO_EXTRA_ISIZE)

#define DISK_ROOT_INO       2u
#define DISK_OLD_FIRST_INO  11u
#define DISK_OLD_INODE_SIZE 128u

struct disk_super {
    uint32_t inodes_count, blocks_count, r_blocks_count, free_blocks_count;
    uint32_t free_inodes_count, first_data_block, log_block_size, log_frag_size;
    uint32_t blocks_per_group, frags_per_group, inodes_per_group, mtime;
    uint32_t wtime;
    uint16_t mnt_count, max_mnt_count, magic, state, errors, minor_rev_level;
    uint32_t lastcheck, checkinterval, creator_os, rev_level;
    uint16_t def_resuid, def_resgid;
    /* from revision 1 on */
    uint32_t first_ino;
    uint16_t inode_size, block_group_nr;
    uint32_t feature_compat, feature_incompat, feature_ro_compat;
    uint8_t uuid[16], volume_name[16], last_mounted[64];
    uint32_t algorithm_usage_bitmap;
    uint8_t prealloc_blocks, prealloc_dir_blocks;
    uint16_t reserved_gdt_blocks;
    uint8_t journal_uuid[16];
    uint32_t journal_inum, journal_dev, last_orphan;
    uint32_t hash_seed[4];
    uint8_t def_hash_version, jnl_backup_type;
    uint16_t desc_size;
    uint32_t default_mount_opts, first_meta_bg;
    uint32_t unused[190];
};

struct disk_group {
    uint32_t block_bitmap, inode_bitmap, inode_table;
    uint16_t free_blocks_count, free_inodes_count, used_dirs_count;
    uint16_t flags;
    uint32_t unused[3];
};

#define DISK_MODE_TYPE    0xF000u
#define DISK_MODE_FIFO    0x1000u
#define DISK_MODE_CHAR    0x2000u
#define DISK_MODE_DIR     0x4000u
#define DISK_MODE_BLOCK   0x6000u
#define DISK_MODE_REGULAR 0x8000u
#define DISK_MODE_LINK    0xA000u
#define DISK_MODE_SOCKET  0xC000u

#define DISK_FLAG_INDEX 0x1000u /* a directory with a tree of hashes */
/* Contents laid out in ways that we do not know: compressed, encrypted, extents, inline data. */
#define DISK_FLAGS_FOREIGN (0x4u | 0x800u | 0x80000u | 0x10000000u)

#define DISK_DIRECT   12u
#define DISK_POINTERS 15u
#define DISK_LINK_MAX 32000u

struct disk_inode {
    uint16_t mode, uid;
    uint32_t size, atime, ctime, mtime, dtime;
    uint16_t gid, links_count;
    uint32_t blocks, flags, osd1;
    uint32_t block[DISK_POINTERS];
    uint32_t generation, file_acl, size_high, faddr;
    uint8_t osd2[12];
    /* where inodes are larger than 128 bytes, and extra_isize says that it is there */
    uint16_t extra_isize, checksum_high;
    uint32_t ctime_extra, mtime_extra, atime_extra, crtime, crtime_extra;
    uint32_t version_high, projid;
};

#define DISK_EXTRA_TIMES 16u /* extra_isize that reaches over atime_extra */
#define DISK_EXTRA_ALL   32u

struct disk_entry {
    uint32_t inode;
    uint16_t rec_len;
    uint8_t name_len; /* without the feature filetype: 16 bits, the upper 8 always 0 */
    uint8_t type;
    char name[];
};

#define DISK_ENTRY_HEAD    8u
#define DISK_ENTRY_SIZE(n) ((DISK_ENTRY_HEAD + (uint32_t)(n) + 3u) & ~3u)

enum disk_type {
    DISK_TYPE_UNKNOWN,
    DISK_TYPE_REGULAR,
    DISK_TYPE_DIR,
    DISK_TYPE_CHAR,
    DISK_TYPE_BLOCK,
    DISK_TYPE_FIFO,
    DISK_TYPE_SOCKET,
    DISK_TYPE_LINK
};

#define DISK_EA_MAGIC 0xEA020000u

struct disk_ea { /* head of a block of extended attributes */
    uint32_t magic, refcount, blocks;
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields are used as they are");
_Static_assert(sizeof(struct disk_super) == DISK_SUPER_SIZE, "layout");
_Static_assert(offsetof(struct disk_super, magic) == 0x38, "layout");
_Static_assert(offsetof(struct disk_super, first_ino) == 0x54, "layout");
_Static_assert(offsetof(struct disk_super, feature_incompat) == 0x60, "layout");
_Static_assert(offsetof(struct disk_super, reserved_gdt_blocks) == 0xCE, "layout");
_Static_assert(offsetof(struct disk_super, journal_inum) == 0xE0, "layout");
_Static_assert(offsetof(struct disk_super, last_orphan) == 0xE8, "layout");
_Static_assert(offsetof(struct disk_super, desc_size) == 0xFE, "layout");
_Static_assert(offsetof(struct disk_super, first_meta_bg) == 0x104, "layout");
_Static_assert(sizeof(struct disk_group) == 32, "layout");
_Static_assert(offsetof(struct disk_inode, block) == 0x28, "layout");
_Static_assert(offsetof(struct disk_inode, generation) == 0x64, "layout");
_Static_assert(offsetof(struct disk_inode, extra_isize) == 0x80, "layout");
_Static_assert(offsetof(struct disk_inode, atime_extra) == 0x8C, "layout");
_Static_assert(sizeof(struct disk_inode) == 160, "layout");
_Static_assert(offsetof(struct disk_entry, name) == DISK_ENTRY_HEAD, "layout");

#endif
