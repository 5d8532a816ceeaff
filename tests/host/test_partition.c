/* SPDX-License-Identifier: BSD-2-Clause */
/* Partition tables, good and hostile. The good ones are as sfdisk and sgdisk write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "services/block/partition.h"

#define SECTORS 4096u

static uint8_t disk[SECTORS][PARTITION_SECTOR];
static uint64_t unreadable;
static unsigned reads;
static struct partitions found;

static bool read_sector(void *context, uint64_t sector, uint8_t *bytes)
{
    (void)context;
    reads++;
    assert_true(sector < SECTORS);
    memcpy(bytes, disk[sector], PARTITION_SECTOR);
    return sector != unreadable;
}

static void find(void)
{
    const struct partition_disk it = {.sectors = SECTORS, .read = read_sector};
    partitions_find(&it, &found);
}

static int setup(void **state)
{
    (void)state;
    memset(disk, 0, sizeof(disk));
    unreadable = UINT64_MAX;
    reads = 0;
    return 0;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void put64(uint8_t *at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

static void mbr(uint64_t sector, unsigned entry, uint8_t type, uint32_t start, uint32_t sectors)
{
    uint8_t *at = disk[sector] + 446 + 16 * entry;
    at[4] = type;
    put32(at + 8, start);
    put32(at + 12, sectors);
    disk[sector][510] = 0x55;
    disk[sector][511] = 0xaa;
}

static void check(unsigned i, uint32_t number, uint64_t start, uint64_t sectors)
{
    assert_true(i < found.count);
    assert_int_equal(found.list[i].number, number);
    assert_int_equal(found.list[i].start, start);
    assert_int_equal(found.list[i].sectors, sectors);
}

static void test_none(void **state)
{
    (void)state;
    find();
    assert_int_equal(found.kind, PARTITIONS_NONE);
    assert_int_equal(found.count, 0);
    /* A boot sector with code where the table would be. */
    memset(disk[0], 0xe8, 510);
    disk[0][510] = 0x55;
    disk[0][511] = 0xaa;
    find();
    assert_int_equal(found.kind, PARTITIONS_NONE);
    mbr(0, 0, 0x83, 1, 1);
    unreadable = 0;
    find();
    assert_int_equal(found.kind, PARTITIONS_NONE);
    partitions_find(&(struct partition_disk){.sectors = 0, .read = read_sector}, &found);
    assert_int_equal(found.kind, PARTITIONS_NONE);
}

static void test_mbr(void **state)
{
    (void)state;
    mbr(0, 0, 0x83, 64, 1000);
    mbr(0, 2, 0x82, 2048, 2048);
    disk[0][446] = 0x80;
    find();
    assert_int_equal(found.kind, PARTITIONS_MBR);
    assert_int_equal(found.count, 2);
    check(0, 1, 64, 1000);
    check(1, 3, 2048, 2048);
}

static void test_mbr_hostile(void **state)
{
    (void)state;
    mbr(0, 0, 0x83, 64, SECTORS);   /* beyond the end */
    mbr(0, 1, 0x83, UINT32_MAX, 1); /* outside */
    mbr(0, 2, 0x83, 100, 200);      /* fine */
    mbr(0, 3, 0x83, 299, 10);       /* overlaps by one sector */
    find();
    assert_int_equal(found.count, 1);
    check(0, 3, 100, 200);
    mbr(0, 0, 0x83, 0, 50); /* the table itself */
    mbr(0, 1, 0x83, 50, 0);
    mbr(0, 3, 0x83, 300, SECTORS - 300);
    find();
    assert_int_equal(found.count, 2);
    check(1, 4, 300, SECTORS - 300);
}

/* Three logical partitions; the second one's table stands before the first one's. */
static void make_extended(void)
{
    mbr(0, 0, 0x83, 10, 90);
    mbr(0, 1, 0x05, 1000, 3000);
    mbr(1000, 0, 0x83, 10, 90);
    mbr(1000, 1, 0x05, 2000, 500);
    mbr(3000, 0, 0x83, 1, 99);
    mbr(3000, 1, 0x05, 200, 100);
    mbr(1200, 0, 0x83, 5, 95);
}

static void test_extended(void **state)
{
    (void)state;
    make_extended();
    find();
    assert_int_equal(found.count, 4);
    check(0, 1, 10, 90);
    check(1, 5, 1010, 90);
    check(2, 6, 3001, 99);
    check(3, 7, 1205, 95);
}

static void test_extended_loop(void **state)
{
    (void)state;
    make_extended();
    mbr(1200, 1, 0x0f, 2000, 100);
    find();
    assert_int_equal(found.count, 4);
    assert_true(reads <= PARTITION_CHAIN + 1);
    mbr(1000, 1, 0x85, 3000, 1); /* out of the extended partition */
    find();
    assert_int_equal(found.count, 2);
    mbr(1000, 1, 0x85, UINT32_MAX, 1);
    find();
    assert_int_equal(found.count, 2);
    make_extended();
    mbr(1000, 0, 0x83, 2990, 11); /* its partition ends outside */
    find();
    assert_int_equal(found.count, 3);
    check(1, 6, 3001, 99);
    unreadable = 3000;
    find();
    assert_int_equal(found.count, 1);
}

static void test_many_logical(void **state)
{
    (void)state;
    mbr(0, 0, 0x05, 1, SECTORS - 1);
    for (unsigned i = 0; i < 300; i++) {
        mbr(1 + 2 * i, 0, 0x83, 1, 1);
        mbr(1 + 2 * i, 1, 0x05, 2 * (i + 1), 2);
    }
    find();
    assert_int_equal(found.count, PARTITIONS_MAX);
    assert_true(reads <= PARTITION_CHAIN + 1);
}

/* --- GPT -------------------------------------------------------------------------------------- */

static uint32_t crc(const uint8_t *bytes, size_t len)
{
    uint32_t value = ~0u;
    for (size_t i = 0; i < len; i++) {
        value ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            value = (value & 1) != 0 ? value >> 1 ^ 0xedb88320u : value >> 1;
    }
    return ~value;
}

static void gpt_entry(uint64_t table, unsigned i, uint64_t first, uint64_t last)
{
    uint8_t *at = disk[table] + 128ul * i;
    memset(at, 0xaf, 32);
    put64(at + 32, first);
    put64(at + 40, last);
}

static void gpt_header(uint64_t at, uint64_t table, uint32_t entries, uint32_t size)
{
    uint8_t *header = disk[at];
    memcpy(header, "EFI PART", 8);
    put32(header + 8, 0x10000);
    put32(header + 12, 92);
    put64(header + 24, at);
    put64(header + 40, 34);
    put64(header + 48, SECTORS - 34);
    put64(header + 72, table);
    put32(header + 80, entries);
    put32(header + 84, size);
    bool inside = table < SECTORS && (uint64_t)entries * size <= (SECTORS - table) * 512;
    put32(header + 88, inside ? crc(disk[table], (size_t)entries * size) : 0);
    put32(header + 16, 0);
    put32(header + 16, crc(header, 92));
}

static void make_gpt(void)
{
    mbr(0, 0, 0xee, 1, SECTORS - 1);
    for (unsigned copy = 0; copy < 2; copy++) {
        uint64_t table = copy == 0 ? 2 : SECTORS - 33;
        gpt_entry(table, 0, 34, 1033);
        gpt_entry(table, 4, 2048, SECTORS - 34);
        gpt_header(copy == 0 ? 1 : SECTORS - 1, table, 128, 128);
    }
}

static void check_gpt(void)
{
    find();
    assert_int_equal(found.kind, PARTITIONS_GPT);
    assert_int_equal(found.count, 2);
    check(0, 1, 34, 1000);
    check(1, 5, 2048, SECTORS - 34 - 2048 + 1);
}

static void test_crc(void **state)
{
    (void)state;
    assert_int_equal(crc((const uint8_t *)"123456789", 9), 0xcbf43926);
}

static void test_gpt(void **state)
{
    (void)state;
    make_gpt();
    check_gpt();
}

static void test_gpt_second_copy(void **state)
{
    (void)state;
    make_gpt();
    disk[1][60] ^= 1; /* the header */
    check_gpt();
    make_gpt();
    disk[5][7] ^= 1; /* the table */
    check_gpt();
    unreadable = 1;
    check_gpt();
    unreadable = SECTORS - 1;
    find();
    assert_int_equal(found.kind, PARTITIONS_NONE);
    assert_int_equal(found.count, 0);
}

static void hostile_header(void)
{
    find();
    assert_int_equal(found.kind, PARTITIONS_NONE);
    assert_int_equal(found.count, 0);
    memset(disk, 0, sizeof(disk));
    mbr(0, 0, 0xee, 1, SECTORS - 1);
}

static void test_gpt_hostile(void **state)
{
    (void)state;
    mbr(0, 0, 0xee, 1, SECTORS - 1);
    gpt_header(1, 2, UINT32_MAX, 128);
    hostile_header();
    gpt_header(1, 2, 128, 0);
    hostile_header();
    gpt_header(1, 2, 16, 4096);
    hostile_header();
    gpt_header(1, UINT64_MAX, 128, 128);
    hostile_header();
    gpt_header(1, SECTORS - 1, 128, 128);
    hostile_header();
    gpt_header(1, 2, 128, 128);
    put64(disk[1] + 48, UINT64_MAX); /* the last usable sector */
    put32(disk[1] + 16, 0);
    put32(disk[1] + 16, crc(disk[1], 92));
    hostile_header();
    gpt_header(1, 2, 128, 128);
    memcpy(disk[7], disk[1], 512);
    memset(disk[1], 0, 512);
    hostile_header(); /* a header that belongs elsewhere */
    gpt_entry(2, 0, 34, 100);
    gpt_entry(2, 1, 100, 200);      /* overlaps */
    gpt_entry(2, 2, 300, 299);      /* ends before it begins */
    gpt_entry(2, 3, 5, 10);         /* in the table */
    gpt_entry(3, 0, 4000, SECTORS); /* beyond */
    gpt_entry(3, 1, UINT64_MAX, UINT64_MAX);
    gpt_entry(3, 2, 200, 200);
    gpt_entry(3, 3, 201, UINT64_MAX);
    gpt_header(1, 2, 128, 128);
    find();
    assert_int_equal(found.kind, PARTITIONS_GPT);
    assert_int_equal(found.count, 2);
    check(0, 1, 34, 67);
    check(1, 7, 200, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        TEST(test_none),        TEST(test_mbr),           TEST(test_mbr_hostile),
        TEST(test_extended),    TEST(test_extended_loop), TEST(test_many_logical),
        TEST(test_crc),         TEST(test_gpt),           TEST(test_gpt_second_copy),
        TEST(test_gpt_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
