/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash tests: operations run on a recorded disk (workload.c), what a cut may leave is put together from the
 * record (states.c), recovered, and judged (judge.c).
 */
#ifndef TESTS_CRASH_CRASH_H
#define TESTS_CRASH_CRASH_H

#include "services/ext2/fs.h"
#include "tests/crash/check.h"
#include "tests/crash/disk.h"
#include "tests/crash/tree.h"

#define WORKLOAD_OPS 24

struct workload {
    const struct op *op[WORKLOAD_OPS];
    uint32_t count;
    uint32_t index; /* by which --only names it */
    uint64_t seed;  /* for what is sampled */
};

/* A kind of disk that the tests run on. */
struct config {
    const char *name;
    const char *options; /* of mke2fs */
    uint32_t block_size;
    bool journal;
    uint32_t kib;   /* its size */
    uint32_t ring;  /* blocks of the log, for one that fills up soon; 0: as mke2fs has it */
    uint32_t leave; /* free blocks: what is freed is soon used again. 0: all */
};

struct start {
    const char *name;
    const struct op *ops;
    uint32_t count;
};

/* Counts of one process, summed up by the parent. */
struct totals {
    unsigned long workloads, failed_ops, states, distinct, nested, lives, fsck, host_replay, preen;
    unsigned long violations,
        excepted; /* excepted: the two cases that a plain file system may break */
    unsigned long nanoseconds;
};

struct bench {
    const struct config *config;
    const struct start *start;
    struct disk disk;                        /* the workload runs on it */
    struct disk probe;                       /* crash states are made on it */
    struct tree begin;                       /* what the base holds */
    struct tree *snapshot[WORKLOAD_OPS + 2]; /* after each operation */
    uint32_t snapshots;
    /* for each event: how many operations had begun, and were acknowledged, when it was issued */
    uint32_t *begun, *acked;
    uint32_t mark_room;
    const struct workload *workload;
    const char *folder; /* for images that e2fsck looks at */
    unsigned sample;    /* one of so many distinct states is given to e2fsck */
    bool verbose;
    struct totals totals;
    struct disk nested; /* for cuts during a recovery */
    uint32_t lives;     /* of how many cuts this is the result */
    uint32_t matched;   /* the snapshot that the image was */
};

/* life.c: the probe holds what a cut left; it is used further, and cut again. MATCHED is known. */
void live_on(struct bench *bench, uint64_t hash);
bool bench_snapshots(struct bench *bench);
void bench_free(struct bench *bench);

/* workload.c */
/* Runs it from the base, recording; false: the file system did not do what the model did (printed). */
bool workload_run(struct bench *bench, const struct workload *workload);
/* Makes the tree that a test starts from, which becomes the base of both disks. */
bool bench_prepare(struct bench *bench);
void workload_print(const struct workload *workload);

/* states.c */
void states_run(struct bench *bench);

/*
 * judge.c: the probe holds what a cut left, when operations up to BEGUN had begun, and up to ACKED were
 * acknowledged.
 */
void judge(struct bench *bench, uint32_t acked, uint32_t begun, uint64_t hash);

uint64_t mix(uint64_t x);

#endif
