/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A life after a cut: the disk is recovered, goes on being used, and is cut again. So what the first cut left behind in
 * the log meets new transactions.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/crash/crash.h"

static const struct op life_ops[] = {
    {OP_CREATE, "life", NULL, 0, 0}, {OP_WRITE, "life", NULL, 0, 2},  {OP_COMMIT, NULL, NULL, 0, 0},
    {OP_MKDIR, "live", NULL, 0, 0},  {OP_UNLINK, "life", NULL, 0, 0}, {OP_COMMIT, NULL, NULL, 0, 0},
    {OP_WRITE, "life", NULL, 0, 9},
};

/* Two orders, so that transactions of different lengths come first. */
static void choose(struct workload *workload, uint64_t hash)
{
    static const uint8_t orders[][6] = {{0, 1, 2, 3, 4, 5}, {3, 2, 0, 6, 2, 2}, {0, 6, 2, 4, 3, 2}};
    const uint8_t *order = orders[hash % 3];
    workload->seed = hash;
    for (uint32_t i = 0; i < 6; i++)
        workload->op[workload->count++] = &life_ops[order[i]];
}

/* Whether the disk, recovered, holds just what the model says: not if data was overwritten in place. */
static bool is_known(struct bench *next)
{
    static struct report report;
    const struct fs_config config = {.now = 1, .seed = 1, .cache_bytes = 64 * 1024};
    struct fs *fs;
    struct fs_report mounted;
    if (fs_mount(&next->disk.device, &config, &fs, &mounted) != 0 || fs_unmount(fs) != 0)
        return false;
    check_image(next->disk.bytes, next->disk.size, &report);
    disk_reset(&next->disk);
    struct tree *begin = &next->begin;
    return tree_is_one_of(&report.tree, &begin, 1) == 0;
}

void live_on(struct bench *bench, uint64_t hash)
{
    struct bench *next = calloc(1, sizeof(*next));
    if (next == NULL || !bench_snapshots(next))
        abort();
    next->config = bench->config;
    next->start = bench->start;
    next->folder = bench->folder;
    next->sample = bench->sample;
    next->verbose = bench->verbose;
    next->lives = bench->lives + 1;
    next->begin = *bench->snapshot[bench->matched];
    disk_init(&next->disk, bench->probe.bytes, bench->probe.size, bench->probe.unit);
    disk_init(&next->probe, bench->probe.bytes, bench->probe.size, bench->probe.unit);
    struct workload workload = {0};
    choose(&workload, hash);
    if (!is_known(next))
        ;
    else if (workload_run(next, &workload))
        states_run(next);
    else
        next->totals.violations++;
    if (next->totals.violations != 0) {
        printf("#   that was after a cut of: ");
        workload_print(bench->workload);
        printf("\n");
    }
    bench->totals.lives++;
    bench->totals.states += next->totals.states;
    bench->totals.distinct += next->totals.distinct;
    bench->totals.nested += next->totals.nested;
    bench->totals.fsck += next->totals.fsck;
    bench->totals.host_replay += next->totals.host_replay;
    bench->totals.preen += next->totals.preen;
    bench->totals.violations += next->totals.violations;
    bench_free(next);
    free(next);
}
