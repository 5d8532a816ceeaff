/* SPDX-License-Identifier: BSD-2-Clause */
/* The super block: whether we can serve it, the geometry it describes, and its state. */
#include "services/ext2/fs_priv.h"

/* --- checking ----------------------------------------------------------------------------- */

static uint32_t block_size_of(const struct disk_super *super)
{
    return 1024u << super->log_block_size;
}

static uint32_t inode_size_of(const struct disk_super *super)
{
    return super->rev_level == 0 ? DISK_OLD_INODE_SIZE : super->inode_size;
}

static cloudabi_errno_t check_features(const struct disk_super *super, const char **why)
{
    if (super->magic != DISK_MAGIC) {
        *why = "not an ext2 file system";
        return CLOUDABI_EINVAL;
    }
    if (super->rev_level > 1) {
        *why = "unknown revision";
        return CLOUDABI_EINVAL;
    }
    if (super->rev_level == 1 && (super->feature_incompat & ~DISK_INCOMPAT_KNOWN) != 0) {
        *why = "features that are not supported (incompat)";
        return CLOUDABI_EINVAL;
    }
    if (super->log_block_size > 2) {
        *why = "block size is not 1, 2 or 4 KiB";
        return CLOUDABI_EINVAL;
    }
    return 0;
}

static bool geometry_holds(const struct disk_super *super)
{
    uint32_t block_size = block_size_of(super), inode_size = inode_size_of(super);
    uint32_t bits = block_size * 8;
    if (super->first_data_block != (block_size == 1024 ? 1 : 0) ||
        super->blocks_count <= super->first_data_block + 1)
        return false;
    if (inode_size < DISK_OLD_INODE_SIZE || inode_size > block_size ||
        (inode_size & (inode_size - 1)) != 0)
        return false;
    if (super->blocks_per_group < 64 || super->blocks_per_group > bits ||
        super->blocks_per_group % 8 != 0)
        return false;
    if (super->inodes_per_group == 0 || super->inodes_per_group > bits ||
        super->inodes_per_group % 8 != 0)
        return false;
    uint64_t groups =
        ((uint64_t)super->blocks_count - super->first_data_block + super->blocks_per_group - 1) /
        super->blocks_per_group;
    if (groups * super->inodes_per_group != super->inodes_count)
        return false;
    return super->rev_level == 0 ||
           (super->first_ino >= DISK_OLD_FIRST_INO && super->first_ino <= super->inodes_count);
}

cloudabi_errno_t super_check(const struct disk_super *super, const struct device *device,
                             const char **why)
{
    TRY(check_features(super, why));
    if (!geometry_holds(super)) {
        *why = "the super block contradicts itself";
        return CLOUDABI_EIO;
    }
    if ((uint64_t)super->blocks_count * block_size_of(super) > device->size) {
        *why = "the file system is larger than the device";
        return CLOUDABI_EIO;
    }
    return 0;
}

/* --- geometry ----------------------------------------------------------------------------- */

/* What a map can reach; and, without the feature huge_file, what fits into a count of sectors. */
static uint64_t file_size_max(const struct fs *fs)
{
    uint64_t mapped = map_limit(fs);
    uint64_t pointers = fs->pointers;
    uint64_t overhead = 1 + 1 + pointers + 1 + pointers + pointers * pointers;
    uint64_t counted = UINT32_MAX / fs->sectors_per_block - overhead - 1;
    uint64_t blocks = mapped < counted ? mapped : counted;
    return fs->super->rev_level == 0 ? INT32_MAX : blocks * fs->block_size;
}

void super_load(struct fs *fs)
{
    const struct disk_super *super = fs->super;
    fs->block_size = block_size_of(super);
    fs->sectors_per_block = fs->block_size / 512;
    fs->pointers = fs->block_size / 4;
    fs->inode_size = inode_size_of(super);
    fs->first_ino = super->rev_level == 0 ? DISK_OLD_FIRST_INO : super->first_ino;
    fs->first_block = super->first_data_block;
    fs->blocks = super->blocks_count;
    fs->blocks_per_group = super->blocks_per_group;
    fs->inodes = super->inodes_count;
    fs->inodes_per_group = super->inodes_per_group;
    fs->group_count =
        (fs->blocks - fs->first_block + fs->blocks_per_group - 1) / fs->blocks_per_group;
    uint32_t per_block = fs->block_size / fs->inode_size;
    fs->table_blocks = (fs->inodes_per_group + per_block - 1) / per_block;
    fs->has_filetype =
        super->rev_level != 0 && (super->feature_incompat & DISK_INCOMPAT_FILETYPE) != 0;
    fs->size_max = file_size_max(fs);
}

static bool is_power_of(uint32_t number, uint32_t base)
{
    while (number > 1 && number % base == 0)
        number /= base;
    return number == 1;
}

bool super_group_has_copy(const struct fs *fs, uint32_t group)
{
    const struct disk_super *super = fs->super;
    if (group == 0)
        return true;
    if (super->rev_level != 0 && (super->feature_compat & DISK_COMPAT_SPARSE_SUPER2) != 0)
        return false;
    if (super->rev_level == 0 || (super->feature_ro_compat & DISK_RO_SPARSE_SUPER) == 0)
        return true;
    return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

uint32_t super_descriptors(const struct fs *fs, uint32_t block)
{
    const struct disk_super *super = fs->super;
    uint32_t per_block = fs->block_size / sizeof(struct disk_group);
    bool meta = super->rev_level != 0 && (super->feature_incompat & DISK_INCOMPAT_META_BG) != 0;
    if (!meta || block < super->first_meta_bg)
        return fs->first_block + 1 + block;
    uint32_t group = block * per_block;
    return group_first(fs, group) + (super_group_has_copy(fs, group) ? 1 : 0);
}

/* --- state -------------------------------------------------------------------------------- */

void super_dirty(struct fs *fs)
{
    buffer_dirty(fs->super_buffer, WRITE_INODE);
}

cloudabi_errno_t fs_damaged(struct fs *fs)
{
    if (!fs->read_only && !fs->forgiving && (fs->super->state & DISK_STATE_ERROR) == 0) {
        fs->super->state |= DISK_STATE_ERROR;
        super_dirty(fs);
    }
    return CLOUDABI_EIO;
}

cloudabi_errno_t fs_abort(struct fs *fs, cloudabi_errno_t error)
{
    fs->aborted = true;
    fs->read_only = true;
    return error;
}

cloudabi_errno_t fs_begin(struct fs *fs, unsigned room)
{
    if (fs->read_only)
        return CLOUDABI_EROFS;
    if (fs->settled)
        TRY(fs_unsettle(fs));
    TRY(cache_ready(fs->cache));
    return cache_room(fs->cache) < room ? fs_commit(fs) : 0;
}

static cloudabi_errno_t make_durable(struct fs *fs, cloudabi_errno_t (*how)(struct cache *))
{
    if (fs->aborted)
        return CLOUDABI_EROFS;
    if (fs->read_only)
        return 0;
    if (fs->unfinished)
        orphans_finish(fs);
    if (fs->settled && cache_is_dirty(fs->cache))
        TRY(fs_unsettle(fs));
    cloudabi_errno_t error = how(fs->cache);
    return error != 0 ? fs_abort(fs, error) : 0;
}

cloudabi_errno_t fs_commit(struct fs *fs)
{
    return make_durable(fs, cache_commit);
}

cloudabi_errno_t fs_durable(struct fs *fs)
{
    return make_durable(fs, cache_sync);
}

bool fs_is_dirty(const struct fs *fs)
{
    return !fs->read_only && (cache_is_dirty(fs->cache) || fs->unfinished);
}

bool fs_is_read_only(const struct fs *fs)
{
    return fs->read_only;
}

void fs_count(const struct fs *fs, struct fs_counts *out)
{
    *out = (struct fs_counts){
        .block_size = fs->block_size,
        .blocks = fs->blocks,
        .blocks_free = fs->free_blocks,
        .blocks_available = blocks_available(fs),
        .inodes = fs->inodes,
        .inodes_free = fs->free_inodes,
    };
}
