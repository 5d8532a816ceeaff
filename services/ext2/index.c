/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An index of the names of a directory, in memory only: a table from hashes of names to the offsets of their
 * entries. It is built at the first search of a directory of some size, and the one that was built longest ago goes
 * when all of them together become too large.
 */
#include <stdlib.h>

#include "services/ext2/fs_priv.h"

#define INDEX_BYTES_MAX (8u << 20) /* of all */
#define EMPTY           UINT32_MAX
#define DELETED         (UINT32_MAX - 1)

struct place {
    uint32_t hash;
    uint32_t unit; /* offset of the entry in units of 4 bytes, or EMPTY, DELETED */
};

struct dir_index {
    struct place *places;
    uint32_t len, used; /* used: with the deleted ones */
};

bool index_next(const struct dir_index *index, uint32_t hash, uint32_t *cursor, uint64_t *offset)
{
    while (*cursor < index->len) {
        const struct place *place = &index->places[(hash + *cursor) & (index->len - 1)];
        if (place->unit == EMPTY)
            return false;
        ++*cursor;
        if (place->hash == hash && place->unit != DELETED) {
            *offset = (uint64_t)place->unit * 4;
            return true;
        }
    }
    return false;
}

/* --- the list of directories with an index ------------------------------------------------ */

static void unlink_index(struct inode *dir)
{
    *(dir->indexed_previous != NULL ? &dir->indexed_previous->indexed_next : &dir->fs->indexed) =
        dir->indexed_next;
    if (dir->indexed_next != NULL)
        dir->indexed_next->indexed_previous = dir->indexed_previous;
    dir->indexed_previous = dir->indexed_next = NULL;
}

void index_drop(struct inode *dir)
{
    if (dir->index == NULL)
        return;
    dir->fs->index_bytes -= dir->index->len * sizeof(struct place);
    unlink_index(dir);
    free(dir->index->places);
    free(dir->index);
    dir->index = NULL;
}

static bool make_space(struct inode *dir, size_t bytes)
{
    struct fs *fs = dir->fs;
    while (fs->index_bytes + bytes > INDEX_BYTES_MAX) {
        struct inode *oldest = fs->indexed;
        while (oldest != NULL && oldest->indexed_next != NULL)
            oldest = oldest->indexed_next;
        if (oldest == dir && dir->indexed_previous != NULL)
            oldest = dir->indexed_previous;
        if (oldest == NULL || oldest == dir)
            return false;
        index_drop(oldest);
    }
    return true;
}

/* --- filling ------------------------------------------------------------------------------ */

static void put(struct dir_index *index, uint32_t hash, uint32_t unit)
{
    uint32_t at = hash & (index->len - 1);
    while (index->places[at].unit < DELETED)
        at = (at + 1) & (index->len - 1);
    index->used += index->places[at].unit == EMPTY ? 1 : 0;
    index->places[at] = (struct place){hash, unit};
}

static bool resize(struct inode *dir, uint32_t len)
{
    struct dir_index *index = dir->index;
    struct dir_index old = *index;
    if (!make_space(dir, (len - old.len) * sizeof(struct place)))
        return false;
    index->places = malloc(len * sizeof(struct place));
    if (index->places == NULL) {
        index->places = old.places;
        return false;
    }
    dir->fs->index_bytes += (len - old.len) * sizeof(struct place);
    index->len = len;
    index->used = 0;
    for (uint32_t i = 0; i < len; i++)
        index->places[i].unit = EMPTY;
    for (uint32_t i = 0; i < old.len; i++) {
        if (old.places[i].unit < DELETED)
            put(index, old.places[i].hash, old.places[i].unit);
    }
    free(old.places);
    return true;
}

/* Many of the used may be deleted: then the same size does. */
static bool has_room(struct inode *dir)
{
    const struct dir_index *index = dir->index;
    uint32_t live = 0;
    if (index->used < index->len / 4 * 3)
        return true;
    for (uint32_t i = 0; i < index->len; i++)
        live += index->places[i].unit < DELETED ? 1 : 0;
    return resize(dir, live < index->len / 2 ? index->len : index->len * 2);
}

void index_add(struct inode *dir, uint32_t hash, uint64_t offset)
{
    if (dir->index == NULL)
        return;
    if (offset / 4 < DELETED && has_room(dir))
        put(dir->index, hash, (uint32_t)(offset / 4));
    else
        index_drop(dir);
}

void index_remove(struct inode *dir, uint32_t hash, uint64_t offset)
{
    const struct dir_index *index = dir->index;
    uint32_t cursor = 0;
    uint64_t at;
    while (index != NULL && index_next(index, hash, &cursor, &at)) {
        if (at == offset)
            index->places[(hash + cursor - 1) & (index->len - 1)].unit = DELETED;
    }
}

/* --- building ----------------------------------------------------------------------------- */

/* False, and no index: the block is damaged. */
static bool add_block(struct inode *dir, uint64_t offset)
{
    struct fs *fs = dir->fs;
    struct buffer *buffer = NULL;
    bool sound = dir_block(dir, offset, &buffer) == 0;
    for (uint32_t at = 0; sound && at < fs->block_size && dir->index != NULL;) {
        const struct disk_entry *entry = dir_entry(fs, buffer, at);
        sound = entry != NULL;
        if (sound && entry->inode != 0)
            index_add(dir, index_hash((struct fs_name){entry->name, entry->name_len}), offset + at);
        at += sound ? entry->rec_len : 0;
    }
    buffer_put(buffer);
    if (!sound)
        index_drop(dir);
    return sound;
}

struct dir_index *index_ready(struct inode *dir)
{
    struct fs *fs = dir->fs;
    if (dir->index != NULL || dir->no_index || dir->size < INDEX_MIN_BYTES)
        return dir->index;
    dir->index = calloc(1, sizeof(*dir->index));
    if (dir->index == NULL)
        return NULL;
    dir->indexed_next = fs->indexed;
    if (fs->indexed != NULL)
        fs->indexed->indexed_previous = dir;
    fs->indexed = dir;
    if (!resize(dir, 256))
        index_drop(dir);
    for (uint64_t offset = 0; dir->index != NULL && offset < dir->size; offset += fs->block_size) {
        if (!add_block(dir, offset))
            return NULL;
    }
    dir->no_index = dir->index == NULL;
    return dir->index;
}
