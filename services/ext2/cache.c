/* SPDX-License-Identifier: BSD-2-Clause */
/* Buffers: found by their block in a table, the clean and unused ones bounded in number. Commits: commit.c. */
#include <stdlib.h>
#include <string.h>

#include "services/ext2/cache_priv.h"
#include "services/ext2/journal_priv.h"

/* --- the cache --------------------------------------------------------------------------- */

static uint32_t table_size(unsigned max_buffers)
{
    uint32_t len = 64;
    while (len < max_buffers && len < (1u << 20))
        len *= 2;
    return len;
}

cloudabi_errno_t cache_create(struct device *device, uint32_t block_size, unsigned max_buffers,
                              struct cache **out)
{
    struct cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return CLOUDABI_ENOMEM;
    cache->device = device;
    cache->block_size = block_size;
    cache->blocks = device->size / block_size;
    cache->max_idle = max_buffers;
    cache->table_len = table_size(max_buffers);
    link_init(&cache->idle);
    link_init(&cache->dirty);
    link_init(&cache->logged);
    link_init(&cache->revoked);
    cache->table = calloc(cache->table_len, sizeof(cache->table[0]));
    if (cache->table == NULL || !run_create(&cache->run, device, block_size)) {
        cache_free(cache);
        return CLOUDABI_ENOMEM;
    }
    *out = cache;
    return 0;
}

void cached_drop_late(struct cached *cached)
{
    free(cached->late);
    cached->late = NULL;
}

static void cached_free(struct cached *cached)
{
    free(cached->late);
    free(cached->buffer.data);
    free(cached);
}

void cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t i = 0; cache->table != NULL && i < cache->table_len; i++) {
        for (struct cached *cached = cache->table[i], *next; cached != NULL; cached = next) {
            next = cached->hash_next;
            cached_free(cached);
        }
    }
    for (struct cached *spare = cache->spares, *next; spare != NULL; spare = next) {
        next = spare->hash_next;
        cached_free(spare);
    }
    free(cache->table);
    run_free(&cache->run);
    if (cache->journal != NULL)
        journal_free(cache->journal);
    free(cache);
}

void cache_set_journal(struct cache *cache, struct journal *journal)
{
    cache->journal = journal;
}

void cache_on_commit(struct cache *cache, void (*committed)(void *), void *context)
{
    cache->committed = committed;
    cache->context = context;
}

void cache_data_written(struct cache *cache)
{
    cache->data_written = true;
}

bool cache_is_dirty(const struct cache *cache)
{
    return cache->dirty_count != 0 || cache->revoked_count != 0 || cache->data_written;
}

/* --- the table --------------------------------------------------------------------------- */

static struct cached **slot_of(struct cache *cache, uint64_t block)
{
    /* Neighbours go to neighbouring slots; groups are a power of two apart, so that distance is mixed in. */
    return &cache->table[(block ^ block >> 13) & (cache->table_len - 1)];
}

static struct cached *table_find(struct cache *cache, uint64_t block)
{
    struct cached *cached = *slot_of(cache, block);
    while (cached != NULL && cached->buffer.block != block)
        cached = cached->hash_next;
    return cached;
}

static void table_add(struct cache *cache, struct cached *cached)
{
    struct cached **slot = slot_of(cache, cached->buffer.block);
    cached->hash_next = *slot;
    *slot = cached;
}

static void table_remove(struct cache *cache, struct cached *cached)
{
    struct cached **slot = slot_of(cache, cached->buffer.block);
    while (*slot != cached)
        slot = &(*slot)->hash_next;
    *slot = cached->hash_next;
    cached->hash_next = NULL;
}

/* --- life of a buffer -------------------------------------------------------------------- */

static bool cached_is_idle(const struct cached *cached)
{
    return cached->buffer.references == 0 && !cached->dirty && !cached->logged &&
           !cached->revoked && !cached->stale;
}

static struct cached *evict_oldest(struct cache *cache)
{
    if (link_empty(&cache->idle))
        return NULL;
    struct cached *cached = LINK_OF(cache->idle.next, struct cached, link);
    link_remove(&cached->link);
    cache->idle_count--;
    table_remove(cache, cached);
    return cached;
}

void cached_settle(struct cached *cached)
{
    struct cache *cache = cached->cache;
    if (!cached_is_idle(cached) || cached->link.next != NULL)
        return;
    link_add_last(&cache->idle, &cached->link);
    if (++cache->idle_count > cache->max_idle)
        cached_free(evict_oldest(cache));
}

static struct cached *cached_create(struct cache *cache)
{
    struct cached *cached = calloc(1, sizeof(*cached));
    if (cached == NULL)
        return NULL;
    cached->cache = cache;
    cached->buffer.data = aligned_alloc(512, cache->block_size);
    if (cached->buffer.data == NULL) {
        free(cached);
        return NULL;
    }
    return cached;
}

cloudabi_errno_t cache_ready(struct cache *cache)
{
    while (cache->spare_count < CACHE_SPARES) {
        struct cached *cached = cached_create(cache);
        if (cached == NULL)
            return CLOUDABI_ENOMEM;
        cached->hash_next = cache->spares;
        cache->spares = cached;
        cache->spare_count++;
    }
    return 0;
}

static struct cached *spare_take(struct cache *cache)
{
    struct cached *cached = cache->spares;
    if (cached != NULL) {
        cache->spares = cached->hash_next;
        cache->spare_count--;
    }
    return cached;
}

/* A buffer for BLOCK, which has none: memory of the longest unused one if there are enough. NULL: no memory. */
static struct cached *cached_get(struct cache *cache, uint64_t block)
{
    struct cached *cached =
        cache->idle_count >= cache->max_idle ? evict_oldest(cache) : cached_create(cache);
    if (cached == NULL)
        cached = cache->idle_count != 0 ? evict_oldest(cache) : spare_take(cache);
    if (cached == NULL)
        return NULL;
    cached->buffer.block = block;
    cached->buffer.references = 1;
    table_add(cache, cached);
    return cached;
}

/* The buffer of BLOCK if the cache has it, referenced. */
static struct cached *cached_find(struct cache *cache, uint64_t block)
{
    struct cached *cached = table_find(cache, block);
    if (cached == NULL)
        return NULL;
    if (cached_is_idle(cached)) {
        link_remove(&cached->link);
        cache->idle_count--;
    }
    cached->buffer.references++;
    return cached;
}

static void cached_discard(struct cached *cached)
{
    table_remove(cached->cache, cached);
    if (cached->buffer.references == 0)
        cached_free(cached);
    else
        cached->stale = true;
}

cloudabi_errno_t buffer_read(struct cache *cache, uint64_t block, struct buffer **out)
{
    if (block >= cache->blocks)
        return CLOUDABI_EIO;
    struct cached *cached = cached_find(cache, block);
    if (cached == NULL) {
        cached = cached_get(cache, block);
        if (cached == NULL)
            return CLOUDABI_ENOMEM;
        uint32_t size = cache->block_size;
        cloudabi_errno_t error =
            cache->device->read(cache->device, block * size, cached->buffer.data, size);
        if (error != 0) {
            cached->buffer.references = 0;
            cached_discard(cached);
            return error;
        }
    }
    *out = &cached->buffer;
    return 0;
}

cloudabi_errno_t buffer_fresh(struct cache *cache, uint64_t block, struct buffer **out)
{
    if (block >= cache->blocks)
        return CLOUDABI_EIO;
    struct cached *cached = cached_find(cache, block);
    if (cached == NULL)
        cached = cached_get(cache, block);
    if (cached == NULL)
        return CLOUDABI_ENOMEM;
    memset(cached->buffer.data, 0, cache->block_size);
    *out = &cached->buffer;
    return 0;
}

void buffer_put(struct buffer *buffer)
{
    struct cached *cached = (struct cached *)buffer;
    if (cached == NULL || --buffer->references != 0)
        return;
    if (cached->stale)
        cached_free(cached);
    else
        cached_settle(cached);
}

/* --- changes ----------------------------------------------------------------------------- */

void buffer_dirty(struct buffer *buffer, enum write_class class)
{
    buffer_dirty_patient(buffer, class);
    ((struct cached *)buffer)->cache->pressing = true;
}

void buffer_dirty_patient(struct buffer *buffer, enum write_class class)
{
    struct cached *cached = (struct cached *)buffer;
    struct cache *cache = cached->cache;
    if (cached->stale)
        return;
    if (cached->dirty) {
        if (class < cached->class)
            cached->class = class;
        return;
    }
    if (cached->revoked) {
        /* In use again: the transaction's own copy comes later in the log than all that was to be revoked. */
        link_remove(&cached->link);
        cached->revoked = false;
        cache->revoked_count--;
    }
    cached->dirty = true;
    cached->class = class;
    link_add_last(&cache->dirty, &cached->link);
    cache->dirty_count++;
}

void buffer_late(struct buffer *buffer, uint32_t offset, uint8_t keep, uint8_t set)
{
    struct cached *cached = (struct cached *)buffer;
    uint32_t size = cached->cache->block_size;
    if (cached->stale || cached->cache->journal != NULL)
        return;
    if (cached->late == NULL) {
        cached->late = malloc((size_t)size * 2);
        if (cached->late == NULL)
            return; /* in the order of the classes then: fsck may have more to do */
        memset(cached->late, 0xFF, size);
        memset(cached->late + size, 0, size);
    }
    cached->late[offset] &= keep;
    cached->late[size + offset] |= set;
}

void buffer_forget(struct cache *cache, uint64_t block)
{
    struct cached *cached = table_find(cache, block);
    if (cached == NULL || cached->revoked)
        return;
    if (cached_is_idle(cached)) {
        link_remove(&cached->link);
        cache->idle_count--;
    }
    if (cached->dirty) {
        link_remove(&cached->link);
        cached->dirty = false;
        cache->dirty_count--;
    }
    cached_drop_late(cached);
    if (cached->logged) {
        link_add_last(&cache->revoked, &cached->link);
        cached->revoked = true;
        cache->revoked_count++;
    } else {
        cached_discard(cached);
    }
}

void cached_drop_revoked(struct cache *cache)
{
    while (!link_empty(&cache->revoked)) {
        struct cached *cached = LINK_OF(cache->revoked.next, struct cached, link);
        link_remove(&cached->link);
        link_remove(&cached->log_link);
        cached->revoked = cached->logged = false;
        cache->revoked_count--;
        cache->logged_count--;
        cached_discard(cached);
    }
}
