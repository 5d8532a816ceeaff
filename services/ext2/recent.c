/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that were looked up lately: (directory, name) to inode number, in a table where the next name with the same
 * place takes it. What stands here stands in the directory: who takes an entry away or changes it says so.
 */
#include "services/ext2/fs_priv.h"

static struct recent *recent_slot(const struct inode *dir, uint32_t hash)
{
    return &dir->fs->recent[(hash ^ dir->ino) & (RECENT_NAMES - 1)];
}

static bool recent_is(const struct recent *recent, const struct inode *dir, struct fs_name name)
{
    return recent->dir == dir->ino && recent->len == name.len &&
           name_same(recent->text, name.text, name.len);
}

uint32_t recent_find(const struct inode *dir, struct fs_name name)
{
    const struct recent *recent = recent_slot(dir, name_hash(name.text, name.len));
    return recent_is(recent, dir, name) ? recent->ino : 0;
}

void recent_add(const struct inode *dir, struct fs_name name, uint32_t ino)
{
    struct recent *recent = recent_slot(dir, name_hash(name.text, name.len));
    if (name.len > sizeof(recent->text) || name.text[0] == '.')
        return; /* `..` changes in other ways */
    *recent = (struct recent){.dir = dir->ino, .ino = ino, .len = (uint8_t)name.len};
    memcpy(recent->text, name.text, name.len);
}

void recent_drop(const struct inode *dir, struct fs_name name)
{
    struct recent *recent = recent_slot(dir, name_hash(name.text, name.len));
    if (recent_is(recent, dir, name))
        recent->dir = 0;
}
