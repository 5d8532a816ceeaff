/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ext2: a service that keeps files on a disk. It knows the names and where the bytes of files lie; the bytes themselves
 * move between the disk's service and the kernel's pages.
 *
 * Changes are committed when somebody asks for it by a sync, and else five seconds after the first of them.
 *
 * Grants: see README.md.
 */
#include <pthread.h>
#include <string.h>
#include <tessera/grants.h>
#include <time.h>
#include <unistd.h>

#include "abi/argdata/argdata.h"
#include "abi/cloudabi_syscalls.h"
#include "services/common/log.h"
#include "services/ext2/disk.h"
#include "services/ext2/ops.h"

#define MS           1000000ull
#define COMMIT_AFTER 5   /* seconds */
#define EXIT_REFUSED 126 /* init does not start it again */

static uint64_t clock_get(cloudabi_clockid_t clock)
{
    cloudabi_timestamp_t time = 0;
    (void)cloudabi_sys_clock_time_get(clock, 1, &time);
    return time;
}

/* --- disks in memory ---------------------------------------------------------------------- */

/* Whether the device holds any ext2. */
static bool is_formatted(struct device *device)
{
    uint8_t sector[512] = {0};
    const struct disk_super *super = (const void *)sector;
    return device->read(device, DISK_SUPER_OFFSET, sector, sizeof(sector)) == 0 &&
           super->magic == DISK_MAGIC;
}

/* Puts the granted image on a device that holds nothing yet. Zeros need not be written: it is a disk in memory. */
static cloudabi_errno_t fill(struct device *device, int image)
{
    static uint8_t piece[65536];
    static const uint8_t zeros[sizeof(piece)];
    cloudabi_errno_t error = 0;
    ssize_t got = 0;
    for (uint64_t at = 0; error == 0 && at < device->size; at += sizeof(piece)) {
        got = pread(image, piece, sizeof(piece), (off_t)at);
        if (got <= 0)
            break;
        if (memcmp(piece, zeros, (size_t)got) != 0)
            error = device->write(device, at, piece, (size_t)got / 512 * 512);
    }
    return got < 0 ? CLOUDABI_EIO : error;
}

/* --- mounting ----------------------------------------------------------------------------- */

static void report_mount(const struct volume *volume, const struct fs_report *report, uint64_t took)
{
    struct fs_counts counts;
    fs_count(volume->fs, &counts);
    if (report->replayed != 0 || report->orphans != 0)
        log_line("replayed %u transactions, finished with %u orphans in %u ms",
                 (unsigned)report->replayed, (unsigned)report->orphans, (unsigned)(took / MS));
    if (report->had_errors)
        log_line("this file system had errors: check it with e2fsck");
    if (report->was_unclean)
        log_line("it has no journal and was not unmounted: check it with e2fsck");
    log_line("%llu MiB, %llu free, blocks of %u, %s%s%s",
             (unsigned long long)(counts.blocks * counts.block_size >> 20),
             (unsigned long long)(counts.blocks_available * counts.block_size >> 20),
             (unsigned)counts.block_size, report->journaled ? "with journal" : "without journal",
             fs_is_read_only(volume->fs) ? ", read-only: " : "",
             !fs_is_read_only(volume->fs) ? ""
             : report->why != NULL        ? report->why
                                          : "so is the disk");
}

/* The argument `device`, or NULL. */
static const char *device_name(void)
{
    size_t len;
    const void *bytes = program_argbytes(&len);
    const char *name;
    return argdata_map_get_str(argdata_from(bytes, len), "device", &name, NULL) == 0 ? name : NULL;
}

static cloudabi_errno_t mount(struct volume *volume)
{
    struct fs_report report = {0};
    struct fs_config config = {.now = clock_get(CLOUDABI_CLOCK_REALTIME)};
    uint64_t start = clock_get(CLOUDABI_CLOCK_MONOTONIC);
    (void)cloudabi_sys_random_get(&config.seed, sizeof(config.seed));
    cloudabi_errno_t error = backing_open(&volume->backing, grant_fd("disk"), device_name());
    if (error != 0) {
        log_line("no disk: errno %u", error);
        return error;
    }
    if (grant_fd("image") >= 0 && !is_formatted(&volume->backing.device))
        error = fill(&volume->backing.device, grant_fd("image"));
    if (error == 0)
        error = backing_know(&volume->backing);
    if (error == 0)
        error = fs_mount(&volume->backing.device, &config, &volume->fs, &report);
    volume->mounted = config.now;
    if (error != 0)
        log_line("refused: %s (errno %u)", report.why != NULL ? report.why : "it can not be read",
                 error);
    else
        report_mount(volume, &report, clock_get(CLOUDABI_CLOCK_MONOTONIC) - start);
    return error;
}

/* --- serving ------------------------------------------------------------------------------ */

/*
 * The file system has one user at a time: who holds `lock`. That is the thread that serves, but while it waits for
 * requests; then it may be the one that commits, five seconds after the first change. (Waiting in poll with a timeout
 * instead would cost each request a third of its instructions.)
 */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t dirty; /* there is something to commit */
    bool waiting;         /* with lock: the other thread has been told so */
    struct volume volume;
    struct server server;
} service = {.lock = PTHREAD_MUTEX_INITIALIZER, .dirty = PTHREAD_COND_INITIALIZER};

static void commit(void)
{
    if (!fs_is_dirty(service.volume.fs))
        return;
    cloudabi_errno_t error = fs_commit(service.volume.fs);
    if (error != 0)
        log_line("a commit failed: errno %u. Nothing more is written", error);
}

static void *commit_late(void *unused)
{
    const struct timespec pause = {.tv_sec = COMMIT_AFTER};
    (void)unused;
    pthread_mutex_lock(&service.lock);
    for (;;) {
        while (!service.waiting)
            pthread_cond_wait(&service.dirty, &service.lock);
        pthread_mutex_unlock(&service.lock);
        (void)nanosleep(&pause, NULL);
        pthread_mutex_lock(&service.lock);
        commit();
        service.waiting = false;
    }
    return NULL;
}

static cloudabi_errno_t serve(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, commit_late, NULL) != 0)
        return CLOUDABI_ENOMEM;
    for (;;) {
        cloudabi_errno_t error = server_wait(&service.server);
        if (error != 0 && error != CLOUDABI_EAGAIN && error != CLOUDABI_EINTR)
            return error;
        pthread_mutex_lock(&service.lock);
        (void)server_step(&service.server);
        if (!service.waiting && fs_is_dirty(service.volume.fs)) {
            service.waiting = true;
            pthread_cond_signal(&service.dirty);
        }
        pthread_mutex_unlock(&service.lock);
    }
}

int main(void)
{
    log_open("ext2", grant_fd("log"));
    if (mount(&service.volume) != 0)
        return EXIT_REFUSED;
    cloudabi_errno_t error =
        server_init(&service.server, grant_fd("port"), &ext2_ops, &service.volume, false);
    if (error == 0)
        error = serve();
    log_line("serving ended: errno %u", error);
    return 1;
}
