/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block devices: a disk with partitions (tests/disk.py, `mbr`) and a RAM disk, which have the same face; many requests
 * at once; callers that are killed and a service that is killed while the device is at their memory.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <tessera/grants.h>

#include "tests/guest/jobs.h"
#include "tests/guest/rawport.h"
#include "tests/guest/tap.h"

#define MIB    (1ul << 20)
#define SECTOR 512ul
#define DISK   (16 * MIB)
#define RAM    (8 * MIB)
#define BUFFER (1 * MIB)
#define RW     (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE)
#define DEVICE                                                                       \
    (RW | CLOUDABI_RIGHT_FD_SEEK | CLOUDABI_RIGHT_FD_TELL | CLOUDABI_RIGHT_FD_SYNC | \
     CLOUDABI_RIGHT_FILE_STAT_FGET | CLOUDABI_RIGHT_FILE_STAT_FPUT_SIZE)

int main(void);

static cloudabi_fd_t root, disk, jobs;
static uint8_t *buffer, *other; /* BUFFER bytes each, page-aligned, with a page more behind */

static uint8_t *map_pages(size_t len)
{
    void *map = NULL;
    if (cloudabi_sys_mem_map(NULL, len, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                             CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE, CLOUDABI_MAP_ANON_FD, 0,
                             &map) != 0)
        abort();
    return map;
}

static void fill(uint8_t *to, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
}

static cloudabi_errno_t open_device(cloudabi_fd_t dir, const char *path, cloudabi_fd_t *fd)
{
    return open_with(dir, path, 0, DEVICE, 0, fd);
}

/* --- the face of a device ----------------------------------------------------------------------- */

static void test_attributes(cloudabi_fd_t fd, uint64_t size)
{
    cloudabi_filestat_t stat;
    cloudabi_fdstat_t fdstat;
    cloudabi_filesize_t position = 0;
    void *map;
    CHECK_RETURNS(cloudabi_sys_file_stat_fget(fd, &stat), 0);
    CHECK(stat.st_filetype == CLOUDABI_FILETYPE_BLOCK_DEVICE && stat.st_size == size);
    CHECK_RETURNS(cloudabi_sys_fd_stat_get(fd, &fdstat), 0);
    CHECK(fdstat.fs_filetype == CLOUDABI_FILETYPE_BLOCK_DEVICE);
    CHECK_RETURNS(cloudabi_sys_fd_seek(fd, 0, CLOUDABI_WHENCE_END, &position), 0);
    CHECK(position == size);
    CHECK_RETURNS(
        cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ, CLOUDABI_MAP_SHARED, fd, 0, &map),
        CLOUDABI_ENOTCAPABLE);
    stat.st_size = 4096;
    CHECK_RETURNS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), CLOUDABI_EINVAL);
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
}

/* Writes and reads back LEN bytes at AT, from and to memory at these offsets in a page. */
static bool round_trip(cloudabi_fd_t fd, uint64_t at, size_t len, size_t from, size_t to)
{
    size_t done = 0;
    fill(buffer + from, len, (uint32_t)(at + len + from));
    memset(other, 0xee, len + to + 1);
    return put_at(fd, buffer + from, len, at) == 0 && get_at(fd, other + to, len, at, &done) == 0 &&
           done == len && memcmp(buffer + from, other + to, len) == 0 && other[to + len] == 0xee &&
           (to == 0 || other[to - 1] == 0xee);
}

static void test_data(cloudabi_fd_t fd)
{
    static const size_t lengths[] = {512, 1024, 4096, 4608, 65536, 131072, 131584, 200704, BUFFER};
    static const size_t offsets[] = {0, 512, 1, 3584, 4095};
    bool good = true;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (size_t j = 0; j < sizeof(offsets) / sizeof(offsets[0]); j++)
            for (size_t k = 0; k < sizeof(offsets) / sizeof(offsets[0]); k++)
                if (!round_trip(fd, 512 * (i + j), lengths[i], offsets[j], offsets[k])) {
                    printf("# %zu bytes, %zu, %zu\n", lengths[i], offsets[j], offsets[k]);
                    good = false;
                }
    CHECK(good);
}

static void test_vectors(cloudabi_fd_t fd)
{
    fill(buffer, 16384, 77);
    const cloudabi_ciovec_t out[] = {
        {buffer, 512}, {buffer + 512, 0}, {buffer + 512, 7680}, {buffer + 8192, 4096}};
    cloudabi_iovec_t in[] = {
        {other, 100}, {other + 4096, 412}, {other + 8192, 4096}, {other + 1, 7}};
    size_t done = 0;
    CHECK_RETURNS(cloudabi_sys_fd_pwrite(fd, out, 4, 8192, &done), 0);
    CHECK(done == 12288);
    CHECK_RETURNS(cloudabi_sys_fd_pread(fd, in, 4, 8192, &done), 0);
    CHECK(done == 4615);
    CHECK(memcmp(other + 4096, buffer + 100, 412) == 0 &&
          memcmp(other + 8192, buffer + 512, 4096) == 0 &&
          memcmp(other + 1, buffer + 4608, 7) == 0);
}

static void test_bytes(cloudabi_fd_t fd)
{
    uint8_t byte[3];
    size_t done = 0;
    fill(buffer, 8192, 5);
    CHECK_RETURNS(put_at(fd, buffer, 8192, 0), 0);
    bool good = true;
    for (uint64_t at = 0; at < 8189; at += 511)
        good = good && get_at(fd, byte, 3, at, &done) == 0 && done == 3 &&
               memcmp(byte, buffer + at, 3) == 0;
    CHECK(good);
    CHECK_RETURNS(get_at(fd, byte, 0, 0, &done), 0);
    CHECK(done == 0);
    CHECK_RETURNS(get_at(fd, (void *)16, 512, 0, &done), CLOUDABI_EFAULT);
    CHECK_RETURNS(put_at(fd, (void *)16, 512, 0), CLOUDABI_EFAULT);
}

/* Memory that is a file's, or nobody may write to. */
static void test_memory(cloudabi_fd_t fd)
{
    cloudabi_fd_t tmp = (cloudabi_fd_t)grant_fd("tmp"), file;
    uint8_t *mapped;
    void *map = NULL;
    size_t done = 0;
    fill(buffer, 65536, 21);
    CHECK_RETURNS(put_at(fd, buffer, 65536, 0), 0);
    CHECK_RETURNS(open_file(tmp, "mapped", CLOUDABI_O_CREAT, &file), 0);
    CHECK_RETURNS(cloudabi_sys_file_allocate(file, 0, 65536), 0);
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, 65536, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                       CLOUDABI_MAP_SHARED, file, 0, &map),
                  0);
    mapped = map;
    CHECK_RETURNS(get_at(fd, mapped, 65536, 0, &done), 0);
    CHECK(done == 65536 && get_at(file, other, 65536, 0, &done) == 0 && done == 65536 &&
          memcmp(buffer, other, 65536) == 0);
    CHECK_RETURNS(cloudabi_sys_mem_protect(mapped, 65536, CLOUDABI_PROT_READ), 0);
    CHECK_RETURNS(put_at(fd, mapped, 65536, 65536), 0);
    CHECK_RETURNS(get_at(fd, mapped, 4096, 0, &done), CLOUDABI_EFAULT);
    CHECK_RETURNS(get_at(fd, mapped + 1, 4096, 0, &done), CLOUDABI_EFAULT);
    CHECK_RETURNS(get_at(fd, (void *)(uintptr_t)main, 4096, 0, &done), CLOUDABI_EFAULT);
    CHECK_RETURNS(cloudabi_sys_mem_unmap(mapped, 65536), 0);
    CHECK_RETURNS(get_at(fd, mapped, 4096, 0, &done), CLOUDABI_EFAULT);
    CHECK_RETURNS(get_at(fd, other, 65536, 65536, &done), 0);
    CHECK(done == 65536 && memcmp(buffer, other, 65536) == 0);
    close_fd(file);
}

static void test_end(cloudabi_fd_t fd, uint64_t size)
{
    size_t done = 99;
    CHECK_RETURNS(get_at(fd, other, 4096, size, &done), 0);
    CHECK(done == 0);
    CHECK_RETURNS(get_at(fd, other, 4096, size - 1024, &done), 0);
    CHECK(done == 1024);
    CHECK_RETURNS(get_at(fd, other + 1, 4096, size - 1000, &done), 0);
    CHECK(done == 1000);
    CHECK_RETURNS(get_at(fd, other, 4096, size + DISK, &done), 0);
    CHECK(done == 0);
    CHECK_RETURNS(put_at(fd, buffer, 512, size), CLOUDABI_EFBIG);
    CHECK_RETURNS(put_at(fd, buffer, 512, size + 512), CLOUDABI_EFBIG);
    const cloudabi_ciovec_t vec = {buffer, 4096};
    CHECK_RETURNS(cloudabi_sys_fd_pwrite(fd, &vec, 1, size - 1024, &done), 0);
    CHECK(done == 1024);
}

static void test_position(cloudabi_fd_t fd)
{
    cloudabi_filesize_t position = 0;
    size_t done = 0;
    fill(buffer, 4096, 9);
    CHECK_RETURNS(cloudabi_sys_fd_seek(fd, 4096, CLOUDABI_WHENCE_SET, &position), 0);
    CHECK(put(fd, buffer, 1024, &done) == 0 && put(fd, buffer + 1024, 1024, &done) == 0);
    CHECK_RETURNS(cloudabi_sys_fd_seek(fd, 0, CLOUDABI_WHENCE_CUR, &position), 0);
    CHECK(position == 6144);
    CHECK_RETURNS(get_at(fd, other, 2048, 4096, &done), 0);
    CHECK(done == 2048 && memcmp(other, buffer, 2048) == 0);
}

static void test_face(const char *path, uint64_t size)
{
    cloudabi_fd_t fd;
    printf("# %s\n", path);
    if (!CHECK(open_device(root, path, &fd) == 0))
        return;
    test_attributes(fd, size);
    test_data(fd);
    test_vectors(fd);
    test_bytes(fd);
    test_memory(fd);
    test_end(fd, size);
    test_position(fd);
    close_fd(fd);
}

/* Entry INDEX of a directory, without `.` and `..`, is NAME (NULL: there is none). */
static bool entry_is(cloudabi_fd_t dir, unsigned index, const char *name)
{
    char record[256];
    cloudabi_dirent_t entry;
    size_t used = 0;
    if (cloudabi_sys_file_readdir(dir, record, sizeof(record), 2 + index, &used) != 0)
        return false;
    if (used < sizeof(entry) || name == NULL)
        return used == 0 && name == NULL;
    memcpy(&entry, record, sizeof(entry));
    return entry.d_namlen == strlen(name) &&
           memcmp(record + sizeof(entry), name, entry.d_namlen) == 0;
}

/* --- names and partitions ------------------------------------------------------------------------ */

static void test_names(void)
{
    static const char *const expected[] = {"whole", "1", "2", "5", "6"};
    cloudabi_fd_t fd;
    bool good = true;
    CHECK(entry_is(root, 0, "disk0") && entry_is(root, 1, "ram0") && entry_is(root, 2, NULL));
    for (unsigned i = 0; i < 5; i++)
        good = good && entry_is(disk, i, expected[i]);
    CHECK(good && entry_is(disk, 5, NULL));
    CHECK_RETURNS(open_device(disk, "3", &fd), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_device(disk, "whole/1", &fd), CLOUDABI_ENOTDIR);
    CHECK_RETURNS(open_device(disk, "whole/", &fd), CLOUDABI_ENOTDIR);
    CHECK_RETURNS(open_with(disk, "new", CLOUDABI_O_CREAT, RW, 0, &fd) != 0, true);
}

/* The whole and a part of it are not written by two names at the same time. */
static void test_writers(void)
{
    const cloudabi_rights_t read = DEVICE & ~CLOUDABI_RIGHT_FD_WRITE;
    cloudabi_fd_t whole, one, two, fd;
    CHECK_RETURNS(open_device(disk, "1", &one), 0);
    CHECK_RETURNS(open_device(disk, "2", &two), 0); /* they share nothing */
    CHECK_RETURNS(open_device(disk, "whole", &whole), CLOUDABI_EBUSY);
    CHECK_RETURNS(open_with(disk, "whole", 0, read, 0, &whole), 0);
    close_fd(two);
    CHECK_RETURNS(open_device(disk, "1", &fd), 0); /* the same one may be */
    close_fd(one);
    CHECK_RETURNS(open_device(disk, "whole", &two), CLOUDABI_EBUSY);
    close_fd(fd);
    CHECK_RETURNS(open_device(disk, "whole", &two), 0); /* although it is open for reading */
    close_fd(whole);
    CHECK_RETURNS(open_device(disk, "1", &one), CLOUDABI_EBUSY);
    CHECK_RETURNS(open_with(disk, "1", 0, read, 0, &one), 0);
    close_fd(two);
    CHECK_RETURNS(open_device(disk, "1", &two), 0);
    close_fd(one);
    close_fd(two);
}

static void test_partitions(void)
{
    static const struct {
        const char *name;
        uint64_t start, sectors;
    } partitions[] = {
        {"1", 2048, 8192}, {"2", 10240, 2048}, {"5", 12352, 4032}, {"6", 16448, 8128}};
    cloudabi_fd_t whole, fd;
    char text[40];
    CHECK_RETURNS(open_with(disk, "whole", 0, DEVICE & ~CLOUDABI_RIGHT_FD_WRITE, 0, &whole), 0);
    for (size_t i = 0; i < 4; i++) {
        cloudabi_filestat_t stat = {.st_size = 0};
        size_t done = 0;
        uint64_t end = partitions[i].sectors * SECTOR;
        CHECK_RETURNS(open_device(disk, partitions[i].name, &fd), 0);
        CHECK(cloudabi_sys_file_stat_fget(fd, &stat) == 0 && stat.st_size == end);
        snprintf(text, sizeof(text), "partition %s of mbr", partitions[i].name);
        CHECK(get_at(fd, other, 512, 0, &done) == 0 && memcmp(other, text, strlen(text) + 1) == 0);
        fill(buffer, 8192, (uint32_t)i);
        CHECK(put_at(fd, buffer, 8192, end - 8192) == 0);
        CHECK_RETURNS(put_at(fd, buffer, 512, end), CLOUDABI_EFBIG);
        CHECK(get_at(whole, other, 8192, (partitions[i].start * SECTOR) + end - 8192, &done) == 0 &&
              memcmp(other, buffer, 8192) == 0);
        close_fd(fd);
    }
    close_fd(whole);
}

static void test_read_only(void)
{
    cloudabi_fd_t granted = (cloudabi_fd_t)grant_fd("readonly"), fd;
    cloudabi_fd_t reader = (cloudabi_fd_t)grant_fd("reader");
    size_t done = 0;
    CHECK(get_at(granted, other, 512, 0, &done) == 0 && done == 512);
    CHECK_RETURNS(put_at(granted, buffer, 512, 0), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(cloudabi_sys_fd_sync(granted), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(
        open_with(reader, "1", 0, CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_SEEK, 0, &fd), 0);
    CHECK(get_at(fd, other, 512, 0, &done) == 0 && done == 512);
    CHECK_RETURNS(put_at(fd, buffer, 512, 0), CLOUDABI_ENOTCAPABLE);
    close_fd(fd);
    CHECK(open_with(reader, "1", 0, RW, 0, &fd) != 0);
}

/* --- many at once ------------------------------------------------------------------------------- */

struct worker {
    cloudabi_fd_t fd;
    unsigned number;
    bool good;
};

/* Each has its own 512 KiB of the disk, and odd ones have crooked memory. */
static void *work(void *argument)
{
    struct worker *worker = argument;
    uint8_t *mine = map_pages(512 << 10), *back = map_pages((512 << 10) + 4096);
    uint64_t at = worker->number * (512ul << 10);
    size_t skip = worker->number % 2 * 77, done;
    worker->good = true;
    for (unsigned i = 0; i < 12; i++) {
        size_t len = 512ul << (i % 11);
        fill(mine, len, worker->number * 100 + i);
        worker->good = worker->good && put_at(worker->fd, mine, len, at) == 0 &&
                       get_at(worker->fd, back + skip, len, at, &done) == 0 && done == len &&
                       memcmp(mine, back + skip, len) == 0;
        if (i % 4 == 0)
            worker->good = worker->good && cloudabi_sys_fd_sync(worker->fd) == 0;
    }
    cloudabi_sys_mem_unmap(mine, 512 << 10);
    cloudabi_sys_mem_unmap(back, (512 << 10) + 4096);
    return NULL;
}

static void test_many(void)
{
    struct worker workers[20];
    pthread_t threads[20];
    cloudabi_fd_t fd;
    bool good = true;
    CHECK_RETURNS(open_device(disk, "whole", &fd), 0);
    for (unsigned i = 0; i < 20; i++) {
        workers[i] = (struct worker){.fd = fd, .number = i};
        good = good && pthread_create(&threads[i], NULL, work, &workers[i]) == 0;
    }
    for (unsigned i = 0; good && i < 20; i++) {
        pthread_join(threads[i], NULL);
        good = workers[i].good;
    }
    CHECK(good);
    close_fd(fd);
}

/* --- no memory ---------------------------------------------------------------------------------- */

static cloudabi_fd_t fault;
static unsigned unlucky; /* calls of the child that felt it */

static void arm(unsigned countdown)
{
    char text[12];
    size_t done;
    snprintf(text, sizeof(text), "%u", countdown);
    put(fault, text, strlen(text), &done);
}

/* Moves what it says, or fails for want of memory. */
static void feel(cloudabi_errno_t error, bool moved)
{
    unlucky += error != 0;
    if (error == 0 ? !moved
                   : error != CLOUDABI_ENOMEM && error != CLOUDABI_EFAULT &&
                         error != CLOUDABI_ENOSPC && error != CLOUDABI_EAGAIN)
        cloudabi_sys_proc_exit(100 + error);
}

static uint32_t move_without_memory(void *argument)
{
    cloudabi_fd_t fd;
    size_t done = 0;
    uint8_t *fresh = map_pages(BUFFER);
    arm(*(unsigned *)argument);
    cloudabi_errno_t error = open_device(disk, "whole", &fd);
    feel(error, true);
    if (error != 0)
        return 1;
    error = get_at(fd, fresh, 300000, 0, &done);
    feel(error, done > 0);
    error = get_at(fd, buffer + 1, 70000, 100, &done);
    feel(error, done > 0);
    error = put_at(fd, buffer, 65536, 0);
    feel(error == CLOUDABI_EIO ? 0 : error, true); /* as put_at says of short writes */
    feel(cloudabi_sys_fd_sync(fd), true);
    arm(0);
    return unlucky != 0;
}

static void test_no_memory(void)
{
    unsigned countdown = 0, late = 0, bad = 0;
    fault = (cloudabi_fd_t)grant_fd("fault");
    while (late < 100 && countdown < 600) {
        countdown++;
        cloudabi_event_t event = in_child(move_without_memory, &countdown);
        late = event.proc_terminate.exitcode == 0 ? late + 1 : 0;
        if (event.error != 0 || event.proc_terminate.exitcode > 1 ||
            (event.proc_terminate.signal != 0 && event.proc_terminate.signal != CLOUDABI_SIGBUS))
            printf("# %u: signal %u, exit %u\n", countdown, event.proc_terminate.signal,
                   (unsigned)event.proc_terminate.exitcode);
        bad += event.error != 0 || event.proc_terminate.exitcode > 1;
    }
    printf("# %u allocations\n", countdown);
    CHECK(countdown > 100 && bad == 0);
}

/* --- ends in the middle ------------------------------------------------------------------------- */

static void read_for_ever(cloudabi_fd_t port, void *argument)
{
    cloudabi_fd_t fd;
    size_t done;
    (void)port, (void)argument;
    if (open_device(disk, "whole", &fd) != 0)
        return;
    for (uint64_t at = 0;; at = (at + BUFFER) % DISK)
        (void)get_at(fd, buffer + at / BUFFER % 2, BUFFER, at, &done);
}

static unsigned long frames_free(void)
{
    static char text[4096];
    size_t done = 0;
    if (get_at((cloudabi_fd_t)grant_fd("usage"), text, sizeof(text) - 1, 0, &done) != 0)
        return 0;
    text[done] = '\0';
    const char *at = strstr(text, "\nfree_frames ");
    return at != NULL ? strtoul(at + 13, NULL, 10) : 0;
}

static void test_kill_callers(void)
{
    for (unsigned i = 0; i < 30; i++) {
        cloudabi_fd_t callers[4];
        for (unsigned j = 0; j < 4; j++)
            callers[j] = start(read_for_ever, 0, NULL);
        sleep_ms(10 + i % 7);
        for (unsigned j = 0; j < 4; j++)
            close_fd(callers[j]);
    }
    cloudabi_fd_t fd;
    CHECK_RETURNS(open_device(disk, "whole", &fd), 0);
    CHECK(round_trip(fd, 0, BUFFER, 0, 0));
    close_fd(fd);
}

static atomic_uint errors, readers;

/* Until its device is gone; then its memory is its own again. */
static void *read_until_error(void *argument)
{
    cloudabi_fd_t fd = *(cloudabi_fd_t *)argument;
    uint8_t *mine = map_pages(BUFFER);
    cloudabi_errno_t error = 0;
    size_t done;
    atomic_fetch_add(&readers, 1);
    for (uint64_t at = 0; error == 0; at = (at + BUFFER) % DISK)
        error = get_at(fd, mine, BUFFER, at, &done);
    memset(mine, 0x77, BUFFER);
    sleep_ms(50);
    for (size_t i = 0; i < BUFFER; i++)
        if (mine[i] != 0x77)
            error = CLOUDABI_EFAULT;
    if (error == CLOUDABI_EIO)
        atomic_fetch_add(&errors, 1);
    cloudabi_sys_mem_unmap(mine, BUFFER);
    return NULL;
}

static bool kill_block(void)
{
    char ctl[160];
    return job_process(jobs, "block", "ctl", ctl) && job_write(jobs, ctl, "kill") == 0;
}

static void test_kill_block(void)
{
    pthread_t threads[6];
    cloudabi_fd_t fd, again;
    size_t done;
    for (unsigned round = 0; round < 3; round++) {
        errors = readers = 0;
        CHECK_RETURNS(open_device(disk, "whole", &fd), 0);
        for (unsigned i = 0; i < 6; i++)
            pthread_create(&threads[i], NULL, read_until_error, &fd);
        while (readers < 6)
            sleep_ms(1);
        sleep_ms(20 + round * 3);
        CHECK(kill_block());
        for (unsigned i = 0; i < 6; i++)
            pthread_join(threads[i], NULL);
        CHECK(errors == 6);
        CHECK_RETURNS(get_at(fd, other, 512, 0, &done), CLOUDABI_EIO);
        /* The directory goes on with the next instance. */
        CHECK_RETURNS(open_device(disk, "whole", &again), 0);
        CHECK(round_trip(again, 4096, 65536, 0, 0));
        close_fd(again);
        close_fd(fd);
    }
}

/* --- commands of a service that drives nothing ---------------------------------------------------- */

static void test_false_claims(void)
{
    cloudabi_fd_t port, top;
    struct raw raw;
    CHECK_RETURNS(cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &top), 0);
    CHECK_RETURNS(raw_map(&raw, port), 0);
    const struct {
        int32_t fd;
        cloudabi_errno_t error;
    } tries[] = {{-1, CLOUDABI_EBADF},
                 {9999, CLOUDABI_EBADF},
                 {(int32_t)disk, CLOUDABI_EINVAL},
                 {(int32_t)port, CLOUDABI_EINVAL},
                 {grant_fd("stdout"), CLOUDABI_EINVAL}};
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        struct port_command *command = raw_command(&raw, PORT_CMD_DMA);
        command->fd = tries[i].fd;
        command->a = PORT_STOP_NONE;
        CHECK_RETURNS(raw_deliver(&raw), 0);
        CHECK_RETURNS(command->error, tries[i].error);
    }
    close_fd(top);
    close_fd(port);
}

int main(void)
{
    root = (cloudabi_fd_t)grant_fd("root");
    disk = (cloudabi_fd_t)grant_fd("disk");
    jobs = (cloudabi_fd_t)grant_fd("jobs");
    buffer = map_pages(BUFFER + 8192);
    other = map_pages(BUFFER + 8192);
    test_names();
    test_writers();
    test_partitions();
    test_read_only();
    test_face("ram0/whole", RAM);
    test_face("disk0/1", 8192 * SECTOR);
    test_many();
    unsigned long before = frames_free();
    test_no_memory();
    test_kill_callers();
    test_kill_block();
    test_false_claims();
    for (unsigned i = 0; i < 100 && frames_free() + 64 < before; i++)
        sleep_ms(20);
    printf("# free frames: %lu, then %lu\n", before, frames_free());
    CHECK(frames_free() + 64 >= before);
    return tap_end();
}
