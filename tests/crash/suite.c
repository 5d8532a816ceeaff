/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/crash/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct config suite_configs[] = {
    {"journal-1k", "-j -b 1024 -g 1024 -N 96", 1024, true, 3072, 0, 0},
    {"journal-4k", "-j -b 4096 -N 64", 4096, true, 8192, 0, 0},
    {"journal-full", "-j -J size=1 -b 1024 -N 96 -m 0", 1024, true, 2200, 128, 30},
    {"plain-1k", "-b 1024 -g 512 -N 96 -I 128", 1024, false, 1024, 0, 0},
    {"plain-4k", "-b 4096 -N 64", 4096, false, 1024, 0, 0},
    {"plain-full", "-b 1024 -N 96 -m 0", 1024, false, 512, 0, 30},
};
const uint32_t suite_config_count = COUNT(suite_configs);

#define LONG_TARGET "a/target/that/has/no/room/in/an/inode/so/that/it/lies/in/a/block/of/its/own"

/* As long, and its block begins like one of the log. */
#define MAGIC_TARGET "\xC0\x3B\x39\x98" LONG_TARGET

/* --- a few of everything ----------------------------------------------------------------- */

static const struct op small_start[] = {
    {OP_MKDIR, "d", NULL, 0, 0},   {OP_MKDIR, "e", NULL, 0, 0},
    {OP_MKDIR, "d/g", NULL, 0, 0}, {OP_CREATE, "a", NULL, 0, 0},
    {OP_WRITE, "a", NULL, 0, 3},   {OP_CREATE, "d/f", NULL, 0, 0},
    {OP_WRITE, "d/f", NULL, 0, 1}, {OP_LINK, "a", "l", 0, 0},
    {OP_SYMLINK, "s", "a", 0, 0},  {OP_SYMLINK, "t", LONG_TARGET, 0, 0},
    {OP_COMMIT, NULL, NULL, 0, 0},
};

static const struct op small_ops[] = {
    {OP_CREATE, "x", NULL, 0, 0},      {OP_CREATE, "d/x", NULL, 0, 0},
    {OP_MKDIR, "y", NULL, 0, 0},       {OP_MKDIR, "d/y", NULL, 0, 0},
    {OP_SYMLINK, "x", "d/f", 0, 0},    {OP_SYMLINK, "d/z", MAGIC_TARGET, 0, 0},
    {OP_LINK, "a", "d/b", 0, 0},       {OP_LINK, "d/f", "x", 0, 0},
    {OP_UNLINK, "a", NULL, 0, 0},      {OP_UNLINK, "l", NULL, 0, 0},
    {OP_UNLINK, "d/f", NULL, 0, 0},    {OP_UNLINK, "x", NULL, 0, 0},
    {OP_UNLINK, "s", NULL, 0, 0},      {OP_UNLINK, "t", NULL, 0, 0},
    {OP_RMDIR, "e", NULL, 0, 0},       {OP_RMDIR, "d/g", NULL, 0, 0},
    {OP_RENAME, "a", "x", 0, 0},       {OP_RENAME, "a", "d/x", 0, 0},
    {OP_RENAME, "d/f", "x", 0, 0},     {OP_RENAME, "a", "d/f", 0, 0},
    {OP_RENAME, "d/f", "a", 0, 0},     {OP_RENAME, "x", "a", 0, 0},
    {OP_RENAME, "e", "y", 0, 0},       {OP_RENAME, "e", "d/y", 0, 0},
    {OP_RENAME, "d/g", "y", 0, 0},     {OP_RENAME, "e", "d/g", 0, 0},
    {OP_TRUNCATE, "a", NULL, 0, 0},    {OP_TRUNCATE, "a", NULL, 0, 1500},
    {OP_TRUNCATE, "a", NULL, 0, 9000}, {OP_WRITE, "a", NULL, 0, 1},
    {OP_WRITE, "a", NULL, 3, 2},       {OP_WRITE, "a", NULL, 12, 3},
    {OP_WRITE, "d/f", NULL, 0, 5},     {OP_WRITE, "x", NULL, 0, 2},
    {OP_UNLINK_OPEN, "a", NULL, 0, 0}, {OP_UNLINK_OPEN, "d/f", NULL, 0, 0},
    {OP_CLOSE, NULL, NULL, 0, 0},      {OP_CREATE, "y/f", NULL, 0, 0},
    {OP_MKDIR, "y/d", NULL, 0, 0},     {OP_RENAME, "a", "y/a", 0, 0},
    {OP_RENAME, "y", "d/z", 0, 0},     {OP_LINK, "x", "y/x", 0, 0},
    {OP_RMDIR, "y", NULL, 0, 0},       {OP_RENAME, "x", "y/x", 0, 0},
};

/* --- a directory of two blocks, and a file with a deep map ---------------------------------- */

#define LONG(n) "p/" n "-a-name-that-is-long-so-that-not-many-fill-a-block-of-1024"

static const struct op large_start[] = {
    {OP_MKDIR, "p", NULL, 0, 0},         {OP_CREATE, LONG("00"), NULL, 0, 0},
    {OP_CREATE, LONG("01"), NULL, 0, 0}, {OP_CREATE, LONG("02"), NULL, 0, 0},
    {OP_CREATE, LONG("03"), NULL, 0, 0}, {OP_CREATE, LONG("04"), NULL, 0, 0},
    {OP_CREATE, LONG("05"), NULL, 0, 0}, {OP_CREATE, LONG("06"), NULL, 0, 0},
    {OP_CREATE, LONG("07"), NULL, 0, 0}, {OP_CREATE, LONG("08"), NULL, 0, 0},
    {OP_CREATE, LONG("09"), NULL, 0, 0}, {OP_CREATE, LONG("10"), NULL, 0, 0},
    {OP_CREATE, LONG("11"), NULL, 0, 0}, {OP_CREATE, LONG("12"), NULL, 0, 0},
    {OP_CREATE, LONG("13"), NULL, 0, 0}, {OP_CREATE, LONG("14"), NULL, 0, 0},
    {OP_CREATE, "big", NULL, 0, 0},      {OP_WRITE, "big", NULL, 0, 8},
    {OP_WRITE, "big", NULL, 16, 4},      {OP_WRITE, "big", NULL, 280, 4},
    {OP_MKDIR, "q", NULL, 0, 0},         {OP_COMMIT, NULL, NULL, 0, 0},
};

static const struct op large_ops[] = {
    {OP_CREATE, LONG("20"), NULL, 0, 0},
    {OP_MKDIR, LONG("21"), NULL, 0, 0},
    {OP_UNLINK, LONG("00"), NULL, 0, 0},
    {OP_UNLINK, LONG("14"), NULL, 0, 0},
    {OP_RENAME, LONG("01"), LONG("22"), 0, 0},
    {OP_RENAME, LONG("14"), "q/z", 0, 0},
    {OP_RENAME, "big", LONG("23"), 0, 0},
    {OP_RENAME, "p", "q/p", 0, 0},
    {OP_RENAME, LONG("14"), LONG("00"), 0, 0},
    {OP_LINK, "big", LONG("24"), 0, 0},
    {OP_UNLINK, "big", NULL, 0, 0},
    {OP_TRUNCATE, "big", NULL, 0, 0},
    {OP_TRUNCATE, "big", NULL, 0, 17 * 1024},
    {OP_TRUNCATE, "big", NULL, 0, 5000},
    {OP_TRUNCATE, "big", NULL, 0, 400 * 1024},
    {OP_WRITE, "big", NULL, 12, 4},
    {OP_WRITE, "big", NULL, 300, 2},
    {OP_WRITE, "big", NULL, 2, 5},
    {OP_UNLINK_OPEN, "big", NULL, 0, 0},
    {OP_CLOSE, NULL, NULL, 0, 0},
};

/* --- little that comes and goes: what was a directory becomes a file's, again and again ------ */

static const struct op churn_start[] = {
    {OP_CREATE, "a", NULL, 0, 0},
    {OP_WRITE, "a", NULL, 0, 3},
    {OP_COMMIT, NULL, NULL, 0, 0},
};

static const struct op churn_ops[] = {
    {OP_MKDIR, "y", NULL, 0, 0},    {OP_RMDIR, "y", NULL, 0, 0},
    {OP_MKDIR, "y/z", NULL, 0, 0},  {OP_SYMLINK, "s", MAGIC_TARGET, 0, 0},
    {OP_UNLINK, "s", NULL, 0, 0},   {OP_CREATE, "x", NULL, 0, 0},
    {OP_WRITE, "x", NULL, 0, 24},   {OP_TRUNCATE, "x", NULL, 0, 0},
    {OP_UNLINK, "x", NULL, 0, 0},   {OP_WRITE, "a", NULL, 12, 8},
    {OP_TRUNCATE, "a", NULL, 0, 0},
};

/* A block of metadata that the log has is freed, and then a file's: what was logged must not come back over it. */
static const uint8_t churn_stories[][STORY_LENGTH] = {
    {0, STORY_COMMIT, 1, STORY_COMMIT, 5, 6, STORY_COMMIT, STORY_END},
    {0, STORY_COMMIT, 1, STORY_COMMIT, 5, 6, 9, STORY_COMMIT, STORY_END},
    {3, STORY_COMMIT, 4, STORY_COMMIT, 5, 6, 9, STORY_COMMIT, STORY_END},
    {9, STORY_COMMIT, 10, STORY_COMMIT, 5, 6, STORY_COMMIT, STORY_END},
    {5, 6, STORY_COMMIT, 8, STORY_COMMIT, 9, STORY_COMMIT, 5, 6, STORY_COMMIT, STORY_END},
};

const struct suite suites[] = {
    {{"small", small_start, COUNT(small_start)}, small_ops, COUNT(small_ops), NULL, 0},
    {{"large", large_start, COUNT(large_start)}, large_ops, COUNT(large_ops), NULL, 0},
    {{"churn", churn_start, COUNT(churn_start)},
     churn_ops,
     COUNT(churn_ops),
     churn_stories,
     COUNT(churn_stories)},
    {{"empty", small_start, 0}, small_ops, COUNT(small_ops), NULL, 0},
};
const uint32_t suite_count = COUNT(suites);

/* --- workloads --------------------------------------------------------------------------- */

static const struct op commit = {.kind = OP_COMMIT};

uint32_t suite_workloads(const struct suite *suite)
{
    return suite->story_count + suite->op_count + 2 * suite->op_count * suite->op_count;
}

static void add(struct workload *workload, const struct op *op)
{
    workload->op[workload->count++] = op;
}

static void sample(const struct suite *suite, struct workload *out)
{
    uint64_t random = out->seed;
    uint32_t length = 5 + (uint32_t)((random = mix(random)) % 8);
    uint32_t commits =
        1 + (uint32_t)(random >> 32) % 4; /* one after each, ... each fourth operation */
    for (uint32_t i = 0; i < length; i++) {
        random = mix(random + i);
        add(out, &suite->ops[random % suite->op_count]);
        if ((random >> 40) % commits == 0 && out->count < WORKLOAD_OPS)
            add(out, &commit);
    }
    if (random % 2 == 0 && out->count < WORKLOAD_OPS)
        add(out, &commit);
}

static void tell(const struct suite *suite, const uint8_t *story, struct workload *out)
{
    for (uint32_t i = 0; i < STORY_LENGTH && story[i] != STORY_END; i++)
        add(out, story[i] == STORY_COMMIT ? &commit : &suite->ops[story[i]]);
}

void suite_workload(const struct suite *suite, uint32_t index, uint64_t seed, struct workload *out)
{
    *out = (struct workload){.index = index, .seed = mix(seed * 1000003 + index)};
    uint32_t ops = suite->op_count;
    if (index >= suite_workloads(suite)) {
        sample(suite, out);
        return;
    }
    if (index < suite->story_count) {
        tell(suite, suite->stories[index], out);
        return;
    }
    index -= suite->story_count;
    if (index < ops) {
        add(out, &suite->ops[index]);
        add(out, &commit);
        return;
    }
    index -= ops;
    add(out, &suite->ops[index / 2 / ops]);
    if (index % 2 == 1)
        add(out, &commit);
    add(out, &suite->ops[index / 2 % ops]);
    add(out, &commit);
}
