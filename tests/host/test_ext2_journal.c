/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal against the tools of other people: logs that debugfs wrote are recovered here, and logs that we wrote
 * are recovered by e2fsck. Buffers and plain commits as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "services/ext2/cache.h"
#include "services/ext2/cache_priv.h"
#include "services/ext2/journal.h"
#include "services/ext2/journal_priv.h"
#include "tests/crash/disk.h"
#include "tests/crash/view.h"

#define IMAGE "image.ext2"

static char folder[] = "/tmp/ext2-journal-XXXXXX";

/* --- images and tools -------------------------------------------------------------------- */

static int shell(const char *format, ...)
{
    char command[1024];
    va_list args;
    va_start(args, format);
    int len =
        snprintf(command, sizeof(command), "cd %s && PATH=$PATH:/usr/sbin:/sbin && { ", folder);
    len += vsnprintf(command + len, sizeof(command) - (size_t)len, format, args);
    va_end(args);
    snprintf(command + len, sizeof(command) - (size_t)len, "; } >output 2>&1");
    return system(command);
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void make_image(uint32_t block_size, const char *options)
{
    assert_int_equal(shell("rm -f " IMAGE "; mke2fs -q -F -t ext2 -j -b %u %s " IMAGE " %uM",
                           block_size, options, block_size == 1024 ? 4 : 12),
                     0);
}

/* A file whose blocks begin with these words. */
static void make_data(const char *name, uint32_t block_size, const uint32_t *words, int count)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    for (int i = 0; i < count; i++) {
        uint8_t *block = malloc(block_size);
        memset(block, i + 1, block_size);
        be32_put(block, words[i]);
        fwrite(block, 1, block_size, file);
        free(block);
    }
    fclose(file);
}

struct setup {
    struct disk disk;
    uint64_t blocks[2048];
    struct journal_place place;
    struct journal *journal;
    struct cache *cache;
    const char *why;
};

static void note_block(void *context, uint32_t block, int64_t index)
{
    struct journal_place *place = context;
    if (index >= 0 && index < 2048) {
        ((uint64_t *)(uintptr_t)place->blocks)[index] = block;
        place->count = (uint32_t)index + 1;
    }
}

static cloudabi_errno_t open_journal(struct setup *setup, uint32_t block_size)
{
    *setup = (struct setup){0};
    assert_true(disk_load(&setup->disk, path_of(IMAGE), block_size));
    struct view view;
    assert_true(view_open(&view, setup->disk.bytes, setup->disk.size));
    setup->place = (struct journal_place){&setup->disk.device, block_size, setup->blocks, 0};
    view_each_block(&view, view_inode(&view, 8), note_block, &setup->place);
    return journal_open(&setup->place, &setup->journal, &setup->why);
}

static void open_cache(struct setup *setup, uint32_t block_size, bool journal)
{
    assert_int_equal(open_journal(setup, block_size), 0);
    assert_int_equal(cache_create(&setup->disk.device, block_size, 16, &setup->cache), 0);
    if (journal)
        cache_set_journal(setup->cache, setup->journal);
}

static void close_all(struct setup *setup, bool journal_is_cached)
{
    cache_free(setup->cache);
    if (!journal_is_cached)
        journal_free(setup->journal);
    disk_destroy(&setup->disk);
}

static void expect_block(const struct setup *setup, uint64_t block, uint32_t word, uint8_t rest)
{
    const uint8_t *bytes = setup->disk.bytes + block * setup->disk.unit;
    assert_int_equal(be32_get(bytes), word);
    assert_int_equal(bytes[4], rest);
    assert_int_equal(bytes[setup->disk.unit - 1], rest);
}

static void set_block(struct setup *setup, uint64_t block, uint32_t word, uint8_t rest)
{
    struct buffer *buffer;
    assert_int_equal(buffer_fresh(setup->cache, block, &buffer), 0);
    memset(buffer->data, rest, setup->disk.unit);
    be32_put(buffer->data, word);
    buffer_dirty(buffer, WRITE_INODE);
    buffer_put(buffer);
}

/* Marks the image as e2fsck expects of one that was mounted. */
static void needs_recovery(struct setup *setup)
{
    struct disk_super *super = (void *)(setup->disk.bytes + DISK_SUPER_OFFSET);
    super->feature_incompat |= DISK_INCOMPAT_RECOVER;
}

/* --- recovery of what debugfs wrote -------------------------------------------------------- */

static void recover_debugfs(uint32_t block_size, const char *options)
{
    static const uint32_t first[] = {0x11111111, JOURNAL_MAGIC, 0x33333333};
    static const uint32_t second[] = {0x44444444};
    make_image(block_size, options);
    make_data("first", block_size, first, 3);
    make_data("second", block_size, second, 1);
    /* 2001 is revoked, and 2002 as well but logged again afterwards. 2003 has no commit block. */
    assert_int_equal(
        shell("printf '%%s\\n' jo 'jw -b 2000,2001,2002 first' 'jw -r 2001,2002' "
              "'jw -b 2002 second' 'jw -c -b 2003 second' jc | debugfs -w -f - " IMAGE),
        0);
    struct setup setup;
    assert_int_equal(open_journal(&setup, block_size), 0);
    assert_true(journal_needs_recovery(setup.journal));
    uint8_t *before = malloc(setup.disk.size);
    memcpy(before, setup.disk.bytes, setup.disk.size);
    uint32_t replayed;
    assert_int_equal(journal_recover(setup.journal, &replayed), 0);
    assert_int_equal(replayed, 3);
    assert_false(journal_needs_recovery(setup.journal));
    expect_block(&setup, 2000, 0x11111111, 1);
    assert_memory_equal(setup.disk.bytes + 2001 * block_size, before + 2001 * block_size,
                        block_size);
    expect_block(&setup, 2002, 0x44444444, 1);
    assert_memory_equal(setup.disk.bytes + 2003 * block_size, before + 2003 * block_size,
                        block_size);
    free(before);
    close_all(&setup, false);
}

static void test_recover_debugfs(void **state)
{
    (void)state;
    recover_debugfs(1024, "");
    recover_debugfs(4096, "");
    recover_debugfs(2048, "");
}

/* A log that fills a good part of the journal and has long descriptors; with data that begins like a log block. */
static void test_recover_long(void **state)
{
    (void)state;
    uint32_t words[400];
    for (int i = 0; i < 400; i++)
        words[i] = i % 7 == 0 ? JOURNAL_MAGIC : 0xABC00000u + (uint32_t)i;
    make_image(1024, "");
    make_data("long", 1024, words, 400);
    char list[4096];
    for (int i = 0, len = 0; i < 400; i++)
        len +=
            snprintf(list + len, sizeof(list) - (size_t)len, "%s%d", i == 0 ? "" : ",", 2000 + i);
    FILE *script = fopen(path_of("script"), "w");
    fprintf(script, "jo\njw -b %s long\njw -b 2399 long\njc\n", list);
    fclose(script);
    assert_int_equal(shell("debugfs -w -f script " IMAGE), 0);
    struct setup setup;
    assert_int_equal(open_journal(&setup, 1024), 0);
    uint32_t replayed;
    assert_int_equal(journal_recover(setup.journal, &replayed), 0);
    assert_int_equal(replayed, 2);
    for (uint32_t i = 0; i < 399; i++)
        expect_block(&setup, 2000 + i, words[i], (uint8_t)(i + 1));
    expect_block(&setup, 2399, words[0], 1);
    close_all(&setup, false);
}

/* With checksums of whole transactions, which recovery may do without. */
static void test_recover_sums(void **state)
{
    (void)state;
    static const uint32_t words[] = {0x11111111, JOURNAL_MAGIC, 0x33333333};
    make_image(1024, "");
    make_data("first", 1024, words, 3);
    assert_int_equal(
        shell("printf '%%s\\n' 'jo -c' 'jw -b 2000,2001,2002 first' jc | debugfs -w -f - " IMAGE),
        0);
    struct setup setup;
    assert_int_equal(open_journal(&setup, 1024), 0);
    uint32_t replayed;
    assert_int_equal(journal_recover(setup.journal, &replayed), 0);
    assert_int_equal(replayed, 1);
    expect_block(&setup, 2001, JOURNAL_MAGIC, 2);
    close_all(&setup, false);
}

/* A cut at any write of the recovery, and again: the result is the same. */
static void test_recover_twice(void **state)
{
    (void)state;
    static const uint32_t words[] = {0x11111111, JOURNAL_MAGIC, 0x33333333};
    make_image(1024, "");
    make_data("first", 1024, words, 3);
    assert_int_equal(
        shell("printf '%%s\\n' jo 'jw -b 2000,2010,2020 first' jc | debugfs -w -f - " IMAGE), 0);
    for (long cut = 0; cut < 4; cut++) {
        struct setup setup;
        uint32_t replayed;
        assert_int_equal(open_journal(&setup, 1024), 0);
        setup.disk.writes_left = cut;
        assert_int_equal(journal_recover(setup.journal, &replayed), CLOUDABI_EIO);
        assert_int_equal(replayed, 0);
        journal_free(setup.journal);
        setup.disk.writes_left = -1;
        assert_int_equal(journal_open(&setup.place, &setup.journal, &setup.why), 0);
        assert_int_equal(journal_recover(setup.journal, &replayed), 0);
        assert_int_equal(replayed, 1);
        expect_block(&setup, 2000, words[0], 1);
        expect_block(&setup, 2010, words[1], 2);
        expect_block(&setup, 2020, words[2], 3);
        close_all(&setup, false);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const uint32_t words[] = {1};
    struct setup setup;
    make_image(1024, "-O metadata_csum");
    make_data("first", 1024, words, 1);
    assert_int_equal(
        shell("printf '%%s\\n' 'jo -c -v 3' 'jw -b 2000 first' jc | debugfs -w -f - " IMAGE), 0);
    assert_int_equal(open_journal(&setup, 1024), CLOUDABI_EINVAL);
    assert_non_null(strstr(setup.why, "checksums"));
    close_all(&setup, false);

    make_image(1024, "");
    assert_int_equal(open_journal(&setup, 1024), 0);
    journal_free(setup.journal);
    uint8_t *super = setup.disk.bytes + setup.blocks[0] * 1024;
    static const struct {
        uint32_t at, value;
    } wrong[] = {{0, 1},
                 {4, JOURNAL_SUPER_V1},
                 {SUPER_BLOCK_SIZE, 4096},
                 {SUPER_LEN, 0},
                 {SUPER_LEN, 5000},
                 {SUPER_FIRST, 0},
                 {SUPER_FIRST, -1u},
                 {SUPER_START, 1024},
                 {SUPER_INCOMPAT, 0x20},
                 {SUPER_INCOMPAT, 0x80},
                 {SUPER_RO_COMPAT, 1},
                 {SUPER_INCOMPAT, 4}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint32_t old = be32_get(super + wrong[i].at);
        be32_put(super + wrong[i].at, wrong[i].value);
        assert_int_equal(journal_open(&setup.place, &setup.journal, &setup.why), CLOUDABI_EINVAL);
        assert_non_null(setup.why);
        be32_put(super + wrong[i].at, old);
    }
    setup.journal = NULL;
    close_all(&setup, false);
}

/* A transaction that is committed and names a block beyond the device: refused, and nothing was written. */
static void test_senseless(void **state)
{
    (void)state;
    static const uint32_t words[] = {1, 2};
    make_image(1024, "");
    make_data("first", 1024, words, 2);
    assert_int_equal(
        shell("printf '%%s\\n' jo 'jw -b 2000,2001 first' jc | debugfs -w -f - " IMAGE), 0);
    struct setup setup;
    assert_int_equal(open_journal(&setup, 1024), 0);
    /* The second tag: behind the header, the first and its UUID. */
    be32_put(setup.disk.bytes + setup.blocks[1] * 1024 + 12 + 8 + 16, 4096);
    disk_record(&setup.disk);
    uint32_t replayed;
    assert_int_equal(journal_recover(setup.journal, &replayed), CLOUDABI_EIO);
    assert_int_equal(setup.disk.event_count, 0);
    close_all(&setup, false);
}

/* --- what we write, recovered by e2fsck ---------------------------------------------------- */

/* Recovers the image with e2fsck and reads it again; and for comparison with our own code. */
static void recover_both(struct setup *setup, uint32_t block_size)
{
    needs_recovery(setup);
    assert_true(disk_save(&setup->disk, path_of(IMAGE)));
    close_all(setup, true);
    assert_int_equal(shell("cp " IMAGE " ours; e2fsck -fy -E journal_only " IMAGE), 0);
    struct setup ours;
    assert_int_equal(shell("mv " IMAGE " theirs; mv ours " IMAGE), 0);
    assert_int_equal(open_journal(&ours, block_size), 0);
    uint32_t replayed;
    assert_int_equal(journal_recover(ours.journal, &replayed), 0);
    assert_int_equal(shell("mv theirs " IMAGE), 0);
    assert_int_equal(open_journal(setup, block_size), 0);
    assert_false(journal_needs_recovery(setup->journal));
    assert_int_equal(be32_get(setup->journal->super + SUPER_SEQUENCE),
                     be32_get(ours.journal->super + SUPER_SEQUENCE));
    /* The area that the tests write to. */
    assert_memory_equal(setup->disk.bytes + 2500 * block_size, ours.disk.bytes + 2500 * block_size,
                        setup->disk.size - 2500 * block_size);
    close_all(&ours, false);
}

static void write_and_recover(uint32_t block_size, bool wide, bool sums)
{
    make_image(block_size, "");
    struct setup setup;
    open_cache(&setup, block_size, true);
    if (wide) {
        be32_put(setup.journal->super + SUPER_INCOMPAT, JOURNAL_INCOMPAT_64BIT);
        setup.journal->wide = true;
    }
    if (sums) /* of transactions, as old kernels made them; we make none */
        be32_put(setup.journal->super + 0x24, 1);
    set_block(&setup, 2500, 0x1111, 1);
    set_block(&setup, 2501, JOURNAL_MAGIC, 2);
    set_block(&setup, 2502, 0x3333, 3);
    assert_int_equal(cache_commit(setup.cache), 0);
    assert_false(cache_is_dirty(setup.cache));
    buffer_forget(setup.cache, 2502);
    set_block(&setup, 2503, 0x4444, 4);
    assert_int_equal(cache_commit(setup.cache), 0);
    memset(setup.disk.bytes + 2502 * block_size, 0x77, block_size); /* it is a file's now */
    for (uint32_t i = 0; i < 240; i++)
        set_block(&setup, 2520 + i, i, (uint8_t)i);
    /* Freed and in use again within one transaction: not revoked. */
    buffer_forget(setup.cache, 2500);
    set_block(&setup, 2500, 0x5555, 5);
    assert_int_equal(cache_commit(setup.cache), 0);
    set_block(&setup, 2501, 0x6666, 6); /* never committed */
    assert_int_equal(setup.disk.bytes[2500 * block_size + 4], 0);
    recover_both(&setup, block_size);
    expect_block(&setup, 2500, 0x5555, 5);
    expect_block(&setup, 2501, JOURNAL_MAGIC, 2);
    expect_block(&setup, 2502, 0x77777777, 0x77);
    expect_block(&setup, 2503, 0x4444, 4);
    for (uint32_t i = 0; i < 240; i++)
        expect_block(&setup, 2520 + i, i, (uint8_t)i);
    close_all(&setup, false);
}

static void test_write(void **state)
{
    (void)state;
    write_and_recover(1024, false, false);
    write_and_recover(4096, false, true);
    write_and_recover(1024, true, false);
    write_and_recover(2048, true, true);
}

static void set_sequence(uint32_t block_size, uint32_t sequence)
{
    struct setup setup;
    assert_int_equal(open_journal(&setup, block_size), 0);
    be32_put(setup.disk.bytes + setup.blocks[0] * block_size + SUPER_SEQUENCE, sequence);
    assert_true(disk_save(&setup.disk, path_of(IMAGE)));
    close_all(&setup, false);
}

/* Round the ring several times, past the end of the numbers, with checkpoints, and revokes in between. */
static void wrap_around(uint32_t seed, unsigned rounds)
{
    make_image(1024, "");
    set_sequence(1024, -20u);
    struct setup setup;
    open_cache(&setup, 1024, true);
    uint32_t expected[400] = {0};
    srandom(seed);
    for (unsigned round = 0; round < rounds; round++) {
        unsigned count = 1 + (unsigned)random() % 120;
        assert_true(cache_room(setup.cache) > count);
        for (unsigned i = 0; i < count; i++) {
            uint32_t which = (uint32_t)random() % 400;
            uint32_t word = random() % 5 == 0 ? JOURNAL_MAGIC : (uint32_t)random();
            set_block(&setup, 2500 + which, word, (uint8_t)which);
            expected[which] = word;
        }
        for (unsigned i = 0; i < 3; i++) {
            uint32_t which = (uint32_t)random() % 400;
            buffer_forget(setup.cache, 2500 + which);
            expected[which] = 0xFFFFFFFF; /* anything */
        }
        assert_int_equal(cache_commit(setup.cache), 0);
    }
    recover_both(&setup, 1024);
    for (uint32_t i = 0; i < 400; i++) {
        if (expected[i] != 0 && expected[i] != 0xFFFFFFFF)
            expect_block(&setup, 2500 + i, expected[i], (uint8_t)i);
    }
    close_all(&setup, false);
}

static void test_wrap_around(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 8; seed++)
        wrap_around(seed, 20 + seed * 13);
}

static void test_checkpoint(void **state)
{
    (void)state;
    make_image(1024, "");
    struct setup setup;
    open_cache(&setup, 1024, true);
    set_block(&setup, 2500, 0x1111, 1);
    assert_int_equal(cache_checkpoint(setup.cache), 0);
    expect_block(&setup, 2500, 0x1111, 1);
    assert_true(disk_save(&setup.disk, path_of(IMAGE)));
    close_all(&setup, true);
    assert_int_equal(open_journal(&setup, 1024), 0);
    assert_false(journal_needs_recovery(setup.journal));
    assert_int_equal(setup.journal->sequence, 2);
    close_all(&setup, false);
    assert_int_equal(shell("e2fsck -fn " IMAGE), 0);
}

/* The largest transaction that cache_room() promises. */
static void test_room(void **state)
{
    (void)state;
    make_image(1024, "");
    struct setup setup;
    open_cache(&setup, 1024, true);
    for (int round = 0; round < 10; round++) {
        uint32_t count = 0;
        for (; cache_room(setup.cache) != 0; count++)
            set_block(&setup, 2500 + count, count, (uint8_t)round);
        assert_in_range(count, 400, 1020);
        assert_int_equal(cache_commit(setup.cache), 0);
        for (uint32_t i = 0; i < count && round % 2 == 1; i++)
            buffer_forget(setup.cache, 2500 + i);
    }
    recover_both(&setup, 1024);
    close_all(&setup, false);
}

static void test_device_fails(void **state)
{
    (void)state;
    make_image(1024, "");
    for (long cut = 0; cut < 5; cut++) {
        struct setup setup;
        open_cache(&setup, 1024, true);
        set_block(&setup, 2500, 0x1111, 1);
        setup.disk.writes_left = cut;
        cloudabi_errno_t error = cache_commit(setup.cache);
        if (cut < 3) {
            assert_int_equal(error, CLOUDABI_EIO);
            setup.disk.writes_left = -1;
            assert_int_equal(cache_commit(setup.cache), CLOUDABI_EROFS);
        }
        close_all(&setup, true);
    }
}

/* --- buffers and commits without a journal ------------------------------------------------- */

static void test_order(void **state)
{
    (void)state;
    make_image(1024, "");
    struct setup setup;
    open_cache(&setup, 1024, false);
    disk_record(&setup.disk);
    struct buffer *buffer;
    static const enum write_class classes[] = {WRITE_ENTRY, WRITE_INODE, WRITE_FRESH, WRITE_ENTRY};
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(buffer_read(setup.cache, 2503 - i, &buffer), 0);
        buffer_dirty(buffer, classes[i]);
        buffer_put(buffer);
    }
    cache_data_written(setup.cache);
    assert_int_equal(cache_commit(setup.cache), 0);
    static const uint64_t expected[] = {2501, 0, 2502, 0, 2500, 2503, 0};
    assert_int_equal(setup.disk.event_count, 7);
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(setup.disk.events[i].offset, expected[i] * 1024);
    /* Data alone is a flush; nothing is nothing. Data before inodes is flushed before them. */
    disk_record(&setup.disk);
    cache_data_written(setup.cache);
    assert_int_equal(cache_commit(setup.cache), 0);
    assert_int_equal(cache_commit(setup.cache), 0);
    assert_int_equal(setup.disk.event_count, 1);
    cache_data_written(setup.cache);
    set_block(&setup, 2600, 1, 1);
    assert_int_equal(cache_commit(setup.cache), 0);
    assert_int_equal(setup.disk.event_count, 4);
    assert_null(setup.disk.events[1].data);
    close_all(&setup, false);
}

/* What comes last: a new inode's links, bits that are freed. */
static void test_late(void **state)
{
    (void)state;
    make_image(1024, "");
    struct setup setup;
    open_cache(&setup, 1024, false);
    struct buffer *buffer;
    set_block(&setup, 2501, 1, 1);
    assert_int_equal(buffer_read(setup.cache, 2500, &buffer), 0);
    memset(buffer->data, 0x35, 1024);
    buffer_dirty(buffer, WRITE_FRESH);
    buffer_late(buffer, 7, 0, 0);
    buffer_late(buffer, 8, 0xFF, 0x80);
    buffer_late(buffer, 8, 0xFF, 0x02);
    buffer_put(buffer);
    disk_record(&setup.disk);
    assert_int_equal(cache_commit(setup.cache), 0);
    assert_int_equal(setup.disk.event_count, 6); /* early, flush, the other, flush, late, flush */
    const uint8_t *early = setup.disk.events[0].data, *late = setup.disk.events[4].data;
    assert_int_equal(early[6], 0x35);
    assert_int_equal(early[7], 0);
    assert_int_equal(early[8], 0xB7);
    assert_int_equal(setup.disk.events[4].offset, 2500 * 1024);
    assert_int_equal(late[7], 0x35);
    assert_int_equal(late[8], 0x35);
    /* It is forgotten with the commit. */
    set_block(&setup, 2500, 1, 1);
    disk_record(&setup.disk);
    assert_int_equal(cache_commit(setup.cache), 0);
    assert_int_equal(setup.disk.event_count, 2);
    close_all(&setup, false);
}

static void test_buffers(void **state)
{
    (void)state;
    make_image(1024, "");
    struct setup setup;
    open_cache(&setup, 1024, false);
    struct buffer *buffer, *again;
    assert_int_equal(buffer_read(setup.cache, 4096, &buffer), CLOUDABI_EIO);
    assert_int_equal(buffer_fresh(setup.cache, -1ull, &buffer), CLOUDABI_EIO);
    assert_int_equal(buffer_read(setup.cache, 1, &buffer), 0);
    assert_int_equal(buffer_read(setup.cache, 1, &again), 0);
    assert_ptr_equal(buffer, again);
    assert_int_equal(buffer->data[0x38], 0x53);
    buffer_put(again);
    /* It stays while it is held, though many others come. */
    for (uint64_t block = 2; block < 300; block++) {
        assert_int_equal(buffer_read(setup.cache, block, &again), 0);
        buffer_put(again);
    }
    assert_true(setup.cache->idle_count <= 16);
    assert_int_equal(buffer->data[0x38], 0x53);
    unsigned long reads = setup.disk.reads;
    for (uint64_t block = 290; block < 300; block++) {
        assert_int_equal(buffer_read(setup.cache, block, &again), 0);
        buffer_put(again);
    }
    assert_int_equal(setup.disk.reads, reads);
    /* Forgotten while it is held: usable until put, and never written. */
    buffer_dirty(buffer, WRITE_INODE);
    buffer_forget(setup.cache, 1);
    buffer->data[0x38] = 0;
    buffer_dirty(buffer, WRITE_INODE);
    assert_false(cache_is_dirty(setup.cache));
    buffer_put(buffer);
    buffer_put(NULL);
    assert_int_equal(cache_commit(setup.cache), 0);
    assert_int_equal(setup.disk.writes, 0);
    close_all(&setup, false);
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int end(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recover_debugfs), cmocka_unit_test(test_recover_long),
        cmocka_unit_test(test_recover_twice),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_recover_sums),    cmocka_unit_test(test_senseless),
        cmocka_unit_test(test_write),           cmocka_unit_test(test_wrap_around),
        cmocka_unit_test(test_checkpoint),      cmocka_unit_test(test_room),
        cmocka_unit_test(test_device_fails),    cmocka_unit_test(test_order),
        cmocka_unit_test(test_buffers),         cmocka_unit_test(test_late),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
