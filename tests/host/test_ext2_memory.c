/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ext2 when memory is short: of everything that a mixed workload allocates, each piece once is not there. The operation
 * that is hit either works all the same or changes nothing and says why; made again, it works; in the end the tree is
 * what it would have been, e2fsck is content, and no memory is left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/ext2_host.h"

/* --- memory that fails: the linker leads all allocations here ------------------------------- */

static bool counting;    /* what is allocated now is the core's */
static long until_fault; /* allocations; negative: none fails */
static bool lasting;     /* from then on all fail, until the end of the operation */
static bool hit;
static long held; /* pieces of memory, by anybody */

static bool fails(void)
{
    if (!counting || until_fault < 0)
        return false;
    hit = hit || until_fault == 0;
    if (until_fault == 0 && lasting)
        return true;
    return until_fault-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void __real_free(void *piece);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __wrap_free(void *piece);

static void *count(void *piece)
{
    held += piece != NULL ? 1 : 0;
    return piece;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t number, size_t size)
{
    return fails() ? NULL : count(__real_calloc(number, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (fails())
        return NULL;
    held -= old != NULL ? 1 : 0;
    return count(__real_realloc(old, size));
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : count(__real_aligned_alloc(align, size));
}

void __wrap_free(void *piece)
{
    held -= piece != NULL ? 1 : 0;
    __real_free(piece);
}

/* --- the workload --------------------------------------------------------------------------- */

static struct host host;
static struct inode *opened; /* as the kernel has it: referenced, without a hold */

/* Pages, as the kernel writes them; what it kept from an earlier try is written again. */
static cloudabi_errno_t write_pages(const char *path, uint64_t offset, uint64_t len)
{
    struct fs_page_out request = {.offset = offset, .size = offset + len - 100, .mtim = 7};
    struct fs_places places;
    struct inode *inode = NULL;
    cloudabi_errno_t error = host_find(&host, path, &inode);
    while (error == 0 && len != 0) {
        error = fs_reserve(inode, request.offset, len, &request.len);
        if (error == 0)
            error = fs_page_out(inode, &request, &places);
        if (error == 0 && places.wants_wrote)
            error = fs_wrote(inode, request.offset, places.len, 0);
        request.offset += places.len;
        len -= error == 0 ? places.len : 0;
    }
    if (error == 0)
        error = fs_sync(inode, request.size, 7, 7);
    inode_put(inode);
    return error;
}

static cloudabi_errno_t truncate(const char *path, uint64_t size)
{
    struct inode *inode = NULL;
    cloudabi_errno_t error = host_find(&host, path, &inode);
    if (error == 0)
        error = fs_truncate(inode, size, 9);
    inode_put(inode);
    return error;
}

static cloudabi_errno_t open_file(const char *path)
{
    cloudabi_errno_t error = host_find(&host, path, &opened);
    if (error == 0) {
        inode_referenced(opened);
        inode_put(opened);
    }
    return error;
}

static cloudabi_errno_t close_file(void)
{
    inode_hold(opened);
    cloudabi_errno_t error = inode_forget(opened, 1, 11);
    inode_put(opened);
    opened = NULL;
    return error;
}

struct step {
    enum { FILE_, DIR_, LINK, HARD, MOVE, REMOVE, RMDIR, WRITE, CUT, OPEN, CLOSE, COMMIT } what;
    const char *path, *other;
    uint64_t at, len;
};

#define LONG_TARGET "a/target/that/is/too/long/for/the/inode/so/that/it/needs/a/block/of/its/own"

static const struct step steps[] = {
    {.what = FILE_, .path = "one"},
    {.what = WRITE, .path = "one", .at = 0, .len = 16 * FS_PAGE},
    {.what = WRITE, .path = "one", .at = 80 * FS_PAGE, .len = 2 * FS_PAGE},
    {.what = DIR_, .path = "d"},
    {.what = DIR_, .path = "d/e"},
    {.what = FILE_, .path = "d/two"},
    {.what = HARD, .path = "d/two", .other = "d/e/three"},
    {.what = LINK, .path = "short", .other = "one"},
    {.what = LINK, .path = "d/long", .other = LONG_TARGET},
    {.what = COMMIT},
    {.what = WRITE, .path = "d/two", .at = 4 * FS_PAGE, .len = 3 * FS_PAGE},
    {.what = MOVE, .path = "d/e", .other = "f"},
    {.what = MOVE, .path = "d/two", .other = "many/replaced"},
    {.what = OPEN, .path = "one"},
    {.what = REMOVE, .path = "one"},
    {.what = COMMIT},
    {.what = CUT, .path = "big", .at = 70 * FS_PAGE + 17},
    {.what = CUT, .path = "big", .at = 3 * FS_PAGE + 1},
    {.what = CLOSE},
    {.what = FILE_, .path = "many/another"},
    {.what = REMOVE, .path = "many/file-with-a-long-name-17"},
    {.what = MOVE, .path = "many/file-with-a-long-name-20", .other = "many/new-20"},
    {.what = REMOVE, .path = "d/long"},
    {.what = RMDIR, .path = "d"},
    {.what = REMOVE, .path = "big"},
    {.what = COMMIT},
    {.what = FILE_, .path = "late"},
    {.what = WRITE, .path = "late", .at = 0, .len = 20 * FS_PAGE},
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

static cloudabi_errno_t step_make(const struct step *step)
{
    switch (step->what) {
    case FILE_:
        return host_create(&host, step->path);
    case DIR_:
        return host_mkdir(&host, step->path);
    case LINK:
        return host_symlink(&host, step->other, step->path);
    case HARD:
        return host_link(&host, step->path, step->other);
    case MOVE:
        return host_rename(&host, step->path, step->other);
    case REMOVE:
        return host_unlink(&host, step->path, false);
    case RMDIR:
        return host_unlink(&host, step->path, true);
    case WRITE:
        return write_pages(step->path, step->at, step->len);
    case CUT:
        return truncate(step->path, step->at);
    case OPEN:
        return open_file(step->path);
    case CLOSE:
        return close_file();
    case COMMIT:
        return fs_commit(host.fs);
    }
    return CLOUDABI_EINVAL;
}

/* What a write or a cut had done when it failed is done. */
static bool is_whole(const struct step *step)
{
    return step->what != WRITE && step->what != CUT && step->what != CLOSE;
}

/* --- what the tree is ------------------------------------------------------------------------ */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return ((hash ^ value) * 0x9E3779B97F4A7C15) ^ hash >> 29;
}

static uint64_t tree_hash(struct inode *dir, unsigned depth)
{
    struct fs_dirent entry;
    uint64_t hash = 0;
    for (uint64_t cookie = 0; fs_readdir(dir, cookie, &entry) == 0; cookie = entry.next) {
        char name[FS_NAME_MAX];
        struct fs_attr attr;
        struct inode *inode;
        struct fs_name copy = {name, entry.name.len};
        memcpy(name, entry.name.text, copy.len);
        assert_int_equal(fs_lookup(dir, copy, &inode), 0);
        inode_attributes(inode, &attr);
        uint64_t one = mix(mix(mix(1, attr.type), attr.nlink), attr.size);
        for (size_t i = 0; i < copy.len; i++)
            one = mix(one, (uint8_t)name[i]);
        if (attr.type == CLOUDABI_FILETYPE_DIRECTORY && name[0] != '.' && depth < 5)
            one = mix(one, tree_hash(inode, depth + 1));
        hash += one; /* in any order */
        inode_put(inode);
    }
    return hash;
}

static uint64_t states[STEPS + 1]; /* before each step, and in the end */

/* --- all of it -------------------------------------------------------------------------------- */

static void prepare(const char *options)
{
    host_make(options, "4M");
    host_mount(&host);
    assert_int_equal(host_mkdir(&host, "many"), 0);
    for (int i = 0; i < 200; i++) {
        char path[64];
        snprintf(path, sizeof(path), "many/file-with-a-long-name-%d", i);
        assert_int_equal(host_create(&host, path), 0);
    }
    assert_int_equal(host_create(&host, "many/replaced"), 0);
    assert_int_equal(host_create(&host, "big"), 0);
    assert_int_equal(write_pages("big", 0, 100 * FS_PAGE), 0);
    host_unmount(&host);
    assert_int_equal(host_shell("cp image base"), 0);
    assert_int_equal(host_shell("e2fsck -fn image"), 0);
}

static void learn_states(void)
{
    host_mount(&host);
    for (size_t i = 0; i < STEPS; i++) {
        states[i] = tree_hash(host.root, 0);
        assert_int_equal(step_make(&steps[i]), 0);
    }
    states[STEPS] = tree_hash(host.root, 0);
    host_unmount(&host);
}

static void count_core(bool begin)
{
    counting = begin;
}

/* Mounts with memory that may fail; a mount that failed is made again. */
static void mount_counting(void)
{
    host_mounting = count_core;
    cloudabi_errno_t error = host_try_mount(&host);
    host_mounting = NULL;
    if (hit)
        until_fault = -1;
    if (error == 0)
        return;
    assert_true(hit && error == CLOUDABI_ENOMEM);
    host_mount(&host);
}

static void step_counting(size_t i)
{
    bool before = hit;
    counting = true;
    cloudabi_errno_t error = step_make(&steps[i]);
    counting = false;
    if (!hit || before) {
        assert_int_equal(error, 0);
        return;
    }
    until_fault = -1;
    if (error != 0 && error != CLOUDABI_ENOMEM)
        fail_msg("step %zu: %d", i, error);
    if (is_whole(&steps[i]))
        assert_true(tree_hash(host.root, 0) == states[error == 0 ? i + 1 : i]);
    if (error != 0)
        assert_int_equal(step_make(&steps[i]), 0);
}

/* False: there are no more than N allocations. */
static bool fault_at(long n)
{
    assert_int_equal(host_shell("cp base image"), 0);
    long before = held;
    until_fault = n;
    hit = false;
    mount_counting();
    for (size_t i = 0; i < STEPS; i++)
        step_counting(i);
    until_fault = -1;
    assert_true(tree_hash(host.root, 0) == states[STEPS]);
    host_unmount(&host);
    assert_int_equal(held, before);
    return hit;
}

/* EXT2_MEMORY_ALL: every one; it takes half a minute. */
static void test_faults(const char *options, unsigned cache_bytes)
{
    long n = 0, every = getenv("EXT2_MEMORY_ALL") != NULL ? 1 : 7;
    until_fault = -1;
    prepare(options);
    learn_states();
    host_cache_bytes = cache_bytes;
    for (; fault_at(n / 2); n += every)
        lasting = n % 2 != 0;
    assert_true(n > 50);
    host_cache_bytes = 0;
}

static void test_journaled(void **state)
{
    (void)state;
    test_faults("-t ext2 -j -J size=1 -b 1024", 6 * 1024);
}

static void test_plain(void **state)
{
    (void)state;
    test_faults("-t ext2 -b 1024", 6 * 1024);
}

static void test_large_blocks(void **state)
{
    (void)state;
    test_faults("-t ext2 -b 4096", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_journaled),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_large_blocks),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    host_clean();
    return failed;
}
