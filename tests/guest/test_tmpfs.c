/* SPDX-License-Identifier: BSD-2-Clause */
/* A tmpfs whose files may hold 4 MiB: what happens at the end of that, and that everything comes back. */
#include <tessera/grants.h>

#include "tests/guest/jobs.h"
#include "tests/guest/tap.h"

#define LIMIT (4u << 20)
#define USAGE "small/files/usage"

static cloudabi_fd_t dir, jobs;

static uint64_t used(void)
{
    return job_number(jobs, USAGE, "memory");
}

/* Frees follow the last close at once, or with the service's next turn. */
static bool comes_back_to(uint64_t bytes)
{
    for (unsigned i = 0; i < 200 && used() > bytes; i++)
        (void)nap(10000000);
    if (used() > bytes)
        printf("# %llu bytes in use, %llu expected\n", (unsigned long long)used(),
               (unsigned long long)bytes);
    return used() <= bytes;
}

/* Writes zeros until nothing more is taken; how much was, and the errno of the write that was not. */
static size_t fill(cloudabi_fd_t fd, cloudabi_errno_t *error)
{
    static char block[65536];
    size_t total = 0, done;
    do {
        done = 0;
        *error = put(fd, block, sizeof(block), &done);
        total += done;
    } while (*error == 0 && done != 0 && total < 2 * LIMIT);
    return total;
}

static void test_full(void)
{
    cloudabi_fd_t fd, other;
    cloudabi_errno_t error;
    cloudabi_filestat_t stat;
    size_t done;
    char byte;
    CHECK_RETURNS(open_file(dir, "big", CLOUDABI_O_CREAT, &fd), 0);
    size_t total = fill(fd, &error);
    CHECK(error == CLOUDABI_ENOSPC);
    CHECK(total > LIMIT - LIMIT / 8 && total <= LIMIT);
    CHECK(used() <= LIMIT);
    CHECK_RETURNS(cloudabi_sys_file_stat_fget(fd, &stat), 0);
    CHECK(stat.st_size == total);
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);

    /* Names can still be served. */
    CHECK_RETURNS(open_file(dir, "big", 0, &fd), 0);
    CHECK_RETURNS(get_at(fd, &byte, 1, total - 1, &done), 0);
    CHECK(done == 1);
    CHECK_RETURNS(make_dir(dir, "sub"), 0);
    CHECK_RETURNS(open_dir(dir, "sub", &other), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(other), 0);
    CHECK_RETURNS(open_file(dir, "sub/empty", CLOUDABI_O_CREAT, &other), 0);
    CHECK_RETURNS(put(other, "x", 1, &done), CLOUDABI_ENOSPC);
    CHECK_RETURNS(cloudabi_sys_fd_close(other), 0);
    CHECK_RETURNS(rename_at(dir, "sub/empty", "empty"), 0);
    CHECK_RETURNS(unlink_at(dir, "empty"), 0);
    CHECK_RETURNS(rmdir_at(dir, "sub"), 0);

    /* Cutting makes room. */
    stat.st_size = LIMIT / 2;
    CHECK_RETURNS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    CHECK_RETURNS(put_at(fd, "again", 5, LIMIT / 2), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    CHECK_RETURNS(unlink_at(dir, "big"), 0);
}

static uint32_t store_beyond(void *arg)
{
    size_t len = 2 * LIMIT;
    cloudabi_fd_t fd = *(cloudabi_fd_t *)arg;
    void *at;
    if (cloudabi_sys_mem_map(NULL, len, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                             CLOUDABI_MAP_SHARED, fd, 0, &at) != 0)
        return 1;
    memset(at, 1, len);
    return 2;
}

/* A store for which there is no room ends the process. */
static void test_mapped(void)
{
    cloudabi_fd_t fd;
    cloudabi_filestat_t stat = {.st_size = 2 * LIMIT};
    CHECK_RETURNS(open_file(dir, "mapped", CLOUDABI_O_CREAT, &fd), 0);
    CHECK_RETURNS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    cloudabi_event_t end = in_child(store_beyond, &fd);
    CHECK(end.error == 0 && end.proc_terminate.signal == CLOUDABI_SIGBUS);
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    CHECK_RETURNS(unlink_at(dir, "mapped"), 0);
}

/* What has lost its name is there until the last descriptor goes, and not longer. */
static void test_unlinked(uint64_t before)
{
    static char block[65536];
    cloudabi_fd_t fd, second;
    size_t done;
    CHECK_RETURNS(open_file(dir, "gone", CLOUDABI_O_CREAT, &fd), 0);
    for (unsigned i = 0; i < 16; i++)
        (void)put(fd, block, sizeof(block), &done);
    CHECK_RETURNS(cloudabi_sys_fd_dup(fd, &second), 0);
    CHECK_RETURNS(unlink_at(dir, "gone"), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    CHECK(used() + 4096 >= before + 16 * sizeof(block));
    CHECK_RETURNS(put_at(second, "end", 3, 17 * sizeof(block)), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(second), 0);
    CHECK(comes_back_to(before));
}

/* The same for a file that another replaces. */
static void test_replaced(uint64_t before)
{
    static char block[65536];
    cloudabi_fd_t fd;
    size_t done;
    CHECK_RETURNS(open_file(dir, "old", CLOUDABI_O_CREAT, &fd), 0);
    CHECK_RETURNS(put(fd, block, sizeof(block), &done), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    CHECK_RETURNS(open_file(dir, "new", CLOUDABI_O_CREAT, &fd), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    CHECK_RETURNS(rename_at(dir, "new", "old"), 0);
    CHECK_RETURNS(unlink_at(dir, "old"), 0);
    CHECK(comes_back_to(before));
}

int main(void)
{
    dir = (cloudabi_fd_t)grant_fd("tmp");
    jobs = (cloudabi_fd_t)grant_fd("jobs");
    cloudabi_fd_t fd;
    CHECK_RETURNS(open_file(dir, "first", CLOUDABI_O_CREAT, &fd), 0); /* pages that stay come now */
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    CHECK_RETURNS(unlink_at(dir, "first"), 0);
    uint64_t before = used() + 4096; /* spare nodes of the port */
    CHECK(job_number(jobs, "small/files/limits", "memory") == LIMIT);
    test_full();
    CHECK(comes_back_to(before));
    test_mapped();
    CHECK(comes_back_to(before));
    test_unlinked(before);
    test_replaced(before);
    return tap_end();
}
