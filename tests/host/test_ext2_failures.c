/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ext2 on a device that stops to work, and on images that were damaged on purpose. Whatever fails, what reaches the
 * disk holds together; what is damaged is refused or gives EIO, and is remembered in the super block.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/ext2_host.h"

static struct host host;

/* --- a device that fails ------------------------------------------------------------------ */

static long reads_left;
static cloudabi_errno_t (*real_read)(struct device *, uint64_t, void *, size_t);

static cloudabi_errno_t failing_read(struct device *device, uint64_t offset, void *to, size_t len)
{
    return reads_left-- <= 0 ? CLOUDABI_EIO : real_read(device, offset, to, len);
}

static bool is_failure(cloudabi_errno_t error)
{
    return error == CLOUDABI_EIO || error == CLOUDABI_EROFS;
}

static uint32_t random_state;

static uint32_t rnd(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 10) % limit;
}

static void random_path(char *path, size_t size)
{
    snprintf(path, size, "%s%s%u", rnd(2) == 0 ? "a/" : "", rnd(3) == 0 ? "b/" : "", rnd(30));
}

/* As host_write, but any step may fail. */
static cloudabi_errno_t write_some(struct inode *inode, uint64_t offset)
{
    struct fs_page_out request = {.offset = offset, .size = offset + 30000, .mtim = 7, .atim = 7};
    struct fs_places places;
    cloudabi_errno_t error = fs_reserve(inode, offset, 8 * FS_PAGE, &request.len);
    if (error == 0)
        error = fs_page_out(inode, &request, &places);
    if (error != 0 || !places.wants_wrote)
        return error;
    if (rnd(5) != 0)
        return fs_wrote(inode, offset, places.len, 0);
    assert_int_equal(fs_wrote(inode, offset, places.len, CLOUDABI_EIO), CLOUDABI_EIO);
    return 0;
}

static cloudabi_errno_t one_step(void)
{
    char path[64], other[64];
    struct inode *inode;
    random_path(path, sizeof(path));
    random_path(other, sizeof(other));
    switch (rnd(9)) {
    case 0:
    case 1:
        return host_create(&host, path);
    case 2:
        return host_mkdir(&host, path);
    case 3:
        return host_unlink(&host, path, rnd(2) == 0);
    case 4:
        return host_rename(&host, path, other);
    case 5:
        return host_link(&host, path, other);
    case 6:
        return host_symlink(
            &host, "a target that is so long that it needs a block of its own ........", path);
    default: {
        cloudabi_errno_t error = host_find(&host, path, &inode);
        if (error != 0 || inode_type(inode) != CLOUDABI_FILETYPE_REGULAR_FILE)
            return error != 0 ? error : (inode_put(inode), 0);
        error = rnd(3) == 0 ? fs_truncate(inode, rnd(100000), 5)
                            : write_some(inode, rnd(60) * 8ull * FS_PAGE);
        inode_put(inode);
        return error;
    }
    }
}

static void prepare(const char *options)
{
    host_make(options, "4M");
    host_mount(&host);
    assert_int_equal(host_mkdir(&host, "a"), 0);
    assert_int_equal(host_mkdir(&host, "a/b"), 0);
    assert_int_equal(host_mkdir(&host, "b"), 0);
    random_state = 1;
    for (int i = 0; i < 300; i++)
        (void)one_step();
    host_unmount(&host);
    assert_int_equal(host_shell("cp image base"), 0);
}

#define STEPS 1500

/* Works until COUNT reads or writes were made, and a bit further; then the journal repairs what is on the disk. */
static void fail_after(long count, bool writes)
{
    assert_int_equal(host_shell("cp base image"), 0);
    host_mount(&host);
    real_read = host.disk.device.read;
    host.disk.device.read = failing_read;
    reads_left = writes ? 1000000 : count;
    host.disk.writes_left = writes ? count : -1;
    random_state = (uint32_t)count * 7 + 3;
    for (int i = 0; i < STEPS; i++) {
        if (is_failure(one_step()) && i < STEPS - 10)
            i = STEPS - 10;
        if (rnd(10) == 0)
            (void)fs_commit(host.fs);
    }
    if (!writes)
        (void)fs_commit(host.fs);
    host.disk.writes_left = 0;
    host_crash(&host);
    assert_in_range(host_shell("e2fsck -fp image"), 0, 1);
    assert_true(host_check());
}

static void test_reads_fail(void **state)
{
    (void)state;
    host_cache_bytes = 6 * 1024;
    prepare("-t ext2 -j -J size=1 -b 1024");
    for (long count = 0; count < 120; count++)
        fail_after(count, false);
    host_cache_bytes = 0;
}

static void test_writes_fail(void **state)
{
    (void)state;
    prepare("-t ext2 -j -J size=1 -b 1024");
    for (long count = 1; count < 160; count += 2)
        fail_after(count, true);
}

/* --- damaged images ----------------------------------------------------------------------- */

static cloudabi_errno_t list(const char *path)
{
    struct inode *dir;
    struct fs_dirent entry;
    cloudabi_errno_t error = host_find(&host, path, &dir);
    for (uint64_t cookie = 0; error == 0; cookie = entry.next)
        error = fs_readdir(dir, cookie, &entry);
    inode_put(dir);
    return error;
}

static cloudabi_errno_t find(const char *path)
{
    struct inode *inode = NULL;
    cloudabi_errno_t error = host_find(&host, path, &inode);
    inode_put(inode);
    return error;
}

static cloudabi_errno_t cut(const char *path)
{
    struct inode *inode;
    cloudabi_errno_t error = host_find(&host, path, &inode);
    if (error == 0) {
        error = fs_truncate(inode, 0, 1);
        inode_put(inode);
    }
    return error;
}

static cloudabi_errno_t place(const char *path)
{
    struct inode *inode;
    struct fs_places places;
    cloudabi_errno_t error = host_find(&host, path, &inode);
    if (error == 0) {
        error = fs_page_in(inode, 12 * 1024, FS_PAGE, &places);
        inode_put(inode);
    }
    return error;
}

static cloudabi_errno_t fill(const char *path)
{
    struct inode *inode;
    cloudabi_errno_t error = host_create(&host, path);
    if (error == 0)
        error = host_find(&host, path, &inode);
    if (error == 0) {
        error = write_some(inode, 0);
        inode_put(inode);
    }
    return error;
}

struct damage {
    const char *command; /* of debugfs */
    cloudabi_errno_t (*act)(const char *path);
    const char *path;
};

static const struct damage damages[] = {
    {"sif file size 0xFFFFFFFFFFFF", find, "file"},
    {"sif dir size 1000", find, "dir"},
    {"sif dir size 0x7FFFFC00", find, "dir"},
    {"sif dir mode 0", find, "dir"},
    {"sif dir mode 0x5234", find, "dir"},
    {"sif dir links_count 0", find, "dir"},
    {"sif file flags 0x80000", find, "file"},
    {"sif dir block[0] 3", list, "dir"},
    {"sif dir block[0] 0", list, "dir"},
    {"sif dir block[0] 0xFFFFFFFF", list, "dir"},
    {"sif file block[IND] 1", place, "file"},
    {"sif file block[IND] 0x7FFFFFFF", cut, "file"},
    {"sif file block[4] 3", cut, "file"},
    {"sif file block[TIND] 30", cut, "file"},
    {"freeb 700 800", cut, "file"},
    {"freeb 5 100", fill, "new"},
};

static void test_damaged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        host_make("-t ext2 -b 1024", "4M");
        assert_int_equal(host_shell("head -c 1500000 /dev/zero | tr '\\0' x >data; "
                                    "debugfs -w -R 'write data file' image && "
                                    "debugfs -w -R 'mkdir dir' image && debugfs -w -R '%s' image",
                                    damages[i].command),
                         0);
        host_mount(&host);
        cloudabi_errno_t error = damages[i].act(damages[i].path);
        if (error != CLOUDABI_EIO)
            fail_msg("%s: %d", damages[i].command, error);
        (void)fs_commit(host.fs);
        host_crash(&host);
        host_mount(&host);
        if (!host.report.had_errors)
            fail_msg("%s: no error was noted", damages[i].command);
        host_crash(&host);
    }
}

static void test_damaged_super(void **state)
{
    static const char *const commands[] = {
        "ssv blocks_per_group 0",   "ssv inodes_per_group 7",  "ssv blocks_count 0xFFFFFFFF",
        "ssv first_ino 0xFFFFFFFF", "ssv inode_size 100",      "ssv inodes_count 5",
        "ssv log_block_size 30",    "ssv rev_level 9",         "set_bg 0 inode_table 0xFFFFFFFF",
        "set_bg 0 block_bitmap 0",  "set_bg 0 inode_bitmap 1", "ssv first_data_block 0",
        "sif <2> mode 0x8000",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        host_make("-t ext2 -b 1024", "4M");
        assert_int_equal(host_shell("debugfs -w -R '%s' image", commands[i]), 0);
        cloudabi_errno_t error = host_try_mount(&host);
        if (error != CLOUDABI_EIO && error != CLOUDABI_EINVAL)
            fail_msg("%s: %d", commands[i], error);
        assert_non_null(host.report.why);
    }
}

/* The list of orphans runs in a circle, names what is no inode, or an inode in use. */
static void test_damaged_orphans(void **state)
{
    static const char *const commands[] = {
        "ssv last_orphan 0xFFFFFFFF", "ssv last_orphan 8",  "ssv last_orphan 11",
        "ssv last_orphan 40",         "ssv last_orphan 12", "ssv last_orphan 13",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        host_make("-t ext2 -b 1024", "4M");
        assert_int_equal(host_shell("echo x >data; debugfs -w -R 'write data file' image && "
                                    "debugfs -w -R 'write data other' image && "
                                    "debugfs -w -R 'sif file dtime 13' image && "
                                    "debugfs -w -R 'sif other dtime 12' image && "
                                    "debugfs -w -R 'sif other links_count 0' image && "
                                    "debugfs -w -R '%s' image",
                                    commands[i]),
                         0);
        host_mount(&host);
        assert_int_equal(find("file"), 0);
        host_crash(&host);
    }
}

static void test_damaged_journal(void **state)
{
    static const char *const commands[] = {"sif <8> mode 0x4000", "sif <8> size 0",
                                           "sif <8> block[3] 0",  "sif <8> block[IND] 2",
                                           "ssv journal_inum 0",  "ssv journal_inum 0xFFFF"};
    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        host_make("-t ext2 -j -b 1024", "8M");
        assert_int_equal(host_shell("debugfs -w -R '%s' image", commands[i]), 0);
        assert_int_not_equal(host_try_mount(&host), 0);
        assert_non_null(host.report.why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_fail),      cmocka_unit_test(test_writes_fail),
        cmocka_unit_test(test_damaged),         cmocka_unit_test(test_damaged_super),
        cmocka_unit_test(test_damaged_orphans), cmocka_unit_test(test_damaged_journal),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    host_clean();
    return failed;
}
