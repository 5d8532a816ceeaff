/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator of libc on the host: its functions are compiled under other names (see libc.mk) over mmap.
 * Every block is filled with a pattern that is checked when it is freed, so overlaps show.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/mman.h>

#include "libc/malloc/classes.h"
#include "libc/malloc/heap.h"
#include "libc/thread/lock.h"

void *tm_malloc(size_t size);
void *tm_calloc(size_t count, size_t size);
void *tm_realloc(void *old, size_t size);
void tm_free(void *pointer);
void *tm_memalign(size_t align, size_t size);
int tm_posix_memalign(void **result, size_t align, size_t size);
size_t tm_malloc_usable_size(void *pointer);

static struct __pthread main_thread;
__thread struct __pthread *__libc_self = &main_thread;
static atomic_size_t mapped;

cloudabi_errno_t cloudabi_sys_mem_map(void *addr, size_t len, cloudabi_mprot_t prot,
                                      cloudabi_mflags_t flags, cloudabi_fd_t fd,
                                      cloudabi_filesize_t off, void **mem)
{
    (void)addr, (void)prot, (void)flags, (void)fd, (void)off;
    if (len > (size_t)1 << 40)
        return CLOUDABI_ENOMEM;
    *mem =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (*mem == MAP_FAILED)
        return CLOUDABI_ENOMEM;
    atomic_fetch_add(&mapped, len);
    return 0;
}

cloudabi_errno_t cloudabi_sys_mem_unmap(void *mapping, size_t len)
{
    assert_int_equal((uintptr_t)mapping % 4096, 0);
    assert_int_equal(len % 4096, 0);
    atomic_fetch_sub(&mapped, len);
    return munmap(mapping, len) == 0 ? 0 : CLOUDABI_EINVAL;
}

cloudabi_errno_t cloudabi_sys_mem_advise(void *mapping, size_t len, cloudabi_advice_t advice)
{
    assert_int_equal(advice, CLOUDABI_ADVICE_DONTNEED);
    return madvise(mapping, len, MADV_DONTNEED) == 0 ? 0 : CLOUDABI_EINVAL;
}

static void classes_are_tight(void **state)
{
    (void)state;
    for (size_t size = 1; size <= CLASS_MAX_SIZE; size++) {
        unsigned class = class_of(size);
        assert_true(class < CLASS_COUNT);
        assert_true(class_size(class) >= size);
        if (class > 0)
            assert_true(class_size(class - 1) < size);
        assert_int_equal(class_size(class) % 16, 0);
    }
}

struct block {
    unsigned char *at;
    size_t size;
    unsigned char seed;
};

static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static size_t random_size(unsigned *state)
{
    unsigned kind = next_random(state) % 16;
    unsigned r = next_random(state);

    return kind < 10 ? r % 300 : kind < 14 ? r % 20000 : kind == 14 ? r % 300000 : r % 3000000;
}

static void fill(struct block *b)
{
    memset(b->at, b->seed, b->size < 512 ? b->size : 256);
    if (b->size >= 512)
        memset(b->at + b->size - 256, b->seed, 256);
}

static void check(const struct block *b, size_t size)
{
    for (size_t i = 0; i < size && i < 256; i++)
        assert_int_equal(b->at[i], b->seed);
    if (b->size >= 512 && size == b->size)
        assert_int_equal(b->at[b->size - 1], b->seed);
}

static void replace(struct block *b, unsigned *state)
{
    size_t size = random_size(state);
    unsigned how = next_random(state) % 8;

    if (b->at != NULL && how == 0) {
        size_t common = size < b->size ? size : b->size;
        b->at = tm_realloc(b->at, size);
        assert_non_null(b->at);
        check(b, common < 256 ? common : 256);
    } else {
        if (b->at != NULL)
            check(b, b->size);
        tm_free(b->at);
        if (how == 1) {
            size_t align = (size_t)16 << next_random(state) % 14;
            b->at = tm_memalign(align, size);
            assert_int_equal((uintptr_t)b->at % align, 0);
        } else if (how == 2) {
            b->at = tm_calloc(1, size);
            for (size_t i = 0; i < size && i < 4096; i++)
                assert_int_equal(b->at[i], 0);
        } else {
            b->at = tm_malloc(size);
        }
    }
    assert_non_null(b->at);
    assert_int_equal((uintptr_t)b->at % 16, 0);
    assert_true(tm_malloc_usable_size(b->at) >= size);
    b->size = size;
    b->seed = (unsigned char)next_random(state);
    fill(b);
}

#define BLOCKS 400

static void churn(unsigned seed, unsigned rounds)
{
    static __thread struct block blocks[BLOCKS];
    unsigned state = seed;

    memset(blocks, 0, sizeof(blocks));
    for (unsigned i = 0; i < rounds; i++)
        replace(&blocks[next_random(&state) % BLOCKS], &state);
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].at != NULL)
            check(&blocks[i], blocks[i].size);
        tm_free(blocks[i].at);
    }
}

static void random_churn_keeps_contents(void **state)
{
    (void)state;
    churn(1, 30000);
}

static void memory_is_reused(void **state)
{
    (void)state;
    churn(2, 10000);
    size_t before = atomic_load(&mapped);
    for (unsigned i = 0; i < 5; i++)
        churn(2, 10000);
    assert_true(atomic_load(&mapped) <= before + ((size_t)8 << 20));
}

static void *churn_thread(void *argument)
{
    struct __pthread self = {0};

    __libc_self = &self;
    churn((unsigned)(uintptr_t)argument, 10000);
    __malloc_thread_end(&self);
    return NULL;
}

static void *free_all(void *argument)
{
    struct __pthread self = {0};
    void **blocks = argument;

    __libc_self = &self;
    for (unsigned i = 0; i < 1000; i++)
        tm_free(blocks[i]);
    __malloc_thread_end(&self);
    return NULL;
}

static void threads_do_not_meet(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn_thread, (void *)(i + 7)), 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void another_thread_may_free(void **state)
{
    static void *blocks[1000];
    pthread_t thread;

    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 1000; i++)
            blocks[i] = tm_malloc(i);
        assert_int_equal(pthread_create(&thread, NULL, free_all, blocks), 0);
        pthread_join(thread, NULL);
    }
}

static void absurd_sizes_are_refused(void **state)
{
    void *result = NULL;

    (void)state;
    assert_null(tm_malloc(SIZE_MAX));
    assert_null(tm_malloc(SIZE_MAX - 4096));
    assert_null(tm_malloc((size_t)PTRDIFF_MAX));
    assert_int_equal(errno, ENOMEM);
    assert_null(tm_calloc(SIZE_MAX / 2, 3));
    assert_null(tm_realloc(NULL, SIZE_MAX - 64));
    assert_null(tm_memalign(4096, SIZE_MAX - 100));
    assert_null(tm_memalign((size_t)1 << 62, 1));
    assert_int_equal(tm_posix_memalign(&result, 24, 1), EINVAL);
    assert_int_equal(tm_posix_memalign(&result, 4096, SIZE_MAX), ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_tight),       cmocka_unit_test(random_churn_keeps_contents),
        cmocka_unit_test(memory_is_reused),        cmocka_unit_test(threads_do_not_meet),
        cmocka_unit_test(another_thread_may_free), cmocka_unit_test(absurd_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
