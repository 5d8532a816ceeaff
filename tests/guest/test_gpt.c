/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk with a GPT (tests/disk.py, `gpt`): partitions 1 and 3 as block devices, and none of another number. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "tests/guest/tap.h"

#define SECTOR 512

static int disk;

static void test_partition(const char *name, off_t start, off_t sectors)
{
    char text[32], sector[SECTOR], back[SECTOR];
    struct stat stat;
    int part = openat(disk, name, O_RDWR), whole = openat(disk, "whole", O_RDONLY);
    off_t last = (sectors - 1) * SECTOR;
    CHECK(part >= 0 && whole >= 0);
    CHECK(fstat(part, &stat) == 0 && stat.st_size == sectors * SECTOR);
    snprintf(text, sizeof(text), "partition %s of gpt", name);
    CHECK(pread(part, sector, SECTOR, 0) == SECTOR && strcmp(sector, text) == 0);
    memset(sector, name[0], SECTOR);
    CHECK(pwrite(part, sector, SECTOR, last) == SECTOR && fsync(part) == 0);
    CHECK(pread(whole, back, SECTOR, start * SECTOR + last) == SECTOR);
    CHECK(memcmp(back, sector, SECTOR) == 0);
    CHECK_ERRNO(pwrite(part, sector, SECTOR, last + SECTOR), EFBIG);
    CHECK_ERRNO(openat(disk, "whole", O_RDWR), EBUSY);
    close(whole);
    close(part);
}

int main(void)
{
    disk = grant_fd("disk");
    CHECK_ERRNO(openat(disk, "2", O_RDONLY), ENOENT);
    CHECK_ERRNO(openat(disk, "4", O_RDONLY), ENOENT);
    test_partition("1", 2048, 8192);
    test_partition("3", 10240, 16384);
    return tap_end();
}
