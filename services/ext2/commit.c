/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commits. With a journal: the changes go into the log, and home at a checkpoint, which comes right after a
 * commit when the log fills up, so that no buffer ever holds a change that is not committed while it is
 * written home.  Without: home at once, class by class with a flush between.
 */
#include "services/ext2/cache_priv.h"
#include "services/ext2/journal_priv.h"

/* Transactions without a journal are bounded by memory only; larger ones than this gain nothing. */
#define PLAIN_ROOM 4096
/* What is in the log stays in memory as well: no more of it than of clean buffers, and this. */
#define LOGGED_MIN 256

/* --- sorting: a list may be long, and a commit should need no memory ---------------------- */

static bool comes_first(const struct link *a, const struct link *b)
{
    const struct cached *x = LINK_OF(a, struct cached, link);
    const struct cached *y = LINK_OF(b, struct cached, link);
    return x->class != y->class ? x->class < y->class : x->buffer.block < y->buffer.block;
}

static struct link *merge(struct link *a, struct link *b)
{
    struct link *first = NULL, **end = &first;
    while (a != NULL && b != NULL) {
        struct link **from = comes_first(b, a) ? &b : &a;
        *end = *from;
        end = &(*from)->next;
        *from = *end;
    }
    *end = a != NULL ? a : b;
    return first;
}

/* Merge sort of COUNT elements that are linked by `next`; *REST: what follows them. */
static struct link *sort(struct link *first, unsigned count, struct link **rest)
{
    if (count == 1) {
        *rest = first->next;
        first->next = NULL;
        return first;
    }
    struct link *middle;
    struct link *a = sort(first, count / 2, &middle);
    return merge(a, sort(middle, count - count / 2, rest));
}

void cached_sort(struct link *list)
{
    unsigned count = 0;
    bool sorted = true;
    for (struct link *l = list->next; l != list; l = l->next, count++)
        sorted = sorted && (l->next == list || comes_first(l, l->next));
    if (sorted)
        return;
    struct link *rest, *l = sort(list->next, count, &rest);
    link_init(list);
    for (struct link *next; l != NULL && l != list; l = next) {
        next = l->next;
        link_add_last(list, l);
    }
}

/* --- home -------------------------------------------------------------------------------- */

static cloudabi_errno_t flush(struct cache *cache)
{
    cloudabi_errno_t error = cache->device->flush(cache->device);
    if (error == 0)
        cache->data_written = false;
    return error;
}

/* The buffer without what must come last. */
static cloudabi_errno_t write_early(struct cache *cache, const struct cached *cached)
{
    if (cached->late == NULL)
        return run_add(&cache->run, cached->buffer.block, cached->buffer.data);
    const uint8_t *keep = cached->late, *set = cached->late + cache->block_size;
    uint8_t *place;
    cloudabi_errno_t error = run_place(&cache->run, cached->buffer.block, &place);
    for (uint32_t i = 0; i < cache->block_size && error == 0; i++)
        place[i] = (uint8_t)((cached->buffer.data[i] & keep[i]) | set[i]);
    return error;
}

/* Once more those that were written without something, now that the rest is there. */
static cloudabi_errno_t write_late(struct cache *cache)
{
    cloudabi_errno_t error = 0;
    bool any = false;
    for (struct link *l = cache->dirty.next; l != &cache->dirty && error == 0; l = l->next) {
        struct cached *cached = LINK_OF(l, struct cached, link);
        if (cached->late == NULL)
            continue;
        error = run_add(&cache->run, cached->buffer.block, cached->buffer.data);
        any = true;
    }
    if (error == 0)
        error = run_end(&cache->run);
    return error == 0 && any ? flush(cache) : error;
}

/* Writes the dirty buffers home, in order, with a flush before each class if anything was written before. */
static cloudabi_errno_t write_home_in_order(struct cache *cache)
{
    cloudabi_errno_t error = 0;
    bool unflushed = cache->data_written;
    int class = WRITE_FRESH;
    for (struct link *l = cache->dirty.next; l != &cache->dirty && error == 0; l = l->next) {
        struct cached *cached = LINK_OF(l, struct cached, link);
        if (cached->class != class) {
            class = cached->class;
            error = run_end(&cache->run);
            if (error == 0 && unflushed)
                error = flush(cache);
            unflushed = false;
        }
        if (error == 0)
            error = write_early(cache, cached);
        unflushed = true;
    }
    if (error == 0)
        error = run_end(&cache->run);
    if (error == 0)
        error = flush(cache);
    return error == 0 ? write_late(cache) : error;
}

static cloudabi_errno_t commit_plain(struct cache *cache)
{
    cached_sort(&cache->dirty);
    cloudabi_errno_t error = write_home_in_order(cache);
    if (error != 0)
        return error;
    while (!link_empty(&cache->dirty)) {
        struct cached *cached = LINK_OF(cache->dirty.next, struct cached, link);
        link_remove(&cached->link);
        cached->dirty = false;
        cache->dirty_count--;
        cached_drop_late(cached);
        cached_settle(cached);
    }
    return 0;
}

/* --- through the journal ----------------------------------------------------------------- */

static void dirty_to_logged(struct cache *cache)
{
    while (!link_empty(&cache->dirty)) {
        struct cached *cached = LINK_OF(cache->dirty.next, struct cached, link);
        link_remove(&cached->link);
        cached->dirty = false;
        cache->dirty_count--;
        if (!cached->logged) {
            cached->logged = true;
            link_add_last(&cache->logged, &cached->log_link);
            cache->logged_count++;
        }
    }
}

/* Nothing is dirty. The links of a transaction are free then, and serve to sort by place. */
static cloudabi_errno_t write_logged_home(struct cache *cache)
{
    struct link order;
    link_init(&order);
    for (struct link *l = cache->logged.next; l != &cache->logged; l = l->next) {
        struct cached *cached = LINK_OF(l, struct cached, log_link);
        cached->class = 0;
        link_add_last(&order, &cached->link);
    }
    cached_sort(&order);
    cloudabi_errno_t error = 0;
    for (struct link *l = order.next; l != &order && error == 0; l = l->next) {
        struct cached *cached = LINK_OF(l, struct cached, link);
        error = run_add(&cache->run, cached->buffer.block, cached->buffer.data);
    }
    while (!link_empty(&order))
        link_remove(order.next);
    if (error == 0)
        error = run_end(&cache->run);
    return error == 0 ? flush(cache) : error;
}

/* Writes home what is in the log, and begins the log anew behind it; CLOSE: leaves it empty. */
static cloudabi_errno_t checkpoint(struct cache *cache, bool close)
{
    cloudabi_errno_t error = cache->logged_count != 0 ? write_logged_home(cache) : 0;
    if (error == 0)
        error = journal_clear(cache->journal, close);
    if (error != 0)
        return error;
    while (!link_empty(&cache->logged)) {
        struct cached *cached = LINK_OF(cache->logged.next, struct cached, log_link);
        link_remove(&cached->log_link);
        cached->logged = false;
        cache->logged_count--;
        cached_settle(cached);
    }
    return 0;
}

static cloudabi_errno_t commit_journal(struct cache *cache)
{
    if (cache->dirty_count == 0 && cache->revoked_count == 0)
        return flush(cache);
    cloudabi_errno_t error = journal_write(cache->journal, cache);
    if (error != 0)
        return error;
    cache->data_written = false; /* journal_write flushed */
    dirty_to_logged(cache);
    cached_drop_revoked(cache);
    bool much = cache->logged_count > cache->max_idle + LOGGED_MIN;
    return much || journal_wants_checkpoint(cache->journal) ? checkpoint(cache, false) : 0;
}

/* --- for others -------------------------------------------------------------------------- */

/* After an error nobody knows what reached the device: what the cache holds is right, and stays in memory. */
static cloudabi_errno_t give_up(struct cache *cache, cloudabi_errno_t error)
{
    run_drop(&cache->run);
    cache->failed = true;
    return error;
}

cloudabi_errno_t cache_commit(struct cache *cache)
{
    if (cache->failed)
        return CLOUDABI_EROFS;
    if (!cache_is_dirty(cache))
        return 0;
    cloudabi_errno_t error = cache->journal != NULL ? commit_journal(cache) : commit_plain(cache);
    if (error != 0)
        return give_up(cache, error);
    cache->pressing = false;
    if (cache->committed != NULL)
        cache->committed(cache->context);
    return 0;
}

cloudabi_errno_t cache_sync(struct cache *cache)
{
    if (cache->failed || cache->pressing || cache->revoked_count != 0)
        return cache_commit(cache);
    cloudabi_errno_t error = cache->data_written ? flush(cache) : 0;
    return error == 0 ? 0 : give_up(cache, error);
}

cloudabi_errno_t cache_checkpoint(struct cache *cache)
{
    cloudabi_errno_t error = cache_commit(cache);
    if (error != 0 || cache->journal == NULL)
        return error;
    error = checkpoint(cache, true);
    return error == 0 ? 0 : give_up(cache, error);
}

unsigned cache_room(const struct cache *cache)
{
    unsigned room = PLAIN_ROOM;
    if (cache->journal != NULL)
        room = journal_room(cache->journal, cache->revoked_count);
    return room > cache->dirty_count ? room - cache->dirty_count : 0;
}
