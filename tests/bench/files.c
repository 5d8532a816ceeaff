/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What files cost, on whatever file system the grants name:
 * `tools/vm exec --icount --grants tests/bench/bench-files.yaml build/user/bench-files`.
 *
 * The MiB is read and written in pieces of 64 KiB; written to an empty file, so that its pages are made, too.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "tests/bench/bench.h"

#define PAGE  4096
#define PIECE 65536
#define MIB   (1024 * 1024)

/* So many nanoseconds are a MiB at MBPS million bytes a second. */
#define MIB_AT(mbps) ((unsigned)((uint64_t)MIB * 1000 / (mbps)))

static int directory, file;
static char piece[PIECE];

static int open_file(const char *name, int flags)
{
    int fd = openat(directory, name, flags, 0666);
    bench_check(fd < 0, name);
    return fd;
}

static void setup(void)
{
    directory = grant_fd("directory");
    file = open_file("file", O_RDWR | O_CREAT);
    bench_check(pwrite(file, piece, PAGE, 0) != PAGE, "pwrite");
}

/* --- names ------------------------------------------------------------------------------------ */

static void open_close(unsigned rounds)
{
    while (rounds-- > 0)
        close(open_file("file", O_RDONLY));
}

static void stat_name(unsigned rounds)
{
    struct stat stat;
    while (rounds-- > 0)
        bench_check(fstatat(directory, "file", &stat, 0), "fstatat");
}

static void create_unlink(unsigned rounds)
{
    while (rounds-- > 0) {
        close(open_file("fresh", O_WRONLY | O_CREAT | O_EXCL));
        bench_check(unlinkat(directory, "fresh", 0), "unlinkat");
    }
}

#define ENTRIES 1000

static void listing_setup(void)
{
    char name[32];
    setup();
    bench_check(mkdirat(directory, "many", 0777), "mkdirat");
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(name, sizeof(name), "many/entry-%d", i);
        close(open_file(name, O_WRONLY | O_CREAT));
    }
}

static void read_directory(unsigned rounds)
{
    while (rounds-- > 0) {
        DIR *dir = fdopendir(open_file("many", O_RDONLY | O_DIRECTORY));
        bench_check(dir == NULL, "fdopendir");
        int count = 0;
        while (readdir(dir) != NULL)
            count++;
        bench_check(count < ENTRIES, "readdir");
        closedir(dir);
    }
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void read_page(unsigned rounds)
{
    while (rounds-- > 0)
        bench_check(pread(file, piece, PAGE, 0) != PAGE, "pread");
}

static void write_page(unsigned rounds)
{
    while (rounds-- > 0)
        bench_check(pwrite(file, piece, PAGE, 0) != PAGE, "pwrite");
}

static void write_sync(unsigned rounds)
{
    while (rounds-- > 0) {
        bench_check(pwrite(file, piece, PAGE, 0) != PAGE, "pwrite");
        bench_check(fsync(file), "fsync");
    }
}

static void write_mib(unsigned rounds)
{
    while (rounds-- > 0) {
        bench_check(ftruncate(file, 0), "ftruncate");
        for (int at = 0; at < MIB; at += PIECE)
            bench_check(pwrite(file, piece, PIECE, at) != PIECE, "pwrite");
    }
}

static void mib_setup(void)
{
    setup();
    write_mib(1);
}

static void read_mib(unsigned rounds)
{
    while (rounds-- > 0)
        for (int at = 0; at < MIB; at += PIECE)
            bench_check(pread(file, piece, PIECE, at) != PIECE, "pread");
}

/* From the device, where there is one. */
static void read_mib_cold(unsigned rounds)
{
    bench_check(fsync(file), "fsync");
    while (rounds-- > 0) {
        bench_check(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), "posix_fadvise");
        read_mib(1);
    }
}

static const struct bench benches[] = {
    {"file_open_close", open_close, 1000, setup, 3000},
    {"file_stat_name", stat_name, 1000, setup, 2000},
    {"file_create_unlink", create_unlink, 500, setup, 7500},
    {"file_readdir_1000", read_directory, 10, listing_setup, 250000},
    {"file_read_4096_cached", read_page, 2000, setup, 920},
    {"file_write_4096", write_page, 2000, setup, 1200},
    {"file_write_4096_fsync", write_sync, 500, setup, 9000},
    {"file_read_1mib_cached", read_mib, 10, mib_setup, MIB_AT(6000)},
    {"file_read_1mib_dropped", read_mib_cold, 10, mib_setup, MIB_AT(2000)},
    {"file_write_1mib", write_mib, 10, setup, MIB_AT(2500)},
};

int main(int argc, char **argv)
{
    bench_run(benches, sizeof(benches) / sizeof(benches[0]), argc > 1 ? argv[1] : NULL);
    return 0;
}
