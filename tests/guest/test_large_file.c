/* SPDX-License-Identifier: BSD-2-Clause */
/* A file past 4 GiB that is mostly holes, on a disk of 64 MiB: bytes, sizes, mappings, and cutting it back. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "tests/guest/tap.h"

#define GIB  ((off_t)1 << 30)
#define FAR  (5 * GIB + 4095) /* over the border of two pages */
#define SPAN 8192

static int directory;

static bool all_zero(const char *bytes, size_t len)
{
    while (len > 0 && bytes[len - 1] == 0)
        len--;
    return len == 0;
}

static void test_bytes(int fd)
{
    static const off_t places[] = {0, GIB - 1, 2 * GIB - 1, 4 * GIB - 3, FAR, 8 * GIB};
    static char back[SPAN];
    struct stat stat;
    bool good = true;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        good = good && pwrite(fd, "a mark", 6, places[i]) == 6;
    CHECK(good && fsync(fd) == 0);
    CHECK(fstat(fd, &stat) == 0 && stat.st_size == 8 * GIB + 6);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        good = good && pread(fd, back, 6, places[i]) == 6 && memcmp(back, "a mark", 6) == 0;
    CHECK(good);
    CHECK(pread(fd, back, SPAN, 3 * GIB) == SPAN && all_zero(back, SPAN));
    CHECK(lseek(fd, -6, SEEK_END) == 8 * GIB && read(fd, back, SPAN) == 6);
}

static void test_mapping(int fd)
{
    char byte = 0;
    char *map = mmap(NULL, SPAN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 5 * GIB);
    if (!CHECK(map != MAP_FAILED))
        return;
    CHECK(memcmp(map + 4095, "a mark", 6) == 0);
    map[100] = 'x';
    CHECK(msync(map, SPAN, MS_SYNC) == 0);
    CHECK(pread(fd, &byte, 1, 5 * GIB + 100) == 1 && byte == 'x');
    CHECK(munmap(map, SPAN) == 0);
}

static void test_cutting(int fd)
{
    static char back[SPAN];
    struct stat stat;
    CHECK(ftruncate(fd, 4 * GIB) == 0 && ftruncate(fd, 6 * GIB) == 0);
    CHECK(fstat(fd, &stat) == 0 && stat.st_size == 6 * GIB);
    CHECK(pread(fd, back, SPAN, 5 * GIB) == SPAN && all_zero(back, SPAN));
    CHECK(pread(fd, back, 6, 4 * GIB - 3) == 6 && memcmp(back, "a m\0\0\0", 6) == 0);
}

int main(void)
{
    directory = grant_fd("directory");
    int fd = openat(directory, "large", O_RDWR | O_CREAT, 0666);
    if (!CHECK(fd >= 0))
        return tap_end();
    test_bytes(fd);
    test_mapping(fd);
    test_cutting(fd);
    close(fd);
    CHECK(unlinkat(directory, "large", 0) == 0);
    return tap_end();
}
