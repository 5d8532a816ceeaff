/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * malloc: small objects from runs of one size class each, through a cache per thread that needs no lock;
 * larger ones are runs of their own (heap.c).
 *
 * A free pointer need not be the start of its object: aligned allocations hand out pointers into it. A
 * pointer that is a multiple of 64 KiB can only come from such an allocation; its run is the unit below.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libc/malloc/classes.h"
#include "libc/malloc/heap.h"
#include "libc/malloc/malloc_priv.h"
#include "libc/thread/lock.h"

#define CACHE_BYTES 8192
#define MAX_SIZE    ((size_t)PTRDIFF_MAX - UNIT_SIZE)

struct central {
    lock_word lock;
    struct run *with_room; /* runs that have a free or uncarved object */
};

struct cache_bin {
    void *head; /* objects linked through their first word */
    unsigned count;
    unsigned limit; /* at this count a batch goes back to the runs; 0 before the first use */
};

struct malloc_cache {
    struct cache_bin bins[CLASS_COUNT];
};

static struct central centrals[CLASS_COUNT];
static struct malloc_cache first_cache; /* of the first thread to allocate */
static atomic_bool first_cache_taken;

/* Objects moved between a cache and the runs at a time. */
static unsigned batch_of(unsigned class)
{
    size_t count = CACHE_BYTES / class_size(class);

    return count < 2 ? 2 : count > 32 ? 32 : (unsigned)count;
}

static char *first_object(struct run *run)
{
    return (char *)run + (sizeof(*run) + 15 & ~(size_t)15);
}

static void list_run(struct central *central, struct run *run)
{
    run->listed = true;
    run->prev = NULL;
    run->next = central->with_room;
    if (run->next != NULL)
        run->next->prev = run;
    central->with_room = run;
}

static void unlist_run(struct central *central, struct run *run)
{
    run->listed = false;
    if (run->prev != NULL)
        run->prev->next = run->next;
    else
        central->with_room = run->next;
    if (run->next != NULL)
        run->next->prev = run->prev;
}

static struct run *new_small_run(unsigned class)
{
    bool fresh;
    struct run *run = __heap_get(UNIT_SIZE, RUN_SMALL, &fresh);

    if (run == NULL)
        return NULL;
    run->class = (uint8_t) class;
    run->object_size = (uint32_t)class_size(class);
    run->capacity =
        (uint32_t)((UNIT_SIZE - (size_t)(first_object(run) - (char *)run)) / run->object_size);
    return run;
}

/* One object of a run that has room; takes the run off the list when it was the last. */
static void *take_object(struct central *central, struct run *run)
{
    void *object = run->free;

    if (object != NULL)
        run->free = *(void **)object;
    else
        object = first_object(run) + (size_t)run->carved++ * run->object_size;
    run->live++;
    if (run->free == NULL && run->carved == run->capacity)
        unlist_run(central, run);
    return object;
}

/* Fill a bin from the runs of its class; false if there is no memory for a single object. */
static bool refill(struct cache_bin *bin, unsigned class)
{
    struct central *central = &centrals[class];

    lock_take(&central->lock);
    for (unsigned n = batch_of(class); n > 0; n--) {
        if (central->with_room == NULL) {
            struct run *run = bin->head == NULL ? new_small_run(class) : NULL;
            if (run == NULL)
                break;
            list_run(central, run);
        }
        void *object = take_object(central, central->with_room);
        *(void **)object = bin->head;
        bin->head = object;
        bin->count++;
    }
    lock_drop(&central->lock);
    return bin->head != NULL;
}

/* Give one object back to its run; returns the run if it is empty and no longer wanted. */
static struct run *return_object(struct central *central, void *object)
{
    struct run *run = run_of(object);

    *(void **)object = run->free;
    run->free = object;
    run->live--;
    if (!run->listed)
        list_run(central, run);
    if (run->live > 0 || (run->next == NULL && run->prev == NULL))
        return NULL;
    unlist_run(central, run);
    return run;
}

static void flush(struct cache_bin *bin, unsigned class, unsigned count)
{
    struct central *central = &centrals[class];

    lock_take(&central->lock);
    for (; count > 0 && bin->head != NULL; count--) {
        void *object = bin->head;
        bin->head = *(void **)object;
        bin->count--;
        struct run *empty = return_object(central, object);
        if (empty != NULL)
            __heap_put(empty);
    }
    lock_drop(&central->lock);
}

/* A bin is full, or was never used. */
static void __attribute__((noinline)) overflow(struct cache_bin *bin, unsigned class)
{
    bin->limit = 2 * batch_of(class);
    if (bin->count >= bin->limit)
        flush(bin, class, bin->limit / 2);
}

static struct malloc_cache *new_cache(struct __pthread *self)
{
    bool taken = false;

    if (atomic_compare_exchange_strong(&first_cache_taken, &taken, true)) {
        self->cache = &first_cache;
    } else {
        bool fresh;
        /* A run of its own: the cache must exist before the first small object. */
        struct run *run =
            __heap_get(RUN_HEADER + 64 + sizeof(struct malloc_cache), RUN_LARGE, &fresh);
        if (run == NULL)
            return NULL;
        self->cache = (struct malloc_cache *)((char *)run + RUN_HEADER + 64);
        memset(self->cache, 0, sizeof(*self->cache));
    }
    return self->cache;
}

void __malloc_thread_end(struct __pthread *self)
{
    struct malloc_cache *cache = self->cache;

    if (cache == NULL)
        return;
    for (unsigned class = 0; class < CLASS_COUNT; class ++) {
        if (cache->bins[class].head != NULL)
            flush(&cache->bins[class], class, cache->bins[class].count);
    }
    self->cache = NULL;
    if (cache == &first_cache)
        atomic_store(&first_cache_taken, false);
    else
        __heap_put(run_of(cache));
}

/* An object out of the thread's cache; NULL if it has none of this class. */
static inline void *pop_cached(unsigned class)
{
    struct malloc_cache *cache = __libc_self->cache;
    void *object = NULL;

    if (__builtin_expect(cache != NULL, true)) {
        struct cache_bin *bin = &cache->bins[class];
        object = bin->head;
        if (__builtin_expect(object != NULL, true)) {
            bin->head = *(void **)object;
            bin->count--;
        }
    }
    return object;
}

static void *alloc_small(size_t size)
{
    struct malloc_cache *cache = __libc_self->cache;
    unsigned class = class_of(size);

    if (cache == NULL && (cache = new_cache(__libc_self)) == NULL)
        return NULL;
    if (cache->bins[class].head == NULL && !refill(&cache->bins[class], class))
        return NULL;
    return pop_cached(class);
}

static void *alloc_large(size_t size, bool *zeroed)
{
    struct run *run = size <= MAX_SIZE ? __heap_get(size + LARGE_OFFSET, RUN_LARGE, zeroed) : NULL;

    return run != NULL ? (char *)run + LARGE_OFFSET : NULL;
}

static void *__attribute__((noinline)) malloc_slow(size_t size)
{
    bool zeroed;

    return __malloc_get(size, &zeroed);
}

/* Nothing here needs a frame: most allocations are a dozen instructions. */
void *malloc(size_t size)
{
    if (__builtin_expect(size - 1 < CLASS_MAX_SIZE, true)) {
        void *object = pop_cached(class_of(size));
        if (__builtin_expect(object != NULL, true))
            return object;
    }
    return malloc_slow(size);
}

/* ZEROED is set if the memory is known to be zero. */
void *__malloc_get(size_t size, bool *zeroed)
{
    void *object;

    *zeroed = false;
    if (size <= CLASS_MAX_SIZE)
        object = alloc_small(size > 0 ? size : 1);
    else
        object = alloc_large(size, zeroed);
    if (object == NULL)
        errno = ENOMEM;
    return object;
}

/* Freeing what is no small object, or by a thread that has no cache yet; true if it is done. */
static bool __attribute__((noinline)) free_slow(struct run *run)
{
    if (run->kind != RUN_SMALL) {
        __heap_put(run);
        return true;
    }
    return new_cache(__libc_self) == NULL; /* without memory for a cache the object is lost */
}

/* The run of a pointer that malloc gave out; ends the process if it is none. */
struct run *__malloc_run(const void *pointer)
{
    struct run *run = run_of(pointer);

    if ((const void *)run == pointer)
        run = (struct run *)((char *)run - UNIT_SIZE);
    if (run->check != RUN_CHECK(run))
        abort();
    return run;
}

/* Start of the small object that a pointer lies in. */
char *__malloc_object(struct run *run, const void *pointer)
{
    size_t offset = (size_t)((const char *)pointer - first_object(run));

    return first_object(run) + (uint32_t)offset / run->object_size * run->object_size;
}

void free(void *pointer)
{
    if (pointer == NULL)
        return;
    struct run *run = __malloc_run(pointer);
    if (__builtin_expect(run->kind != RUN_SMALL || __libc_self->cache == NULL, false) &&
        free_slow(run))
        return;
    struct malloc_cache *cache = __libc_self->cache;
    void *object = __malloc_object(run, pointer);
    struct cache_bin *bin = &cache->bins[run->class];
    if (bin->head == object)
        abort(); /* freed twice in a row */
    *(void **)object = bin->head;
    bin->head = object;
    if (__builtin_expect(++bin->count >= bin->limit, false))
        overflow(bin, run->class);
}

void __malloc_before_fork(void)
{
    for (unsigned class = 0; class < CLASS_COUNT; class ++)
        lock_take(&centrals[class].lock);
    __heap_lock();
}

/* In the child the release adopts locks that still carry the parent's thread id. */
void __malloc_after_fork(void)
{
    __heap_unlock();
    for (unsigned class = 0; class < CLASS_COUNT; class ++)
        lock_drop(&centrals[class].lock);
}
