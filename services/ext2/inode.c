/* SPDX-License-Identifier: BSD-2-Clause */
/* Inodes in memory: kept while they are used, and a little longer. */
#include <stdlib.h>

#include "services/ext2/fs_priv.h"

#define IDLE_MAX 256u

/* --- the table in memory ------------------------------------------------------------------ */

static struct inode **table_slot(struct fs *fs, uint32_t ino)
{
    return &fs->table[ino & (INODE_TABLE - 1)];
}

struct inode *inode_find(struct fs *fs, uint32_t ino)
{
    struct inode *inode = *table_slot(fs, ino);
    while (inode != NULL && inode->ino != ino)
        inode = inode->table_next;
    return inode;
}

cloudabi_errno_t inode_new(struct fs *fs, uint32_t ino, struct inode **out)
{
    struct inode *inode = calloc(1, sizeof(*inode));
    if (inode == NULL)
        return CLOUDABI_ENOMEM;
    inode->fs = fs;
    inode->ino = ino;
    inode->holds = 1;
    inode->atim = inode->mtim = inode->ctim = fs->now;
    inode->table_next = *table_slot(fs, ino);
    *table_slot(fs, ino) = inode;
    *out = inode;
    return 0;
}

static void idle_remove(struct inode *inode)
{
    struct fs *fs = inode->fs;
    *(inode->idle_previous != NULL ? &inode->idle_previous->idle_next : &fs->idle_first) =
        inode->idle_next;
    *(inode->idle_next != NULL ? &inode->idle_next->idle_previous : &fs->idle_last) =
        inode->idle_previous;
    inode->idle = false;
    fs->idle_count--;
}

static void inode_free(struct inode *inode)
{
    struct inode **at = table_slot(inode->fs, inode->ino);
    while (*at != inode)
        at = &(*at)->table_next;
    *at = inode->table_next;
    if (inode->idle)
        idle_remove(inode);
    index_drop(inode);
    inode_forget_data(inode);
    free(inode);
}

static void idle_add(struct inode *inode)
{
    struct fs *fs = inode->fs;
    inode->idle = true;
    inode->idle_next = NULL;
    inode->idle_previous = fs->idle_last;
    *(fs->idle_last != NULL ? &fs->idle_last->idle_next : &fs->idle_first) = inode;
    fs->idle_last = inode;
    if (++fs->idle_count > IDLE_MAX)
        inode_free(fs->idle_first);
}

void inodes_free(struct fs *fs)
{
    for (uint32_t i = 0; i < INODE_TABLE; i++) {
        while (fs->table[i] != NULL)
            inode_free(fs->table[i]);
    }
}

cloudabi_errno_t inode_load(struct fs *fs, uint32_t ino, struct inode **out)
{
    struct inode *inode = inode_find(fs, ino);
    if (inode != NULL) {
        inode_hold(inode);
        *out = inode;
        return 0;
    }
    if (ino == 0 || ino > fs->inodes)
        return CLOUDABI_ESTALE;
    TRY(inode_new(fs, ino, &inode));
    cloudabi_errno_t error = inode_read(inode);
    if (error == 0)
        *out = inode;
    else
        inode_free(inode);
    return error;
}

cloudabi_errno_t fs_inode(struct fs *fs, uint32_t ino, uint32_t generation, struct inode **out)
{
    struct inode *inode;
    if (ino != FS_ROOT && (ino < fs->first_ino || ino > fs->inodes))
        return CLOUDABI_ESTALE;
    TRY(inode_load(fs, ino, &inode));
    bool other = ino != FS_ROOT && generation != 0 && inode->generation != generation;
    if (inode->dead || other || (inode->nlink == 0 && inode->lookups == 0)) {
        /* What has no names on the disk and was not made an orphan here is not for us to remove. */
        inode->dead = inode->dead || (inode->nlink == 0 && inode->holds == 1 && !inode->orphan);
        inode_put(inode);
        return CLOUDABI_ESTALE;
    }
    *out = inode;
    return 0;
}

/* --- holds and lookups -------------------------------------------------------------------- */

void inode_hold(struct inode *inode)
{
    if (inode->idle)
        idle_remove(inode);
    inode->holds++;
}

/* Nobody uses it. One without names goes; if that fails it stays on the orphan list for the next mount, but if only
 * memory was short, for the next commit. */
static void inode_rest(struct inode *inode)
{
    struct fs *fs = inode->fs;
    if (inode->holds != 0 || inode->lookups != 0)
        return;
    if (inode->nlink == 0 && !inode->dead && !fs->read_only) {
        inode->holds = 1;
        cloudabi_errno_t error = inode_delete(inode);
        inode->holds = 0;
        if (error == CLOUDABI_ENOMEM && inode->orphan) {
            fs->unfinished = true;
            return;
        }
        inode->dead = true;
    }
    if (inode->dead && !inode->orphan)
        inode_free(inode);
    else if (!inode->dead && !inode->orphan)
        idle_add(inode);
}

void inode_put(struct inode *inode)
{
    if (inode == NULL)
        return;
    inode->holds--;
    inode_rest(inode);
}

void inode_referenced(struct inode *inode)
{
    if (inode->idle)
        idle_remove(inode);
    inode->lookups++;
}

cloudabi_errno_t inode_forget(struct inode *inode, uint64_t count, uint64_t now)
{
    if (inode->lookups == 0)
        return 0;
    inode->fs->now = now;
    inode->lookups -= count < inode->lookups ? count : inode->lookups;
    if (inode->lookups == 0)
        inode_forget_data(inode);
    inode_rest(inode);
    return 0;
}

void inode_forget_data(struct inode *inode)
{
    struct fs *fs = inode->fs;
    if (inode->ahead.count != 0)
        blocks_unchoose(fs, inode->ahead.physical, inode->ahead.count);
    inode->ahead.count = 0;
    for (uint32_t i = 0; i < inode->chosen.count; i++)
        blocks_unchoose(fs, inode->chosen.list[i].physical, inode->chosen.list[i].count);
    ranges_free(&inode->chosen);
    promise_drop(inode, 0, UINT32_MAX);
    ranges_free(&inode->reserved);
}
