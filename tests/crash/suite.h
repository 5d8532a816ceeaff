/* SPDX-License-Identifier: BSD-2-Clause */
/* What the crash tests run: disks, starting trees, operations. */
#ifndef TESTS_CRASH_SUITE_H
#define TESTS_CRASH_SUITE_H

#include "tests/crash/crash.h"

#define STORY_LENGTH 16
#define STORY_COMMIT 0xFE
#define STORY_END    0xFF

/* A starting tree and the operations that workloads on it are made of. */
struct suite {
    struct start start;
    const struct op *ops;
    uint32_t op_count;
    /* Longer ones that must be there: indices of operations, STORY_COMMIT, STORY_END. */
    const uint8_t (*stories)[STORY_LENGTH];
    uint32_t story_count;
};

extern const struct config suite_configs[];
extern const uint32_t suite_config_count;
extern const struct suite suites[];
extern const uint32_t suite_count;

/* How many workloads a suite has that are not sampled. */
uint32_t suite_workloads(const struct suite *suite);
/* The one of that INDEX; from suite_workloads() on longer ones are sampled, by INDEX and SEED. */
void suite_workload(const struct suite *suite, uint32_t index, uint64_t seed, struct workload *out);

#endif
