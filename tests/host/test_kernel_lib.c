/* SPDX-License-Identifier: BSD-2-Clause */
/* The pure parts of kernel/lib: boot loader information, the boot archive, formatting, ChaCha20. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/lib/bootfs.h"
#include "kernel/lib/bootinfo.h"
#include "kernel/lib/chacha20.h"
#include "kernel/lib/printf.h"

/* --- physical memory made of one buffer at BASE ---------------------------------------------------- */

#define BASE 0x10000u

struct memory {
    uint8_t *bytes;
    size_t size;
};

static const void *memory_at(void *ctx, uint64_t pa, size_t len)
{
    const struct memory *m = ctx;
    if (pa < BASE || pa - BASE > m->size || len > m->size - (pa - BASE))
        return NULL;
    return m->bytes + (pa - BASE);
}

static void put32(uint8_t *to, uint32_t value)
{
    memcpy(to, &value, sizeof(value));
}

static void put64(uint8_t *to, uint64_t value)
{
    memcpy(to, &value, sizeof(value));
}

/* --- Multiboot2 -------------------------------------------------------------------------------------- */

static size_t add_tag(uint8_t *to, size_t at, uint32_t type, const void *body, size_t len)
{
    put32(to + at, type);
    put32(to + at + 4, (uint32_t)(8 + len));
    if (len > 0)
        memcpy(to + at + 8, body, len);
    return at + ((8 + len + 7) & ~7ul);
}

static size_t make_multiboot(uint8_t *to)
{
    uint8_t map[8 + 3 * 24] = {0}, module[16] = {0}, rsdp[20] = "RSD PTR ";
    put32(map, 24);
    put64(map + 8, 0x100000), put64(map + 16, 0x700000), put32(map + 24, 1);
    put64(map + 32, 0), put64(map + 40, 0x9fc00), put32(map + 48, 1);
    put64(map + 56, 0xf0000), put64(map + 64, 0x10000), put32(map + 72, 2);
    put32(module, 0x300000), put32(module + 4, 0x345678);
    size_t at = add_tag(to, 8, 1, "hello=1", 8);
    at = add_tag(to, at, 6, map, sizeof(map));
    at = add_tag(to, at, 3, module, sizeof(module));
    at = add_tag(to, at, 14, rsdp, sizeof(rsdp));
    at = add_tag(to, at, 0, NULL, 0);
    put32(to, (uint32_t)at), put32(to + 4, 0);
    return at;
}

static bool parse_multiboot(const uint8_t *bytes, size_t len, struct boot_info *info)
{
    struct memory m = {malloc(len == 0 ? 1 : len),
                       len}; /* exactly as long as told, for the sanitizer */
    memcpy(m.bytes, bytes, len);
    bool ok = bootinfo_multiboot2(info, BASE, memory_at, &m);
    free(m.bytes);
    return ok;
}

static void test_multiboot(void **state)
{
    uint8_t bytes[512] = {0};
    struct boot_info info;
    size_t len = make_multiboot(bytes);
    (void)state;
    assert_true(parse_multiboot(bytes, len, &info));
    assert_int_equal(info.usable_count, 2);
    assert_int_equal(info.usable[0].start, 0);
    assert_int_equal(info.usable[0].end, 0x9f000);
    assert_int_equal(info.usable[1].start, 0x100000);
    assert_int_equal(info.usable[1].end, 0x800000);
    assert_int_equal(info.module.start, 0x300000);
    assert_int_equal(info.module.end, 0x345678);
    assert_string_equal(info.command_line, "hello=1");
    assert_true(info.rsdp > BASE);
}

static void test_multiboot_hostile(void **state)
{
    uint8_t bytes[512] = {0}, bad[512];
    struct boot_info info;
    size_t len = make_multiboot(bytes);
    (void)state;
    for (size_t cut = 0; cut < len; cut++)
        assert_false(parse_multiboot(bytes, cut, &info));
    for (size_t at = 0; at < len; at++)
        for (unsigned bit = 0; bit < 8;
             bit++) { /* must not read outside; the result does not matter */
            memcpy(bad, bytes, len);
            bad[at] ^= (uint8_t)(1u << bit);
            parse_multiboot(bad, len, &info);
            assert_true(info.usable_count <= BOOT_RANGES);
        }
}

/* --- PVH --------------------------------------------------------------------------------------------- */

static size_t make_pvh(uint8_t *to)
{
    put32(to, 0x336ec578), put32(to + 4, 1), put32(to + 12, 1);
    put64(to + 16, BASE + 64);
    put64(to + 24, BASE + 160);
    put64(to + 32, 0xf1230);
    put64(to + 40, BASE + 96);
    put32(to + 48, 2);
    put64(to + 64, 0x1000000), put64(to + 72, 0x2345);
    put64(to + 96, 0), put64(to + 104, 0x9f000), put32(to + 112, 1);
    put64(to + 120, 0x100000), put64(to + 128, 0x3f00000), put32(to + 136, 1);
    memcpy(to + 160, "quiet", 6);
    return 166;
}

static void test_pvh(void **state)
{
    uint8_t bytes[256] = {0};
    struct boot_info info;
    struct memory m = {bytes, make_pvh(bytes)};
    (void)state;
    assert_true(bootinfo_pvh(&info, BASE, memory_at, &m));
    assert_int_equal(info.usable_count, 2);
    assert_int_equal(info.usable[1].end, 0x4000000);
    assert_int_equal(info.module.start, 0x1000000);
    assert_int_equal(info.module.end, 0x1002345);
    assert_int_equal(info.rsdp, 0xf1230);
    assert_string_equal(info.command_line, "quiet");
}

static void test_pvh_hostile(void **state)
{
    uint8_t bytes[256] = {0};
    struct boot_info info;
    struct memory m = {bytes, make_pvh(bytes)};
    (void)state;
    for (size_t at = 0; at < m.size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[at] ^= (uint8_t)(1u << bit);
            bootinfo_pvh(&info, BASE, memory_at, &m);
            assert_int_equal(info.command_line[BOOT_COMMAND_LINE - 1], '\0');
            bytes[at] ^= (uint8_t)(1u << bit);
        }
    put32(bytes, 0);
    assert_false(bootinfo_pvh(&info, BASE, memory_at, &m));
    assert_false(bootinfo_pvh(&info, 0, memory_at, &m));
}

static void test_reserve(void **state)
{
    struct boot_info info = {.usable = {{0x1000, 0x9000}, {0x10000, 0x20000}}, .usable_count = 2};
    (void)state;
    bootinfo_reserve(&info, 0x3001, 0x3fff);
    assert_int_equal(info.usable_count, 3);
    assert_int_equal(info.usable[0].end, 0x3000);
    assert_int_equal(info.usable[1].start, 0x4000);
    bootinfo_reserve(&info, 0x8000, 0x11000);
    assert_int_equal(info.usable[1].end, 0x8000);
    assert_int_equal(info.usable[2].start, 0x11000);
    bootinfo_reserve(&info, 0, UINT64_MAX - 4096);
    assert_int_equal(info.usable_count, 0);
}

/* --- boot archive -------------------------------------------------------------------------------------- */

struct archive {
    struct {
        char magic[8];
        uint32_t version, count;
    } header;
    struct bootfs_entry entry[4];
    uint8_t rest[4096 - 16 - 4 * 128 + 4096];
};

static void make_archive(struct archive *a)
{
    static const char *const names[] = {"bin/init", "bin/sub/deep", "etc/manifest", "readme"};
    memset(a, 0, sizeof(*a));
    memcpy(a->header.magic, "TESSBOOT", 8);
    a->header.version = 1;
    a->header.count = 4;
    for (unsigned i = 0; i < 4; i++) {
        strcpy(a->entry[i].name, names[i]);
        a->entry[i].offset = 4096;
        a->entry[i].size = 100 * i;
    }
}

static void test_bootfs(void **state)
{
    static _Alignas(8) struct archive a;
    struct bootfs fs;
    struct bootfs_name name;
    (void)state;
    make_archive(&a);
    assert_null(bootfs_open(&fs, &a, sizeof(a)));
    assert_ptr_equal(bootfs_find(&fs, "etc/manifest", 12), &a.entry[2]);
    assert_null(bootfs_find(&fs, "etc/manifes", 11));
    assert_null(bootfs_find(&fs, "bin", 3));
    assert_true(bootfs_list(&fs, "", 0, 0, &name));
    assert_int_equal(name.len, 3);
    assert_null(name.file);
    assert_true(bootfs_list(&fs, "", 0, 1, &name));
    assert_memory_equal(name.name, "etc", 3);
    assert_true(bootfs_list(&fs, "", 0, 2, &name));
    assert_ptr_equal(name.file, &a.entry[3]);
    assert_false(bootfs_list(&fs, "", 0, 3, &name));
    assert_true(bootfs_list(&fs, "bin/", 4, 1, &name));
    assert_memory_equal(name.name, "sub", 3);
    assert_null(name.file);
}

static void test_bootfs_hostile(void **state)
{
    static _Alignas(8) struct archive a;
    static const char *const bad[] = {"", "/x", "x/", "a//b", "../x", "a/.", "a/.."};
    struct bootfs fs;
    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        make_archive(&a);
        strcpy(a.entry[1].name, bad[i]);
        assert_non_null(bootfs_open(&fs, &a, sizeof(a)));
    }
    make_archive(&a);
    memset(a.entry[0].name, 'x', BOOTFS_NAME);
    assert_non_null(bootfs_open(&fs, &a, sizeof(a)));
    make_archive(&a);
    a.entry[3].size = 4097;
    assert_non_null(bootfs_open(&fs, &a, sizeof(a)));
    a.entry[3].size = UINT64_MAX;
    assert_non_null(bootfs_open(&fs, &a, sizeof(a)));
    make_archive(&a);
    a.entry[3].offset = 8;
    assert_non_null(bootfs_open(&fs, &a, sizeof(a)));
    make_archive(&a);
    a.header.count = 0x7fffffff;
    assert_non_null(bootfs_open(&fs, &a, sizeof(a)));
    assert_non_null(bootfs_open(&fs, &a, 15));
    assert_non_null(bootfs_open(&fs, NULL, 0));
}

/* --- formatting ------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void check_format(const char *expected,
                                                               const char *format, ...)
{
    char text[64];
    va_list args;
    va_start(args, format);
    size_t len = kvsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert_string_equal(text, expected);
    assert_int_equal(len, strlen(expected));
}

static void test_printf(void **state)
{
    char small[4];
    (void)state;
    check_format("-5 7 2a 0x2A %", "%d %u %x 0x%X %%", -5, 7u, 42u, 42u);
    check_format("-9223372036854775808", "%ld", INT64_MIN);
    check_format("18446744073709551615", "%lu", UINT64_MAX);
    check_format("[  42|42  |0042|-042]", "[%4d|%-4d|%04d|%04d]", 42, 42, 42, -42);
    check_format("[ab|   ab|ab   ]", "[%.2s|%5.2s|%-5.2s]", "abc", "abc", "abc");
    check_format("(null) c 0x0", "%s %c %#lx", (char *)NULL, 'c', 0ul);
    check_format("12 34", "%zu %lld", (size_t)12, 34ll);
    assert_int_equal(ksnprintf(small, sizeof(small), "%s", "abcdef"), 6);
    assert_string_equal(small, "abc");
    assert_int_equal(ksnprintf(NULL, 0, "%d", 1234), 4);
}

/* --- ChaCha20: RFC 8439, sections 2.3.2 and appendix A.1, vector 1 ----------------------------------------- */

static void check_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3],
                        const uint8_t *want)
{
    uint32_t words[16];
    chacha20_init(words, key, counter, nonce);
    chacha20_block(words, words);
    assert_memory_equal(words, want, 64);
}

static void test_chacha20(void **state)
{
    static const uint8_t key[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    static const uint8_t nonce[12] = {0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0};
    static const uint8_t want[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
    };
    static const uint8_t want_zero[64] = {
        0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53,
        0x86, 0xbd, 0x28, 0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36,
        0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7, 0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48,
        0x8d, 0x77, 0x24, 0xe0, 0x3f, 0xb8, 0xd8, 0x4a, 0x37, 0x6a, 0x43, 0xb8, 0xf4,
        0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69, 0xb2, 0xee, 0x65, 0x86,
    };
    uint32_t key_words[8], nonce_words[3], zero[8] = {0};
    (void)state;
    memcpy(key_words, key, sizeof(key));
    memcpy(nonce_words, nonce, sizeof(nonce));
    check_block(key_words, 1, nonce_words, want);
    check_block(zero, 0, zero, want_zero);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multiboot),
        cmocka_unit_test(test_multiboot_hostile),
        cmocka_unit_test(test_pvh),
        cmocka_unit_test(test_pvh_hostile),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_bootfs),
        cmocka_unit_test(test_bootfs_hostile),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_chacha20),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
