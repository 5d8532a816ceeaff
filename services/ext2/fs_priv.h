/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the core share. Layers, each using only those above it: super, group; block; inode; map; range;
 * dir, index; orphan; then fs.h. */
#ifndef SERVICES_EXT2_FS_PRIV_H
#define SERVICES_EXT2_FS_PRIV_H

#include "services/common/name.h"
#include "services/ext2/disk.h"
#include "services/ext2/fs.h"
#include "services/ext2/range.h"

/* Bits of one group that no allocation may take, though the bitmap on the disk has them free. Allocated when
 * needed. */
struct overlay {
    uint8_t *bits;
    uint32_t count;
};

struct group {
    uint32_t block_bitmap, inode_bitmap, inode_table;
    uint32_t overhead; /* blocks at its start for copies of the super block and the descriptors */
    uint32_t free_blocks; /* as the descriptor says, never more than there can be */
    uint32_t free_inodes, directories;
    bool checked;                 /* the block bitmap covers the group's own blocks */
    struct overlay busy;          /* blocks chosen for data, or kept for appends */
    struct overlay frozen;        /* blocks freed since the last commit */
    struct overlay frozen_inodes; /* inodes freed since the last commit */
    uint32_t inode_from;          /* no free inode below this index */
};

#define INODE_TABLE  1024u /* buckets; power of two */
#define RECENT_NAMES 1024u /* power of two */

struct recent {        /* see recent.c */
    uint32_t dir, ino; /* dir 0: empty */
    uint8_t len;
    char text[55];
};

struct fs {
    struct device *device;
    struct cache *cache;
    struct buffer *super_buffer;                      /* always held */
    struct disk_super *super;                         /* in it */
    uint32_t block_size, sectors_per_block, pointers; /* pointers: of one indirect block */
    uint32_t inode_size, first_ino;
    uint32_t first_block, blocks, blocks_per_group, inodes, inodes_per_group;
    uint32_t group_count, table_blocks; /* table_blocks: of one group's inodes */
    struct group *groups;
    uint64_t free_blocks, frozen_blocks, promised; /* free: with the frozen and the promised ones */
    uint32_t free_inodes, frozen_inodes;
    uint64_t size_max; /* of a file */
    bool read_only, aborted, has_filetype, journaled;
    bool settled; /* marked clean on the disk */
    bool
        unfinished; /* some orphans are there only because memory was short when nobody used them any more */
    /* While orphans are removed from a plain disk that was not unmounted: what they have may be free already. */
    bool forgiving;
    uint32_t forgiven; /* blocks */
    bool was_valid; /* before it was mounted: an unclean one does not become clean by unmounting */
    uint32_t next_generation;
    uint32_t commits; /* so many, and one */
    uint64_t now;     /* of the last operation that said it */

    struct inode *table[INODE_TABLE];
    struct inode *idle_first,
        *idle_last; /* neither holds nor lookups: kept for the next use; first: oldest */
    uint32_t idle_count;
    struct inode *orphans; /* the newest first, as on the disk; only inodes in memory */
    uint32_t
        orphans_rest; /* on the disk's list behind them: left there because the file system has errors */
    struct inode *indexed; /* directories with an index; most recently built first */
    size_t index_bytes;
    struct recent recent[RECENT_NAMES];
    char listed_name[FS_NAME_MAX]; /* of fs_readdir() */
};

/* Blocks that a file keeps for the data that is appended next: busy in their group. */
struct ahead {
    uint32_t logical, physical, count;
};

struct inode {
    struct fs *fs;
    struct inode *table_next;
    struct inode *idle_previous, *idle_next;
    uint32_t ino, holds;
    uint64_t lookups;
    bool idle, dead; /* dead: removed from the disk, or not to be used */

    uint16_t mode;
    uint32_t nlink, flags, generation, file_acl, dtime, sectors;
    uint64_t size, atim, mtim, ctim;
    uint64_t mtim_told; /* what a commit was last asked to make durable */
    uint32_t block[DISK_POINTERS];

    bool orphan;
    struct inode *orphan_previous, *orphan_next;

    struct ranges reserved; /* logical blocks promised */
    struct ranges chosen;   /* logical blocks with places that are not yet reachable */
    struct ahead ahead;
    uint64_t size_told; /* what the last page_out said: grows with what it wrote */

    struct dir_index *index; /* directory: see index.c */
    struct inode *indexed_previous, *indexed_next;
    uint32_t born;      /* fs->commits when it was made; 0: before the mount */
    bool no_index;      /* too large for one */
    uint64_t room_from; /* directory: offset of an entry; there is no room before it */
    /* Directory: where the last listing began and ended, if nothing changed since; 0: nowhere. The kernel asks twice
     * for the entry that does not fit a reader's buffer, which the reader then begins with. */
    uint64_t listed_from, listed;
    /* Directory: offset of the block that was used last, and where it lies; 0: none was. */
    uint64_t last_offset;
    uint32_t last_place;
};

#define TRY(expression)                            \
    do {                                           \
        cloudabi_errno_t try_error = (expression); \
        if (try_error != 0)                        \
            return try_error;                      \
    } while (0)

/* --- super.c ------------------------------------------------------------------------------ */

cloudabi_errno_t super_check(const struct disk_super *super, const struct device *device,
                             const char **why);
/* The geometry, from a super block that was checked. */
void super_load(struct fs *fs);
/* The device block of the group descriptors with index BLOCK. */
uint32_t super_descriptors(const struct fs *fs, uint32_t block);
bool super_group_has_copy(const struct fs *fs, uint32_t group);
void super_dirty(struct fs *fs);
/* Says on the disk that errors were seen. Gives EIO. */
cloudabi_errno_t fs_damaged(struct fs *fs);
/* A change failed in its middle: nothing more is ever written. Gives ERROR. */
cloudabi_errno_t fs_abort(struct fs *fs, cloudabi_errno_t error);

/* mount.c: the disk says again that it is in use. */
cloudabi_errno_t fs_unsettle(struct fs *fs);

#define ROOM_SMALL 24u /* buffers for an operation on one inode and one name */
#define ROOM_LARGE 48u /* two of each, with what they replace */
/* super.c: before an operation that changes things: it may write, and the transaction has room for ROOM buffers. */
cloudabi_errno_t fs_begin(struct fs *fs, unsigned room);

/* --- group.c ------------------------------------------------------------------------------ */

cloudabi_errno_t groups_load(struct fs *fs);
void groups_free(struct fs *fs);
void groups_committed(struct fs *fs); /* frozen blocks and inodes can be used again */
uint32_t group_of(const struct fs *fs, uint32_t block);
uint32_t group_first(const struct fs *fs, uint32_t group); /* block */
uint32_t group_blocks(const struct fs *fs, uint32_t group);
/* They may hold data or a map: on the device, and not part of what mke2fs laid out. */
bool blocks_are_usable(const struct fs *fs, uint64_t first, uint64_t count);

struct group_edit { /* a group's descriptor and one of its bitmaps, to be changed together */
    struct fs *fs;
    struct group *group;
    struct buffer *bitmap, *descriptor;
};
cloudabi_errno_t group_edit(struct fs *fs, uint32_t group, bool inodes, struct group_edit *edit);
void group_edit_done(struct group_edit *edit, bool changed);

bool overlay_get(const struct overlay *overlay, uint32_t bit);
bool overlay_ready(struct overlay *overlay, uint32_t bits); /* false: no memory */
void overlay_set(struct overlay *overlay, uint32_t bit);    /* after overlay_ready() */
void overlay_clear(struct overlay *overlay, uint32_t bit);
void overlay_free(struct overlay *overlay);

static inline bool bit_get(const uint8_t *bits, uint32_t bit)
{
    return (bits[bit / 8] >> (bit % 8) & 1) != 0;
}

/* --- block.c ------------------------------------------------------------------------------ */

/* Blocks that nobody was promised. */
uint64_t blocks_available(const struct fs *fs);
/* Makes sure that COUNT are available; commits if that frees enough. ENOSPC. */
cloudabi_errno_t blocks_want(struct fs *fs, uint64_t count);
/* Allocates one near GOAL. The caller made sure of space by a promise or blocks_want(). */
cloudabi_errno_t block_alloc(struct fs *fs, uint32_t goal, uint32_t *out);
/* Frees a run; METADATA: they were in the cache. EIO if one was free already; then nothing changes. */
cloudabi_errno_t blocks_free(struct fs *fs, uint32_t first, uint32_t count, bool metadata);
/* Finds a run of free blocks near GOAL, at most WANT, all in one group, and makes it busy. ENOSPC. */
cloudabi_errno_t blocks_choose(struct fs *fs, uint32_t goal, uint32_t want, uint32_t *first,
                               uint32_t *count);
void blocks_unchoose(struct fs *fs, uint32_t first, uint32_t count);
/* Chosen blocks become allocated. */
cloudabi_errno_t blocks_take(struct fs *fs, uint32_t first, uint32_t count);

/* --- ialloc.c ----------------------------------------------------------------------------- */

/* Allocates an inode for something in PARENT; MODE tells whether it is a directory. ENOSPC. */
cloudabi_errno_t inode_alloc(struct inode *parent, uint16_t mode, struct inode **out);
/* Its bit in the bitmap; the inode itself is the caller's. */
cloudabi_errno_t inode_free_bit(struct fs *fs, uint32_t ino, bool directory);

/* --- inode.c ------------------------------------------------------------------------------ */

/* The inode, also a reserved one or one without names (but not a free one: ESTALE). With a hold. */
cloudabi_errno_t inode_load(struct fs *fs, uint32_t ino, struct inode **out);
/* A new one in memory: for inode_alloc(). ENOMEM. */
cloudabi_errno_t inode_new(struct fs *fs, uint32_t ino, struct inode **out);
/* inode_disk.c: fills in what the disk says. ESTALE: free; EIO: damaged. */
cloudabi_errno_t inode_read(struct inode *inode);
struct inode *inode_find(struct fs *fs, uint32_t ino); /* in memory, or NULL; no hold */
/* Writes it to its block of the table, as part of the transaction. FRESH: everything else of the inode becomes
 * zero. */
cloudabi_errno_t inode_store(struct inode *inode);
/* The same where only times have changed; if hardly, no fsync waits for it. */
cloudabi_errno_t inode_store_times(struct inode *inode);
cloudabi_errno_t inode_store_fresh(struct inode *inode);
void inodes_free(struct fs *fs);
void inode_forget_data(struct inode *inode); /* promises, chosen blocks, blocks kept for appends */

static inline bool inode_is(const struct inode *inode, unsigned type)
{
    return (inode->mode & DISK_MODE_TYPE) == type;
}
#define inode_is_dir(inode) inode_is(inode, DISK_MODE_DIR)
uint32_t inode_goal(const struct inode *inode); /* first block of its group */
bool inode_is_fast_link(const struct inode *inode);

/* --- map.c -------------------------------------------------------------------------------- */

/* The place of LOGICAL, and how many of at most MAX blocks follow it in a row (or are holes with it). *PHYSICAL 0:
 * hole. */
cloudabi_errno_t map_find(struct inode *inode, uint32_t logical, uint32_t max, uint32_t *physical,
                          uint32_t *count);
/* Makes COUNT blocks from PHYSICAL the places of LOGICAL..., all holes so far; at most as many as one indirect
 * block has pointers. *DONE of them: up to the end of an indirect block. The inode is changed but not stored. */
cloudabi_errno_t map_set(struct inode *inode, uint32_t logical, uint32_t physical, uint32_t count,
                         uint32_t *done);
/* The most indirect blocks that map_set() may allocate for one block. */
#define MAP_DEPTH 3u
/* The number of indirect blocks in the path to LOGICAL, and the index of the one of level 0 (lowest) to 2 in its
 * level. */
uint32_t map_depth(const struct fs *fs, uint32_t logical);
uint32_t map_node(const struct fs *fs, uint32_t logical, uint32_t level);
uint64_t map_level_start(const struct fs *fs, uint32_t level); /* first block with one in LEVEL */
uint64_t map_limit(const struct fs *fs); /* number of blocks that can be mapped */
/* Frees all blocks from FROM on, in as many transactions as it takes; the inode is put on the orphan list before
 * the first commit, and stored. */
cloudabi_errno_t map_cut(struct inode *inode, uint32_t from);

/* --- promise.c ---------------------------------------------------------------------------- */

/* Promises up to COUNT blocks from LOGICAL that are holes and not promised; *GRANTED: how far it came. */
cloudabi_errno_t promise_make(struct inode *inode, uint32_t logical, uint32_t count,
                              uint32_t *granted);
void promise_keep(struct inode *inode, uint32_t logical,
                  uint32_t count); /* without asking: blocks just freed */
void promise_drop(struct inode *inode, uint32_t logical, uint32_t count);

/* attr.c: a cut that failed in its middle left blocks behind the size. They go before the file grows again. */
cloudabi_errno_t inode_finish_cut(struct inode *inode);

/* --- data.c, wrote.c ---------------------------------------------------------------------- */

/* Whether pages of this range can be asked for. */
cloudabi_errno_t data_check(const struct inode *inode, uint64_t offset, uint64_t len);
/* The range in blocks from *FIRST on, cut where no file can reach: their number. */
uint32_t data_blocks(const struct fs *fs, uint64_t offset, uint64_t len, uint32_t *first);
/* How far a file of SIZE is known when the data of this range is on the device; 0: it lies behind the size. */
uint64_t data_reached(uint64_t offset, uint64_t len, uint64_t size);
/* The size, if it is larger, and the times that are not 0. */
cloudabi_errno_t data_take_state(struct inode *inode, uint64_t size, uint64_t mtim, uint64_t atim);

/* --- dir.c, index.c ----------------------------------------------------------------------- */

struct dir_slot {
    struct buffer *buffer; /* held */
    uint64_t offset;       /* of the block in the directory */
    uint32_t at;           /* of the entry in the block */
};

static inline struct disk_entry *slot_entry(const struct dir_slot *slot)
{
    return (struct disk_entry *)(void *)(slot->buffer->data + slot->at);
}

typedef bool (*dir_test)(const struct disk_entry *entry, const void *context);
/* The first entry, used or not, from the one at FROM on that passes TEST. ENOENT. */
cloudabi_errno_t dir_scan(struct inode *dir, uint64_t from, dir_test test, const void *context,
                          struct dir_slot *slot);
cloudabi_errno_t dir_check(const struct inode *dir); /* ENOTDIR, ENOENT */
cloudabi_errno_t dir_find(struct inode *dir, struct fs_name name, struct dir_slot *slot);
void dir_slot_put(struct dir_slot *slot);
/* Finds room for an entry of NAME, or grows the directory by a block: the only steps that can fail. */
cloudabi_errno_t dir_make_room(struct inode *dir, struct fs_name name, struct dir_slot *slot);
void dir_insert(struct inode *dir, struct dir_slot *slot, struct fs_name name,
                const struct inode *target);
void dir_remove(struct inode *dir, struct dir_slot *slot);
void dir_replace(struct inode *dir, struct dir_slot *slot, const struct inode *target);
/* The directory was changed at NOW, and stores it. */
cloudabi_errno_t dir_touch(struct inode *dir, uint64_t now);
cloudabi_errno_t dir_is_empty(struct inode *dir); /* ENOTEMPTY */
/* The first block of a new directory, with `.` and `..`. */
cloudabi_errno_t dir_init(struct inode *dir, const struct inode *parent);
cloudabi_errno_t dir_parent(struct inode *dir, uint32_t *parent);
cloudabi_errno_t dir_set_parent(struct inode *dir, uint32_t parent);
/* A block of a directory, and the entry at AT in it if its record holds together. */
cloudabi_errno_t dir_block(struct inode *dir, uint64_t offset, struct buffer **out);
struct disk_entry *dir_entry(const struct fs *fs, const struct buffer *buffer, uint32_t at);

#define INDEX_MIN_BYTES 4096u /* smaller directories are searched without */
/* Its index, built if it can be. NULL: search. */
struct dir_index *index_ready(struct inode *dir);
static inline uint32_t index_hash(struct fs_name name)
{
    return name_hash(name.text, name.len);
}
/* The next offset in the directory where a name with HASH lies; *CURSOR starts as 0. False: no more. */
bool index_next(const struct dir_index *index, uint32_t hash, uint32_t *cursor, uint64_t *offset);
/* Both do nothing where there is no index; it goes if there is no memory. */
void index_add(struct inode *dir, uint32_t hash, uint64_t offset);
void index_remove(struct inode *dir, uint32_t hash, uint64_t offset);
void index_drop(struct inode *dir);

/* --- recent.c ----------------------------------------------------------------------------- */

/* The inode of a name that was looked up lately; 0: look it up. */
uint32_t recent_find(const struct inode *dir, struct fs_name name);
void recent_add(const struct inode *dir, struct fs_name name, uint32_t ino);
/* The entry of NAME goes or becomes another's. */
void recent_drop(const struct inode *dir, struct fs_name name);

/* --- entries.c ---------------------------------------------------------------------------- */

cloudabi_errno_t name_check(struct fs_name name);
cloudabi_errno_t inode_of_entry(struct fs *fs, uint32_t ino, struct inode **out);
/* One name less; a directory has none then. The last: on the orphan list. Stores it. */
cloudabi_errno_t inode_drop_name(struct inode *inode, uint64_t now);

/* --- orphan.c ----------------------------------------------------------------------------- */

/* The inode is on the disk's list; stores it. */
cloudabi_errno_t orphan_add(struct inode *inode);
cloudabi_errno_t orphan_remove(struct inode *inode);
/* Removes an inode without names, its blocks and attributes. */
cloudabi_errno_t inode_delete(struct inode *inode);
/* Removes those that are unfinished. */
void orphans_finish(struct fs *fs);
/* What a crash left. *COUNT: inodes. */
cloudabi_errno_t orphans_recover(struct fs *fs, uint32_t *count);

#endif
