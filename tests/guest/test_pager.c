/* SPDX-License-Identifier: BSD-2-Clause */
/* Files whose pages come from a pager and go there: reading, writing, mapping, holes, sizes, sync, errors. */
#include "tests/guest/pager.h"

#define RW_MAP (CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE)

static char buffer[DISK_PAGES * 4096], other[DISK_PAGES * 4096];

static cloudabi_fd_t open_pages(const struct served *served, const char *name,
                                cloudabi_oflags_t how)
{
    cloudabi_fd_t fd = NO_FD;
    CHECK_RETURNS(open_file(served->root, name, how, &fd), 0);
    return fd;
}

static bool is_disk(const char *bytes, uint64_t from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != disk_byte(from + i))
            return false;
    return true;
}

static bool is_all(const char *bytes, char value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static cloudabi_errno_t resize(cloudabi_fd_t fd, uint64_t size)
{
    cloudabi_filestat_t stat = {.st_size = size};
    return cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE);
}

static uint64_t size_of(cloudabi_fd_t fd)
{
    cloudabi_filestat_t stat = {0};
    CHECK_RETURNS(cloudabi_sys_file_stat_fget(fd, &stat), 0);
    return stat.st_size;
}

static void test_read(const char *name)
{
    struct served served = pager_begin(DISK_PAGES * PAGE - 100);
    cloudabi_fd_t fd = open_pages(&served, name, 0);
    size_t done = 0;
    printf("# read %s\n", name);
    CHECK_RETURNS(get_at(fd, buffer, 10, 5000, &done), 0);
    CHECK(done == 10 && is_disk(buffer, 5000, 10));
    CHECK(control->calls[PORT_PAGE_IN] == 1 && control->pages_in == 4);
    CHECK_RETURNS(get_at(fd, buffer, 10, 4 * PAGE, &done), 0);
    CHECK(done == 10 && control->calls[PORT_PAGE_IN] == 1); /* read ahead */
    CHECK_RETURNS(get_at(fd, buffer, sizeof(buffer), 0, &done), 0);
    CHECK(done == DISK_PAGES * PAGE - 100 && is_disk(buffer, 0, done));
    CHECK(control->pages_in == DISK_PAGES && control->most_pages_in == PORT_PAGES_MAX);
    CHECK(control->calls[PORT_PAGE_IN] <= 14);
    close_fd(fd);
    /* What was read stays when nobody has it open. */
    fd = open_pages(&served, name, 0);
    CHECK_RETURNS(get_at(fd, buffer, sizeof(buffer), 0, &done), 0);
    CHECK(is_disk(buffer, 0, done) && control->pages_in == DISK_PAGES);
    CHECK_RETURNS(cloudabi_sys_file_advise(fd, 0, 0, CLOUDABI_ADVICE_DONTNEED), 0);
    CHECK_RETURNS(get_at(fd, buffer, sizeof(buffer), 0, &done), 0);
    CHECK(is_disk(buffer, 0, done) && control->pages_in == 2 * DISK_PAGES);
    CHECK(control->calls[PORT_RESERVE] == 0 && control->calls[PORT_PAGE_OUT] == 0);
    close_fd(fd);
    pager_end(&served);
}

static void test_write(const char *name)
{
    struct served served = pager_begin(10 * PAGE);
    cloudabi_fd_t fd = open_pages(&served, name, 0);
    size_t done;
    printf("# write %s\n", name);
    memset(other, 'w', sizeof(other));
    CHECK_RETURNS(put_at(fd, other, 100, 2 * PAGE + 50), 0); /* in a page that has a place */
    CHECK(control->calls[PORT_RESERVE] == 0 && control->calls[PORT_PAGE_IN] == 1);
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
    CHECK(control->calls[PORT_PAGE_OUT] == 1 && control->pages_out == 1);
    CHECK(control->calls[PORT_SYNC] == 1 && control->last_size == 10 * PAGE);
    CHECK(is_disk(page_at(2), 2 * PAGE, 50) && is_all(page_at(2) + 50, 'w', 100));
    CHECK(is_disk(page_at(2) + 150, 2 * PAGE + 150, PAGE - 150));
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0); /* nothing is dirty any more */
    CHECK(control->calls[PORT_PAGE_OUT] == 1 && control->calls[PORT_SYNC] == 2);

    /* Whole pages are not read first; growth is reserved. */
    uint32_t in = control->pages_in;
    CHECK_RETURNS(put_at(fd, other, 40 * PAGE, 8 * PAGE), 0);
    CHECK(control->pages_in == in && control->calls[PORT_RESERVE] > 0);
    CHECK(size_of(fd) == 48 * PAGE);
    CHECK_RETURNS(put_at(fd, other, 10, 60 * PAGE), 0); /* a hole before it */
    CHECK_RETURNS(get_at(fd, buffer, 70 * PAGE, 0, &done), 0);
    CHECK(done == 60 * PAGE + 10 && is_all(buffer + 8 * PAGE, 'w', 40 * PAGE));
    CHECK(is_all(buffer + 48 * PAGE, 0, 12 * PAGE) && is_all(buffer + 60 * PAGE, 'w', 10));
    CHECK_RETURNS(cloudabi_sys_fd_datasync(fd), 0);
    CHECK(control->last_size == 60 * PAGE + 10 && control->pages_out == 1 + 40 + 1);
    CHECK(control->mapped[47] && !control->mapped[48] && control->mapped[60]);
    CHECK(is_all(page_at(60) + 10, 0, PAGE - 10)); /* nothing behind the end */
    CHECK_RETURNS(cloudabi_sys_file_advise(fd, 0, 0, CLOUDABI_ADVICE_DONTNEED), 0);
    memset(buffer, 1, sizeof(buffer));
    CHECK_RETURNS(get_at(fd, buffer, 70 * PAGE, 0, &done), 0);
    CHECK(done == 60 * PAGE + 10 && is_all(buffer + 8 * PAGE, 'w', 40 * PAGE));
    CHECK(is_all(buffer + 48 * PAGE, 0, 12 * PAGE) && is_all(buffer + 60 * PAGE, 'w', 10));
    close_fd(fd);
    pager_end(&served);
}

static void test_holes(void)
{
    struct served served = pager_begin(20 * PAGE);
    memset(control->mapped + 5, 0, 10);
    cloudabi_fd_t fd = open_pages(&served, "places", 0);
    size_t done;
    printf("# holes\n");
    CHECK_RETURNS(get_at(fd, buffer, 20 * PAGE, 0, &done), 0);
    CHECK(is_disk(buffer, 0, 5 * PAGE) && is_all(buffer + 5 * PAGE, 0, 10 * PAGE));
    CHECK(is_disk(buffer + 15 * PAGE, 15 * PAGE, 5 * PAGE));
    control->quota = 2;
    memset(other, 'h', sizeof(other));
    CHECK_RETURNS(put_at(fd, other, 100, 0), 0); /* has a place */
    CHECK(control->calls[PORT_RESERVE] == 0);
    CHECK_RETURNS(put_at(fd, other, 100, 6 * PAGE), 0);
    CHECK_RETURNS(put_at(fd, other, 100, 7 * PAGE), 0);
    CHECK_RETURNS(put_at(fd, other, 100, 10 * PAGE), CLOUDABI_ENOSPC);
    CHECK_RETURNS(put_at(fd, other, 100, 30 * PAGE), CLOUDABI_ENOSPC);
    CHECK(size_of(fd) == 20 * PAGE);
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
    CHECK(control->mapped[6] && control->mapped[7] && !control->mapped[10]);
    control->quota = 100;
    CHECK_RETURNS(cloudabi_sys_file_allocate(fd, 8 * PAGE, 20 * PAGE), 0);
    CHECK(size_of(fd) == 28 * PAGE);
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
    CHECK(control->mapped[8] && control->mapped[27] && !control->mapped[5]);
    control->quota = 3;
    CHECK_RETURNS(cloudabi_sys_file_allocate(fd, 0, 200 * PAGE), CLOUDABI_ENOSPC);
    CHECK(size_of(fd) == 28 * PAGE);
    close_fd(fd);
    pager_end(&served);
}

static void test_mapping(const char *name)
{
    struct served served = pager_begin(40 * PAGE);
    cloudabi_fd_t fd = open_pages(&served, name, 0);
    void *map = NULL, *private = NULL;
    size_t done;
    printf("# mapping %s\n", name);
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, 40 * PAGE, RW_MAP, CLOUDABI_MAP_SHARED, fd, 0, &map),
                  0);
    CHECK_RETURNS(
        cloudabi_sys_mem_map(NULL, 40 * PAGE, RW_MAP, CLOUDABI_MAP_PRIVATE, fd, 0, &private), 0);
    char *shared = map, *own = private;
    CHECK(is_disk(shared, 0, 40 * PAGE) && is_disk(own, 0, 40 * PAGE));
    shared[3 * PAGE + 5] = 'm';
    own[4 * PAGE] = 'p';
    CHECK_RETURNS(get_at(fd, buffer, 10, 3 * PAGE, &done), 0);
    CHECK(buffer[5] == 'm' && own[3 * PAGE + 5] == 'm');
    CHECK_RETURNS(put_at(fd, "rw", 2, 3 * PAGE + 7), 0);
    CHECK(shared[3 * PAGE + 7] == 'r' && shared[3 * PAGE + 8] == 'w');
    CHECK_RETURNS(cloudabi_sys_mem_sync(map, 40 * PAGE, CLOUDABI_MS_SYNC), 0);
    CHECK(control->pages_out == 1 && page_at(3)[5] == 'm' && page_at(3)[7] == 'r');
    CHECK(control->calls[PORT_SYNC] == 1);
    /* A store after a write-out is noticed. */
    for (unsigned i = 0; i < 3; i++) {
        shared[3 * PAGE + 5] = (char)('a' + i);
        shared[30 * PAGE] = (char)('A' + i);
        CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
        CHECK(page_at(3)[5] == (char)('a' + i) && page_at(30)[0] == (char)('A' + i));
    }
    CHECK(control->pages_out == 7 && page_at(4)[0] == disk_byte(4 * PAGE));
    CHECK_RETURNS(cloudabi_sys_file_advise(fd, 0, 0, CLOUDABI_ADVICE_DONTNEED), 0);
    CHECK(shared[30 * PAGE] == 'C' && is_disk(shared + 10 * PAGE, 10 * PAGE, 10 * PAGE));
    CHECK(own[4 * PAGE] == 'p');
    /* The mapping keeps the file after its descriptor. */
    close_fd(fd);
    shared[20 * PAGE] = 'z';
    CHECK_RETURNS(cloudabi_sys_mem_sync(map, 40 * PAGE, CLOUDABI_MS_SYNC), 0);
    CHECK(page_at(20)[0] == 'z' && control->calls[PORT_FORGET] == 0);
    cloudabi_sys_mem_unmap(map, 40 * PAGE);
    cloudabi_sys_mem_unmap(private, 40 * PAGE);
    pager_end(&served);
}

static void test_sizes(void)
{
    struct served served = pager_begin(20 * PAGE);
    cloudabi_fd_t fd = open_pages(&served, "places", 0);
    void *map = NULL;
    size_t done;
    printf("# sizes\n");
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, 20 * PAGE, RW_MAP, CLOUDABI_MAP_SHARED, fd, 0, &map),
                  0);
    ((char *)map)[10 * PAGE] = 'd';
    CHECK_RETURNS(resize(fd, 5 * PAGE + 100), 0);
    CHECK(control->calls[PORT_SETATTR] == 1 && control->last_size == 5 * PAGE + 100);
    CHECK(control->calls[PORT_PAGE_OUT] == 0);
    CHECK_RETURNS(get_at(fd, buffer, 20 * PAGE, 0, &done), 0);
    CHECK(done == 5 * PAGE + 100 && is_disk(buffer, 0, done));
    CHECK_RETURNS(resize(fd, 20 * PAGE), 0);
    CHECK_RETURNS(get_at(fd, buffer, 20 * PAGE, 0, &done), 0);
    CHECK(done == 20 * PAGE && is_disk(buffer, 0, 5 * PAGE + 100));
    CHECK(is_all(buffer + 5 * PAGE + 100, 0, 15 * PAGE - 100));
    CHECK(((char *)map)[10 * PAGE] == 0);
    /* A refusal changes nothing for good. */
    control->fail_op = PORT_SETATTR;
    control->fail_error = CLOUDABI_EROFS;
    CHECK_RETURNS(resize(fd, 100 * PAGE), CLOUDABI_EROFS);
    CHECK(size_of(fd) == 20 * PAGE);
    control->fail_op = 0;
    CHECK_RETURNS(resize(fd, 0), 0);
    close_fd(fd);
    fd = open_pages(&served, "places", CLOUDABI_O_TRUNC);
    CHECK(size_of(fd) == 0);
    CHECK_RETURNS(put_at(fd, "new", 3, 0), 0);
    CHECK_RETURNS(get_at(fd, buffer, 100, 0, &done), 0);
    CHECK(done == 3 && memcmp(buffer, "new", 3) == 0);
    cloudabi_sys_mem_unmap(map, 20 * PAGE);
    close_fd(fd);
    pager_end(&served);
}

static void test_order(void)
{
    struct served served = pager_begin(20 * PAGE);
    cloudabi_fd_t fd = open_pages(&served, "places", 0), again;
    cloudabi_fdstat_t flags = {.fs_flags = CLOUDABI_FDFLAG_DSYNC};
    size_t done;
    printf("# order, errors\n");
    memset(other, 'o', sizeof(other));
    control->want_wrote = 1;
    CHECK_RETURNS(put_at(fd, other, 10, 0), 0);
    control->order = 0;
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
    CHECK(control->order ==
          ((PORT_PAGE_OUT & 15) << 8 | (PORT_WROTE & 15) << 4 | (PORT_SYNC & 15)));
    /* Synchronous writes write that range only. */
    CHECK_RETURNS(put_at(fd, other, 10, 9 * PAGE), 0);
    control->pages_out = 0;
    CHECK_RETURNS(cloudabi_sys_fd_stat_put(fd, &flags, CLOUDABI_FDSTAT_FLAGS), 0);
    CHECK_RETURNS(put(fd, other, 10, &done), 0);
    CHECK(control->pages_out == 1 && (control->order & 15) == (PORT_SYNC & 15));
    flags.fs_flags = 0;
    CHECK_RETURNS(cloudabi_sys_fd_stat_put(fd, &flags, CLOUDABI_FDSTAT_FLAGS), 0);
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
    CHECK(control->pages_out == 2);
    /* An error is told to each open file once. */
    CHECK_RETURNS(open_file(served.root, "places", 0, &again), 0);
    CHECK_RETURNS(put_at(fd, other, 10, 0), 0);
    control->fail_op = PORT_PAGE_OUT;
    control->fail_error = CLOUDABI_EIO;
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), CLOUDABI_EIO);
    control->fail_op = 0;
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
    CHECK_RETURNS(cloudabi_sys_fd_sync(again), CLOUDABI_EIO);
    CHECK_RETURNS(cloudabi_sys_fd_sync(again), 0);
    CHECK(page_at(0)[0] == 'o');
    CHECK_RETURNS(get_at(fd, buffer, 10, 0, &done), 0);
    CHECK(buffer[0] == 'o');
    close_fd(fd);
    close_fd(again);
    pager_end(&served);
}

static void test_ages(void)
{
    struct served served = pager_begin(20 * PAGE);
    cloudabi_fd_t fd = open_pages(&served, "places", 0);
    printf("# written without being asked\n");
    CHECK_RETURNS(put_at(fd, "late", 4, 3 * PAGE), 0);
    close_fd(fd); /* does not wait, and forgets nothing */
    CHECK(control->calls[PORT_PAGE_OUT] == 0);
    CHECK(wait_until(&control->pages_out, 1));
    sleep_ms(20);
    CHECK(memcmp(page_at(3), "late", 4) == 0);
    /* The last name goes: so does what is kept. */
    fd = open_pages(&served, "places", 0);
    control->unlinked = NODE_PLACES;
    CHECK_RETURNS(unlink_at(served.root, "places"), 0);
    CHECK_RETURNS(put_at(fd, "gone", 4, 3 * PAGE), 0);
    CHECK(control->calls[PORT_FORGET] == 0);
    close_fd(fd);
    CHECK(wait_until(&control->calls[PORT_FORGET], 1));
    /* Syncing the root writes everything. */
    fd = open_pages(&served, "data", 0);
    CHECK_RETURNS(put_at(fd, "root", 4, 4 * PAGE), 0);
    sleep_ms(2);
    CHECK_RETURNS(cloudabi_sys_fd_sync(served.root), 0);
    CHECK(memcmp(page_at(4), "root", 4) == 0);
    close_fd(fd);
    pager_end(&served);
}

int main(void)
{
    pager_memory();
    test_read("data");
    test_read("places");
    test_write("data");
    test_write("places");
    test_holes();
    test_mapping("data");
    test_mapping("places");
    test_sizes();
    test_order();
    test_ages();
    return tap_end();
}
