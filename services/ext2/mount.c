/* SPDX-License-Identifier: BSD-2-Clause */
/* Mounting: load, replay the journal, load again what it changed, mark as in use, remove what a crash left. */
#include <stdlib.h>
#include <string.h>

#include "services/ext2/fs_priv.h"
#include "services/ext2/journal.h"

#define CACHE_BYTES (4u << 20)
#define NS          1000000000u

/* --- loading ------------------------------------------------------------------------------ */

static void unload(struct fs *fs)
{
    inodes_free(fs);
    groups_free(fs);
    buffer_put(fs->super_buffer);
    if (fs->cache != NULL)
        cache_free(fs->cache);
    fs->super_buffer = NULL;
    fs->cache = NULL;
    fs->free_blocks = fs->free_inodes = 0;
}

static cloudabi_errno_t read_super(struct device *device, struct disk_super *super,
                                   const char **why)
{
    *why = "not an ext2 file system";
    if (device->size < DISK_SUPER_OFFSET + DISK_SUPER_SIZE)
        return CLOUDABI_EINVAL;
    *why = "the super block can not be read";
    TRY(device->read(device, DISK_SUPER_OFFSET, super, sizeof(*super)));
    return super_check(super, device, why);
}

static void committed(void *context)
{
    groups_committed(context);
}

/* Everything that is kept in memory, through a cache without journal. */
static cloudabi_errno_t load(struct fs *fs, const struct fs_config *config, const char **why)
{
    struct disk_super super;
    TRY(read_super(fs->device, &super, why));
    *why = "no memory, or the device can not be read";
    uint32_t block_size = 1024u << super.log_block_size;
    unsigned bytes = config->cache_bytes != 0 ? config->cache_bytes : CACHE_BYTES;
    TRY(cache_create(fs->device, block_size, bytes / block_size, &fs->cache));
    cache_on_commit(fs->cache, committed, fs);
    TRY(buffer_read(fs->cache, DISK_SUPER_OFFSET / block_size, &fs->super_buffer));
    fs->super =
        (struct disk_super *)(void *)(fs->super_buffer->data + DISK_SUPER_OFFSET % block_size);
    /* A device may answer twice with different bytes: what counts is what stays in memory. */
    TRY(super_check(fs->super, fs->device, why));
    if (1024u << fs->super->log_block_size != block_size)
        return CLOUDABI_EIO;
    super_load(fs);
    *why = "the group descriptors contradict the super block";
    TRY(groups_load(fs));
    *why = NULL;
    return 0;
}

/* --- the journal -------------------------------------------------------------------------- */

static bool has_journal(const struct fs *fs)
{
    return fs->super->rev_level != 0 && (fs->super->feature_compat & DISK_COMPAT_JOURNAL) != 0;
}

static bool must_recover(const struct fs *fs)
{
    return fs->super->rev_level != 0 && (fs->super->feature_incompat & DISK_INCOMPAT_RECOVER) != 0;
}

static cloudabi_errno_t map_journal(struct inode *inode, uint64_t *blocks, uint32_t count)
{
    for (uint32_t done = 0; done < count;) {
        uint32_t physical, run;
        TRY(map_find(inode, done, count - done, &physical, &run));
        if (physical == 0)
            return CLOUDABI_EIO;
        for (uint32_t i = 0; i < run; i++)
            blocks[done + i] = (uint64_t)physical + i;
        done += run;
    }
    return 0;
}

static cloudabi_errno_t find_journal(struct fs *fs, struct journal_place *place, uint64_t **blocks,
                                     const char **why)
{
    struct inode *inode;
    *why = "the journal is on another device";
    if (fs->super->journal_inum == 0)
        return CLOUDABI_EINVAL;
    *why = "the inode of the journal is damaged";
    TRY(inode_load(fs, fs->super->journal_inum, &inode));
    uint64_t count = inode->size / fs->block_size;
    bool sound =
        inode_is(inode, DISK_MODE_REGULAR) && inode->nlink != 0 && count != 0 && count < fs->blocks;
    cloudabi_errno_t error = sound ? CLOUDABI_ENOMEM : CLOUDABI_EIO;
    *blocks = sound ? malloc(count * sizeof(**blocks)) : NULL;
    if (*blocks != NULL)
        error = map_journal(inode, *blocks, (uint32_t)count);
    inode_put(inode);
    *place = (struct journal_place){fs->device, fs->block_size, *blocks, (uint32_t)count};
    return error;
}

static cloudabi_errno_t open_journal(struct fs *fs, struct journal **out, const char **why)
{
    struct journal_place place;
    uint64_t *blocks = NULL;
    cloudabi_errno_t error = find_journal(fs, &place, &blocks, why);
    if (error == 0)
        error = journal_open(&place, out, why);
    free(blocks);
    return error;
}

/* Replays what a crash left in the journal, and loads again. */
static cloudabi_errno_t recover(struct fs *fs, const struct fs_config *config,
                                struct journal *journal, struct fs_report *report)
{
    unload(fs);
    report->why = "the journal can not be replayed";
    TRY(journal_recover(journal, &report->replayed));
    return load(fs, config, &report->why);
}

/* *OUT: the journal, empty; NULL if the file system has none. */
static cloudabi_errno_t journal_mount(struct fs *fs, const struct fs_config *config,
                                      struct journal **out, struct fs_report *report)
{
    *out = NULL;
    if (!has_journal(fs)) {
        report->why = "it must be recovered, but has no journal";
        if (must_recover(fs))
            return CLOUDABI_EINVAL;
        report->why = NULL;
        return 0;
    }
    TRY(open_journal(fs, out, &report->why));
    if (!must_recover(fs) && !journal_needs_recovery(*out))
        return 0;
    report->why = "it must be recovered, but the device can not be written";
    return fs->device->read_only ? CLOUDABI_EROFS : recover(fs, config, *out, report);
}

/* --- marking ------------------------------------------------------------------------------ */

/* The flags are written past the journal and the cache: they say whether the journal counts. */
static cloudabi_errno_t write_flags(struct fs *fs, bool used)
{
    struct disk_super *super = fs->super;
    uint8_t copy[DISK_SUPER_SIZE];
    if (fs->journaled && used)
        super->feature_incompat |= DISK_INCOMPAT_RECOVER;
    else if (fs->journaled)
        super->feature_incompat &= ~DISK_INCOMPAT_RECOVER;
    else if (used)
        super->state &= (uint16_t)~DISK_STATE_VALID;
    else if (fs->was_valid)
        super->state |= DISK_STATE_VALID;
    super->wtime = (uint32_t)(fs->now / NS);
    memcpy(copy, super, sizeof(copy));
    TRY(fs->device->write(fs->device, DISK_SUPER_OFFSET, copy, sizeof(copy)));
    return fs->device->flush(fs->device);
}

static cloudabi_errno_t mark_used(struct fs *fs)
{
    struct disk_super *super = fs->super;
    super->mnt_count++;
    super->mtime = (uint32_t)(fs->now / NS);
    super->free_blocks_count = (uint32_t)fs->free_blocks;
    super->free_inodes_count = fs->free_inodes;
    return write_flags(fs, true);
}

cloudabi_errno_t fs_unsettle(struct fs *fs)
{
    cloudabi_errno_t error = write_flags(fs, true);
    fs->settled = false;
    return error != 0 ? fs_abort(fs, error) : 0;
}

cloudabi_errno_t fs_settle(struct fs *fs)
{
    if (fs->read_only)
        return fs->aborted ? CLOUDABI_EROFS : 0;
    TRY(fs_commit(fs));
    if (fs->settled)
        return 0;
    cloudabi_errno_t error = cache_checkpoint(fs->cache);
    if (error == 0)
        error = write_flags(fs, false);
    fs->settled = error == 0;
    return error != 0 ? fs_abort(fs, error) : 0;
}

/* --- mount and unmount -------------------------------------------------------------------- */

static bool may_write(const struct fs *fs, const struct fs_config *config, struct fs_report *report)
{
    bool unknown =
        fs->super->rev_level != 0 && (fs->super->feature_ro_compat & ~DISK_RO_KNOWN) != 0;
    if (unknown)
        report->why = "features that are not supported (ro_compat): read-only";
    else if (fs->device->read_only || config->read_only)
        report->why = "asked for, or the device is: read-only";
    return !unknown && !fs->device->read_only && !config->read_only;
}

static cloudabi_errno_t check_root(struct fs *fs)
{
    struct inode *root;
    TRY(inode_load(fs, FS_ROOT, &root));
    bool sound = inode_is_dir(root) && root->nlink != 0;
    inode_put(root);
    return sound ? 0 : CLOUDABI_EIO;
}

/* To read and write, from here on through the JOURNAL, which belongs to the cache then. */
static cloudabi_errno_t start_writing(struct fs *fs, struct journal **journal,
                                      struct fs_report *report)
{
    fs->read_only = false;
    fs->journaled = report->journaled = *journal != NULL;
    cloudabi_errno_t error = mark_used(fs);
    if (error != 0)
        return error;
    if (*journal != NULL)
        cache_set_journal(fs->cache, *journal);
    *journal = NULL;
    fs->forgiving = !fs->journaled && !fs->was_valid;
    if (!report->had_errors && orphans_recover(fs, &report->orphans) != 0)
        report->had_errors = true;
    fs->forgiving = false;
    return fs_commit(fs);
}

static cloudabi_errno_t mount(struct fs *fs, const struct fs_config *config,
                              struct journal **journal, struct fs_report *report)
{
    TRY(load(fs, config, &report->why));
    TRY(journal_mount(fs, config, journal, report));
    report->why = "the root directory is damaged";
    TRY(check_root(fs));
    report->why = NULL;
    report->block_size = fs->block_size;
    report->had_errors = (fs->super->state & DISK_STATE_ERROR) != 0;
    fs->was_valid = (fs->super->state & DISK_STATE_VALID) != 0;
    report->was_unclean = !fs->was_valid;
    if (!may_write(fs, config, report))
        return 0;
    report->why = "the device can not be written";
    TRY(start_writing(fs, journal, report));
    report->why = NULL;
    return 0;
}

cloudabi_errno_t fs_mount(struct device *device, const struct fs_config *config, struct fs **out,
                          struct fs_report *report)
{
    struct journal *journal = NULL;
    *report = (struct fs_report){.why = "no memory"};
    struct fs *fs = calloc(1, sizeof(*fs));
    if (fs == NULL)
        return CLOUDABI_ENOMEM;
    fs->device = device;
    fs->now = config->now;
    fs->read_only = true;
    fs->next_generation = config->seed;
    fs->commits = 1;
    cloudabi_errno_t error = mount(fs, config, &journal, report);
    if (journal != NULL)
        journal_free(journal);
    if (error != 0) {
        fs_abandon(fs);
        return error;
    }
    *out = fs;
    return 0;
}

void fs_abandon(struct fs *fs)
{
    unload(fs);
    free(fs);
}

/* Whoever had them open is cut off by the unmount. */
static cloudabi_errno_t delete_orphans(struct fs *fs)
{
    for (struct inode *inode = fs->orphans, *next; inode != NULL; inode = next) {
        next = inode->orphan_next;
        if (inode->nlink == 0 && !inode->dead)
            TRY(inode_delete(inode));
    }
    return 0;
}

cloudabi_errno_t fs_unmount(struct fs *fs)
{
    cloudabi_errno_t error = fs->aborted ? CLOUDABI_EROFS : 0;
    if (!fs->read_only) {
        (void)delete_orphans(fs); /* what stays is for the next mount */
        error = fs_settle(fs);
    }
    fs_abandon(fs);
    return error;
}
