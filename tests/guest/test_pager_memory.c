/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that is larger than memory, from a pager that makes it up: read, written, mapped. */
#include "tests/guest/pager.h"

#define PIECE 32u /* pages */

static uint64_t words[PIECE * PAGE / 8];

static bool is_version(const uint64_t *page, uint64_t index, unsigned version)
{
    for (uint64_t i = 0; i < PAGE / 8; i += 61)
        if (page[i] != huge_word(index * (PAGE / 8) + i, version))
            return false;
    return true;
}

static bool read_all(cloudabi_fd_t fd, unsigned version)
{
    for (uint64_t index = 0; index < HUGE_PAGES; index += PIECE) {
        unsigned count = HUGE_PAGES - index < PIECE ? (unsigned)(HUGE_PAGES - index) : PIECE;
        size_t done;
        if ((errno = get_at(fd, words, count * PAGE, index * PAGE, &done)) != 0 ||
            done != count * PAGE)
            return false;
        for (unsigned i = 0; i < count; i++)
            if (!is_version(words + i * PAGE / 8, index + i, version))
                return false;
    }
    return true;
}

static bool write_all(cloudabi_fd_t fd, unsigned version)
{
    for (uint64_t index = 0; index < HUGE_PAGES; index += PIECE) {
        unsigned count = HUGE_PAGES - index < PIECE ? (unsigned)(HUGE_PAGES - index) : PIECE;
        for (unsigned i = 0; i < count; i++)
            huge_fill(words + i * PAGE / 8, index + i, version);
        if ((errno = put_at(fd, words, count * PAGE, index * PAGE)) != 0)
            return false;
    }
    return true;
}

static void test_mapped(cloudabi_fd_t fd, unsigned version)
{
    void *map = NULL;
    unsigned wrong = 0;
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, HUGE_PAGES * PAGE,
                                       CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                       CLOUDABI_MAP_SHARED, fd, 0, &map),
                  0);
    uint64_t *page = map;
    for (uint64_t index = 0; index < HUGE_PAGES; index += 3)
        wrong += !is_version(page + index * PAGE / 8, index, version);
    CHECK(wrong == 0);
    for (uint64_t index = 0; index < HUGE_PAGES; index += 5)
        huge_fill(page + index * PAGE / 8, index, version + 1);
    CHECK_RETURNS(cloudabi_sys_mem_sync(map, HUGE_PAGES * PAGE, CLOUDABI_MS_SYNC), 0);
    for (uint64_t index = 0; index < HUGE_PAGES; index += 7)
        wrong +=
            !is_version(page + index * PAGE / 8, index, index % 5 == 0 ? version + 1 : version);
    CHECK(wrong == 0);
    cloudabi_sys_mem_unmap(map, HUGE_PAGES * PAGE);
}

int main(void)
{
    pager_memory();
    struct served served = pager_begin(0);
    cloudabi_fd_t fd = NO_FD;
    control->quota = ~0u;
    CHECK_RETURNS(open_file(served.root, "huge", 0, &fd), 0);
    CHECK(read_all(fd, 0));
    CHECK(control->calls[PORT_PAGE_OUT] == 0);
    CHECK(write_all(fd, 1));
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
    CHECK(control->bad == 0);
    CHECK(read_all(fd, 1));
    test_mapped(fd, 1);
    CHECK(control->bad == 0);
    close_fd(fd);
    pager_end(&served);
    return tap_end();
}
