/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of the vDSO (abi/vdso), run as a program runs it: the real image behind a time page, found
 * through its ELF header. Nothing here makes a call that traps.
 */
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/cloudabi_types.h"
#include "abi/time_page.h"

typedef cloudabi_errno_t clock_time_get_t(cloudabi_clockid_t, cloudabi_timestamp_t,
                                          cloudabi_timestamp_t *);
typedef cloudabi_errno_t clock_res_get_t(cloudabi_clockid_t, cloudabi_timestamp_t *);

static uint8_t *image; /* the time page lies directly before it */
static struct time_page *page;

static int map_image(void **state)
{
    int fd = open(VDSO, O_RDONLY);
    uint8_t *memory =
        mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    if (fd < 0 || memory == MAP_FAILED || read(fd, memory + 4096, 2 * 4096) <= 0)
        return -1;
    close(fd);
    page = (struct time_page *)memory;
    image = memory + 4096;
    return mprotect(image, 2 * 4096, PROT_READ | PROT_EXEC);
}

static uint64_t dynamic(Elf64_Sxword tag)
{
    const Elf64_Ehdr *header = (const void *)image;
    const Elf64_Phdr *segment = (const void *)(image + header->e_phoff);
    const Elf64_Dyn *entry;

    while (segment->p_type != PT_DYNAMIC)
        segment++;
    for (entry = (const void *)(image + segment->p_vaddr); entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == tag)
            return entry->d_un.d_val;
    }
    fail();
    return 0;
}

static void *function(const char *name)
{
    const Elf64_Sym *symbols = (const void *)(image + dynamic(DT_SYMTAB));
    const char *names = (const char *)image + dynamic(DT_STRTAB);
    uint32_t count = ((const uint32_t *)(const void *)(image + dynamic(DT_HASH)))[1];

    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(names + symbols[i].st_name, name) == 0)
            return image + symbols[i].st_value;
    }
    fail_msg("no %s", name);
    return NULL;
}

static void set_page(uint64_t ticks_ago, uint64_t mult)
{
    uint64_t base = time_page_scale(time_page_tsc() - ticks_ago, mult);

    *page = (struct time_page){.mult = mult,
                               .offset = {5000 - base, UINT64_C(1700000000000005000) - base},
                               .resolution = 7};
}

static void test_monotonic(void **state)
{
    clock_time_get_t *get = (clock_time_get_t *)function("cloudabi_sys_clock_time_get");
    cloudabi_timestamp_t before = 0, now = 0;

    (void)state;
    set_page(1000000, UINT64_C(1) << 31); /* two ticks a nanosecond */
    assert_int_equal(get(CLOUDABI_CLOCK_MONOTONIC, 0, &before), 0);
    assert_true(before >= 5000 + 500000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(get(CLOUDABI_CLOCK_MONOTONIC, 0, &now), 0);
        assert_true(now >= before);
        before = now;
    }
}

static void test_realtime(void **state)
{
    clock_time_get_t *get = (clock_time_get_t *)function("cloudabi_sys_clock_time_get");
    cloudabi_timestamp_t now = 0;

    (void)state;
    set_page(0, 1); /* 2^32 ticks a nanosecond */
    assert_int_equal(get(CLOUDABI_CLOCK_REALTIME, 0, &now), 0);
    assert_true(now - UINT64_C(1700000000000005000) < 1000);
}

static void test_resolution(void **state)
{
    clock_res_get_t *get = (clock_res_get_t *)function("cloudabi_sys_clock_res_get");
    cloudabi_timestamp_t resolution = 0;

    (void)state;
    set_page(0, 1);
    assert_int_equal(get(CLOUDABI_CLOCK_REALTIME, &resolution), 0);
    assert_int_equal(resolution, 7);
}

/* A year of ticks at 5 GHz does not overflow. */
static void test_long_uptime(void **state)
{
    uint64_t ticks = UINT64_C(5000000000) * 86400 * 365;

    (void)state;
    assert_int_equal(time_page_scale(ticks, (UINT64_C(1) << 32) / 5) / UINT64_C(1000000000),
                     86400 * 365 - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic),
        cmocka_unit_test(test_realtime),
        cmocka_unit_test(test_resolution),
        cmocka_unit_test(test_long_uptime),
    };

    return cmocka_run_group_tests(tests, map_image, NULL);
}
