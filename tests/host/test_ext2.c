/* SPDX-License-Identifier: BSD-2-Clause */
/* The ext2 core on images by mke2fs: what debugfs wrote is read, what is written here passes e2fsck and is read by
 * debugfs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/ext2_host.h"

static uint8_t *pattern(size_t len, unsigned seed)
{
    uint8_t *data = malloc(len);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 31 + i / 251 + seed);
    return data;
}

static void expect_content(struct host *host, const char *path, const uint8_t *data, size_t len)
{
    struct inode *inode;
    struct fs_attr attr;
    assert_int_equal(host_find(host, path, &inode), 0);
    inode_attributes(inode, &attr);
    assert_int_equal(attr.size, len);
    uint8_t *found = malloc(len + 1);
    assert_non_null(found);
    host_read(host, inode, 0, found, len);
    assert_memory_equal(found, data, len);
    free(found);
    inode_put(inode);
}

/* --- images of all sorts ------------------------------------------------------------------ */

static const char *const options[] = {
    "-t ext2 -b 1024",
    "-t ext2 -b 2048",
    "-t ext2 -b 4096",
    "-t ext2 -b 1024 -I 128",
    "-t ext2 -b 4096 -I 256",
    "-t ext2 -b 1024 -O ^resize_inode",
    "-t ext2 -b 1024 -O ^filetype",
    "-t ext2 -b 1024 -O ^sparse_super,^resize_inode",
    "-t ext2 -b 1024 -O ^dir_index",
    "-t ext2 -b 2048 -O ^large_file -I 512",
    "-t ext2 -b 1024 -r 0 -O none",
    "-t ext2 -b 1024 -g 1024",
    "-t ext2 -b 1024 -g 256 -N 1024",
    "-t ext2 -b 1024 -O meta_bg,^resize_inode -g 512",
    "-t ext2 -j -b 1024 -J size=1",
    "-t ext2 -j -b 2048",
    "-t ext2 -j -b 4096",
    "-t ext3 -b 1024",
};

static void fill_by_debugfs(const char *data_file)
{
    assert_int_equal(
        host_shell("debugfs -w -R 'write %s small' image && debugfs -w -R 'mkdir d' image && "
                   "debugfs -w -R 'mkdir d/e' image && debugfs -w -R 'write big d/e/big' image && "
                   "debugfs -w -R 'symlink fast d/e/big' image && "
                   "debugfs -w -R 'symlink slow %0100d' image && "
                   "debugfs -w -R 'ln small d/hard' image && "
                   "debugfs -w -R 'sif small links_count 2' image",
                   data_file, 7),
        0);
}

static void read_what_debugfs_wrote(struct host *host, const uint8_t *small, const uint8_t *big,
                                    size_t big_len)
{
    struct inode *inode;
    char target[FS_TARGET_MAX];
    size_t len = sizeof(target);
    expect_content(host, "small", small, 100);
    expect_content(host, "d/hard", small, 100);
    expect_content(host, "d/e/big", big, big_len);
    assert_int_equal(host_find(host, "fast", &inode), 0);
    assert_int_equal(fs_readlink(inode, target, &len), 0);
    assert_int_equal(len, 7);
    assert_memory_equal(target, "d/e/big", 7);
    inode_put(inode);
    len = sizeof(target);
    assert_int_equal(host_find(host, "slow", &inode), 0);
    assert_int_equal(fs_readlink(inode, target, &len), 0);
    assert_int_equal(len, 100);
    inode_put(inode);
    assert_int_equal(host_find(host, "none", &inode), CLOUDABI_ENOENT);
}

static void save(const char *name, const uint8_t *data, size_t len)
{
    assert_int_equal(host_shell("pwd"), 0);
    char path[128];
    snprintf(path, sizeof(path), "%.*s/%s", (int)strcspn(host_output(), "\n"), host_output(), name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    fclose(file);
}

static void write_a_bit_of_all(struct host *host, const uint8_t *big, size_t big_len)
{
    char name[300];
    assert_int_equal(host_put(host, "d/new", big, big_len), 0);
    assert_int_equal(host_put(host, "tiny", big, 5), 0);
    assert_int_equal(host_mkdir(host, "d/f"), 0);
    assert_int_equal(host_mkdir(host, "d/f"), CLOUDABI_EEXIST);
    memset(name, 'x', sizeof(name));
    name[200] = 0;
    assert_int_equal(host_symlink(host, name, "d/f/long"), 0);
    assert_int_equal(host_symlink(host, "short", "d/f/short"), 0);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "d/f/file-with-a-longer-name-%d", i);
        assert_int_equal(host_create(host, name), 0);
    }
    assert_int_equal(host_link(host, "tiny", "d/f/tiny2"), 0);
    assert_int_equal(host_rename(host, "d/f", "g"), 0);
    assert_int_equal(host_rename(host, "d/e", "g/e"), 0);
    assert_int_equal(host_rename(host, "g", "g/e/h"), CLOUDABI_EINVAL);
    assert_int_equal(host_unlink(host, "small", false), 0);
    assert_int_equal(host_unlink(host, "g", true), CLOUDABI_ENOTEMPTY);
    assert_int_equal(host_unlink(host, "g", false), CLOUDABI_EPERM);
    assert_int_equal(host_rename(host, "g/short", "g/long"), 0);
    assert_int_equal(host_unlink(host, "slow", false), 0);
}

static void test_images(void **state)
{
    (void)state;
    size_t big_len = 700000;
    uint8_t *big = pattern(big_len, 1), *back = malloc(big_len + 1);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct host host;
        host_make(options[i], "8M");
        save("small", big, 100);
        save("big", big, big_len);
        fill_by_debugfs("small");
        host_mount(&host);
        read_what_debugfs_wrote(&host, big, big, big_len);
        write_a_bit_of_all(&host, big, big_len);
        expect_content(&host, "g/e/big", big, big_len);
        host_unmount(&host);
        assert_int_equal(host_shell("debugfs -R 'dump d/new out' image && cmp out big && "
                                    "debugfs -R 'dump g/tiny2 out' image && cmp -n 5 out big && "
                                    "debugfs -R 'dump d/hard out' image && cmp out small"),
                         0);
        host_mount(&host);
        assert_false(host.report.was_unclean);
        assert_null(host.report.why);
        expect_content(&host, "d/new", big, big_len);
        host_unmount(&host);
    }
    free(big);
    free(back);
}

/* --- refusing ----------------------------------------------------------------------------- */

static void test_refused(void **state)
{
    (void)state;
    struct host host;
    static const char *const foreign[] = {"-t ext4 -b 1024", "-t ext2 -O extent",
                                          "-t ext2 -O 64bit,extent",
                                          "-t ext2 -O inline_data -I 256"};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        host_make(foreign[i], "8M");
        assert_int_equal(host_try_mount(&host), CLOUDABI_EINVAL);
        assert_non_null(host.report.why);
    }
    host_make("-t ext2 -O uninit_bg", "8M");
    host_mount(&host);
    assert_true(fs_is_read_only(host.fs));
    assert_non_null(host.report.why);
    assert_int_equal(host_create(&host, "x"), CLOUDABI_EROFS);
    host_crash(&host);
    assert_int_equal(
        host_shell("truncate -s 100000 image && dd if=/dev/zero of=image bs=100k count=1"), 0);
    assert_int_equal(host_try_mount(&host), CLOUDABI_EINVAL);
    host_make("-t ext2 -b 1024", "8M");
    assert_int_equal(host_shell("truncate -s 4M image"), 0);
    assert_int_equal(host_try_mount(&host), CLOUDABI_EIO);
}

static void test_states(void **state)
{
    (void)state;
    struct host host;
    host_make("-t ext2 -b 1024", "8M");
    assert_int_equal(host_shell("debugfs -w -R 'ssv state 3' image"), 0);
    host_mount(&host);
    assert_true(host.report.had_errors);
    host_crash(&host);
    host_make("-t ext2 -b 1024", "8M");
    host_mount(&host);
    host_crash(&host);
    host_mount(&host);
    assert_true(host.report.was_unclean);
    host_crash(&host);
    assert_in_range(host_shell("e2fsck -fp image"), 0, 1); /* 1: it corrected */
    host_mount(&host);
    assert_false(host.report.was_unclean);
    assert_int_equal(host_create(&host, "a"), 0);
    assert_int_equal(fs_settle(host.fs), 0);
    host_unmount(&host);
}

/* --- times -------------------------------------------------------------------------------- */

static void check_times(const char *how, uint64_t time, uint64_t expected)
{
    struct host host;
    struct inode *inode;
    struct fs_attr attr;
    host_make(how, "4M");
    host_mount(&host);
    assert_int_equal(host_create(&host, "file"), 0);
    assert_int_equal(host_find(&host, "file", &inode), 0);
    assert_int_equal(fs_set_times(inode, FS_SET_ATIM | FS_SET_MTIM, time, time, time), 0);
    inode_put(inode);
    host_unmount(&host);
    host_mount(&host);
    assert_int_equal(host_find(&host, "file", &inode), 0);
    inode_attributes(inode, &attr);
    assert_int_equal(attr.atim, expected);
    assert_int_equal(attr.mtim, expected);
    assert_int_equal(attr.ctim, expected);
    inode_put(inode);
    host_unmount(&host);
}

static void test_times(void **state)
{
    (void)state;
    uint64_t late = 5000000000ull * 1000000000 + 123456789; /* 2128 */
    check_times("-t ext2 -I 256", late, late);
    check_times("-t ext2 -I 256", 3000000000ull * 1000000000 + 1, 3000000000ull * 1000000000 + 1);
    check_times("-t ext2 -I 128", 1700000000123456789ull, 1700000000000000000ull);
    check_times("-t ext2 -I 128", late, (uint64_t)INT32_MAX * 1000000000);
}

/* --- directories -------------------------------------------------------------------------- */

#define MANY 50000

static unsigned count_entries(struct host *host, const char *path)
{
    struct inode *dir;
    struct fs_dirent entry;
    unsigned count = 0;
    assert_int_equal(host_find(host, path, &dir), 0);
    for (uint64_t cookie = 0; fs_readdir(dir, cookie, &entry) == 0; cookie = entry.next)
        count++;
    inode_put(dir);
    return count;
}

static void many_names(struct host *host, unsigned step)
{
    char path[64];
    struct inode *inode;
    for (unsigned i = 0; i < MANY; i += step) {
        snprintf(path, sizeof(path), "dir/name%u", i);
        assert_int_equal(host_find(host, path, &inode), 0);
        inode_put(inode);
        assert_int_equal(host_unlink(host, path, false), 0);
        assert_int_equal(host_find(host, path, &inode), CLOUDABI_ENOENT);
    }
}

static void test_large_directory(void **state)
{
    (void)state;
    struct host host;
    char path[64];
    host_make("-t ext2 -j -b 1024 -N 60000", "64M");
    host_mount(&host);
    assert_int_equal(host_mkdir(&host, "dir"), 0);
    assert_int_equal(host_create(&host, "one"), 0);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "dir/name%u", i);
        assert_int_equal(host_create(&host, path), 0);
    }
    assert_int_equal(count_entries(&host, "dir"), MANY + 2);
    many_names(&host, 3);
    assert_int_equal(count_entries(&host, "dir"), MANY - (MANY + 2) / 3 + 2);
    host_unmount(&host);
    host_mount(&host);
    for (unsigned i = 0; i < MANY; i += 3) {
        snprintf(path, sizeof(path), "dir/name%u", i);
        assert_int_equal(host_create(&host, path), 0);
    }
    many_names(&host, 1);
    assert_int_equal(count_entries(&host, "dir"), 2);
    assert_int_equal(host_unlink(&host, "dir", true), 0);
    host_unmount(&host);
}

/* As many names as the format has room for, and not one more. */
static void test_links(void **state)
{
    (void)state;
    struct host host;
    char path[64];
    host_make("-t ext2 -j -b 1024", "8M");
    host_mount(&host);
    assert_int_equal(host_create(&host, "file"), 0);
    for (unsigned i = 1; i < 32000; i++) {
        snprintf(path, sizeof(path), "%u", i);
        assert_int_equal(host_link(&host, "file", path), 0);
    }
    assert_int_equal(host_link(&host, "file", "more"), CLOUDABI_EMLINK);
    assert_int_equal(host_unlink(&host, "17", false), 0);
    assert_int_equal(host_link(&host, "file", "more"), 0);
    assert_int_equal(host_link(&host, "more", "17"), CLOUDABI_EMLINK);
    host_unmount(&host);
}

/* The same for directories in one; their number is made up, so e2fsck is not asked. */
static void test_directories(void **state)
{
    (void)state;
    struct host host;
    host_make("-t ext2 -b 1024", "4M");
    assert_int_equal(
        host_shell("debugfs -w -R 'mkdir dir' image && debugfs -w -R 'mkdir other' image && "
                   "debugfs -w -R 'sif dir links_count 31999' image"),
        0);
    host_mount(&host);
    assert_int_equal(host_mkdir(&host, "dir/last"), 0);
    assert_int_equal(host_mkdir(&host, "dir/more"), CLOUDABI_EMLINK);
    assert_int_equal(host_rename(&host, "other", "dir/more"), CLOUDABI_EMLINK);
    assert_int_equal(host_create(&host, "dir/file"), 0);
    assert_int_equal(host_unlink(&host, "dir/last", true), 0);
    assert_int_equal(host_rename(&host, "other", "dir/more"), 0);
    host_crash(&host);
}

/* A directory goes whose blocks are all in the log: of each the transaction must say so, in as much of the log as was
 * kept for it. WIDE: block numbers of 64 bits in the journal, so more of it. */
static void remove_logged(bool wide)
{
    struct host host;
    char first[256], path[256];
    snprintf(first, sizeof(first), "dir/%0200u", 0);
    host_make("-t ext2 -j -J size=1 -b 1024", "8M");
    if (wide)
        assert_int_equal(
            host_shell("at=$(debugfs -R 'bmap <8> 0' image 2>/dev/null) && "
                       "printf '\\002' | dd of=image bs=1 seek=$((at * 1024 + 0x2B)) conv=notrunc"),
            0);
    host_mount(&host);
    assert_int_equal(host_mkdir(&host, "dir"), 0);
    for (unsigned i = 0; i < 1200; i++) {
        snprintf(path, sizeof(path), "dir/%0200u", i);
        assert_int_equal(i == 0 ? host_create(&host, path) : host_link(&host, first, path), 0);
    }
    for (unsigned i = 1200; i-- > 0;) {
        snprintf(path, sizeof(path), "dir/%0200u", i);
        assert_int_equal(host_unlink(&host, path, false), 0);
    }
    assert_int_equal(host_unlink(&host, "dir", true), 0);
    host_unmount(&host);
}

static void test_revokes(void **state)
{
    (void)state;
    remove_logged(false);
    remove_logged(true);
}

/* A listing goes on after entries that it has seen, or not, are removed. */
static void test_listing_with_changes(void **state)
{
    (void)state;
    struct host host;
    struct fs_dirent entry;
    char path[64];
    unsigned seen = 0;
    host_make("-t ext2 -b 1024", "4M");
    host_mount(&host);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(path, sizeof(path), "f%u", i);
        assert_int_equal(host_create(&host, path), 0);
    }
    for (uint64_t cookie = 0; fs_readdir(host.root, cookie, &entry) == 0; cookie = entry.next) {
        snprintf(path, sizeof(path), "%.*s", (int)entry.name.len, entry.name.text);
        if (path[0] == 'f') {
            assert_int_equal(host_unlink(&host, path, false), 0);
            seen++;
        }
    }
    assert_int_equal(seen, 200);
    host_unmount(&host);
}

/* Directories with a tree of hashes, as Linux and e2fsck -D make them, are read and lose the flag when they change.
 * */
static void test_hashed_directory(void **state)
{
    (void)state;
    struct host host;
    struct inode *inode;
    host_make("-t ext2 -b 1024 -O dir_index", "8M");
    assert_int_equal(
        host_shell("mkdir -p many && for i in $(seq 500); do : >many/file$i; done; "
                   "rm -f image; mke2fs -q -F -t ext2 -b 1024 -O dir_index -d many image 8M && "
                   "e2fsck -fyD image; debugfs -R 'htree_dump /' image | grep -q Root"),
        0);
    host_mount(&host);
    assert_int_equal(host_find(&host, "file499", &inode), 0);
    inode_put(inode);
    assert_int_equal(host_create(&host, "another"), 0);
    assert_int_equal(host_unlink(&host, "file7", false), 0);
    host_unmount(&host);
    assert_int_equal(host_shell("debugfs -R 'stat /' image | grep -q 'Flags: 0x0'"), 0);
}

/* --- attributes in a block ---------------------------------------------------------------- */

static void test_extended_attributes(void **state)
{
    (void)state;
    struct host host;
    host_make("-t ext2 -b 1024 -I 128", "4M");
    save("small", (const uint8_t *)"content", 7);
    assert_int_equal(host_shell("debugfs -w -R 'write small file' image && "
                                "debugfs -w -R 'ea_set file user.name value' image && "
                                "debugfs -w -R 'symlink link target' image && "
                                "debugfs -w -R 'ea_set link user.name value' image && "
                                "e2fsck -fn image"),
                     0);
    host_mount(&host);
    uint8_t *data = pattern(30000, 3);
    struct inode *inode;
    assert_int_equal(host_find(&host, "file", &inode), 0);
    assert_int_equal(host_write(&host, inode, 0, data, 30000), 0);
    assert_int_equal(fs_truncate(inode, 10, ++host.now), 0);
    inode_put(inode);
    host_unmount(&host);
    assert_int_equal(host_shell("debugfs -R 'ea_get file user.name' image | grep -q value"), 0);
    host_mount(&host);
    assert_int_equal(host_unlink(&host, "file", false), 0);
    assert_int_equal(host_unlink(&host, "link", false), 0);
    host_unmount(&host);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_revokes),
        cmocka_unit_test(test_large_directory),
        cmocka_unit_test(test_listing_with_changes),
        cmocka_unit_test(test_hashed_directory),
        cmocka_unit_test(test_extended_attributes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    host_clean();
    return failed;
}
