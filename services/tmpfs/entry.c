/* SPDX-License-Identifier: BSD-2-Clause */
/* Directory entries. Cookies only grow, so a listing survives changes between its calls. */
#include "services/tmpfs/entry.h"

#include <stdlib.h>
#include <string.h>

#include "services/common/name.h"

static struct entry **bucket_of(const struct directory *dir, uint32_t hash)
{
    return &dir->buckets[hash & (dir->buckets_len - 1)];
}

static void bucket_insert(struct directory *dir, struct entry *entry)
{
    struct entry **bucket = bucket_of(dir, entry->hash);
    entry->hash_next = *bucket;
    *bucket = entry;
}

static bool buckets_grow(struct directory *dir)
{
    uint32_t len = dir->buckets_len == 0 ? 8 : dir->buckets_len * 4;
    struct entry **buckets = calloc(len, sizeof(*buckets));
    if (buckets == NULL)
        return dir->buckets_len != 0;
    free(dir->buckets);
    dir->buckets = buckets;
    dir->buckets_len = len;
    for (struct entry *entry = dir->first; entry != NULL; entry = entry->next)
        bucket_insert(dir, entry);
    return true;
}

bool entry_add(struct directory *dir, struct name name, struct inode *inode)
{
    if (dir->count >= dir->buckets_len && !buckets_grow(dir))
        return false;
    struct entry *entry = malloc(sizeof(*entry) + name.len);
    if (entry == NULL)
        return false;
    entry->inode = inode;
    entry->cookie = dir->next_cookie++;
    entry->hash = name_hash(name.text, name.len);
    entry->len = (uint8_t)name.len;
    memcpy(entry->name, name.text, name.len);
    entry->previous = dir->last;
    entry->next = NULL;
    *(dir->last != NULL ? &dir->last->next : &dir->first) = entry;
    dir->last = entry;
    bucket_insert(dir, entry);
    dir->count++;
    return true;
}

void entry_remove(struct directory *dir, struct entry *entry)
{
    struct entry **at = bucket_of(dir, entry->hash);
    while (*at != entry)
        at = &(*at)->hash_next;
    *at = entry->hash_next;
    *(entry->previous != NULL ? &entry->previous->next : &dir->first) = entry->next;
    *(entry->next != NULL ? &entry->next->previous : &dir->last) = entry->previous;
    if (dir->resume == entry)
        dir->resume = entry->next;
    dir->count--;
    free(entry);
}

void entries_free(struct directory *dir)
{
    for (struct entry *entry = dir->first, *next; entry != NULL; entry = next) {
        next = entry->next;
        free(entry);
    }
    free(dir->buckets);
}

const struct entry *entry_of(const struct directory *dir, const struct inode *inode)
{
    const struct entry *entry = dir->first;
    while (entry->inode != inode)
        entry = entry->next;
    return entry;
}

struct entry *tree_lookup(const struct inode *inode, struct name name)
{
    const struct directory *dir = &inode->dir;
    if (dir->buckets_len == 0)
        return NULL;
    uint32_t hash = name_hash(name.text, name.len);
    struct entry *entry = *bucket_of(dir, hash);
    while (entry != NULL && (entry->hash != hash || entry->len != name.len ||
                             !name_same(entry->name, name.text, name.len)))
        entry = entry->hash_next;
    return entry;
}

/* A listing mostly asks for all, for what follows shortly before where it stopped, or for what follows the last
 * cookie: so from there, or from the end, backwards. */
struct entry *tree_entry_from(const struct inode *inode, uint64_t cookie)
{
    if (cookie <= TREE_FIRST)
        return inode->dir.first;
    struct entry *found = NULL, *entry = inode->dir.last;
    if (inode->dir.resume != NULL && inode->dir.resume->cookie >= cookie)
        entry = inode->dir.resume;
    for (; entry != NULL && entry->cookie >= cookie; entry = entry->previous)
        found = entry;
    return found;
}
