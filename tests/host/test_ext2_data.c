/* SPDX-License-Identifier: BSD-2-Clause */
/* The data path of ext2: promises, chosen blocks, sizes, holes, truncation, orphans. e2fsck judges the counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/ext2_host.h"

#define GIB (1ull << 30)

static struct host host;

static void start(const char *options, const char *size)
{
    host_make(options, size);
    host_mount(&host);
}

static struct inode *file(const char *path)
{
    struct inode *inode;
    cloudabi_errno_t error = host_find(&host, path, &inode);
    if (error == CLOUDABI_ENOENT) {
        assert_int_equal(host_create(&host, path), 0);
        error = host_find(&host, path, &inode);
    }
    assert_int_equal(error, 0);
    return inode;
}

static uint64_t size_of(const struct inode *inode)
{
    struct fs_attr attr;
    inode_attributes(inode, &attr);
    return attr.size;
}

static uint64_t available(void)
{
    struct fs_counts counts;
    fs_count(host.fs, &counts);
    return counts.blocks_available;
}

static void expect_zero(struct inode *inode, uint64_t offset, size_t len)
{
    uint8_t *data = malloc(len);
    assert_non_null(data);
    host_read(&host, inode, offset, data, len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(data[i], 0);
    free(data);
}

static void remount(void)
{
    host_unmount(&host);
    host_mount(&host);
}

/* --- size --------------------------------------------------------------------------------- */

static void test_far_offsets(void **state)
{
    static const uint64_t offsets[] = {5 * GIB + 12345, 11 * 1024,    12 * 1024,    267 * 1024,
                                       268 * 1024,      65000 * 1024, 66000 * 1024, 4 * GIB - 100};
    char text[16];
    (void)state;
    start("-t ext2 -b 1024 -O ^large_file", "8M");
    struct inode *inode = file("sparse");
    for (unsigned i = 0; i < 8; i++) {
        snprintf(text, sizeof(text), "offset %u", i);
        assert_int_equal(host_write(&host, inode, offsets[i], text, 9), 0);
    }
    inode_put(inode);
    remount();
    inode = file("sparse");
    assert_int_equal(size_of(inode), offsets[0] + 9);
    for (unsigned i = 0; i < 8; i++) {
        snprintf(text, sizeof(text), "offset %u", i);
        char found[9];
        host_read(&host, inode, offsets[i], found, 9);
        assert_memory_equal(found, text, 9);
    }
    expect_zero(inode, 1 * GIB, 100000);
    assert_int_equal(fs_truncate(inode, 65 * 1000 * 1024, 1), 0);
    inode_put(inode);
    remount();
    assert_int_equal(host_shell("dumpe2fs -h image | grep -q large_file"), 0);
    inode = file("sparse");
    assert_int_equal(fs_truncate(inode, 1ull << 60, 1), CLOUDABI_EFBIG);
    assert_int_equal(fs_truncate(inode, 4 * GIB + 1, 1), 0);
    assert_int_equal(fs_truncate(inode, 0, 1), 0);
    inode_put(inode);
    host_unmount(&host);
}

static void test_cut_tail(void **state)
{
    uint8_t data[5000];
    (void)state;
    memset(data, 7, sizeof(data));
    static const char *const options[] = {"-t ext2 -b 1024", "-t ext2 -j -b 4096"};
    for (int i = 0; i < 2; i++) {
        start(options[i], "8M");
        struct inode *inode = file("f");
        assert_int_equal(host_write(&host, inode, 0, data, sizeof(data)), 0);
        assert_int_equal(fs_truncate(inode, 1500, 1), 0);
        assert_int_equal(fs_truncate(inode, 5000, 1), 0);
        uint8_t found[5000];
        host_read(&host, inode, 0, found, sizeof(found));
        assert_memory_equal(found, data, 1500);
        for (int at = 1500; at < 5000; at++)
            assert_int_equal(found[at], 0);
        inode_put(inode);
        host_unmount(&host);
    }
}

/* --- promises ----------------------------------------------------------------------------- */

static void page_out(struct inode *inode, uint64_t offset, uint64_t len, uint64_t size, bool wrote)
{
    while (len != 0) {
        struct fs_places places;
        const struct fs_page_out request = {offset, len, size, 1, 1};
        assert_int_equal(fs_page_out(inode, &request, &places), 0);
        if (wrote && places.wants_wrote)
            assert_int_equal(fs_wrote(inode, offset, places.len, 0), 0);
        offset += places.len;
        len -= places.len;
    }
}

static uint64_t reserve_all(struct inode *inode, uint64_t offset)
{
    uint64_t start = offset, granted;
    while (fs_reserve(inode, offset, 64 * FS_PAGE, &granted) == 0)
        offset += granted;
    return offset - start;
}

/* All that was promised can be written, whatever the order, and nothing more is promised then. */
static void fill_disk(const char *options, uint64_t offset, unsigned order)
{
    start(options, "4M");
    struct inode *inode = file("full"), *other = file("other");
    uint64_t granted, got = reserve_all(inode, offset);
    assert_int_equal(fs_reserve(other, 0, FS_PAGE, &granted), CLOUDABI_ENOSPC);
    assert_int_equal(fs_reserve(inode, offset, got, &granted), 0); /* the same again */
    assert_int_equal(granted, got);
    uint64_t pages = got / FS_PAGE;
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t page = order == 0 ? i : order == 1 ? pages - 1 - i : i * 7919 % pages;
        page_out(inode, offset + page * FS_PAGE, FS_PAGE, offset + got, true);
    }
    if (order == 2 && pages % 7919 != 0)
        page_out(inode, offset, got, offset + got, true);
    assert_int_equal(fs_sync(inode, offset + got, 2, 2), 0);
    assert_int_equal(reserve_all(other, 0), 0);
    inode_put(inode);
    inode_put(other);
    remount();
    assert_int_equal(host_unlink(&host, "full", false), 0);
    other = file("other");
    assert_true(reserve_all(other, 0) >= got);
    inode_put(other);
    host_unmount(&host);
}

static void test_promises(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 3; order++) {
        fill_disk("-t ext2 -b 1024 -m 0", 0, order);
        fill_disk("-t ext2 -b 1024 -m 0", 600 * FS_PAGE, order);
        fill_disk("-t ext2 -b 4096 -m 0", 0, order);
        fill_disk("-t ext2 -b 1024 -m 0 -j -J size=1", 8 * FS_PAGE, order);
    }
}

/* A promise for single pages far from each other holds for their indirect blocks too. */
static void test_scattered_promises(void **state)
{
    (void)state;
    start("-t ext2 -b 1024 -m 0", "2M");
    struct inode *inode = file("f");
    uint64_t granted, page = 0, count = 0;
    while (fs_reserve(inode, page * FS_PAGE, FS_PAGE, &granted) == 0) {
        count++;
        page += 97;
    }
    assert_true(count > 100);
    for (uint64_t i = count; i-- > 0;)
        page_out(inode, i * 97 * FS_PAGE, FS_PAGE, page * FS_PAGE, true);
    assert_int_equal(fs_sync(inode, page * FS_PAGE, 1, 1), 0);
    inode_put(inode);
    host_unmount(&host);
}

static void test_promises_end(void **state)
{
    uint64_t granted;
    (void)state;
    start("-t ext2 -b 1024 -m 0", "4M");
    uint64_t before = available();
    struct inode *inode = file("f");
    inode_referenced(inode);
    assert_int_equal(fs_reserve(inode, 0, 100 * FS_PAGE, &granted), 0);
    assert_true(available() < before - 400);
    assert_int_equal(fs_truncate(inode, 10, 1), 0);
    assert_int_equal(fs_reserve(inode, 0, 100 * FS_PAGE, &granted), 0);
    page_out(inode, 0, 50 * FS_PAGE, 50 * FS_PAGE, false);
    assert_int_equal(inode_forget(inode, 1, 1), 0);
    assert_int_equal(available(), before);
    inode_put(inode);
    host_unmount(&host);
}

/* Blocks that were cut out of a page which the kernel may still write are there when it does. */
static void test_cut_page_stays_promised(void **state)
{
    uint8_t data[4096] = {1};
    uint64_t granted;
    (void)state;
    start("-t ext2 -b 1024 -m 0", "2M");
    struct inode *inode = file("f"), *other = file("other");
    inode_referenced(inode);
    assert_int_equal(host_write(&host, inode, 0, data, sizeof(data)), 0);
    assert_int_equal(fs_truncate(inode, 100, 1), 0);
    while (fs_reserve(other, reserve_all(other, 0), FS_PAGE, &granted) == 0)
        ;
    page_out(inode, 0, FS_PAGE, 4096, true);
    assert_int_equal(size_of(inode), 4096);
    inode_put(other);
    assert_int_equal(inode_forget(inode, 1, 1), 0);
    inode_put(inode);
    host_unmount(&host);
}

/* Nearly full, and what is free lies in single blocks; some of it was freed in the same transaction. */
static void test_fragments(void **state)
{
    uint8_t data[4096];
    char name[16];
    unsigned made = 0;
    (void)state;
    memset(data, 9, sizeof(data));
    start("-t ext2 -b 1024 -m 0 -N 3000", "3M");
    assert_int_equal(host_mkdir(&host, "d"), 0);
    for (cloudabi_errno_t error = 0; error == 0; made++) {
        snprintf(name, sizeof(name), "d/%u", made);
        error = host_put(&host, name, data, made % 3 == 0 ? 3000 : 1000);
        assert_in_set(error, ((unsigned long[]){0, CLOUDABI_ENOSPC}), 2);
    }
    assert_true(made > 500);
    for (unsigned i = 0; i + 1 < made; i += 2) {
        snprintf(name, sizeof(name), "d/%u", i);
        assert_int_equal(host_unlink(&host, name, false), 0);
    }
    struct inode *inode = file("fragmented"), *other = file("other");
    uint64_t size = 0;
    for (; host_write(&host, inode, size, data, sizeof(data)) == 0; size += sizeof(data)) {
        assert_in_range(host_write(&host, other, size / 8, data, 100), 0, CLOUDABI_ENOSPC);
        if (size % 40960 == 0)
            assert_int_equal(fs_commit(host.fs), 0);
    }
    assert_true(size > 400000);
    for (uint64_t at = 0; at < size; at += sizeof(data)) {
        uint8_t found[4096];
        host_read(&host, inode, at, found, sizeof(found));
        assert_memory_equal(found, data, sizeof(found));
    }
    inode_put(inode);
    inode_put(other);
    host_unmount(&host);
}

/* What one file keeps for its appends is given to another that needs it. */
static void test_ahead_is_given_back(void **state)
{
    uint8_t data[4096] = {1};
    (void)state;
    start("-t ext2 -b 1024 -m 0 -g 1024", "4M");
    struct inode *one = file("one"), *two = file("two");
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(host_write(&host, one, i * 4096, data, 4096), 0);
    uint64_t size = 0;
    while (host_write(&host, two, size, data, 4096) == 0)
        size += 4096;
    assert_true(available() < 8);
    inode_put(one);
    inode_put(two);
    host_unmount(&host);
}

/* A range is confirmed in parts, and in parts that are not where it was chosen. */
static void test_wrote_in_parts(void **state)
{
    (void)state;
    start("-t ext2 -b 1024", "4M");
    struct inode *inode = file("f");
    page_out(inode, 0, 32 * FS_PAGE, 32 * FS_PAGE, false);
    for (uint64_t page = 1; page < 32; page += 2)
        assert_int_equal(fs_wrote(inode, page * FS_PAGE, FS_PAGE, 0), 0);
    assert_int_equal(fs_truncate(inode, 20 * FS_PAGE, 1), 0);
    assert_int_equal(fs_wrote(inode, 0, 32 * FS_PAGE, 0), 0);
    assert_int_equal(size_of(inode), 20 * FS_PAGE);
    struct fs_attr attr;
    inode_attributes(inode, &attr);
    assert_int_equal(attr.allocated, 20 * FS_PAGE + 1024);
    assert_int_equal(fs_truncate(inode, 0, 1), 0);
    struct fs_places places;
    const struct fs_page_out behind = {64 * FS_PAGE, FS_PAGE, 100, 1, 1};
    assert_int_equal(fs_page_out(inode, &behind, &places), 0);
    assert_int_equal(places.count, 0);
    assert_int_equal(places.len, FS_PAGE);
    assert_int_equal(size_of(inode), 0);
    assert_int_equal(fs_page_in(host.root, 0, FS_PAGE, &places), CLOUDABI_EISDIR);
    assert_int_equal(fs_page_in(inode, 1, FS_PAGE, &places), CLOUDABI_EINVAL);
    assert_int_equal(fs_page_in(inode, 1ull << 50, FS_PAGE, &places), 0);
    assert_true(places.extent[0].offset == FS_HOLE);
    inode_put(inode);
    host_unmount(&host);
}

/* --- chosen blocks ------------------------------------------------------------------------ */

static void test_not_reachable_before_wrote(void **state)
{
    (void)state;
    start("-t ext2 -b 1024", "4M");
    struct inode *inode = file("f");
    assert_int_equal(fs_commit(host.fs), 0);
    page_out(inode, 0, 20 * FS_PAGE, 20 * FS_PAGE, false);
    assert_int_equal(size_of(inode), 0);
    struct fs_places first, second;
    const struct fs_page_out request = {0, 20 * FS_PAGE, 20 * FS_PAGE, 1, 1};
    assert_int_equal(fs_page_out(inode, &request, &first), 0);
    assert_int_equal(fs_page_out(inode, &request, &second), 0);
    assert_memory_equal(first.extent, second.extent, first.count * sizeof(first.extent[0]));
    assert_int_equal(fs_page_in(inode, 0, FS_PAGE, &second), 0);
    assert_true(second.extent[0].offset == FS_HOLE);
    assert_int_equal(fs_commit(host.fs), 0);
    inode_put(inode);
    host_crash(&host);
    assert_in_range(host_shell("e2fsck -fn image | grep -v 'not cleanly'"), 0, 1);
    host_mount(&host);
    inode = file("f");
    assert_int_equal(size_of(inode), 0);
    page_out(inode, 0, 20 * FS_PAGE, 20 * FS_PAGE, false);
    assert_int_equal(fs_wrote(inode, 0, 8 * FS_PAGE, 0), 0);
    assert_int_equal(size_of(inode), 8 * FS_PAGE);
    assert_int_equal(fs_wrote(inode, 8 * FS_PAGE, 12 * FS_PAGE, CLOUDABI_EIO), CLOUDABI_EIO);
    assert_int_equal(size_of(inode), 8 * FS_PAGE);
    inode_put(inode);
    host_crash(&host);
}

/* Two files that grow in turns lie in long runs. */
static void test_appends_are_contiguous(void **state)
{
    uint8_t data[4096] = {1};
    (void)state;
    start("-t ext2 -b 1024", "32M");
    struct inode *one = file("one"), *two = file("two");
    for (int i = 0; i < 256; i++) {
        assert_int_equal(host_write(&host, one, (uint64_t)i * 4096, data, 4096), 0);
        assert_int_equal(host_write(&host, two, (uint64_t)i * 4096, data, 4096), 0);
    }
    unsigned extents = 0;
    for (uint64_t offset = 0; offset < 256 * 4096;) {
        struct fs_places places;
        assert_int_equal(fs_page_in(one, offset, 256 * 4096 - offset, &places), 0);
        extents += places.count;
        offset += places.len;
    }
    assert_in_range(extents, 1, 24);
    inode_put(one);
    inode_put(two);
    host_unmount(&host);
}

/* --- orphans ------------------------------------------------------------------------------ */

static void test_unlinked_but_open(void **state)
{
    uint8_t data[20000] = {1};
    (void)state;
    static const char *const options[] = {"-t ext2 -b 1024", "-t ext2 -j -b 1024"};
    for (int i = 0; i < 4; i++) {
        start(options[i % 2], "8M");
        struct inode *inode[3];
        const char *const names[] = {"a", "b", "c"};
        for (int f = 0; f < 3; f++) {
            inode[f] = file(names[f]);
            inode_referenced(inode[f]);
            assert_int_equal(host_write(&host, inode[f], 0, data, sizeof(data)), 0);
            assert_int_equal(host_unlink(&host, names[f], false), 0);
            assert_int_equal(host_write(&host, inode[f], 20000, data, sizeof(data)), 0);
        }
        inode_forget(inode[1], 1, 1);
        inode_put(inode[1]);
        assert_int_equal(fs_commit(host.fs), 0);
        if (i < 2) {
            inode_put(inode[0]);
            inode_put(inode[2]);
            host_crash(&host);
            host_mount(&host);
            assert_int_equal(host.report.orphans, 2);
            assert_int_equal(host.report.replayed != 0, i == 1);
            host_crash(&host);
            assert_in_range(host_shell("e2fsck -fp image"), 0, 1);
        } else {
            inode_put(inode[0]);
            inode_put(inode[2]);
            host_unmount(&host);
        }
    }
}

/* A file that takes many transactions to remove, with a crash in their middle. */
static void test_remove_large(void **state)
{
    (void)state;
    uint8_t *data = calloc(1, 24 << 20);
    assert_non_null(data);
    memset(data, 5, 24 << 20);
    start("-t ext2 -j -J size=1 -b 1024", "40M");
    struct inode *inode = file("large");
    inode_referenced(inode);
    assert_int_equal(host_write(&host, inode, 0, data, 24 << 20), 0);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(host_write(&host, inode, (40 + i * 7ull) << 20, data, 1000), 0);
    assert_int_equal(host_unlink(&host, "large", false), 0);
    assert_int_equal(fs_commit(host.fs), 0);
    host.disk.writes_left = 900;
    (void)inode_forget(inode, 1, 1);
    inode_put(inode);
    host.disk.writes_left = -1;
    host_crash(&host);
    host_mount(&host);
    assert_true(host.report.replayed != 0);
    host_unmount(&host);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_far_offsets),
        cmocka_unit_test(test_cut_tail),
        cmocka_unit_test(test_promises),
        cmocka_unit_test(test_scattered_promises),
        cmocka_unit_test(test_promises_end),
        cmocka_unit_test(test_cut_page_stays_promised),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_ahead_is_given_back),
        cmocka_unit_test(test_wrote_in_parts),
        cmocka_unit_test(test_not_reachable_before_wrote),
        cmocka_unit_test(test_appends_are_contiguous),
        cmocka_unit_test(test_unlinked_but_open),
        cmocka_unit_test(test_remove_large),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    host_clean();
    return failed;
}
