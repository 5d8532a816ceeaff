/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crash: cuts of the power at every block that ext2 writes.
 *
 *   crash                 a slice of a few seconds
 *   crash --all           all workloads of one and two operations, and sampled longer ones
 *   --jobs N              processes (2)
 *   --sampled N           longer workloads for each disk and starting tree (400)
 *   --seed N              of what is sampled
 *   --every N             only one of so many workloads
 *   --fsck N              one of so many distinct states goes to e2fsck (700)
 *   --only NAME           a disk (journal-1k ...), or DISK:TREE, or DISK:TREE:INDEX for one workload, with details
 * Ends with status 1 if any state is in violation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "services/ext2/journal_priv.h"
#include "tests/crash/suite.h"

/* Freed memory is not kept long: there is much of it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4";
}

struct options {
    unsigned jobs, every, fsck;
    uint32_t sampled;
    uint64_t seed;
    const char *only;
};

static char folder[] = "/tmp/ext2-crash-XXXXXX";

/* --- the disk that a test starts from ------------------------------------------------------ */

static bool make_image(const struct config *config, const char *path)
{
    char command[512];
    snprintf(command, sizeof(command),
             "PATH=$PATH:/usr/sbin:/sbin; rm -f %s; mke2fs -q -F -t ext2 -E lazy_itable_init=0 "
             "-U 6e7c3d52-31c5-4b0f-9d0e-1a2b3c4d5e6f %s %s %uk >%s.output 2>&1",
             path, config->options, path, config->kib, path);
    return system(command) == 0;
}

/* A file in lost+found, where no test looks, that leaves few blocks. */
static bool fill(const struct config *config, const char *path)
{
    struct disk disk;
    char command[768];
    if (config->leave == 0)
        return true;
    if (!disk_load(&disk, path, config->block_size))
        return false;
    uint32_t free_blocks = ((const struct disk_super *)(disk.bytes + 1024))->free_blocks_count;
    disk_destroy(&disk);
    uint32_t count = free_blocks - config->leave;
    count -= count / (config->block_size / 4) + 3; /* its map */
    snprintf(command, sizeof(command),
             "PATH=$PATH:/usr/sbin:/sbin; head -c %uk /dev/urandom >%s.fill && "
             "printf 'cd lost+found\nwrite %s.fill fill\n' | debugfs -w -f - %s >%s.output 2>&1",
             count * (config->block_size / 1024), path, path, path, path);
    return system(command) == 0;
}

/* The log is shorter, and its numbers are about to start over. */
static void shorten(struct disk *disk, uint32_t ring)
{
    struct view view;
    if (ring == 0 || !view_open(&view, disk->bytes, disk->size))
        return;
    uint64_t at = (uint64_t)view_inode(&view, 8)->block[0] * disk->unit;
    be32_put(disk->bytes + at + SUPER_LEN, ring + 1);
    be32_put(disk->bytes + at + SUPER_SEQUENCE, -12u);
}

static bool open_bench(struct bench *bench)
{
    const struct config *config = bench->config;
    char path[256];
    snprintf(path, sizeof(path), "%s/base", folder);
    if (!make_image(config, path) || !fill(config, path) ||
        !disk_load(&bench->disk, path, config->block_size))
        return false;
    unlink(path);
    shorten(&bench->disk, config->ring);
    return bench_prepare(bench);
}

/* --- all workloads of one disk and tree ---------------------------------------------------- */

static void run_share(struct bench *bench, const struct suite *suite, const struct options *options,
                      unsigned job)
{
    uint32_t count = suite_workloads(suite) + options->sampled;
    for (uint32_t i = job; i < count; i += options->jobs) {
        if (i >= suite->story_count && mix(i / options->jobs + options->seed) % options->every != 0)
            continue;
        struct workload workload;
        suite_workload(suite, i, options->seed, &workload);
        if (workload_run(bench, &workload))
            states_run(bench);
        else
            bench->totals.violations++;
    }
}

static void add_totals(struct totals *sum, const struct totals *more)
{
    unsigned long *to = (unsigned long *)sum;
    const unsigned long *from = (const unsigned long *)more;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
        to[i] += from[i];
}

static pid_t start_job(struct bench *bench, const struct suite *suite,
                       const struct options *options, unsigned job, int pipe_end)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char own[280];
    snprintf(own, sizeof(own), "%s/%u", folder, job);
    if (system(strcat(strcpy((char[300]){0}, "mkdir -p "), own)) != 0)
        _exit(2);
    bench->folder = own;
    run_share(bench, suite, options, job);
    fflush(stdout);
    if (write(pipe_end, &bench->totals, sizeof(bench->totals)) != sizeof(bench->totals))
        _exit(2);
    _exit(0);
}

static bool run_jobs(struct bench *bench, const struct suite *suite, const struct options *options,
                     struct totals *sum)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    for (unsigned job = 0; job < options->jobs; job++)
        start_job(bench, suite, options, job, ends[1]);
    bool good = true;
    for (unsigned job = 0; job < options->jobs; job++) {
        int status;
        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            good = false;
    }
    close(ends[1]);
    struct totals part;
    while (read(ends[0], &part, sizeof(part)) == sizeof(part))
        add_totals(sum, &part);
    close(ends[0]);
    return good;
}

/* --- everything -------------------------------------------------------------------------- */

static unsigned lines; /* of TAP */

static bool print_totals(const char *name, bool good, const struct totals *t, double seconds)
{
    good = good && t->violations == 0;
    printf("%s %u - %s\n", good ? "ok" : "not ok", ++lines, name);
    printf(
        "#   %lu workloads, %lu states (%lu distinct), %lu cuts of a recovery, %lu used further\n",
        t->workloads, t->states, t->distinct, t->nested, t->lives);
    printf("#   e2fsck judged %lu, replayed %lu; %lu excepted, %lu in violation; %.1f s\n",
           t->fsck + t->preen, t->host_replay, t->excepted, t->violations, seconds);
    fflush(stdout);
    return good;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Whether ONLY, which may end early, names DISK:TREE. *INDEX: the workload that it names. */
static bool is_chosen(const char *only, const char *name, long *index)
{
    *index = -1;
    if (only == NULL)
        return true;
    size_t len = strlen(name);
    if (strncmp(only, name, len) == 0 && only[len] == ':') {
        *index = atol(only + len + 1);
        return true;
    }
    return strncmp(only, name, strlen(only)) == 0;
}

static void run_one(struct bench *bench, const struct suite *suite, const struct options *options,
                    uint32_t index)
{
    struct workload workload;
    suite_workload(suite, index, options->seed, &workload);
    workload_print(&workload);
    printf("\n");
    bench->verbose = true;
    bench->folder = folder;
    if (!workload_run(bench, &workload)) {
        bench->totals.violations++;
        return;
    }
    for (uint32_t i = 0; i < bench->disk.event_count; i++) {
        const struct disk_event *event = &bench->disk.events[i];
        if (event->data == NULL)
            printf("  flush\n");
        else
            printf("  block %llu\n", (unsigned long long)event->offset / bench->disk.unit);
    }
    states_run(bench);
}

static bool run_suite(const struct config *config, const struct suite *suite,
                      const struct options *options, struct totals *sum)
{
    char name[64];
    long index;
    snprintf(name, sizeof(name), "%s:%s", config->name, suite->start.name);
    /* What comes and goes is for the full disks, and only that. */
    bool churns = strcmp(suite->start.name, "churn") == 0;
    if (churns != (config->leave != 0) || !is_chosen(options->only, name, &index))
        return true;
    struct bench bench = {.config = config, .start = &suite->start, .sample = options->fsck};
    if (!open_bench(&bench)) {
        return print_totals("there is no disk to begin with", false, &(struct totals){0}, 0);
    }
    double begin = now();
    struct totals totals = {0};
    bool good = true;
    if (index >= 0) {
        run_one(&bench, suite, options, (uint32_t)index);
        totals = bench.totals;
    } else {
        good = run_jobs(&bench, suite, options, &totals);
    }
    good = print_totals(name, good, &totals, now() - begin);
    add_totals(sum, &totals);
    bench_free(&bench);
    return good;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    *options = (struct options){.jobs = 2, .every = 97, .fsck = 700, .sampled = 400, .seed = 1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--all") == 0) {
            options->every = 1;
            continue;
        }
        if (value == NULL)
            return false;
        i++;
        if (strcmp(argv[i - 1], "--jobs") == 0)
            options->jobs = (unsigned)atoi(value);
        else if (strcmp(argv[i - 1], "--sampled") == 0)
            options->sampled = (uint32_t)atoi(value);
        else if (strcmp(argv[i - 1], "--seed") == 0)
            options->seed = strtoull(value, NULL, 0);
        else if (strcmp(argv[i - 1], "--every") == 0)
            options->every = (unsigned)atoi(value);
        else if (strcmp(argv[i - 1], "--fsck") == 0)
            options->fsck = (unsigned)atoi(value);
        else if (strcmp(argv[i - 1], "--only") == 0)
            options->only = value;
        else
            return false;
    }
    return options->jobs != 0 && options->every != 0 && options->fsck != 0;
}

int main(int argc, char **argv)
{
    struct options options;
    if (!read_options(argc, argv, &options)) {
        fprintf(stderr, "see the head of tests/crash/main.c\n");
        return 2;
    }
    if (mkdtemp(folder) == NULL)
        return 2;
    struct totals sum = {0};
    bool good = true;
    double begin = now();
    for (uint32_t i = 0; i < suite_config_count; i++) {
        for (uint32_t j = 0; j < suite_count; j++)
            good = run_suite(&suite_configs[i], &suites[j], &options, &sum) && good;
    }
    good = print_totals("all", good, &sum, now() - begin);
    printf("1..%u\n", lines);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (options.only == NULL && system(command) != 0)
        return 2;
    return good ? 0 : 1;
}
